//! A restore in two processes: the first holds the command's input open beside the second, which restores, so that neither of them can
//! be killed in a way that lets the command take a cut stream for a whole one.
use std::io::{self, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::thread;

use proof::command;
use proof::guard::{Guarded, bury, listen};
use proof::signal::signal_name;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process};

use crate::stored::stopped;

/// The flag of the second process, which nobody else gives.
pub const FLAG: &str = "guarded";

/// Starts this program once more, with the same arguments and [`FLAG`] behind its verb, and outlives it. Ok(true): it ended well.
///
/// # Errors
/// It cannot be started, or was killed; its own errors it has told.
pub fn start() -> Result<bool, String> {
    let failed = |e: io::Error| format!("the process that restores cannot be started: {e}");
    command::adopt_orphans().map_err(failed)?;
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let mut arguments = std::env::args_os().skip(1);
    let mut program = Command::new(std::env::current_exe().map_err(failed)?);
    program.args(arguments.next()).arg(format!("--{FLAG}")).args(arguments);
    // A group of its own: whoever signals this process's group (a terminal's Ctrl-\\, `timeout -s KILL`) ends one of the two, and the other
    // one holds the command's input until the command is gone.
    let mut child = program
        .process_group(0)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
        .map_err(failed)?;
    // Its end of the line must be its own alone, or its death is not heard.
    drop(program);
    let pid = Pid::from_child(&child);
    // It ends the command first, and this process after that.
    let forwarded = stopped::on_signal(move |_| {
        // It may have ended meanwhile.
        let _ = kill_process(pid, Signal::TERM);
    });
    if let Err(why) = forwarded {
        eprintln!("{why}: end process {} where this has to be stopped", child.id());
    }
    let answers = ours.try_clone().map_err(failed)?;
    let held = listen(child.id(), &ours, &answers);
    let status = child.wait().map_err(failed)?;
    if held.is_some() || status.signal().is_some() {
        bury();
    }
    drop(held);
    match status.signal() {
        Some(signal) => Err(format!(
            "the process that restores was killed by {}; the command and all that it had started were killed before their input could end",
            signal_name(signal)
        )),
        None => Ok(status.success()),
    }
}

/// The second process's side.
pub struct Guard(Guarded);

impl Guard {
    /// Of this process, whose standard input leads to the first. `alone` is called when that one is gone.
    ///
    /// # Errors
    /// It was not started by one.
    pub fn new(alone: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let line = || io::stdin().as_fd().try_clone_to_owned();
        let watched = line()?;
        let watch = move || {
            // Nothing is waited for but the other's end.
            let mut fds = [PollFd::new(&watched, PollFlags::empty())];
            while matches!(poll(&mut fds, None), Err(rustix::io::Errno::INTR)) {}
            alone();
        };
        thread::Builder::new().name("guard".into()).spawn(watch)?;
        Ok(Self(Guarded::new(line()?, line()?)))
    }
}

impl proof::restore::Guard for Guard {
    fn hold(&self, input: &PipeWriter) {
        if let Err(error) = self.0.hold(input) {
            eprintln!(
                "the command's input is not guarded: where this process is killed, the command may take what it got for all: {error}"
            );
        }
    }

    fn release(&self) {
        self.0.release();
    }
}
