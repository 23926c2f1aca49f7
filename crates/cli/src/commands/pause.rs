//! `pause`: a schedule or a drill makes no runs on its ticks until it is resumed.
use std::io::Write;

use api::{BackupDrill, BackupSchedule};
use serde_json::json;

use crate::read::connect::{Cluster, Session};
use crate::read::fault::Fault;
use crate::read::objects::Kind;
use crate::read::target::{Of, schedule_or_drill};

/// Which schedule; `resume` takes the same.
#[derive(clap::Args)]
pub struct Args {
    /// The schedule, or drill/NAME.
    #[arg(value_name = "SCHEDULE|drill/DRILL")]
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
    let (of, name) = schedule_or_drill(&args.schedule, verb)?;
    let session = args.cluster.connect()?;
    session.block_on(async {
        match of {
            Of::Drill => set::<BackupDrill>(&session, &name, verb, on, |d| d.spec.suspend, out).await,
            _ => set::<BackupSchedule>(&session, &name, verb, on, |s| s.spec.suspend, out).await,
        }
    })
}

async fn set<K: Kind>(
    session: &Session,
    name: &str,
    verb: &str,
    on: bool,
    is: impl Fn(&K) -> Option<bool>,
    out: &mut dyn Write,
) -> Result<(), Fault> {
    let namespace = &session.namespace;
    let kind = K::kind(&()).to_lowercase();
    let doing = format!("{verb} {} {name}", K::SINGULAR);
    let object = session.get::<K>(namespace, name).await?;
    let word = if on { "paused" } else { "resumed" };
    if is(&object).unwrap_or(false) == on {
        let _ = writeln!(out, "{kind}/{name} {word} (unchanged)");
        return Ok(());
    }
    let patch = json!({"spec": {"suspend": on}});
    session.change::<K>(&doing, namespace, name, &patch).await?;
    let _ = writeln!(out, "{kind}/{name} {word}");
    Ok(())
}
