//! What the daemons of an attempt leave for the next one to tell the operator: whether a command was ever started, what
//! killed the last of them, and how large a window it held. It lies beside the sockets, in the Pod's volume, and goes with the Pod.
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::args::Place;

/// The longest name of a signal, bytes.
const SIGNAL: u64 = 16;

/// What was before this daemon.
#[derive(Default)]
pub struct Past {
    /// The signal that killed the last daemon, as its guard noted it.
    pub killed: Option<String>,
    /// The large window that it held then, bytes.
    pub window: Option<u64>,
    /// A command was started, or may have been.
    pub started: bool,
}

impl Past {
    /// Of an attempt.
    pub fn of(place: &Place) -> Self {
        let started = fs::symlink_metadata(place.started());
        let killed = killed_by(place);
        let window = fs::read_to_string(place.window()).ok();
        Self {
            window: window.filter(|_| killed.is_some()).and_then(|bytes| bytes.parse().ok()),
            killed,
            // Whatever else keeps it from being seen: it may be there.
            started: !matches!(started, Err(error) if error.kind() == io::ErrorKind::NotFound),
        }
    }
}

fn killed_by(place: &Place) -> Option<String> {
    let mut name = String::new();
    place.guard_lock().ok()?.take(SIGNAL).read_to_string(&mut name).ok()?;
    Some(name).filter(|name| !name.is_empty())
}

/// Notes that a command is about to be started. It is on the disk before the command is: a node that loses its power and
/// starts the container again must not restore twice.
///
/// # Errors
/// It cannot be noted, and the command must not be started.
pub fn note_start(place: &Place) -> io::Result<()> {
    let note = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(place.started())?;
    // Not every file system can, and those that cannot have nothing that outlives the power.
    let _ = note.sync_all();
    let _ = File::open(&place.dir).and_then(|dir| dir.sync_all());
    Ok(())
}

/// Notes a large window that is about to be taken. Where it cannot be noted, the words lack it.
pub fn note_window(at: &Path, bytes: u64) {
    let _ = fs::write(at, bytes.to_string());
}

/// Notes the signal that killed a daemon, in its guard's lock file. Where it cannot be noted, the words lack it.
pub fn note_death(mut lock: &File, signal: &str) {
    let _ = lock
        .write_all(signal.as_bytes())
        .and_then(|()| lock.set_len(signal.len() as u64));
}
