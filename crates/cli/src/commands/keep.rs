//! `keep`: a run that rotation passes by.
use std::io::Write;

use api::{BackupRun, labels};
use kube::ResourceExt;

use crate::act;
use crate::read::connect::Cluster;
use crate::read::fault::Fault;
use crate::read::target::{Of, only};

/// What to keep.
#[derive(clap::Args)]
pub struct Args {
    /// The run.
    #[arg(value_name = "RUN")]
    run: String,
    /// Have rotation count and remove it again, as any other.
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    cluster: Cluster,
}

/// Sets the annotation or takes it away.
///
/// # Errors
/// There is no such run, or the API server refused.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let name = only(Of::Run, &args.run, "keep")?;
    let session = args.cluster.connect()?;
    let namespace = &session.namespace;
    session.block_on(async {
        let run = session.get::<BackupRun>(namespace, &name).await?;
        let kept = run.annotations().contains_key(labels::KEEP);
        let word = if args.off { "not kept" } else { "kept" };
        if kept != args.off {
            let _ = writeln!(out, "backuprun/{name} {word} (unchanged)");
            return Ok(());
        }
        act::keep(&session, namespace, &name, !args.off).await?;
        let _ = writeln!(out, "backuprun/{name} {word}");
        Ok(())
    })
}
