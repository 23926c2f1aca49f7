//! The daemon: one job, however often the operator's connection breaks.
use std::fs::{self, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use proof::command;
use protocol::{Action, Job, Outcome, Report};

use crate::args::Place;
use crate::desk::Desk;
use crate::guard::Guard;
use crate::past::{self, Past};
use crate::{backup, peer, restore};

/// Without `Start` for this long the daemon ends.
const IDLE: Duration = Duration::from_secs(2 * 60);
/// Connections at a time; the newest is the one that counts, so more are a mistake or malice.
const CONNECTIONS: usize = 8;

/// Why the daemon could not begin.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The lock of its life.
    #[error("the lock in {} cannot be had", .0.display())]
    Lock(std::path::PathBuf, #[source] io::Error),
    /// The socket.
    #[error("the socket {} cannot be made", .0.display())]
    Socket(std::path::PathBuf, #[source] io::Error),
    /// A session and children of its own.
    #[error("the process cannot be set up")]
    Process(#[source] io::Error),
}

/// Lives until the job is done and its report recorded, or nobody wants anything from it.
pub fn run(place: &Place) -> Result<(), DaemonError> {
    let life = place.life_lock().map_err(|e| DaemonError::Lock(place.dir.clone(), e))?;
    match life.try_lock() {
        Ok(()) => {}
        // Another one was started first, and is found by its socket.
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(e)) => return Err(DaemonError::Lock(place.dir.clone(), e)),
    }
    let guard = Guard::new().map_err(DaemonError::Process)?;
    set_up().map_err(DaemonError::Process)?;
    let listener = listen(place).map_err(|e| DaemonError::Socket(place.socket(), e))?;
    let desk = Arc::new(Desk::new(place.run.clone(), place.attempt.clone(), Past::of(place)));
    let accepting = desk.clone();
    thread::Builder::new()
        .name("accept".into())
        .spawn(move || accept(&accepting, &listener))
        .map_err(DaemonError::Process)?;
    if let Some(job) = desk.wait_for_job(IDLE) {
        let report = match past::note_start(place) {
            Err(error) => not_noted(place, &error),
            Ok(()) => work(place, &job, &desk, guard),
        };
        desk.finish(report);
        // Nobody may ask for the report for as long as the operator may be away, and then it asks the store, which it may
        // have to ask again.
        let unasked = job.absence_seconds.saturating_add(job.retry_seconds);
        desk.wait_for_done(Duration::from_secs(unasked));
    }
    // Removed while the lock is held: a socket that another daemon has made is never taken away.
    let _ = fs::remove_file(place.socket());
    drop(life);
    Ok(())
}

fn not_noted(place: &Place, error: &io::Error) -> Report {
    let mut report = backup::empty_report();
    report.outcome = Outcome::TransferFailed {
        step: "start".into(),
        message: format!("{} cannot be made: {error}", place.started().display()),
    };
    report
}

fn work(place: &Place, job: &Job, desk: &Arc<Desk>, guard: Guard) -> Report {
    match &job.action {
        Action::Backup {
            recipients,
            allow_empty,
            minimum,
            plan,
            checksum,
        } => {
            let target = backup::Target {
                recipients,
                allow_empty: *allow_empty,
                minimum: *minimum,
                plan: *plan,
                checksum: *checksum,
            };
            backup::run(job, &target, desk, &place.log)
        }
        Action::Restore {
            identity,
            passphrase,
            window_log,
            size,
            sha256,
            etag,
        } => {
            let stored = restore::Stored {
                identity,
                passphrase: *passphrase,
                window_log: *window_log,
                size: *size,
                sha256: sha256.as_deref(),
                etag: etag.as_deref(),
                window_note: place.window(),
                standing: place.check_socket(),
            };
            restore::run(job, &stored, desk, guard, &place.log)
        }
    }
}

/// A session of its own, so that no signal of the exec's terminal or group reaches it; orphans of the command become
/// its children.
fn set_up() -> io::Result<()> {
    // Fails only for a group leader, which a process that was just forked is not.
    let _ = rustix::process::setsid();
    command::adopt_orphans()
}

/// The socket appears under its name only when it can be connected to. Only its owner may.
fn listen(place: &Place) -> io::Result<UnixListener> {
    let fresh = place.fresh_socket();
    match fs::remove_file(&fresh) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, Permissions::from_mode(0o600))?;
    fs::rename(&fresh, place.socket())?;
    Ok(listener)
}

fn accept(desk: &Arc<Desk>, listener: &UnixListener) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of descriptors or memory: not for ever.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        if open.load(Ordering::Relaxed) >= CONNECTIONS {
            continue;
        }
        open.fetch_add(1, Ordering::Relaxed);
        let (desk, count) = (desk.clone(), open.clone());
        let started = thread::Builder::new().name("read".into()).spawn(move || {
            peer::serve(&desk, stream);
            count.fetch_sub(1, Ordering::Relaxed);
        });
        if started.is_err() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
