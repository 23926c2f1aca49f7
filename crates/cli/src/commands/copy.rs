//! `copy`: a good backup into a further storage, proved there.
use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant};

use api::run::CopyStatus;
use api::{BackupRun, BackupStorage, condition, labels};
use kube::ResourceExt;

use crate::act;
use crate::read::connect::{Cluster, Session};
use crate::read::fault::Fault;
use crate::read::objects::Where;
use crate::read::target::{Of, only};
use crate::read::time::span;
use crate::show::fold::say;

/// So many by hand; the operator looks at no more.
const MOST: usize = 5;
/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// What to copy, and where to.
#[derive(clap::Args)]
pub struct Args {
    /// The run with the backup.
    #[arg(value_name = "RUN")]
    run: String,
    /// The further storage; its path there is the backup's own.
    #[arg(value_name = "STORAGE")]
    storage: String,
    /// Only ask for it: do not wait for its end.
    #[arg(long)]
    detach: bool,
    /// How long to wait for its end, such as 90s, 15m or 2h30m. It goes on after that.
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = span)]
    timeout: Duration,
    #[command(flatten)]
    cluster: Cluster,
}

/// Asks the operator for the copy, and waits until it is proved.
///
/// # Errors
/// It cannot be, or was not made in time.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let name = only(Of::Run, &args.run, "copy")?;
    let storage = only(Of::Storage, &args.storage, "copy to")?;
    let session = args.cluster.connect()?;
    session.block_on(work(&session, args, &name, &storage, out))
}

async fn work(session: &Session, args: &Args, name: &str, storage: &str, out: &mut dyn Write) -> Result<(), Fault> {
    let namespace = session.namespace.clone();
    let doing = format!("copy the backup of {name} to storage {storage}");
    let run: BackupRun = session.get(&namespace, name).await?;
    check(&run, storage).map_err(|why| Fault::new(&doing, why, format!("kubectl backup describe run {name}")))?;
    let storages = session.list::<BackupStorage>(&Where::All, None).await?.objects;
    if !storages.iter().any(|s| s.name_any() == storage) {
        let there: Vec<_> = storages.iter().map(ResourceExt::name_any).collect();
        let why = format!("there is no BackupStorage {storage:?}; there are: {}", there.join(", "));
        return Err(Fault::new(doing, why, "kubectl backup list storages"));
    }
    let wanted = asked(&run, storage);
    if run.annotations().get(labels::COPY) != Some(&wanted) {
        act::copy(session, &namespace, name, &wanted).await?;
    }
    let _ = writeln!(out, "backuprun/{name} is to be copied to storage {storage}");
    if args.detach {
        return Ok(());
    }
    let (until, mut told) = (Instant::now() + args.timeout, String::new());
    loop {
        let run: BackupRun = session.get(&namespace, name).await?;
        let copy = of(&run, storage);
        if let Some(copy) = copy.filter(|copy| copy.completion_time.is_some()) {
            let _ = writeln!(out, "copied and proved: {} in storage {storage}", copy.key);
            return Ok(());
        }
        if let Some(why) = copy.and_then(given_up) {
            return Err(Fault::new(doing, why, format!("kubectl backup describe run {name}")));
        }
        let why = copy.and_then(|copy| copy.message.clone()).unwrap_or_default();
        if !why.is_empty() && why != told {
            say(&format!("not made yet, and tried again: {why}"));
            told.clone_from(&why);
        }
        if Instant::now() >= until {
            let why = match why.as_str() {
                "" => "it was not made in time".to_owned(),
                why => format!("it was not made in time: {why}"),
            };
            return Err(Fault::new(
                doing,
                format!("{why}; it goes on"),
                format!("kubectl backup describe run {name}"),
            ));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn of<'r>(run: &'r BackupRun, storage: &str) -> Option<&'r CopyStatus> {
    run.status.as_ref()?.copies.iter().find(|copy| copy.storage == storage)
}

/// Why the operator does not make it again.
fn given_up(copy: &CopyStatus) -> Option<String> {
    let why = copy.message.as_deref().unwrap_or_default();
    copy.given_up
        .then(|| format!("that copy was lost and is not made again; copy the backup to another storage: {why}"))
}

fn check(run: &BackupRun, storage: &str) -> Result<(), String> {
    let conditions = run.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    if run.spec.storage.name == storage {
        return Err(format!(
            "storage {storage} is the backup's own: a copy beside its original is lost with it"
        ));
    }
    if run.spec.backup.is_none() {
        return Err("the run only restores, and has stored nothing".into());
    }
    if !condition::is_true(conditions, condition::SUCCESSFUL) {
        return Err("the run has no good backup".into());
    }
    if let Some(why) = of(run, storage).and_then(given_up) {
        return Err(why);
    }
    let asked = asked(run, storage);
    if asked.split(',').count() > MOST {
        return Err(format!(
            "a run is copied to {MOST} storages at most by hand, and these are asked for: {asked}"
        ));
    }
    Ok(())
}

/// The annotation that asks for it, beside what was asked for before.
fn asked(run: &BackupRun, storage: &str) -> String {
    let before = run.annotations().get(labels::COPY).map_or("", String::as_str);
    let mut all: BTreeSet<_> = before
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if !run.spec.copies.iter().any(|copy| copy.storage == storage) {
        all.insert(storage);
    }
    all.into_iter().collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(annotation: Option<&str>, good: bool) -> BackupRun {
        serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupRun",
            "metadata": {"name": "db", "annotations": annotation.map(|a| json!({"backup-operator.io/copy": a}))},
            "spec": {
                "backup": {"command": ["dump"]}, "storage": {"name": "near", "path": "/db"}, "copies": [{"storage": "spec"}],
                "template": {"spec": {"containers": [{"name": "main"}]}},
            },
            "status": {"conditions": [{"type": "Successful", "status": if good { "True" } else { "False" }, "reason": "R", "message": "",
                "lastTransitionTime": "2026-11-28T00:00:00Z"}]},
        }))
        .unwrap()
    }

    #[test]
    fn what_was_asked_for_before_stays_asked_for() {
        for (before, storage, after) in [
            (None, "far", "far"),
            (Some("far"), "far", "far"),
            (Some("moon, far"), "attic", "attic,far,moon"),
            (Some("far"), "spec", "far"),
        ] {
            assert_eq!(asked(&run(before, true), storage), after, "{before:?} {storage}");
        }
    }

    #[test]
    fn nobody_waits_for_a_copy_that_is_not_made_again() {
        let mut lost = run(None, true);
        let copy = json!({"storage": "far", "key": "db", "lost": 3, "givenUp": true, "message": "it was copied, and is no more"});
        lost.status.as_mut().unwrap().copies = vec![serde_json::from_value(copy).unwrap()];
        let why = check(&lost, "far").unwrap_err();
        assert!(why.contains("another storage") && why.contains("is no more"), "{why}");
        assert!(check(&lost, "attic").is_ok());
    }

    #[test]
    fn only_a_good_backup_is_copied_and_only_elsewhere() {
        assert!(check(&run(None, true), "far").is_ok());
        assert!(check(&run(None, false), "far").unwrap_err().contains("no good backup"));
        assert!(check(&run(None, true), "near").unwrap_err().contains("own"));
    }
}
