//! The guard: the daemon's parent. A daemon that is killed (the kernel's OOM killer takes one process, and may take this one)
//! lets the kernel close the input of a restoring command, which would take what it got for all there is. So another
//! process holds that input open, too, and lets go of it only when the daemon says that the stream was proved whole, or when
//! the command and all that it started are dead.
//!
//! They speak lines over the daemon's standard streams: the daemon says `hold FD` or `release`, the guard answers `ok` or
//! why not. What killed a daemon is noted for the next one, which tells the operator: nobody else saw it.
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, PipeWriter, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, getppid, kill_process, wait};

use crate::args::Place;
use crate::command::tree;
use crate::past;
use crate::signal::signal_name;

/// How long the guard may take to answer.
const ANSWER: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };
/// Between two rounds of killing: a process may have forked while the last one went on, or hang in the kernel.
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
    let held = listen(&mut daemon);
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

/// Does as the daemon says until it is dead; what it still wanted held is given back.
fn listen(daemon: &mut Child) -> Option<File> {
    let (Some(says), Some(mut answers)) = (daemon.stdout.take(), daemon.stdin.take()) else {
        return None;
    };
    let mut held = None;
    for line in BufReader::new(says).lines() {
        let Ok(line) = line else { break };
        let answer = match line.split_once(' ') {
            Some(("hold", fd)) => match open(daemon.id(), fd) {
                Ok(file) => {
                    held = Some(file);
                    "ok".into()
                }
                Err(error) => format!("the daemon's descriptor {fd} cannot be opened: {error}"),
            },
            _ => {
                held = None;
                "ok".into()
            }
        };
        // A daemon that cannot hear is about to be dead.
        let _ = writeln!(answers, "{answer}");
    }
    held
}

fn open(daemon: u32, fd: &str) -> io::Result<File> {
    OpenOptions::new().write(true).open(format!("/proc/{daemon}/fd/{fd}"))
}

/// Kills whatever the daemon started, until there is none: however long one of them hangs in the kernel, it must not come out
/// and find its input ended.
fn bury() {
    loop {
        tree::kill_all();
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
        std::thread::sleep(ROUND);
    }
}

/// The daemon's side: its parent, as long as that is the guard.
#[derive(Clone, Copy)]
pub struct Guard {
    parent: Option<Pid>,
}

impl Guard {
    /// Of this process, which was just started.
    pub fn new() -> Self {
        Self { parent: getppid() }
    }

    /// Has the command's input held. Where that cannot be (no `/proc`, no guard) the restore goes on as it would without
    /// one.
    ///
    /// # Errors
    /// Why not.
    pub fn hold(&self, input: &PipeWriter) -> io::Result<()> {
        self.say(&format!("hold {}", input.as_raw_fd()))
    }

    /// Has it let go, so that the command sees its end. A guard that does not answer is ended: its handle goes with it.
    pub fn release(&self) {
        if self.say("release").is_err()
            && let Some(parent) = self.parent.filter(|p| getppid() == Some(*p))
        {
            let _ = kill_process(parent, Signal::KILL);
        }
    }

    fn say(&self, line: &str) -> io::Result<()> {
        // Held until the answer is there: one conversation at a time.
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()?;
        let stdin = io::stdin();
        let mut answer = String::new();
        while !answer.ends_with('\n') {
            let mut fds = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
            if poll(&mut fds, Some(&ANSWER))? == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // Byte by byte, past every buffer: what is buffered is not seen by poll.
            let mut byte = [0];
            if rustix::io::read(stdin.as_fd(), &mut byte)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answer.push(char::from(byte[0]));
        }
        match answer.trim_end() {
            "ok" => Ok(()),
            why => Err(io::Error::other(why.to_string())),
        }
    }
}
