//! What a run's path template knows: the time, and from which run and schedule it is.
use std::collections::BTreeMap;

use api::names::stable_hash;
use api::{BackupRun, labels};
use gotemplate::{Context, Data};
use jiff::Timestamp;
use kube::ResourceExt;

/// The context of a run's path, rendered now: `.name`, `.namespace`, `.schedule` (empty without one), `.scheduledTime` (of a
/// run that no tick made, the time of its creation: always a time, so that a schedule's path goes for its triggered runs
/// too) and `.attempt`. Random texts follow from the run's UID: a path that is rendered again after a crash is the same.
pub fn context(run: &BackupRun, now: Timestamp) -> Context {
    let scheduled = run.annotations().get(labels::SCHEDULED_AT).and_then(|t| t.parse().ok());
    let created = run.metadata.creation_timestamp.as_ref().map(|t| t.0);
    let schedule = run.labels().get(labels::SCHEDULE).map_or("", String::as_str);
    Context {
        data: data(
            &run.name_any(),
            run.namespace().as_deref().unwrap_or_default(),
            schedule,
            scheduled.or(created).unwrap_or(now),
        ),
        seed: stable_hash(run.metadata.uid.as_deref().unwrap_or_default()),
        ..Context::utc(now)
    }
}

/// The context of a run that does not exist yet, to come to know what is wrong with a template at any time.
pub fn sample() -> Context {
    let now = Timestamp::UNIX_EPOCH;
    Context {
        data: data("example-0", "example", "example", now),
        ..Context::utc(now)
    }
}

/// What a template's dot is.
pub fn data(name: &str, namespace: &str, schedule: &str, scheduled: Timestamp) -> BTreeMap<String, Data> {
    BTreeMap::from([
        ("name".into(), name.into()),
        ("namespace".into(), namespace.into()),
        ("schedule".into(), schedule.into()),
        ("scheduledTime".into(), Data::Time(scheduled)),
        // The path is rendered when the first attempt begins, and goes for those that follow.
        ("attempt".into(), Data::Int(1)),
    ])
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use testing::backup_run;

    use super::*;
    use crate::validate::run::validate;

    fn rendered(run: &mut BackupRun, path: &str) -> String {
        run.spec.storage.path = path.into();
        let now = "2026-01-01T11:00:05Z".parse().unwrap();
        validate(&run.spec).unwrap().render_path(&context(run, now)).unwrap()
    }

    fn run() -> BackupRun {
        let mut run = backup_run();
        run.metadata.name = Some("hourly-1767265200".into());
        run.metadata.namespace = Some("shop".into());
        run.metadata.uid = Some("1f8a".into());
        run.metadata.creation_timestamp = Some(Time("2026-01-01T11:00:02Z".parse().unwrap()));
        run
    }

    #[test]
    fn a_path_knows_its_run_schedule_and_tick() {
        let mut run = run();
        run.labels_mut().insert(labels::SCHEDULE.into(), "hourly".into());
        run.annotations_mut()
            .insert(labels::SCHEDULED_AT.into(), "2026-01-01T11:00:00Z".into());
        let path = "/{{ .namespace }}/{{ .schedule }}/{{ .name }}/{{ .scheduledTime | date \"150405\" }}-{{ now | date \"150405\" }}-{{ .attempt }}";
        assert_eq!(
            rendered(&mut run, path),
            "/shop/hourly/hourly-1767265200/110000-110005-1"
        );
    }

    #[test]
    fn a_run_that_no_tick_made_has_the_time_of_its_creation() {
        let mut run = run();
        let path = "/{{ .schedule | default \"manual\" }}/{{ .scheduledTime.Format \"15:04:05\" }}";
        assert_eq!(rendered(&mut run, path), "/manual/11:00:02");
        run.metadata.creation_timestamp = None;
        assert_eq!(rendered(&mut run, path), "/manual/11:00:05");
        run.annotations_mut()
            .insert(labels::SCHEDULED_AT.into(), "nonsense".into());
        assert_eq!(rendered(&mut run, path), "/manual/11:00:05");
    }

    #[test]
    fn random_texts_follow_from_the_uid() {
        let mut run = run();
        let path = "/{{ randAlphaNum 16 }}/{{ uuidv4 }}";
        let first = rendered(&mut run, path);
        assert_eq!(rendered(&mut run, path), first);
        run.metadata.uid = Some("2b7c".into());
        assert_ne!(rendered(&mut run, path), first);
    }

    #[test]
    fn a_misspelt_datum_is_refused_at_admission() {
        let mut run = run();
        run.spec.storage.path = "/{{ .nmae }}".into();
        let faults = validate(&run.spec).unwrap_err();
        assert!(
            faults[0]
                .to_string()
                .contains("there is no \"nmae\", did you mean \"name\"?"),
            "{faults:?}"
        );
    }
}
