//! `run`: one backup now, of a schedule or of a manifest, or one drill, followed to its end.
mod create;
pub mod trigger;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use api::{BackupDrill, BackupSchedule};

use crate::follow::course::{Course, expected};
use crate::follow::phase::Aim;
use crate::follow::screen::Screen;
use crate::read::connect::{Cluster, Session};
use crate::read::fault::Fault;
use crate::read::target::{Of, schedule_or_drill};
use crate::read::time::span;
use crate::show::fold::say;

/// What to run.
#[derive(clap::Args)]
pub struct Args {
    /// The schedule whose backup is to be made now, or drill/NAME for the drill that is to prove one now, beside its calendar.
    #[arg(
        value_name = "SCHEDULE|drill/DRILL",
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    schedule: Option<String>,
    /// A manifest with BackupRuns that are to be created, `-` for standard input; one with generateName can be run again and again.
    #[arg(short, long = "filename", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Only start it: do not wait for its end.
    #[arg(long)]
    detach: bool,
    /// How long to wait for its end, such as 90s, 15m or 2h30m. It goes on after that.
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = span)]
    timeout: Duration,
    #[command(flatten)]
    cluster: Cluster,
}

/// Starts it and follows it.
///
/// # Errors
/// It could not be started, or did not end well.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let session = args.cluster.connect()?;
    session.block_on(work(&session, args, out))
}

async fn work(session: &Session, args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let mut screen = Screen::new(out);
    let mut runs = Vec::new();
    if let Some(file) = &args.file {
        runs = create::all(session, file, &mut screen).await?;
    } else if let Some(schedule) = &args.schedule {
        let (of, name) = schedule_or_drill(schedule, "run")?;
        runs.push(match of {
            Of::Drill => trigger::one::<BackupDrill>(session, &name, None, args.timeout, &mut screen).await?,
            _ => trigger::one::<BackupSchedule>(session, &name, None, args.timeout, &mut screen).await?,
        });
    }
    if args.detach {
        return Ok(());
    }
    // Side by side in the cluster; followed one after the other, so that each is told whole.
    let mut failed = Ok(());
    for (namespace, name) in &runs {
        let run = session.get(namespace, name).await?;
        let course = Course {
            namespace,
            name,
            aim: Aim::Run,
            expected: expected(session, namespace, &run).await,
            timeout: args.timeout,
            asked: None,
        };
        let outcome = course.follow(session, &mut screen).await?;
        match course.conclude(outcome, &mut screen) {
            Err(fault) if runs.len() > 1 => {
                say(&fault.to_string());
                failed = Err(Fault::new(
                    "call all of them good",
                    "at least one did not end well, as said above",
                    format!("kubectl backup list runs --failed -n {namespace}"),
                ));
            }
            Err(fault) => return Err(fault),
            Ok(()) => {}
        }
    }
    failed
}
