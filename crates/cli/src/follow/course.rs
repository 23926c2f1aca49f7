//! The course of a run, followed by a watch until it ends, is left, or takes longer than anybody wanted to wait.
use std::time::Duration;

use api::BackupRun;
use futures::{AsyncRead, StreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::follow::estimate::{self, Expected, far, is_due};
use crate::follow::events;
use crate::follow::log::{self, Lines, Place, Reach};
use crate::follow::phase::{Aim, Ending, Phase, phase};
use crate::follow::screen::Screen;
use crate::follow::stop::{self, Wish};
use crate::follow::watch::{News, one};
use crate::read::connect::Session;
use crate::read::fault::Fault;
use crate::show::style::Tone;

/// An operator that works has taken a request up within this.
pub const SILENT: Duration = Duration::from_secs(30);
/// Lines of the command's standard error that are shown at the end, where they were not seen live.
const LAST: usize = 10;
/// Reasons of the Events that say why a restore did not begin.
const ANSWERS: [&str; 3] = ["RestoreRefused", "RestoreUnderWay", "Cancelled"];

/// What is followed.
pub struct Course<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Which part of its life.
    pub aim: Aim,
    /// What the transfer will come to.
    pub expected: Expected,
    /// The longest time.
    pub timeout: Duration,
    /// The run as it was when the restore was asked for.
    pub asked: Option<kube::api::DynamicObject>,
}

/// How it came out.
pub enum Outcome {
    /// It has ended, and this is the run then.
    Ended(Ending, Box<BackupRun>),
    /// It did not begin, and why.
    Refused(String),
    /// It is there no more.
    Gone,
    /// It takes longer than it was to be waited for.
    Late(Last),
    /// It goes on, and nobody looks.
    Left(Last),
}

/// What was known of it last, where it goes on.
#[derive(Debug, Default)]
pub struct Last {
    /// In words.
    pub words: Option<String>,
    /// Its command has begun: there is a log.
    pub began: bool,
}

/// What happens next.
enum Happens {
    News(News<BackupRun>),
    Said(Option<String>),
    Silent,
    Late,
    Interrupted,
}

impl Course<'_> {
    /// Follows it.
    ///
    /// # Errors
    /// The API server refuses to tell of it, or to cancel it.
    pub async fn follow(&self, session: &Session, screen: &mut Screen<'_>) -> Result<Outcome, Fault> {
        let mut news = Box::pin(one::<BackupRun>(session, self.namespace, self.name));
        let began = Instant::now();
        let late = began + self.timeout;
        let mut silent = Some(began + SILENT);
        let mut seen = Seen::default();
        let mut log: Option<Lines<_>> = None;
        loop {
            let happens = tokio::select! {
                news = news.next() => Happens::News(news.unwrap_or(News::Gone)),
                said = next(&mut log) => Happens::Said(said),
                () = sleep_until(silent.unwrap_or(late)), if silent.is_some() => Happens::Silent,
                () = sleep_until(late) => Happens::Late,
                _ = tokio::signal::ctrl_c() => Happens::Interrupted,
            };
            match happens {
                Happens::News(News::Is(run)) => {
                    let now = phase(&run, &self.aim);
                    if now != Phase::Unseen {
                        silent = None;
                    }
                    match now {
                        Phase::Ended(ending) => {
                            rest(&mut log, &mut seen, screen).await;
                            seen.last_words(&run, screen);
                            return Ok(Outcome::Ended(ending, run));
                        }
                        Phase::Refused => return Ok(Outcome::Refused(self.why(session).await)),
                        Phase::Withdrawn => {
                            let why = "somebody took the request back, or asked for another restore in its place";
                            return Ok(Outcome::Refused(why.into()));
                        }
                        now => seen.tell(&run, &now, self.expected, screen),
                    }
                    if let Some(place) = seen.new_place(&run) {
                        log = match log::open(session, self.namespace, &place, Reach::Follow).await {
                            Ok(lines) => {
                                seen.listens(&place);
                                Some(lines)
                            }
                            // Its end is shown all the same.
                            Err(_) => None,
                        };
                    }
                }
                Happens::News(News::Gone) => return Ok(Outcome::Gone),
                Happens::News(News::Broken(why)) => seen.broken(&why, screen),
                Happens::News(News::Refused(fault)) => return Err(fault),
                Happens::Said(Some(line)) => seen.quote(&line, screen),
                Happens::Said(None) => log = None,
                Happens::Silent => {
                    silent = None;
                    screen.line(&silence(), Tone::Warn);
                }
                Happens::Late => return Ok(Outcome::Late(seen.last())),
                Happens::Interrupted => match stop::wish(screen.still()).await {
                    Wish::Leave => return Ok(Outcome::Left(seen.last())),
                    Wish::Follow => screen.show(),
                    Wish::Cancel => {
                        stop::cancel(session, self.namespace, self.name).await?;
                        screen.line("it is asked to stop", Tone::Warn);
                    }
                },
            }
        }
    }

    async fn why(&self, session: &Session) -> String {
        let told = match &self.asked {
            Some(asked) => events::answer(session, asked, &ANSWERS).await,
            None => None,
        };
        told.unwrap_or_else(|| "the operator took the request off and began nothing; its Event says why".into())
    }
}

/// The next line; never one where there is no log.
async fn next(log: &mut Option<Lines<impl AsyncRead + Unpin>>) -> Option<String> {
    match log {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}

/// What the log still has when the run has ended: its Pod goes in a moment.
async fn rest(log: &mut Option<Lines<impl AsyncRead + Unpin>>, seen: &mut Seen, screen: &mut Screen<'_>) {
    const SOON: Duration = Duration::from_millis(500);
    let Some(mut lines) = log.take() else { return };
    while let Ok(Some(line)) = tokio::time::timeout(SOON, lines.next()).await {
        seen.quote(&line, screen);
    }
}

/// Nobody does anything.
pub fn silence() -> String {
    format!(
        "no operator has done anything for {} s; it may not run, or not look after this namespace. Try: kubectl backup version, and kubectl get pods -A -l app.kubernetes.io/name=backup-operator",
        SILENT.as_secs()
    )
}

/// What was shown.
#[derive(Default)]
struct Seen {
    words: Option<String>,
    told: Option<(Timestamp, u64)>,
    place: Option<Place>,
    live: bool,
    heading: Option<String>,
    broken: bool,
}

impl Seen {
    fn tell(&mut self, run: &BackupRun, now: &Phase, expected: Expected, screen: &mut Screen<'_>) {
        self.broken = false;
        let words = now.words();
        if words != self.words {
            if let Some(words) = &words {
                let tone = match now {
                    Phase::Waits(_) | Phase::Again(_) | Phase::Stops { .. } | Phase::Deleted => Tone::Warn,
                    _ => Tone::Plain,
                };
                screen.line(words, tone);
                screen.does(words);
            }
            self.words = words;
            self.told = None;
        }
        let at_work = matches!(now, Phase::Works { .. });
        let Some(far) = far(run, expected).filter(|_| at_work) else {
            return;
        };
        let clock = Timestamp::now();
        if !screen.far(&far) && is_due(self.told, clock, far.bytes) {
            screen.line(&far.words(), Tone::Plain);
            self.told = Some((clock, far.bytes));
        }
    }

    fn last(&self) -> Last {
        Last {
            words: self.words.clone(),
            began: self.place.is_some(),
        }
    }

    /// Where the command runs, once for each attempt, when it has begun.
    fn new_place(&mut self, run: &BackupRun) -> Option<Place> {
        let status = run.status.as_ref()?;
        status.transfer.as_ref()?.command_started_at.as_ref()?;
        let place = log::place(run)?;
        if self.place.as_ref() == Some(&place) {
            return None;
        }
        self.live = false;
        self.place = Some(place.clone());
        Some(place)
    }

    fn listens(&mut self, place: &Place) {
        let heading = format!("log of container {} of Pod {}:", place.container, place.pod);
        self.heading = Some(heading);
    }

    /// A line of the log; before the first one whose it is. Most commands that end well say nothing, and need no heading.
    fn quote(&mut self, line: &str, screen: &mut Screen<'_>) {
        if let Some(heading) = self.heading.take() {
            screen.line(&heading, Tone::Dim);
        }
        self.live = true;
        screen.quote(line);
    }

    /// The end of the command's standard error, where it was not seen live.
    fn last_words(&self, run: &BackupRun, screen: &mut Screen<'_>) {
        let lines = log::end(run, LAST);
        if self.live || lines.is_empty() {
            return;
        }
        screen.line("the end of the command's standard error (status.log):", Tone::Dim);
        lines.iter().for_each(|line| screen.quote(line));
    }

    fn broken(&mut self, why: &str, screen: &mut Screen<'_>) {
        if !self.broken {
            screen.line(
                &format!("the API server does not answer, and is asked again: {why}"),
                Tone::Warn,
            );
        }
        self.broken = true;
    }
}

/// The guess of a backup's size by its schedule, where it may be read.
pub async fn expected(session: &Session, namespace: &str, run: &BackupRun) -> Expected {
    let schedule = run.metadata.labels.as_ref().and_then(|l| l.get(api::labels::SCHEDULE));
    let Some(name) = schedule else {
        return Expected::default();
    };
    match session.find::<api::BackupSchedule>(namespace, name).await {
        Ok(Some(schedule)) => estimate::Expected::of_schedule(&schedule),
        Ok(None) | Err(_) => Expected::default(),
    }
}
