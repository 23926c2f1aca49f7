//! `kubectl backup support` where a cluster is not at hand: an API server that denies, in kubectl's own words. The real one is asked in e2e.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// A kubectl that knows these paths of the API server, and is told that its user may not see the others.
fn kubectl(folder: &Path, answers: &[(&str, Value)]) -> std::path::PathBuf {
    let mut script = "#!/bin/sh\nfor last; do :; done\ncase $last in\n".to_string();
    for (number, (path, answer)) in answers.iter().enumerate() {
        let file = folder.join(format!("answer-{number}"));
        let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_string);
        std::fs::write(&file, &text).unwrap();
        let ends = if text.starts_with("Error from server") {
            ">&2; exit 1"
        } else {
            ""
        };
        script.push_str(&format!("'{path}') cat '{}' {ends};;\n", file.display()));
    }
    script.push_str(
        "*) echo \"Error from server (Forbidden): $last is forbidden: User \\\"ann\\\" cannot\" >&2; exit 1;;\nesac\n",
    );
    let program = folder.join("kubectl");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// Status, what it says on both streams, and the files of the archive.
fn support(kubectl: &Path, folder: &Path, more: &[&str]) -> (bool, String, BTreeMap<String, String>) {
    let archive = folder.join("support.tar.gz");
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"))
        .args(["support", "--kubectl", kubectl.to_str().unwrap()])
        .args(["--output", archive.to_str().unwrap()])
        .args(more)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    let mut files = BTreeMap::new();
    if let Ok(file) = std::fs::File::open(archive) {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_str().unwrap().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let (_, name) = path.split_once('/').unwrap();
            files.insert(name.to_string(), text);
        }
    }
    (output.status.success(), said, files)
}

const RUNS: &str = "/apis/backup-operator.io/v1/namespaces/shop/backupruns?limit=200";

fn a_run(name: &str, bytes: usize) -> Value {
    json!({
        "kind": "BackupRun",
        "metadata": {"name": name, "annotations": {"other": "hunter1"}},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "env": [{"name": "A", "value": "hunter2"}]}]}}},
        "status": {"message": "x".repeat(bytes)},
    })
}

#[test]
fn what_one_may_not_see_is_told_and_the_rest_is_there_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let home = "/api/v1/namespaces/backup-operator/pods";
    let pod = json!({
        "metadata": {"name": "op-1"},
        "spec": {"containers": [{"name": "operator", "ports": [{"name": "health", "containerPort": 17}], "env": [{"name": "P", "value": "hunter3"}]}]},
        "status": {"containerStatuses": [{"name": "operator", "restartCount": 1}]},
    });
    let log =
        format!("{home}/op-1/log?container=operator&previous=false&timestamps=true&tailLines=10000&limitBytes=8388608");
    let pods = format!("{home}?limit=50&labelSelector=app.kubernetes.io/name%3Dbackup-operator");
    let metrics = format!("{home}/op-1:17/proxy/metrics");
    let answers = [
        ("/version", json!({"gitVersion": "v1.35.4"})),
        ("--output=json", json!({"clientVersion": {"gitVersion": "v1.34.0"}})),
        (
            pods.as_str(),
            json!({"kind": "PodList", "apiVersion": "v1", "items": [pod]}),
        ),
        (log.as_str(), json!("one password=hunter4\ntwo\n")),
        (metrics.as_str(), json!("runs_total 3\n")),
        (
            RUNS,
            json!({"kind": "BackupRunList", "apiVersion": "backup-operator.io/v1", "metadata": {"continue": "more"}, "items": [a_run("first", 1)]}),
        ),
        (
            "/apis/backup-operator.io/v1/namespaces/shop/backupruns?limit=200&continue=more",
            json!({"kind": "BackupRunList", "items": [a_run("second", 1)]}),
        ),
    ];
    let program = kubectl(folder.path(), &answers);
    let (ok, said, files) = support(&program, folder.path(), &["--namespace", "shop"]);
    assert!(ok, "{said}");
    let all: String = files.values().cloned().collect();
    assert!(!all.contains("hunter"), "{all}");
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "README.txt",
            "drills.json",
            "events.json",
            "left-out.txt",
            "operator/crds.json",
            "operator/logs/op-1.operator.log",
            "operator/metrics/op-1.txt",
            "operator/pods.json",
            "pods.json",
            "runs.json",
            "schedules.json",
            "storages.json",
            "versions.json",
        ]
    );
    assert_eq!(files["operator/logs/op-1.operator.log"], "one password=***\ntwo\n");
    let runs: Value = serde_json::from_str(&files["runs.json"]).unwrap();
    assert_eq!(runs["items"].as_array().unwrap().len(), 2);
    assert_eq!(runs["items"][0]["apiVersion"], "backup-operator.io/v1");
    let versions: Value = serde_json::from_str(&files["versions.json"]).unwrap();
    assert_eq!(versions["kubectl"]["gitVersion"], "v1.34.0");
    // Each that is not there, and why.
    for what in [
        "which namespace the operator is in: not allowed: ",
        "operator/lease.json: not allowed: ",
        "operator/webhooks.json: not allowed: ",
        "operator/crds.json, backupruns.backup-operator.io: not allowed: ",
        "operator/logs/op-1.operator.previous.log: not allowed: ",
        "storages.json, backupstorages: not allowed: ",
        "schedules.json, backupschedules of namespace shop: not allowed: ",
        "pods.json, pods of namespace shop: not allowed: ",
        "events.json, BackupStorage, events of namespace default: not allowed: ",
    ] {
        for text in [&said, &files["left-out.txt"]] {
            assert!(text.contains(&format!("- {what}")), "{what:?} is not in {text}");
        }
    }
}

#[test]
fn a_namespace_that_is_not_there_is_told_and_all_of_them_are_a_failure() {
    let not_found = |name: &str| json!(format!("Error from server (NotFound): namespaces \"{name}\" not found"));
    let runs = json!({"kind": "BackupRunList", "items": [a_run("first", 1)]});
    let answers = [
        ("/version", json!({})),
        ("/api/v1/namespaces/shop", json!({"kind": "Namespace"})),
        ("/api/v1/namespaces/shpo", not_found("shpo")),
        ("/api/v1/namespaces/sohp", not_found("sohp")),
        (RUNS, runs.clone()),
        (
            "/apis/backup-operator.io/v1/namespaces/hidden/backupruns?limit=200",
            runs,
        ),
    ];
    let (missing, unknown) = ("namespace shpo does not exist", "whether it exists cannot be known");
    for (named, ok, says, says_not) in [
        (&["shop"][..], true, "", "does not exist"),
        (&["shop", "shpo"], true, missing, unknown),
        (&["shpo"], false, missing, unknown),
        (&["shpo", "shpo"], false, missing, unknown),
        (&["shpo", "sohp"], false, "namespace sohp does not exist", unknown),
        // Its user may not read namespaces: what is in it is there, so it is, too.
        (&["hidden"], true, "", unknown),
        (&["secret"], true, unknown, "does not exist"),
        (&["secret", "shpo"], true, unknown, "namespace secret does not exist"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let program = kubectl(folder.path(), &answers);
        let more: Vec<_> = named.iter().map(|name| format!("--namespace={name}")).collect();
        let more: Vec<_> = more.iter().map(String::as_str).collect();
        let (good, said, files) = support(&program, folder.path(), &more);
        assert_eq!(good, ok, "{named:?}: {said}");
        // On both streams, and in the archive.
        assert!(
            said.matches(says).count() >= 2 && files["left-out.txt"].contains(says),
            "{named:?}: {said}"
        );
        assert!(!said.contains(says_not), "{named:?}: {said}");
    }
}

#[test]
fn an_archive_has_a_bounded_size_and_tells_what_had_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<_> = (0..30).map(|n| a_run(&format!("run-{n:02}"), 100_000)).collect();
    let answers = [
        ("/version", json!({})),
        (RUNS, json!({"kind": "BackupRunList", "items": many})),
    ];
    let program = kubectl(folder.path(), &answers);
    let (ok, said, files) = support(&program, folder.path(), &["--namespace=shop", "--max-size=1"]);
    assert!(ok, "{said}");
    let size: usize = files.values().map(String::len).sum();
    assert!((900_000..1 << 20).contains(&size), "{size}");
    assert!(said.contains("- runs.json: 10 of 30 are in it"), "{said}");
}

#[test]
fn a_cluster_that_does_not_answer_is_an_error_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for (program, words) in [("/bin/false", "no word of why"), ("/nowhere/kubectl", "cannot be run")] {
        let (ok, said, files) = support(Path::new(program), folder.path(), &[]);
        assert!(!ok && files.is_empty() && said.contains(words), "{said}");
    }
}
