//! Who stands by in another container of a restore's Pod, to run the restore's check there: a process that the exec which begins it
//! leaves behind, and that ends with its container. It does one check at a time, for whoever of the Pod sees its socket.
use std::fs::{self, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use proof::command::{self, Errors};
use proof::elsewhere;

use crate::args::Place;
use crate::connect::exit;
use crate::with_causes;

/// How long one may take to come up, and between two looks.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(2);
/// After an accept that failed: out of descriptors or memory, not for ever.
const PAUSE: Duration = Duration::from_millis(100);
/// Everybody of the Pod: its containers may run as other users.
const EVERYBODY: u32 = 0o666;

/// Why nobody stands by.
#[derive(Debug, thiserror::Error)]
pub enum StandingError {
    /// The lock of its life.
    #[error("the agent's directory cannot be used; is its volume mounted into this container, and writable?")]
    Directory(#[source] io::Error),
    /// The socket.
    #[error("the socket {} cannot be made", .0.display())]
    Socket(PathBuf, #[source] io::Error),
    /// The program itself.
    #[error("who stands by cannot be started")]
    Spawn(#[source] io::Error),
    /// A session and children of its own.
    #[error("the process cannot be set up")]
    Process(#[source] io::Error),
    /// It did not come up.
    #[error("who stands by did not come up within {} s", PATIENCE.as_secs())]
    Timeout,
}

/// `agent stand-by`: says so when somebody stands by, whoever began it.
pub fn ensure(place: &Place) -> ExitCode {
    match begin(place) {
        Ok(()) => {
            // A stream that broke says nothing; the operator takes silence for that.
            eprintln!("{}", protocol::STANDS_BY);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("agent stand-by: {}", with_causes(&error));
            ExitCode::from(match error {
                StandingError::Timeout => exit::SILENT,
                _ => exit::NO_DAEMON,
            })
        }
    }
}

fn begin(place: &Place) -> Result<(), StandingError> {
    if is_there(place)? {
        return Ok(());
    }
    spawn(place).map_err(StandingError::Spawn)?;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if is_there(place)? {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    Err(StandingError::Timeout)
}

/// No socket, or one that a container left behind which was restarted: nobody.
fn is_there(place: &Place) -> Result<bool, StandingError> {
    match UnixStream::connect(place.check_socket()) {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(false),
        Err(e) => Err(StandingError::Directory(e)),
    }
}

/// With the environment and the directory of the container, and none of this process's streams: the runtime waits for everyone who
/// holds them.
fn spawn(place: &Place) -> io::Result<()> {
    let log = OpenOptions::new().append(true).open(&place.log);
    place
        .command("standing")?
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.map_or_else(|_| Stdio::null(), Stdio::from))
        .spawn()
        .map(drop)
}

/// Stands by until it is killed, with its container; at once where another one does already.
pub fn run(place: &Place) -> Result<(), StandingError> {
    let life = place.check_lock().map_err(StandingError::Directory)?;
    match life.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(e)) => return Err(StandingError::Directory(e)),
    }
    // Fails only for a group leader, which a process that was just forked is not.
    let _ = rustix::process::setsid();
    // What a check leaves behind becomes this one's children, and is found.
    command::adopt_orphans().map_err(StandingError::Process)?;
    let listener = listen(place).map_err(|e| StandingError::Socket(place.check_socket(), e))?;
    for stream in listener.incoming() {
        match stream {
            // One that asks for nothing, or is gone before it got its answer, is no fault of this process.
            Ok(stream) => drop(elsewhere::serve(stream, Errors::Log(&place.log))),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
    drop(life);
    Ok(())
}

/// The socket appears under its name only when it can be connected to.
fn listen(place: &Place) -> io::Result<UnixListener> {
    let fresh = place.fresh_check_socket();
    match fs::remove_file(&fresh) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, Permissions::from_mode(EVERYBODY))?;
    fs::rename(&fresh, place.check_socket())?;
    Ok(listener)
}
