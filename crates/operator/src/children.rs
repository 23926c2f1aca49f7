//! Runs that schedules and drills make and remove.
use std::time::Duration;

use api::BackupRun;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use planner::schedule::{Doomed, Why, is_triggered, makes_room};

use crate::write::{API, WriteError, bounded};

/// After so long a run that had changed when it was to be deleted is looked at again: the watch has told of it by then.
pub const CHANGED: Duration = Duration::from_secs(1);

/// Creates a run, as it exists now. One that was there with that name is the run of this tick or trigger, if it is
/// the owner's, whose UID this is; None means that it is not.
pub async fn create(runs: &Api<BackupRun>, run: &BackupRun, owner: &str) -> Result<Option<BackupRun>, WriteError> {
    match tokio::time::timeout(API, runs.create(&PostParams::default(), run)).await {
        Ok(Ok(created)) => return Ok(Some(created)),
        Ok(Err(kube::Error::Api(status))) if status.code == 409 && status.reason == "AlreadyExists" => {}
        // Two requests that fell upon one quota are a conflict, too, and no run is there.
        Ok(Err(error)) => return Err(WriteError::Refused("create the run", error)),
        Err(_) => return Err(WriteError::Timeout("create the run")),
    }
    match bounded("read a run", runs.get_opt(&run.name_any())).await? {
        Some(there) => {
            let ours = there.owner_references().iter().any(|o| o.uid == owner);
            Ok((ours && is_triggered(run) == is_triggered(&there)).then_some(there))
        }
        None => Err(WriteError::Stale),
    }
}

/// How often in a pass a run is looked at that is to make room. Under way, its status is written each few seconds, and a look and its deletion take
/// milliseconds: that one of so many meets no write is as good as certain, and the next pass has as many again.
const LOOKS: usize = 3;

/// Deletes a run, as it was when that was decided; one that is gone is fine. False: it has changed since, and whether it is still to go is for the
/// next pass to say. Between a decision, made of what a cache has, and this somebody may annotate `keep`, `legal-hold` or `restore`.
pub async fn delete(runs: &Api<BackupRun>, doomed: &Doomed) -> Result<bool, WriteError> {
    match doomed.why {
        // It has ended: nothing changes it but what would be lost.
        Why::Rotated(_) => remove(runs, doomed, doomed.version.clone()).await,
        // Its progress changes it all the time: what it is now decides.
        Why::Replaced => replace(runs, doomed).await,
    }
}

/// Deletes a run that still makes room, as it was looked at: one that has ended since is the backup that the next one would have to make.
async fn replace(runs: &Api<BackupRun>, doomed: &Doomed) -> Result<bool, WriteError> {
    for _ in 0..LOOKS {
        let there = bounded("read a run", runs.get_opt(&doomed.name)).await?;
        let there = there.filter(|run| run.metadata.uid.as_ref() == Some(&doomed.uid));
        let Some(run) = there.filter(|run| run.metadata.deletion_timestamp.is_none()) else {
            return Ok(true);
        };
        if !makes_room(&run) {
            return Ok(false);
        }
        if remove(runs, doomed, run.resource_version()).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Deletes it in that version. False: it has another one, or another UID.
async fn remove(runs: &Api<BackupRun>, doomed: &Doomed, version: Option<String>) -> Result<bool, WriteError> {
    let parameters = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(doomed.uid.clone()),
            resource_version: version,
        }),
        ..DeleteParams::background()
    };
    match tokio::time::timeout(API, runs.delete(&doomed.name, &parameters)).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(true),
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => Ok(false),
        Ok(Err(error)) => Err(WriteError::Refused("delete a run", error)),
        Err(_) => Err(WriteError::Timeout("delete a run")),
    }
}

#[cfg(test)]
mod tests;
