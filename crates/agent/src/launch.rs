//! Finds the daemon of an attempt, or starts it.
use std::fs::{OpenOptions, TryLockError};
use std::io;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::args::Place;

/// Between two looks; a daemon takes about 2 ms to start.
const LOOK: Duration = Duration::from_millis(2);

/// Why there is no daemon to talk to.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The directory of the sockets.
    #[error("the agent's directory cannot be used; is its volume mounted into this container, and writable?")]
    Directory(#[source] io::Error),
    /// The program itself.
    #[error("the daemon cannot be started")]
    Spawn(#[source] io::Error),
    /// It did not come up.
    #[error("the daemon did not come up within {} s", .0.as_secs())]
    Timeout(Duration),
}

/// Connects, starting the daemon first where there is none.
pub fn connect(place: &Place, patience: Duration) -> Result<UnixStream, LaunchError> {
    let deadline = Instant::now() + patience;
    if let Some(stream) = try_connect(place)? {
        return Ok(stream);
    }
    let lock = place.start_lock().map_err(LaunchError::Directory)?;
    loop {
        match lock.try_lock() {
            Ok(()) => break,
            // Someone else starts it just now.
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => return Err(LaunchError::Directory(e)),
        }
        if let Some(stream) = pause_and_connect(place, deadline, patience)? {
            return Ok(stream);
        }
    }
    // It may have come up before the lock was ours.
    if let Some(stream) = try_connect(place)? {
        return Ok(stream);
    }
    spawn(place)?;
    loop {
        if let Some(stream) = pause_and_connect(place, deadline, patience)? {
            return Ok(stream);
        }
    }
}

fn pause_and_connect(place: &Place, deadline: Instant, patience: Duration) -> Result<Option<UnixStream>, LaunchError> {
    if Instant::now() >= deadline {
        return Err(LaunchError::Timeout(patience));
    }
    std::thread::sleep(LOOK);
    try_connect(place)
}

/// None where nobody listens: no socket, or one that a killed daemon left behind.
fn try_connect(place: &Place) -> Result<Option<UnixStream>, LaunchError> {
    match UnixStream::connect(place.socket()) {
        Ok(stream) => Ok(Some(stream)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(e) => Err(LaunchError::Directory(e)),
    }
}

/// Starts the daemon, by its guard, with the environment and directory of the container. None of this process's stdio is handed on:
/// the container runtime waits for everyone who holds it.
fn spawn(place: &Place) -> Result<(), LaunchError> {
    let log = OpenOptions::new().append(true).open(&place.log);
    let mut guard = place.command("guard").map_err(LaunchError::Spawn)?;
    guard
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.map_or_else(|_| Stdio::null(), Stdio::from))
        .spawn()
        .map(drop)
        .map_err(LaunchError::Spawn)
}
