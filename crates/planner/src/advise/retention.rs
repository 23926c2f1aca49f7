//! Whether generations are what they seem: beside a number of runs, finer than the ticks, by time alone.
use api::BackupSchedule;
use jiff::Timestamp;

use crate::schedule::cron::Calendar;
use crate::schedule::retention::{Policy, Rule};
use crate::size::span;
use crate::validate::Fault;

/// What the CRD says where nobody did.
const LIMIT: u32 = 3;
/// So many ticks show how far apart they are.
const TICKS: usize = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// What is unwise in `spec.retention`.
pub(super) fn advise(schedule: &BackupSchedule, calendar: Option<&Calendar>, now: Timestamp, said: &mut Vec<Fault>) {
    let Ok(Some(policy)) = Policy::of(schedule) else { return };
    if let Some(limit) = schedule.spec.successful_runs_history_limit.filter(|l| *l != LIMIT) {
        said.push(Fault::new(
            "spec.successfulRunsHistoryLimit",
            format!(
                "{limit} says nothing beside spec.retention, which keeps by generations; leave it out, unless an operator from before retention is to find it"
            ),
        ));
    }
    let counts = Rule::ALL.into_iter().any(|rule| policy.count(rule) > 0);
    if let Some(within) = policy.within().filter(|_| !counts && policy.least() == 1) {
        said.push(Fault::new(
            "spec.retention.within",
            format!(
                "is alone: where no backup was good for {within}, or a clock ran ahead by that, the next good one is the only one that stays; give last or minSuccessful, too, as in minSuccessful: 3"
            ),
        ));
    }
    let apart = calendar.and_then(|calendar| closest(calendar, now));
    for (rule, period, words) in [
        (Rule::Hourly, HOUR, "hours"),
        (Rule::Daily, DAY, "days"),
        (Rule::Weekly, 7 * DAY, "weeks"),
        (Rule::Monthly, 31 * DAY, "months"),
    ] {
        let count = policy.count(rule);
        if let Some(apart) = apart.filter(|apart| count > 1 && apart.as_secs() >= 2 * period) {
            said.push(Fault::new(
                format!("spec.retention.{}", rule.word()),
                format!(
                    "{count} keeps as many backups, and these are at least {} apart: {words} without a backup are not counted, so that it reaches further back than it seems; say it by a longer period, or by last: {count}",
                    span(apart)
                ),
            ));
        }
    }
}

/// How far apart the two ticks are that are closest to each other.
fn closest(calendar: &Calendar, now: Timestamp) -> Option<jiff::SignedDuration> {
    let ticks = std::iter::successors(calendar.next(now), |tick| calendar.next(*tick));
    let ticks: Vec<_> = ticks.take(TICKS).collect();
    let apart = ticks.iter().zip(ticks.iter().skip(1));
    apart.map(|(one, next)| next.duration_since(*one)).min()
}
