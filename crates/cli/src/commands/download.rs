//! `download`: an object from a store into a file, which has its name only when it was proved whole.
mod place;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use api::BackupRun;
use planner::size::humanize;
use proof::Watched;
use proof::read::{Broken, Reading, Whole};
use protocol::Outcome;

use crate::plain::clean;
use crate::read::connect::Cluster;
use crate::read::fault::Fault;
use crate::read::target::{Of, only};
use crate::stored::cluster as sources;
use crate::stored::flags::{By, Expected, Opened, Place, Reached, Which};
use crate::stored::key::Key;
use crate::stored::progress::{Counted, Progress};
use crate::stored::source::{Found, Source, UNSAID, Undo, Witness};
use crate::stored::stopped::Stop;
use crate::stored::told;
use place::Target;

/// What to read, and where to.
#[derive(clap::Args)]
pub struct Args {
    /// A run of the cluster: the operator signs URLs for it, or with --with-secret its storage and Secret are read with your own rights. Without it, --storage-file says where the object is.
    #[arg(value_name = "RUN", required_unless_present = "storage_file", conflicts_with_all = ["storage_file", "path", "record", "version_id", "sha256", "compression"])]
    run: Option<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    expected: Expected,
    #[command(flatten)]
    opened: Opened,
    /// The bytes as they are stored, neither decrypted nor decompressed.
    #[arg(long, help_heading = "Stages", conflicts_with_all = ["compression", "identity", "passphrase_file", "window_log"])]
    raw: bool,
    /// The file, `-` for standard output. Default: the last part of the path, without the endings of what was undone.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A file that is there is replaced, when the new one was proved whole.
    #[arg(long)]
    force: bool,
}

/// Downloads. Only Ok where all was proved and is on the disk.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), String> {
    let key = args.opened.key().map_err(|e| e.to_string())?;
    let source = match &args.run {
        Some(run) => of_cluster(args, run, key),
        None => (args.place.open()).and_then(|bucket| args.which.source(&bucket, &args.expected, &args.opened, key)),
    };
    let source = source.map_err(|e| e.to_string())?;
    let undo = if args.raw { Undo::Nothing } else { Undo::Said };
    download(&source, undo, args.output.clone(), args.force, out).map_err(|e| e.to_string())
}

/// The object of a run's backup; where no key is given and the bytes are to be opened, the one that the run names.
fn of_cluster(args: &Args, run: &str, key: Option<Key>) -> Result<Source, Fault> {
    let name = only(Of::Run, run, "download")?;
    let session = Arc::new(args.cluster.connect()?);
    session.block_on(async {
        let run: BackupRun = session.get(&session.namespace, &name).await?;
        sources::of_run(&session, &run, key, (args.by, &args.reached), !args.raw).await
    })
}

/// Reads an object into a file, or to `out` for `-`; what it was proved by is told on `out`, or on standard error.
///
/// # Errors
/// The object cannot be read or is not whole, or the file cannot be written: then there is none.
pub fn download(
    source: &Source,
    undo: Undo,
    output: Option<PathBuf>,
    force: bool,
    out: &mut dyn Write,
) -> Result<(), Fault> {
    let stop = Stop::on_signal().map_err(|why| Fault::new("download", why, "the same command again"))?;
    let name = || place::name(&source.key, undo, source.packing, source.key_file.is_some());
    let output = output.unwrap_or_else(name);
    let written = |e: std::io::Error| {
        Fault::new(
            "write the file",
            format!("{}: {e}", output.display()),
            "the same command with another --output",
        )
    };
    if output.as_os_str() == "-" {
        let (whole, found) = read(source, undo, &stop, out)?;
        tell!("{}", proved(source, undo, &whole, &found));
        return Ok(());
    }
    let mut target = Target::at(&output, force)?;
    let (whole, found) = read(source, undo, &stop, target.file())?;
    target.keep().map_err(written)?;
    let _ = writeln!(out, "{}: {}", output.display(), proved(source, undo, &whole, &found));
    Ok(())
}

/// Reads an object to its end, until a signal.
fn read(source: &Source, undo: Undo, stop: &Stop, sink: &mut dyn Write) -> Result<(Whole, Found), Fault> {
    let found = source.look()?;
    let (object, signer) = source.object(&found, undo)?;
    let watched = Arc::new(Watched::default());
    stop.ends(&watched, &signer);
    let broken = |broken| match broken {
        _ if stop.is_called() => Fault::new("download", "stopped by a signal", "the same command again"),
        Broken::Sink(e) => Fault::new(
            "write what has come",
            e.to_string(),
            "the same command with another --output",
        ),
        Broken::Object(outcome) => {
            let next = match &outcome {
                Outcome::BadObject { step, .. } if step == UNSAID => {
                    "the same command with the flag that is named above, or with --raw"
                }
                Outcome::BadObject { .. } => "kubectl backup verify with the same flags",
                _ => "the same command again, when the store can be reached",
            };
            Fault::new(
                "download",
                source.elsewhere(told::wrong(&outcome).unwrap_or_default()),
                next,
            )
        }
    };
    let reading = Reading::open(object, watched.clone()).map_err(|e| broken(Broken::Object(e)))?;
    if undo == Undo::Said {
        source.judge(reading.packed()).map_err(|e| broken(Broken::Object(e)))?;
    }
    let mut counted = Counted::new(sink, watched, Progress::of(found.size));
    let whole = reading.copy(&mut counted).map_err(broken)?;
    Ok((whole, found))
}

/// What there is, and what says that it is all.
pub fn proved(source: &Source, undo: Undo, whole: &Whole, found: &Found) -> String {
    let formats = match undo {
        Undo::Nothing => String::new(),
        Undo::Said | Undo::Seen => source.formats().join(" and "),
    };
    let by = match (&found.sha256, formats.as_str()) {
        (Some((_, Witness::Expected)), _) => "as expected".to_owned(),
        (Some((_, Witness::Store)), _) => "as the store has it".to_owned(),
        (None, "") => "which nothing says anything of: only the size was held to what the store has (--sha256 takes status.sha256 of the run)".to_owned(),
        (None, formats) => format!("which nothing says anything of, but {formats} came to the end that was written"),
    };
    let run = found
        .run
        .as_ref()
        .map(|run| format!(", of run {}", clean(run)))
        .unwrap_or_default();
    format!(
        "{}, from {} as stored{run}, SHA-256 {}, {by}",
        humanize(whole.bytes),
        humanize(whole.stored_bytes),
        whole.sha256
    )
}
