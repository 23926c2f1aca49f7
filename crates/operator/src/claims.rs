//! What other runs say of an object's key, and whether it is believed.
use std::sync::Arc;

use api::storage::NamespaceIsolation;
use api::{BackupRun, BackupStorage};
use kube::ResourceExt;
use kube::runtime::reflector::{ObjectRef, Store as Cache};

/// The other runs that could have to do with an object of this one.
///
/// A status is written by whoever may write it in its namespace. Where the storage keeps namespaces apart, a run of another
/// namespace has nothing to do with this one's objects, whatever its status says: else a tenant could keep another one's
/// object from being deleted. Nor has one whose storage is another bucket. Otherwise such a word is taken: an object too many is
/// better than one too few.
pub fn others(run: &BackupRun, runs: &Cache<BackupRun>, storages: &Cache<BackupStorage>) -> Vec<Arc<BackupRun>> {
    let mut others = runs.state();
    others.retain(|other| other.uid() != run.uid() && is_believed(run, other, storages));
    others
}

fn is_believed(run: &BackupRun, other: &BackupRun, storages: &Cache<BackupStorage>) -> bool {
    let of = |run: &BackupRun| storages.get(&ObjectRef::new(&run.spec.storage.name));
    // By its name only: one store may have many endpoints.
    let bucket = |storage: &BackupStorage| storage.spec.parameters.as_ref()?.get("bucket").cloned();
    other.namespace() == run.namespace()
        || of(other).is_some_and(|theirs| {
            theirs.spec.namespace_isolation != Some(NamespaceIsolation::Prefix)
                && of(run).is_none_or(|mine| bucket(&mine) == bucket(&theirs))
        })
}

#[cfg(test)]
mod tests {
    use kube::runtime::reflector;
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;

    fn run(uid: &str, namespace: &str, storage: &str) -> BackupRun {
        let mut run = testing::backup_run();
        run.metadata.name = Some(uid.into());
        run.metadata.uid = Some(uid.into());
        run.metadata.namespace = Some(namespace.into());
        run.spec.storage.name = storage.into();
        run
    }

    #[test]
    fn where_namespaces_or_buckets_are_kept_apart_no_run_of_another_namespace_is_believed() {
        let (storages, mut writer) = reflector::store();
        for (name, isolation, bucket) in [
            ("apart", "Prefix", "a"),
            ("shared", "None", "a"),
            ("elsewhere", "None", "b"),
        ] {
            let storage = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": name},
                "spec": {"type": "s3", "namespaceIsolation": isolation, "parameters": {"bucket": bucket}}});
            writer.apply_watcher_event(&Event::Apply(serde_json::from_value::<BackupStorage>(storage).unwrap()));
        }
        let mine = run("mine", "shop", "apart");
        let cases = [
            (run("own", "shop", "apart"), true),
            (run("same-storage", "eve", "apart"), false),
            (run("other-storage", "eve", "shared"), true),
            (run("other-bucket", "eve", "elsewhere"), false),
            (run("no-storage", "eve", "gone"), false),
        ];
        let (runs, mut writer) = reflector::store();
        let lost = run("lost", "shop", "gone");
        for other in cases.iter().map(|(other, _)| other).chain([&mine]) {
            writer.apply_watcher_event(&Event::Apply(other.clone()));
        }
        // Whose own storage is gone could have been anywhere.
        let believed = others(&lost, &runs, &storages);
        assert!(believed.iter().any(|r| r.name_any() == "other-bucket"));
        let mut seen: Vec<_> = others(&mine, &runs, &storages).iter().map(|r| r.name_any()).collect();
        seen.sort();
        let mut wanted: Vec<_> = cases.iter().filter(|(_, is)| *is).map(|(r, _)| r.name_any()).collect();
        wanted.sort();
        assert_eq!(seen, wanted);
    }
}
