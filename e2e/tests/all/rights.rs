//! What the operator's account may do: one that watches a namespace, nothing elsewhere; in Pods, start the agent.
use std::io::Write;
use std::process::{Command, Stdio};

use e2e::case::finally;
use e2e::cluster::{apply_in, delete, object};
use e2e::kubectl::kubectl;
use e2e::runs::{status, stream};
use e2e::{Case, case, operator};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use serde::Deserialize;
use serde_json::{Value, json};

/// The account that gets the rights.
const ACCOUNT: &str = "operator";
/// What all names of the chart begin with.
const NAME: &str = "backup-operator";
const GROUP: &str = "backup-operator.io";
const RBAC: &str = "rbac.authorization.k8s.io";

/// The chart's objects for an operator in the case's namespace that watches this one.
fn chart(namespace: &str) -> Vec<Value> {
    let helm = std::env::var_os("HELM_BIN").expect("HELM_BIN is not set: run `make test`");
    let values = json!({
        "watchNamespaces": [namespace],
        "serviceAccount": {"name": ACCOUNT, "create": false},
        "webhook": {"enabled": false},
    });
    let mut child = Command::new(helm)
        .args([
            "template",
            "release",
            "--kube-version",
            "1.35.0",
            "--namespace",
            namespace,
            "--values",
            "-",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/backup-operator"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Helm");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(values.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    documents.map(|d| Value::deserialize(d).unwrap()).collect()
}

/// Applies the roles and bindings under names of the case's own: the operator under test has the chart's. They go with the
/// case's namespace, wherever they are.
async fn apply_roles(case: &Case) {
    let client = case.client();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let owner = namespaces.get(case.namespace()).await.unwrap();
    let owner = json!([{"apiVersion": "v1", "kind": "Namespace", "name": owner.name_any(), "uid": owner.uid()}]);
    let mut applied = 0;
    for mut role in chart(case.namespace()) {
        if role["apiVersion"] != format!("{RBAC}/v1") {
            continue;
        }
        for pointer in ["/metadata/name", "/roleRef/name"] {
            if let Some(name) = role.pointer_mut(pointer) {
                *name = name.as_str().unwrap().replace(NAME, case.namespace()).into();
            }
        }
        role["metadata"]["ownerReferences"] = owner.clone();
        let namespace = role["metadata"]["namespace"].as_str().unwrap_or_default().to_string();
        match role["kind"].as_str().unwrap() {
            "ClusterRole" => drop(apply_in::<ClusterRole>(&Api::all(client.clone()), role).await),
            "ClusterRoleBinding" => drop(apply_in::<ClusterRoleBinding>(&Api::all(client.clone()), role).await),
            "Role" => drop(apply_in::<Role>(&Api::namespaced(client.clone(), &namespace), role).await),
            "RoleBinding" => drop(apply_in::<RoleBinding>(&Api::namespaced(client.clone(), &namespace), role).await),
            other => panic!("{other}"),
        }
        applied += 1;
    }
    // Cluster, watched namespace, default, lease: a role and a binding each.
    assert_eq!(applied, 8);
}

/// Something that an account may want to do.
#[derive(Clone, Copy, Debug)]
struct Deed {
    verb: &'static str,
    group: &'static str,
    /// With a subresource after a slash.
    resource: &'static str,
    /// Of an object of that name; empty: of any.
    name: &'static str,
}

fn deed(verb: &'static str, group: &'static str, resource: &'static str) -> Deed {
    let name = "";
    Deed {
        verb,
        group,
        resource,
        name,
    }
}

/// Whether the API server would let it; an empty namespace is all of them, or none.
async fn may(case: &Case, namespace: &str, deed: Deed) -> bool {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_string());
    let (resource, subresource) = deed.resource.split_once('/').unwrap_or((deed.resource, ""));
    let attributes = ResourceAttributes {
        verb: some(deed.verb),
        group: some(deed.group),
        resource: some(resource),
        subresource: some(subresource),
        name: some(deed.name),
        namespace: some(namespace),
        ..ResourceAttributes::default()
    };
    let mut review: SubjectAccessReview = object(json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": format!("system:serviceaccount:{}:{ACCOUNT}", case.namespace()),
            "groups": ["system:serviceaccounts", format!("system:serviceaccounts:{}", case.namespace()), "system:authenticated"],
        },
    }));
    review.spec.resource_attributes = Some(attributes);
    let reviews: Api<SubjectAccessReview> = Api::all(case.client().clone());
    let answer = reviews
        .create(&PostParams::default(), &review)
        .await
        .expect("an answer");
    answer.status.is_some_and(|s| s.allowed)
}

/// What the operator does in a namespace that it watches.
fn work() -> Vec<Deed> {
    let mut all = Vec::new();
    for (resource, verbs) in [
        ("backupschedules", vec!["get", "list", "watch", "update", "patch"]),
        (
            "backupruns",
            vec!["get", "list", "watch", "create", "update", "patch", "delete"],
        ),
        ("backupschedules/status", vec!["get", "update", "patch"]),
        ("backupruns/status", vec!["get", "update", "patch"]),
    ] {
        all.extend(verbs.into_iter().map(|verb| deed(verb, GROUP, resource)));
    }
    for verb in ["get", "list", "watch", "create", "delete"] {
        all.push(deed(verb, "", "pods"));
    }
    all.push(deed("get", "", "pods/exec"));
    all.push(deed("create", "", "pods/exec"));
    all.push(deed("get", "", "secrets"));
    all.push(deed("create", "events.k8s.io", "events"));
    all
}

#[test]
fn the_roles_of_one_namespace_are_enough_there_and_give_nothing_elsewhere() {
    case("rights", |case| async move {
        let here = case.namespace().to_string();
        let account = json!({"metadata": {"name": ACCOUNT}});
        apply_in::<ServiceAccount>(&case.api(), account).await;
        apply_roles(&case).await;
        // It hears of each kind by a watch of its own: one deed of each role and binding.
        for (namespace, one) in [
            (here.as_str(), deed("get", "", "secrets")),
            (here.as_str(), deed("create", "coordination.k8s.io", "leases")),
            ("default", deed("create", "events.k8s.io", "events")),
            ("", deed("get", "", "namespaces")),
        ] {
            case.wait("the API server has seen the roles", 30, || async {
                may(&case, namespace, one).await.then_some(())
            })
            .await;
        }

        for deed in work() {
            assert!(may(&case, &here, deed).await, "{deed:?} here");
            // Events about storages are in `default`.
            let events = deed.group == "events.k8s.io";
            assert_eq!(may(&case, "default", deed).await, events, "{deed:?} in default");
            assert!(!may(&case, NAME, deed).await, "{deed:?} where the other operator is");
            assert!(!may(&case, "", deed).await, "{deed:?} everywhere");
        }
        for verb in ["get", "list", "watch", "update", "patch"] {
            assert!(may(&case, "", deed(verb, GROUP, "backupstorages")).await, "{verb}");
        }
        assert!(may(&case, "", deed("patch", GROUP, "backupstorages/status")).await);
        assert!(may(&case, "", deed("get", "", "namespaces")).await);
        let lease = |verb, name| Deed {
            name,
            ..deed(verb, "coordination.k8s.io", "leases")
        };
        assert!(may(&case, &here, lease("create", "")).await);
        assert!(may(&case, &here, lease("update", NAME)).await);

        for (namespace, deed) in [
            (here.as_str(), deed("list", "", "secrets")),
            (here.as_str(), deed("watch", "", "secrets")),
            (here.as_str(), deed("create", "", "secrets")),
            (here.as_str(), deed("patch", "", "pods")),
            (here.as_str(), deed("create", "", "pods/ephemeralcontainers")),
            (here.as_str(), deed("impersonate", "", "serviceaccounts")),
            (here.as_str(), deed("create", "", "serviceaccounts/token")),
            (here.as_str(), deed("create", RBAC, "rolebindings")),
            (here.as_str(), deed("create", GROUP, "backupschedules")),
            (here.as_str(), lease("update", "another")),
            ("default", lease("update", NAME)),
            ("", deed("list", "", "namespaces")),
            ("", deed("create", GROUP, "backupstorages")),
            ("", deed("delete", GROUP, "backupstorages")),
            ("", deed("get", "", "nodes")),
        ] {
            assert!(!may(&case, namespace, deed).await, "{deed:?} in {namespace:?}");
        }
    });
}

/// docs/operations/exec-policy.yaml, as the security page recommends it.
#[test]
fn the_exec_policy_keeps_the_operators_account_to_its_agent() {
    case("exec-policy", |case| async move {
        let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations/exec-policy.yaml");
        let work = async {
            let (ok, text) = kubectl(&["apply", "-f", policy], "");
            assert!(ok, "{text}");
            case.start("held", stream(&case.path("held"), "hang random 10")).await;
            let pod = case.until("held", "has a Pod", 60, |run| status(run).pod_name).await;
            let account = format!("--as=system:serviceaccount:{}:{NAME}", operator::NAMESPACE);
            let execute = |command: &[&str]| {
                let ours = ["-n", case.namespace(), "exec", &pod, &account, "--"];
                kubectl(&[&ours, command].concat(), "").1
            };
            case.wait("another command is refused", 60, || async {
                let said = execute(&["/stream", "random", "1"]);
                said.contains("may execute nothing but its agent").then_some(())
            })
            .await;
            let more = execute(&["/.backup-operator/bin/agent", "install"]);
            assert!(more.contains("may execute nothing but its agent"), "{more}");
            // As for a check in another container; this one has nobody to be found by.
            let stands = execute(&["/.backup-operator/bin/agent", "stand-by", "--help"]);
            assert!(!stands.contains("may execute nothing but its agent"), "{stands}");
            // The operator's own work is not in its way.
            case.keeps("db");
            case.backup("db", stream(&case.path("db"), "random 1000")).await;
            delete(&case.runs(), "held").await;
        };
        finally(work, async {
            let (ok, text) = kubectl(&["delete", "--ignore-not-found", "-f", policy], "");
            assert!(ok, "{text}");
        })
        .await;
    });
}
