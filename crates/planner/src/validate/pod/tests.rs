//! Pods that no API server would take, each by the one field that is wrong with it.
use k8s_openapi::api::core::v1::PodSpec;
use serde_json::{Value, json};

use super::*;

/// The fields at fault of a Pod with this merged into it.
fn fields(change: Value) -> Vec<String> {
    let mut pod = json!({
        "containers": [{ "name": "main", "image": "db:1" }],
        "volumes": [{ "name": "data", "emptyDir": {} }],
    });
    for (key, value) in change.as_object().unwrap() {
        pod[key] = value.clone();
    }
    let pod: PodSpec = serde_json::from_value(pod).unwrap();
    let mut faults = Faults::below("spec");
    check(&pod, &mut faults);
    faults
        .all
        .into_iter()
        .map(|f| f.field.trim_start_matches("spec.template.spec.").to_string())
        .collect()
}

fn main(change: Value) -> Value {
    let mut container = json!({ "name": "main", "image": "db:1" });
    for (key, value) in change.as_object().unwrap() {
        container[key] = value.clone();
    }
    json!({ "containers": [container] })
}

#[test]
fn what_every_cluster_takes_passes() {
    for change in [
        json!({}),
        json!({ "restartPolicy": "Always", "dnsPolicy": "None", "hostname": "db", "os": { "name": "linux" } }),
        json!({ "serviceAccountName": "db.backup", "terminationGracePeriodSeconds": 0, "activeDeadlineSeconds": 1 }),
        json!({ "nodeSelector": { "kubernetes.io/os": "linux", "example.com/disk": "" } }),
        json!({ "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "x" } }, { "name": "none" }] }),
        json!({ "initContainers": [{ "name": "init", "image": "db:1" }] }),
        json!({ "securityContext": { "runAsNonRoot": true, "runAsUser": 1 } }),
        main(json!({ "securityContext": { "runAsUser": 0 } })),
        main(json!({ "volumeMounts": [{ "name": "data", "mountPath": "/a" }, { "name": "data", "mountPath": "/b" }] })),
        main(json!({ "env": [{ "name": "my.name-1", "value": "x" }, { "name": "A", "valueFrom": {} }] })),
        main(
            json!({ "resources": { "requests": { "cpu": "500m" }, "limits": { "cpu": "0.5", "memory": 1_000_000 } } }),
        ),
        main(json!({ "ports": [{ "containerPort": 65_535 }], "imagePullPolicy": "Never" })),
    ] {
        assert_eq!(fields(change.clone()), Vec::<String>::new(), "{change}");
    }
}

#[test]
fn what_no_cluster_takes_is_named_by_its_field() {
    for (change, field) in [
        (json!({ "restartPolicy": "Newer" }), "restartPolicy"),
        (json!({ "dnsPolicy": "Cluster" }), "dnsPolicy"),
        (
            json!({ "ephemeralContainers": [{ "name": "a" }] }),
            "ephemeralContainers",
        ),
        (
            json!({ "terminationGracePeriodSeconds": -1 }),
            "terminationGracePeriodSeconds",
        ),
        (json!({ "activeDeadlineSeconds": 0 }), "activeDeadlineSeconds"),
        (json!({ "serviceAccountName": "Db" }), "serviceAccountName"),
        // By its old name.
        (json!({ "serviceAccount": "Db" }), "serviceAccount"),
        (json!({ "hostname": "a.b" }), "hostname"),
        (json!({ "nodeSelector": { "a b": "c" } }), "nodeSelector[\"a b\"]"),
        (json!({ "os": { "name": "windows" } }), "os.name"),
        (
            json!({ "nodeSelector": { "kubernetes.io/os": "windows" } }),
            "nodeSelector[\"kubernetes.io/os\"]",
        ),
        (json!({ "volumes": [{ "name": "a_b" }] }), "volumes[0].name"),
        (
            json!({ "volumes": [{ "name": "a" }, { "name": "a" }] }),
            "volumes[1].name",
        ),
        (
            json!({ "volumes": [{ "name": "a", "emptyDir": {}, "configMap": {} }] }),
            "volumes[0]",
        ),
        (json!({ "containers": [{ "name": "main" }] }), "containers[0].image"),
        (main(json!({ "image": "db:1 " })), "containers[0].image"),
        (main(json!({ "name": "Main" })), "containers[0].name"),
        (
            main(json!({ "imagePullPolicy": "always" })),
            "containers[0].imagePullPolicy",
        ),
        (
            json!({ "initContainers": [{ "name": "main", "image": "db:1" }] }),
            "containers[0].name",
        ),
        (main(json!({ "env": [{ "name": "A=B" }] })), "containers[0].env[0].name"),
        (
            main(json!({ "env": [{ "name": "A", "value": "b", "valueFrom": {} }] })),
            "containers[0].env[0].valueFrom",
        ),
        (
            main(json!({ "ports": [{ "containerPort": 0 }] })),
            "containers[0].ports[0].containerPort",
        ),
        (
            main(json!({ "volumeMounts": [{ "name": "dta", "mountPath": "/a" }] })),
            "containers[0].volumeMounts[0].name",
        ),
        (
            main(json!({ "volumeMounts": [{ "name": "data", "mountPath": "" }] })),
            "containers[0].volumeMounts[0].mountPath",
        ),
        (
            main(
                json!({ "volumeMounts": [{ "name": "data", "mountPath": "/a" }, { "name": "data", "mountPath": "/a" }] }),
            ),
            "containers[0].volumeMounts[1].mountPath",
        ),
        (
            main(json!({ "resources": { "limits": { "memory": "128MB" } } })),
            "containers[0].resources.limits[\"memory\"]",
        ),
        (
            main(json!({ "resources": { "requests": { "memory": "-1" } } })),
            "containers[0].resources.requests[\"memory\"]",
        ),
        (
            main(json!({ "resources": { "requests": { "cpu": "2" }, "limits": { "cpu": "500m" } } })),
            "containers[0].resources.requests[\"cpu\"]",
        ),
        (
            main(json!({ "securityContext": { "runAsNonRoot": true, "runAsUser": 0 } })),
            "containers[0].securityContext.runAsUser",
        ),
        (
            json!({ "securityContext": { "runAsNonRoot": true, "runAsUser": 0 } }),
            "containers[0].securityContext.runAsUser",
        ),
        (
            main(json!({ "securityContext": { "privileged": true, "allowPrivilegeEscalation": false } })),
            "containers[0].securityContext.allowPrivilegeEscalation",
        ),
    ] {
        assert_eq!(fields(change.clone()), [field], "{change}");
    }
}
