//! `restore`.
use serde_json::{Value, json};
use servers::ApiServer;

use crate::program::{NOW, Place, condition, good, run, schedule, spec, transfer};

const RESTORE: &str = "backup-operator.io/restore";
const TAKEN: &str = "backup-operator.io/restore-taken";

fn with_backup<'s>(server: &'s ApiServer, name: &'static str) -> Place<'s> {
    let place = Place::new(server, name);
    place.create(&[run("shop-1", &spec())]);
    place.status("backuprun", "shop-1", good(NOW));
    place
}

/// As the operator takes a request up.
fn take(place: &Place<'_>, value: &str) {
    place.annotate("backuprun", "shop-1", TAKEN, Some(value));
    place.annotate("backuprun", "shop-1", RESTORE, None);
}

pub fn of_a_run(server: &ApiServer) {
    let place = with_backup(server, "restore-run");
    let (status, text) = place.said(&["restore", "shop-1"]);
    assert_eq!(status, 1);
    for words in [
        "object       /shop.sql in storage minio",
        "command      psql shop",
        "reaches      PGHOST=postgresql",
        "no terminal to ask at",
        "try: kubectl backup restore run/shop-1 -n restore-run --yes",
    ] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    assert!(place.get("backuprun", "shop-1")["metadata"]["annotations"][RESTORE].is_null());

    let mut program = place.backup(&["restore", "shop-1", "--yes"]);
    let value = place.annotated("backuprun", "shop-1", RESTORE);
    place.status(
        "backuprun",
        "shop-1",
        json!({"transfer": transfer("restore-1", false), "message": null}),
    );
    take(&place, &value);
    program.says("restore-1: its Pod is being started");
    let ended = json!({"number": 1, "startTime": NOW, "completionTime": "2026-01-31T03:00:05Z", "successful": true, "bytes": 4096});
    let mut conditions = good(NOW)["conditions"].clone();
    conditions.as_array_mut().unwrap().push(condition(
        "Restored",
        "True",
        "RestoreSuccessful",
        "the command took 4.0 KiB",
    ));
    place.status(
        "backuprun",
        "shop-1",
        json!({"transfer": null, "restores": [ended], "conditions": conditions}),
    );
    let (status, text) = program.ends();
    assert!(
        status == 0 && text.contains("RestoreSuccessful in 5s: the command took 4.0 KiB"),
        "{text}"
    );
}

pub fn that_is_refused(server: &ApiServer) {
    let place = with_backup(server, "restore-refused");
    let program = place.backup(&["restore", "shop-1", "--yes"]);
    let value = place.annotated("backuprun", "shop-1", RESTORE);
    let uid = place.get("backuprun", "shop-1")["metadata"]["uid"].clone();
    take(&place, &value);
    place.create(&[json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "shop-1.1"}, "reason": "RestoreRefused", "type": "Warning",
        "message": "the restore was refused: the storage is gone",
        "involvedObject": {"apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "name": "shop-1", "namespace": place.name, "uid": uid},
    })]);
    let (status, text) = program.ends();
    assert!(
        status == 1 && text.contains("cannot restore run shop-1: the restore was refused: the storage is gone"),
        "{text}"
    );
    // What the operator would refuse is not even asked.
    place.create(&[run("none", &spec())]);
    let (status, text) = place.said(&["restore", "none", "--yes"]);
    assert!(status == 1 && text.contains("its backup has not ended"), "{text}");
}

pub fn of_a_schedule(server: &ApiServer) {
    let place = Place::new(server, "restore-schedule");
    let of = |name: &str| -> Value {
        let mut run = run(name, &spec());
        run["metadata"]["labels"] = json!({"backup-operator.io/schedule": "shop"});
        run
    };
    place.create(&[schedule("shop"), of("shop-1"), of("shop-2")]);
    place.status("backuprun", "shop-1", good("2026-01-30T03:00:00Z"));
    place.status("backuprun", "shop-2", good("2026-01-31T03:00:00Z"));
    for (args, words) in [
        (&["restore", "shop", "--latest"][..], "backup       shop-2"),
        (
            &["restore", "schedule/shop", "--at", "2026-01-31T02:00:00Z"][..],
            "backup       shop-1",
        ),
        (
            &["restore", "shop", "--at", "2026-01-29T00:00:00Z"][..],
            "the next newer one is shop-1",
        ),
        (&["restore", "shop", "--at", "2026-01-30"][..], "backup       shop-1"),
        (&["restore", "shop", "--at", "yesterday"][..], "backup       shop-2"),
        (&["restore", "shop", "--at", "soon"][..], "RFC 3339"),
        (&["restore", "run/shop-1", "--latest"][..], "this is a run"),
        (&["restore", "nothing"][..], "there is no run or schedule nothing"),
    ] {
        let (status, text) = place.said(args);
        assert!(
            status == 1 && text.contains(words) && text.contains("try: kubectl "),
            "{args:?}: {text}"
        );
    }
    // As after an import: its runs are there, by their label, and it is not.
    place.kubectl(&["delete", "backupschedule", "shop"]);
    for (args, words) in [
        (&["restore", "shop"][..], "backup       shop-2"),
        (
            &["restore", "schedule/shop", "--at", "2026-01-30"],
            "backup       shop-1",
        ),
        (&["run", "shop"], "but runs of it are (2)"),
        (&["list", "runs", "--schedule", "shop"], "shop-2"),
    ] {
        let (_, text) = place.said(args);
        assert!(text.contains(words), "{args:?}: {text}");
    }
    place.create(&[schedule("shop")]);
    place.create(&[run("shop", &spec())]);
    let (_, text) = place.said(&["restore", "shop"]);
    assert!(
        text.contains("restore run/shop") && text.contains("restore schedule/shop"),
        "{text}"
    );
}

pub fn into_a_namespace(server: &ApiServer) {
    let place = with_backup(server, "restore-from");
    let there = Place::new(server, "restore-there");
    let storage = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": "minio"}, "spec": {"type": "s3", "parameters": {"bucket": "backups"}}});
    place.create(&[storage]);
    let mut program = place.backup(&[
        "restore",
        "shop-1",
        "--yes",
        "--into",
        "restore-there",
        "--set-env",
        "PGHOST=staging",
    ]);
    program
        .says("reaches      PGHOST=staging")
        .says("backuprun/shop-1-restored-");
    let made = there.kubectl(&["get", "br", "-o", "jsonpath={.items[0].metadata.name}"]);
    let spec = there.get("backuprun", &made)["spec"].clone();
    assert!(spec["backup"].is_null() && spec["retainPolicy"] == "Retain", "{spec}");
    assert_eq!(spec["storage"], json!({"name": "minio", "path": "/shop.sql"}));
    assert_eq!(
        spec["template"]["spec"]["containers"][0]["env"],
        json!([{"name": "PGHOST", "value": "staging"}])
    );
    let done = condition("Successful", "True", "RestoreSuccessful", "the command took 4.0 KiB");
    there.status("backuprun", &made, json!({"conditions": [done]}));
    let (status, text) = program.ends();
    assert!(status == 0 && text.contains("RestoreSuccessful"), "{text}");
}

pub fn not_into_a_namespace(server: &ApiServer) {
    let place = Place::new(server, "restore-apart");
    let there = Place::new(server, "restore-nowhere");
    let storage = |name: &str, more: Value| {
        let mut spec = json!({"type": "s3", "parameters": {"bucket": "backups"}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": name}, "spec": spec})
    };
    let mut isolated = spec();
    isolated["storage"]["name"] = json!("apart");
    let mut encrypted = spec();
    encrypted["storage"]["name"] = json!("open");
    encrypted["encryption"] = json!({
        "recipients": ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"],
        "decryptionKey": {"name": "keys", "key": "age"},
    });
    place.create(&[
        storage("apart", json!({"namespaceIsolation": "Prefix"})),
        storage("open", json!({})),
        run("isolated", &isolated),
        run("encrypted", &encrypted),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"age": "x"}}),
    ]);
    let into = |name: &str| place.said(&["restore", name, "--yes", "--detach", "--into", "restore-nowhere"]);
    for name in ["isolated", "encrypted"] {
        place.status("backuprun", name, good(NOW));
    }
    let (status, text) = place.said(&["restore", "isolated", "--yes", "--into", "restore-unmade"]);
    assert!(
        status == 1 && text.contains("try: kubectl create namespace restore-unmade"),
        "{text}"
    );
    let (status, text) = into("isolated");
    assert!(status == 1 && text.contains("keeps namespaces apart"), "{text}");
    let (status, text) = into("encrypted");
    let cure = "kubectl annotate --overwrite secret keys -n restore-apart backup-operator.io/allowed-namespaces=restore-nowhere";
    assert!(status == 1 && text.contains(cure), "{text}");
    assert!(there.kubectl(&["get", "br", "-o", "name"]).is_empty());
    place.annotate(
        "secret",
        "keys",
        "backup-operator.io/allowed-namespaces",
        Some("other, restore-nowhere"),
    );
    let (status, text) = into("encrypted");
    assert_eq!(status, 0, "{text}");
    // What its Pod takes values from is looked for, unless a value is given in its place.
    let mut needy = spec();
    needy["storage"]["name"] = json!("open");
    needy["template"]["spec"]["containers"][0]["env"][0] =
        json!({"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}});
    place.create(&[run("needy", &needy)]);
    place.status("backuprun", "needy", good(NOW));
    let (status, text) = into("needy");
    let cure = "try: kubectl create secret generic db -n restore-nowhere --from-literal=password=VALUE";
    assert!(
        status == 1 && text.contains("there is no Secret db") && text.contains(cure),
        "{text}"
    );
    let dry = [
        "restore",
        "needy",
        "--yes",
        "--detach",
        "--into",
        "restore-nowhere",
        "--set-env",
        "PGPASSWORD=x",
    ];
    let (status, text) = place.said(&dry);
    assert_eq!(status, 0, "{text}");
    there.kubectl(&["delete", "br", "--all"]);
    let (status, text) = into("encrypted");
    assert_eq!(status, 0, "{text}");
    let key = there.kubectl(&[
        "get",
        "br",
        "-o",
        "jsonpath={.items[0].spec.encryption.decryptionKey.namespace}",
    ]);
    assert_eq!(key, "restore-apart");
}
