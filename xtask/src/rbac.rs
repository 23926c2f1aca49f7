//! What the operator may do in the cluster, and why: the one table that every role is generated from.
use serde_json::{Value, json};

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// Where it is needed by an operator that watches some namespaces only. One that watches all has every rule cluster-wide.
    pub scope: Scope,
    /// API group; empty for the core.
    pub group: &'static str,
    /// Resources and subresources.
    pub resources: &'static [&'static str],
    /// Verbs, no more than the reason needs.
    pub verbs: &'static [&'static str],
    /// The reason, printed above the rule.
    pub why: &'static str,
}

/// Where a rule is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In the cluster: the objects are in no namespace.
    Cluster,
    /// In each namespace that is watched.
    Watched,
    /// There, and where the Secrets are that storages name.
    WatchedAndCredentials,
    /// There, and in `default`, which has the Events about what is in no namespace.
    WatchedAndDefault,
}

/// A role that some of the table makes, by the namespaces that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything, cluster-wide: of an operator that watches all namespaces.
    Everywhere,
    /// Cluster-wide, beside those that follow.
    Cluster,
    /// In each namespace that is watched.
    Watched,
    /// In each namespace with Secrets that storages name.
    Credentials,
    /// In the namespace `default`.
    Default,
}

impl Role {
    /// Whether a rule of that scope is part of it.
    fn has(self, scope: Scope) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Cluster => scope == Scope::Cluster,
            Self::Watched => scope != Scope::Cluster,
            Self::Credentials => scope == Scope::WatchedAndCredentials,
            Self::Default => scope == Scope::WatchedAndDefault,
        }
    }

    /// Its rules.
    pub fn grants(self) -> impl Iterator<Item = &'static Grant> {
        GRANTS.iter().filter(move |grant| self.has(grant.scope))
    }

    /// Its rules as text, each below its reason: YAML libraries write no comments.
    pub fn text(self) -> String {
        let list = |words: &[&str]| words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", ");
        self.grants()
            .map(|grant| {
                format!(
                    "# {}\n- apiGroups: [{}]\n  resources: [{}]\n  verbs: [{}]\n",
                    grant.why,
                    list(&[grant.group]),
                    list(grant.resources),
                    list(grant.verbs)
                )
            })
            .collect()
    }
}

/// What leadership needs, in the operator's own namespace only. A create cannot be limited to a name.
pub fn lease(name: &str) -> Value {
    json!([
        { "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"] },
        { "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [name], "verbs": ["get", "update"] },
    ])
}

/// The whole table. Nothing here is a wildcard, and Secrets can be neither listed nor watched.
pub const GRANTS: &[Grant] = &[
    Grant {
        scope: Scope::Cluster,
        group: api::GROUP,
        resources: &["backupstorages"],
        verbs: &["get", "list", "watch", "update", "patch"],
        why: "Follow storages, which are in no namespace; set the deletion protection.",
    },
    Grant {
        scope: Scope::Cluster,
        group: api::GROUP,
        resources: &["backupstorages/status"],
        verbs: &["get", "update", "patch"],
        why: "Report on storages.",
    },
    Grant {
        scope: Scope::Cluster,
        group: api::GROUP,
        resources: &["backupstorages/finalizers"],
        verbs: &["update"],
        why: "Name a storage in blockOwnerDeletion where the cluster checks owner references.",
    },
    Grant {
        scope: Scope::Cluster,
        group: "",
        resources: &["namespaces"],
        verbs: &["get"],
        why: "Labels of a run's namespace, where a storage's allowedNamespaces selects by them; whether it is being deleted, before an object is; the UID of kube-system, which objects name as their cluster.",
    },
    Grant {
        scope: Scope::Cluster,
        group: "",
        resources: &["nodes"],
        verbs: &["list"],
        why: "Whether all nodes serve image volumes, by the versions that they report: only then the agent comes into Pods without an init container. Their addresses, where notifications are sent: no tenant's may lead to a kubelet, and without this right none is sent to a private address but at ports of receivers.",
    },
    Grant {
        scope: Scope::Cluster,
        group: "admissionregistration.k8s.io",
        resources: &["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
        verbs: &["get"],
        why: "Whether the policy is there that keeps downloads to who may create backupruns/download: without it no URL of a backup is given to anybody.",
    },
    Grant {
        scope: Scope::WatchedAndDefault,
        group: "discovery.k8s.io",
        resources: &["endpointslices"],
        verbs: &["get"],
        why: "Where the API servers listen (`kubernetes` in `default`), where notifications are sent: no tenant's may lead there, and without this right none is sent to a private address.",
    },
    Grant {
        scope: Scope::Watched,
        group: api::GROUP,
        resources: &["backupschedules"],
        verbs: &["get", "list", "watch", "update", "patch"],
        why: "Follow schedules; take the trigger annotation away; look whether a schedule is still there before an object of its run is deleted.",
    },
    Grant {
        scope: Scope::Watched,
        group: api::GROUP,
        resources: &["backupdrills"],
        verbs: &["get", "list", "watch", "update", "patch"],
        why: "Follow drills; take the trigger annotation away.",
    },
    Grant {
        scope: Scope::Watched,
        group: api::GROUP,
        resources: &["backupruns"],
        verbs: &["get", "list", "watch", "create", "update", "patch", "delete"],
        why: "Schedules and drills make runs, rotation deletes them, a schedule that comes back adopts them; the finalizer and the restore annotation change.",
    },
    Grant {
        scope: Scope::Watched,
        group: api::GROUP,
        resources: &["backupschedules/status", "backupdrills/status", "backupruns/status"],
        verbs: &["get", "update", "patch"],
        why: "Report.",
    },
    Grant {
        scope: Scope::Watched,
        group: api::GROUP,
        resources: &[
            "backupschedules/finalizers",
            "backupdrills/finalizers",
            "backupruns/finalizers",
        ],
        verbs: &["update"],
        why: "Own children with blockOwnerDeletion where the cluster checks owner references.",
    },
    Grant {
        scope: Scope::Watched,
        group: "",
        resources: &["pods"],
        verbs: &["get", "list", "watch", "create", "delete"],
        why: "The Pods that commands run in.",
    },
    Grant {
        scope: Scope::Watched,
        group: "",
        resources: &["pods/exec"],
        verbs: &["get", "create"],
        why: "Reach the agent inside them; an exec over WebSocket is a get, and a create since Kubernetes 1.35.",
    },
    Grant {
        scope: Scope::WatchedAndCredentials,
        group: "",
        resources: &["secrets"],
        verbs: &["get"],
        why: "Access keys of storages, age identities for restores, and what receivers of notifications keep secret, each by its name.",
    },
    Grant {
        scope: Scope::Watched,
        group: "",
        resources: &["configmaps"],
        verbs: &["get"],
        why: "Whom backups are encrypted for (encryption.recipientsFrom), each by its name.",
    },
    Grant {
        scope: Scope::Watched,
        group: "events.k8s.io",
        resources: &["events"],
        verbs: &["list"],
        why: "Tell why a Pod does not start where only its Events say so: a volume that cannot be mounted, a probe that fails.",
    },
    Grant {
        scope: Scope::Watched,
        group: "",
        resources: &["services"],
        verbs: &["list"],
        why: "Warn at admission of labels by which a Service would send requests to the Pods of backups; told only to who may list them.",
    },
    Grant {
        scope: Scope::Watched,
        group: "policy",
        resources: &["poddisruptionbudgets"],
        verbs: &["list"],
        why: "The same of what holds a node's drain up.",
    },
    Grant {
        scope: Scope::Watched,
        group: "networking.k8s.io",
        resources: &["networkpolicies"],
        verbs: &["list"],
        why: "The same of what keeps them from the store.",
    },
    Grant {
        scope: Scope::WatchedAndDefault,
        group: "events.k8s.io",
        resources: &["events"],
        verbs: &["create", "patch"],
        why: "Say what happened, and count repetitions.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds without a namespace that the table names.
    const CLUSTER_KINDS: [&str; 5] = [
        "backupstorages",
        "namespaces",
        "nodes",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    ];

    #[test]
    fn nothing_is_granted_by_wildcard_and_secrets_are_read_by_name_only() {
        for grant in GRANTS {
            assert!(
                !grant.resources.iter().chain(grant.verbs).any(|w| w.contains('*')),
                "{grant:?}"
            );
            if grant.resources.contains(&"secrets") {
                assert_eq!(grant.verbs, ["get"]);
            }
        }
    }

    #[test]
    fn what_is_granted_in_the_cluster_is_about_kinds_without_a_namespace_only() {
        for grant in GRANTS {
            for resource in grant.resources {
                let kind = resource.split('/').next().unwrap();
                assert_eq!(
                    grant.scope == Scope::Cluster,
                    CLUSTER_KINDS.contains(&kind),
                    "{grant:?}"
                );
            }
        }
    }

    #[test]
    fn the_roles_of_some_namespaces_are_together_what_one_role_is_for_all() {
        let count = |role: Role| role.grants().count();
        assert_eq!(count(Role::Everywhere), GRANTS.len());
        assert_eq!(count(Role::Cluster) + count(Role::Watched), GRANTS.len());
        let resources = |role: Role| role.grants().flat_map(|g| g.resources).copied().collect::<Vec<_>>();
        assert_eq!(resources(Role::Credentials), ["secrets"]);
        assert_eq!(resources(Role::Default), ["endpointslices", "events"]);
    }

    #[test]
    fn the_text_of_a_role_is_its_rules_each_below_its_reason() {
        let text = Role::Watched.text();
        let rules: Vec<Value> = serde_yaml_ng::from_str(&text).unwrap();
        assert_eq!(rules.len(), Role::Watched.grants().count());
        for (rule, grant) in rules.iter().zip(Role::Watched.grants()) {
            assert_eq!(rule["resources"], json!(grant.resources));
            assert_eq!(rule["verbs"], json!(grant.verbs));
            assert_eq!(rule["apiGroups"], json!([grant.group]));
            assert!(text.contains(&format!("# {}\n- apiGroups", grant.why)));
        }
    }
}
