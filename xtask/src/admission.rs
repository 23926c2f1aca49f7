//! What the webhook needs in a cluster: a Service, the configuration that makes the API server ask it, and its rights.
use serde_json::{Value, json};

use crate::install::{NAME, labels};

/// The Service, and the Secret with the certificate.
pub const SERVICE: &str = "backup-operator-webhook";
/// Where the operator listens.
pub const PORT: u16 = 9443;

/// In front of every replica.
pub fn service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": SERVICE, "namespace": NAME, "labels": labels() },
        "spec": {
            "selector": labels(),
            "ports": [{ "name": "webhook", "port": 443, "targetPort": "webhook", "protocol": "TCP" }],
        },
    })
}

/// Without a caBundle: the operator puts it there and keeps it right. Never on delete, not for what is being deleted, and not
/// for changes that leave the spec as it is: an operator that is down holds up neither a deletion nor a status.
pub fn configuration() -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": NAME, "labels": labels() },
        "webhooks": [{
            "name": "validate.backup-operator.io",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "timeoutSeconds": 10,
            "clientConfig": { "service": { "name": SERVICE, "namespace": NAME, "path": "/validate", "port": 443 } },
            "rules": [{
                "apiGroups": [api::GROUP],
                "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["backupstorages", "backupschedules", "backupruns", "backupdrills"],
                "scope": "*",
            }],
            "matchConditions": [
                { "name": "not-being-deleted", "expression": "!has(object.metadata.deletionTimestamp)" },
                { "name": "spec-changes", "expression": "request.operation == 'CREATE' || object.spec != oldObject.spec" },
            ],
        }],
    })
}

/// What the webhook asks the cluster, and the one configuration whose caBundle it keeps.
pub fn cluster_role() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": { "name": SERVICE, "labels": labels() },
        "rules": [
            { "apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"] },
            {
                "apiGroups": ["admissionregistration.k8s.io"],
                "resources": ["validatingwebhookconfigurations"],
                "resourceNames": [NAME],
                "verbs": ["get", "list", "watch", "patch"],
            },
        ],
    })
}

/// Gives the account that.
pub fn cluster_role_binding() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": SERVICE, "labels": labels() },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": SERVICE },
        "subjects": [{ "kind": "ServiceAccount", "name": NAME, "namespace": NAME }],
    })
}

/// The Secret with the certificate, in the operator's own namespace. A create cannot be limited to a name.
pub fn role() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": { "name": SERVICE, "namespace": NAME, "labels": labels() },
        "rules": [
            { "apiGroups": [""], "resources": ["secrets"], "verbs": ["create"] },
            { "apiGroups": [""], "resources": ["secrets"], "resourceNames": [SERVICE], "verbs": ["get", "list", "watch", "update"] },
        ],
    })
}

/// Gives the account that.
pub fn role_binding() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": { "name": SERVICE, "namespace": NAME, "labels": labels() },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": SERVICE },
        "subjects": [{ "kind": "ServiceAccount", "name": NAME, "namespace": NAME }],
    })
}
