//! The run that a record stands for, made anew: it says that it has lived, so that its object is adopted and nothing is executed.
use std::collections::BTreeMap;

use api::run::RetainPolicy;
use api::{BackupRun, BackupRunSpec, labels};
use kube::core::ObjectMeta;

use crate::schema::Record;

/// What the run is made for.
#[derive(Clone, Copy, Debug)]
pub struct Revival<'a> {
    /// The record.
    pub record: &'a Record,
    /// The record's own key in the bucket.
    pub key: &'a str,
    /// Where the run is to be.
    pub namespace: &'a str,
    /// The BackupStorage that the bucket has there.
    pub storage: &'a str,
}

/// The run, with `retainPolicy: Retain`, passed by by rotation: nothing that was brought back goes by itself.
pub fn run(revival: &Revival<'_>, spec: BackupRunSpec) -> BackupRun {
    let record = revival.record;
    let mut all = record.labels.clone();
    if let Some(schedule) = &record.schedule {
        all.insert(labels::SCHEDULE.into(), schedule.clone());
    }
    let mut annotations = BTreeMap::from([
        (labels::STARTED_AS.to_string(), record.uid.clone()),
        (labels::RENDERED_PATH.to_string(), record.path.clone()),
        (labels::RECORD.to_string(), revival.key.to_string()),
        (labels::KEEP.to_string(), "imported".to_string()),
    ]);
    if let Some(tick) = record.scheduled_at {
        annotations.insert(labels::SCHEDULED_AT.into(), tick.to_string());
    }
    let mut spec = BackupRunSpec {
        retain_policy: Some(RetainPolicy::Retain),
        ..spec
    };
    spec.storage.name = revival.storage.into();
    let mut run = BackupRun::new(&record.run, spec);
    run.metadata = ObjectMeta {
        namespace: Some(revival.namespace.into()),
        labels: Some(all).filter(|all| !all.is_empty()),
        annotations: Some(annotations),
        ..run.metadata
    };
    run
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::record;

    #[test]
    fn a_run_that_is_made_anew_says_that_it_has_lived_and_keeps_its_object() {
        let record = record();
        let revival = Revival {
            record: &record,
            key: "k.json",
            namespace: "new",
            storage: "offsite",
        };
        let mut spec = record.open(None).unwrap();
        spec.retain_policy = Some(RetainPolicy::Delete);
        let run = run(&revival, spec);
        assert_eq!(
            (run.metadata.name.as_deref(), run.metadata.namespace.as_deref()),
            (Some("db"), Some("new"))
        );
        assert_eq!(run.spec.retain_policy, Some(RetainPolicy::Retain));
        assert_eq!(run.spec.storage.name, "offsite");
        let annotations = run.metadata.annotations.unwrap();
        let said = |name: &str| annotations.get(name).map(String::as_str);
        assert_eq!(said(labels::STARTED_AS), Some("uid-1"));
        assert_eq!(said(labels::RENDERED_PATH), Some("/db.sql"));
        assert_eq!(said(labels::RECORD), Some("k.json"));
        assert!(said(labels::KEEP).is_some());
        assert_eq!(run.metadata.labels.unwrap()[labels::SCHEDULE], "nightly");
        assert!(run.metadata.owner_references.is_none() && run.status.is_none());
    }
}
