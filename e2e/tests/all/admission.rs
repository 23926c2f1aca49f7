//! The webhook: every fault at once, before anything is stored; who may ask; and certificates that change unnoticed.
use std::time::{Duration, Instant};

use api::{BackupRun, BackupSchedule, BackupStorage};
use e2e::admission::{answered, permitted};
use e2e::case::labelled_case;
use e2e::cluster::{annotate, delete, image_volumes, merge, object};
use e2e::kubectl::kubectl;
use e2e::runs::{message, stream};
use e2e::shared::{NAMESPACE, SECRET, parameters};
use e2e::{Case, case, killing_case, operator};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{LimitRange, ResourceQuota, Secret, Service};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

/// The Secret with the webhook's certificate.
const CERTIFICATE: &str = "backup-operator-webhook";

fn dry() -> PostParams {
    PostParams {
        dry_run: true,
        ..PostParams::default()
    }
}

fn run(name: &str, spec: &Value) -> BackupRun {
    object(
        json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "metadata": {"name": name}, "spec": spec}),
    )
}

/// The answer to somebody's run that is only tried: None where it is taken.
async fn refusal(client: &Client, namespace: &str, spec: &Value) -> Option<(u16, String)> {
    let runs: Api<BackupRun> = Api::namespaced(client.clone(), namespace);
    let (parameters, run) = (dry(), run("tried", spec));
    match answered(|| runs.create(&parameters, &run)).await {
        Ok(_) => None,
        Err(kube::Error::Api(status)) => Some((status.code, status.message.clone())),
        Err(error) => panic!("{error}"),
    }
}

/// What `kubectl apply --dry-run=server` says, on both streams.
fn tried(namespace: &str, manifest: &Value) -> (bool, String) {
    kubectl(
        &["-n", namespace, "apply", "--dry-run=server", "-f", "-"],
        &manifest.to_string(),
    )
}

fn manifest(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "backup-operator.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

#[test]
fn every_fault_is_said_at_once_before_anything_is_stored() {
    case("faults", |case| async move {
        let mut spec = stream("/{{ nowt }}", "random 10");
        spec["encryption"] = json!({"recipients": ["age1wrong"], "decryptionKey": {"name": "a", "key": "b"}});
        spec["template"]["metadata"] = json!({"labels": {"team": "no spaces"}});
        let (code, said) = refusal(case.client(), case.namespace(), &spec)
            .await
            .expect("a refusal");
        assert_eq!(code, 422, "{said}");
        for part in [
            "3 faults:",
            "spec.storage.path: ",
            "nowt",
            "spec.encryption.recipients[0]: ",
            "spec.template.metadata.labels[\"team\"]: ",
        ] {
            assert!(said.contains(part), "{part:?} is not in {said}");
        }
        assert!(case.runs().get_opt("tried").await.unwrap().is_none());
    });
}

#[test]
fn a_server_side_dry_run_of_each_kind_stores_nothing_and_warns_of_what_is_unwise() {
    case("dry", |case| async move {
        let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
        let mut far = parameters();
        far["endpoint"] = json!("http://store.example:9000");
        let storage = json!({"type": "s3", "parameters": far, "credentials": credentials});
        let mut spec = stream("/always-the-same", "random 10");
        spec["storage"]["name"] = json!("not-there-yet");
        let schedule = json!({"schedule": "@daily", "template": {"spec": spec}});
        for (kind, spec, warnings) in [
            ("BackupStorage", &storage, vec!["spec.parameters"]),
            (
                "BackupSchedule",
                &schedule,
                vec![
                    "there is no BackupStorage \"not-there-yet\" yet",
                    "spec.template.spec.storage.path",
                ],
            ),
            (
                "BackupRun",
                &spec,
                vec!["there is no BackupStorage \"not-there-yet\" yet", "deadlineSeconds"],
            ),
        ] {
            let (ok, said) = tried(case.namespace(), &manifest(kind, "tried", spec));
            assert!(ok && said.contains("tried created (server dry run)"), "{kind}: {said}");
            for warning in warnings {
                assert!(
                    said.contains("Warning: ") && said.contains(warning),
                    "{kind}: {warning:?} is not in {said}"
                );
            }
        }
        assert!(case.storages().get_opt("tried").await.unwrap().is_none());
        assert!(case.schedules().get_opt("tried").await.unwrap().is_none());
    });
}

#[test]
fn a_pod_that_the_cluster_would_refuse_refuses_a_run_and_warns_of_a_schedule() {
    case("trial", |case| async move {
        let none = json!({"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
        case.apply::<ResourceQuota>(none).await;
        let quotas: Api<ResourceQuota> = case.api();
        case.wait("the quota is counted", 30, || async {
            quotas.get("none").await.ok()?.status?.used.map(drop)
        })
        .await;
        let spec = stream(&case.path("db"), "random 10");
        let (_, said) = refusal(case.client(), case.namespace(), &spec)
            .await
            .expect("a refusal");
        assert!(
            said.contains("spec.template: the run would get no Pod: ") && said.contains("exceeded quota"),
            "{said}"
        );
        // No amounts of a container are to blame.
        assert!(!said.contains("agent.resources"), "{said}");
        let schedule = json!({"schedule": "@daily", "template": {"spec": spec}});
        let (ok, said) = tried(case.namespace(), &manifest("BackupSchedule", "tried", &schedule));
        assert!(
            ok && said.contains("Warning: ") && said.contains("exceeded quota"),
            "{said}"
        );
    });
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    labelled_case("trial-restricted", labels, |case| async move {
        let spec = stream(&case.path("db"), "random 10");
        let (_, said) = refusal(case.client(), case.namespace(), &spec)
            .await
            .expect("a refusal");
        assert!(said.contains("violates PodSecurity"), "{said}");
    });
}

#[test]
fn a_limit_range_that_refuses_the_agents_container_is_told_with_the_cure_and_that_cures_it() {
    case("limit-range", |case| async move {
        let least = json!([{"type": "Container", "min": {"memory": "48Mi"}}]);
        case.apply::<LimitRange>(json!({"metadata": {"name": "least"}, "spec": {"limits": least}}))
            .await;
        let mut spec = stream(&case.path("db"), "random 10");
        let fits = json!({"requests": {"memory": "48Mi"}, "limits": {"memory": "48Mi"}});
        spec["template"]["spec"]["containers"][0]["resources"] = fits.clone();
        if image_volumes(case.client()).await {
            // There is no such container.
            case.keeps("db");
            case.backup("db", spec).await;
            return;
        }
        let (_, said) = refusal(case.client(), case.namespace(), &spec)
            .await
            .expect("a refusal");
        assert!(
            said.contains("per Container is 48Mi") && said.contains("spec.agent.resources of the run"),
            "{said}"
        );
        let schedule = json!({"schedule": "@daily", "template": {"spec": spec}});
        let (ok, said) = tried(case.namespace(), &manifest("BackupSchedule", "tried", &schedule));
        assert!(
            ok && said.contains("spec.template.spec.agent.resources of the schedule"),
            "{said}"
        );
        // It came in while the webhook was away.
        let mut late = spec.clone();
        (late["storage"]["path"], late["startDeadlineSeconds"]) = (json!(case.path("late")), json!(10));
        case.fault("late", "Pod: not admitted, a LimitRange");
        // An operator that was killed in these ten seconds has lost the refusal, and its successor only sees the deadline.
        let steady = operator::steady().await;
        case.start_unadmitted("late", late).await;
        let run = case.failed("late", "PodNotAdmitted", 60).await;
        drop(steady);
        assert!(
            message(&run).contains("per Container is 48Mi")
                && message(&run).contains("spec.startDeadlineSeconds: 10 s"),
            "{}",
            message(&run)
        );
        spec["agent"] = json!({"resources": fits});
        case.keeps("db");
        case.backup("db", spec).await;
    });
}

#[test]
fn labels_by_which_a_service_sends_requests_to_the_pod_are_warned_of() {
    case("neighbours", |case| async move {
        let shop = json!({"selector": {"app": "shop"}, "ports": [{"port": 80}]});
        case.apply::<Service>(json!({"metadata": {"name": "shop"}, "spec": shop}))
            .await;
        let mut spec = stream(&case.path("db"), "random 10");
        spec["template"]["metadata"] = json!({"labels": {"app": "shop"}});
        // A webhook that has no time left for it gives no advice.
        case.wait("it is warned of", 30, || async {
            let (ok, said) = tried(case.namespace(), &manifest("BackupRun", "tried", &spec));
            assert!(ok, "{said}");
            said.contains("Service \"shop\" selects these labels").then_some(())
        })
        .await;
    });
}

fn rules(more: &[Value]) -> Value {
    let ours = json!({"apiGroups": ["backup-operator.io"], "resources": ["*"], "verbs": ["*"]});
    let mut all = vec![ours];
    all.extend(more.iter().cloned());
    json!(all)
}

#[test]
fn nobody_gets_through_a_run_what_he_may_not_do_himself() {
    case("requester", |case| async move {
        let pods = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]});
        let act = json!({"apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": ["strong"], "verbs": ["impersonate"]});
        let weak = case.account("weak", rules(&[])).await;
        let user = case.account("user", rules(std::slice::from_ref(&pods))).await;
        let strong = case.account("strong", rules(&[pods, act])).await;
        let plain = stream(&case.path("db"), "random 10");
        let mut as_strong = plain.clone();
        as_strong["template"]["spec"]["serviceAccountName"] = json!("strong");
        for (who, client, spec, wanted) in [
            ("weak", &weak, &plain, Some("may not create pods in namespace")),
            ("user", &user, &plain, None),
            (
                "user",
                &user,
                &as_strong,
                Some("may not impersonate serviceaccounts \"strong\""),
            ),
            ("strong", &strong, &as_strong, None),
        ] {
            match (refusal(client, case.namespace(), spec).await, wanted) {
                (None, None) => {}
                (Some((code, said)), Some(wanted)) => {
                    let name = format!("system:serviceaccount:{}:{who} ", case.namespace());
                    assert!(
                        code == 403 && said.contains(wanted) && said.contains(&name),
                        "{code} {said}"
                    );
                }
                (seen, wanted) => panic!("{who}: {seen:?}, not {wanted:?}"),
            }
            // The same for what makes runs later.
            let schedules: Api<BackupSchedule> = Api::namespaced(client.clone(), case.namespace());
            let schedule: BackupSchedule = object(manifest(
                "BackupSchedule",
                "tried",
                &json!({"schedule": "@daily", "template": {"spec": spec}}),
            ));
            let parameters = dry();
            let seen = answered(|| schedules.create(&parameters, &schedule)).await;
            assert_eq!(seen.is_ok(), wanted.is_none(), "{who}: {seen:?}");
        }
    });
}

/// Requests that are a load, at least: a busy machine takes a second for each.
const LOAD: usize = 50;

/// Asks for admission again and again until `watched` has ended; no request may fail.
async fn under_load(case: &Case, seconds: u64, watched: impl AsyncFn() -> bool) {
    let spec = stream(&case.path("load"), "random 10");
    let tried = run("tried", &spec);
    let (mut asked, mut failed) = (0, Vec::new());
    let until = Instant::now() + Duration::from_secs(seconds);
    while !watched().await || asked < LOAD {
        assert!(
            Instant::now() < until,
            "waited {seconds} s in vain; {asked} requests, failed: {failed:?}"
        );
        for _ in 0..10 {
            // A client of its own: connections that are open already would prove nothing. The API server's own are closed by
            // what is tried here.
            asked += 1;
            if let Err(error) = case.runs().create(&dry(), &tried).await {
                failed.push(error.to_string());
            }
        }
    }
    assert!(failed.is_empty(), "{} of {asked} failed: {:?}", failed.len(), failed[0]);
}

#[test]
fn certificates_change_without_a_request_that_fails() {
    // Nobody kills an operator meanwhile.
    killing_case("rotation", |case| async move {
        operator::fresh(case.client()).await;
        let secrets: Api<Secret> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
        let held = async || {
            let data = secrets.get(CERTIFICATE).await.unwrap().data.unwrap();
            let text = |key: &str| String::from_utf8(data[key].0.clone()).unwrap();
            (text("tls.crt"), text("ca.crt"), data.contains_key("next.crt"))
        };
        let before = held().await;
        annotate(&secrets, CERTIFICATE, "backup-operator.io/rotate", Some("now")).await;
        under_load(&case, 300, async || {
            let (chain, trusted, next) = held().await;
            // The last authority is trusted no longer: all is over.
            chain != before.0 && !next && trusted.matches("BEGIN CERTIFICATE").count() == 1
        })
        .await;
        assert!(
            !secrets
                .get(CERTIFICATE)
                .await
                .unwrap()
                .annotations()
                .contains_key("backup-operator.io/rotate")
        );

        // A Secret that is lost is made anew, and trusted, in seconds.
        delete(&secrets, CERTIFICATE).await;
        let after = held;
        case.wait("another certificate is made", 30, || async {
            secrets.get_opt(CERTIFICATE).await.ok()?.map(drop)
        })
        .await;
        assert_ne!(after().await.0, before.0);
        let spec = stream(&case.path("load"), "random 10");
        case.wait("the webhook answers again", 30, || async {
            case.runs().create(&dry(), &run("tried", &spec)).await.ok().map(drop)
        })
        .await;
    });
}

#[test]
fn a_rollout_refuses_no_request() {
    // Nobody kills an operator meanwhile.
    killing_case("rollout", |case| async move {
        operator::fresh(case.client()).await;
        let deployments: Api<Deployment> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
        // It changes the leader, too.
        let _away = operator::changing().await;
        let begun = json!({"spec": {"template": {"metadata": {"annotations": {"e2e": case.namespace()}}}}});
        merge(&deployments, "backup-operator", begun).await;
        under_load(&case, 300, async || {
            let deployment = deployments.get("backup-operator").await.unwrap();
            let status = deployment.status.unwrap();
            // The last Pods are gone, too, and not only on their way out.
            status.observed_generation == deployment.metadata.generation
                && [status.replicas, status.updated_replicas, status.available_replicas] == [Some(2); 3]
                && operator::count(case.client()).await == 2
        })
        .await;
    });
}

#[test]
fn a_storage_is_taken_from_who_may_read_its_access_keys_only() {
    case("keys", |case| async move {
        use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
        let storages_only = case.account("storages", json!([])).await;
        // Storages are cluster-wide, so the right to make them is, too.
        let name = case.namespace().to_string();
        let roles: Api<ClusterRole> = Api::all(case.client().clone());
        let bindings: Api<ClusterRoleBinding> = Api::all(case.client().clone());
        let rules =
            json!([{"apiGroups": ["backup-operator.io"], "resources": ["backupstorages"], "verbs": ["create"]}]);
        e2e::cluster::apply_in(
            &roles,
            json!({"metadata": {"name": name, "labels": {"e2e": "true"}}, "rules": rules}),
        )
        .await;
        let subject = json!({"kind": "ServiceAccount", "name": "storages", "namespace": name});
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name});
        e2e::cluster::apply_in(
            &bindings,
            json!({"metadata": {"name": name, "labels": {"e2e": "true"}}, "roleRef": role, "subjects": [subject]}),
        )
        .await;
        permitted(&storages_only, case.namespace(), &rules).await;
        let storage: BackupStorage = object(manifest(
            "BackupStorage",
            "tried",
            &json!({
                "type": "s3", "parameters": parameters(), "credentials": {"name": SECRET, "namespace": NAMESPACE},
            }),
        ));
        let storages: Api<BackupStorage> = Api::all(storages_only);
        let parameters = dry();
        let seen = answered(|| storages.create(&parameters, &storage)).await;
        delete(&bindings, &name).await;
        delete(&roles, &name).await;
        let Err(kube::Error::Api(status)) = seen else {
            panic!("{seen:?}")
        };
        assert!(
            status.code == 403 && status.message.contains("may not get secrets"),
            "{status:?}"
        );
    });
}
