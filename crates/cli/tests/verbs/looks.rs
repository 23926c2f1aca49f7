//! `list`, `status` and `describe`: what a person sees of a real API server's objects, word for word.
use std::process::{Command, Output};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use servers::ApiServer;

use crate::program::{Place, run, schedule, spec};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-backup");

/// Exit status, and what was said on each stream.
pub fn seen(server: &ApiServer, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(PROGRAM)
        .args(args)
        .env("KUBECONFIG", server.kubeconfig())
        .output();
    said(output.unwrap())
}

/// The same of a call that has ended.
pub fn said(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What is on standard output of a call that ends well.
pub fn shown(server: &ApiServer, args: &[&str]) -> String {
    let (status, out, error) = seen(server, args);
    assert_eq!((status, error.as_str()), (0, ""), "{args:?}: {out}");
    out
}

/// So long ago and half an hour more: from eight hours on an age that stays the same for the next half hour.
pub fn hours_ago(hours: i64) -> String {
    let ago = SignedDuration::from_hours(hours) + SignedDuration::from_mins(30);
    (Timestamp::now() - ago).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A condition, and since when.
pub fn said_at(type_: &str, status: &str, reason: &str, message: &str, at: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": at})
}

/// A status of a good backup, three hundred hours ago.
fn good() -> Value {
    let (start, end) = (hours_ago(301), hours_ago(300));
    json!({
        "state": "BackupSuccessful", "path": "/shop.sql", "key": "shop.sql", "size": "1.0 MiB", "sizeInBytes": 1_048_576, "bytes": 4_194_304,
        "ratio": "4.0", "duration": "60m", "startTime": start, "completionTime": end, "message": "4.0 MiB from the command, 1.0 MiB stored",
        "conditions": [
            said_at("Ready", "True", "BackupSuccessful", "", &end),
            said_at("Successful", "True", "BackupSuccessful", "4.0 MiB from the command, 1.0 MiB stored", &end),
        ],
    })
}

fn failed() -> Value {
    let at = hours_ago(9);
    json!({
        "state": "BackupFailed", "path": "/shop.sql", "startTime": at, "completionTime": at, "duration": "0s",
        "message": "the command ended with status 3", "log": "no route to host",
        "conditions": [
            said_at("Ready", "False", "CommandFailed", "the command ended with status 3", &at),
            said_at("Failed", "True", "CommandFailed", "the command ended with status 3", &at),
        ],
    })
}

pub fn lists(server: &ApiServer) {
    let place = Place::new(server, "lists");
    let mut paused = schedule("paused");
    paused["spec"]["suspend"] = json!(true);
    place.create(&[
        schedule("nightly"),
        paused,
        schedule("broken"),
        run("good", &spec()),
        run("failed", &spec()),
    ]);
    let ready = said_at("Ready", "True", "Valid", "", &hours_ago(400));
    place.status(
        "backupschedule",
        "nightly",
        json!({
            "conditions": [ready, said_at("Successful", "False", "CommandFailed", "run failed: status 3", &hours_ago(2))],
            "lastSuccessfulTime": hours_ago(300), "consecutiveFailures": 2, "failingSince": hours_ago(50),
        }),
    );
    place.status(
        "backupschedule",
        "broken",
        json!({"conditions": [said_at("Ready", "False", "Invalid", "spec.template is wrong", &hours_ago(2))]}),
    );
    place.status("backuprun", "good", good());
    place.status("backuprun", "failed", failed());

    let wanted = "\
LAST GOOD   NAME      SCHEDULE   LAST RUN        NEXT IN     FAILING FOR   IN A ROW
never       broken    @daily     Invalid         -           -             -
12d12h      nightly   @daily     CommandFailed   -           2d2h          2
never       paused    @daily     -               suspended   -             -
";
    assert_eq!(shown(server, &["list", "-n", "lists"]), wanted);
    let failing = shown(server, &["list", "schedules", "-n", "lists", "--failed"]);
    assert_eq!(failing.lines().count(), 2, "{failing}");

    let wanted = "\
NAME     STATE              REASON          STARTED   TOOK   SIZE      RATIO
failed   BackupFailed       CommandFailed   9h        0s     -         -
good     BackupSuccessful   -               12d13h    60m    1.0 MiB   4.0
";
    // Which of the two was made first is not known.
    let lines = |table: &str| {
        let mut lines: Vec<_> = table.lines().map(str::to_string).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&shown(server, &["list", "runs", "-n", "lists"])), lines(wanted));
    assert_eq!(
        shown(server, &["list", "runs", "-n", "lists", "--failed", "-o", "name"]),
        "backuprun.backup-operator.io/failed\n"
    );
    let all = shown(server, &["list", "-A"]);
    assert!(
        all.starts_with("LAST GOOD   NAMESPACE") && all.contains("lists"),
        "{all}"
    );
    let wide = shown(server, &["list", "runs", "-n", "lists", "-o", "wide"]);
    assert!(
        wide.contains("STORAGE   PATH") && wide.contains("minio     /shop.sql"),
        "{wide}"
    );

    place.status(
        "backupschedule",
        "nightly",
        json!({"lastBackup": {"run": "good", "completionTime": hours_ago(300)}}),
    );
    let wide = shown(server, &["list", "-n", "lists", "-o", "wide"]);
    let is_named = |line: &str| line.contains("nightly") && line.contains("   good ");
    assert!(wide.contains("LAST GOOD RUN") && wide.lines().any(is_named), "{wide}");

    // `| head` has seen what it wanted; what a status says stays said.
    for (args, wanted) in [
        (&["list", "-n", "lists"][..], 0),
        (&["list", "runs", "-n", "lists", "-o", "yaml"], 0),
        (&["list", "runs", "-n", "lists", "-o", "json"], 0),
        (&["list", "runs", "-n", "lists", "-o", "name"], 0),
        (&["describe", "good", "-n", "lists"], 0),
        (&["describe", "good", "-n", "lists", "-o", "json"], 0),
        (&["logs", "failed", "-n", "lists"], 0),
        (&["version", "-o", "yaml"], 0),
        (&["completion", "kubectl"], 0),
        (&["status", "-n", "lists"], 1),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut program = Command::new(PROGRAM);
        let program = program.args(args).env("KUBECONFIG", server.kubeconfig()).stdout(writer);
        let (status, _, error) = said(
            program
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
                .wait_with_output()
                .unwrap(),
        );
        assert_eq!(status, wanted, "{args:?}: {error}");
        assert!(
            !error.contains("Broken pipe") && !error.contains("has gone"),
            "{args:?}: {error}"
        );
    }

    // The same of standard error, which says that there is nothing.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut program = Command::new(PROGRAM);
    let program = program.args(["list", "runs", "-n", "lists", "-l", "a=b"]);
    let program = program.env("KUBECONFIG", server.kubeconfig()).stderr(writer);
    assert!(program.status().unwrap().success());

    // What scripts get is what the API server has.
    let ours: Value = serde_json::from_str(&shown(server, &["list", "runs", "-n", "lists", "-o", "json"])).unwrap();
    let theirs: Value = serde_json::from_str(&place.kubectl(&["get", "backupruns", "-o", "json"])).unwrap();
    let items = |list: &Value| {
        let mut items = list["items"].as_array().unwrap().clone();
        items.sort_by_key(|item| item["metadata"]["name"].to_string());
        items
    };
    assert_eq!(items(&ours), items(&theirs));

    let (status, out, error) = seen(server, &["list", "runs", "-n", "lists", "-l", "a=b"]);
    assert_eq!((status, out.as_str()), (0, ""));
    assert!(error.starts_with("no runs found in namespace lists\ntry: "), "{error}");
    let (status, _, error) = seen(server, &["list", "runs", "-n", "lists", "-l", "="]);
    assert!(
        status == 1 && error.starts_with("cannot list runs") && error.contains("\ntry: "),
        "{error}"
    );
}

pub fn watched(server: &ApiServer) {
    let place = Place::new(server, "watched");
    place.create(&[run("first", &spec())]);
    let mut program = place.backup(&["list", "runs", "--watch"]);
    program.says("NAME    STATE").says("first   New");
    place.status("backuprun", "first", good());
    program.says("first   BackupSuccessful");
    place.create(&[run("second", &spec())]);
    program.says("second   New");
}

pub fn status(server: &ApiServer) {
    let place = Place::new(server, "status");
    // Who may see one namespace is told of that one, and that it is not all.
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "look"},
        "rules": [{"apiGroups": ["backup-operator.io"], "resources": ["backupschedules", "backupruns"], "verbs": ["get", "list"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "look"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "look"},
        "subjects": [{"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}],
    });
    place.create(&[role, binding]);
    server.until_may("list backupruns.backup-operator.io -n status --as ann");
    let as_ann = ["status", "-n", "status", "--as", "ann"];
    let (code, out, error) = seen(server, &as_ann);
    let well = "well: 0 schedules; 0 runs, none under way\n";
    assert_eq!((code, out.as_str()), (0, well), "{error}");
    let notes = ["storages", "drills"].map(|kind| format!("note: you may not list {kind}: nothing is said of them\n"));
    assert_eq!(error, notes.concat());

    place.create(&[
        schedule("broken"),
        schedule("fine"),
        run("waits", &spec()),
        run("restored", &spec()),
    ]);
    let valid = said_at("Ready", "True", "Valid", "", &hours_ago(1));
    place.status("backupschedule", "fine", json!({ "conditions": [valid] }));
    let invalid = said_at("Ready", "False", "Invalid", "spec.template is wrong", &hours_ago(2));
    place.status("backupschedule", "broken", json!({ "conditions": [invalid] }));
    place.status(
        "backuprun",
        "waits",
        json!({"state": "Queued", "queued": {"since": hours_ago(10), "place": 2, "of": 3}}),
    );
    let mut restored = good();
    let conditions = restored["conditions"].as_array_mut().unwrap();
    conditions.push(said_at(
        "Restored",
        "False",
        "CommandFailed",
        "status 1",
        &hours_ago(12),
    ));
    place.status("backuprun", "restored", restored);
    let wanted = "\
LAST GOOD   NAMESPACE   NAME     EVERY   IN A ROW   WHY
never       status      broken   24h     -          Invalid: spec.template is wrong

STUCK FOR   NAMESPACE   RUN     WHY
10h         status      waits   waits for its turn, place 2 of 3

RESTORE FAILED   NAMESPACE   RUN        WHY
12h ago          status      restored   CommandFailed: status 1

else well: 1 of 2 schedules; 2 runs, 1 queued
";
    let (code, out, error) = seen(server, &as_ann);
    assert_eq!((code, out.as_str()), (1, wanted));
    assert!(
        error.ends_with("1 schedule without a good backup that is young enough, 1 run stuck, 1 restore failed\ntry: kubectl backup list runs -n status --schedule broken\n"),
        "{error}"
    );
    let (code, out, _) = seen(server, &[&as_ann[..], &["-o", "json"]].concat());
    let fleet: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &fleet["schedules"][0]["name"], &fleet["counts"]["runs"]),
        (1, &json!("broken"), &json!(2))
    );
    assert_eq!(fleet["counts"]["storages"], Value::Null);

    // Without a namespace: the context's, and that is said; all of them where that is asked for, or nothing.
    let (_, _, error) = seen(server, &["status", "--as", "ann"]);
    assert!(error.contains("cannot list schedules in namespace default"), "{error}");
    let (code, out, error) = seen(server, &["status", "-A", "--as", "ann"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        error.contains("cannot list schedules in all namespaces") && error.contains("\ntry: "),
        "{error}"
    );
    // An administrator sees the whole fleet, storages included.
    let (_, out, _) = seen(server, &["status"]);
    assert!(out.contains("broken") && out.contains(" storage"), "{out}");
}

pub fn described(server: &ApiServer) {
    let place = Place::new(server, "described");
    place.create(&[run("db", &spec())]);
    place.status("backuprun", "db", failed());
    let uid = place.get("backuprun", "db")["metadata"]["uid"].clone();
    let at = (Timestamp::now() - SignedDuration::from_hours(1)).strftime("%Y-%m-%dT%H:%M:%S.000000Z");
    let at = at.to_string();
    let event = |name: &str, uid: &Value, note: &str| {
        json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": name}, "type": "Warning", "reason": "Shrunk", "action": "Backup",
            "note": note, "eventTime": at, "reportingController": "backup-operator.io/operator", "reportingInstance": "operator-1",
            "regarding": {"apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "name": "db", "namespace": "described", "uid": uid},
        })
    };
    place.create(&[
        event("a", &uid, "half of what is usual"),
        event("b", &json!("another"), "of an earlier run"),
    ]);
    let out = shown(server, &["describe", "db", "-n", "described"]);
    for words in [
        "Run            described/db\nState          BackupFailed (CommandFailed)\nMessage        the command ended with status 3\nCure           ",
        "AT                     AFTER",
        "BackupStarted   admitted, and begun: into /shop.sql of storage minio\n",
        "CommandFailed   the command ended with status 3\n",
        "Shrunk          half of what is usual\n",
        "Created         by hand\n",
        "\nThe last command's standard error ended so:\n  no route to host\n",
    ] {
        assert!(out.contains(words), "{words:?} is not in:\n{out}");
    }
    assert!(!out.contains("of an earlier run"), "{out}");
    let told = shown(server, &["describe", "db", "-n", "described", "-o", "json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["known"]["Path"], "/shop.sql");
    let mut story = told["story"].as_array().unwrap().iter();
    assert!(story.any(|step| step["what"] == "Shrunk"));
    let (code, _, error) = seen(server, &["describe", "none", "-n", "described"]);
    assert!(
        code == 1 && error.contains("not found") && error.ends_with("try: kubectl backup list runs -n described\n"),
        "{error}"
    );
}
