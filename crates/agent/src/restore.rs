//! A restore: the object back through the stages into the command's input, which ends only on proof.
mod feed;
mod linger;

use std::io::PipeReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::time::{Duration, Instant};

use pipeline::{Allowance, Identities, Stages};
use protocol::{Job, Outcome, Report, Secret};

use crate::backup::{compression, empty_report};
use crate::command::{self, Running, Wiring, pipe, tree};
use crate::desk::Desk;
use crate::download::{Download, Wanted, Watched};
use crate::event::{Event, FeedEnd, Verdict};
use crate::guard::Guard;
use crate::{http, memory, past};
use feed::Feeder;
use linger::{DRAIN, Linger};

/// Between two looks at the progress.
const TICK: Duration = Duration::from_millis(500);
/// Between two looks at a pipe that nobody may read any more.
const LOOK: Duration = Duration::from_millis(20);

/// The part of the job that only a restore has.
pub struct Object<'a> {
    /// Key to decrypt with.
    pub identity: &'a Option<Secret>,
    /// That is a passphrase.
    pub passphrase: bool,
    /// The largest window of a zstd frame to take, where it is said.
    pub window_log: Option<u32>,
    /// Bytes.
    pub size: u64,
    /// Hexadecimal.
    pub sha256: Option<&'a str>,
    /// That every answer has to carry.
    pub etag: Option<&'a str>,
    /// Where a large window is noted.
    pub window_note: PathBuf,
}

/// Runs the job to its end.
pub fn run(job: &Job, object: &Object<'_>, desk: &Arc<Desk>, guard: Guard, log: &Path) -> Report {
    let mut report = empty_report();
    let (events, inbox) = channel();
    match begin(job, object, desk, guard, &events) {
        Err(outcome) => report.outcome = outcome,
        Ok(mut work) => {
            let mut outcome = work.follow(job, desk, log, &events, &inbox);
            if outcome == Outcome::Done && work.running.as_ref().is_some_and(Running::lost_to_memory) {
                outcome = Outcome::OutOfMemory;
            }
            work.watched.stop.store(true, Ordering::Relaxed);
            desk.stop();
            let mut dead = true;
            if let Some(running) = &work.running {
                if outcome != Outcome::Done && !running.is_gone() {
                    dead = running.stop(grace(&outcome, job));
                }
                report.stderr = running.last_words();
            }
            if dead {
                // Only now the input may close, where the feeder has left it open.
                drop(work.fed.take().and_then(|end| end.input));
            } else {
                // It hangs in the kernel and is killed when it comes out: it must not find its input closed before.
                std::mem::forget((work.fed.take().and_then(|end| end.input), inbox));
            }
            report.outcome = outcome;
            // What was unpacked once is, packed again, what somebody has stored so.
            report.packed = work.packed.filter(|_| job.compression.is_none()).map(Into::into);
            report.bytes = work.written.load(Ordering::Relaxed);
            let hash = work.watched.hash.lock().unwrap_or_else(PoisonError::into_inner);
            (report.stored_bytes, report.sha256) = (hash.bytes(), hash.hex());
        }
    }
    report.peak_memory = memory::peak();
    report
}

fn grace(outcome: &Outcome, job: &Job) -> Duration {
    match outcome {
        Outcome::CommandFailed { .. }
        | Outcome::CommandKilled { .. }
        | Outcome::InputNotRead { .. }
        | Outcome::LeftRunning { .. } => Duration::ZERO,
        _ => Duration::from_secs(job.grace_seconds),
    }
}

struct Work {
    running: Option<Running>,
    watched: Arc<Watched>,
    /// Plain bytes that went into the command's input.
    written: Arc<AtomicU64>,
    /// Another handle of the command's input: a command that ended without reading is seen by what is left in it, and
    /// the feeder's write never fails behind the back of the one that decides.
    input: PipeReader,
    /// Taken by the command.
    command_end: Option<PipeReader>,
    /// Tells the feeder that the command runs.
    go: std::sync::mpsc::SyncSender<()>,
    /// The feeder's result, whose end of the pipe must outlive the command where the stream was not proved whole.
    fed: Option<FeedEnd>,
    /// What the command gets begins as such a file does.
    packed: Option<&'static str>,
}

fn begin(
    job: &Job,
    object: &Object<'_>,
    desk: &Arc<Desk>,
    guard: Guard,
    events: &Sender<Event>,
) -> Result<Work, Outcome> {
    let failed = |step: &str, message: String| Outcome::TransferFailed {
        step: step.into(),
        message,
    };
    let parse = match object.passphrase {
        true => Identities::passphrase,
        false => Identities::parse,
    };
    let identities = match object.identity {
        Some(text) => Some(parse(text.reveal()).map_err(|e| Outcome::BadObject {
            step: "decrypt".into(),
            message: e.to_string(),
        })?),
        None => None,
    };
    let client = http::Way::of(job, desk)
        .client()
        .map_err(|e| failed("tls", e.to_string()))?;
    desk.listen(events.clone());
    let watched = Arc::new(Watched::default());
    let wanted = Wanted {
        size: object.size,
        etag: object.etag.map(ToString::to_string),
        patience: Duration::from_secs(job.retry_seconds),
        absence: Duration::from_secs(job.absence_seconds),
        memory: memory::limit(),
        relayed: job.relay,
    };
    let download = Download::new(client, desk.clone(), wanted, watched.clone());
    let allowance = Allowance {
        window_log: object.window_log,
        memory: memory::limit(),
    };
    let note = object.window_note.clone();
    let stages = Stages::to_read(job.compression.map(compression), identities, allowance)
        .noting(Box::new(move |bytes| past::note_window(&note, bytes)));
    let pipes = || {
        let (command_end, feeder_end) = pipe::make()?;
        Ok((command_end.try_clone()?, command_end, feeder_end))
    };
    let (input, command_end, feeder_end) = pipes().map_err(|e: std::io::Error| failed("pipe", e.to_string()))?;
    if let Err(error) = guard.hold(&feeder_end) {
        eprintln!("agent: the command's input is not guarded: {error}");
    }
    let written = Arc::new(AtomicU64::new(0));
    let (go, started) = sync_channel(1);
    let feeder = Feeder {
        stages,
        download,
        watched: watched.clone(),
        size: object.size,
        sha256: object.sha256.map(str::to_ascii_lowercase),
        written: written.clone(),
        input: feeder_end,
        guard,
        started,
        events: events.clone(),
    };
    feeder.start().map_err(|e| failed("feed", e.to_string()))?;
    Ok(Work {
        running: None,
        watched,
        written,
        input,
        command_end: Some(command_end),
        go,
        fed: None,
        packed: None,
    })
}

impl Work {
    /// Follows the job to its outcome.
    fn follow(
        &mut self,
        job: &Job,
        desk: &Desk,
        log: &Path,
        events: &Sender<Event>,
        inbox: &Receiver<Event>,
    ) -> Outcome {
        let mut deadline = None;
        let mut linger: Option<Linger> = None;
        let mut unread = 0;
        loop {
            let now = Instant::now();
            let soon = linger.as_ref().is_some_and(|linger| linger.waited(now) < DRAIN);
            let mut wake = now + if soon { LOOK } else { TICK };
            if let (Some((at, _)), None) = (deadline, &linger) {
                wake = wake.min(at);
            }
            match inbox.recv_timeout(wake.saturating_duration_since(now)) {
                Ok(Event::Opened { packed }) => {
                    self.packed = packed;
                    // The object is there and its header opens: only now the command may change anything.
                    let Some(input) = self.command_end.take() else { continue };
                    match command::start(&job.command, Wiring::Input(input), log, events.clone()) {
                        Ok(running) => self.running = Some(running),
                        Err(outcome) => return outcome,
                    }
                    deadline = job
                        .deadline_seconds
                        .map(|s| (Instant::now() + Duration::from_secs(s), s));
                    let _ = self.go.send(());
                }
                Ok(Event::Exited(exit)) => match exit.failure() {
                    Some(failure) => return failure,
                    None => {
                        let taken = self.taken();
                        linger = Some(Linger::begin(Instant::now(), deadline.map(|(at, _)| at), taken));
                    }
                },
                Ok(Event::Fed(end)) => {
                    if let Verdict::Bad(outcome) = &end.verdict {
                        let outcome = outcome.clone();
                        self.fed = Some(end);
                        return outcome;
                    }
                    self.fed = Some(end);
                }
                Ok(Event::Failed(outcome)) => return outcome,
                Ok(Event::Cancel(cancel)) => {
                    if let Some(running) = &self.running {
                        running.stop(Duration::from_secs(cancel.grace_seconds));
                    }
                    return Outcome::Cancelled { reason: cancel.reason };
                }
                Ok(Event::OutputEnded | Event::Stored) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Outcome::TransferFailed {
                        step: "agent".into(),
                        message: "its threads are gone".into(),
                    };
                }
            }
            desk.progress(
                self.written.load(Ordering::Relaxed),
                self.watched.bytes.load(Ordering::Relaxed),
            );
            if let Some(linger) = &mut linger
                && let Some(outcome) = self.after_exit(linger, &mut unread)
            {
                return outcome;
            }
            if let (Some((at, seconds)), None) = (deadline, &linger)
                && Instant::now() >= at
            {
                return Outcome::DeadlineExceeded { seconds };
            }
        }
    }

    /// Plain bytes that were taken out of the command's input.
    fn taken(&self) -> u64 {
        let written = self.written.load(Ordering::Relaxed);
        written.saturating_sub(pipe::unread(&self.input))
    }

    /// The leader ended with 0: has everything that it started ended, and was everything read? Whatever lives may still
    /// apply what it has read, and would die with the Pod.
    fn after_exit(&mut self, linger: &mut Linger, unread: &mut u64) -> Option<Outcome> {
        let now = Instant::now();
        if !self.running.as_ref().is_none_or(Running::is_gone) {
            let starved = self.fed.is_none() && pipe::unread(&self.input) == 0;
            let over = linger.is_over(now, self.taken(), starved);
            return over.then(|| Outcome::LeftRunning {
                processes: tree::named(),
                seconds: linger.waited(now).as_secs(),
            });
        }
        let settled = linger.is_settled(now);
        let fed = self.fed.as_ref().map(|end| &end.verdict);
        if matches!(fed, Some(Verdict::Proved)) && *unread == 0 && pipe::unread(&self.input) == 0 {
            return Some(Outcome::Done);
        }
        // Nobody reads any more. The feeder may be in a write: taking out what is there lets it see this flag.
        self.watched.stop.store(true, Ordering::Relaxed);
        *unread += feed::take_out(&self.input);
        match fed {
            Some(Verdict::Unread(left)) => Some(Outcome::InputNotRead { left: *unread + left }),
            Some(Verdict::Proved) if *unread > 0 => Some(Outcome::InputNotRead { left: *unread }),
            Some(Verdict::Proved) => Some(Outcome::Done),
            // In the middle of a download, with at least one byte in hand.
            _ if settled => Some(Outcome::InputNotRead { left: (*unread).max(1) }),
            _ => None,
        }
    }
}
