//! Whether the backups of a schedule overwrite each other.
use api::BackupSchedule;
use api::names::{run_of, stable_hash};
use gotemplate::Context;
use jiff::Timestamp;
use kube::ResourceExt;

use crate::run::path::data;
use crate::schedule::cron::Calendar;
use crate::validate::Fault;
use crate::validate::run::{ValidRun, validate};

/// How many ticks are looked at, each beside the next: a day of an hourly schedule.
const TICKS: usize = 25;
/// From when on: some moment, because advice knows no clock.
pub(super) const SINCE: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Renders the path at the ticks of the schedule, as its runs would. Where two in a row are the same object, that is said.
/// A rotation on purpose (a path by day of the week) does not repeat from one tick to the next.
pub(super) fn advise(schedule: &BackupSchedule, calendar: Option<&Calendar>) -> Option<Fault> {
    let spec = &schedule.spec.template.spec;
    spec.backup.as_ref()?;
    let valid = validate(spec).ok()?;
    let calendar = calendar?;
    let ticks = std::iter::successors(calendar.next(SINCE), |tick| calendar.next(*tick)).take(TICKS);
    let mut before: Option<(Timestamp, String)> = None;
    for tick in ticks {
        let path = rendered(&valid, schedule, tick)?;
        if let Some((earlier, _)) = before.as_ref().filter(|(_, p)| *p == path) {
            return Some(Fault::new(
                "spec.template.spec.storage.path",
                format!(
                    "is {path} at {earlier} and at {tick}, two ticks in a row: each backup overwrites the one before, whose run can be restored no more (Overwritten), unless the bucket keeps versions; put the time into it, as in {{{{ .scheduledTime | date \"20060102-150405\" }}}}, or {{{{ .name }}}}"
                ),
            ));
        }
        before = Some((tick, path));
    }
    None
}

fn rendered(valid: &ValidRun, schedule: &BackupSchedule, tick: Timestamp) -> Option<String> {
    let name = run_of(&schedule.name_any(), tick.as_second());
    let namespace = schedule.namespace().unwrap_or_else(|| "default".into());
    let context = Context {
        data: data(&name, &namespace, &schedule.name_any(), tick),
        // Every run has a uid of its own, and what is random follows from it.
        seed: stable_hash(&name),
        ..Context::utc(tick)
    };
    valid.render_path(&context).ok()
}
