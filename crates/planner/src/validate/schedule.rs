//! Rules about a schedule.
use api::BackupSchedule;
use api::names::SCHEDULE_MAX;
use jiff::tz::TimeZone;
use kube::ResourceExt;

use crate::schedule::cron::Calendar;
use crate::schedule::retention::Policy;
use crate::validate::run::ValidRun;
use crate::validate::{Fault, Faults, metadata, notifications, run};

/// What a valid schedule amounts to.
#[derive(Clone, Debug)]
pub struct ValidSchedule {
    /// When it makes runs.
    pub calendar: Calendar,
    /// The runs that it makes.
    pub run: ValidRun,
}

/// Checks a schedule.
///
/// # Errors
/// All faults, in the order of the fields.
pub fn validate(schedule: &BackupSchedule) -> Result<ValidSchedule, Vec<Fault>> {
    let mut faults = Vec::new();
    if schedule.name_any().len() > SCHEDULE_MAX {
        let words = api::rules::SCHEDULE_NAME.words();
        faults.push(Fault::new(
            "metadata.name",
            words.strip_prefix("metadata.name: ").unwrap_or(words),
        ));
    }
    let calendar = Calendar::parse(&schedule.spec.schedule, schedule.spec.time_zone.as_deref());
    if let Err(error) = &calendar {
        faults.push(Fault::new(error.field(), error.to_string()));
    }
    let mut below = Faults::below("spec.template");
    metadata::check(schedule.spec.template.metadata.as_ref(), "metadata", &mut below);
    faults.extend(below.all);
    let run = run::validate_below("spec.template.spec", &schedule.spec.template.spec);
    let zone = calendar.as_ref().map_or(TimeZone::UTC, Calendar::zone);
    let retention = schedule.spec.retention.as_deref();
    let retention = retention.and_then(|retention| Policy::read(retention, zone).err());
    faults.extend(retention.unwrap_or_default());
    let notifications = notifications::faults("spec.notifications", &schedule.spec.notifications);
    match (calendar, run) {
        (Ok(calendar), Ok(run)) if notifications.is_empty() && faults.is_empty() => Ok(ValidSchedule { calendar, run }),
        (_, run) => {
            faults.extend(run.err().unwrap_or_default());
            faults.extend(notifications);
            Err(faults)
        }
    }
}

#[cfg(test)]
mod tests {
    use api::schedule::{BackupScheduleSpec, RunTemplate};

    use super::*;

    fn schedule(name: &str, expression: &str, zone: Option<&str>) -> BackupSchedule {
        let spec = BackupScheduleSpec {
            schedule: expression.into(),
            time_zone: zone.map(Into::into),
            starting_deadline_seconds: None,
            jitter_seconds: None,
            concurrency_policy: None,
            suspend: None,
            when_deleted: None,
            template: RunTemplate {
                metadata: None,
                spec: testing::backup_run().spec,
            },
            successful_runs_history_limit: None,
            failed_runs_history_limit: None,
            retention: None,
            notifications: Vec::new(),
        };
        BackupSchedule::new(name, spec)
    }

    #[test]
    fn all_faults_are_named_by_their_fields() {
        let long = "a".repeat(53);
        let cases = [
            (schedule("a", "@daily", Some("Europe/Berlin")), vec![]),
            (schedule(&"a".repeat(52), "@daily", None), vec![]),
            (schedule(&long, "@daily", None), vec!["metadata.name"]),
            (schedule("a", "* * *", None), vec!["spec.schedule"]),
            (schedule("a", "@daily", Some("Local")), vec!["spec.timeZone"]),
            (schedule("a", "TZ=UTC @daily", Some("UTC")), vec!["spec.schedule"]),
        ];
        for (schedule, wanted) in cases {
            let faults = validate(&schedule).err().unwrap_or_default();
            assert_eq!(faults.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), wanted);
        }
        let mut all = schedule(&long, "61 * * * *", None);
        all.spec.template.spec.storage.path = "x".into();
        let label = |value: &str| Some(std::collections::BTreeMap::from([("a".to_string(), value.to_string())]));
        all.spec.template.metadata = Some(api::run::TemplateMetadata {
            labels: label("no spaces"),
            annotations: None,
        });
        let faults = validate(&all).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "metadata.name",
                "spec.schedule",
                "spec.template.metadata.labels[\"a\"]",
                "spec.template.spec.storage.path"
            ]
        );
    }

    #[test]
    fn a_refusal_of_a_long_expression_fits_into_a_status() {
        let long = "\u{1}".repeat(100_000);
        let wordy = "\u{1}".repeat(1000);
        for text in [&long, &wordy] {
            for schedule in [
                schedule("a", text, None),
                schedule("a", "@daily", Some(text)),
                schedule("a", &format!("@{text}"), None),
            ] {
                let faults = validate(&schedule).unwrap_err();
                assert!(faults.iter().all(|f| f.message.len() < 8 << 10), "{faults:?}");
            }
        }
    }
}
