//! The hour that comes twice or never: what becomes of a schedule's ticks where the clocks of its zone are changed.
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::schedule::cron::Calendar;

/// How far ahead clocks are looked at: a weekly schedule meets each change of a year, a monthly one few.
const AHEAD: SignedDuration = SignedDuration::from_hours(2 * 366 * 24);

/// What the next changes of the zone's clocks do to a schedule, in one sentence and the cure; None where they do nothing.
///
/// Nothing is guessed: the ticks of the days around a change are held against those of the same expression by a clock that is
/// never changed. What names every hour only goes on at its pace, and is not told; a range of hours is a run shorter or longer.
pub fn told(calendar: &Calendar, since: Timestamp) -> Option<String> {
    let unchanged = calendar.unchanged()?;
    let zone = calendar.zone();
    let name = zone.iana_name().unwrap_or("its zone");
    let (mut never, mut twice, mut odd) = (None, None, false);
    let end = since.checked_add(AHEAD).ok()?;
    for change in zone.following(since).take_while(|change| change.timestamp() <= end) {
        let Some(shift) = Shift::find(calendar, &unchanged, &zone, change.timestamp()) else {
            continue;
        };
        if never.is_none() {
            never = shift.says_never(calendar, &zone).map(|words| (shift.at, words));
            odd = never.is_some() && (shift.shows_it(&zone) || !shift.instead.is_empty());
        }
        twice = twice.or_else(|| Some((shift.at, shift.says_twice(&zone)?)));
        if never.is_some() && twice.is_some() {
            break;
        }
    }
    let mut all: Vec<_> = [never, twice].into_iter().flatten().collect();
    all.sort();
    let all: Vec<_> = all.into_iter().map(|(_, words)| words).collect();
    let cure = match odd {
        true => "name a time some hours away from that",
        false => "name a time that is neither skipped nor repeated there",
    };
    (!all.is_empty()).then(|| format!("in {name} {}; {cure}, or the zone Etc/UTC", all.join("; ")))
}

/// The changes of a zone's clocks that make local times come twice, from some time on: when, and for how long it takes until no time
/// is the second one any more.
pub(crate) fn set_back(zone: &TimeZone, since: Timestamp) -> impl Iterator<Item = (Timestamp, SignedDuration)> + '_ {
    let end = since.checked_add(AHEAD).unwrap_or(since);
    let changes = zone
        .following(since)
        .take_while(move |change| change.timestamp() <= end);
    changes.filter_map(|change| {
        let at = change.timestamp();
        let before = zone.to_offset(at.checked_sub(SignedDuration::from_secs(1)).ok()?);
        let back = i64::from(before.seconds()) - i64::from(change.offset().seconds());
        (back > 0).then(|| (at, SignedDuration::from_secs(back)))
    })
}

/// A tick in the zone: RFC 3339 with its offset.
pub fn show(tick: Timestamp, zone: &TimeZone) -> String {
    let text = tick.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    match text.strip_suffix("+00:00") {
        Some(head) => format!("{head}Z"),
        None => text,
    }
}

/// One change of the clocks, and which ticks it touches.
struct Shift {
    at: Timestamp,
    /// What the clocks show when they are changed, and from then on.
    clocks: (DateTime, DateTime),
    /// Local times of the schedule that have no tick.
    never: Vec<DateTime>,
    /// Ticks at local times that the schedule does not name.
    instead: Vec<Timestamp>,
    /// Local times that have two.
    twice: Vec<(DateTime, Vec<Timestamp>)>,
}

impl Shift {
    fn find(calendar: &Calendar, unchanged: &Calendar, zone: &TimeZone, at: Timestamp) -> Option<Self> {
        let offset = zone.to_offset(at.checked_sub(SignedDuration::from_secs(1)).ok()?);
        let clocks = (offset.to_datetime(at), zone.to_datetime(at));
        if clocks.0 == clocks.1 {
            return None;
        }
        let first = clocks.0.min(clocks.1).date();
        let last = clocks.0.max(clocks.1).date().tomorrow().ok()?;
        let wall = by_the_wall(unchanged, first, last)?;
        // A day earlier: what is found after a tick does not depend on how far before it one began.
        let from = zone.to_timestamp(first.yesterday().ok()?.at(0, 0, 0, 0)).ok()?;
        let mut ticks: BTreeMap<DateTime, Vec<Timestamp>> = BTreeMap::new();
        let mut tick = calendar.next(from);
        while let Some(now) = tick.filter(|t| zone.to_datetime(*t).date() < last || *t < at) {
            ticks.entry(zone.to_datetime(now)).or_default().push(now);
            tick = calendar.next(now);
        }
        let never = wall
            .iter()
            .filter(|local| !ticks.contains_key(local))
            .copied()
            .collect();
        let within = |local: &DateTime| (first..last).contains(&local.date());
        let strays = ticks.iter().filter(|(local, _)| within(local) && !wall.contains(local));
        let twice = ticks.iter().filter(|(_, all)| all.len() > 1);
        Some(Self {
            at,
            clocks,
            instead: strays.flat_map(|(_, all)| all.clone()).collect(),
            twice: twice.map(|(local, all)| (*local, all.clone())).collect(),
            never,
        })
    }

    /// Clocks show the first of the local times without a tick all the same. As robfig/cron does it, whose steps are whole hours from
    /// the hour: where clocks are changed by another amount, or at another minute, a time near that may be stepped over.
    fn shows_it(&self, zone: &TimeZone) -> bool {
        let first = self.never.first();
        first.is_some_and(|local| {
            !matches!(
                zone.to_ambiguous_timestamp(*local).offset(),
                AmbiguousOffset::Gap { .. }
            )
        })
    }

    fn says_never(&self, calendar: &Calendar, zone: &TimeZone) -> Option<String> {
        let first = self.never.first()?;
        if let Some(instead) = self.instead.first() {
            let (times, many) = times(&self.never);
            let does = if many { "do" } else { "does" };
            return Some(format!(
                "{times} {does} not come on {}, {}: a run is made at {} instead",
                first.date(),
                self.says_when(),
                show(*instead, zone)
            ));
        }
        let from = zone.to_timestamp(first.date().yesterday().ok()?.at(0, 0, 0, 0)).ok()?;
        let next = std::iter::successors(calendar.next(from), |t| calendar.next(*t))
            .find(|t| *t >= self.at && zone.to_datetime(*t) > *first);
        let next = next.map_or(String::new(), |t| format!(", the next one starts at {}", show(t, zone)));
        let (times, many) = times(&self.never);
        let has = if many { "have" } else { "has" };
        let though = if self.shows_it(zone) {
            ", though they show it that day"
        } else {
            ""
        };
        Some(format!(
            "{times} {has} no tick on {}, {}{though}: no run is made then{next}",
            first.date(),
            self.says_when()
        ))
    }

    fn says_twice(&self, zone: &TimeZone) -> Option<String> {
        let (first, ticks) = self.twice.first()?;
        let ticks: Vec<_> = ticks.iter().map(|t| show(*t, zone)).collect();
        let (times, many) = times(&self.twice.iter().map(|(local, _)| *local).collect::<Vec<_>>());
        let comes = if many { "come" } else { "comes" };
        Some(format!(
            "{times} {comes} twice on {}, {}: a run is made each time ({})",
            first.date(),
            self.says_when(),
            ticks.join(" and ")
        ))
    }

    fn says_when(&self) -> String {
        let show = |clock: DateTime| clock.strftime("%H:%M").to_string();
        format!(
            "when clocks are set from {} to {}",
            show(self.clocks.0),
            show(self.clocks.1)
        )
    }
}

/// The local times of some days, the last one not included.
fn by_the_wall(unchanged: &Calendar, first: Date, last: Date) -> Option<BTreeSet<DateTime>> {
    let utc = |date: Date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok();
    let (start, end) = (utc(first)?.checked_sub(1.second()).ok()?, utc(last)?);
    Some(
        std::iter::successors(unchanged.next(start), |t| unchanged.next(*t))
            .take_while(|t| *t < end)
            .map(|t| TimeZone::UTC.to_datetime(t))
            .collect(),
    )
}

/// The first of some times of day and how many more there are, and whether there are any more.
fn times(all: &[DateTime]) -> (String, bool) {
    let first = all.first().map(|t| t.strftime("%H:%M").to_string()).unwrap_or_default();
    match all.len() {
        0 | 1 => (first, false),
        n => (format!("{first} and {} more times", n - 1), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(expression: &str, zone: &str, since: &str) -> Option<String> {
        told(
            &Calendar::parse(expression, Some(zone)).unwrap(),
            since.parse().unwrap(),
        )
    }

    #[test]
    fn the_next_time_that_comes_never_and_the_next_that_comes_twice_are_told_with_their_dates() {
        for (expression, zone, wanted) in [
            (
                "30 2 * * *",
                "Europe/Berlin",
                &[
                    "in Europe/Berlin 02:30 has no tick on 2026-03-29, when clocks are set from 02:00 to 03:00: no run is made then, the next one starts at 2026-03-30T02:30:00+02:00; ",
                    "02:30 comes twice on 2026-10-25, when clocks are set from 03:00 to 02:00: a run is made each time (2026-10-25T02:30:00+02:00 and 2026-10-25T02:30:00+01:00); ",
                    "or the zone Etc/UTC",
                ][..],
            ),
            (
                "0 */2 * * *",
                "Europe/Berlin",
                &["02:00 has no tick on 2026-03-29", "starts at 2026-03-29T04:00:00+02:00"],
            ),
            (
                "*/15 2 * * *",
                "Europe/Berlin",
                &[
                    "02:00 and 3 more times have no tick",
                    "02:00 and 3 more times come twice",
                ],
            ),
            (
                "0 2 * * 0",
                "Europe/Berlin",
                &["no tick on 2026-03-29", "starts at 2026-04-05T02:00:00+02:00"],
            ),
            // A range is a run shorter on the one day, and a run longer on the other.
            (
                "30 1-3 * * *",
                "Europe/Berlin",
                &[
                    "02:30 has no tick on 2026-03-29",
                    "starts at 2026-03-29T03:30:00+02:00",
                    "02:30 comes twice on 2026-10-25",
                ],
            ),
            (
                "0 8-18,2 * * *",
                "Europe/Berlin",
                &["02:00 has no tick on 2026-03-29", "02:00 comes twice on 2026-10-25"],
            ),
            // There the hour that comes twice is another one than the one that is left out.
            (
                "30 1 * * *",
                "America/New_York",
                &["01:30 comes twice on 2026-11-01", "set from 02:00 to 01:00"],
            ),
            (
                "0 0 * * *",
                "Africa/Cairo",
                &["00:00 has no tick on 2026-04-24", "starts at 2026-04-25T00:00:00+03:00"],
            ),
            ("30 23 * * *", "Africa/Cairo", &["23:30 comes twice on 2026-10-29"]),
            // As robfig/cron, which adds up hours and looks for full ones: the time exists, and the tick does not.
            (
                "0 3 * * *",
                "Australia/Lord_Howe",
                &[
                    "03:00 has no tick on 2026-04-05, when clocks are set from 02:00 to 01:30, though they show it that day",
                    "; name a time some hours away from that, or the zone",
                ],
            ),
            (
                "15 2 * * *",
                "Australia/Lord_Howe",
                &[
                    "02:15 has no tick on 2026-04-05, when clocks are set from 02:00 to 01:30, though they show it that day",
                ],
            ),
            (
                "45 2 * * *",
                "Pacific/Chatham",
                &[
                    "02:45 does not come on 2026-09-27, when clocks are set from 02:45 to 03:45: a run is made at 2026-09-27T03:45:00+13:45 instead",
                ],
            ),
        ] {
            let said = words(expression, zone, "2026-01-01T00:00:00Z").unwrap();
            for part in wanted {
                assert!(said.contains(part), "{expression} {zone}: {part:?} is not in {said}");
            }
        }
    }

    #[test]
    fn what_no_clock_moves_or_what_goes_on_at_its_pace_is_not_told() {
        for (expression, zone) in [
            ("30 2 * * *", "UTC"),
            ("30 2 * * *", "Etc/UTC"),
            ("30 2 * * *", "Asia/Tokyo"),
            ("30 3 * * *", "Europe/Berlin"),
            ("30 2 * * 1", "Europe/Berlin"),
            ("30 2 * 6 *", "Europe/Berlin"),
            ("30 2 * * *", "Australia/Lord_Howe"),
            ("0 * * * *", "Europe/Berlin"),
            ("*/5 * * * *", "Europe/Berlin"),
            ("@every 24h", "Europe/Berlin"),
        ] {
            assert_eq!(
                words(expression, zone, "2026-01-01T00:00:00Z"),
                None,
                "{expression} {zone}"
            );
        }
    }

    #[test]
    fn changes_that_are_over_or_years_away_are_not_told() {
        let said = words("30 2 * * *", "Europe/Berlin", "2026-03-29T02:00:00Z").unwrap();
        assert!(
            said.find("2026-10-25") < said.find("2027-03-28") && !said.contains("2026-03-29"),
            "{said}"
        );
        // The next change on a first of the month comes in 2029.
        assert_eq!(words("30 2 1 * *", "Europe/Berlin", "2026-01-01T00:00:00Z"), None);
    }

    /// The sentence says what the schedule does: held against its ticks, for zones with clocks of their own kind.
    #[test]
    fn what_is_told_is_what_the_ticks_are() {
        let since: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for zone in [
            "Europe/Berlin",
            "America/New_York",
            "America/Havana",
            "Asia/Beirut",
            "Africa/Casablanca",
            "Antarctica/Troll",
        ] {
            for hour in 0..24 {
                let calendar = Calendar::parse(&format!("30 {hour} * * *"), Some(zone)).unwrap();
                let tz = calendar.zone();
                let mut days: BTreeMap<Date, usize> = BTreeMap::new();
                for tick in std::iter::successors(calendar.next(since), |t| calendar.next(*t)).take(730) {
                    *days.entry(tz.to_datetime(tick).date()).or_default() += 1;
                }
                let (first, last) = (*days.keys().next().unwrap(), *days.keys().last().unwrap());
                let never = first
                    .series(1.day())
                    .take_while(|day| *day < last)
                    .find(|day| !days.contains_key(day));
                let twice = days.iter().find(|(_, n)| **n > 1).map(|(day, _)| *day);
                let said = told(&calendar, since).unwrap_or_default();
                for (day, words) in [(never, "has no tick on"), (twice, "comes twice on")] {
                    let wanted = day.map(|day| format!("{words} {day}"));
                    assert!(
                        wanted.as_ref().is_none_or(|w| said.contains(w)),
                        "{zone} {hour}: {wanted:?} is not in {said}"
                    );
                    assert_eq!(wanted.is_some(), said.contains(words), "{zone} {hour}: {said}");
                }
            }
        }
    }
}
