//! Rules about a schedule.
use api::BackupSchedule;
use api::names::SCHEDULE_MAX;
use kube::ResourceExt;

use crate::schedule::cron::Calendar;
use crate::validate::{Fault, run};

/// Checks a schedule; its calendar is returned.
pub fn validate(schedule: &BackupSchedule) -> Result<Calendar, Vec<Fault>> {
    let mut faults = Vec::new();
    let name = schedule.name_any();
    if name.len() > SCHEDULE_MAX {
        let message = format!("has {} characters; at most {SCHEDULE_MAX} are allowed, because a run's name adds 11", name.len());
        faults.push(Fault { field: "metadata.name".into(), message });
    }
    let calendar = Calendar::parse(&schedule.spec.schedule, schedule.spec.time_zone.as_deref());
    if let Err(error) = &calendar {
        faults.push(Fault { field: error.field().into(), message: error.to_string() });
    }
    if let Err(inner) = run::validate_below("spec.template.spec", &schedule.spec.template.spec) {
        faults.extend(inner);
    }
    match calendar {
        Ok(calendar) if faults.is_empty() => Ok(calendar),
        _ => Err(faults),
    }
}
