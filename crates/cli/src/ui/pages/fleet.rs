//! How all schedules are: those first that want a look.
use std::collections::BTreeSet;

use api::BackupSchedule;
use jiff::Timestamp;
use kube::ResourceExt;
use maud::{Markup, html};
use planner::schedule::expected;
use planner::size::{humanize, span};

use super::{Button, Frame, Page, badge, of_schedule, powerless, shell};
use crate::commands::status::Read;
use crate::plain::clean;
use crate::read::fleet::{Age, Fleet, Late, age, is_suspended};
use crate::read::story::second;
use crate::show::style::Tone;
use crate::show::time::{ago, until};

/// The page. `denied`: the namespaces whose schedules may not be changed.
pub fn fleet(frame: &Frame<'_>, read: &Read, denied: &BTreeSet<String>, now: Timestamp) -> Markup {
    let fleet = read.fleet(now);
    let mut schedules: Vec<_> = read.schedules.iter().collect();
    let place = |s: &BackupSchedule| (s.namespace(), s.name_any());
    schedules.sort_by_key(|s| (age(s, now) != Age::Old, place(s)));
    let looks = fleet.schedules.len()
        + fleet.drills.len()
        + fleet.storages.len()
        + fleet.runs.len()
        + fleet.restores.len()
        + fleet.rewraps.len()
        + fleet.failing.len();
    let body = html! {
        h1 { "Schedules" }
        @for note in &read.notes { p.note { (clean(note)) } }
        @if !denied.is_empty() { (powerless("schedules", &denied.iter().map(String::as_str).collect::<Vec<_>>())) }
        p.summary {
            @if looks == 0 { (badge(Tone::Good, "all is well")) } @else { (badge(Tone::Bad, &format!("{} to look at", looks))) }
            span { (read.schedules.len()) @if read.schedules.len() == 1 { " schedule" } @else { " schedules" } }
            @if !fleet.schedules.is_empty() { span { (fleet.schedules.len()) " without a good backup that is young enough" } }
        }
        @if looks > 0 {
            h2 { "To look at" }
            ul.looks {
                @for schedule in &schedules { @if let Some(late) = late_of(&fleet, schedule) {
                    li { (badge(Tone::Bad, lateness(schedule, late, now))) " " a href=(of_schedule(schedule)) { (late.namespace) "/" (late.name) } ": " (clean(&late.why)) }
                } }
                @for one in &fleet.failing { li { (badge(Tone::Warn, "failed")) " " a href={ "/schedules/" (one.namespace) "/" (one.name) } { (one.namespace) "/" (one.name) } ", in time: " (clean(&one.why)) } }
                @for one in &fleet.drills { li { (badge(Tone::Bad, "not proved")) " Drill " (one.namespace) "/" (one.name) " of " a href={ "/schedules/" (one.namespace) "/" (one.schedule) } { (clean(&one.schedule)) } ", " @match one.last_good { Some(at) => { "last proved " (ago(at, now)) " ago" }, None => "never proved anything" } ": " (clean(&one.why)) } }
                @for one in &fleet.storages { li { (badge(Tone::Bad, "not ready")) " Storage " (clean(&one.name)) ": " (clean(&one.reason)) ", " (clean(&one.message)) } }
                @for one in &fleet.runs { li { (badge(Tone::Bad, &format!("stuck for {}", ago(one.since, now)))) " " a href={ "/runs/" (one.namespace) "/" (one.name) } { (one.namespace) "/" (one.name) } ": " (clean(&one.why)) } }
                @for one in &fleet.rewraps { li { (badge(Tone::Bad, if one.given_up { "rewrap given up" } else { "not removed" })) " " a href={ "/runs/" (one.namespace) "/" (one.name) } { (one.namespace) "/" (one.name) } ": " (clean(&one.why)) } }
                @for one in &fleet.restores { li { (badge(Tone::Bad, "restore failed")) " " a href={ "/runs/" (one.namespace) "/" (one.name) } { (one.namespace) "/" (one.name) } ", " (ago(one.at, now)) " ago: " (clean(&one.why)) } }
            }
        }
        table {
            caption { "Those without a good backup that is young enough come first" }
            thead { tr {
                @for name in ["Schedule", "State", "Last good", "Every", "Next", "Size of the last backups", "Do"] { th scope="col" { (name) } }
            } }
            tbody { @for schedule in schedules { (row(frame, schedule, &fleet, denied, now)) } }
        }
        @if read.schedules.is_empty() { p.dim { "There is no schedule that you may see." } }
    };
    let page = Page {
        title: "Schedules",
        here: "/",
        events: None,
    };
    shell(&page, &body)
}

/// In time, and its last backup failed.
fn failing_of<'a>(fleet: &'a Fleet, schedule: &BackupSchedule) -> Option<&'a Late> {
    let (namespace, name) = (schedule.namespace().unwrap_or_default(), schedule.name_any());
    fleet
        .failing
        .iter()
        .find(|late| late.namespace == namespace && late.name == name)
}

fn late_of<'a>(fleet: &'a Fleet, schedule: &BackupSchedule) -> Option<&'a Late> {
    let (namespace, name) = (schedule.namespace().unwrap_or_default(), schedule.name_any());
    let mut all = fleet.schedules.iter();
    all.find(|late| late.namespace == namespace && late.name == name)
}

/// Of one that is.
fn lateness(schedule: &BackupSchedule, late: &Late, now: Timestamp) -> &'static str {
    match age(schedule, now) {
        Age::Old => "late",
        _ if late.failures > 0 => "never good",
        _ => "not taken",
    }
}

fn row(
    frame: &Frame<'_>,
    schedule: &BackupSchedule,
    fleet: &Fleet,
    denied: &BTreeSet<String>,
    now: Timestamp,
) -> Markup {
    let none = api::BackupScheduleStatus::default();
    let told = schedule.status.as_ref().unwrap_or(&none);
    let (namespace, name) = (schedule.namespace().unwrap_or_default(), schedule.name_any());
    let path = of_schedule(schedule);
    let late = late_of(fleet, schedule);
    let good = told.last_successful_time.as_ref().map(|t| t.0);
    let button = Button {
        path: &format!("{path}/run"),
        word: "Back up now",
        about: &format!("{namespace}/{name}"),
        fields: &[],
        quiet: true,
        may: !denied.contains(&namespace),
    };
    html! {
        tr {
            th scope="row" { a href=(path) { (namespace) "/" (name) } }
            td {
                @match late {
                    Some(late) => (badge(Tone::Bad, lateness(schedule, late, now))),
                    None if is_suspended(schedule) => (badge(Tone::Warn, "suspended")),
                    None if failing_of(fleet, schedule).is_some() => (badge(Tone::Warn, "in time, last one failed")),
                    None if good.is_none() => (badge(Tone::Dim, "none yet")),
                    None => (badge(Tone::Good, "in time")),
                }
            }
            td data-name="Last good" { @match good { Some(at) => time datetime=(second(at)) title=(second(at)) { (ago(at, now)) " ago" }, None => "never" } }
            td data-name="Every" { (expected::interval(schedule, now).map(span).unwrap_or_default()) }
            td data-name="Next" { (told.next_schedule_time.as_ref().map(|t| until(t.0, now)).unwrap_or_default()) }
            td data-name="Size" { (spark(&told.recent_bytes)) }
            td { (button.markup(frame)) }
        }
    }
}

/// Sizes as a line, the oldest first; said in words too.
fn spark(sizes: &[u64]) -> Markup {
    let (Some(last), Some(most), Some(least)) = (sizes.last(), sizes.iter().max(), sizes.iter().min()) else {
        return html! {};
    };
    let words = format!(
        "{} the last, {} to {} before",
        humanize(*last),
        humanize(*least),
        humanize(*most)
    );
    #[allow(clippy::cast_precision_loss, reason = "a picture of a hundred steps")]
    let at = |(i, size): (usize, &u64)| {
        let x = i as f64 * 100.0 / (sizes.len().saturating_sub(1).max(1)) as f64;
        let y = 26.0 - *size as f64 * 24.0 / (*most).max(1) as f64;
        format!("{x:.1},{y:.1}")
    };
    let points = sizes.iter().enumerate().map(at).collect::<Vec<_>>().join(" ");
    html! {
        div.size {
            @if sizes.len() > 1 {
                svg.spark viewBox="0 0 100 28" preserveAspectRatio="none" role="img" aria-label=(words) {
                    polygon points={ "0,28 " (points) " 100,28" } {}
                    polyline points=(points) {}
                }
            }
            span { (humanize(*last)) }
        }
    }
}
