//! The Helm chart as Helm itself reads it. `make test` names its binary in HELM_BIN.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "chart/helm.rs"]
mod helm;
#[path = "chart/metrics.rs"]
mod metrics;
#[path = "chart/upgrade.rs"]
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};

use helm::{Key, conform, install, lint, refused, render, root, rules};
use serde_json::{Value, json};

/// What the chart has and plain manifests have not.
const CHART_ONLY: [&str; 1] = ["PodDisruptionBudget"];
/// What belongs to the webhook.
const WEBHOOK: &str = "backup-operator-webhook";

/// What of `wanted` is not in `given`, by its path. Lists must be equal, and objects may have more.
fn missing(wanted: &Value, given: &Value, path: &str) -> Option<String> {
    match (wanted, given) {
        (Value::Object(wanted), Value::Object(given)) => wanted.iter().find_map(|(key, value)| {
            let path = format!("{path}.{key}");
            given
                .get(key)
                .map_or(Some(path.clone()), |given| missing(value, given, &path))
        }),
        (Value::Array(wanted), Value::Array(given)) if wanted.len() == given.len() => wanted
            .iter()
            .zip(given)
            .enumerate()
            .find_map(|(at, (wanted, given))| missing(wanted, given, &format!("{path}[{at}]"))),
        _ => (wanted != given).then(|| path.to_string()),
    }
}

fn is_webhook(object: &Value) -> bool {
    object["metadata"]["name"] == WEBHOOK || object["kind"] == "ValidatingWebhookConfiguration"
}

/// The one object of a kind.
fn one<'a>(objects: &'a BTreeMap<Key, Value>, kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|(key, _)| key.kind == kind);
    let (Some((_, object)), None) = (found.next(), found.next()) else {
        panic!("not one {kind}");
    };
    object
}

fn args(objects: &BTreeMap<Key, Value>) -> Vec<&str> {
    let container = &one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    let words = container["args"].as_array();
    words.into_iter().flatten().map(|w| w.as_str().unwrap()).collect()
}

fn keys_of<'a>(objects: &'a BTreeMap<Key, Value>, kind: &str) -> BTreeSet<(&'a str, &'a str)> {
    objects
        .keys()
        .filter(|key| key.kind == kind)
        .map(|key| (key.namespace.as_str(), key.name.as_str()))
        .collect()
}

#[test]
fn the_chart_passes_helm_lint() {
    lint("{}");
    lint("{watchNamespaces: [a, b], networkPolicy: {enabled: true}, webhook: {certManager: {enabled: true}}}");
    lint("{store: {enabled: true, storageClass: nfs, size: 1Ti}}");
    lint("{metrics: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboards: {enabled: true}}}");
}

#[test]
fn with_default_values_the_chart_is_what_the_plain_manifests_are() {
    let plain = install();
    // Plain manifests without the webhook are what the chart is without it.
    let with_webhook = plain.keys().any(|key| key.kind == "ValidatingWebhookConfiguration");
    let (values, more): (_, &[&str]) = if with_webhook {
        ("{}", &[])
    } else {
        ("{webhook: {enabled: false}}", &["--webhook=false"])
    };
    let chart = render(values);
    for (key, wanted) in plain.iter().filter(|(key, _)| key.kind != "Namespace") {
        let given = chart.get(key).unwrap_or_else(|| panic!("{key:?} is not in the chart"));
        let mut wanted = wanted.clone();
        if let Some(role) = wanted.as_object_mut().filter(|o| o.contains_key("rules")) {
            // However they are grouped: compared below.
            role.remove("rules");
        }
        assert_eq!(missing(&wanted, given, ""), None, "{key:?}");
    }
    for key in chart.keys() {
        let expected = plain.contains_key(key) || CHART_ONLY.contains(&key.kind.as_str());
        assert!(expected, "{key:?} is in the chart only");
    }
    // Objects may have more, but no right and no argument more.
    for (key, object) in plain.iter().filter(|(_, o)| o.get("rules").is_some()) {
        assert_eq!(rules(object), rules(&chart[key]), "{key:?}");
    }
    assert!(args(&plain).is_empty(), "defaults are the operator's own");
    assert_eq!(args(&chart), more);
}

#[test]
fn plain_manifests_and_examples_are_as_kubeconform_says_that_their_kinds_are() {
    let of = |folder: &str| {
        std::fs::read_dir(root().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    let manifests =
        |path: &std::path::PathBuf| path.extension().is_some_and(|e| e == "yaml") && !path.ends_with("alerts.yaml");
    let files: Vec<_> = of("deploy").chain(of("docs/examples")).filter(manifests).collect();
    assert!(files.len() > 40, "{files:?}");
    conform(&files, "");
}

#[test]
#[should_panic(expected = "additional properties 'replica' not allowed")]
fn a_field_that_there_is_not_is_found_by_kubeconform() {
    let changed = std::fs::read_to_string(root().join("deploy/install.yaml")).unwrap();
    conform(&["/dev/stdin".into()], &changed.replace("  replicas: ", "  replica: "));
}

#[test]
fn crds_are_upgraded_with_the_release_outlive_it_and_are_the_plain_ones() {
    let (plain, chart) = (install(), render("{}"));
    for (key, wanted) in plain.iter().filter(|(key, _)| key.kind == "CustomResourceDefinition") {
        assert_eq!(wanted, &chart[key], "{key:?}");
        assert_eq!(wanted["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    }
    let without = render("{crds: {install: false}}");
    assert!(keys_of(&without, "CustomResourceDefinition").is_empty());
    assert_eq!(without.len() + 4, chart.len());
}

#[test]
fn with_namespaces_there_are_roles_there_and_one_small_cluster_role() {
    let objects = render("{watchNamespaces: [a, b], credentialNamespaces: [b, vault], webhook: {enabled: false}}");
    let roles = BTreeSet::from([
        ("a", "backup-operator-watched"),
        ("b", "backup-operator-watched"),
        ("vault", "backup-operator-credentials"),
        ("default", "backup-operator-events"),
        ("backup-operator", "backup-operator"),
    ]);
    assert_eq!(keys_of(&objects, "Role"), roles);
    assert_eq!(keys_of(&objects, "RoleBinding"), roles);
    let cluster = rules(one(&objects, "ClusterRole"));
    let resources: BTreeSet<_> = cluster.iter().map(|(_, resource, _, _)| resource.as_str()).collect();
    let wanted = [
        "backupstorages",
        "backupstorages/finalizers",
        "backupstorages/status",
        "namespaces",
        "nodes",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    ];
    assert_eq!(resources, BTreeSet::from(wanted));

    // Taken together, they are what one role is for all namespaces.
    let all = render("{webhook: {enabled: false}}");
    let role = |namespace: &str, name: &str| {
        let key = objects
            .keys()
            .find(|k| k.kind == "Role" && k.namespace == namespace && k.name == name);
        rules(&objects[key.unwrap()])
    };
    let watched = role("a", "backup-operator-watched");
    assert_eq!(watched, role("b", "backup-operator-watched"));
    let mut together = watched;
    together.extend(cluster);
    assert_eq!(together, rules(one(&all, "ClusterRole")));
    assert_eq!(
        role("vault", "backup-operator-credentials"),
        BTreeSet::from([("".into(), "secrets".into(), "get".into(), String::new())])
    );

    for (_, binding) in objects.iter().filter(|(key, _)| key.kind == "RoleBinding") {
        assert_eq!(binding["roleRef"]["name"], binding["metadata"]["name"]);
        assert_eq!(binding["subjects"][0]["namespace"], "backup-operator");
    }
    assert_eq!(args(&objects), ["--watch-namespaces=a,b", "--webhook=false"]);
}

#[test]
fn a_watched_namespace_may_be_any_the_operators_own_included() {
    let objects = render("{watchNamespaces: [backup-operator, default], credentialNamespaces: [default]}");
    let roles = BTreeSet::from([
        ("backup-operator", "backup-operator-watched"),
        ("default", "backup-operator-watched"),
        ("backup-operator", "backup-operator"),
        ("backup-operator", WEBHOOK),
    ]);
    assert_eq!(keys_of(&objects, "Role"), roles);
}

#[test]
fn without_roles_of_the_charts_own_there_are_none() {
    for values in [
        "{rbac: {create: false}}",
        "{rbac: {create: false}, watchNamespaces: [a]}",
    ] {
        let objects = render(values);
        assert!(!objects.keys().any(|key| key.kind.contains("Role")), "{values}");
    }
    let nothing_to_ask = "{webhook: {checkRequester: false, certManager: {enabled: true}}}";
    assert!(
        !render(nothing_to_ask)
            .keys()
            .any(|key| key.kind == "ClusterRole" && key.name == WEBHOOK)
    );
}

#[test]
fn with_namespaces_the_webhook_is_asked_about_these_only() {
    let objects = render("{watchNamespaces: [a, b]}");
    let webhook = &one(&objects, "ValidatingWebhookConfiguration")["webhooks"][0];
    let expression = &webhook["namespaceSelector"]["matchExpressions"][0];
    assert_eq!(expression["key"], "kubernetes.io/metadata.name");
    assert_eq!(expression["values"], json!(["a", "b"]));
    let all = render("{}");
    let webhook = &one(&all, "ValidatingWebhookConfiguration")["webhooks"][0];
    assert_eq!(webhook.get("namespaceSelector"), None);
    assert_eq!(webhook["failurePolicy"], "Fail");
    assert_eq!(webhook["rules"][0]["operations"], json!(["CREATE", "UPDATE"]));
}

#[test]
fn without_the_webhook_nothing_of_it_is_left() {
    let objects = render("{webhook: {enabled: false}}");
    assert!(!objects.values().any(is_webhook));
    let pod = one(&objects, "Deployment")["spec"]["template"]["spec"].to_string();
    assert!(!pod.contains("9443"));
    assert_eq!(args(&objects), ["--webhook=false"]);
}

#[test]
fn nothing_keeps_the_operator_from_listening_on_both_families_but_who_asks_for_it() {
    let addresses = ["HEALTH_ADDRESS", "WEBHOOK_ADDRESS", "-address", "0.0.0.0", "127.0.0.1"];
    for objects in [install(), render("{}")] {
        let pod = &one(&objects, "Deployment")["spec"]["template"]["spec"];
        let named: Vec<_> = addresses.iter().filter(|a| pod.to_string().contains(**a)).collect();
        assert!(named.is_empty(), "{named:?}");
        // Services and probes go by the Pod's own addresses, of whichever family they are.
        let container = &pod["containers"][0];
        for probe in ["livenessProbe", "readinessProbe"] {
            assert_eq!(container[probe]["httpGet"].get("host"), None);
        }
        let services = objects.iter().filter(|(key, _)| key.kind == "Service");
        for (key, service) in services {
            assert_eq!(service["spec"].get("ipFamilies"), None, "{}", key.name);
        }
    }
    let asked = render("{env: [{name: HEALTH_ADDRESS, value: '0.0.0.0:8081'}]}");
    let container = &one(&asked, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["env"][2]["value"], "0.0.0.0:8081");
}

#[test]
fn cert_manager_takes_the_certificate_over_and_the_operator_loses_the_rights_to_it() {
    let objects = render("{webhook: {certManager: {enabled: true}}}");
    assert_eq!(args(&objects), ["--webhook-certificate-directory=/certs"]);
    let configuration = one(&objects, "ValidatingWebhookConfiguration");
    assert_eq!(
        configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"],
        "backup-operator/backup-operator-webhook"
    );
    let certificate = &one(&objects, "Certificate")["spec"];
    let pod = &one(&objects, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(certificate["secretName"], pod["volumes"][0]["secret"]["secretName"]);
    assert_eq!(
        certificate["dnsNames"],
        json!(["backup-operator-webhook.backup-operator.svc"])
    );
    assert_eq!(
        certificate["issuerRef"]["name"],
        one(&objects, "Issuer")["metadata"]["name"]
    );
    assert_eq!(pod["containers"][0]["volumeMounts"][0]["mountPath"], "/certs");
    for (key, role) in objects
        .iter()
        .filter(|(key, _)| key.name == WEBHOOK && key.kind.ends_with("Role"))
    {
        let resources: Vec<_> = rules(role).into_iter().map(|(_, resource, ..)| resource).collect();
        assert_eq!(resources, ["subjectaccessreviews"], "{key:?}");
    }
    let theirs = render("{webhook: {certManager: {enabled: true, issuerRef: {name: ca, kind: ClusterIssuer}}}}");
    assert!(keys_of(&theirs, "Issuer").is_empty());
    assert_eq!(
        one(&theirs, "Certificate")["spec"]["issuerRef"],
        json!({"name": "ca", "kind": "ClusterIssuer"})
    );
}

#[test]
fn one_replica_alone_is_there_until_the_next_one_is_ready() {
    for (replicas, may_lack) in [(1, 0), (2, 1), (3, 1)] {
        let objects = render(&format!("{{replicas: {replicas}}}"));
        let rolling = &one(&objects, "Deployment")["spec"]["strategy"]["rollingUpdate"];
        assert_eq!(rolling["maxUnavailable"], may_lack, "{replicas}");
    }
}

#[test]
fn every_value_of_the_pod_arrives() {
    let objects = render(
        r#"
image: {repository: registry.example/backup, tag: v1, digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", pullPolicy: Always}
imagePullSecrets: [{name: pull}]
replicas: 1
leaderElection: false
maxConcurrentRuns: 0
agent: {volume: Image, cpu: 50m, memory: 64Mi, pullPolicy: Always}
notifications: {hosts: [hooks.slack.com, "*.corp.example+private"], defaultSecret: told}
log: {filter: "operator=debug", json: true}
env: [{name: AWS_REGION, value: eu-west-1}]
volumes: [{name: aws, projected: {sources: []}}]
volumeMounts: [{name: aws, mountPath: /aws, readOnly: true}]
resources: {limits: {memory: 1Gi}}
runAsUser: null
nodeSelector: {disk: ssd}
tolerations: [{key: infra, operator: Exists}]
affinity: {nodeAffinity: {}}
priorityClassName: high
podAnnotations: {team: ops}
podLabels: {zone: a, app.kubernetes.io/name: other}
serviceAccount: {create: false, name: mine}
webhook: {checkRequester: false}
podDisruptionBudget: {enabled: false}
deletionProtection: {enabled: false}
downloads: {enabled: false}
"#,
    );
    let deployment = &one(&objects, "Deployment")["spec"];
    let pod = &deployment["template"]["spec"];
    let container = &pod["containers"][0];
    let image = "registry.example/backup@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    assert_eq!(container["image"], image);
    assert_eq!(container["env"][0], json!({"name": "AGENT_IMAGE", "value": image}));
    assert_eq!(container["env"][2], json!({"name": "AWS_REGION", "value": "eu-west-1"}));
    assert_eq!(container["imagePullPolicy"], "Always");
    assert_eq!(container["resources"]["limits"]["memory"], "1Gi");
    assert_eq!(deployment["replicas"], 1);
    assert_eq!(deployment["strategy"], json!({"type": "Recreate"}));
    assert_eq!(pod["imagePullSecrets"], json!([{"name": "pull"}]));
    assert_eq!(pod["nodeSelector"], json!({"disk": "ssd"}));
    assert_eq!(pod["tolerations"][0]["key"], "infra");
    assert!(pod["affinity"]["nodeAffinity"].is_object());
    assert_eq!(pod["priorityClassName"], "high");
    assert_eq!(pod["serviceAccountName"], "mine");
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"].get("runAsUser"), None);
    assert_eq!(
        pod["volumes"],
        json!([
            {"name": "notifications", "secret": {"secretName": "told"}},
            {"name": "aws", "projected": {"sources": []}}
        ])
    );
    assert_eq!(container["volumeMounts"][0]["mountPath"], "/notifications");
    assert_eq!(container["volumeMounts"][1]["mountPath"], "/aws");
    let metadata = &deployment["template"]["metadata"];
    assert_eq!(metadata["annotations"], json!({"team": "ops"}));
    let labels = json!({"zone": "a", "app.kubernetes.io/name": "backup-operator"});
    assert_eq!(metadata["labels"], labels, "the selector is not to be undone");
    assert_eq!(
        args(&objects),
        [
            "--leader-election=false",
            "--max-concurrent-runs=0",
            "--agent-volume=Image",
            "--agent-cpu=50m",
            "--agent-memory=64Mi",
            "--agent-image-pull-policy=Always",
            "--notification-hosts=hooks.slack.com,*.corp.example+private",
            "--notification-default=/notifications",
            "--log=operator=debug",
            "--log-json",
            "--check-requester=false",
        ]
    );
    for kind in ["ServiceAccount", "PodDisruptionBudget", "ValidatingAdmissionPolicy"] {
        assert!(keys_of(&objects, kind).is_empty(), "{kind}");
    }
    let binding = objects.values().find(|o| o["kind"] == "ClusterRoleBinding").unwrap();
    assert_eq!(binding["subjects"][0]["name"], "mine");
}

#[test]
fn the_operators_pod_keeps_to_the_restricted_standard_and_alone_has_a_token() {
    let objects = render("{}");
    let pod = &one(&objects, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(container["readOnlyRootFilesystem"], true);
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(container["capabilities"]["drop"], json!(["ALL"]));
    assert_eq!(pod["automountServiceAccountToken"], true);
    assert_eq!(one(&objects, "ServiceAccount")["automountServiceAccountToken"], false);
}

#[test]
fn a_network_policy_lets_in_what_is_served_and_narrows_egress_on_request_only() {
    let open = render("{networkPolicy: {enabled: true}}");
    let spec = &one(&open, "NetworkPolicy")["spec"];
    assert_eq!(spec["policyTypes"], json!(["Ingress"]));
    let ports: Vec<_> = spec["ingress"][0]["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["port"])
        .collect();
    assert_eq!(ports, ["health", "webhook"]);
    let narrow = render(
        "{networkPolicy: {enabled: true, egress: [{to: [{ipBlock: {cidr: 10.0.0.1/32}}], ports: [{port: 6443}]}]}}",
    );
    let spec = &one(&narrow, "NetworkPolicy")["spec"];
    assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(spec["egress"][0]["ports"][0]["port"], 53);
    assert_eq!(spec["egress"][1]["to"][0]["ipBlock"]["cidr"], "10.0.0.1/32");
    assert!(keys_of(&render("{}"), "NetworkPolicy").is_empty());
}

#[test]
fn what_is_wrong_is_refused_in_words() {
    for (values, words) in [
        ("{replicas: two}", vec!["/replicas", "got string, want integer"]),
        ("{replicaCount: 3}", vec!["replicaCount", "not allowed"]),
        (
            "{webhook: {certmanager: {}}}",
            vec!["/webhook", "certmanager", "not allowed"],
        ),
        (
            "{image: {pullPolicy: Sometimes}}",
            vec!["/image/pullPolicy", "'Always', 'IfNotPresent', 'Never'"],
        ),
        (
            "{watchNamespaces: [Team]}",
            vec!["/watchNamespaces/0", "does not match pattern"],
        ),
        ("{watchNamespaces: [\"\"]}", vec!["/watchNamespaces/0", "minLength"]),
        (
            "{watchNamespaces: [a, a]}",
            vec!["/watchNamespaces", "items at 0 and 1 are equal"],
        ),
        ("{watchNamespaces: a}", vec!["/watchNamespaces", "want array"]),
        (
            "{agent: {volume: image}}",
            vec!["/agent/volume", "value must be one of"],
        ),
        (
            "{agent: {memory: lots}}",
            vec!["/agent/memory", "does not match pattern"],
        ),
        ("{runAsUser: 0}", vec!["/runAsUser", "minimum"]),
        ("{maxConcurrentRuns: -1}", vec!["/maxConcurrentRuns", "minimum"]),
        (
            "{metrics: {prometheusRule: {disabled: [BackupMised]}}}",
            vec!["/metrics/prometheusRule/disabled/0", "value must be one of"],
        ),
        (
            "{metrics: {serviceMonitor: {interval: often}}}",
            vec!["/metrics/serviceMonitor/interval", "does not match pattern"],
        ),
        ("{nodeSelector: {disk: 1}}", vec!["/nodeSelector/disk", "want string"]),
        ("{image: {digest: latest}}", vec!["/image/digest"]),
        (
            "{leaderElection: false}",
            vec!["replicas is 2 and leaderElection is false", "set replicas to 1"],
        ),
        (
            "{webhook: {enabled: false, certManager: {enabled: true}}}",
            vec!["webhook.certManager.enabled is true and webhook.enabled is false"],
        ),
        (
            "{webhook: {certManager: {issuerRef: {name: ca}}}}",
            vec!["issuerRef is set"],
        ),
        (
            "{webhook: {certManager: {enabled: true, issuerRef: {kind: Issuer}}}}",
            vec!["/webhook/certManager/issuerRef"],
        ),
        (
            "{store: {tls: true}}",
            vec!["store.tls is true and store.enabled is false"],
        ),
        (
            "{store: {enabled: true, tls: true, tlsSecret: mine}}",
            vec!["store.tls is true and store.tlsSecret is set"],
        ),
        (
            "{credentialNamespaces: [vault]}",
            vec!["credentialNamespaces is set and watchNamespaces is not"],
        ),
    ] {
        let answer = refused(values);
        for word in words {
            assert!(answer.contains(word), "{values}: no {word:?} in\n{answer}");
        }
    }
}

#[test]
fn the_chart_speaks_of_the_version_of_the_workspace() {
    let chart = std::fs::read_to_string(root().join("charts/backup-operator/Chart.yaml")).unwrap();
    let chart: Value = serde_yaml_ng::from_str(&chart).unwrap();
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_store_of_the_chart_is_that_of_the_plain_manifests_and_its_backups_outlive_the_release() {
    let text = std::fs::read_to_string(root().join("deploy/store.yaml")).unwrap();
    let plain = helm::objects(&text);
    let (without, with) = (render("{}"), render("{store: {enabled: true}}"));
    let mut more: BTreeSet<_> = with.keys().filter(|key| !without.contains_key(key)).collect();
    for (key, wanted) in plain.iter().filter(|(key, _)| key.kind != "BackupStorage") {
        assert_eq!(missing(wanted, &with[key], ""), None, "{key:?}");
        more.remove(key);
    }
    // Of plain manifests everybody would have the same keys.
    let secret: Vec<_> = more.iter().map(|key| key.kind.as_str()).collect();
    assert_eq!(secret, ["Secret"]);
    for (key, object) in with
        .iter()
        .filter(|(key, _)| ["Secret", "PersistentVolumeClaim"].contains(&key.kind.as_str()))
    {
        assert_eq!(
            object["metadata"]["annotations"]["helm.sh/resource-policy"], "keep",
            "{key:?}"
        );
    }
    // The operator's Service and Deployment select none of its Pods.
    let pod = plain.values().find(|o| o["kind"] == "Deployment").unwrap();
    assert_ne!(
        pod["spec"]["template"]["metadata"]["labels"],
        json!({"app.kubernetes.io/name": "backup-operator"})
    );

    // With a certificate of the operator's, which one Role more lets it write.
    let tls = render("{store: {enabled: true, tls: true}}");
    let added: Vec<_> = tls.keys().filter(|key| !with.contains_key(key)).collect();
    assert_eq!(added.len(), 2, "{added:?}");
    let of = |name: &str| {
        &tls.iter()
            .find(|(key, _)| key.kind == "Deployment" && key.name == name)
            .unwrap()
            .1["spec"]
    };
    let store = &of("backup-operator-store")["template"]["spec"];
    assert_eq!(store["volumes"][1]["secret"]["secretName"], "backup-operator-store-tls");
    assert_eq!(store["containers"][0]["args"][1], "--tls-certificate=/tls/tls.crt");
    let operator = &of("backup-operator")["template"]["spec"]["containers"][0];
    let args = operator["args"].as_array().unwrap();
    assert!(
        args.contains(&json!("--store-service=backup-operator-store")),
        "{args:?}"
    );
    let role = tls
        .iter()
        .find(|(key, _)| key.kind == "Role" && key.name == "backup-operator-store")
        .unwrap()
        .1;
    assert_eq!(role["rules"][1]["resourceNames"], json!(["backup-operator-store-tls"]));

    let own = render("{store: {enabled: true, claim: nfs, secret: mine, tlsSecret: certificate}}");
    assert_eq!(own.len(), with.len() - 2);
    let deployment = own
        .iter()
        .find(|(key, _)| key.kind == "Deployment" && key.name.ends_with("store"))
        .unwrap()
        .1;
    let spec = &deployment["spec"]["template"]["spec"];
    assert_eq!(spec["volumes"][0]["persistentVolumeClaim"]["claimName"], "nfs");
    assert_eq!(
        spec["containers"][0]["env"][1]["valueFrom"]["secretKeyRef"]["name"],
        "mine"
    );
    assert_eq!(spec["volumes"][1]["secret"]["secretName"], "certificate");
    let args = spec["containers"][0]["args"].as_array().unwrap();
    for file in ["certificate=/tls/tls.crt", "key=/tls/tls.key"] {
        assert!(args.iter().any(|arg| arg == &format!("--tls-{file}")), "{args:?}");
    }
}
