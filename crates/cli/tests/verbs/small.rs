//! `cancel`, `keep`, `pause`, `resume`, `delete`, `logs`.
use serde_json::json;
use servers::ApiServer;

use crate::program::{NOW, Place, condition, good, run, schedule, spec, transfer};

pub fn cancel(server: &ApiServer) {
    const CANCEL: &str = "backup-operator.io/cancel";
    let place = Place::new(server, "cancel");
    place.create(&[
        run("long", &spec()),
        run("over", &spec()),
        run("fast", &spec()),
        run("restoring", &spec()),
    ]);
    for name in ["long", "fast"] {
        place.status("backuprun", name, json!({"transfer": transfer("backup-1", true)}));
    }
    let program = place.backup(&["cancel", "long"]);
    place.annotated("backuprun", "long", CANCEL);
    place.annotate("backuprun", "long", CANCEL, None);
    let failed = condition("Failed", "True", "Cancelled", "it was cancelled on request");
    place.status("backuprun", "long", json!({"transfer": null, "conditions": [failed]}));
    let (status, text) = program.ends();
    assert!(status == 0 && text.ends_with("backuprun/long cancelled"), "{text}");

    // It ended by itself before the operator came to it.
    let program = place.backup(&["cancel", "fast"]);
    place.annotated("backuprun", "fast", CANCEL);
    place.status("backuprun", "fast", good(NOW));
    place.annotate("backuprun", "fast", CANCEL, None);
    let (status, text) = program.ends();
    assert!(
        status == 1 && text.contains("it ended before it could be stopped"),
        "{text}"
    );

    place.status("backuprun", "over", good(NOW));
    let (status, text) = place.said(&["cancel", "over"]);
    assert!(status == 1 && text.contains("nothing is under way"), "{text}");
    // What a restore has applied stays: that is asked.
    place.status("backuprun", "restoring", good(NOW));
    place.status(
        "backuprun",
        "restoring",
        json!({"transfer": transfer("restore-1", true)}),
    );
    let (status, text) = place.said(&["cancel", "restoring"]);
    assert!(
        status == 1 && text.contains("cancel restoring -n cancel --yes"),
        "{text}"
    );
    for name in ["over", "restoring"] {
        assert!(
            place.get("backuprun", name)["metadata"]["annotations"].is_null(),
            "{name}"
        );
    }
}

pub fn keep_pause_resume(server: &ApiServer) {
    let place = Place::new(server, "keep");
    place.create(&[run("a", &spec()), schedule("s")]);
    let kept = || place.get("backuprun", "a")["metadata"]["annotations"]["backup-operator.io/keep"].clone();
    let suspended = || place.get("backupschedule", "s")["spec"]["suspend"].clone();
    for (args, said, keep, suspend) in [
        (&["keep", "a"][..], "backuprun/a kept", json!("true"), json!(false)),
        (
            &["keep", "run/a"][..],
            "backuprun/a kept (unchanged)",
            json!("true"),
            json!(false),
        ),
        (
            &["keep", "a", "--off"][..],
            "backuprun/a not kept",
            json!(null),
            json!(false),
        ),
        (&["pause", "s"][..], "backupschedule/s paused", json!(null), json!(true)),
        (
            &["pause", "s"][..],
            "backupschedule/s paused (unchanged)",
            json!(null),
            json!(true),
        ),
        (
            &["resume", "bs/s"][..],
            "backupschedule/s resumed",
            json!(null),
            json!(false),
        ),
    ] {
        assert_eq!(place.said(args), (0, said.to_string()), "{args:?}");
        assert_eq!((kept(), suspended()), (keep, suspend), "{args:?}");
    }
    for args in [&["keep", "none"][..], &["pause", "none"][..], &["pause", "run/a"][..]] {
        let (status, text) = place.said(args);
        assert!(status == 1 && text.contains("\ntry: kubectl "), "{text}");
    }
}

pub fn delete(server: &ApiServer) {
    let place = Place::new(server, "delete");
    let mut goes = spec();
    goes["retainPolicy"] = json!("Delete");
    let storage = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "spec": {"type": "s3", "parameters": {"bucket": "backups"}},
        "metadata": {"name": "delete-me", "annotations": {"backup-operator.io/deletion-protection": "true"}}});
    place.create(&[run("a", &goes), schedule("s"), storage]);
    place.status("backuprun", "a", good(NOW));
    let (status, text) = place.said(&["delete", "a"]);
    assert_eq!(status, 1);
    for words in [
        "object /shop.sql (1.0 KiB) of storage minio goes, too",
        "try: kubectl backup delete run/a -n delete --yes",
    ] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    place.get("backuprun", "a");
    for (args, words) in [
        (["delete", "a", "--yes"], "backuprun/a deleted"),
        (["delete", "schedule/s", "--yes"], "backupschedule/s deleted"),
    ] {
        let (status, text) = place.said(&args);
        assert!(status == 0 && text.ends_with(words), "{text}");
    }
    assert!(place.kubectl(&["get", "br,bs", "-o", "name"]).is_empty());

    let (status, text) = place.said(&["delete", "delete-me", "--yes"]);
    let cure = "kubectl annotate backupstorage delete-me backup-operator.io/deletion-protection-";
    assert!(status == 1 && text.contains(cure), "{text}");
    place.annotate(
        "backupstorage",
        "delete-me",
        "backup-operator.io/deletion-protection",
        None,
    );
    let (status, text) = place.said(&["delete", "storage/delete-me", "--yes"]);
    assert!(
        status == 0 && text.contains("the bucket and the objects in it stay"),
        "{text}"
    );
}

pub fn logs(server: &ApiServer) {
    let place = Place::new(server, "logs");
    place.create(&[run("over", &spec()), run("waits", &spec())]);
    place.status("backuprun", "over", good(NOW));
    place.status("backuprun", "over", json!({"log": "one\ntwo\n"}));
    for args in [&["logs", "over"][..], &["logs", "over", "-f"][..]] {
        let (status, text) = place.said(args);
        assert!(
            status == 0 && text.contains("status.log") && text.contains("one\ntwo"),
            "{text}"
        );
    }
    let (status, text) = place.said(&["logs", "waits"]);
    assert!(status == 1 && text.contains("has not begun"), "{text}");
    let mut program = place.backup(&["logs", "waits", "-f"]);
    // A Pod that nobody sees: its end is told all the same.
    place.status(
        "backuprun",
        "waits",
        json!({"podName": "gone", "transfer": transfer("backup-1", true)}),
    );
    program.says("the log of Pod gone cannot be read");
    place.status("backuprun", "waits", good(NOW));
    place.status("backuprun", "waits", json!({"log": "late\n"}));
    let (_, text) = program.ends();
    assert!(text.contains("status.log"), "{text}");
}
