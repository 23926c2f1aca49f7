//! Whether a run that is being deleted takes its object along: only where the run itself was meant, never because its schedule or
//! its namespace goes.
//!
//! What was removed by rotation just before its schedule was deleted is kept: one object too many is better than one too few.
use api::run::RetainPolicy;
use api::schedule::WhenDeleted;
use api::{BackupRun, BackupSchedule, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt};

use crate::run::reason::Reason;
use crate::run::step::Event;

/// What the API server says of a run's surroundings. Asked for when the run goes: the caches of two kinds do not keep step, and
/// a schedule that is still in one may have been deleted before its run.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The schedule that bears the name of the run's controller.
    pub schedule: Option<BackupSchedule>,
    /// The namespace is being deleted, or is gone.
    pub namespace_goes: bool,
}

/// What becomes of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes with the run, if it is the run's.
    Removed,
    /// It stays, and why.
    Kept(String),
}

/// What becomes of the object of a run that is being deleted.
pub fn fate(run: &BackupRun, around: &Surroundings) -> Fate {
    if run.spec.retain_policy != Some(RetainPolicy::Delete) {
        return Fate::Kept("spec.retainPolicy is Retain".into());
    }
    let owner = schedule_of(run);
    // One of the same name with another UID is another schedule: it was made anew.
    let schedule = around
        .schedule
        .as_ref()
        .filter(|s| owner.is_some_and(|o| s.metadata.uid.as_ref() == Some(&o.uid)));
    // Where the schedule is still there it is asked; what it had noted on the run may be older.
    let policy = match schedule {
        Some(schedule) => schedule.spec.when_deleted.unwrap_or_default(),
        None => noted(run),
    };
    if policy == WhenDeleted::Delete {
        return Fate::Removed;
    }
    if around.namespace_goes {
        let namespace = run.namespace().unwrap_or_default();
        return Fate::Kept(format!("not the run but its namespace {namespace} was deleted"));
    }
    let Some(owner) = owner else { return Fate::Removed };
    let name = &owner.name;
    match schedule {
        None => Fate::Kept(format!("not the run but its schedule {name} was deleted")),
        Some(schedule) if schedule.metadata.deletion_timestamp.is_some() => {
            Fate::Kept(format!("not the run but its schedule {name} is being deleted"))
        }
        Some(_) => Fate::Removed,
    }
}

/// The schedule that controls a run.
pub fn schedule_of(run: &BackupRun) -> Option<&OwnerReference> {
    run.owner_references().iter().find(|o| {
        o.controller == Some(true)
            && o.kind == BackupSchedule::kind(&())
            && o.api_version.split('/').next() == Some(BackupSchedule::group(&()).as_ref())
    })
}

/// What its schedule has noted on a run.
pub fn noted(run: &BackupRun) -> WhenDeleted {
    if run.annotations().get(labels::WHEN_DELETED).is_some_and(|v| v == DELETE) {
        WhenDeleted::Delete
    } else {
        WhenDeleted::Retain
    }
}

/// The value of [`labels::WHEN_DELETED`]; without the annotation objects are kept.
pub const DELETE: &str = "Delete";

/// What is said of an object that stays.
pub fn kept(run: &BackupRun, key: &str, why: &str) -> Event {
    let path = run.status.as_ref().and_then(|s| s.path.clone());
    let path = path.map_or_else(|| "its path".to_string(), |path| format!("{path:?}"));
    let stages = [
        run.spec.compression.as_ref().map(|_| "compression"),
        run.spec.encryption.as_ref().map(|_| "encryption.decryptionKey"),
    ];
    let stages: Vec<_> = stages.into_iter().flatten().collect();
    let stages = if stages.is_empty() {
        String::new()
    } else {
        format!(", with the {} of this run", stages.join(" and "))
    };
    Event {
        warning: false,
        reason: Reason::ObjectKept.word(),
        action: "Delete",
        note: format!(
            "object {key} of storage {:?} was kept: {why} (spec.whenDeleted: Retain of the schedule). To restore it, make a run without backup whose storage.path is {path}{stages}; to be rid of it, remove it by hand",
            run.spec.storage.name
        ),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::*;

    fn schedule(uid: &str, when: Option<&str>, goes: bool) -> BackupSchedule {
        let mut schedule: BackupSchedule = serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
            "metadata": {"name": "nightly", "namespace": "team", "uid": uid},
            "spec": {"schedule": "@daily", "whenDeleted": when, "template": {"spec": testing::backup_run().spec}},
        }))
        .unwrap();
        schedule.metadata.deletion_timestamp = goes.then(|| Time("2026-01-01T00:00:00Z".parse().unwrap()));
        schedule
    }

    fn run(owned: bool, noted: Option<&str>) -> BackupRun {
        let mut run = testing::backup_run();
        run.spec.retain_policy = Some(RetainPolicy::Delete);
        let owner = json!([{"apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "name": "nightly", "uid": "s", "controller": true}]);
        run.metadata.owner_references = owned.then(|| serde_json::from_value(owner).unwrap());
        if let Some(value) = noted {
            run.annotations_mut().insert(labels::WHEN_DELETED.into(), value.into());
        }
        run
    }

    #[test]
    fn an_object_goes_with_its_run_and_never_with_a_schedule_or_a_namespace_that_did_not_say_so() {
        let here = |when| Some(schedule("s", when, false));
        let going = |when| Some(schedule("s", when, true));
        let again = |when| Some(schedule("other", when, false));
        let (yes, no) = (true, false);
        for (owned, noted, schedule, namespace_goes, removed) in [
            // Rotation, or a run that is deleted by itself.
            (yes, None, here(None), no, true),
            (yes, None, here(Some("Retain")), no, true),
            (no, None, None, no, true),
            // The schedule goes: in the background, in the foreground, replaced.
            (yes, None, None, no, false),
            (yes, None, going(None), no, false),
            (yes, None, again(None), no, false),
            (yes, None, again(Some("Delete")), no, false),
            // The namespace goes.
            (yes, None, here(None), yes, false),
            (yes, None, None, yes, false),
            (no, None, None, yes, false),
            // The schedule says that all goes.
            (yes, Some("Delete"), None, no, true),
            (yes, Some("Delete"), None, yes, true),
            (yes, Some("Delete"), again(None), no, true),
            (yes, None, going(Some("Delete")), no, true),
            // It has changed its mind since, and has not noted it on all runs yet.
            (yes, Some("Delete"), going(Some("Retain")), no, false),
            (yes, Some("delete"), None, no, false),
        ] {
            let around = Surroundings {
                schedule: schedule.clone(),
                namespace_goes,
            };
            let fate = fate(&run(owned, noted), &around);
            let about = schedule.map(|s| (s.metadata.uid, s.metadata.deletion_timestamp, s.spec.when_deleted));
            assert_eq!(
                fate == Fate::Removed,
                removed,
                "{owned} {noted:?} {about:?} {namespace_goes}: {fate:?}"
            );
        }
    }

    #[test]
    fn an_object_that_is_to_stay_stays_whatever_goes() {
        let mut run = run(false, Some("Delete"));
        run.spec.retain_policy = Some(RetainPolicy::Retain);
        assert!(matches!(fate(&run, &Surroundings::default()), Fate::Kept(_)));
    }

    #[test]
    fn what_is_kept_is_said_with_the_place_where_it_is() {
        let Fate::Kept(why) = fate(&run(true, None), &Surroundings::default()) else {
            panic!("the schedule is gone");
        };
        let event = kept(&run(true, None), "team/db.sql", &why);
        for words in ["team/db.sql", "\"minio\"", "its schedule nightly was deleted"] {
            assert!(event.note.contains(words), "{}", event.note);
        }
    }
}
