//! `status`: the fleet on one screen, and an exit status for scripts.
use std::io::{self, Write};

use api::{BackupDrill, BackupRun, BackupSchedule, BackupStorage};
use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use planner::size::span;

use crate::read::connect::{Cluster, Session};
use crate::read::fault::Fault;
use crate::read::fleet::{Fleet, Objects, fleet, matters};
use crate::read::objects::{Found, Where};
use crate::show::document::{self, Form};
use crate::show::fold::{prose, say};
use crate::show::style::{Style, Tone};
use crate::show::table::{Cell, Table};
use crate::show::time::ago;

/// What to look at.
#[derive(clap::Args)]
pub struct Args {
    /// All namespaces, and nothing less. Default: all where they may be listed, else the context's.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// The same as a document: lists of what is bad, and counts.
    #[arg(short, long, value_enum, value_name = "FORM")]
    output: Option<Output>,
    #[command(flatten)]
    cluster: Cluster,
}

/// How it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// What was read of a fleet.
#[derive(Debug, Default)]
pub struct Read {
    /// All schedules.
    pub schedules: Vec<BackupSchedule>,
    /// All storages; none where they may not be seen.
    pub storages: Option<Vec<BackupStorage>>,
    /// All drills; none where they may not be seen, or the cluster knows no such kind.
    pub drills: Option<Vec<BackupDrill>>,
    /// Runs that are more than a number.
    pub runs: Vec<BackupRun>,
    /// How many other runs there are.
    pub others: usize,
    /// What could not be seen, and why.
    pub notes: Vec<String>,
}

impl Read {
    /// How it is now.
    pub fn fleet(&self, now: Timestamp) -> Fleet {
        let objects = Objects {
            schedules: &self.schedules,
            drills: self.drills.as_deref(),
            storages: self.storages.as_deref(),
            runs: &self.runs,
            others: self.others,
        };
        fleet(&objects, now)
    }
}

/// Answers. An error says that something is bad, and where to look.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), String> {
    let session = args.cluster.connect().map_err(|fault| fault.to_string())?;
    let read = session
        .block_on(read(&session, args.cluster.namespace.is_some(), args.all_namespaces))
        .map_err(|fault| fault.to_string())?;
    for note in &read.notes {
        say(&format!("note: {note}"));
    }
    let now = Timestamp::now();
    let fleet = read.fleet(now);
    match args.output {
        Some(Output::Json) => document::value(Form::Json, &fleet, out)?,
        Some(Output::Yaml) => document::value(Form::Yaml, &fleet, out)?,
        // A reader that has gone wants nothing more; the exit status is as it is.
        None => drop(screen(&fleet, now, Style::of_output(), out)),
    }
    if fleet.is_well() { Ok(()) } else { Err(verdict(&fleet)) }
}

/// Reads the fleet. `named`: the namespace is meant, and no other. `all`: all namespaces, and nothing less.
///
/// # Errors
/// What has to be seen may not be, or the API server did not answer in time.
pub async fn read(session: &Session, named: bool, all: bool) -> Result<Read, Fault> {
    let mut notes = Vec::new();
    let own = Where::Namespace(session.namespace.clone());
    let mut place = if named { own.clone() } else { Where::All };
    let schedules = match session.list::<BackupSchedule>(&place, None).await {
        Err(fault) if fault.is_forbidden() && place == Where::All && !all => {
            place = own;
            notes.push(format!(
                "you may not list schedules in all namespaces: this is namespace {} alone",
                session.namespace
            ));
            session.list(&place, None).await?
        }
        other => other?,
    };
    let storages = match session.list::<BackupStorage>(&place, None).await {
        Err(fault) if fault.is_forbidden() => {
            notes.push("you may not list storages: nothing is said of them".into());
            None
        }
        other => Some(other?),
    };
    let drills = match session.list::<BackupDrill>(&place, None).await {
        Err(fault) if fault.is_forbidden() => {
            notes.push("you may not list drills: nothing is said of them".into());
            None
        }
        // A cluster whose definitions are older than drills.
        Err(fault) if fault.is_missing() => None,
        other => Some(other?),
    };
    let (mut runs, mut others) = (Vec::new(), 0);
    let mut unreadable = Vec::new();
    let taken = session.pages(&place, None, |page: Found<BackupRun>| {
        let all = page.objects.len();
        let before = runs.len();
        runs.extend(page.objects.into_iter().filter(matters));
        others += all - (runs.len() - before);
        unreadable.extend(page.unreadable);
    });
    taken.await?;
    if named && schedules.objects.is_empty() && runs.is_empty() && others == 0 {
        session.known(&session.namespace).await?;
    }
    let mut read = Read {
        schedules: schedules.objects,
        drills: drills.as_ref().map(|found| found.objects.clone()),
        storages: storages.as_ref().map(|found| found.objects.clone()),
        runs,
        others,
        notes,
    };
    let strange = [
        schedules.unreadable,
        drills.map(|f| f.unreadable).unwrap_or_default(),
        storages.map(|f| f.unreadable).unwrap_or_default(),
        unreadable,
    ];
    read.notes
        .extend(strange.concat().into_iter().map(|why| format!("not counted: {why}")));
    Ok(read)
}

/// All that is bad, each kind in a table of its own; then what is well, in one line.
fn screen(fleet: &Fleet, now: Timestamp, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let seconds = |n: i64| span(SignedDuration::from_secs(n));
    let mut late = Table::new(&["last good", "namespace", "name", "every", "in a row", "why"])
        .with_text()
        .least(&["every"]);
    for one in &fleet.schedules {
        let good = one.last_good.map_or_else(|| "never".into(), |at| ago(at, now));
        late.row(vec![
            Cell::new(good, Tone::Bad),
            (&one.namespace).into(),
            (&one.name).into(),
            one.interval.map(seconds).unwrap_or_default().into(),
            if one.failures > 0 {
                one.failures.to_string().into()
            } else {
                "".into()
            },
            (&one.why).into(),
        ]);
    }
    let mut drills = Table::new(&["last proved", "namespace", "drill", "of", "why"]).with_text();
    for one in &fleet.drills {
        let good = one.last_good.map_or_else(|| "never".into(), |at| ago(at, now));
        drills.row(vec![
            Cell::new(good, Tone::Bad),
            (&one.namespace).into(),
            (&one.name).into(),
            (&one.schedule).into(),
            (&one.why).into(),
        ]);
    }
    let mut storages = Table::new(&["storage", "not ready for", "reason", "message"]).with_text();
    for one in &fleet.storages {
        storages.row(vec![
            (&one.name).into(),
            one.since.map(|at| ago(at, now)).unwrap_or_default().into(),
            Cell::new(&one.reason, Tone::Bad),
            (&one.message).into(),
        ]);
    }
    let mut runs = Table::new(&["stuck for", "namespace", "run", "why"]).with_text();
    for one in &fleet.runs {
        let since = Cell::new(ago(one.since, now), Tone::Bad);
        runs.row(vec![
            since,
            (&one.namespace).into(),
            (&one.name).into(),
            (&one.why).into(),
        ]);
    }
    let mut restores = Table::new(&["restore failed", "namespace", "run", "why"]).with_text();
    for one in &fleet.restores {
        let at = Cell::new(format!("{} ago", ago(one.at, now)), Tone::Bad);
        restores.row(vec![at, (&one.namespace).into(), (&one.name).into(), (&one.why).into()]);
    }
    let mut failing = Table::new(&["last good", "namespace", "name", "in a row", "last backup failed"]);
    for one in &fleet.failing {
        let good = one.last_good.map_or_else(|| "never".into(), |at| ago(at, now));
        failing.row(vec![
            good.into(),
            (&one.namespace).into(),
            (&one.name).into(),
            one.failures.to_string().into(),
            Cell::new(&one.why, Tone::Warn),
        ]);
    }
    let mut rewraps = Table::new(&["rewrap", "namespace", "run", "why"]).with_text();
    for one in &fleet.rewraps {
        let word = if one.given_up { "given up" } else { "not removed" };
        rewraps.row(vec![
            Cell::new(word, Tone::Bad),
            (&one.namespace).into(),
            (&one.name).into(),
            (&one.why).into(),
        ]);
    }
    for table in [late, failing, drills, storages, runs, restores, rewraps]
        .iter()
        .filter(|table| !table.is_empty())
    {
        table.write(style, out)?;
        writeln!(out)?;
    }
    if !fleet.suspended.is_empty() {
        let names = fleet.suspended.join(", ");
        let names = prose(&format!("suspended: {names}"), style.width());
        let word = style.paint(Tone::Warn, "suspended:");
        writeln!(out, "{}", names.replacen("suspended:", &word, 1))?;
    }
    writeln!(out, "{}", well(fleet, style))
}

/// What is well, in one line.
fn well(fleet: &Fleet, style: Style) -> String {
    let counts = &fleet.counts;
    let bad = fleet.schedules.len() + fleet.failing.len() + fleet.suspended.len();
    let mut parts = vec![of(counts.schedules.saturating_sub(bad), counts.schedules, "schedule")];
    // Who has none is told nothing of them.
    if let Some(drills) = counts.drills.filter(|n| *n > 0) {
        parts.push(of(drills.saturating_sub(fleet.drills.len()), drills, "drill"));
    }
    if let Some(storages) = counts.storages {
        parts.push(of(storages.saturating_sub(fleet.storages.len()), storages, "storage"));
    }
    let runs = [(counts.under_way, "under way"), (counts.queued, "queued")];
    let busy: Vec<_> = runs
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    let busy = if busy.is_empty() {
        "none under way".into()
    } else {
        busy.join(", ")
    };
    let plural = if counts.runs == 1 { "" } else { "s" };
    parts.push(format!("{} run{plural}, {busy}", counts.runs));
    let (word, tone) = if fleet.is_well() && fleet.failing.is_empty() {
        ("well:", Tone::Good)
    } else {
        ("else well:", Tone::Plain)
    };
    let all = prose(&format!("{word} {}", parts.join("; ")), style.width());
    all.replacen(word, &style.paint(tone, word), 1)
}

/// `3 schedules`, or `3 of 4 schedules` where not all of them are.
fn of(some: usize, all: usize, word: &str) -> String {
    let plural = if all == 1 { "" } else { "s" };
    if some == all {
        format!("{all} {word}{plural}")
    } else {
        format!("{some} of {all} {word}{plural}")
    }
}

/// What is bad, and the next command.
fn verdict(fleet: &Fleet) -> String {
    let kinds = [
        (
            fleet.schedules.len(),
            "schedule",
            "without a good backup that is young enough",
        ),
        (fleet.drills.len(), "drill", "that proved nothing"),
        (fleet.storages.len(), "storage", "not ready"),
        (fleet.runs.len(), "run", "stuck"),
        (fleet.restores.len(), "restore", "failed"),
        (fleet.rewraps.len(), "rewrap", "not done"),
    ];
    let said: Vec<_> = kinds
        .iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, word, what)| format!("{n} {word}{} {what}", if *n == 1 { "" } else { "s" }))
        .collect();
    format!("{}\ntry: {}", said.join(", "), next(fleet))
}

/// What to look at first.
fn next(fleet: &Fleet) -> String {
    if let Some(storage) = fleet.storages.first() {
        return format!("kubectl describe backupstorage {}", storage.name);
    }
    if let Some(late) = fleet.schedules.first() {
        return format!(
            "kubectl backup list runs -n {} --schedule {}",
            late.namespace, late.name
        );
    }
    let run = fleet.runs.first().map(|r| (&r.namespace, &r.name));
    if let (None, Some(drill)) = (run, fleet.drills.first()) {
        return format!("kubectl backup describe -n {} drill/{}", drill.namespace, drill.name);
    }
    let run = run.or_else(|| fleet.restores.first().map(|r| (&r.namespace, &r.name)));
    let run = run.or_else(|| fleet.rewraps.first().map(|r| (&r.namespace, &r.name)));
    run.map_or_else(
        || "kubectl backup list".into(),
        |(namespace, name)| format!("kubectl backup describe -n {namespace} {name}"),
    )
}

#[cfg(test)]
mod tests;
