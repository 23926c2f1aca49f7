//! Schedules: observe, decide, apply.
use std::sync::Arc;
use std::time::Duration;

use api::{BackupRun, BackupSchedule, labels};
use jiff::Timestamp;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::runtime::controller::Action;
use kube::{Api, Resource, ResourceExt};
use planner::schedule::{Observed, decide};

use crate::context::Context;
use crate::events;
use crate::write::{API, WriteError, Written, bounded};

/// One pass over a schedule.
pub async fn reconcile(schedule: Arc<BackupSchedule>, context: Arc<Context>) -> Result<Action, WriteError> {
    if schedule.metadata.deletion_timestamp.is_some() {
        Written::new(
            Api::namespaced(context.client.clone(), &schedule.namespace().unwrap_or_default()),
            schedule.as_ref(),
        )
        .release(schedule.finalizers())
        .await?;
        return Ok(Action::await_change());
    }
    let uid = schedule.uid().unwrap_or_default();
    let owned: Vec<_> = context
        .runs
        .state()
        .into_iter()
        .filter(|r| {
            r.owner_references()
                .iter()
                .any(|o| o.controller == Some(true) && o.uid == uid)
        })
        .collect();
    let observed = Observed {
        schedule: &schedule,
        runs: owned.iter().map(AsRef::as_ref).collect(),
        now: Timestamp::now(),
    };
    let decision = decide(&observed);

    let namespace = schedule.namespace().unwrap_or_default();
    let runs: Api<BackupRun> = Api::namespaced(context.client.clone(), &namespace);
    let mut written = Written::new(Api::namespaced(context.client.clone(), &namespace), schedule.as_ref());
    if decision.remove_trigger && !decision.create.is_empty() {
        // A tick names its run, a trigger does not: a watch that lags behind must not make a second run of one request.
        let schedules: Api<BackupSchedule> = Api::namespaced(context.client.clone(), &namespace);
        let fresh = bounded("read the schedule", schedules.get_metadata(&schedule.name_any())).await?;
        if fresh.resource_version() != schedule.resource_version() {
            return Err(WriteError::Stale);
        }
    }
    for doomed in &decision.delete {
        delete(&runs, &doomed.name, &doomed.uid).await?;
    }
    for run in &decision.create {
        // A name is a function of the tick: a run that exists is the run of this tick.
        match bounded("create the run", runs.create(&PostParams::default(), run)).await {
            Ok(_) | Err(WriteError::Stale) => {}
            Err(error) => return Err(error),
        }
    }
    if decision.remove_trigger {
        written.annotation(labels::TRIGGER, None).await?;
    }
    // Crash window: the run exists, the status does not tell of the tick yet: the name keeps it from running twice.
    if schedule.status.as_ref() != Some(&decision.status) {
        written.status(&decision.status).await?;
    }
    for event in &decision.events {
        events::publish(&context.client, schedule.object_ref(&()), event).await;
    }
    context.failures.clear(&uid);
    let wait = decision
        .requeue_at
        .map(|at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default());
    Ok(wait.map_or_else(Action::await_change, Action::requeue))
}

async fn delete(runs: &Api<BackupRun>, name: &str, uid: &str) -> Result<(), WriteError> {
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

/// What follows a failed pass.
pub fn retry(schedule: Arc<BackupSchedule>, error: &WriteError, context: Arc<Context>) -> Action {
    if let WriteError::Stale = error {
        return Action::requeue(Duration::from_millis(100));
    }
    let name = schedule.name_any();
    let namespace = schedule.namespace().unwrap_or_default();
    tracing::warn!(
        namespace,
        name,
        error = events::causes(error),
        "a schedule could not be served; trying again"
    );
    Action::requeue(context.failures.again(&schedule.uid().unwrap_or_default()))
}
