//! Everything but the kinds that a cluster needs: namespace, account, rights, the operator, and one admission rule.
use serde_json::{Value, json};

use crate::rbac::{self, Role};

/// Where the operator runs, and the name of all that belongs to it.
pub const NAME: &str = "backup-operator";
/// The image that the local cluster builds; an installation elsewhere replaces it (README).
pub const IMAGE: &str = "localhost/backup-operator:dev";
/// The admin port of the operator: health, metrics.
const HEALTH_PORT: u16 = 8081;
/// Nobody in particular: images without a user database take it, too.
pub const USER: u32 = 65532;

/// On all of it.
pub fn labels() -> Value {
    json!({ "app.kubernetes.io/name": NAME })
}

/// The namespace. The operator itself needs no privilege, and the namespace keeps it so.
pub fn namespace() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": NAME, "labels": { "app.kubernetes.io/name": NAME, "pod-security.kubernetes.io/enforce": "restricted" } },
    })
}

/// The operator's account.
pub fn service_account() -> Value {
    json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": NAME, "namespace": NAME, "labels": labels() } })
}

/// The ClusterRole as text, since the reasons are comments.
pub fn cluster_role() -> String {
    format!(
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  labels:\n    app.kubernetes.io/name: {NAME}\n  name: {NAME}\nrules:\n{}",
        Role::Everywhere.text()
    )
}

/// What leadership needs, in the operator's own namespace only.
pub fn lease_role() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": { "name": NAME, "namespace": NAME, "labels": labels() },
        "rules": rbac::lease(NAME),
    })
}

/// Gives the account that.
pub fn lease_role_binding() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": { "name": NAME, "namespace": NAME, "labels": labels() },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME },
        "subjects": [{ "kind": "ServiceAccount", "name": NAME, "namespace": NAME }],
    })
}

/// Gives the account its rights.
pub fn cluster_role_binding() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": NAME, "labels": labels() },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME },
        "subjects": [{ "kind": "ServiceAccount", "name": NAME, "namespace": NAME }],
    })
}

/// The operator.
pub fn deployment() -> Value {
    let probe =
        |path: &str, period: u32| json!({ "httpGet": { "path": path, "port": "health" }, "periodSeconds": period });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": NAME, "namespace": NAME, "labels": labels() },
        "spec": {
            // One works, by the Lease; the other takes over when its node goes.
            "replicas": 2,
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 1, "maxSurge": 1 } },
            "selector": { "matchLabels": labels() },
            "template": {
                "metadata": { "labels": labels() },
                "spec": {
                    "serviceAccountName": NAME,
                    "terminationGracePeriodSeconds": 60,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": USER,
                        "runAsGroup": USER,
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "topologySpreadConstraints": [{
                        "maxSkew": 1,
                        "topologyKey": "kubernetes.io/hostname",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": { "matchLabels": labels() },
                    }],
                    "containers": [{
                        "name": "operator",
                        "image": IMAGE,
                        "imagePullPolicy": "IfNotPresent",
                        // Both images must come from one build: the operator and the agent share a protocol.
                        "env": [
                            { "name": "AGENT_IMAGE", "value": IMAGE },
                            { "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                        ],
                        "ports": [
                            { "name": "health", "containerPort": HEALTH_PORT, "protocol": "TCP" },
                            { "name": "webhook", "containerPort": crate::admission::PORT, "protocol": "TCP" },
                        ],
                        "livenessProbe": probe("/livez", 10),
                        // Each second: being seen ready shall not take longer than becoming ready.
                        "readinessProbe": probe("/readyz", 1),
                        "resources": { "requests": { "cpu": "10m", "memory": "32Mi" }, "limits": { "memory": "256Mi" } },
                        "securityContext": {
                            "allowPrivilegeEscalation": false,
                            "readOnlyRootFilesystem": true,
                            "capabilities": { "drop": ["ALL"] },
                        },
                    }],
                },
            },
        },
    })
}

/// In front of the metrics of every replica: which one leads is told by them.
pub fn metrics_service() -> Value {
    let of_it = json!({ "app.kubernetes.io/name": NAME, "app.kubernetes.io/component": "metrics" });
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": format!("{NAME}-metrics"), "namespace": NAME, "labels": of_it },
        "spec": {
            "selector": labels(),
            "ports": [{ "name": "metrics", "port": HEALTH_PORT, "targetPort": "health", "protocol": "TCP" }],
        },
    })
}

/// Keeps requests for URLs of backups to those who may: what a webhook would have to ask, the API server's own authorizer answers.
pub fn downloads() -> [Value; 2] {
    let name = api::download::POLICY;
    let annotation = api::labels::DOWNLOAD;
    let (group, resource, subresource) = (api::GROUP, "backupruns", api::download::SUBRESOURCE);
    let of =
        |object: &str| format!("has({object}.metadata.annotations) && '{annotation}' in {object}.metadata.annotations");
    let value = |object: &str| format!("{object}.metadata.annotations['{annotation}']");
    let (new, old) = (of("object"), of("oldObject"));
    // Whoever writes the object later, with a request of somebody else on it, asks for nothing.
    let changes = format!(
        "{new} && (oldObject == null || !({old}) || {} != {})",
        value("object"),
        value("oldObject")
    );
    let allowed = format!(
        "authorizer.group('{group}').resource('{resource}').subresource('{subresource}').namespace(request.namespace).name(request.name).check('create').allowed()"
    );
    let who = format!(
        "request.userInfo.username + ' may not create {resource}/{subresource} of {group} in namespace ' + request.namespace + ', which the annotation {annotation} needs: it asks the operator for a URL that reads the whole backup'"
    );
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": name, "labels": labels() },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [{
                    "apiGroups": [group],
                    "apiVersions": ["*"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": [resource],
                }],
            },
            "matchConditions": [{ "name": "asks-for-a-download", "expression": changes }],
            "validations": [
                {
                    "expression": allowed,
                    "messageExpression": who,
                    "message": format!("The annotation {annotation} needs the right to create {resource}/{subresource}."),
                    "reason": "Forbidden",
                },
                {
                    "expression": format!("{}.matches('^age1[02-9ac-hj-np-z]{{58}}$')", value("object")),
                    "message": format!("metadata.annotations[{annotation}]: must be one age recipient (age1... of age-keygen), for which the URL is encrypted; kubectl backup download makes one."),
                    "reason": "Invalid",
                },
            ],
        },
    });
    [policy, binding(name)]
}

/// Refuses to delete a protected storage: an admission rule in CEL, so it holds while no operator runs, and needs no webhook.
pub fn deletion_protection() -> [Value; 2] {
    let name = format!("{NAME}-deletion-protection");
    let annotation = api::labels::DELETION_PROTECTION;
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": name, "labels": labels() },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [{
                    "apiGroups": [api::GROUP],
                    "apiVersions": ["*"],
                    "operations": ["DELETE"],
                    "resources": ["backupstorages"],
                }],
            },
            "validations": [{
                "expression": format!("!(has(oldObject.metadata.annotations) && '{annotation}' in oldObject.metadata.annotations)"),
                "messageExpression": format!(
                    "'BackupStorage ' + oldObject.metadata.name + ' is protected from deletion; to delete it all the same, first take the protection away: kubectl annotate backupstorage ' + oldObject.metadata.name + ' {annotation}-'"
                ),
                "message": format!("The BackupStorage is protected from deletion by its annotation {annotation}; remove that first."),
                "reason": "Forbidden",
            }],
        },
    });
    let binding = binding(&name);
    [policy, binding]
}

/// Has a policy deny, everywhere.
fn binding(name: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": name, "labels": labels() },
        "spec": { "policyName": name, "validationActions": ["Deny"] },
    })
}
