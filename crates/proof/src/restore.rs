//! A restore: the object back through the stages into the command's input, which ends only on proof.
mod feed;
mod linger;

use std::io::{self, PipeReader, PipeWriter};
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, sync_channel};
use std::time::{Duration, Instant};

use protocol::{Check, Outcome};

use crate::afterwards::{self, Runner};
use crate::command::{self, Errors, Running, Wiring, pipe, tree};
use crate::download::Watched;
use crate::event::{Event, FeedEnd, Verdict};
use crate::object::Object;
use feed::Feeder;
use linger::{DRAIN, Linger};

/// Between two looks at the progress.
const TICK: Duration = Duration::from_millis(500);
/// Between two looks at a pipe that nobody may read any more.
const LOOK: Duration = Duration::from_millis(20);

/// Another process that holds the command's input open beside this one, which may be killed: the kernel then closes its end, and the
/// command would take what it got for all there is.
pub trait Guard: Send + Sync {
    /// Has it held. Where that cannot be the restore goes on as it would without one.
    fn hold(&self, input: &PipeWriter);

    /// Has it let go, so that the command sees its end.
    fn release(&self);
}

/// What is to be restored, and into what.
pub struct Order<'a> {
    /// What is read.
    pub object: Object,
    /// Program and arguments that take it.
    pub command: &'a [String],
    /// Is told what the command would get, `gzip`, `zstd` or `age`, before it is started, and may refuse.
    pub opened: &'a dyn Fn(Option<&'static str>) -> Result<(), Outcome>,
    /// Where the command's words go.
    pub errors: Errors<'a>,
    /// When the command is stopped, counted from its start, seconds. An object that does not open is read for no longer.
    pub deadline_seconds: Option<u64>,
    /// Between TERM and KILL.
    pub grace: Duration,
    /// Holds its input.
    pub guard: Arc<dyn Guard>,
    /// What proves the restore, once the command has ended well.
    pub check: Option<(&'a Check, Runner<'a>)>,
}

/// What came of it.
pub struct Ended {
    /// Done only where the command ended well, with all that it has started, on a stream that was proved whole and read whole.
    pub outcome: Outcome,
    /// The end of what the command said, where it is kept.
    pub stderr: String,
    /// What the command got begins as such a file does: `gzip`, `zstd`, `age`.
    pub packed: Option<&'static str>,
    /// Plain bytes that went into the command's input.
    pub bytes: u64,
    /// Bytes that were read of the object.
    pub stored_bytes: u64,
    /// Of these, hexadecimal.
    pub sha256: String,
}

/// Restores. `events` is the other end of `inbox`, for whoever may want it stopped ([`Event::Cancel`]); `progress` is told of the plain
/// bytes and of the stored ones, twice a second.
pub fn run(mut order: Order<'_>, events: &Sender<Event>, inbox: Receiver<Event>, progress: &dyn Fn(u64, u64)) -> Ended {
    let mut ended = Ended {
        outcome: Outcome::Done,
        stderr: String::new(),
        packed: None,
        bytes: 0,
        stored_bytes: 0,
        sha256: String::new(),
    };
    let signs = order.object.signs.clone();
    let (command, grace, check) = (order.command, order.grace, order.check.take());
    let mut work = match begin(order, events) {
        Ok(work) => work,
        Err(outcome) => return Ended { outcome, ..ended },
    };
    let mut outcome = work.follow(command, events, &inbox, progress);
    if outcome == Outcome::Done && work.running.as_ref().is_some_and(Running::lost_to_memory) {
        outcome = Outcome::OutOfMemory;
    }
    work.watched.stop.store(true, Ordering::Relaxed);
    signs.stop();
    let mut dead = true;
    if let Some(running) = &work.running {
        if outcome != Outcome::Done && !running.is_gone() {
            dead = running.stop(grace_after(&outcome, grace));
        }
        ended.stderr = running.last_words();
    }
    if dead {
        // Only now the input may close, where the feeder has left it open.
        drop(work.fed.take().and_then(|end| end.input));
    } else {
        // It hangs in the kernel and is killed when it comes out: it must not find its input closed before.
        std::mem::forget((work.fed.take().and_then(|end| end.input), inbox));
        // It is none that has ended well: no check follows.
        return ended_as(ended, outcome, &work);
    }
    if outcome == Outcome::Done
        && let Some((check, runner)) = check
    {
        // All that the command has started is gone: what the check sees is what stays.
        (outcome, ended.stderr) = afterwards::run(check, runner, grace, events, &inbox);
    }
    ended_as(ended, outcome, &work)
}

fn ended_as(ended: Ended, outcome: Outcome, work: &Work<'_>) -> Ended {
    let hash = work.watched.hash.lock().unwrap_or_else(PoisonError::into_inner);
    Ended {
        outcome,
        packed: work.packed,
        bytes: work.written.load(Ordering::Relaxed),
        stored_bytes: hash.bytes(),
        sha256: hash.hex(),
        ..ended
    }
}

/// What stops the command leaves it time to end by itself, unless it has had its time.
fn grace_after(outcome: &Outcome, grace: Duration) -> Duration {
    match outcome {
        Outcome::CommandFailed { .. }
        | Outcome::CommandKilled { .. }
        | Outcome::InputNotRead { .. }
        | Outcome::LeftRunning { .. } => Duration::ZERO,
        _ => grace,
    }
}

struct Work<'a> {
    running: Option<Running>,
    opened: &'a dyn Fn(Option<&'static str>) -> Result<(), Outcome>,
    /// Taken with the command.
    errors: Option<Errors<'a>>,
    deadline_seconds: Option<u64>,
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

fn begin<'a>(order: Order<'a>, events: &Sender<Event>) -> Result<Work<'a>, Outcome> {
    let failed = |step: &str, message: String| Outcome::TransferFailed {
        step: step.into(),
        message,
    };
    let pipes = || {
        let (command_end, feeder_end) = pipe::make()?;
        Ok((command_end.try_clone()?, command_end, feeder_end))
    };
    let (input, command_end, feeder_end) = pipes().map_err(|e: io::Error| failed("pipe", e.to_string()))?;
    order.guard.hold(&feeder_end);
    let (watched, written) = (Arc::new(Watched::default()), Arc::new(AtomicU64::new(0)));
    let (go, started) = sync_channel(1);
    let feeder = Feeder {
        object: order.object,
        watched: watched.clone(),
        written: written.clone(),
        input: feeder_end,
        guard: order.guard,
        started,
        events: events.clone(),
    };
    feeder.start().map_err(|e| failed("feed", e.to_string()))?;
    Ok(Work {
        running: None,
        opened: order.opened,
        errors: Some(order.errors),
        deadline_seconds: order.deadline_seconds,
        watched,
        written,
        input,
        command_end: Some(command_end),
        go,
        fed: None,
        packed: None,
    })
}

impl Work<'_> {
    /// Follows the work to its outcome.
    fn follow(
        &mut self,
        command: &[String],
        events: &Sender<Event>,
        inbox: &Receiver<Event>,
        progress: &dyn Fn(u64, u64),
    ) -> Outcome {
        let mut deadline = None;
        let mut linger: Option<Linger> = None;
        let mut unread = 0;
        let mut late = None;
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
                    if let Err(outcome) = (self.opened)(packed) {
                        return outcome;
                    }
                    // The object is there and its header opens: only now the command may change anything.
                    let (Some(input), Some(errors)) = (self.command_end.take(), self.errors.take()) else {
                        continue;
                    };
                    let events = events.clone();
                    let exited = move |exit| drop(events.send(Event::Exited(exit)));
                    match command::start(command, Wiring::Input(input), errors, exited) {
                        Ok(running) => self.running = Some(running),
                        Err(outcome) => return outcome,
                    }
                    deadline = self.deadline();
                    let _ = self.go.send(());
                }
                Ok(Event::Unopened(outcome)) => {
                    deadline = self.deadline();
                    late = Some(outcome);
                }
                Ok(Event::Exited(exit)) => match exit.failure() {
                    Some(failure) => return failure,
                    None => {
                        let taken = self.taken();
                        linger = Some(Linger::begin(Instant::now(), deadline.map(|(at, _)| at), taken));
                    }
                },
                // No check runs yet.
                Ok(Event::Checked(_)) => {}
                Ok(Event::Fed(end)) => {
                    if let Verdict::Bad(outcome) = &end.verdict {
                        let outcome = outcome.clone();
                        self.fed = Some(end);
                        return outcome;
                    }
                    self.fed = Some(end);
                }
                Ok(Event::Cancel(cancel)) => {
                    if let Some(running) = &self.running {
                        running.stop(Duration::from_secs(cancel.grace_seconds));
                    }
                    return Outcome::Cancelled { reason: cancel.reason };
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Outcome::TransferFailed {
                        step: "restore".into(),
                        message: "its threads are gone".into(),
                    };
                }
            }
            progress(
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
                return late.unwrap_or(Outcome::DeadlineExceeded { seconds });
            }
        }
    }

    /// Counted from now.
    fn deadline(&self) -> Option<(Instant, u64)> {
        let seconds = self.deadline_seconds?;
        Some((Instant::now() + Duration::from_secs(seconds), seconds))
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
