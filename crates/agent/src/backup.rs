//! A backup: the command's output through the stages into parts; its end decides what they are worth.
mod drain;
mod pump;

use std::io::PipeReader;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use pipeline::{Recipients, Stages};
use proof::command::{self, Errors, Running, Wiring, pipe};
use protocol::{Checksum, Compression, Job, Outcome, PartPlan, Report};

use crate::desk::Desk;
use crate::event::Event;
use crate::memory;
use crate::upload::{Plan, Room, Upload};
use drain::{Drain, Look};
use pump::Pump;

/// Between two looks at the progress.
const TICK: Duration = Duration::from_millis(500);

/// The part of the job that only a backup has.
pub struct Target<'a> {
    /// Whom to encrypt for.
    pub recipients: &'a [String],
    /// Nothing printed is a good backup.
    pub allow_empty: bool,
    /// Fewer bytes are no good backup.
    pub minimum: u64,
    /// Sizes of parts.
    pub plan: PartPlan,
    /// How parts are bound to their URLs.
    pub checksum: Checksum,
}

/// Runs the job to its end.
pub fn run(job: &Job, target: &Target<'_>, desk: &Arc<Desk>, log: &Path) -> Report {
    let mut report = empty_report();
    match begin(job, target, desk, log) {
        Err(outcome) => report.outcome = outcome,
        Ok(work) => {
            report.outcome = work.follow(job, target, desk);
            // Whatever failed: nothing may go on, in the store or in the container.
            if report.outcome != Outcome::Done {
                work.upload.abandon();
                desk.stop();
                if !work.running.is_gone() {
                    work.running.stop(grace(&report.outcome, job));
                }
            }
            let stored = work.upload.result();
            (report.stored_bytes, report.sha256) = work.upload.hash();
            (report.parts, report.object_etag) = (stored.parts, stored.object_etag);
            report.bytes = work.pump.bytes();
            report.stderr = work.running.last_words();
        }
    }
    report.peak_memory = memory::peak();
    report
}

/// A report of nothing yet.
pub fn empty_report() -> Report {
    Report {
        outcome: Outcome::Done,
        bytes: 0,
        stored_bytes: 0,
        sha256: String::new(),
        parts: Vec::new(),
        object_etag: None,
        stderr: String::new(),
        peak_memory: 0,
        packed: None,
    }
}

/// As the pipeline names it.
pub fn compression(of: Compression) -> pipeline::Compression {
    match of {
        Compression::Gzip { level } => pipeline::Compression::Gzip { level },
        Compression::Zstd { level } => pipeline::Compression::Zstd { level },
    }
}

/// What stops the command leaves it time to end by itself, unless it has had its time.
fn grace(outcome: &Outcome, job: &Job) -> Duration {
    match outcome {
        Outcome::CommandFailed { .. } | Outcome::CommandKilled { .. } | Outcome::OutputHeld | Outcome::OutOfMemory => {
            Duration::ZERO
        }
        _ => Duration::from_secs(job.grace_seconds),
    }
}

struct Work {
    running: Running,
    upload: Arc<Upload>,
    pump: Pump,
    /// Another handle of the command's output, to see whether someone holds it.
    output: PipeReader,
    started: Instant,
    inbox: Receiver<Event>,
}

fn begin(job: &Job, target: &Target<'_>, desk: &Arc<Desk>, log: &Path) -> Result<Work, Outcome> {
    let failed = |step: &str, message: String| Outcome::TransferFailed {
        step: step.into(),
        message,
    };
    let recipients = Recipients::parse(target.recipients).map_err(|e| failed("encrypt", e.to_string()))?;
    let client = desk.way(job).client().map_err(|e| failed("tls", e.to_string()))?;
    let (events, inbox) = channel();
    let heard = events.clone();
    desk.listen(move |cancel| drop(heard.send(Event::Cancel(cancel))));
    let patience = Duration::from_secs(job.retry_seconds);
    let plan = Plan {
        parts: target.plan,
        room: Room::new(memory::limit(), job.compression),
        checksum: target.checksum,
        patience,
        absence: Duration::from_secs(job.absence_seconds),
    };
    let (upload, sink) = Upload::start(plan, client, desk, &events).map_err(|e| failed("upload", e.to_string()))?;
    let packed = job.compression.map(compression);
    // The standard library knows affinity and the quotas of control groups.
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = packed.map_or(1, |packed| packed.threads(cpus, memory::limit()));
    let chain = Stages::to_write(packed, recipients)
        .with_threads(threads)
        .writer(Box::new(sink))
        .map_err(pump::outcome_of)?;
    let (output, input) = pipe::make().map_err(|e| failed("pipe", e.to_string()))?;
    let watched = output.try_clone().map_err(|e| failed("pipe", e.to_string()))?;
    let heard = events.clone();
    let exited = move |exit| drop(heard.send(Event::Exited(exit)));
    let running = command::start(&job.command, Wiring::Output(input), Errors::Log(log), exited)?;
    let started = Instant::now();
    let pump = Pump::start(output, chain, events).map_err(|e| failed("pump", e.to_string()))?;
    Ok(Work {
        running,
        upload,
        pump,
        output: watched,
        started,
        inbox,
    })
}

impl Work {
    /// Follows the job to its outcome.
    fn follow(&self, job: &Job, target: &Target<'_>, desk: &Desk) -> Outcome {
        let deadline = job
            .deadline_seconds
            .map(|seconds| (self.started + Duration::from_secs(seconds), seconds));
        let mut drain: Option<Drain> = None;
        let (mut output_ended, mut sent) = (false, false);
        loop {
            let now = Instant::now();
            let mut wake = now + TICK;
            if let (Some((at, _)), None) = (deadline, &drain) {
                wake = wake.min(at);
            }
            if let (Some(drain), false) = (&drain, output_ended) {
                match drain.look(now, self.pump.bytes(), || pipe::is_held(&self.output)) {
                    Look::Held => return Outcome::OutputHeld,
                    Look::Again(at) => wake = wake.min(at),
                }
            }
            match self.inbox.recv_timeout(wake.saturating_duration_since(now)) {
                Ok(Event::Exited(exit)) => match exit.failure() {
                    Some(failure) => return failure,
                    None => drain = Some(Drain::begin(Instant::now(), self.pump.bytes())),
                },
                Ok(Event::OutputEnded) => output_ended = true,
                Ok(Event::Stored) => return Outcome::Done,
                Ok(Event::Failed(outcome)) => return outcome,
                Ok(Event::Cancel(cancel)) => {
                    self.running.stop(Duration::from_secs(cancel.grace_seconds));
                    return Outcome::Cancelled { reason: cancel.reason };
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The desk and the upload hold a sender each; without them nobody could want anything.
                Err(RecvTimeoutError::Disconnected) => {
                    return Outcome::TransferFailed {
                        step: "agent".into(),
                        message: "its threads are gone".into(),
                    };
                }
            }
            desk.progress(self.pump.bytes(), self.upload.stored_bytes());
            if output_ended && drain.is_some() && !sent {
                // Before the last part: a small object is visible as soon as that is stored.
                if self.running.lost_to_memory() {
                    return Outcome::OutOfMemory;
                }
                if self.pump.bytes() == 0 && !target.allow_empty {
                    return Outcome::Empty;
                }
                // Before the last part goes: what is put whole would be an object, over that of the last good backup, maybe.
                if self.pump.bytes() < target.minimum {
                    return Outcome::TooSmall;
                }
                self.upload.send_last();
                sent = true;
            }
            if let (Some((at, seconds)), None) = (deadline, &drain)
                && Instant::now() >= at
            {
                return Outcome::DeadlineExceeded { seconds };
            }
        }
    }
}
