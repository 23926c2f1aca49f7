//! Runs that schedules and drills make and remove.
use api::BackupRun;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use planner::schedule::is_triggered;

use crate::write::{API, WriteError, bounded};

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

/// Deletes a run of that UID; one that is gone is fine.
pub async fn delete(runs: &Api<BackupRun>, name: &str, uid: &str) -> Result<(), WriteError> {
    let parameters = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.into()),
            resource_version: None,
        }),
        ..DeleteParams::background()
    };
    match tokio::time::timeout(API, runs.delete(name, &parameters)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => Ok(()),
        Ok(Err(error)) => Err(WriteError::Refused("delete a run", error)),
        Err(_) => Err(WriteError::Timeout("delete a run")),
    }
}

#[cfg(test)]
mod tests;
