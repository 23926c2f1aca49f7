//! What a page hears while something changes: how far a run is, what its command writes to its standard error, what a reading came to.
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use api::{BackupRun, BackupSchedule};
use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use kube::ResourceExt;
use tokio::time::{Instant, sleep_until};

use crate::follow::doing::{Doing, of as doing_of};
use crate::follow::log::{self, Place, Reach};
use crate::follow::watch::{News, one as watch};
use crate::plain::clean;
use crate::read::fault::with_causes;
use crate::ui::pages;
use crate::ui::site::{Answer, Site, named};

/// Lines of a log that a page shows.
const LINES: usize = 200;
/// Bytes of them.
const BYTES: usize = 64 << 10;
/// Between two tellings of a log or of a reading: a browser draws no more.
const PACE: Duration = Duration::from_millis(250);

type Lines = Pin<Box<dyn Stream<Item = String> + Send>>;

/// A run, until nothing of it is under way and its object is not read either.
pub async fn run(State(site): State<Site>, Path(which): Path<(String, String)>) -> Answer {
    let (namespace, name) = named(which)?;
    let course = Course {
        news: Box::pin(watch::<BackupRun>(&site.session, &namespace, &name)),
        site,
        namespace,
        seen: None,
        place: None,
        lines: None,
        unsaid: VecDeque::new(),
        due: None,
        look: None,
        next: VecDeque::new(),
        ended: false,
    };
    let events = futures::stream::unfold(course, |mut course| async move {
        let event = course.event().await?;
        course.site.touch();
        Some((Ok(event), course))
    });
    Ok(stream(events))
}

/// A schedule: that it, or what is counted of its runs, has changed.
pub async fn schedule(State(site): State<Site>, Path(which): Path<(String, String)>) -> Answer {
    let (namespace, name) = named(which)?;
    let news = watch::<BackupSchedule>(&site.session, &namespace, &name).map(move |news| {
        site.touch();
        Ok(told(&news))
    });
    Ok(stream(news))
}

fn stream(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

fn said(name: &str, words: &str) -> Event {
    Event::default().event(name).data(words)
}

/// That there are news, whatever they are.
fn told<K>(news: &News<K>) -> Event {
    match news {
        News::Is(_) => said("changed", "changed"),
        News::Gone => said("ended", "It is gone."),
        News::Broken(why) => said("broken", &clean(why)),
        News::Refused(fault) => said("broken", &clean(&fault.to_string())),
    }
}

/// A run that is followed.
struct Course {
    site: Site,
    namespace: String,
    news: Pin<Box<dyn Stream<Item = News<BackupRun>> + Send>>,
    /// As it was last seen.
    seen: Option<Box<BackupRun>>,
    /// Whose log is read, or could not be.
    place: Option<Place>,
    lines: Option<Lines>,
    /// The last lines that were not told yet.
    unsaid: VecDeque<String>,
    /// When they are.
    due: Option<Instant>,
    /// When the reading of the object is looked at.
    look: Option<Instant>,
    /// What is told next.
    next: VecDeque<Event>,
    ended: bool,
}

/// What came first.
enum Came {
    News(News<BackupRun>),
    Line(Option<String>),
    Due,
    Look,
}

impl Course {
    /// The next one; None after the end.
    async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.next.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            let came = tokio::select! {
                news = self.news.next() => Came::News(news.unwrap_or(News::Gone)),
                line = next(&mut self.lines) => Came::Line(line),
                () = at(self.due) => Came::Due,
                () = at(self.look) => Came::Look,
            };
            match came {
                Came::News(News::Is(run)) => self.is(run).await,
                Came::News(other) => {
                    self.ended = matches!(other, News::Gone);
                    self.next.push_back(told(&other));
                }
                Came::Line(Some(line)) => self.keep(&line),
                Came::Line(None) => self.lines = None,
                Came::Due => {
                    self.due = None;
                    let lines: Vec<_> = self.unsaid.drain(..).collect();
                    self.next.push_back(said("log", &lines.join("\n")));
                }
                Came::Look => self.look_at_reading(),
            }
        }
    }

    async fn is(&mut self, run: Box<BackupRun>) {
        let (before, doing) = (self.seen.as_deref().map(doing_of), doing_of(&run));
        if doing != Doing::Nothing {
            let progress = pages::progress(&run).into_string();
            self.next.push_back(said("progress", &progress));
            // Other buttons.
            if before.is_some_and(|before| before != doing) {
                self.next.push_back(said("changed", "changed"));
            }
            self.open(&run).await;
        } else {
            self.end_of(&run, before.is_some_and(|before| before != Doing::Nothing));
        }
        self.seen = Some(run);
        self.look = self.is_read().then(|| Instant::now() + PACE);
    }

    /// Nothing of it is under way: that is the end, where its object is not read.
    fn end_of(&mut self, run: &BackupRun, was_busy: bool) {
        let read = self.site.checks.is_reading(&run.uid().unwrap_or_default());
        if was_busy || !read {
            self.ended = true;
            self.next.push_back(said("ended", "It has ended."));
        }
    }

    fn is_read(&self) -> bool {
        let uid = self.seen.as_ref().and_then(|run| run.uid()).unwrap_or_default();
        self.site.checks.is_reading(&uid)
    }

    fn look_at_reading(&mut self) {
        let uid = self.seen.as_ref().and_then(|run| run.uid()).unwrap_or_default();
        if let Some(check) = self.site.checks.of(&uid) {
            let words = pages::check(&check, Timestamp::now()).into_string();
            self.next.push_back(said("check", &words));
        }
        self.look = self.is_read().then(|| Instant::now() + PACE);
        let is_idle = self.seen.as_ref().is_some_and(|run| doing_of(run) == Doing::Nothing);
        if self.look.is_none() && is_idle {
            self.ended = true;
            self.next.push_back(said("ended", "Its object was read."));
        }
    }

    /// Follows the log of the command that is at work, one attempt after the other.
    async fn open(&mut self, run: &BackupRun) {
        let at_work = log::at_work(run).filter(|place| self.place.as_ref() != Some(place));
        let Some(place) = at_work else { return };
        let session = self.site.session.clone();
        let reach = Reach::Last(i64::try_from(LINES).unwrap_or(i64::MAX));
        let opened = session
            .within(log::open(&session, &self.namespace, &place, reach))
            .await;
        let (words, lines) = match opened {
            Ok(lines) => {
                let words = format!(
                    "{}: log of container {} of Pod {}",
                    place.attempt, place.container, place.pod
                );
                let lines = futures::stream::unfold(lines, |mut lines| async move {
                    let line = lines.next().await?;
                    Some((line, lines))
                });
                (words, Some(Box::pin(lines) as Lines))
            }
            Err(error) => {
                let why = planner::mask::masked(&with_causes(&error));
                let words = format!(
                    "the log of Pod {} cannot be read; its end is shown when the command has ended: {why}",
                    place.pod
                );
                (words, None)
            }
        };
        self.lines = lines;
        self.unsaid.clear();
        self.due = None;
        self.place = Some(place);
        self.next.push_back(said("place", &clean(&words)));
    }

    /// Only the last ones are told: a command may write faster than anybody reads.
    fn keep(&mut self, line: &str) {
        // Tabs stay: logs have columns.
        let line: Vec<_> = line.split('\t').map(clean).collect();
        self.unsaid.push_back(line.join("\t"));
        let bytes = |lines: &VecDeque<String>| lines.iter().map(String::len).sum::<usize>();
        while self.unsaid.len() > LINES || (self.unsaid.len() > 1 && bytes(&self.unsaid) > BYTES) {
            self.unsaid.pop_front();
        }
        self.due.get_or_insert_with(|| Instant::now() + PACE);
    }
}

/// The next line; never one where there is no log.
async fn next(lines: &mut Option<Lines>) -> Option<String> {
    match lines {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}

/// Then; never where there is no such time.
async fn at(then: Option<Instant>) {
    match then {
        Some(then) => sleep_until(then).await,
        None => std::future::pending().await,
    }
}
