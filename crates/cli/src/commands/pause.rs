//! `pause`: a schedule makes no runs on its ticks until it is resumed.
use std::io::Write;

use api::BackupSchedule;
use serde_json::json;

use crate::read::connect::Cluster;
use crate::read::fault::Fault;
use crate::read::target::{Of, only};

/// Which schedule; `resume` takes the same.
#[derive(clap::Args)]
pub struct Args {
    /// The schedule.
    #[arg(value_name = "SCHEDULE")]
    schedule: String,
    #[command(flatten)]
    cluster: Cluster,
}

/// Pauses it.
///
/// # Errors
/// There is no such schedule, or the API server refused.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    suspend(args, "pause", true, out)
}

/// Sets `spec.suspend`.
pub fn suspend(args: &Args, verb: &str, on: bool, out: &mut dyn Write) -> Result<(), Fault> {
    let name = only(Of::Schedule, &args.schedule, verb)?;
    let doing = format!("{verb} schedule {name}");
    let session = args.cluster.connect()?;
    let namespace = &session.namespace;
    session.block_on(async {
        let schedule = session.get::<BackupSchedule>(namespace, &name).await?;
        let word = if on { "paused" } else { "resumed" };
        if schedule.spec.suspend.unwrap_or(false) == on {
            let _ = writeln!(out, "backupschedule/{name} {word} (unchanged)");
            return Ok(());
        }
        let patch = json!({"spec": {"suspend": on}});
        session
            .change::<BackupSchedule>(&doing, namespace, &name, &patch)
            .await?;
        let _ = writeln!(out, "backupschedule/{name} {word}");
        Ok(())
    })
}
