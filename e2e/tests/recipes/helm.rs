//! Charts that hold storages, schedules and runs, installed by Helm 3 and Helm 4: what `--wait` makes of each, as docs/gitops says.
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use api::labels;
use e2e::cluster::annotate;
use e2e::runs::{spec, static_container, stream};
use e2e::schedules::NEVER;
use e2e::shared::{NAMESPACE, SECRET, STORAGE, parameters};
use e2e::{Case, early_case, install, kubectl};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The ways of waiting; what Helm 4 does with `--wait` alone is by kstatus.
const HELM_3: &str = "helm-3";
const HELM_4: &str = "helm-4";
const LEGACY: &str = "legacy";
const WAYS: [&str; 3] = [HELM_3, HELM_4, LEGACY];

/// A chart of one object.
struct Chart {
    name: &'static str,
    object: Value,
    /// How long Helm 4 waits.
    timeout: &'static str,
    /// What it says when it gives up; none: it is satisfied.
    says: &'static [&'static str],
}

impl Chart {
    fn write(&self, folder: &Path) {
        std::fs::create_dir(folder.join("templates")).unwrap();
        let about = json!({"apiVersion": "v2", "name": self.name, "version": "0.1.0"});
        std::fs::write(folder.join("Chart.yaml"), about.to_string()).unwrap();
        // Its name is the release's: each is installed more than once.
        let mut object = self.object.clone();
        let prefix = object["metadata"]["name"].as_str().unwrap_or_default().to_string();
        object["metadata"]["name"] = format!("{prefix}{{{{ .Release.Name }}}}").into();
        std::fs::write(folder.join("templates/object.yaml"), object.to_string()).unwrap();
    }
}

fn object(kind: &str, spec: Value) -> Value {
    json!({"apiVersion": "backup-operator.io/v1", "kind": kind, "metadata": {}, "spec": spec})
}

fn charts(case: &Case) -> Vec<Chart> {
    let storage = |parameters: Value| {
        let spec =
            json!({"type": "s3", "parameters": parameters, "credentials": {"name": SECRET, "namespace": NAMESPACE}});
        let mut storage = object("BackupStorage", spec);
        storage["metadata"]["name"] = format!("{}-", case.namespace()).into();
        storage
    };
    let elsewhere = |bucket: &str| {
        let mut parameters = parameters();
        parameters["bucket"] = bucket.into();
        storage(parameters)
    };
    let run = |spec: Value| object("BackupRun", spec);
    // Each release has a path of its own: nobody writes over what another run wrote.
    let path = format!("/{}/{{{{ .Release.Name }}}}", case.namespace());
    let mut gone = stream(&path, "random 1000");
    gone["storage"]["name"] = "nobody-makes-it".into();
    let schedule = json!({"schedule": NEVER, "template": {"spec": stream(&path, "random 1000")}});
    let chart = |name, object, timeout, says| Chart {
        name,
        object,
        timeout,
        says,
    };
    vec![
        chart("storage", storage(parameters()), "300s", &[]),
        chart(
            "bucket",
            elsewhere("no-such-bucket"),
            "90s",
            &["InProgress", "NoSuchBucket", "deadline exceeded"],
        ),
        chart(
            "late-bucket",
            elsewhere("no-such-bucket-either"),
            "290s",
            &["Failed", "NoSuchBucket"],
        ),
        chart("schedule", object("BackupSchedule", schedule), "300s", &[]),
        chart("backup", run(stream(&path, "random 1000")), "300s", &[]),
        chart(
            "failing",
            run(spec(&path, static_container(), &["/stream", "nonsense"], &[])),
            "300s",
            &["Failed", "the command ended with status 1"],
        ),
        chart(
            "waiting",
            run(gone),
            "60s",
            &["InProgress", "there is no BackupStorage", "deadline exceeded"],
        ),
        chart(
            "restore",
            run(spec(&case.path("db"), static_container(), &[], &["/stream", "sum"])),
            "300s",
            &[],
        ),
        chart(
            "no-object",
            run(spec(&case.path("none"), static_container(), &[], &["/stream", "sum"])),
            "300s",
            &["Failed", "there is no object"],
        ),
    ]
}

/// Installs a chart, again while the webhook is away; what Helm says, and whether it was satisfied.
fn installed(case: &Case, chart: &Chart, folder: &Path, way: &str) -> (bool, String) {
    let mut helm = match way {
        HELM_3 => Command::new(install::helm_3()),
        _ => Command::new(install::helm_4()),
    };
    helm.args(["upgrade", "--install", &format!("{way}-{}", chart.name)])
        .arg(folder);
    helm.args(["--namespace", case.namespace(), "--timeout", chart.timeout]);
    helm.arg(if way == LEGACY { "--wait=legacy" } else { "--wait" });
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let (satisfied, said) = kubectl::said(&mut helm, "");
        if satisfied || !e2e::admission::is_away(&said) || Instant::now() >= until {
            return (satisfied, said);
        }
        thread::sleep(Duration::from_millis(250));
    }
}

#[test]
fn helm_3_waits_for_none_of_our_kinds_and_helm_4_for_each_as_the_page_says() {
    // It is built when it is asked for first, which may take longer than a case.
    install::helm_4();
    early_case("helm", |case| async move {
        case.keeps("db");
        case.backup("db", stream(&case.path("db"), "random 1000")).await;
        let charts: Vec<(Chart, TempDir)> = charts(&case)
            .into_iter()
            .map(|chart| (chart, tempfile::tempdir().unwrap()))
            .collect();
        for (chart, folder) in &charts {
            chart.write(folder.path());
            if chart.object["kind"] == "BackupStorage" {
                for way in WAYS {
                    case.makes_storage(&format!("{way}-{}", chart.name));
                }
            }
        }
        let wrong: Vec<String> = thread::scope(|scope| {
            let case = &case;
            let tries = charts.iter().flat_map(|(chart, folder)| {
                WAYS.map(|way| {
                    scope.spawn(move || {
                        let (satisfied, said) = installed(case, chart, folder.path(), way);
                        let wanted = if way == HELM_4 { chart.says } else { &[] };
                        let right = satisfied == wanted.is_empty() && wanted.iter().all(|words| said.contains(words));
                        (!right).then(|| format!("{way} of {}: {satisfied}: {said}", chart.name))
                    })
                })
            });
            let tries: Vec<_> = tries.collect();
            tries.into_iter().filter_map(|one| one.join().unwrap()).collect()
        });
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        // Whether it was waited for or not, it went on.
        for way in WAYS {
            let run = format!("{way}-backup");
            case.path(&run);
            case.keeps(&run);
            case.succeeded(&run, 120).await;
        }

        // Both uninstall what is not protected, and both are refused a storage that is: it stays, and so does the release until it is let go.
        for (way, program) in [(HELM_3, install::helm_3()), (HELM_4, install::helm_4())] {
            for (name, goes) in [("restore", true), ("schedule", true), ("storage", false)] {
                let mut helm = Command::new(&program);
                helm.args(["uninstall", &format!("{way}-{name}"), "--namespace", case.namespace()]);
                let (gone, said) = kubectl::said(helm.args(["--wait", "--timeout", "180s"]), "");
                assert_eq!(gone, goes, "{way} {name}: {said}");
                assert_eq!(said.contains("failed to delete release"), !goes, "{way} {name}: {said}");
            }
            let storage = format!("{}-{way}-storage", case.namespace());
            case.storages().get(&storage).await.expect("it is protected");
            let release = format!("{way}-storage");
            let of = |verb: &str| {
                let mut helm = Command::new(&program);
                helm.args([verb, &release, "--namespace", case.namespace()]);
                kubectl::said(&mut helm, "")
            };
            let (_, said) = of("status");
            assert!(said.contains("STATUS: uninstalling"), "{way}: {said}");
            annotate(&case.storages(), &storage, labels::DELETION_PROTECTION, None).await;
            let (gone, said) = of("uninstall");
            assert!(gone, "{way}: {said}");
        }
        case.storages().get(STORAGE).await.expect("the storage of all cases");
    });
}
