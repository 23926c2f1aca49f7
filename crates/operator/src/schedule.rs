//! Schedules: observe, decide, apply.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api::{BackupRun, BackupSchedule, labels};
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt};
use planner::run::is_finished;
use planner::schedule::adopt::{Adopted, parting};
use planner::schedule::notify::Known;
use planner::schedule::{Observed, Why, decide, is_triggered, says_stopped};
use serde_json::json;

use crate::cache::Group;
use crate::children::{CHANGED, create, delete};
use crate::context::Context;
use crate::driver::Then;
use crate::events;
use crate::ownership::{controls, is_labelled};
use crate::write::{WriteError, Written, bounded};

/// One pass over a schedule.
pub async fn pass(schedule: Arc<BackupSchedule>, context: Arc<Context>) -> Then {
    match reconcile(schedule.clone(), context.clone()).await {
        Ok(then) => then,
        Err(error) => retry(&schedule, &error, &context),
    }
}

async fn reconcile(schedule: Arc<BackupSchedule>, context: Arc<Context>) -> Result<Then, WriteError> {
    if schedule.metadata.deletion_timestamp.is_some() {
        return let_go(&schedule, &context).await;
    }
    let uid = schedule.uid().unwrap_or_default();
    let mut owned = Vec::new();
    let mut others = Vec::new();
    let (namespace, name) = (schedule.namespace().unwrap_or_default(), schedule.name_any());
    for run in context
        .runs
        .heads(&[Group::ControlledBy(&uid), Group::Labelled(&namespace, &name)])
    {
        if controls(schedule.as_ref(), run.as_ref()) {
            owned.push(run);
        } else if is_labelled(schedule.as_ref(), run.as_ref()) {
            others.push(run);
        }
    }
    let own = context.notifier.own();
    let readers = readers(&owned, &context);
    let observed = Observed {
        schedule: &schedule,
        notify: Known {
            default: own.as_deref(),
            ended: context.notifier.ended(&uid),
        },
        read: readers.read,
        restored_by: readers.restored_by.into_iter().collect(),
        runs: owned.iter().map(AsRef::as_ref).collect(),
        others: others.iter().map(AsRef::as_ref).collect(),
        now: Timestamp::now(),
    };
    let decision = decide(&observed);

    let runs: Api<BackupRun> = Api::namespaced(context.client.clone(), &namespace);
    let mut written = Written::new(Api::namespaced(context.client.clone(), &namespace), schedule.as_ref());
    match decision.hold {
        Some(true) => written.hold(schedule.finalizers()).await?,
        Some(false) => written.release(schedule.finalizers()).await?,
        None => {}
    }
    for run in &decision.adopt {
        adopt(&runs, run).await?;
    }
    let first = decision.tells_first();
    let mut status = decision.status;
    let changed = schedule.status.as_ref() != Some(&status);
    if changed && first {
        written.status(&status).await?;
    }
    let mut events = decision.events;
    let mut left = false;
    for doomed in &decision.delete {
        // Of a deletion that the cache does not show yet the note stands, and stays.
        let noted = context.rotated.of(&doomed.uid).is_some();
        if let Why::Rotated(why) = &doomed.why {
            context.rotated.note(&doomed.uid, why);
        }
        if delete(&runs, doomed).await? {
            continue;
        }
        left = true;
        if !noted {
            context.rotated.forget(&doomed.uid);
        }
        events.retain(|e| !says_stopped(e, &doomed.name));
    }
    let mut created = Vec::new();
    for run in &decision.create {
        match create(&runs, run, &uid).await {
            Ok(Some(there)) => {
                created.push(there);
                continue;
            }
            Ok(None) => {}
            Err(error) => {
                tell_refused(&schedule, run, &error, &mut written, &context.client).await?;
                return Err(error);
            }
        }
        if is_triggered(run) {
            // A tick or a person took that name in the same second: the next pass finds another.
            written.annotation(labels::TRIGGER_RUN, None).await?;
            return Err(WriteError::Stale);
        }
        events.retain(|e| e.reason != planner::schedule::CREATED);
        events.push(planner::schedule::name_taken(&run.name_any()));
    }
    if let Some(name) = &decision.claim {
        written.annotation(labels::TRIGGER_RUN, Some(name)).await?;
    }
    if decision.remove_trigger {
        let gone = [(labels::TRIGGER, None), (labels::TRIGGER_RUN, None)];
        written.annotations(&gone).await?;
    }
    // Crash window: the run exists, the status does not tell of the tick yet: the name keeps it from running twice.
    if changed && !first {
        let made = created
            .iter()
            .filter(|made| !owned.iter().any(|run| run.uid() == made.uid()));
        let observed = Observed {
            runs: observed.runs.iter().copied().chain(made).collect(),
            ..observed
        };
        status = planner::schedule::told_with_created(&observed, status);
        written.status(&status).await?;
    }
    // Crash window: what is to be told stands in the status before any of it is sent.
    let again = context
        .notifier
        .deliver(&schedule, status.notifications.as_deref(), context.cluster());
    for event in &events {
        context.events.say(&context.client, schedule.object_ref(&()), event);
    }
    context.failures.clear(&uid);
    let wait = decision
        .requeue_at
        .map(|at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default());
    let wait = [wait, again, left.then_some(CHANGED)].into_iter().flatten().min();
    Ok(wait.map_or(Then::Await, Then::Again))
}

/// A schedule that is being deleted goes once its runs note what it said last: after that nobody can ask it any more.
async fn let_go(schedule: &BackupSchedule, context: &Context) -> Result<Then, WriteError> {
    let namespace = schedule.namespace().unwrap_or_default();
    if schedule.finalizers().iter().any(|f| labels::is_our_finalizer(f)) {
        let uid = schedule.uid().unwrap_or_default();
        let heads = context.runs.heads(&[Group::ControlledBy(&uid)]);
        let owned: Vec<_> = heads
            .iter()
            .map(AsRef::as_ref)
            .filter(|run| controls(schedule, *run))
            .collect();
        let parting = parting(schedule, &owned);
        let runs: Api<BackupRun> = Api::namespaced(context.client.clone(), &namespace);
        for run in &parting {
            adopt(&runs, run).await?;
        }
        if !parting.is_empty() {
            return Ok(Then::Again(Duration::from_secs(1)));
        }
    }
    Written::new(Api::namespaced(context.client.clone(), &namespace), schedule)
        .release(schedule.finalizers())
        .await?;
    Ok(Then::Await)
}

/// Who restores the backups of a schedule's runs, by `spec.source`.
#[derive(Default)]
struct Readers {
    /// UIDs of those that are read, by whomever.
    read: BTreeSet<String>,
    /// Runs of the same namespace, but those of drills, which restore elsewhere.
    restored_by: BTreeSet<String>,
}

fn readers(owned: &[Arc<BackupRun>], context: &Context) -> Readers {
    let mut all = Readers::default();
    for run in owned {
        let Some(uid) = run.uid() else { continue };
        for reader in context.runs.heads(&[Group::RestoresFrom(&uid)]) {
            let status = reader.status.as_ref();
            let ours = status.and_then(|s| s.source.as_ref()).is_some_and(|s| s.uid == uid);
            if !ours || !status.is_some_and(|s| s.transfer.is_some() || !is_finished(s)) {
                continue;
            }
            if reader.namespace() == run.namespace() && !reader.labels().contains_key(labels::DRILL) {
                all.restored_by.insert(reader.name_any());
            }
            all.read.insert(uid.clone());
        }
    }
    all
}

/// A tick that makes no run is not passed over in silence: with the condition, people and monitoring see it.
async fn tell_refused(
    schedule: &BackupSchedule,
    run: &BackupRun,
    error: &WriteError,
    written: &mut Written<BackupSchedule>,
    client: &Client,
) -> Result<(), WriteError> {
    let WriteError::Refused(_, kube::Error::Api(said)) = error else {
        return Ok(());
    };
    let (status, event) = planner::schedule::refused(schedule, &run.name_any(), &said.message, Timestamp::now());
    let Some(event) = event else { return Ok(()) };
    written.status(&status).await?;
    events::publish(client, schedule.object_ref(&()), &event).await;
    Ok(())
}

/// Writes owners and note of a run. One that changed or went meanwhile is seen again by itself.
async fn adopt(runs: &Api<BackupRun>, run: &Adopted) -> Result<(), WriteError> {
    let change = Patch::Merge(json!({ "metadata": {
        "resourceVersion": run.version,
        "ownerReferences": run.owners,
        "annotations": { labels::WHEN_DELETED: run.when_deleted },
    } }));
    let parameters = PatchParams {
        field_manager: Some(labels::FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    match bounded("adopt a run", runs.patch_metadata(&run.name, &parameters, &change)).await {
        Ok(_) | Err(WriteError::Stale) => Ok(()),
        Err(WriteError::Refused(_, kube::Error::Api(status))) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}

/// What follows a failed pass.
fn retry(schedule: &BackupSchedule, error: &WriteError, context: &Context) -> Then {
    if let WriteError::Stale = error {
        return Then::Again(Duration::from_millis(100));
    }
    context.metrics.failed("BackupSchedule");
    let name = schedule.name_any();
    let namespace = schedule.namespace().unwrap_or_default();
    tracing::warn!(
        namespace,
        kind = "BackupSchedule",
        name,
        trace = crate::log::trace_of(schedule),
        error = events::causes(error),
        "a schedule could not be served; trying again"
    );
    Then::Again(context.failures.again(&schedule.uid().unwrap_or_default()))
}

#[cfg(test)]
mod tests;
