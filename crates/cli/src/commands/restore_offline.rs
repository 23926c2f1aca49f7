//! `restore-offline`: an object from a store into a command on this machine, without a cluster.
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::channel;
use std::time::Duration;

use planner::size::humanize;
use proof::command::{self, Errors};
use proof::event::{Cancel, Event};
use proof::restore::{Ended, Order};
use protocol::Outcome;

use crate::read::fault::Fault;
use crate::stored::flags::{Expected, Opened, Place, Which};
use crate::stored::guarded::{self, Guard};
use crate::stored::progress::Progress;
use crate::stored::source::{Source, UNSAID, Undo};
use crate::stored::{stopped, told};

/// What is said where the stream was not whole.
const UNTAKEN: &str = "; no command has taken it for complete";
/// Seconds between TERM and KILL.
const GRACE: u64 = 5;

/// What to restore, and into what.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    expected: Expected,
    #[command(flatten)]
    opened: Opened,
    /// Seconds after which the command is stopped. Default: never.
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u64>,
    /// This is the process that restores; the first one gives it.
    #[arg(long = guarded::FLAG, hide = true)]
    guarded: bool,
    /// The command that takes the backup from its standard input. It is not started before the object is open, runs in a process group of its
    /// own, and cannot ask for a password at the terminal.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Restores. Only Ok where the command ended well on a stream that was proved whole.
pub fn run(args: &Args) -> Result<(), String> {
    if args
        .place
        .storage_file
        .as_deref()
        .is_some_and(|file| file.as_os_str() == "-")
    {
        return Err("--storage-file: name a file: standard input leads to the process that guards this one".into());
    }
    if !args.guarded {
        return match guarded::start()? {
            true => Ok(()),
            // The other process has said why.
            false => Err(String::new()),
        };
    }
    let key = args.opened.key().map_err(|e| e.to_string())?;
    let bucket = args.place.open().map_err(|e| e.to_string())?;
    let source = args.which.source(&bucket, &args.expected, &args.opened, key);
    let source = source.map_err(|e| e.to_string())?;
    let ended = restore(&source, &args.command, args.deadline).map_err(|e| e.to_string())?;
    // Standard output is the command's.
    tell!(
        "restored {} of {}, SHA-256 {} of {} as stored",
        humanize(ended.bytes),
        source.told(),
        ended.sha256,
        humanize(ended.stored_bytes)
    );
    Ok(())
}

/// Reads an object into a command, in a process that is guarded.
///
/// # Errors
/// The object cannot be read or is not whole, or the command did not end well; it is dead then.
pub fn restore(source: &Source, command: &[String], deadline: Option<u64>) -> Result<Ended, Fault> {
    let fault = |why: String| Fault::new("restore", why, "the same command again");
    let (events, inbox) = channel();
    let cancel = |reason: &str| {
        Event::Cancel(Cancel {
            reason: reason.into(),
            grace_seconds: GRACE,
        })
    };
    let (heard, alone) = (events.clone(), events.clone());
    // Before the command is there: its end must not come from a signal to this process.
    stopped::on_signal(move |name| drop(heard.send(cancel(name)))).map_err(fault)?;
    let guard = Guard::new(move || drop(alone.send(cancel("the end of the process that was started first"))));
    let guard = guard.map_err(|e| fault(e.to_string()))?;
    command::adopt_orphans().map_err(|e| fault(e.to_string()))?;
    let found = source.look()?;
    let (object, _) = source.object(&found, Undo::Said)?;
    let progress = Mutex::new(Progress::of(found.size));
    let order = Order {
        object,
        command,
        opened: &|packed| source.judge(packed),
        errors: Errors::Inherited,
        deadline_seconds: deadline,
        grace: Duration::from_secs(GRACE),
        guard: Arc::new(guard),
        check: None,
    };
    let ended = proof::restore::run(order, &events, inbox, &|_, stored| {
        progress.lock().unwrap_or_else(PoisonError::into_inner).tell(stored);
    });
    drop(progress);
    let Some(why) = told::wrong(&ended.outcome) else {
        return Ok(ended);
    };
    let (more, next) = match &ended.outcome {
        Outcome::BadObject { step, .. } if step == UNSAID => ("", "the same command with the flag that is named above"),
        Outcome::BadObject { .. } => (
            UNTAKEN,
            "kubectl backup verify with the same flags, and another version or copy of the backup where it says the same",
        ),
        Outcome::TransferFailed { .. } => (UNTAKEN, "the same command again, when the store can be reached"),
        Outcome::Cancelled { .. } => (UNTAKEN, "the same command again"),
        _ => ("", "the same command again; what the command has applied stays applied"),
    };
    Err(Fault::new("restore", format!("{why}{more}"), next))
}
