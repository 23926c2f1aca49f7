//! One run: what it does now, what can be done with it, what is known of it, its story.
use api::{BackupRun, labels};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use maud::{Markup, html};
use planner::schedule::observed::{Standing, is_being_restored, standing};
use planner::size::{humanize, span};

use super::{Button, Frame, Page, badge, of_run, powerless, result, shell};
use crate::commands::restore::choose::unrestorable;
use crate::follow::doing::{Doing, of as doing_of};
use crate::follow::estimate::{Expected, far};
use crate::follow::log::at_work;
use crate::plain::clean;
use crate::read::facts::facts;
use crate::read::story::{Mark, second, story};
use crate::show::style::Tone;
use crate::show::time::ago;
use crate::ui::checks::Check;

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
    /// Its object is read whole, or was.
    pub check: Option<&'a Check>,
    /// Who looks may change it.
    pub may: bool,
}

/// The page.
pub fn run(frame: &Frame<'_>, told: &Told<'_>, now: Timestamp) -> Markup {
    let run = told.run;
    let path = of_run(run);
    let doing = doing_of(run);
    let checking = matches!(told.check, Some(Check::Reading { .. }));
    let log = run
        .status
        .as_ref()
        .and_then(|s| s.log.as_deref())
        .filter(|log| doing == Doing::Nothing && !log.trim().is_empty());
    let events = format!("{path}/events");
    let namespace = run.namespace().unwrap_or_default();
    let title = format!("{namespace}/{}", run.name_any());
    let (tone, word) = result(run);
    let body = html! {
        h1 { (title) }
        p.summary {
            (badge(tone, word))
            @if let Some(schedule) = run.labels().get(labels::SCHEDULE) { span { "of schedule " a href={ "/schedules/" (namespace) "/" (schedule) } { (namespace) "/" (schedule) } } }
            span { "in storage " (clean(&run.spec.storage.name)) }
            @if let Some(size) = run.status.as_ref().and_then(|s| s.size_in_bytes) { span { (humanize(size)) } }
        }
        @for note in told.notes { p.note { (clean(note)) } }
        @if !told.may { (powerless("runs", &[&namespace])) }
        div #live { (progress(run)) }
        div #check { @if let Some(check) = told.check { (self::check(check, now)) } }
        (actions(frame, told, doing, checking))
        @if doing != Doing::Nothing {
            section #log hidden {
                h2 #stderr { "Standard error of the command, live" }
                p.dim #place {}
                pre #lines tabindex="0" role="region" aria-labelledby="stderr" {}
            }
        }
        @if let Some(log) = log {
            h2 #stderr { "The end of the command's standard error" }
            pre tabindex="0" role="region" aria-labelledby="stderr" { (log.lines().map(clean).collect::<Vec<_>>().join("\n")) }
        }
        (told_of(told, now))
    };
    let page = Page {
        title: &title,
        here: "",
        events: (doing != Doing::Nothing || checking).then_some(events.as_str()),
    };
    shell(&page, &body)
}

/// What can be done with it.
fn actions(frame: &Frame<'_>, told: &Told<'_>, doing: Doing, checking: bool) -> Markup {
    let run = told.run;
    let path = of_run(run);
    let kept = run.annotations().contains_key(labels::KEEP);
    let can = unrestorable(run).is_none() && !is_being_restored(run);
    let button = |verb: &str, word, fields, may| {
        let path = format!("{path}/{verb}");
        let quiet = true;
        let about = "";
        Button {
            path: &path,
            word,
            about,
            fields,
            quiet,
            may,
        }
        .markup(frame)
    };
    let is_good = run.spec.backup.is_some() && standing(run) == Standing::Successful;
    let keep = if kept {
        ("Do not keep", [("on", "false")])
    } else {
        ("Keep", [("on", "true")])
    };
    html! {
        @if doing == Doing::Restores { p.note { "If you cancel the restore, what it has applied stays applied, and the rest will be missing." } }
        div.actions {
            @if can && told.may { a.button href={ (path) "/restore" } { "Restore..." } }
            @if doing != Doing::Nothing { (button("cancel", "Cancel", &[], told.may)) }
            @if is_good { (button("verify", "Verify", &[], !checking)) }
            (button("keep", keep.0, &keep.1, told.may))
        }
    }
}

/// Its story, and what is known of it.
fn told_of(told: &Told<'_>, now: Timestamp) -> Markup {
    let steps = story(told.run, told.pod, told.events, now);
    html! {
        h2 { "Story" }
        table.story {
            caption { "What happened, the oldest first; times in UTC" }
            thead { tr { @for name in ["At", "After", "What", "More"] { th scope="col" { (name) } } } }
            tbody { @for step in &steps { tr {
                td { time datetime=(second(step.at)) { (second(step.at)) } }
                td data-name="After" { @if let Some(s) = step.after { "+" (span(SignedDuration::from_secs(s))) } }
                td class=(class(step.mark)) { (clean(&step.what)) @if step.mark == Mark::Bad { " (bad)" } }
                td { (clean(&step.detail)) }
            } } }
        }
        h2 { "What is known" }
        table.facts {
            caption { "Facts of this run" }
            tbody { @for (name, value) in facts(told.run, now) { tr { th scope="row" { (name) } td { (clean(&value)) } } } }
        }
    }
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
    html! {
        @if cancelled { p.note { "A cancel was asked for." } }
        @if doing != Doing::Nothing {
            p {
                @if !message.is_empty() { (clean(message)) }
                @else if at_work(run).is_some() { "Its command runs." }
                @else { "It waits: for the operator, or for its Pod." }
            }
            @if let Some(far) = far {
                @if let Some(percent) = far.percent { progress max="100" value=(percent) aria-label="How far it is" {} }
                p { (clean(&far.words())) }
            }
        }
    }
}

/// How far the reading of its object is, or what it came to.
pub fn check(check: &Check, now: Timestamp) -> Markup {
    match check {
        Check::Reading { stop, size } => {
            let bytes = stop.bytes();
            html! {
                p { "Its object is read whole: " (humanize(bytes)) @if let Some(size) = size { " of " (humanize(*size)) } }
                @if let Some(size) = size.filter(|size| *size > 0) {
                    progress max="100" value=(u128::from(bytes).saturating_mul(100) / u128::from(size)) aria-label="How far the object is read" {}
                }
            }
        }
        Check::Ended { verdict, at } => {
            let (word, tone) = verdict.word();
            html! {
                p.summary {
                    span { "Verified " (ago(*at, now)) " ago:" }
                    (badge(tone, word))
                    @if let Some(size) = verdict.size { span { (humanize(size)) } }
                    @if !verdict.hash().is_empty() { span { "hash " (verdict.hash()) } }
                    @if !verdict.undone.is_empty() { span { (verdict.undone.join(", ")) " read to the end" } }
                    @if verdict.closed { span { "encrypted, and not opened" } }
                }
                @if let Some(wrong) = &verdict.wrong { p.refusal { (wrong.1.lines().map(clean).collect::<Vec<_>>().join("\n")) } }
                @if tone == Tone::Warn { p.note { "Nothing says what the bytes have to be: the size alone agrees." } }
            }
        }
    }
}

/// What will be restored, and over what, before anybody says yes.
pub fn confirm(frame: &Frame<'_>, run: &BackupRun, shown: &str, may: bool) -> Markup {
    let path = of_run(run);
    let version = run.resource_version().unwrap_or_default();
    let lines: Vec<_> = shown.lines().map(|l| l.split_once(' ').unwrap_or((l, ""))).collect();
    let title = format!("Restore {}?", run.name_any());
    let button = Button {
        path: &format!("{path}/restore"),
        word: "Restore",
        about: "",
        fields: &[("version", &version)],
        quiet: false,
        may,
    };
    let body = html! {
        h1 { (title) }
        @if !may { (powerless("runs", &[&run.namespace().unwrap_or_default()])) }
        p.note { "This writes over what is there." }
        table.facts {
            caption { "What will be restored, and over what" }
            tbody { @for (name, value) in lines { tr { th scope="row" { (clean(name)) } td { (clean(value.trim_start())) } } } }
        }
        div.actions {
            (button.markup(frame))
            a.button.quiet href=(path) { "No, go back" }
        }
    };
    let page = Page {
        title: &title,
        here: "",
        events: None,
    };
    shell(&page, &body)
}
