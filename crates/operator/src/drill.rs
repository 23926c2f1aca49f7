//! Drills: observe, decide, apply.
use std::sync::Arc;
use std::time::Duration;

use api::{BackupDrill, BackupRun, BackupSchedule, labels};
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client, Resource, ResourceExt};
use planner::drill::{Observed, Reason, decide, is_to_pick, told};
use planner::schedule::is_triggered;

use crate::cache::Group;
use crate::children::{CHANGED, create, delete};
use crate::context::Context;
use crate::driver::Then;
use crate::events;
use crate::ownership::controls;
use crate::write::{WriteError, Written};

/// One pass over a drill.
pub async fn pass(drill: Arc<BackupDrill>, context: Arc<Context>) -> Then {
    match reconcile(&drill, &context).await {
        Ok(then) => then,
        Err(error) => retry(&drill, &error, &context),
    }
}

async fn reconcile(drill: &BackupDrill, context: &Context) -> Result<Then, WriteError> {
    if drill.metadata.deletion_timestamp.is_some() {
        return Ok(Then::Await);
    }
    let now = Timestamp::now();
    let uid = drill.uid().unwrap_or_default();
    let namespace = drill.namespace().unwrap_or_default();
    let mut owned = context.runs.heads(&[Group::ControlledBy(&uid)]);
    owned.retain(|run| controls(drill, run.as_ref()));
    // The runs of the schedule are unpacked whole: a picked one may lend its restore command.
    let backups = match is_to_pick(drill, now) {
        true => of_schedule(&namespace, &drill.spec.source.schedule, context),
        false => Vec::new(),
    };
    let namesake = ObjectRef::<BackupSchedule>::new(&drill.name_any()).within(&namespace);
    let observed = Observed {
        drill,
        runs: owned.iter().map(AsRef::as_ref).collect(),
        backups: backups.iter().map(AsRef::as_ref).collect(),
        namesake: context.schedules.get(&namesake).is_some(),
        agent: &context.agent,
        now,
    };
    let decision = decide(&observed);

    let runs: Api<BackupRun> = Api::namespaced(context.client.clone(), &namespace);
    let mut written = Written::new(Api::namespaced(context.client.clone(), &namespace), drill);
    let mut left = false;
    for doomed in &decision.delete {
        left |= !delete(&runs, doomed).await?;
    }
    let mut events = decision.events;
    let mut status = decision.status;
    if let Some(run) = &decision.create {
        match create(&runs, run, &uid).await {
            Ok(Some(there)) => {
                let is_new = !owned.iter().any(|run| run.uid() == there.uid());
                let made = is_new.then_some(&there);
                let observed = Observed {
                    runs: observed.runs.iter().copied().chain(made).collect(),
                    ..observed
                };
                status = told::with_created(&observed, status);
            }
            Ok(None) if is_triggered(run) => {
                // A tick or a person took that name in the same second: the next pass finds another.
                written.annotation(labels::TRIGGER_RUN, None).await?;
                return Err(WriteError::Stale);
            }
            Ok(None) => {
                events.retain(|e| e.reason != Reason::RunCreated.word());
                events.push(told::name_taken(&run.name_any()));
            }
            Err(error) => {
                tell_refused(drill, run, &error, &mut written, &context.client).await?;
                return Err(error);
            }
        }
    }
    if let Some(name) = &decision.claim {
        written.annotation(labels::TRIGGER_RUN, Some(name)).await?;
    }
    if decision.remove_trigger {
        let gone = [labels::TRIGGER, labels::TRIGGER_RUN, labels::TRIGGER_BACKUP].map(|name| (name, None));
        written.annotations(&gone).await?;
    }
    // Crash window: the run exists, the status does not tell of the tick yet: the name keeps it from running twice.
    if drill.status.as_ref() != Some(&status) {
        written.status(&status).await?;
    }
    for event in &events {
        context.events.say(&context.client, drill.object_ref(&()), event);
    }
    context.failures.clear(&uid);
    let wait = decision
        .requeue_at
        .map(|at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default());
    let wait = [wait, left.then_some(CHANGED)].into_iter().flatten().min();
    Ok(wait.map_or(Then::Await, Then::Again))
}

/// Runs with the label of a schedule, which may be gone.
fn of_schedule(namespace: &str, name: &str, context: &Context) -> Vec<Arc<BackupRun>> {
    let mut runs = context.runs.of(Group::Labelled(namespace, name));
    runs.retain(|run| {
        let label = run.labels().get(labels::SCHEDULE);
        run.namespace().as_deref() == Some(namespace) && label.is_some_and(|label| label == name)
    });
    runs
}

/// A tick that makes no run is not passed over in silence: with the condition, people and monitoring see it.
async fn tell_refused(
    drill: &BackupDrill,
    run: &BackupRun,
    error: &WriteError,
    written: &mut Written<BackupDrill>,
    client: &Client,
) -> Result<(), WriteError> {
    let WriteError::Refused(_, kube::Error::Api(said)) = error else {
        return Ok(());
    };
    let (status, event) = told::refused(drill, &run.name_any(), &said.message, Timestamp::now());
    let Some(event) = event else { return Ok(()) };
    written.status(&status).await?;
    events::publish(client, drill.object_ref(&()), &event).await;
    Ok(())
}

/// What follows a failed pass.
fn retry(drill: &BackupDrill, error: &WriteError, context: &Context) -> Then {
    if let WriteError::Stale = error {
        return Then::Again(Duration::from_millis(100));
    }
    context.metrics.failed("BackupDrill");
    tracing::warn!(
        namespace = drill.namespace().unwrap_or_default(),
        kind = "BackupDrill",
        name = drill.name_any(),
        trace = crate::log::trace_of(drill),
        error = events::causes(error),
        "a drill could not be served; trying again"
    );
    Then::Again(context.failures.again(&drill.uid().unwrap_or_default()))
}

#[cfg(test)]
mod tests;
