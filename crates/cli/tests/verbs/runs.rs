//! `run`.
use serde_json::json;
use servers::ApiServer;

use crate::program::{NOW, Place, condition, good, run, schedule, spec, transfer};

const TRIGGER: &str = "backup-operator.io/trigger";

pub fn of_a_schedule(server: &ApiServer) {
    let place = Place::new(server, "run-schedule");
    place.create(&[schedule("shop")]);
    let last = json!({"run": "shop-1", "completionTime": NOW, "bytes": 8192, "storedBytes": 1024});
    place.status("backupschedule", "shop", json!({"lastBackup": last}));
    let mut program = place.backup(&["run", "shop"]);
    program.says("backupschedule/shop triggered");
    let value = place.annotated("backupschedule", "shop", TRIGGER);
    let mut made = run("shop-2", &spec());
    made["metadata"]["annotations"] = json!({"backup-operator.io/triggered": value});
    made["metadata"]["labels"] = json!({"backup-operator.io/schedule": "shop"});
    // One that somebody else's trigger made, right before.
    let mut other = made.clone();
    other["metadata"]["name"] = json!("shop-1");
    other["metadata"]["annotations"] = json!({"backup-operator.io/triggered": "before"});
    place.create(&[other, made]);
    place.annotate("backupschedule", "shop", TRIGGER, None);
    program.says("backuprun/shop-2 created");
    place.status("backuprun", "shop-2", json!({"transfer": transfer("backup-1", false)}));
    program.says("backup-1: its Pod is being started");
    place.status(
        "backuprun",
        "shop-2",
        json!({"transfer": transfer("backup-1", true), "progress": {"bytes": 4096, "storedBytes": 512, "updatedAt": "2026-01-31T03:00:10Z"}}),
    );
    program.says("about 50 %, 4.0 KiB of the command, 512 B in the store (8.0 times smaller), 409 B/s, 10s left, by the last backup");
    place.status("backuprun", "shop-2", good("2026-01-31T03:01:00Z"));
    let (status, text) = program.ends();
    let wanted = "BackupSuccessful in 60s: 4.0 KiB from the command, 1.0 KiB stored (/shop.sql of storage minio)";
    assert!(status == 0 && text.ends_with(wanted), "{status} {text}");
}

pub fn that_fails(server: &ApiServer) {
    let place = Place::new(server, "run-fails");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), run("once", &spec()).to_string()).unwrap();
    let mut program = place.backup(&["run", "-f", file.path().to_str().unwrap()]);
    program.says("backuprun/once created");
    place.status(
        "backuprun",
        "once",
        json!({
            "log": "first\nno such table\n",
            "conditions": [condition("Failed", "True", "CommandFailed", "the command ended with status 3")],
        }),
    );
    let (status, text) = program.ends();
    assert_eq!(status, 1, "{text}");
    for words in [
        "  | no such table",
        "CommandFailed: the command ended with status 3. Read status.log",
        "try: kubectl backup describe once -n run-fails",
    ] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
}

pub fn of_a_manifest(server: &ApiServer) {
    let place = Place::new(server, "run-manifest");
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut generated = run("x", &spec());
    generated["metadata"] = json!({"generateName": "manual-"});
    let said = |text: String| {
        std::fs::write(file.path(), text).unwrap();
        place.said(&["run", "--detach", "-f", file.path().to_str().unwrap()])
    };
    for _ in 0..2 {
        let (status, text) = said(generated.to_string());
        assert!(status == 0 && text.contains("backuprun/manual-"), "{text}");
    }
    let names = || place.kubectl(&["get", "br", "-o", "name"]);
    assert_eq!(names().lines().count(), 2);
    // A Secret behind a good run, and a field that there is none of.
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}});
    let (status, text) = said(format!("{generated}\n---\n{secret}\n"));
    assert!(
        status == 1 && text.contains("this is Secret of v1") && text.contains("try: kubectl backup lint"),
        "{text}"
    );
    generated["spec"]["retainpolicy"] = json!("Delete");
    let (status, text) = said(generated.to_string());
    assert!(
        status == 1 && text.contains("unknown field \"spec.retainpolicy\""),
        "{text}"
    );
    assert_eq!(names().lines().count(), 2);
}

pub fn left_running(server: &ApiServer) {
    let place = Place::new(server, "run-left");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), run("long", &spec()).to_string()).unwrap();
    let mut program = place.backup(&["run", "-f", file.path().to_str().unwrap()]);
    program.says("backuprun/long created");
    place.status("backuprun", "long", json!({"transfer": transfer("backup-1", true)}));
    program.says("backup-1: its command runs");
    program.interrupt();
    let (status, text) = program.ends();
    assert_eq!(status, 130, "{text}");
    assert!(
        text.contains("run long is left running") && text.contains("kubectl backup cancel long -n run-left"),
        "{text}"
    );
    let left = place.get("backuprun", "long");
    assert!(
        left["metadata"]["annotations"]["backup-operator.io/cancel"].is_null(),
        "{left}"
    );
    // Nobody waits for ever.
    let (status, text) = place.said(&["logs", "long", "-f", "--timeout", "1s"]);
    assert!(status == 1 && text.contains("--timeout"), "{text}");
}
