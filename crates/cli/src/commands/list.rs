//! `list`: schedules, runs, drills or storages as tables, or as documents for scripts.
mod drills;
mod rows;
mod runs;
mod schedules;
mod storages;
mod watch;

use std::io::Write;

use api::{BackupDrill, BackupRun, BackupSchedule, BackupStorage, labels};
use clap::ValueEnum;
use jiff::Timestamp;

use crate::read::connect::Cluster;
use crate::read::objects::{Found, Where};
use crate::show::document::{self, Form};
use crate::show::fold::say;
use crate::show::style::Style;
use rows::{Row, table};

/// What to list.
#[derive(clap::Args)]
pub struct Args {
    /// What to list.
    #[arg(value_enum, default_value_t = What::Schedules)]
    what: What,
    /// Of all namespaces.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Those that have these labels, as in app=shop,tier!=test.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    /// Runs of this schedule only.
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<String>,
    /// Runs of this drill only.
    #[arg(long, value_name = "DRILL", conflicts_with = "schedule")]
    drill: Option<String>,
    /// Only what has failed: schedules whose last backup did, runs whose backup or last restore did, drills whose last one did, storages that are not ready.
    #[arg(long)]
    failed: bool,
    /// json and yaml have the objects as the API server gave them, wide has more columns.
    #[arg(short, long, value_enum, value_name = "FORM")]
    output: Option<Output>,
    /// Go on and show what changes: on a terminal the table anew, else a row for each change. Ctrl-C ends it.
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    cluster: Cluster,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// BackupSchedules, each with the age of its last good backup.
    #[value(alias = "schedule", alias = "bs")]
    Schedules,
    /// BackupRuns, the newest last.
    #[value(alias = "run", alias = "br")]
    Runs,
    /// BackupDrills, each with when a backup was last proved by it.
    #[value(alias = "drill", alias = "bd")]
    Drills,
    /// BackupStorages.
    #[value(alias = "storage", alias = "bt")]
    Storages,
}

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A List in JSON.
    Json,
    /// A List in YAML.
    Yaml,
    /// A name a line, as kubectl takes it.
    Name,
    /// A table with more columns.
    Wide,
}

/// What is asked for, apart from the kind.
struct Asked {
    place: Where,
    labels: Option<String>,
    failed: bool,
    view: rows::View,
    form: Option<Form>,
}

/// Answers.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), String> {
    let form = match args.output {
        Some(Output::Json) => Some(Form::Json),
        Some(Output::Yaml) => Some(Form::Yaml),
        Some(Output::Name) => Some(Form::Name),
        Some(Output::Wide) | None => None,
    };
    if args.schedule.is_some() && args.what != What::Runs {
        return Err("--schedule is of runs\ntry: kubectl backup list runs --schedule SCHEDULE".into());
    }
    if args.drill.is_some() && args.what != What::Runs {
        return Err("--drill is of runs\ntry: kubectl backup list runs --drill DRILL".into());
    }
    if args.watch && form.is_some() {
        return Err(
            "--watch shows tables\ntry: kubectl backup list --watch, or kubectl get backupruns --watch -o json".into(),
        );
    }
    let session = args.cluster.connect().map_err(|fault| fault.to_string())?;
    let of_schedule = args
        .schedule
        .as_ref()
        .map(|name| format!("{}={name}", labels::SCHEDULE));
    let of_drill = args.drill.as_ref().map(|name| format!("{}={name}", labels::DRILL));
    let all: Vec<_> = args
        .selector
        .iter()
        .cloned()
        .chain(of_schedule)
        .chain(of_drill)
        .collect();
    let asked = Asked {
        place: Where::of(args.all_namespaces, &session.namespace),
        labels: (!all.is_empty()).then(|| all.join(",")),
        failed: args.failed,
        view: rows::View {
            namespaces: args.all_namespaces,
            wide: args.output == Some(Output::Wide),
        },
        form,
    };
    match (args.what, args.watch) {
        (What::Schedules, false) => list::<BackupSchedule>(&session, &asked, out),
        (What::Runs, false) => list::<BackupRun>(&session, &asked, out),
        (What::Drills, false) => list::<BackupDrill>(&session, &asked, out),
        (What::Storages, false) => list::<BackupStorage>(&session, &asked, out),
        (What::Schedules, true) => watch::watch::<BackupSchedule>(&session, &asked, out),
        (What::Runs, true) => watch::watch::<BackupRun>(&session, &asked, out),
        (What::Drills, true) => watch::watch::<BackupDrill>(&session, &asked, out),
        (What::Storages, true) => watch::watch::<BackupStorage>(&session, &asked, out),
    }
}

fn list<K: Row>(session: &crate::read::connect::Session, asked: &Asked, out: &mut dyn Write) -> Result<(), String> {
    let found: Found<K> = session
        .block_on(session.list(&asked.place, asked.labels.as_deref()))
        .map_err(|fault| fault.to_string())?;
    for why in &found.unreadable {
        say(&format!("not shown: {why}"));
    }
    let now = Timestamp::now();
    let mut both: Vec<_> = found.objects.into_iter().zip(found.raw).collect();
    both.retain(|(object, _)| !asked.failed || object.has_failed(now));
    both.sort_by_cached_key(|(object, _)| object.place());
    let (objects, raw): (Vec<_>, Vec<_>) = both.into_iter().unzip();
    if let Some(form) = asked.form {
        return document::write(form, &raw, out);
    }
    if objects.is_empty() {
        if let Where::Namespace(namespace) = &asked.place
            && K::NAMESPACED
        {
            let known = session.block_on(session.known(namespace));
            known.map_err(|fault| fault.to_string())?;
        }
        say(&nothing::<K>(asked));
        return Ok(());
    }
    let written = table(&objects, asked.view, now).write(Style::of_output(), out);
    // A reader that has gone wants nothing more.
    let _ = written;
    Ok(())
}

/// That there is nothing, and where there may be something.
fn nothing<K: Row>(asked: &Asked) -> String {
    let which = if asked.failed { "that failed " } else { "" };
    let place = asked.place.words::<K>();
    let next = match &asked.place {
        _ if asked.failed || asked.labels.is_some() => "\ntry: the same command without the filter",
        Where::Namespace(_) if K::NAMESPACED => "\ntry: the same command with -A, for all namespaces",
        _ => "\ntry: kubectl backup version",
    };
    format!("no {} {which}found{place}{next}", K::PLURAL)
}
