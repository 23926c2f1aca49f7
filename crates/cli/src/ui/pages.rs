//! The pages: HTML of what was read. Pure. What comes from the cluster is escaped, and has no control characters.
mod fleet;
mod run;
mod schedule;
mod storages;

pub use fleet::fleet;
pub use run::{Told, check, confirm, progress, run};
pub use schedule::schedule;
pub use storages::storages;

use api::{BackupRun, BackupSchedule};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use kube::ResourceExt;
use maud::{DOCTYPE, Markup, html};
use planner::schedule::observed::{Standing, standing};

use crate::follow::doing::{Doing, of as doing_of};
use crate::plain::clean;
use crate::show::style::Tone;

/// What is the same on all pages.
pub struct Frame<'a> {
    /// What each form brings back.
    pub csrf: &'a str,
}

/// What is different on each.
struct Page<'a> {
    /// Its heading, and the name of its tab.
    title: &'a str,
    /// Its own entry in the list of pages, where it has one.
    here: &'a str,
    /// Where it hears what changes, while something does.
    events: Option<&'a str>,
}

/// A whole page. What is in `#page` is exchanged for what is there later, when the page hears of a change.
fn shell(page: &Page<'_>, body: &Markup) -> Markup {
    let pages = [("/", "Schedules"), ("/storages", "Storages")];
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (page.title) " - kubectl backup" }
                link rel="stylesheet" href="/assets/style.css";
                link rel="icon" href="data:,";
                script src="/assets/page.js" defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                header {
                    span.brand { "kubectl backup" }
                    nav aria-label="Pages" {
                        @for (path, word) in pages {
                            a href=(path) aria-current=[(path == page.here).then_some("page")] { (word) }
                        }
                    }
                    p #connection role="status" {}
                }
                main #main tabindex="-1" { div #page data-events=[page.events] { (body) } }
            }
        }
    }
}

/// A page that says what is wrong, in the words of the API server where they are its.
pub fn refusal(code: StatusCode, words: &str) -> Response {
    let lines: Vec<_> = words.lines().map(clean).collect();
    let title = code.canonical_reason().unwrap_or("Refused");
    let page = Page {
        title,
        here: "",
        events: None,
    };
    let body = html! { h1 { (title) } p.refusal role="alert" { (lines.join("\n")) } };
    (code, Html(shell(&page, &body).into_string())).into_response()
}

/// A button that does something, and what it brings along.
struct Button<'a> {
    path: &'a str,
    word: &'a str,
    /// What it is about, for whoever hears it without seeing where it stands.
    about: &'a str,
    fields: &'a [(&'a str, &'a str)],
    /// Not what the page is for.
    quiet: bool,
    /// Who looks may do that.
    may: bool,
}

impl Button<'_> {
    fn markup(&self, frame: &Frame<'_>) -> Markup {
        let name = (!self.about.is_empty()).then(|| format!("{}: {}", self.word, self.about));
        html! {
            form method="post" action=(self.path) {
                input type="hidden" name="csrf" value=(frame.csrf);
                @for (name, value) in self.fields { input type="hidden" name=(name) value=(value); }
                button .quiet[self.quiet] type="submit" disabled[!self.may] aria-label=[name] { (self.word) }
            }
        }
    }
}

/// That buttons are off, and why.
fn powerless(what: &str, namespaces: &[&str]) -> Markup {
    html! {
        p.note {
            "You may not change " (what) @if namespaces.len() == 1 { " in namespace " } @else { " in namespaces " }
            (namespaces.join(", ")) ": the buttons that would are off."
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

/// A state: its word says it, its colour repeats it.
fn badge(tone: Tone, word: &str) -> Markup {
    let class = match tone {
        Tone::Good => "good",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
        Tone::Plain | Tone::Dim => "dim",
    };
    html! { span class={ "badge " (class) } { (word) } }
}

/// What a run came to, or that it has not ended.
fn result(run: &BackupRun) -> (Tone, &'static str) {
    match (doing_of(run), standing(run)) {
        (Doing::Restores, _) => (Tone::Warn, "restoring"),
        (Doing::Begun, _) => (Tone::Warn, "under way"),
        (_, Standing::Successful) => (Tone::Good, "good"),
        (_, Standing::Failed) => (Tone::Bad, "failed"),
        _ => (Tone::Dim, "new"),
    }
}
