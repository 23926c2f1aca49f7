//! What a person sees of `status`, `list` and `describe`: the screen of a terminal, held to one that is kept.
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use servers::ApiServer;

use crate::golden::holds;
use crate::looks::{hours_ago, said_at};
use crate::pane::Pane;
use crate::program::{Place, run, schedule, spec};

/// A usual terminal, a wide one, and a narrow one.
pub const USUAL: (u16, u16) = (80, 24);
const WIDE: (u16, u16) = (120, 40);
const NARROW: (u16, u16) = (60, 24);

/// What that line shows on terminals of several sizes, and with colours on the first.
fn seen(server: &ApiServer, name: &str, line: &str, sizes: &[(u16, u16)]) {
    for (first, size) in sizes.iter().enumerate().map(|(at, size)| (at == 0, *size)) {
        let pane = Pane::open(server, size);
        pane.enter(line).prompt();
        holds(&format!("{name}-{}", size.0), &pane.screen(false), &[]);
        if first {
            holds(&format!("{name}-{}-colours", size.0), &pane.screen(true), &[]);
        }
    }
}

/// A fleet that is well, and one that is not. Storages are of no namespace, so nothing else runs beside it.
pub fn of_a_fleet(server: &ApiServer) {
    let place = Place::new(server, "shop");
    let storage = |name: &str| {
        json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": name},
            "spec": {"type": "s3", "parameters": {"bucket": "backups"}}})
    };
    place.create(&[storage("minio"), schedule("orders"), run("orders-1", &spec())]);
    let ready = said_at("Ready", "True", "Ready", "", &hours_ago(400));
    place.status("backupstorage", "minio", json!({"conditions": [ready]}));
    place.status(
        "backupschedule",
        "orders",
        json!({"conditions": [ready], "lastSuccessfulTime": hours_ago(9)}),
    );
    place.status("backuprun", "orders-1", good(9));
    seen(server, "status-well", "kubectl backup status", &[USUAL, NARROW]);

    let mut paused = schedule("paused");
    paused["spec"]["suspend"] = json!(true);
    place.create(&[
        storage("offsite"),
        schedule("customers"),
        schedule("invoices-of-all-branches"),
        paused,
        run("customers-1769817600", &spec()),
        run("orders-2", &spec()),
    ]);
    let refused = "Get \"https://s3.eu-central-1.example.com/backups\": the access key is not known to the store (InvalidAccessKeyId)";
    let at =
        |status: &str, reason: &str, message: &str, hours| said_at("Ready", status, reason, message, &hours_ago(hours));
    place.status(
        "backupstorage",
        "offsite",
        json!({"conditions": [at("False", "Refused", refused, 30)]}),
    );
    let failing = said_at(
        "Successful",
        "False",
        "CommandFailed",
        "run customers-1769817600 failed: the command ended with status 3",
        &hours_ago(9),
    );
    place.status(
        "backupschedule",
        "customers",
        json!({"conditions": [at("False", "StorageNotReady", "storage offsite is not ready: the access key is not known to the store", 30), failing], "lastSuccessfulTime": hours_ago(300), "consecutiveFailures": 12, "failingSince": hours_ago(280)}),
    );
    place.status("backupschedule", "invoices-of-all-branches", json!({"conditions": [at("False", "Invalid", "spec.template.spec.storage.path: /a/../b has the segment ..", 40)]}));
    place.status(
        "backuprun",
        "orders-2",
        json!({"state": "Queued", "queued": {"since": hours_ago(10), "place": 2, "of": 3}}),
    );
    let mut restored = good(200);
    let conditions = restored["conditions"].as_array_mut().unwrap();
    conditions.push(said_at(
        "Restored",
        "False",
        "CommandFailed",
        "the command ended with status 1",
        &hours_ago(12),
    ));
    place.status("backuprun", "customers-1769817600", restored);
    seen(server, "status-unwell", "kubectl backup status", &[USUAL, WIDE, NARROW]);
    seen(server, "status-no-color", "NO_COLOR=1 kubectl backup status", &[USUAL]);
    seen(server, "list", "kubectl backup list -n shop", &[USUAL, WIDE, NARROW]);
    seen(server, "list-storages", "kubectl backup list storages", &[USUAL]);
    server.kubectl(&["delete", "backupstorage", "minio", "offsite"], "");
    server.kubectl(&["delete", "namespace", "shop", "--wait=false"], "");
}

/// A status of a good backup that ended so many hours ago.
fn good(hours: i64) -> Value {
    let (start, end) = (hours_ago(hours + 1), hours_ago(hours));
    json!({
        "state": "BackupSuccessful", "path": "/shop.sql", "size": "1.0 MiB", "sizeInBytes": 1_048_576, "bytes": 4_194_304,
        "startTime": start, "completionTime": end, "message": "4.0 MiB from the command, 1.0 MiB stored",
        "conditions": [
            said_at("Ready", "True", "BackupSuccessful", "", &end),
            said_at("Successful", "True", "BackupSuccessful", "4.0 MiB from the command, 1.0 MiB stored", &end),
        ],
    })
}

/// A run with all that can be told of one.
pub fn of_a_run(server: &ApiServer) {
    let place = Place::new(server, "screen-run");
    let mut spec = spec();
    spec["compression"] = json!({"algorithm": "zstd"});
    place.create(&[run("db", &spec)]);
    let made = place.get("backuprun", "db")["metadata"]["creationTimestamp"]
        .as_str()
        .unwrap()
        .to_string();
    let made: Timestamp = made.parse().unwrap();
    // After its creation, so that the story is one.
    let at = |seconds: i64| {
        (made + SignedDuration::from_secs(seconds))
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string()
    };
    let words = "1.9 GiB from the command, 412.3 MiB stored";
    place.status(
        "backuprun",
        "db",
        json!({
            "state": "BackupSuccessful", "path": "/shop.sql", "key": "shop.sql", "record": ".backup-operator/records/screen-run/-/db.json",
            "size": "412.3 MiB", "sizeInBytes": 432_327_884, "bytes": 2_040_109_465, "duration": "42s", "ratio": "4.7", "attempts": 1, "message": words,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "etag": "\"3858f62230ac3c915f300c664312c11f-9\"",
            "startTime": at(1), "completionTime": at(43),
            "log": "pg_dump: last built-in OID is 16383\npg_dump: reading extensions\npg_dump: dumping contents of table \"public.orders\", which has a name that is longer than most terminals are wide\n",
            "restores": [{"number": 1, "startTime": at(50), "completionTime": at(80), "successful": true, "bytes": 2_040_109_465}],
            "conditions": [
                said_at("Ready", "True", "BackupSuccessful", words, &at(43)),
                said_at("Successful", "True", "BackupSuccessful", words, &at(43)),
                said_at("Compressed", "True", "Compressed", "zstd, level 3", &at(43)),
                said_at("Restorable", "True", "Restorable", "", &at(43)),
            ],
        }),
    );
    seen(
        server,
        "describe",
        "kubectl backup describe run/db -n screen-run",
        &[USUAL, WIDE, NARROW],
    );
    seen(
        server,
        "no-such-run",
        "kubectl backup describe nothing -n screen-run",
        &[USUAL],
    );
}

/// Runs with much to be said of them.
pub fn of_a_list(server: &ApiServer) {
    let place = Place::new(server, "screen-list");
    place.create(&[run("invoices-1769817600", &spec())]);
    place.status("backuprun", "invoices-1769817600", good(9));
    let line = "kubectl backup list runs -n screen-list";
    seen(server, "list-runs", line, &[USUAL, NARROW]);
}
