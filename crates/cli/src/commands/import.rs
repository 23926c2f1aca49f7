//! `import`: runs of the records in a bucket, restorable as those of the cluster that made them. Nothing is executed.
mod choose;

use std::io::Write;
use std::time::{Duration, Instant};

use api::{BackupRun, BackupRunSpec, condition};
use futures::{StreamExt, stream};
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use record::revive::{self, Revival};
use record::{Needs, Record};

use crate::catalog::Entry;
use crate::commands::catalog::look;
use crate::read::connect::{Session, Who};
use crate::read::fault::Fault;
use crate::read::objects::Where;
use crate::read::target;
use crate::show::style::{Style, Tone};
use crate::show::table::{Cell, Table};
use crate::stored::flags::Reached;
use crate::stored::key::Key;
use choose::{Choice, Moved, choose};

/// How many runs are made at once.
const AT_ONCE: usize = 32;
/// How many rows are shown of those that were not made.
const SHOWN: usize = 20;

/// What to import.
#[derive(clap::Args)]
pub struct Args {
    /// The BackupStorage whose bucket has the records.
    #[arg(value_name = "STORAGE", value_parser = target::storage)]
    storage: String,
    /// Only backups of this cluster: `kubectl backup catalog STORAGE -o wide` has them.
    #[arg(long, value_name = "ID")]
    from_cluster: Option<String>,
    /// Only backups of namespace OLD; with =NEW their runs are made in namespace NEW. May be given more than once. Default: all, each into the namespace of its name.
    #[arg(short, long = "namespace", value_name = "OLD[=NEW]", value_parser = choose::moved)]
    namespaces: Vec<Moved>,
    /// Only backups of this schedule.
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// What opens the records of encrypted backups: a file of age-keygen, or an SSH private key without a passphrase. Default: the Secret that the run named, in the namespace that it goes into.
    #[arg(long, value_name = "FILE")]
    identity: Option<std::path::PathBuf>,
    /// Say what would be made, and make nothing.
    #[arg(long)]
    dry_run: bool,
    /// Seconds to wait until the operator has looked at the objects and the runs are Successful; 0 does not wait.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
    #[command(flatten)]
    reached: Reached,
    #[command(flatten)]
    who: Who,
}

/// What became of a record.
struct Outcome {
    namespace: String,
    run: String,
    result: Result<bool, String>,
}

/// Imports. Only Ok where each record that was meant has its run.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), String> {
    let key = args.identity.as_ref().map(|file| Key::read(file, false)).transpose();
    let key = key.map_err(|why| {
        Fault::new(
            "read the key",
            why,
            "age-keygen -y FILE, which reads what --identity reads",
        )
        .to_string()
    })?;
    let session = args.who.connect(None).map_err(|e| e.to_string())?;
    session
        .block_on(import(args, &session, key, out))
        .map_err(|e| e.to_string())
}

async fn import(args: &Args, session: &Session, key: Option<Key>, out: &mut dyn Write) -> Result<(), Fault> {
    let seen = look(session, &args.storage, &args.reached).await?;
    let choice = Choice {
        from_cluster: args.from_cluster.as_deref(),
        namespaces: &args.namespaces,
        schedule: args.schedule.as_deref(),
        isolated: seen.storage.spec.namespace_isolation == Some(api::storage::NamespaceIsolation::Prefix),
    };
    let mut chosen = choose(&seen.entries, &choice);
    if chosen.is_empty()
        && (choice.from_cluster.is_some() || !choice.namespaces.is_empty() || choice.schedule.is_some())
    {
        return Err(Fault::new(
            format!("import of storage {}", args.storage),
            format!("no good backup is of what was named; {}", choose::known(&seen.entries)),
            format!("kubectl backup catalog {} -o wide", args.storage),
        ));
    }
    homes(session, &mut chosen).await;
    let work = chosen
        .wanted
        .iter()
        .map(|(entry, namespace)| make(args, session, key.as_ref(), entry, namespace));
    let outcomes: Vec<Outcome> = stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
    let made: Vec<_> = outcomes.iter().filter(|o| o.result == Ok(true)).collect();
    let there = chosen.there + outcomes.iter().filter(|o| o.result == Ok(false)).count();
    if args.dry_run {
        let mut table = Table::new(&["namespace", "run", "from", "made"]);
        for (entry, namespace) in &chosen.wanted {
            let record = entry.record.as_ref().map(|(_, record)| record);
            let run = record.map_or("", |r| &r.run);
            if made.iter().any(|o| o.namespace == *namespace && o.run == run) {
                table.row(vec![
                    namespace.as_str().into(),
                    run.into(),
                    record.map_or("", |r| &r.namespace).into(),
                    record.map(|r| r.completion_time.to_string()).unwrap_or_default().into(),
                ]);
            }
        }
        let _ = table.write(Style::of_output(), out);
    }
    let would = if args.dry_run {
        "runs would be made"
    } else {
        "runs made"
    };
    let _ = writeln!(out, "{} {would}, {there} were in this cluster already", made.len());
    let mut failed = chosen.refused.clone();
    failed.extend(outcomes.iter().filter_map(|o| {
        let why = o.result.as_ref().err()?;
        Some((o.namespace.clone(), o.run.clone(), why.clone()))
    }));
    if args.wait > 0 && !made.is_empty() && !args.dry_run {
        let names = made.iter().map(|o| (o.namespace.clone(), o.run.clone())).collect();
        failed.extend(adopted(session, names, Duration::from_secs(args.wait), out).await?);
    }
    refused(args, &failed, out)
}

/// Runs that would go into a namespace that is not there are refused before anything is made, in a dry run as well. Who may not look is not
/// kept from trying.
async fn homes(session: &Session, chosen: &mut choose::Chosen<'_>) {
    let names: std::collections::BTreeSet<_> = chosen.wanted.iter().map(|(_, namespace)| namespace.clone()).collect();
    for name in names {
        if session.known(&name).await.is_err() {
            chosen.homeless(&name);
        }
    }
}

/// Waits until the operator has looked at the objects of what was made; those that it does not call good, and why.
async fn adopted(
    session: &Session,
    mut open: Vec<(String, String)>,
    patience: Duration,
    out: &mut dyn Write,
) -> Result<Vec<(String, String, String)>, Fault> {
    let (begun, all) = (Instant::now(), open.len());
    let mut bad = Vec::new();
    loop {
        let runs = session.list::<BackupRun>(&Where::All, None).await?;
        let runs: std::collections::BTreeMap<_, _> = runs
            .objects
            .iter()
            .map(|run| ((run.namespace().unwrap_or_default(), run.name_any()), run))
            .collect();
        open.retain(|name| {
            let conditions = runs
                .get(name)
                .and_then(|run| run.status.as_ref())
                .map(|s| (&s.conditions, &s.message));
            match conditions {
                Some((all, _)) if condition::is_true(all, condition::SUCCESSFUL) => false,
                Some((all, message)) if condition::is_true(all, condition::FAILED) => {
                    bad.push((name.0.clone(), name.1.clone(), message.clone().unwrap_or_default()));
                    false
                }
                _ => true,
            }
        });
        if open.is_empty() || begun.elapsed() >= patience {
            let _ = writeln!(
                out,
                "{} of {all} are Successful: their objects are there and theirs",
                all - open.len() - bad.len()
            );
            let late = format!(
                "the operator has not looked at its object within {} s",
                patience.as_secs()
            );
            bad.extend(open.into_iter().map(|(namespace, run)| (namespace, run, late.clone())));
            return Ok(bad);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// What became no run, as a table and as an error.
fn refused(args: &Args, failed: &[(String, String, String)], out: &mut dyn Write) -> Result<(), Fault> {
    if failed.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["namespace", "run", "not imported because"]).with_text();
    for (namespace, run, why) in failed.iter().take(SHOWN) {
        table.row(vec![
            namespace.as_str().into(),
            run.as_str().into(),
            Cell::new(why, Tone::Bad),
        ]);
    }
    let _ = table.write(Style::of_output(), out);
    if failed.len() > SHOWN {
        let _ = writeln!(out, "and {} more", failed.len() - SHOWN);
    }
    Err(Fault::new(
        format!("import all of storage {}", args.storage),
        format!("{} records became no good run", failed.len()),
        format!("kubectl backup catalog {} -o wide", args.storage),
    ))
}

async fn make(args: &Args, session: &Session, key: Option<&Key>, entry: &Entry, namespace: &str) -> Outcome {
    let Some((at, record)) = &entry.record else {
        return Outcome {
            namespace: namespace.into(),
            run: String::new(),
            result: Err("it has no record".into()),
        };
    };
    let result = async {
        let spec = spec(session, key, record, namespace).await?;
        let revival = Revival {
            record,
            key: at,
            namespace,
            storage: &args.storage,
        };
        let runs: Api<BackupRun> = Api::namespaced(session.client.clone(), namespace);
        let run = revive::run(&revival, spec);
        // The API server and the webhook look at it as at the real one.
        let how = PostParams {
            dry_run: args.dry_run,
            ..PostParams::default()
        };
        match session.within(runs.create(&how, &run)).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(said)) if said.code == 409 && said.reason == "AlreadyExists" => {
                let there = runs.get(&record.run).await.map_err(|e| e.to_string())?;
                let same = there.annotations().get(api::labels::STARTED_AS) == Some(&record.uid)
                    || there.uid().as_ref() == Some(&record.uid);
                if same {
                    Ok(false)
                } else {
                    Err("another run has its name: --namespace OLD=NEW imports it elsewhere".into())
                }
            }
            Err(kube::Error::Api(said)) if said.code == 404 => Err(format!(
                "{}; kubectl create namespace {namespace}, or --namespace {}=NEW",
                said.message, record.namespace
            )),
            Err(kube::Error::Api(said)) => Err(said.message.clone()),
            Err(error) => Err(error.to_string()),
        }
    };
    Outcome {
        result: result.await,
        namespace: namespace.into(),
        run: record.run.clone(),
    }
}

/// The run's spec: of an encrypted backup by the key that was given, else by the Secret that it names.
async fn spec(session: &Session, key: Option<&Key>, record: &Record, namespace: &str) -> Result<BackupRunSpec, String> {
    let text = |e: record::SealError| crate::read::fault::with_causes(&e);
    let Needs::Sealed(_) = &record.needs else {
        return record.open(None).map_err(text);
    };
    if let Some(key) = key {
        return record.open(Some(key.identities()?)).map_err(text);
    }
    let named = record.encryption.as_ref().and_then(|e| e.decryption_key.as_ref());
    let key = session.key(namespace, named).await.map_err(|e| e.to_string())?;
    let key = key.ok_or("its template is encrypted, and it names no Secret with the key: give --identity FILE")?;
    record.open(Some(key.identities()?)).map_err(text)
}
