//! The store for whoever has none, as plain manifests: `deploy/store.yaml`. The chart has the same with `store.enabled`.
use serde_json::{Value, json};

use crate::generate::{Error, Generated};
use crate::install::{IMAGE, NAME, USER};
use crate::kept::kept;
use crate::yaml;

/// The name of all that belongs to it.
const STORE: &str = "backup-operator-store";
/// It has one bucket.
const BUCKET: &str = "backups";

const HEAD: &str = "# A store for whoever has none: our subset of S3 over plain files on a claim. It needs deploy/install.yaml, and a key pair that nobody else has:
#   kubectl -n backup-operator create secret generic backup-operator-store \\
#     --from-literal=AWS_ACCESS_KEY_ID=backups --from-literal=AWS_SECRET_ACCESS_KEY=\"$(head -c 32 /dev/urandom | sha256sum | cut -c 1-64)\"
# docs/operations/store.md says what it is good for, and what a claim in the same cluster is not.
";

fn labels() -> Value {
    json!({ "app.kubernetes.io/name": STORE })
}

fn metadata() -> Value {
    json!({ "name": STORE, "namespace": NAME, "labels": labels() })
}

fn claim() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(),
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "20Gi" } } },
    })
}

fn deployment() -> Value {
    let probe = |period: u32, failures: u32| json!({ "httpGet": { "path": "/", "port": "health" }, "periodSeconds": period, "failureThreshold": failures });
    let secret = |key: &str| json!({ "name": key, "valueFrom": { "secretKeyRef": { "name": STORE, "key": key } } });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(),
        "spec": {
            // One writes to the folder, and most volumes are of one node: the next one comes when this one has gone.
            "replicas": 1,
            "strategy": { "type": "Recreate" },
            "selector": { "matchLabels": labels() },
            "template": {
                "metadata": { "labels": labels() },
                "spec": {
                    "automountServiceAccountToken": false,
                    "enableServiceLinks": false,
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": USER,
                        "runAsGroup": USER,
                        // The volume is this group's.
                        "fsGroup": USER,
                        "fsGroupChangePolicy": "OnRootMismatch",
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "containers": [{
                        "name": "store",
                        "image": IMAGE,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["/depot"],
                        "args": [format!("--bucket={BUCKET}")],
                        "env": [secret("AWS_ACCESS_KEY_ID"), secret("AWS_SECRET_ACCESS_KEY")],
                        "ports": [
                            { "name": "s3", "containerPort": 9000, "protocol": "TCP" },
                            { "name": "health", "containerPort": 9001, "protocol": "TCP" },
                        ],
                        // After a node that did not say goodbye it waits most of a minute before it takes the folder.
                        "startupProbe": probe(2, 90),
                        "livenessProbe": probe(10, 3),
                        "readinessProbe": probe(2, 3),
                        "resources": { "requests": { "cpu": "10m", "memory": "64Mi" }, "limits": { "memory": "256Mi" } },
                        "securityContext": {
                            "allowPrivilegeEscalation": false,
                            "readOnlyRootFilesystem": true,
                            "capabilities": { "drop": ["ALL"] },
                        },
                        "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
                    }],
                    "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": STORE } }],
                },
            },
        },
    })
}

fn service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(),
        "spec": {
            "selector": labels(),
            "ports": [{ "name": "s3", "port": 9000, "targetPort": "s3", "protocol": "TCP" }],
        },
    })
}

/// Pods of all namespaces send their backups to it; it sends nothing to anybody.
fn network_policy() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(),
        "spec": {
            "podSelector": { "matchLabels": labels() },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{ "ports": [{ "port": "s3", "protocol": "TCP" }, { "port": "health", "protocol": "TCP" }] }],
            "egress": [],
        },
    })
}

/// The storage that lies there.
fn storage() -> Value {
    json!({
        "apiVersion": "backup-operator.io/v1",
        "kind": "BackupStorage",
        "metadata": { "name": "local", "labels": labels() },
        "spec": {
            "type": "s3",
            "parameters": {
                "bucket": BUCKET,
                "endpoint": format!("http://{STORE}.{NAME}.svc:9000"),
                "s3ForcePathStyle": "true",
            },
            "credentials": { "name": STORE, "namespace": NAME },
        },
    })
}

/// The manifests.
///
/// # Errors
/// When they cannot be written as YAML.
pub fn file() -> Result<Generated, Error> {
    let objects = [kept(claim()), service(), network_policy(), deployment(), storage()];
    Ok(Generated {
        path: "deploy/store.yaml".into(),
        text: [yaml::HEADER, HEAD, &yaml::documents(&objects)?].concat(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_storage_of_the_manifests_has_nothing_wrong() {
        let parsed: api::BackupStorage = serde_json::from_value(storage()).unwrap();
        let faults = planner::validate::storage::validate(&parsed.spec, |_, _| Vec::new());
        assert!(faults.is_ok(), "{faults:?}");
    }
}
