//! Which runs of the cluster are verified: named, of a schedule, of a storage, or all.
use std::collections::BTreeMap;
use std::sync::Arc;

use api::{BackupRun, condition, labels};
use kube::ResourceExt;

use crate::read::connect::{Cluster, Session};
use crate::read::fault::Fault;
use crate::read::objects::Where;
use crate::read::target::{Of, parse};
use crate::stored::cluster::of_run;
use crate::stored::flags::{By, Reached};
use crate::stored::key::Key;
use crate::stored::source::Source;

/// What is meant.
pub struct Meant<'a> {
    /// Runs, `schedule/NAME`, `storage/NAME`; none: all.
    pub names: &'a [String],
    /// In all namespaces.
    pub all_namespaces: bool,
    /// How stores are reached.
    pub reached: &'a Reached,
    /// Who signs.
    pub by: By,
}

/// An object with the name of its run, or why it cannot be had.
pub type Named = (String, Result<Source, Fault>);

/// The objects, each with the name of its run. One that cannot be had is said in its place.
///
/// # Errors
/// The runs cannot be read, or a name means none.
pub fn sources(cluster: &Cluster, meant: &Meant<'_>, key: Option<Key>) -> Result<Vec<Named>, Fault> {
    let session = Arc::new(cluster.connect()?);
    session.block_on(async {
        let place = match meant.all_namespaces {
            true => Where::All,
            false => Where::Namespace(session.namespace.clone()),
        };
        let mut runs = session.list::<BackupRun>(&place, None).await?.objects;
        let wanted = names(&session, meant)?;
        for (name, of) in &wanted {
            let is_meant = |run: &&BackupRun| of.means(run);
            if !runs.iter().any(|run| is_meant(&run)) {
                return Err(nothing(&session, &place, name, of));
            }
        }
        runs.retain(|run| wanted.is_empty() && is_good(run) || wanted.iter().any(|(_, of)| of.means(run)));
        if runs.is_empty() {
            if let Where::Namespace(namespace) = &place {
                session.known(namespace).await?;
            }
            let place = place.words::<BackupRun>();
            return Err(Fault::new(
                "verify",
                format!("there is no good backup{place}: nothing was read"),
                "the same command with -A, for all namespaces",
            ));
        }
        let mut all = BTreeMap::new();
        for run in runs {
            let name = format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any());
            let source = of_run(&session, &run, key.clone(), (meant.by, meant.reached), true).await;
            all.insert(name, source);
        }
        Ok(all.into_iter().collect())
    })
}

/// A name that means none. What is in the bucket is not what runs of this cluster say.
fn nothing(session: &Session, place: &Where, name: &str, of: &Who) -> Fault {
    let words = place.words::<BackupRun>();
    let next = match of {
        Who::Storage(storage) => format!(
            "the same command with -A; kubectl backup catalog {storage} --orphans has what is in its bucket without a run here"
        ),
        Who::Run(_) | Who::Schedule(_) => format!("kubectl backup list runs -n {}", session.namespace),
    };
    Fault::new(
        format!("verify {name}"),
        format!("no run{words} has a good backup of it: nothing was read"),
        next,
    )
}

/// Whom a name means.
enum Who {
    Run(String),
    Schedule(String),
    Storage(String),
}

impl Who {
    fn means(&self, run: &BackupRun) -> bool {
        match self {
            // One that is named is verified, or said to be none.
            Self::Run(name) => run.name_any() == *name,
            Self::Schedule(name) => run.labels().get(labels::SCHEDULE) == Some(name) && is_good(run),
            Self::Storage(name) => run.spec.storage.name == *name && is_good(run),
        }
    }
}

fn is_good(run: &BackupRun) -> bool {
    let status = run.status.as_ref().filter(|_| run.spec.backup.is_some());
    status.is_some_and(|s| condition::is_true(&s.conditions, condition::SUCCESSFUL))
}

fn names(session: &Session, meant: &Meant<'_>) -> Result<Vec<(String, Who)>, Fault> {
    let one = |text: &String| {
        let parsed = parse(text, &[Of::Run, Of::Schedule, Of::Storage]);
        let next = format!("kubectl backup list runs -n {}", session.namespace);
        let (of, name) = parsed.map_err(|why| Fault::new(format!("verify {text}"), why, next))?;
        let who = match of {
            // Drills are not asked for here.
            None | Some(Of::Run | Of::Drill) => Who::Run(name),
            Some(Of::Schedule) => Who::Schedule(name),
            Some(Of::Storage) => Who::Storage(name),
        };
        Ok((text.clone(), who))
    };
    meant.names.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_and_a_storage_mean_their_good_runs_and_a_name_means_its_run() {
        let mut run = testing::backup_run();
        run.metadata.labels = Some(BTreeMap::from([(labels::SCHEDULE.to_string(), "nightly".to_string())]));
        let mut good = run.clone();
        good.status = serde_json::from_value(serde_json::json!({"conditions": [
            {"type": "Successful", "status": "True", "reason": "r", "message": "", "lastTransitionTime": "2026-11-28T01:00:00Z"}
        ]}))
        .ok();
        for (who, of_good, of_other) in [
            (Who::Run("db".into()), true, true),
            (Who::Run("other".into()), false, false),
            (Who::Schedule("nightly".into()), true, false),
            (Who::Schedule("db".into()), false, false),
            (Who::Storage("minio".into()), true, false),
        ] {
            assert_eq!((who.means(&good), who.means(&run)), (of_good, of_other));
        }
    }
}
