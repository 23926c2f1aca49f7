//! The guard: the parent of whoever restores. A process that is killed (the kernel's OOM killer takes one, and may take this one)
//! lets the kernel close the input of a restoring command, which would take what it got for all there is. So another
//! process holds that input open, too, and lets go of it only when it is told that the stream was proved whole, or when
//! the command and all that it started are dead.
//!
//! They speak lines: the child says `hold FD` or `release`, the guard answers `ok` or why not.
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, getppid, kill_process, wait};

use crate::command::tree;

/// How long the guard may take to answer.
const ANSWER: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };
/// Between two rounds of killing: a process may have forked while the last one went on, or hang in the kernel.
const ROUND: Duration = Duration::from_millis(20);

/// The guard's side: does as its child says until that is dead, and returns what it still wanted held. Whoever gets that has to [`bury`]
/// what the child has left before it goes.
pub fn listen(child: u32, says: impl Read, mut answers: impl Write) -> Option<File> {
    let mut held = None;
    for line in BufReader::new(says).lines() {
        let Ok(line) = line else { break };
        let answer = match line.split_once(' ') {
            Some(("hold", fd)) => match open(child, fd) {
                Ok(file) => {
                    held = Some(file);
                    "ok".into()
                }
                Err(error) => format!("the descriptor {fd} of process {child} cannot be opened: {error}"),
            },
            _ => {
                held = None;
                "ok".into()
            }
        };
        // A child that cannot hear is about to be dead.
        let _ = writeln!(answers, "{answer}");
    }
    held
}

fn open(child: u32, fd: &str) -> io::Result<File> {
    OpenOptions::new().write(true).open(format!("/proc/{child}/fd/{fd}"))
}

/// Kills whatever a dead child of this process has started, until there is none: however long one of them hangs in the kernel, it must
/// not come out and find its input ended.
pub fn bury() {
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

/// The child's side: its parent, as long as that is the guard.
pub struct Guarded {
    parent: Option<Pid>,
    /// What is said, and what is heard. Locked until an answer is there: one conversation at a time.
    line: Mutex<(File, OwnedFd)>,
}

impl Guarded {
    /// Of this process, which was just started, by the descriptors that the guard listens and answers at.
    pub fn new(says: OwnedFd, hears: OwnedFd) -> Self {
        Self {
            parent: getppid(),
            line: Mutex::new((says.into(), hears)),
        }
    }

    /// Has the command's input held.
    ///
    /// # Errors
    /// Why not: there is no `/proc`, or no guard.
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

    fn say(&self, words: &str) -> io::Result<()> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let (says, hears) = &mut *line;
        writeln!(says, "{words}")?;
        let mut answer = String::new();
        while !answer.ends_with('\n') {
            let mut fds = [PollFd::from_borrowed_fd(hears.as_fd(), PollFlags::IN)];
            if poll(&mut fds, Some(&ANSWER))? == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // Byte by byte, past every buffer: what is buffered is not seen by poll.
            let mut byte = [0];
            if rustix::io::read(hears.as_fd(), &mut byte)? == 0 {
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
