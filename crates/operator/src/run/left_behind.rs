//! What could not be removed from a store is said where it lasts: in the status of its storage.
use api::storage::LeftBehind;
use api::{BackupRun, BackupStorage};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, Resource, ResourceExt};
use planner::run::Event;

use crate::context::Context;
use crate::events;
use crate::write::{WriteError, Written, bounded};

/// How many are remembered.
const KEPT: usize = 20;
/// How often a status that others write meanwhile is written again.
const TRIES: usize = 5;

/// Notes on the storage what a run that is let go left there, and says it by an Event: the run and its namespace will not be there
/// to tell. Where the storage is gone, too, the Event about the run is all there is.
pub async fn tell(run: &BackupRun, context: &Context, event: Event) -> Result<(), WriteError> {
    let storages: Api<BackupStorage> = Api::all(context.client.clone());
    let left = LeftBehind {
        namespace: run.namespace().unwrap_or_default(),
        run: run.name_any(),
        message: event.note.clone(),
        time: Time(jiff::Timestamp::now()),
    };
    for _ in 0..TRIES {
        let found = bounded("read the storage", storages.get_opt(&run.spec.storage.name)).await?;
        let Some(storage) = found else { return Ok(()) };
        let mut status = storage.status.clone().unwrap_or_default();
        if !note(&mut status.left_behind, left.clone()) {
            return Ok(());
        }
        match Written::new(storages.clone(), &storage).status(&status).await {
            Err(WriteError::Stale) => continue,
            Err(error) => return Err(error),
            Ok(()) => {
                events::publish(&context.client, storage.object_ref(&()), &event).await;
                return Ok(());
            }
        }
    }
    Err(WriteError::Stale)
}

/// Adds it, newest first, unless it is there: an operator that died before the run was let go noted it before.
fn note(all: &mut Vec<LeftBehind>, new: LeftBehind) -> bool {
    let same = |old: &LeftBehind| (&old.namespace, &old.run, &old.message) == (&new.namespace, &new.run, &new.message);
    if all.iter().any(same) {
        return false;
    }
    all.insert(0, new);
    all.truncate(KEPT);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_noted_once_and_the_newest_are_kept() {
        let left = |run: usize| LeftBehind {
            namespace: "shop".into(),
            run: format!("db-{run}"),
            message: "object a".into(),
            time: Time(jiff::Timestamp::UNIX_EPOCH),
        };
        let mut all = Vec::new();
        assert!(note(&mut all, left(0)));
        assert!(!note(&mut all, left(0)));
        for run in 1..30 {
            assert!(note(&mut all, left(run)));
        }
        assert_eq!(
            (all.len(), all[0].run.as_str(), all[19].run.as_str()),
            (KEPT, "db-29", "db-10")
        );
    }
}
