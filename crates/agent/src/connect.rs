//! `agent connect`: carries bytes between the operator's exec stream and the daemon, and knows none of them.
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::args::Place;
use crate::launch::{self, LaunchError};
use crate::with_causes;

/// Exit statuses of `agent connect`; the operator tells a full disk from a lost stream by them.
pub mod exit {
    /// The operator's side ended.
    pub const ENDED: u8 = 0;
    /// The command line is wrong.
    pub const USAGE: u8 = 2;
    /// The daemon closed the connection: a newer one took its place, or it is done.
    pub const CLOSED: u8 = 3;
    /// The daemon cannot be started, or its directory cannot be used.
    pub const NO_DAEMON: u8 = 4;
    /// The daemon does not come up or does not answer.
    pub const SILENT: u8 = 5;
    /// The daemon closed the connection without an answer: it works for another run.
    pub const REFUSED: u8 = 6;
}

/// Bytes that are carried at a time, and that the kernel holds between this process and the container runtime: relayed
/// bytes of a whole backup pass here, and each wake-up of the other side costs more than the copy.
const CARRIED: usize = 256 << 10;
/// How long a daemon may take to come up, and to answer the first bytes.
const ANSWER: Duration = Duration::from_secs(5);

enum Side {
    OperatorEnded,
    Sent,
    Answered,
    DaemonEnded,
}

/// Runs until either side ends.
pub fn run(place: &Place) -> u8 {
    let stream = match launch::connect(place, ANSWER) {
        Ok(stream) => stream,
        Err(error) => {
            eprintln!("agent connect: {}", with_causes(&error));
            return match error {
                LaunchError::Timeout(_) => exit::SILENT,
                _ => exit::NO_DAEMON,
            };
        }
    };
    // Fails where they are no pipes, or the user has too many: then they stay as they are.
    let _ = rustix::pipe::fcntl_setpipe_size(io::stdin(), CARRIED);
    let _ = rustix::pipe::fcntl_setpipe_size(io::stdout(), CARRIED);
    let both = stream.try_clone().map(|other| (stream, other));
    match both {
        Ok((to, from)) => bridge(to, from),
        Err(error) => {
            eprintln!("agent connect: the socket cannot be shared: {error}");
            exit::NO_DAEMON
        }
    }
}

/// A dead client leaves the stdout of an exec blocked for ever, and its stdin at its end: so the first side that ends
/// ends the process, whatever the other thread is blocked in.
fn bridge(mut to: UnixStream, mut from: UnixStream) -> u8 {
    let (said, heard) = channel();
    let forward = said.clone();
    thread::spawn(move || {
        let mut first = true;
        copy(&mut io::stdin().lock(), &mut to, || {
            if std::mem::take(&mut first) {
                let _ = forward.send(Side::Sent);
            }
        });
        let _ = forward.send(Side::OperatorEnded);
        // Wakes the daemon's side even where the process ends late; after the word, or it would count as the daemon's.
        let _ = to.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let mut first = true;
        copy(&mut from, &mut io::stdout().lock(), || {
            if std::mem::take(&mut first) {
                let _ = said.send(Side::Answered);
            }
        });
        let _ = said.send(Side::DaemonEnded);
    });
    let (mut sent, mut answered) = (false, false);
    loop {
        let next = if sent && !answered {
            heard.recv_timeout(ANSWER)
        } else {
            heard.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match next {
            Ok(Side::Sent) => sent = true,
            Ok(Side::Answered) => answered = true,
            Ok(Side::OperatorEnded) | Err(RecvTimeoutError::Disconnected) => return exit::ENDED,
            Ok(Side::DaemonEnded) if answered => return exit::CLOSED,
            Ok(Side::DaemonEnded) => {
                eprintln!(
                    "agent connect: the daemon closed the connection without an answer: it works for another run"
                );
                return exit::REFUSED;
            }
            Err(RecvTimeoutError::Timeout) => {
                eprintln!(
                    "agent connect: the daemon does not answer within {} s",
                    ANSWER.as_secs()
                );
                return exit::SILENT;
            }
        }
    }
}

fn copy(from: &mut impl Read, to: &mut impl Write, mut moved: impl FnMut()) {
    let mut buffer = vec![0; CARRIED];
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let piece = buffer.get(..n).unwrap_or_default();
        if to.write_all(piece).and_then(|()| to.flush()).is_err() {
            return;
        }
        moved();
    }
}
