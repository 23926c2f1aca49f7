//! `catalog`: what is in a storage's bucket, also of clusters that are gone.
use std::io::Write;

use api::{BackupRun, BackupStorage};
use clap::ValueEnum;
use jiff::Timestamp;
use kube::ResourceExt;
use planner::size::humanize;
use serde_json::{Value, json};

use crate::catalog::gather::gather;
use crate::catalog::{Entry, Gathered, State, entries, missing};
use crate::read::connect::{Session, Who};
use crate::read::fault::Fault;
use crate::read::objects::Where;
use crate::read::target;
use crate::show::document::{self, Form};
use crate::show::style::{Style, Tone};
use crate::show::table::{Cell, Table};
use crate::show::time::ago;
use crate::stored::bucket::Bucket;
use crate::stored::cluster::folder;
use crate::stored::flags::Reached;

/// What to list.
#[derive(clap::Args)]
pub struct Args {
    /// The BackupStorage.
    #[arg(value_name = "STORAGE", value_parser = target::storage)]
    storage: String,
    /// Only what has no run in this cluster: backups of clusters that are gone, and what runs that were deleted have left.
    #[arg(long, conflicts_with = "missing")]
    orphans: bool,
    /// Runs of this cluster whose object is not in the bucket. Exit status 1 if there is any.
    #[arg(long)]
    missing: bool,
    /// `json`, or `wide` for the keys.
    #[arg(short, long, value_enum, value_name = "FORM")]
    output: Option<Output>,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    who: Who,
}

/// How it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// JSON.
    Json,
    /// A table with keys.
    Wide,
}

/// A storage, its bucket's content, and the runs that name it.
pub struct Seen {
    /// The storage.
    pub storage: BackupStorage,
    /// Its bucket.
    pub bucket: Bucket,
    /// What is in the bucket.
    pub gathered: Gathered,
    /// The entries.
    pub entries: Vec<Entry>,
    /// Runs of this cluster that name the storage, of all namespaces.
    pub runs: Vec<BackupRun>,
}

/// Looks through a storage's bucket.
///
/// # Errors
/// The storage, its Secret, its bucket or the cluster's runs cannot be read.
pub async fn look(session: &Session, name: &str, reached: &Reached) -> Result<Seen, Fault> {
    let storage: BackupStorage = session.get("", name).await?;
    let bucket = session.bucket(&storage, reached.endpoint.as_deref()).await?;
    let doing = format!("list the bucket of storage {name}");
    let gathered = gather(&bucket.store, &bucket.parameters.key("")).await.map_err(|why| {
        Fault::new(
            &doing,
            why,
            "the same command with --endpoint URL, where the store is reached in another way from here",
        )
    })?;
    let runs = session.list::<BackupRun>(&Where::All, None).await?;
    let runs: Vec<_> = runs
        .objects
        .into_iter()
        .filter(|run| run.spec.storage.name == name)
        .collect();
    let entries = entries(&gathered, &runs, |namespace| {
        folder(&storage, &bucket.parameters, namespace)
    });
    Ok(Seen {
        storage,
        bucket,
        gathered,
        entries,
        runs,
    })
}

/// Lists. Only Ok where nothing is missing that was asked for.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), String> {
    let session = args.who.connect(None).map_err(|e| e.to_string())?;
    let seen = session
        .block_on(look(&session, &args.storage, &args.reached))
        .map_err(|e| e.to_string())?;
    let now = Timestamp::now();
    if args.missing {
        return lost(args, &seen, now, out);
    }
    let shown: Vec<_> = seen.entries.iter().filter(|e| !args.orphans || !e.has_run).collect();
    if args.output == Some(Output::Json) {
        let all: Vec<_> = shown.iter().map(|entry| value(entry)).collect();
        return document::value(Form::Json, &all, out);
    }
    if shown.is_empty() {
        let what = if args.orphans {
            "without a run in this cluster"
        } else {
            "at all"
        };
        let _ = writeln!(out, "storage {} has no backup {what}", args.storage);
        return Ok(());
    }
    let _ = table(&shown, args.output == Some(Output::Wide), now).write(Style::of_output(), out);
    Ok(())
}

fn lost(args: &Args, seen: &Seen, now: Timestamp, out: &mut dyn Write) -> Result<(), String> {
    let lost = missing(&seen.gathered, &seen.runs);
    if args.output == Some(Output::Json) {
        let all: Vec<_> = lost
            .iter()
            .map(|(run, state)| {
                let key = run.status.as_ref().and_then(|s| s.key.clone());
                json!({"namespace": run.namespace(), "run": run.name_any(), "key": key, "state": state.word()})
            })
            .collect();
        document::value(Form::Json, &all, out)?;
    } else if !lost.is_empty() {
        let mut table = Table::new(&["namespace", "run", "ended", "state", "key"]);
        for (run, state) in &lost {
            let status = run.status.as_ref();
            let ended = status.and_then(|s| s.completion_time.as_ref()).map(|t| ago(t.0, now));
            table.row(vec![
                run.namespace().unwrap_or_default().into(),
                run.name_any().into(),
                ended.unwrap_or_default().into(),
                Cell::new(state.word(), Tone::Bad),
                status.and_then(|s| s.key.clone()).unwrap_or_default().into(),
            ]);
        }
        let _ = table.write(Style::of_output(), out);
    }
    match lost.len() {
        0 => {
            let _ = (args.output.is_none())
                .then(|| writeln!(out, "every good run of storage {} has its object", args.storage));
            Ok(())
        }
        count => Err(format!(
            "{} not have the object that was proved in the bucket: it is gone, or another one lies there, and nothing of it is restored\ntry: kubectl backup describe RUN, and the store's own log of deletions",
            if count == 1 {
                "1 good run does".to_owned()
            } else {
                format!("{count} good runs do")
            }
        )),
    }
}

fn table(shown: &[&Entry], wide: bool, now: Timestamp) -> Table {
    let mut names = vec!["namespace", "run", "schedule", "age", "size", "state", "in cluster"];
    if wide {
        names.extend(["made by", "key"]);
    }
    let mut table = Table::new(&names);
    for entry in shown {
        let of = entry.of.as_ref();
        let record = entry.record.as_ref().map(|(_, record)| record);
        let made = record
            .map(|r| r.completion_time)
            .or(entry.object.as_ref().and_then(|o| o.modified));
        let size = record.map(|r| r.stored_bytes).or(entry.object.as_ref().map(|o| o.size));
        let tone = match entry.state {
            State::Good => Tone::Good,
            State::NoRecord => Tone::Plain,
            State::Replaced => Tone::Warn,
            State::NoObject | State::Unreadable(_) => Tone::Bad,
        };
        let mut row: Vec<Cell> = vec![
            of.map_or("", |p| &p.namespace).into(),
            of.map_or("", |p| &p.run).into(),
            of.and_then(|p| p.schedule.as_deref()).unwrap_or_default().into(),
            made.map(|at| ago(at, now)).unwrap_or_default().into(),
            size.map(humanize).unwrap_or_default().into(),
            Cell::new(entry.state.word(), tone),
            (if entry.has_run { "yes" } else { "no" }).into(),
        ];
        if wide {
            row.push(entry.cluster.as_deref().unwrap_or_default().into());
            row.push(entry.key.as_str().into());
        }
        table.row(row);
    }
    table
}

fn value(entry: &Entry) -> Value {
    let why = match &entry.state {
        State::Unreadable(why) => Some(why),
        _ => None,
    };
    json!({
        "namespace": entry.of.as_ref().map(|p| &p.namespace),
        "run": entry.of.as_ref().map(|p| &p.run),
        "schedule": entry.of.as_ref().and_then(|p| p.schedule.as_ref()),
        "cluster": entry.cluster,
        "state": entry.state.word(),
        "message": why,
        "hasRun": entry.has_run,
        "key": entry.key,
        "object": entry.object.as_ref().map(|o| json!({"size": o.size, "etag": o.etag, "modified": o.modified.map(|t| t.to_string())})),
        "recordKey": entry.record.as_ref().map(|(at, _)| at),
        "record": entry.record.as_ref().map(|(_, record)| record),
    })
}
