//! docs/recipes/kubernetes.md.
use age::secrecy::ExposeSecret;
use api::condition;
use e2e::example::documents;
use e2e::kubectl::kubectl;
use e2e::runs::{is, status};
use e2e::{Case, case};
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use serde_json::{Value, json};

use crate::net::{IMAGE, Net};

const FILE: &str = "kubernetes.yaml";

/// The example's object of a kind, in the case's namespace.
fn of_example(case: &Case, kind: &str) -> Value {
    let found = documents(FILE).into_iter().find(|d| d["kind"] == kind);
    let text = found.expect("an object of that kind").to_string();
    serde_json::from_str(&text.replace("\"development\"", &format!("\"{}\"", case.namespace()))).unwrap()
}

/// What people wrote of what is there.
fn seen(case: &Case) -> String {
    let kinds = "configmap/app,secret/app,service/app";
    let columns = "custom-columns=A:.data,B:.type,C:.metadata.labels,D:.spec.ports,E:.spec.selector";
    let all = kinds
        .split(',')
        .map(|one| kubectl(&["-n", case.namespace(), "get", one, "-o", columns, "--no-headers"], "").1);
    all.collect::<Vec<_>>().join("\n")
}

#[test]
fn objects_of_a_namespace_come_back_and_what_may_not_be_read_fails_the_run() {
    case("objects", |case| async move {
        let identity = age::x25519::Identity::generate();
        let key = json!({"keys.txt": identity.to_string().expose_secret()});
        case.secret("backup-age-key", key).await;
        let recipients = json!({"all": identity.to_public().to_string()});
        case.apply::<ConfigMap>(json!({"metadata": {"name": "backup-recipients"}, "data": recipients}))
            .await;
        let recipe = Net::of(&case, FILE, IMAGE);
        case.apply::<ServiceAccount>(of_example(&case, "ServiceAccount")).await;
        case.apply::<Role>(of_example(&case, "Role")).await;
        // Without the binding it is a stranger.
        recipe.fails("forbidden", "Forbidden").await;
        case.apply::<RoleBinding>(of_example(&case, "RoleBinding")).await;

        let labels = json!({"app": "shop"});
        case.apply::<ConfigMap>(
            json!({"metadata": {"name": "app", "labels": labels}, "data": {"motto": "Zoë \"x\"\n"}}),
        )
        .await;
        case.secret("app", json!({"password": "s3cret"})).await;
        let ports = json!({"selector": labels, "ports": [{"port": 80}]});
        case.apply::<Service>(json!({"metadata": {"name": "app", "labels": labels}, "spec": ports}))
            .await;
        let before = seen(&case);
        assert!(before.contains("Zoë") && before.contains("Opaque"), "{before}");
        let made = recipe.good("whole").await;
        let stored = e2e::bytes::decrypted(&case.store().get(&case.key("whole")), &identity);
        let text = String::from_utf8(zstd::decode_all(&*stored).unwrap()).unwrap();
        assert_eq!(status(&made).bytes, Some(text.len() as u64));
        for noted in [
            "resourceVersion",
            "\"uid\"",
            "\"status\"",
            "kube-root-ca",
            "clusterIP\"",
        ] {
            assert!(!text.contains(noted), "{noted} is in {text}");
        }
        for one in ["configmap/app", "secret/app", "service/app"] {
            let (ok, words) = kubectl(&["-n", case.namespace(), "delete", one], "");
            assert!(ok, "{words}");
        }
        assert_ne!(seen(&case), before);
        let run = case.restore("whole").await;
        assert_eq!(seen(&case), before);
        assert!(is(&run, condition::RESTORED));
    });
}
