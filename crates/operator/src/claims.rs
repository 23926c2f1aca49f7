//! What other runs say of an object's key, and whether it is believed.
use std::sync::Arc;

use api::names::Action;
use api::storage::NamespaceIsolation;
use api::{BackupRun, BackupStorage, condition};
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use planner::run::{Claim, life, taken};

use crate::cache::{Cache, Group, keys};
use crate::context::Context;

/// The other runs that name a key in their status, of whatever storage.
pub fn of(key: &str, run: &BackupRun, runs: &Cache<BackupRun>) -> Vec<Arc<BackupRun>> {
    let mut others = runs.of(Group::Naming(key));
    others.retain(|other| other.uid() != run.uid() && keys(other).any(|k| k == key));
    others
}

/// The other runs that could have to do with an object of this one.
///
/// A status is written by whoever may write it in its namespace. Where the storage keeps namespaces apart, a run of another
/// namespace has nothing to do with this one's objects, whatever its status says: else a tenant could keep another one's
/// object from being deleted. Nor has one whose storage is another bucket. Otherwise such a word is taken: an object too many is
/// better than one too few.
pub fn others(
    key: &str,
    run: &BackupRun,
    runs: &Cache<BackupRun>,
    storages: &Cache<BackupStorage>,
) -> Vec<Arc<BackupRun>> {
    others_in(&run.spec.storage.name, key, run, runs, storages)
}

/// The same of an object of this run in another storage.
pub fn others_in(
    storage: &str,
    key: &str,
    run: &BackupRun,
    runs: &Cache<BackupRun>,
    storages: &Cache<BackupStorage>,
) -> Vec<Arc<BackupRun>> {
    let mut others = of(key, run, runs);
    others.retain(|other| is_believed(run, storage, other, storages));
    others
}

/// What the other runs say of a key of this one's storage.
pub fn on(key: &str, run: &BackupRun, context: &Context) -> Vec<Claim> {
    let others = others(key, run, &context.runs, &context.storages);
    let there = others
        .iter()
        .filter(|other| other.spec.storage.name == run.spec.storage.name);
    there.filter_map(|other| claim(other)).collect()
}

/// What a decision has to know of such a run; none of one that only reads.
fn claim(other: &BackupRun) -> Option<Claim> {
    let status = other.status.as_ref().filter(|_| other.spec.backup.is_some())?;
    let at_work = status
        .transfer
        .as_ref()
        .filter(|t| life::parse(&t.attempt).0 == Action::Backup);
    Some(Claim {
        run: format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any()),
        uid: other.uid().unwrap_or_default(),
        schedule: taken::schedule_of(other),
        at_work_since: at_work.filter(|t| t.failed_at.is_none()).map(|t| t.started_at.0),
        location: status.location.clone(),
        etag: status.etag.clone(),
        ended_at: status.completion_time.as_ref().map(|t| t.0),
        good: condition::is_true(&status.conditions, condition::SUCCESSFUL),
    })
}

fn is_believed(run: &BackupRun, storage: &str, other: &BackupRun, storages: &Cache<BackupStorage>) -> bool {
    let of = |name: &str| storages.get(&ObjectRef::new(name));
    // By names only: one store may have many endpoints. Containers of two accounts are two, whatever they are called.
    let bucket = |storage: &BackupStorage| {
        let said = |name: &str| storage.spec.parameters.as_ref()?.get(name).cloned();
        let names = ["bucket", "account", "container"].map(said);
        (storage.spec.type_, names)
    };
    other.namespace() == run.namespace()
        || of(&other.spec.storage.name).is_some_and(|theirs| {
            theirs.spec.namespace_isolation != Some(NamespaceIsolation::Prefix)
                && of(storage).is_none_or(|mine| bucket(&mine) == bucket(&theirs))
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cache::Packed;

    fn run(uid: &str, namespace: &str, storage: &str) -> BackupRun {
        let mut run = testing::backup_run();
        run.metadata.name = Some(uid.into());
        run.metadata.uid = Some(uid.into());
        run.metadata.namespace = Some(namespace.into());
        run.spec.storage.name = storage.into();
        run.status = Some(api::BackupRunStatus {
            key: Some("db.sql".into()),
            ..api::BackupRunStatus::default()
        });
        run
    }

    #[test]
    fn where_namespaces_or_buckets_are_kept_apart_no_run_of_another_namespace_is_believed() {
        let storages = Cache::default();
        let azure = |account: &str, container: &str| json!({"account": account, "container": container});
        for (name, isolation, kind, parameters) in [
            ("apart", "Prefix", "s3", json!({"bucket": "a"})),
            ("shared", "None", "s3", json!({"bucket": "a"})),
            ("elsewhere", "None", "s3", json!({"bucket": "b"})),
            ("blobs", "Prefix", "azure", azure("one", "a")),
            ("same-blobs", "None", "azure", azure("one", "a")),
            ("other-account", "None", "azure", azure("two", "a")),
            ("other-container", "None", "azure", azure("one", "b")),
        ] {
            let storage = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": name},
                "spec": {"type": kind, "namespaceIsolation": isolation, "parameters": parameters}});
            storages.put(Packed::of(&serde_json::from_value::<BackupStorage>(storage).unwrap()));
        }
        let mine = run("mine", "shop", "apart");
        let cases = [
            (run("own", "shop", "apart"), true),
            (run("same-storage", "eve", "apart"), false),
            (run("other-storage", "eve", "shared"), true),
            (run("other-bucket", "eve", "elsewhere"), false),
            (run("no-storage", "eve", "gone"), false),
        ];
        let blob = run("blob", "shop", "blobs");
        for (storage, believed) in [
            ("same-blobs", true),
            ("other-account", false),
            ("other-container", false),
            ("shared", false),
        ] {
            assert_eq!(
                is_believed(&blob, "blobs", &run("o", "eve", storage), &storages),
                believed,
                "{storage}"
            );
        }
        let runs = Cache::default();
        let lost = run("lost", "shop", "gone");
        for other in cases.iter().map(|(other, _)| other).chain([&mine]) {
            runs.put(Packed::of(other));
        }
        // Whose own storage is gone could have been anywhere.
        let believed = others("db.sql", &lost, &runs, &storages);
        assert!(believed.iter().any(|r| r.name_any() == "other-bucket"));
        let mut seen: Vec<_> = others("db.sql", &mine, &runs, &storages)
            .iter()
            .map(|r| r.name_any())
            .collect();
        seen.sort();
        let mut wanted: Vec<_> = cases.iter().filter(|(_, is)| *is).map(|(r, _)| r.name_any()).collect();
        wanted.sort();
        assert_eq!(seen, wanted);
    }

    #[test]
    fn a_run_is_found_by_the_keys_that_it_names_now_until_it_is_gone() {
        let runs = Cache::default();
        let mut other = run("other", "shop", "s");
        let mine = run("mine", "shop", "s");
        let see = |run: &BackupRun| runs.put(Packed::of(run));
        see(&other);
        see(&other);
        see(&mine);
        let found = |key: &str| of(key, &mine, &runs).len();
        assert_eq!((found("db.sql"), found("another")), (1, 0));
        other.status.as_mut().unwrap().key = Some("another".into());
        see(&other);
        assert_eq!((found("db.sql"), found("another")), (0, 1));
        runs.remove("shop/other");
        runs.remove("shop/mine");
        assert_eq!((found("db.sql"), found("another")), (0, 0));
    }

    #[test]
    fn a_run_claims_what_it_writes_and_wrote_and_nothing_that_it_reads() {
        let transfer = |attempt: &str, failed: Option<&str>| {
            let mut other = run("other", "shop", "s");
            other.status =
                serde_json::from_value(json!({"key": "db.sql", "etag": "e", "transfer": {"attempt": attempt,
                "startedAt": "2026-01-01T00:00:00Z", "key": "db.sql", "route": "Direct", "failedAt": failed}}))
                .unwrap();
            claim(&other).unwrap().at_work_since.is_some()
        };
        assert!(transfer("backup-1", None) && !transfer("restore-1", None));
        assert!(
            !transfer("backup-1", Some("2026-01-01T00:01:00Z")),
            "it waits for its next attempt"
        );
        let mut reader = testing::restore_only_run();
        reader.status = run("other", "shop", "s").status;
        assert_eq!(claim(&reader), None);
    }
}
