//! The support bundle of the whole test cluster: what is in it, that no Secret is, and what it says to who may see nothing.
use std::io::Read;
use std::path::Path;
use std::process::Command;

use e2e::kubectl::{kubectl, said};
use e2e::runs::{spec, static_container};
use e2e::{Case, case, operator};
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::json;

/// Shorter ones stand in other words, too (`true`, `root`).
const SHORTEST: usize = 8;

/// What it says, and what it packs: an archive of plain files, in which everything can be looked for.
fn support(file: &Path, more: &[&str]) -> (String, Vec<u8>) {
    let program = std::env::var_os("CLI_BIN").expect("CLI_BIN is not set: run `make test`");
    let output = file.to_str().unwrap();
    let (ok, text) = said(
        Command::new(program).args(["support", "--output", output]).args(more),
        "",
    );
    assert!(ok, "{text}");
    let mut all = Vec::new();
    let archive = std::fs::File::open(file).unwrap();
    flate2::read::GzDecoder::new(archive).read_to_end(&mut all).unwrap();
    std::fs::remove_file(file).unwrap();
    (text, all)
}

fn has(all: &[u8], what: &[u8]) -> bool {
    all.windows(what.len()).any(|w| w == what)
}

/// Values of all Secrets of the cluster, and where they are.
async fn secrets(case: &Case) -> Vec<(String, Vec<u8>)> {
    let api: Api<Secret> = Api::all(case.client().clone());
    let all = api.list(&ListParams::default()).await.expect("all Secrets");
    let of = |secret: Secret| {
        let place = format!("{}/{}", secret.namespace().unwrap_or_default(), secret.name_any());
        let data = secret.data.unwrap_or_default().into_iter();
        data.map(move |(key, value)| (format!("{place} {key}"), value.0))
    };
    all.items.into_iter().flat_map(of).collect()
}

#[test]
fn a_support_bundle_has_what_is_needed_and_no_secret_of_the_cluster() {
    case("support", |case| async move {
        let data = json!({"password": "canary-in-a-secret"});
        case.apply::<Secret>(json!({"metadata": {"name": "keys"}, "stringData": data}))
            .await;
        let mut container = static_container();
        container["env"] = json!([
            {"name": "PLAIN", "value": "canary-in-the-environment"},
            {"name": "REFERRED", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "password"}}},
        ]);
        let mut spec = spec(&case.path("run"), container, &["/stream", "random", "1000"], &[]);
        spec["template"]["metadata"] = json!({"annotations": {"other": "canary-in-an-annotation"}});
        spec["restore"] = json!({"command": ["/stream", "sum"], "args": ["--password", "canary-in-arguments"]});
        let run = json!({
            "apiVersion": "backup-operator.io/v1",
            "kind": "BackupRun",
            "metadata": {"name": "run", "namespace": case.namespace()},
            "spec": spec,
        });
        // As people do, so that the annotation with all that was applied is there, too.
        let (ok, text) = kubectl(&["apply", "-f", "-"], &run.to_string());
        assert!(ok, "{text}");
        case.succeeded("run", 120).await;
        case.keeps("run");

        let file = std::env::temp_dir().join(format!("{}.tar.gz", case.namespace()));
        // Other cases' Secrets come and go meanwhile.
        let mut known = secrets(&case).await;
        let (text, all) = support(&file, &[]);
        known.extend(secrets(&case).await);
        assert!(known.iter().any(|(_, value)| value == b"canary-in-a-secret"));
        for (place, value) in &known {
            let shown = value.len() >= SHORTEST && has(&all, value.trim_ascii());
            assert!(!shown, "the value of Secret {place} is in the bundle");
        }
        assert!(
            !has(&all, b"canary-in-"),
            "something of the run that is a secret is in the bundle"
        );
        for name in [
            "/versions.json",
            "/operator/deployments.json",
            "/operator/lease.json",
            "/operator/webhooks.json",
            "/operator/crds.json",
            "/operator/logs/",
            "/storages.json",
            "/schedules.json",
            "/runs.json",
            "/pods.json",
            "/events.json",
        ] {
            assert!(has(&all, name.as_bytes()), "{name} is not in the bundle: {text}");
        }
        // The run, its storage, and what was told of it.
        for words in [case.namespace(), "\"BackupSuccessful\"", "v1.35", "e2e-minio"] {
            assert!(has(&all, words.as_bytes()), "{words:?} is not in the bundle");
        }
        assert!(!text.contains("not allowed"), "{text}");

        // Who may see nothing learns what he may not see.
        let nobody = format!("--as=system:serviceaccount:{}:default", case.namespace());
        let (text, _) = support(&file, &[&nobody, "--operator-namespace", operator::NAMESPACE]);
        for what in [
            "operator/pods.json, logs and metrics",
            "storages.json, backupstorages",
            "runs.json, backupruns",
        ] {
            assert!(
                text.contains(&format!("- {what}: not allowed: ")),
                "{what:?} is not in {text}"
            );
        }
    });
}
