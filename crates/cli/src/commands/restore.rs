//! `restore`: a backup back into its command, where it came from or in another namespace, followed to its end.
pub mod choose;
mod drill;
mod elsewhere;
mod into;
mod key;
mod needs;
pub mod plan;
mod template;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use api::{BackupRun, BackupSchedule};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kube::ResourceExt;
use planner::schedule::observed::is_being_restored;

use crate::act;
use crate::ask::confirm;
use crate::follow::course::Course;
use crate::follow::estimate::Expected;
use crate::follow::phase::Aim;
use crate::follow::screen::Screen;
use crate::read::connect::{Cluster, Session};
use crate::read::fault::Fault;
use crate::read::target::{Of, parse};
use crate::read::time::{span, time};
use crate::show::style::{Style, Tone};

/// What to restore, and over what.
#[derive(clap::Args)]
pub struct Args {
    /// A run, or a schedule whose newest good backup is meant; `run/NAME` or `schedule/NAME` where both have the name.
    #[arg(value_name = "RUN|SCHEDULE")]
    target: String,
    /// Of a schedule: the newest good backup that ended at this time or before, never a later one. RFC 3339; a date, which is meant to its end, or a date and a time (2026-01-31 03:00), in local time; yesterday; or how long ago (2h, 1d 6h).
    #[arg(long, value_name = "TIME", conflicts_with = "latest")]
    at: Option<String>,
    /// Of a schedule: its newest good backup, which is the default.
    #[arg(long)]
    latest: bool,
    /// Restore in this namespace: a run that only restores is made there.
    #[arg(long, value_name = "NAMESPACE")]
    into: Option<String>,
    /// The Pod to restore in, instead of the backup's: a Pod, PodTemplate or BackupRun in a file, `-` for standard input.
    #[arg(long, value_name = "FILE", requires = "into")]
    template: Option<PathBuf>,
    /// Set a variable of the container that the command runs in, such as PGHOST=staging; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE", requires = "into")]
    set_env: Vec<String>,
    /// Prove the backup and restore it over nothing: one run of this drill with this backup, whatever the drill would pick. Without a name: of the only drill of its schedule.
    #[arg(long, value_name = "DRILL", num_args = 0..=1, default_missing_value = "", conflicts_with = "into")]
    drill: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Only ask the operator for it: do not wait for its end.
    #[arg(long)]
    detach: bool,
    /// How long to wait for its end, such as 90s, 15m or 2h30m. It goes on after that.
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = span)]
    timeout: Duration,
    #[command(flatten)]
    cluster: Cluster,
}

/// Shows what would be done, asks, restores and follows it.
///
/// # Errors
/// There is nothing to restore, it was not confirmed, or did not end well.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let session = args.cluster.connect()?;
    session.block_on(work(&session, args, out))
}

async fn work(session: &Session, args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let source = source(session, args).await?;
    if let Some(drill) = &args.drill {
        return drill::prove(session, args, &source, drill, out).await;
    }
    match &args.into {
        Some(namespace) => elsewhere(session, args, &source, namespace, out).await,
        None => in_place(session, args, &source, out).await,
    }
}

/// The run whose backup is meant.
async fn source(session: &Session, args: &Args) -> Result<BackupRun, Fault> {
    let doing = format!("restore {}", args.target);
    let named = match session.named("restore", &args.target, &[Of::Run, Of::Schedule]).await {
        Ok(named) => named,
        Err(fault) => {
            return match gone(session, &args.target).await {
                Some((name, runs)) => chosen(session, args, &doing, &name, &runs),
                None => Err(fault),
            };
        }
    };
    if let Some(run) = named.run {
        if args.at.is_some() || args.latest {
            let why = "--at and --latest choose among the backups of a schedule, and this is a run";
            return Err(Fault::new(
                doing,
                why,
                format!("kubectl backup restore run/{}", run.name_any()),
            ));
        }
        return Ok(run);
    }
    let schedule: BackupSchedule = named
        .schedule
        .ok_or_else(|| Fault::new(&doing, "there is no such object", "kubectl backup list"))?;
    let name = schedule.name_any();
    let runs = session.runs_of(&name).await?;
    chosen(session, args, &doing, &name, &runs)
}

/// Of the runs of a schedule the one that is meant.
fn chosen(session: &Session, args: &Args, doing: &str, name: &str, runs: &[BackupRun]) -> Result<BackupRun, Fault> {
    let seen = format!("kubectl backup list runs --schedule {name} -n {}", session.namespace);
    let at = match &args.at {
        Some(text) => Some(
            time(text, Timestamp::now(), &here()).map_err(|why| Fault::new(doing, format!("--at: {why}"), &seen))?,
        ),
        None => None,
    };
    choose::newest(runs, at)
        .cloned()
        .map_err(|why| Fault::new(doing, why, seen))
}

/// The zone of whoever writes a time on the command line: of TZ where that names one, else the machine's, by its name alone. Whose name is
/// not known means UTC.
fn here() -> TimeZone {
    let named = std::env::var("TZ").ok().filter(|name| !name.is_empty());
    let name = named.or_else(|| iana_time_zone::get_timezone().ok());
    let zone = name.and_then(|name| gotemplate::gotime::zone(name.trim_start_matches(':')).ok());
    zone.unwrap_or(TimeZone::UTC)
}

/// The runs of a schedule that is not there, as after an import, or where it was deleted and its runs were kept.
async fn gone(session: &Session, target: &str) -> Option<(String, Vec<BackupRun>)> {
    let (of, name) = parse(target, &[Of::Run, Of::Schedule]).ok()?;
    if of == Some(Of::Run) {
        return None;
    }
    let place = &session.namespace;
    let is_there = session.find::<BackupSchedule>(place, &name).await.ok()?.is_some()
        || of.is_none() && session.find::<BackupRun>(place, &name).await.ok()?.is_some();
    if is_there {
        return None;
    }
    let runs = session.runs_of(&name).await.ok()?;
    (!runs.is_empty()).then_some((name, runs))
}

/// Over what the run was made of.
async fn in_place(session: &Session, args: &Args, run: &BackupRun, out: &mut dyn Write) -> Result<(), Fault> {
    let (name, namespace) = (run.name_any(), run.namespace().unwrap_or_default());
    let doing = format!("restore run {name}");
    if let Some((why, next)) = choose::unrestorable(run) {
        return Err(Fault::new(doing, why, next));
    }
    if is_being_restored(run) {
        let why = "a restore of it is under way or waits already";
        return Err(Fault::new(
            doing,
            why,
            format!("kubectl backup describe {name} -n {namespace}"),
        ));
    }
    let shown = plan::shown(run, run, &namespace, Timestamp::now());
    let _ = write!(out, "{}", plan::folded(&shown, Style::of_output().width()));
    let _ = out.flush();
    let command = format!("kubectl backup restore run/{name} -n {namespace}");
    confirm(args.yes, "This writes over what is there. Restore?", &doing, &command)?;
    let (value, asked) = act::restore(session, &namespace, &name, run.metadata.resource_version.as_deref()).await?;
    let mut screen = Screen::new(out);
    screen.line(&format!("backuprun/{name} restore asked for"), Tone::Plain);
    if args.detach {
        return Ok(());
    }
    let after = run
        .status
        .as_ref()
        .and_then(|s| s.restores.last())
        .map_or(0, |r| r.number);
    let course = Course {
        namespace: &namespace,
        name: &name,
        aim: Aim::Restore { value, after },
        expected: Expected::of_backup(run),
        timeout: args.timeout,
        asked: Some(asked),
    };
    let outcome = course.follow(session, &mut screen).await?;
    course.conclude(outcome, &mut screen)
}

/// In another namespace, by a run of its own that only restores.
async fn elsewhere(
    session: &Session,
    args: &Args,
    source: &BackupRun,
    namespace: &str,
    out: &mut dyn Write,
) -> Result<(), Fault> {
    let doing = format!("restore run {} into namespace {namespace}", source.name_any());
    if let Some((why, next)) = choose::unreadable(source) {
        return Err(Fault::new(doing, why, next));
    }
    let notes = elsewhere::check(session, source, namespace, &doing).await?;
    let key = key::reachable(session, source, namespace, &doing).await?;
    let usage = "kubectl backup restore --help";
    let template = match &args.template {
        Some(file) => Some(template::read(file).map_err(|why| Fault::new(&doing, why, usage))?),
        None => None,
    };
    let changes = into::Changes {
        template,
        variables: into::variables(&args.set_env).map_err(|why| Fault::new(&doing, why, usage))?,
        decryption_key: key.key,
    };
    let run = into::run(source, namespace, changes).map_err(|why| {
        Fault::new(
            &doing,
            why,
            "kubectl backup restore with --template FILE or --set-env NAME=VALUE corrected",
        )
    })?;
    let needs = needs::check(session, &run, namespace, &doing).await?;
    let mut shown = plan::shown(source, &run, namespace, Timestamp::now());
    for note in notes.iter().chain(&key.notes).chain(&needs) {
        shown.push_str(&format!("note         {note}\n"));
    }
    let _ = write!(out, "{}", plan::folded(&shown, Style::of_output().width()));
    let _ = out.flush();
    let command = format!(
        "kubectl backup restore run/{} -n {} --into {namespace}",
        source.name_any(),
        source.namespace().unwrap_or_default()
    );
    confirm(
        args.yes,
        "This writes over what the command reaches from there. Restore?",
        &doing,
        &command,
    )?;
    let object = serde_json::to_value(&run).map_err(|e| Fault::new(&doing, e.to_string(), usage))?;
    let created = session.create_run(namespace, &object).await?;
    let name = created.name_any();
    let mut screen = Screen::new(out);
    screen.line(
        &format!("backuprun/{name} created in namespace {namespace}"),
        Tone::Plain,
    );
    if args.detach {
        return Ok(());
    }
    let course = Course {
        namespace,
        name: &name,
        aim: Aim::Run,
        expected: Expected::of_backup(source),
        timeout: args.timeout,
        asked: None,
    };
    let outcome = course.follow(session, &mut screen).await?;
    course.conclude(outcome, &mut screen)
}
