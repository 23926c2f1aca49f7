//! From the release before to this one.
use api::{condition, labels};
use e2e::cluster::annotate;
use e2e::install::{Release, restored_within};
use e2e::kubectl::{plugin, said};
use e2e::runs::{is, message, reason, sleeping, status, stream};
use e2e::schedules::NEVER;
use e2e::{Case, long_case};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde_json::json;

use super::{
    LIMIT, REUSED, SLOW, WHILE, WORK, alone, before, begin_reading, pod_is_of, read_slowly, read_whole, upload,
};

/// Whom the API server trusts to be the webhook.
async fn trusted(case: &Case) -> Vec<u8> {
    let all: Api<ValidatingWebhookConfiguration> = Api::all(case.client().clone());
    let one = all.get("backup-operator").await.expect("the webhook's configuration");
    let bundle = one.webhooks.unwrap_or_default().remove(0).client_config.ca_bundle;
    bundle.expect("a caBundle").0
}

#[test]
fn what_the_release_before_began_ends_well_under_this_one() {
    let _alone = alone();
    long_case("upgrade", LIMIT, |case| async move {
        restored_within(case.client(), WORK, async {
            let old = before(&case).await;
            case.keeps("done");
            case.backup("done", stream(&case.path("done"), "random 12M")).await;
            let settings = json!({"schedule": NEVER});
            let path = format!("/{}/{{{{ .name }}}}", case.namespace());
            case.schedule("often", settings, stream(&path, "random 1000")).await;
            let of_old = case.triggered("often").await;
            case.keeps(&of_old);
            case.succeeded(&of_old, 120).await;
            case.keeps("read");
            case.backup("read", read_slowly(&case.path("read"), WHILE, SLOW)).await;

            begin_reading(&case, "read").await;
            case.begin_slow("db", WHILE, SLOW).await;
            for run in ["db", "read"] {
                pod_is_of(&case, run, &old).await;
            }
            let (begun, certificate) = (upload(&case, "db").await, trusted(&case).await);
            let head = Release::head();
            head.upgrade(case.client(), REUSED).await;

            // The agents of before, under this operator: the upload goes on, and no other was begun.
            assert_eq!(upload(&case, "db").await, begun);
            assert_eq!(case.store().uploads(&case.key("db")), 1);
            for run in ["db", "read"] {
                pod_is_of(&case, run, &old).await;
            }
            case.ended_whole("db", WHILE, 240).await;
            read_whole(&case, "read", WHILE).await;

            // What is there is as it was, and can be used.
            assert_eq!(trusted(&case).await, certificate, "nobody made another certificate");
            for run in ["done", &of_old] {
                let now = case.runs().get(run).await.unwrap();
                assert!(is(&now, condition::SUCCESSFUL), "{run}: {}", message(&now));
                case.restore(run).await;
            }
            let (ok, words) = said(&mut plugin(&["describe", "done", "-n", case.namespace()]), "");
            assert!(ok, "{words}");
            let of_new = case.triggered("often").await;
            case.keeps(&of_new);
            case.succeeded(&of_new, 120).await;

            // The new CRDs came with the release: a field of theirs is kept, and what is wrong in it refused by their rules.
            let mut spec = read_slowly(&case.path("new"), 1000, 0);
            spec["restore"]["check"] = json!({"command": ["true"], "container": "nobody"});
            let refused = case.refused("new", &spec).await;
            assert!(refused.contains("there is no container nobody"), "{refused}");
            spec["restore"]["check"]["container"] = json!("reader");
            case.keeps("new");
            let made = case.backup("new", spec).await;
            let check = made.spec.restore.unwrap().check.unwrap();
            assert_eq!(check.container.as_deref(), Some("reader"));
        })
        .await;
    });
}

/// CRDs first, then the operator: between the two, Pods of the old operator have agents that know no such field.
#[test]
fn an_agent_of_before_is_not_given_a_check_that_it_would_run_in_the_wrong_container() {
    let _alone = alone();
    long_case("old-agent", LIMIT, |case| async move {
        restored_within(case.client(), WORK, async {
            let old = before(&case).await;
            case.keeps("db");
            case.backup("db", stream(&case.path("db"), "random 1000")).await;
            Release::head().crds();
            // Its Pod is not ready before it is told to be.
            let mut reader = sleeping("redis:7");
            reader["readinessProbe"] = json!({"exec": {"command": ["test", "-e", "/tmp/go"]}, "periodSeconds": 1});
            let mut scratch = sleeping("redis:7");
            scratch["name"] = json!("scratch");
            let mut spec = stream(&case.path("db"), "random 1000");
            spec.as_object_mut().unwrap().remove("backup");
            spec["startDeadlineSeconds"] = json!(300);
            spec["template"]["spec"]["containers"] = json!([reader, scratch]);
            spec["restore"] = json!({
                "command": ["sh", "-c", "cat >/dev/null; echo begun >&2"],
                "check": {"command": ["true"], "container": "scratch"},
            });
            case.start("checked", spec).await;
            case.until("checked", "has a Pod", 60, |run| status(run).pod_name).await;
            let pod = case.wait("its Pod runs", 90, || async {
                let name = status(&case.runs().get("checked").await.ok()?).pod_name?;
                let pod = case.api::<Pod>().get_opt(&name).await.ok()??;
                (pod.status?.phase.as_deref() == Some("Running")).then_some(name)
            });
            let pod = pod.await;
            pod_is_of(&case, "checked", &old).await;
            Release::head().upgrade(case.client(), REUSED).await;
            case.exec_in(&pod, "main", &["touch", "/tmp/go"]).await;

            let run = case.failed("checked", "AgentVersion", 120).await;
            let words = message(&run);
            for word in [
                "version 7",
                "spec.restore.check.container",
                "version 8",
                "ask for the restore again",
            ] {
                assert!(words.contains(word), "{word} in: {words}");
            }
            assert!(
                !status(&run).log.unwrap_or_default().contains("begun"),
                "nothing was begun"
            );

            // The cure that it names: a Pod with this operator's agent. That one is ready by itself, once told.
            annotate(&case.runs(), "checked", labels::RESTORE, Some("again")).await;
            let pod = case
                .until("checked", "has another Pod", 90, |run| {
                    status(run).pod_name.filter(|name| *name != pod)
                })
                .await;
            case.wait("it is told to be ready", 90, || async {
                let pods: Api<Pod> = case.api();
                let running = pods.get_opt(&pod).await.ok()??.status?.phase? == "Running";
                if running {
                    case.exec_in(&pod, "main", &["touch", "/tmp/go"]).await;
                }
                running.then_some(())
            })
            .await;
            let run = case
                .until("checked", "is restored", 120, |run| {
                    (reason(run, condition::RESTORED) == "RestoreSuccessful").then(|| run.clone())
                })
                .await;
            assert!(is(&run, condition::RESTORED), "{}", message(&run));
        })
        .await;
    });
}
