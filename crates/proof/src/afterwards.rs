//! What proves a restore that has ended well: a second command, whose exit status is the answer.
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use protocol::{Check, Outcome};

use crate::command::{self, Errors, Running, Wiring};
use crate::elsewhere;
use crate::event::{Event, Exit};
use crate::signal::signal_name;

/// Between two looks whether all that the check has started is gone, and how long that may take.
const LOOK: Duration = Duration::from_millis(20);
const DRAIN: Duration = Duration::from_secs(5);

/// Who runs a check.
pub enum Runner<'a> {
    /// This process.
    Here(Errors<'a>),
    /// The one that stands by in another container, at its socket.
    There(&'a Path),
}

/// Has a check run to its end, and returns the end of what it printed.
pub(crate) fn run(
    check: &Check,
    runner: Runner<'_>,
    grace: Duration,
    events: &Sender<Event>,
    inbox: &Receiver<Event>,
) -> (Outcome, String) {
    match runner {
        Runner::Here(errors) => here(check, errors, grace, events, inbox),
        Runner::There(socket) => elsewhere::ask(check, socket, grace, events, inbox),
    }
}

/// Runs a check to its end, and returns the end of what it printed. It reads nothing; what it leaves behind is killed.
pub(crate) fn here(
    check: &Check,
    errors: Errors<'_>,
    grace: Duration,
    events: &Sender<Event>,
    inbox: &Receiver<Event>,
) -> (Outcome, String) {
    let events = events.clone();
    let exited = move |exit| drop(events.send(Event::Exited(exit)));
    let running = match command::start(&check.command, Wiring::Neither, errors, exited) {
        Ok(running) => running,
        // It is no word on what was restored.
        Err(Outcome::CommandNotStarted { message }) => {
            let message = format!("the check: {message}");
            return (Outcome::CommandNotStarted { message }, String::new());
        }
        Err(other) => return (other, String::new()),
    };
    let outcome = follow(check, &running, inbox);
    if !drained(&running) {
        running.stop(if outcome == Outcome::Done {
            Duration::ZERO
        } else {
            grace
        });
    }
    let lost = outcome == Outcome::Done && running.lost_to_memory();
    let outcome = if lost { Outcome::OutOfMemory } else { outcome };
    (outcome, running.last_words())
}

pub(crate) fn failed(message: String) -> Outcome {
    Outcome::CheckFailed { message }
}

fn follow(check: &Check, running: &Running, inbox: &Receiver<Event>) -> Outcome {
    let deadline = check
        .deadline_seconds
        .map(|s| (Instant::now() + Duration::from_secs(s), s));
    loop {
        let next = match deadline {
            Some((at, _)) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match (next, deadline) {
            (Ok(Event::Exited(Exit::Code(0))), _) => return Outcome::Done,
            (Ok(Event::Exited(Exit::Code(code))), _) => return failed(format!("ended with status {code}")),
            (Ok(Event::Exited(Exit::Signal(number))), _) => {
                return failed(format!("was killed by {}", signal_name(number)));
            }
            (Ok(Event::Cancel(cancel)), _) => {
                running.stop(Duration::from_secs(cancel.grace_seconds));
                return Outcome::Cancelled { reason: cancel.reason };
            }
            (Ok(Event::Opened { .. } | Event::Unopened(_) | Event::Fed(_) | Event::Checked(_)), _) => {}
            (Err(RecvTimeoutError::Timeout), Some((_, seconds))) => {
                return failed(format!("was stopped at its deadline (deadlineSeconds: {seconds})"));
            }
            (Err(_), _) => return failed("was lost: its threads are gone".into()),
        }
    }
}

fn drained(running: &Running) -> bool {
    let until = Instant::now() + DRAIN;
    while Instant::now() < until {
        if running.is_gone() {
            return true;
        }
        std::thread::sleep(LOOK);
    }
    false
}
