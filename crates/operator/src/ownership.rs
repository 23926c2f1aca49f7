//! Whose child an object is.
use api::{BackupRun, BackupSchedule, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt};

/// Whether `owner` is the controller of `child`, both of them in the same namespace.
///
/// Owner references do not cross namespaces (Kubernetes, "Owners and Dependents"). Who may write in a namespace may still
/// write the UID of another namespace's object there: the reference alone is no proof.
pub fn controls(owner: &impl ResourceExt, child: &impl ResourceExt) -> bool {
    let Some(uid) = owner.meta().uid.as_deref() else {
        return false;
    };
    child.namespace() == owner.namespace()
        && child
            .owner_references()
            .iter()
            .any(|o| o.controller == Some(true) && o.uid == uid)
}

/// The controller that an object names.
pub fn controller_of(child: &impl ResourceExt) -> Option<&OwnerReference> {
    child.owner_references().iter().find(|o| o.controller == Some(true))
}

/// The same, where it is of that kind.
pub fn controller_of_kind<K: Resource<DynamicType = ()>>(child: &impl ResourceExt) -> Option<&OwnerReference> {
    controller_of(child).filter(|owner| owner.kind == K::kind(&()))
}

/// Whether a run of the same namespace carries the label of a schedule, whoever controls it.
pub fn is_labelled(schedule: &BackupSchedule, run: &BackupRun) -> bool {
    run.metadata.namespace == schedule.metadata.namespace
        && run.labels().get(labels::SCHEDULE) == schedule.metadata.name.as_ref()
        && schedule.metadata.name.is_some()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_child_is_one_of_the_same_namespace_that_names_its_controller() {
        let mut run = testing::backup_run();
        run.metadata.namespace = Some("shop".into());
        run.metadata.uid = Some("u-1".into());
        for (namespace, uid, controller, ours) in [
            ("shop", "u-1", true, true),
            ("shop", "u-1", false, false),
            ("shop", "u-2", true, false),
            ("other", "u-1", true, false),
        ] {
            let owner = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "name": "db", "uid": uid, "controller": controller});
            let child: Pod = serde_json::from_value(
                json!({"metadata": {"name": "db", "namespace": namespace, "ownerReferences": [owner]}}),
            )
            .unwrap();
            assert_eq!(controls(&run, &child), ours, "{namespace} {uid} {controller}");
        }
        run.metadata.uid = None;
        assert!(!controls(&run, &Pod::default()), "nothing has no children");
    }
}
