//! What the operator may do in the cluster, and why: the one table that the ClusterRole is generated from.

/// One rule of the ClusterRole.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// API group; empty for the core.
    pub group: &'static str,
    /// Resources and subresources.
    pub resources: &'static [&'static str],
    /// Verbs, no more than the reason needs.
    pub verbs: &'static [&'static str],
    /// The reason, printed above the rule.
    pub why: &'static str,
}

/// The whole table. Nothing here is a wildcard, and Secrets can be neither listed nor watched.
pub const GRANTS: &[Grant] = &[
    Grant {
        group: api::GROUP,
        resources: &["backupstorages", "backupschedules"],
        verbs: &["get", "list", "watch", "update", "patch"],
        why: "Follow storages and schedules; set the deletion protection, take the trigger annotation away.",
    },
    Grant {
        group: api::GROUP,
        resources: &["backupruns"],
        verbs: &["get", "list", "watch", "create", "update", "patch", "delete"],
        why: "A schedule makes runs and rotation deletes them; the finalizer and the restore annotation change.",
    },
    Grant {
        group: api::GROUP,
        resources: &["backupstorages/status", "backupschedules/status", "backupruns/status"],
        verbs: &["get", "update", "patch"],
        why: "Report.",
    },
    Grant {
        group: api::GROUP,
        resources: &[
            "backupstorages/finalizers",
            "backupschedules/finalizers",
            "backupruns/finalizers",
        ],
        verbs: &["update"],
        why: "Own children with blockOwnerDeletion where the cluster checks owner references.",
    },
    Grant {
        group: "",
        resources: &["pods"],
        verbs: &["get", "list", "watch", "create", "delete"],
        why: "The Pods that commands run in.",
    },
    Grant {
        group: "",
        resources: &["pods/exec"],
        verbs: &["get", "create"],
        why: "Reach the agent inside them; an exec over WebSocket is a get, and a create since Kubernetes 1.35.",
    },
    Grant {
        group: "",
        resources: &["secrets"],
        verbs: &["get"],
        why: "Access keys of storages and age identities for restores, each by its name.",
    },
    Grant {
        group: "",
        resources: &["namespaces"],
        verbs: &["get"],
        why: "Labels of a run's namespace, where a storage's allowedNamespaces selects by them.",
    },
    Grant {
        group: "events.k8s.io",
        resources: &["events"],
        verbs: &["create", "patch"],
        why: "Say what happened, and count repetitions.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

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
}
