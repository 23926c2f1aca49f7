//! The pages: HTML of what was read. Pure. What comes from the cluster is escaped, and has no control characters.
use std::collections::BTreeMap;

use api::{BackupRun, BackupSchedule, BackupStorage, condition, labels};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use maud::{DOCTYPE, Markup, html};
use planner::schedule::expected;
use planner::schedule::observed::{Standing, ended, is_being_restored, standing};
use planner::size::{humanize, span};

use crate::commands::restore::choose::unrestorable;
use crate::commands::status::Read;
use crate::follow::doing::{Doing, of as doing_of};
use crate::follow::estimate::{Expected, far};
use crate::read::facts::facts;
use crate::read::fleet::{Age, age, is_suspended};
use crate::read::story::{Mark, second, story};
use crate::show::table::clean;
use crate::show::time::{ago, until};
use crate::ui::calendar::{self, Fate};

/// What is the same on all pages.
pub struct Frame<'a> {
    /// What each form brings back.
    pub csrf: &'a str,
}

/// What was read of a run.
pub struct Told<'a> {
    /// The run.
    pub run: &'a BackupRun,
    /// Its Pod, where there is one.
    pub pod: Option<&'a Pod>,
    /// The Events of both.
    pub events: &'a [Event],
    /// What could not be seen.
    pub notes: &'a [String],
}

fn shell(title: &str, here: &str, body: &Markup) -> Markup {
    let pages = [("/", "Schedules"), ("/storages", "Storages")];
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " - kubectl backup" }
                link rel="stylesheet" href="/assets/style.css";
                link rel="icon" href="data:,";
                script src="/assets/page.js" defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                header {
                    span { "kubectl backup" }
                    nav aria-label="Pages" {
                        @for (path, word) in pages {
                            a href=(path) aria-current=[(path == here).then_some("page")] { (word) }
                        }
                    }
                }
                main #main tabindex="-1" { h1 { (title) } (body) }
            }
        }
    }
}

/// A page that says what is wrong, in the words of the API server where they are its.
pub fn refusal(code: StatusCode, words: &str) -> Response {
    let lines: Vec<_> = words.lines().map(clean).collect();
    let title = code.canonical_reason().unwrap_or("Refused");
    let body = html! { p.refusal role="alert" { (lines.join("\n")) } };
    (code, Html(shell(title, "", &body).into_string())).into_response()
}

fn button(frame: &Frame<'_>, path: &str, word: &str, more: &[(&str, &str)], quiet: bool) -> Markup {
    html! {
        form method="post" action=(path) {
            input type="hidden" name="csrf" value=(frame.csrf);
            @for (name, value) in more { input type="hidden" name=(name) value=(value); }
            button .quiet[quiet] type="submit" { (word) }
        }
    }
}

fn of_schedule(schedule: &BackupSchedule) -> String {
    format!(
        "/schedules/{}/{}",
        schedule.namespace().unwrap_or_default(),
        schedule.name_any()
    )
}

fn of_run(run: &BackupRun) -> String {
    format!("/runs/{}/{}", run.namespace().unwrap_or_default(), run.name_any())
}

/// How all schedules are.
pub fn fleet(frame: &Frame<'_>, read: &Read, now: Timestamp) -> Markup {
    let fleet = read.fleet(now);
    let mut schedules: Vec<_> = read.schedules.iter().collect();
    let place = |s: &BackupSchedule| (s.namespace(), s.name_any());
    schedules.sort_by_key(|s| (age(s, now) != Age::Old, place(s)));
    let body = html! {
        @for note in &read.notes { p.note { (clean(note)) } }
        @if fleet.is_well() && fleet.failing.is_empty() { p.good { "Nothing wants a look." } }
        @if !fleet.storages.is_empty() || !fleet.runs.is_empty() || !fleet.restores.is_empty() {
            h2 { "Wants a look" }
            ul {
                @for one in &fleet.storages { li { span.bad { "Storage not ready: " } (clean(&one.name)) ": " (clean(&one.reason)) ", " (clean(&one.message)) } }
                @for one in &fleet.runs { li { span.bad { "Stuck for " (ago(one.since, now)) ": " } a href={ "/runs/" (one.namespace) "/" (one.name) } { (one.namespace) "/" (one.name) } ": " (clean(&one.why)) } }
                @for one in &fleet.restores { li { span.bad { "Restore failed " (ago(one.at, now)) " ago: " } a href={ "/runs/" (one.namespace) "/" (one.name) } { (one.namespace) "/" (one.name) } ": " (clean(&one.why)) } }
            }
        }
        table {
            caption { (read.schedules.len()) @if read.schedules.len() == 1 { " schedule" } @else { " schedules" } "; those without a good backup that is young enough first" }
            thead { tr {
                @for name in ["Schedule", "Last good", "Every", "Is it late?", "Size of the last backups", "Next", "Now"] { th scope="col" { (name) } }
            } }
            tbody { @for schedule in schedules { (row(frame, schedule, &fleet, now)) } }
        }
    };
    shell("Schedules", "/", &body)
}

fn row(frame: &Frame<'_>, schedule: &BackupSchedule, fleet: &crate::read::fleet::Fleet, now: Timestamp) -> Markup {
    let none = api::BackupScheduleStatus::default();
    let told = schedule.status.as_ref().unwrap_or(&none);
    let (namespace, name) = (schedule.namespace().unwrap_or_default(), schedule.name_any());
    let path = of_schedule(schedule);
    let late = fleet
        .schedules
        .iter()
        .find(|l| l.namespace == namespace && l.name == name);
    let failing = fleet
        .failing
        .iter()
        .find(|l| l.namespace == namespace && l.name == name);
    let good = told.last_successful_time.as_ref().map(|t| t.0);
    html! {
        tr {
            th scope="row" { a href=(path) { (namespace) "/" (name) } }
            td data-name="Last good" { @match good { Some(at) => time datetime=(second(at)) title=(second(at)) { (ago(at, now)) " ago" }, None => "never" } }
            td data-name="Every" { (expected::interval(schedule, now).map(span).unwrap_or_default()) }
            td data-name="Late" {
                @match late {
                    Some(late) => { span.bad { @if age(schedule, now) == Age::Old { "late" } @else { "not taken" } } ": " (clean(&late.why)) },
                    None if is_suspended(schedule) => span.warn { "suspended" },
                    None if failing.is_some() => span.warn { "in time, the last one failed: " (clean(failing.map_or("", |f| &f.why))) },
                    None if good.is_none() => span.warn { "none yet" },
                    None => span.good { "in time" },
                }
            }
            td data-name="Size" { (spark(&told.recent_bytes)) }
            td data-name="Next" { (told.next_schedule_time.as_ref().map(|t| until(t.0, now)).unwrap_or_default()) }
            td { (button(frame, &format!("{path}/run"), "Back up now", &[], true)) }
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
    let points: Vec<_> = sizes.iter().enumerate().map(at).collect();
    html! {
        @if sizes.len() > 1 {
            svg.spark viewBox="0 0 100 28" preserveAspectRatio="none" role="img" aria-label=(words) { polyline points=(points.join(" ")) {} }
        }
        span { (humanize(*last)) }
    }
}

/// One schedule: its days, its runs.
pub fn schedule(frame: &Frame<'_>, schedule: &BackupSchedule, mut runs: Vec<BackupRun>, now: Timestamp) -> Markup {
    let path = of_schedule(schedule);
    let days = calendar::days(schedule, &runs, now);
    runs.sort_by_key(|run| std::cmp::Reverse((run.creation_timestamp().map(|t| t.0), run.name_any())));
    let asked = schedule.annotations().contains_key(labels::TRIGGER);
    let title = format!("{}/{}", schedule.namespace().unwrap_or_default(), schedule.name_any());
    let newest = calendar_restorable(&runs);
    let body = html! {
        p { "Runs " code { (clean(&schedule.spec.schedule)) } @if is_suspended(schedule) { ", " span.warn { "suspended" } } " into storage " (clean(&schedule.spec.template.spec.storage.name)) }
        @if asked { p.note role="status" { "A run was asked for. It is made when the operator comes to it: load this page again." } }
        div.actions {
            (button(frame, &format!("{path}/run"), "Back up now", &[], false))
            @if let Some(run) = newest { a.button.quiet href={ (of_run(run)) "/restore" } { "Restore the newest good backup..." } }
        }
        h2 #days { "The last " (calendar::DAYS) " days" }
        p.dim { "From the runs that are kept. missed: a tick was due since the oldest good backup that is kept, and no run of it is kept." }
        ol.days aria-labelledby="days" {
            @for (date, fate) in &days { li class=(fate.word()) { time datetime=(date) { (date.strftime("%m-%d")) } br; (if *fate == Fate::Nothing { "-" } else { fate.word() }) } }
        }
        h2 { "Runs" }
        table {
            caption { (runs.len()) " runs are kept, the newest first" }
            thead { tr { @for name in ["Run", "Result", "Ended", "Size", "Kept"] { th scope="col" { (name) } } } }
            tbody { @for run in &runs { tr {
                th scope="row" { a href=(of_run(run)) { (run.name_any()) } }
                td data-name="Result" { (result(run)) }
                td data-name="Ended" { @if standing(run) != Standing::Active { time datetime=(second(ended(run))) { (ago(ended(run), now)) " ago" } } }
                td data-name="Size" { (run.status.as_ref().and_then(|s| s.size_in_bytes).map(humanize).unwrap_or_default()) }
                td data-name="Kept" { @if run.annotations().contains_key(labels::KEEP) { "by you" } }
            } } }
        }
    };
    shell(&title, "", &body)
}

fn calendar_restorable(runs: &[BackupRun]) -> Option<&BackupRun> {
    crate::commands::restore::choose::newest(runs, None).ok()
}

fn result(run: &BackupRun) -> Markup {
    html! {
        @match (doing_of(run), standing(run)) {
            (doing, _) if doing != Doing::Nothing => span.warn { "under way" },
            (_, Standing::Successful) => span.good { "good" },
            (_, Standing::Failed) => span.bad { "failed" },
            _ => "",
        }
    }
}

/// One run: what it does now, what can be done with it, what is known of it, its story.
pub fn run(frame: &Frame<'_>, told: &Told<'_>, now: Timestamp) -> Markup {
    let run = told.run;
    let path = of_run(run);
    let doing = doing_of(run);
    let kept = run.annotations().contains_key(labels::KEEP);
    let can = unrestorable(run).is_none() && !is_being_restored(run);
    let steps = story(run, told.pod, told.events, now);
    let log = run
        .status
        .as_ref()
        .and_then(|s| s.log.as_deref())
        .filter(|log| !log.trim().is_empty());
    let events = format!("{path}/events");
    let body = html! {
        @for note in told.notes { p.note { (clean(note)) } }
        p #connection role="status" {}
        div #live data-events=[(doing != Doing::Nothing).then_some(&events)] { (progress(run)) }
        div.actions {
            @if can { a.button href={ (path) "/restore" } { "Restore..." } }
            @if doing == Doing::Restores { p.note { "If you cancel the restore, what it has applied stays applied, and the rest will be missing." } }
            @if doing != Doing::Nothing { (button(frame, &format!("{path}/cancel"), "Cancel", &[], true)) }
            (button(frame, &format!("{path}/keep"), if kept { "Do not keep" } else { "Keep" }, &[("on", if kept { "false" } else { "true" })], true))
        }
        h2 { "What is known" }
        table {
            caption { "Facts of this run" }
            tbody { @for (name, value) in facts(run, now) { tr { th scope="row" { (name) } td { (clean(&value)) } } } }
        }
        h2 { "Story" }
        table {
            caption { "What happened, the first first; times in UTC" }
            thead { tr { @for name in ["At", "After", "What", "More"] { th scope="col" { (name) } } } }
            tbody { @for step in &steps { tr {
                td { time datetime=(second(step.at)) { (second(step.at)) } }
                td data-name="After" { @if let Some(s) = step.after { "+" (span(SignedDuration::from_secs(s))) } }
                td class=(class(step.mark)) { (clean(&step.what)) @if step.mark == Mark::Bad { " (bad)" } }
                td { (clean(&step.detail)) }
            } } }
        }
        @if let Some(log) = log {
            h2 #stderr { "The end of the command's standard error" }
            pre tabindex="0" role="region" aria-labelledby="stderr" { (log.lines().map(clean).collect::<Vec<_>>().join("\n")) }
        }
    };
    shell(
        &format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any()),
        "",
        &body,
    )
}

fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Step => "step",
        Mark::Good => "good",
        Mark::Warning => "warn",
        Mark::Bad => "bad",
    }
}

/// What a run does now; sent again each time that it changes.
pub fn progress(run: &BackupRun) -> Markup {
    let doing = doing_of(run);
    let far = far(run, Expected::of_backup(run));
    let message = run
        .status
        .as_ref()
        .and_then(|s| s.message.as_deref())
        .unwrap_or_default();
    let cancelled = run.annotations().contains_key(labels::CANCEL);
    let asked = run.annotations().contains_key(labels::RESTORE);
    html! {
        @if cancelled { p.note { "A cancel was asked for." } }
        @if asked && doing == Doing::Nothing { p.note { "A restore was asked for: the operator begins it when it comes to it." } }
        @if doing == Doing::Nothing { p { (result(run)) } } @else {
            p { span.warn { "under way" } @if !message.is_empty() { ": " (clean(message)) } }
            @if let Some(far) = far {
                @if let Some(percent) = far.percent { progress max="100" value=(percent) aria-label="How far it is" {} }
                p { (clean(&far.words())) }
            }
        }
    }
}

/// What will be restored, and over what, before anybody says yes.
pub fn confirm(frame: &Frame<'_>, run: &BackupRun, shown: &str) -> Markup {
    let path = of_run(run);
    let version = run.resource_version().unwrap_or_default();
    let lines: Vec<_> = shown.lines().map(|l| l.split_once(' ').unwrap_or((l, ""))).collect();
    let body = html! {
        table {
            caption { "What will be restored, and over what" }
            tbody { @for (name, value) in lines { tr { th scope="row" { (clean(name)) } td { (clean(value.trim_start())) } } } }
        }
        p.note { "This writes over what is there." }
        div.actions {
            (button(frame, &format!("{path}/restore"), "Restore", &[("version", &version)], false))
            a.button.quiet href=(path) { "No, go back" }
        }
    };
    shell(&format!("Restore {}?", run.name_any()), "", &body)
}

/// The storages, and how much of each namespace is in them.
pub fn storages(_: &Frame<'_>, storages: &[BackupStorage], runs: &[BackupRun], now: Timestamp) -> Markup {
    let mut sizes: BTreeMap<(&str, String), (usize, u64)> = BTreeMap::new();
    for run in runs.iter().filter(|run| standing(run) == Standing::Successful) {
        let size = run.status.as_ref().and_then(|s| s.size_in_bytes).unwrap_or(0);
        let all = sizes
            .entry((&run.spec.storage.name, run.namespace().unwrap_or_default()))
            .or_default();
        *all = (all.0 + 1, all.1.saturating_add(size));
    }
    let body = html! {
        table {
            caption { (storages.len()) " storages" }
            thead { tr { @for name in ["Storage", "Ready", "Why", "Probed"] { th scope="col" { (name) } } } }
            tbody { @for storage in storages {
                @let status = storage.status.clone().unwrap_or_default();
                @let said = condition::find(&status.conditions, condition::READY);
                tr {
                    th scope="row" { (storage.name_any()) }
                    td data-name="Ready" { @match said { Some(c) if c.status == "True" => span.good { "ready" }, Some(_) => span.bad { "not ready" }, None => span.warn { "not probed" } } }
                    td data-name="Why" { @if let Some(c) = said { (clean(&c.reason)) @if !c.message.is_empty() { ": " (clean(&c.message)) } } }
                    td data-name="Probed" { @if let Some(at) = &status.last_probe_time { (ago(at.0, now)) " ago" } }
                }
            } }
        }
        h2 { "Size by namespace" }
        table {
            caption { "Of the good backups of runs that are kept and that you may see" }
            thead { tr { @for name in ["Namespace", "Storage", "Backups", "Stored"] { th scope="col" { (name) } } } }
            tbody { @for ((storage, namespace), (n, size)) in &sizes { tr {
                th scope="row" { (namespace) } td data-name="Storage" { (clean(storage)) } td data-name="Backups" { (n) } td data-name="Stored" { (humanize(*size)) }
            } } }
        }
    };
    shell("Storages", "/storages", &body)
}
