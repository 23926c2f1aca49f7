//! Whether the backups of a schedule overwrite each other.
use std::collections::BTreeMap;

use api::BackupSchedule;
use api::names::{run_of, stable_hash};
use gotemplate::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kube::ResourceExt;

use crate::run::path::data;
use crate::schedule::cron::Calendar;
use crate::schedule::shifts::{set_back, show};
use crate::validate::Fault;
use crate::validate::run::{ValidRun, validate};

/// How many ticks are looked at, each beside the next: a day of an hourly schedule.
const TICKS: usize = 25;
/// How many are looked at where clocks are set back: an hour of each minute, and the first that repeats one.
const REPEATED: usize = 62;
/// How many zones, so that a template that names them all costs its reviewer no more.
const ZONES: usize = 3;
/// From when on: some moment, because advice knows no clock.
pub(super) const SINCE: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Renders the path at the ticks of the schedule, as its runs would. Where two in a row are the same object, that is said.
/// A rotation on purpose (a path by day of the week) does not repeat from one tick to the next.
pub(super) fn advise(schedule: &BackupSchedule, calendar: Option<&Calendar>, now: Timestamp) -> Option<Fault> {
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
    zones(&spec.storage.path, calendar)
        .into_iter()
        .find_map(|zone| repeated(&valid, schedule, calendar, &zone, now))
}

/// The zones whose clocks a path may show: those that it names, and the schedule's own.
fn zones(template: &str, calendar: &Calendar) -> Vec<TimeZone> {
    let words = template.split(['"', '`']).skip(1).step_by(2);
    let named = words.filter_map(|word| gotemplate::gotime::zone(word).ok());
    let mut zones: Vec<TimeZone> = Vec::new();
    for zone in [calendar.zone()].into_iter().chain(named) {
        if !zones.contains(&zone) && zones.len() < ZONES {
            zones.push(zone);
        }
    }
    zones
}

/// Where clocks are set back, local times come twice; a path that tells no more than those is that of an object that is there.
fn repeated(
    valid: &ValidRun,
    schedule: &BackupSchedule,
    calendar: &Calendar,
    zone: &TimeZone,
    now: Timestamp,
) -> Option<Fault> {
    let name = zone.iana_name()?;
    for (at, back) in set_back(zone, now) {
        let (from, to) = (at.checked_sub(back).ok()?, at.checked_add(back).ok()?);
        // From just before, so that a tick at the first repeated second counts.
        let from = from.checked_sub(jiff::SignedDuration::from_secs(1)).ok()?;
        let ticks = std::iter::successors(calendar.next(from), |tick| calendar.next(*tick));
        let mut seen: BTreeMap<String, Timestamp> = BTreeMap::new();
        for tick in ticks.take_while(|tick| *tick < to).take(REPEATED) {
            let path = rendered(valid, schedule, tick)?;
            if let Some(earlier) = seen.get(&path) {
                return Some(Fault::new(
                    "spec.template.spec.storage.path",
                    format!(
                        "is {path} at {} and at {}, when clocks in {name} are set back: the second backup overwrites the first, whose run can be restored no more (Overwritten), unless the bucket keeps versions; put the time of UTC into it, as in {{{{ .scheduledTime | date \"20060102-150405\" }}}}, the offset, or {{{{ .name }}}}",
                        show(*earlier, zone),
                        show(tick, zone)
                    ),
                ));
            }
            seen.insert(path, tick);
        }
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
