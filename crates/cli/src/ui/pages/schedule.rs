//! One schedule: its days, its runs.
use api::{BackupRun, BackupSchedule, labels};
use jiff::Timestamp;
use kube::ResourceExt;
use maud::{Markup, html};
use planner::schedule::observed::{Standing, ended, standing};
use planner::size::humanize;

use super::{Button, Frame, Page, badge, of_run, of_schedule, powerless, result, shell};
use crate::commands::restore::choose;
use crate::follow::doing::{Doing, of as doing_of};
use crate::plain::clean;
use crate::read::fleet::is_suspended;
use crate::read::story::second;
use crate::show::style::Tone;
use crate::show::time::{ago, until};
use crate::ui::calendar::{self, Fate};

/// The page. `may`: who looks may change it.
pub fn schedule(
    frame: &Frame<'_>,
    schedule: &BackupSchedule,
    mut runs: Vec<BackupRun>,
    may: bool,
    now: Timestamp,
) -> Markup {
    let path = of_schedule(schedule);
    let days = calendar::days(schedule, &runs, now);
    runs.sort_by_key(|run| std::cmp::Reverse((run.creation_timestamp().map(|t| t.0), run.name_any())));
    let asked = schedule.annotations().contains_key(labels::TRIGGER);
    let namespace = schedule.namespace().unwrap_or_default();
    let title = format!("{namespace}/{}", schedule.name_any());
    let newest = choose::newest(&runs, None).ok();
    let next = schedule.status.as_ref().and_then(|s| s.next_schedule_time.as_ref());
    let verified = schedule.status.as_ref().and_then(|s| s.last_verified_time.as_ref());
    let now_button = Button {
        path: &format!("{path}/run"),
        word: "Back up now",
        about: "",
        fields: &[],
        quiet: false,
        may,
    };
    let body = html! {
        h1 { (title) }
        p.summary {
            @if is_suspended(schedule) { (badge(Tone::Warn, "suspended")) }
            span { "Runs at " code { (clean(&schedule.spec.schedule)) } @if let Some(zone) = &schedule.spec.time_zone { " (" (clean(zone)) ")" } }
            span { "into storage " (clean(&schedule.spec.template.spec.storage.name)) }
            @if let Some(at) = next { span { "next " (until(at.0, now)) } }
            @if let Some(at) = verified { span { "last proved by restoring or reading " time datetime=(second(at.0)) title=(second(at.0)) { (ago(at.0, now)) " ago" } } }
        }
        @if !may { (powerless("schedules", &[&namespace])) }
        @if asked { p.note { "A run was asked for. It appears below when the operator has made it." } }
        div.actions {
            (now_button.markup(frame))
            @if let Some(run) = newest { a.button.quiet href={ (of_run(run)) "/restore" } { "Restore the newest good backup..." } }
        }
        h2 { "Runs" }
        table {
            caption { (runs.len()) @if runs.len() == 1 { " run is kept" } @else { " runs are kept, the newest first" } }
            thead { tr { @for name in ["Run", "Result", "Ended", "Size", "Proved", "Kept"] { th scope="col" { (name) } } } }
            tbody { @for run in &runs {
                @let (tone, word) = result(run);
                tr {
                    th scope="row" { a href=(of_run(run)) { (run.name_any()) } }
                    td { (badge(tone, word)) }
                    td data-name="Ended" { @if standing(run) != Standing::Active { time datetime=(second(ended(run))) { (ago(ended(run), now)) " ago" } } }
                    td data-name="Size" { (run.status.as_ref().and_then(|s| s.size_in_bytes).map(humanize).unwrap_or_default()) }
                    td data-name="Proved" { (proved(run, now)) }
                    td data-name="Kept" { @if run.annotations().contains_key(labels::KEEP) { "by you" } }
                }
            } }
        }
        h2 #days { "The last " (calendar::DAYS) " days" }
        p.dim { "Of the runs that are kept. A day is missed where a tick was due after the oldest good backup that is kept, and no run of it is." }
        ol.days aria-labelledby="days" {
            @for (date, fate) in &days { li class=(fate.word()) { time datetime=(date) { (date.strftime("%m-%d")) } br; (if *fate == Fate::Nothing { "-" } else { fate.word() }) } }
        }
    };
    let is_busy = asked || runs.iter().any(|run| doing_of(run) != Doing::Nothing);
    let events = format!("{path}/events");
    let page = Page {
        title: &title,
        here: "",
        events: is_busy.then_some(events.as_str()),
    };
    shell(&page, &body)
}

/// What a restore or a drill has found of its backup, and when.
fn proved(run: &BackupRun, now: Timestamp) -> Markup {
    let told = run.status.as_ref().and_then(|status| status.verified.as_ref());
    html! { @if let Some(found) = told {
        @let (tone, word) = if found.successful { (Tone::Good, "good") } else { (Tone::Bad, "bad") };
        (badge(tone, word)) " " time datetime=(second(found.time.0)) title=(clean(&format!("{} by run {}", found.mode, found.run))) { (ago(found.time.0, now)) " ago" }
    } }
}
