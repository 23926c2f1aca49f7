//! The guard of a daemon: its parent, which holds the input of a restoring command beside it (`proof::guard` says why). They speak over
//! the daemon's standard streams. What killed a daemon is noted for the next one, which tells the operator: nobody else saw it.
use std::fs::File;
use std::io::{self, PipeWriter};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use proof::guard::{Guarded, bury, listen};
use proof::signal::signal_name;

use crate::args::Place;
use crate::past;

/// Between two looks whether the guard before this one has ended.
const ROUND: Duration = Duration::from_millis(20);
/// How long the guard before this one may take to bury its dead, so that no two commands of an attempt run side by side. One
/// that hangs in the kernel is not waited for: `connect` waits 5 s for a daemon.
const PREDECESSOR: Duration = Duration::from_secs(3);

/// Starts the daemon and outlives it.
///
/// # Errors
/// The daemon cannot be started.
pub fn run(place: &Place) -> io::Result<ExitCode> {
    // Fails only for a group leader, which a process that was just started by `connect` is not.
    let _ = rustix::process::setsid();
    // What the daemon leaves behind becomes this one's children, and is found.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    // Locked until this process ends.
    let lock = succeed(place);
    let mut daemon = place
        .command("daemon")?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let held = match (daemon.stdout.take(), daemon.stdin.take()) {
        (Some(says), Some(answers)) => listen(daemon.id(), says, answers),
        _ => None,
    };
    let status = daemon.wait()?;
    // Before the burial, which may take long.
    if let (Ok(lock), Some(signal)) = (&lock, status.signal()) {
        past::note_death(lock, &signal_name(signal));
    }
    if held.is_some() || status.signal().is_some() {
        bury();
    }
    drop(held);
    Ok(status
        .code()
        .and_then(|c| u8::try_from(c).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Takes the place of the guard before this one, when that has ended.
fn succeed(place: &Place) -> io::Result<File> {
    let lock = place.guard_lock()?;
    let until = Instant::now() + PREDECESSOR;
    while lock.try_lock().is_err() && Instant::now() < until {
        std::thread::sleep(ROUND);
    }
    Ok(lock)
}

/// The daemon's side.
pub struct Guard(Guarded);

impl Guard {
    /// Of this process, which was just started.
    ///
    /// # Errors
    /// There are no descriptors to be had.
    pub fn new() -> io::Result<Self> {
        let says = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self(Guarded::new(says, io::stdin().as_fd().try_clone_to_owned()?)))
    }
}

impl proof::restore::Guard for Guard {
    fn hold(&self, input: &PipeWriter) {
        if let Err(error) = self.0.hold(input) {
            eprintln!("agent: the command's input is not guarded: {error}");
        }
    }

    fn release(&self) {
        self.0.release();
    }
}
