//! What a person sees who follows a run on a terminal: the bar, the command's last words, and the questions with each of their answers.
use serde_json::{Value, json};
use servers::ApiServer;

use crate::golden::holds;
use crate::pane::Pane;
use crate::program::{NOW, Place, condition, good, run, schedule, spec, transfer};

const GIB: u64 = 1 << 30;
const CANCEL: &str = "backup-operator.io/cancel";

/// A schedule that was asked for a run by the command in the pane, and the run that the operator made of it, as far as its command.
fn begun<'s>(server: &'s ApiServer, name: &'static str, pane: &Pane, line: &str) -> Place<'s> {
    let place = Place::new(server, name);
    place.create(&[schedule("shop")]);
    let last = json!({"run": "shop-1", "completionTime": NOW, "bytes": 8 * GIB, "storedBytes": 2 * GIB});
    place.status("backupschedule", "shop", json!({"lastBackup": last}));
    pane.enter(line);
    made(&place);
    place.status("backuprun", "shop-2", json!({"transfer": transfer("backup-1", true)}));
    pane.says("backup-1: its command runs");
    place
}

/// The run that the operator makes of the request.
fn made(place: &Place<'_>) {
    const TRIGGER: &str = "backup-operator.io/trigger";
    let value = place.annotated("backupschedule", "shop", TRIGGER);
    let mut made = run("shop-2", &spec());
    made["metadata"]["annotations"] = json!({"backup-operator.io/triggered": value});
    made["metadata"]["labels"] = json!({"backup-operator.io/schedule": "shop"});
    place.create(&[made]);
    place.annotate("backupschedule", "shop", TRIGGER, None);
}

fn moved(place: &Place<'_>, gib: u64, at: &str) {
    let progress = json!({"bytes": gib * GIB, "storedBytes": gib * GIB / 4, "updatedAt": at});
    place.status("backuprun", "shop-2", json!({ "progress": progress }));
}

/// The status of a run that was cancelled.
fn cancelled() -> Value {
    let words = "cancelled by the annotation backup-operator.io/cancel";
    json!({"transfer": null, "progress": null, "message": words, "conditions": [condition("Failed", "True", "Cancelled", words)]})
}

pub fn of_a_run(server: &ApiServer) {
    for (name, size) in [
        ("follows-60", (60, 24)),
        ("follows-80", (80, 24)),
        ("follows-120", (120, 40)),
    ] {
        let pane = Pane::open(server, size);
        let place = begun(server, name, &pane, &format!("kubectl backup run shop -n {name}"));
        let kept = |of: &str| format!("run-{of}-{}", size.0);
        moved(&place, 4, "2026-01-31T03:02:00Z");
        holds(&kept("half"), &pane.says("about 50 %"), &[(name, "NAMESPACE")]);
        // One beyond the estimate: nothing is guessed any more.
        moved(&place, 9, "2026-01-31T03:05:00Z");
        holds(&kept("beyond"), &pane.says("9.0 GiB"), &[(name, "NAMESPACE")]);
        place.status("backuprun", "shop-2", good("2026-01-31T03:06:00Z"));
        pane.prompt();
        holds(&kept("end"), &pane.screen(false), &[(name, "NAMESPACE")]);
        if size.0 == 80 {
            holds(
                &kept("end-colours").replace("-80", ""),
                &pane.screen(true),
                &[(name, "NAMESPACE")],
            );
        }
    }
}

pub fn that_fails(server: &ApiServer) {
    let pane = Pane::open(server, (80, 24));
    let place = begun(server, "follow-fails", &pane, "kubectl backup run shop -n follow-fails");
    let words = "the command ended with status 3";
    place.status(
        "backuprun",
        "shop-2",
        json!({"transfer": null, "log": "pg_dump: error: connection to server at \"postgresql\" (10.96.12.7), port 5432 failed: no route to host\n",
            "conditions": [condition("Failed", "True", "CommandFailed", words)]}),
    );
    pane.prompt();
    holds("run-failed", &pane.screen(false), &[]);
    holds("run-failed-colours", &pane.screen(true), &[]);
}

/// Ctrl-C, and each answer to the question that it asks.
pub fn is_interrupted(server: &ApiServer) {
    let pane = Pane::open(server, (80, 24));
    const QUESTION: &str = "go on (g)?";
    let place = begun(server, "follow-asks", &pane, "kubectl backup run shop -n follow-asks");
    let annotation = || place.get("backuprun", "shop-2")["metadata"]["annotations"][CANCEL].clone();
    moved(&place, 4, "2026-01-31T03:02:00Z");
    pane.says("about 50 %");
    // It was not meant: the bar is there again.
    pane.press(&["C-c"]).says(QUESTION);
    pane.press(&["g", "Enter"]).until("the bar again", |screen| {
        screen.lines().last().is_some_and(|line| line.contains("about 50 %"))
    });
    moved(&place, 6, "2026-01-31T03:03:00Z");
    pane.says("about 75 %");
    // Left running, by the answer that Enter alone is.
    pane.press(&["C-c"]).says(QUESTION);
    pane.press(&["Enter"]).prompt();
    holds("interrupted-left", &pane.screen(false), &[]);
    assert!(annotation().is_null());
    // Who only looks is not asked.
    pane.enter("kubectl backup logs shop-2 -f -n follow-asks");
    pane.press(&["C-c"]);
    assert!(pane.prompt().contains("[130] $"), "{}", pane.screen(false));
    pane.is_cooked();
    assert!(annotation().is_null());
}

/// A second Ctrl-C is as good as the answer to leave it.
pub fn is_interrupted_twice(server: &ApiServer) {
    let pane = Pane::open(server, (80, 24));
    let place = begun(server, "follow-twice", &pane, "kubectl backup run shop -n follow-twice");
    moved(&place, 4, "2026-01-31T03:02:00Z");
    pane.says("about 50 %");
    pane.press(&["C-c"]).says("go on (g)?");
    pane.press(&["C-c"]);
    holds("interrupted-twice", &pane.prompt(), &[]);
    assert!(place.get("backuprun", "shop-2")["metadata"]["annotations"][CANCEL].is_null());
    pane.is_cooked();
}

/// The same where it is cancelled.
pub fn is_cancelled(server: &ApiServer) {
    let pane = Pane::open(server, (80, 24));
    let place = begun(server, "follow-stops", &pane, "kubectl backup run shop -n follow-stops");
    moved(&place, 4, "2026-01-31T03:02:00Z");
    pane.says("about 50 %");
    pane.press(&["C-c"]).says("cancel it (c)");
    pane.press(&["c", "Enter"]).says("it is asked to stop");
    place.annotated("backuprun", "shop-2", CANCEL);
    place.status("backuprun", "shop-2", cancelled());
    pane.prompt();
    holds("interrupted-cancelled", &pane.screen(false), &[]);
    pane.is_cooked();
}

/// Before there is a run that could be asked about: nothing is left behind on the screen.
pub fn is_interrupted_early(server: &ApiServer) {
    let pane = Pane::open(server, (80, 24));
    let place = Place::new(server, "follow-early");
    place.create(&[schedule("shop")]);
    pane.enter("kubectl backup run shop -n follow-early").says("triggered");
    pane.says("waits for the operator").lines().last();
    pane.press(&["C-c"]).prompt();
    holds("interrupted-early", &pane.screen(false), &[]);
    pane.is_cooked();
}

/// What is restored over what is shown before the question, whose answers do what they say.
pub fn of_a_restore(server: &ApiServer) {
    const RESTORE: &str = "backup-operator.io/restore";
    let place = Place::new(server, "follow-restore");
    let mut spec = spec();
    spec["restore"] = json!({"command": ["psql", "-v", "ON_ERROR_STOP=1", "--single-transaction", "--host", "postgresql", "--username", "postgres", "shop"]});
    place.create(&[run("shop-1", &spec)]);
    let mut status = good(NOW);
    for field in ["bytes", "sizeInBytes"] {
        status[field] = json!(if field == "bytes" { 8 * GIB } else { 2 * GIB });
    }
    place.status("backuprun", "shop-1", status.clone());
    let asked = || place.get("backuprun", "shop-1")["metadata"]["annotations"][RESTORE].clone();
    // How long ago it was made is not the same on each day.
    let ago = |screen: &str| {
        let (_, rest) = screen.split_once("Z, ").unwrap();
        rest.split_once(" ago").unwrap().0.to_string()
    };
    for (answer, name) in [
        (&["Enter"][..], "restore-no"),
        (&["n", "Enter"], "restore-no"),
        (&["C-c"], "restore-interrupted"),
    ] {
        let pane = Pane::open(server, (80, 24));
        pane.enter("kubectl backup restore shop-1 -n follow-restore")
            .says("[y/N]");
        let screen = pane.press(answer).prompt().replace("[y/N] n", "[y/N]");
        holds(name, &screen, &[(&ago(&screen), "LONG")]);
        assert!(asked().is_null());
        pane.is_cooked();
    }

    let pane = Pane::open(server, (80, 24));
    pane.enter("kubectl backup restore shop-1 -n follow-restore")
        .says("[y/N]");
    pane.press(&["y", "Enter"]);
    let value = place.annotated("backuprun", "shop-1", RESTORE);
    let mut works = transfer("restore-1", true);
    works["startedAt"] = json!(NOW);
    let progress = json!({"bytes": 2 * GIB, "storedBytes": GIB / 2, "updatedAt": "2026-01-31T03:00:30Z"});
    place.status(
        "backuprun",
        "shop-1",
        json!({"transfer": works, "progress": progress, "message": null}),
    );
    place.annotate("backuprun", "shop-1", "backup-operator.io/restore-taken", Some(&value));
    place.annotate("backuprun", "shop-1", RESTORE, None);
    let screen = pane.says("25 %");
    holds("restore-quarter", &screen, &[(&ago(&screen), "LONG")]);
    let ended = json!({"number": 1, "startTime": NOW, "completionTime": "2026-01-31T03:02:00Z", "successful": true, "bytes": 8 * GIB});
    let mut conditions = status["conditions"].clone();
    let restored = condition("Restored", "True", "RestoreSuccessful", "the command took 8.0 GiB");
    conditions.as_array_mut().unwrap().push(restored);
    place.status(
        "backuprun",
        "shop-1",
        json!({"transfer": null, "progress": null, "restores": [ended], "conditions": conditions}),
    );
    let screen = pane.prompt();
    holds("restore-end", &screen, &[(&ago(&screen), "LONG")]);
}
