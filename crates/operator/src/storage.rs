//! Storages: observe, decide, apply.
mod probe;
mod probes;

use std::sync::Arc;
use std::time::Duration;

use api::{BackupStorage, labels};
use jiff::Timestamp;
use kube::{Api, Resource, ResourceExt};
use planner::storage::{Observed, decide};
pub use probes::Probes;

use crate::context::Context;
use crate::driver::Then;
use crate::events;
use crate::records;
use crate::write::{WriteError, Written};

/// The longest time without a look at a storage that is being probed.
const PROBING: Duration = Duration::from_secs(120);

/// One pass over a storage.
pub async fn pass(storage: Arc<BackupStorage>, context: Arc<Context>) -> Then {
    match reconcile(storage.clone(), context.clone()).await {
        Ok(then) => then,
        Err(error) => retry(&storage, &error, &context),
    }
}

async fn reconcile(storage: Arc<BackupStorage>, context: Arc<Context>) -> Result<Then, WriteError> {
    let uid = storage.uid().unwrap_or_default();
    if storage.metadata.deletion_timestamp.is_some() {
        context.forget_storage(&uid);
        Written::new(Api::all(context.client.clone()), storage.as_ref())
            .release(storage.finalizers())
            .await?;
        return Ok(Then::Await);
    }
    let name = storage.name_any();
    let runs = context.runs.tally(&name);
    let configuration = probe::configuration(&storage, &context).await;
    let authorities = context.stores.authorities(&storage);
    let decision = decide(&Observed {
        storage: &storage,
        schedules: context.schedules.tally(&name).objects,
        runs: runs.objects,
        // Whatever the statuses say, the sum can be written: the API's numbers end here.
        size_in_bytes: runs.bytes.min(i64::MAX as u64),
        probe: context.probes.get(&uid),
        configuration: &configuration,
        authorities: authorities.as_deref(),
        now: Timestamp::now(),
    });
    let mut written = Written::new(Api::all(context.client.clone()), storage.as_ref());
    if decision.set_deletion_protection {
        // Before the first status: once there is one, an annotation that is missing was removed on purpose.
        written.annotation(labels::DELETION_PROTECTION, Some("true")).await?;
    }
    if storage.status.as_ref() != Some(&decision.status) {
        written.status(&decision.status).await?;
    }
    for event in &decision.events {
        events::publish(&context.client, storage.object_ref(&()), event).await;
    }
    context.failures.clear(&uid);
    records::sync(&storage, &context);
    if decision.probe {
        // Its end wakes this storage.
        probes::begin(&storage, &context, configuration);
        return Ok(Then::Again(PROBING));
    }
    let wait = decision
        .requeue_at
        .map(|at| Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default());
    Ok(wait.map_or(Then::Await, Then::Again))
}

/// What follows a failed pass.
fn retry(storage: &BackupStorage, error: &WriteError, context: &Context) -> Then {
    if !matches!(error, WriteError::Stale) {
        context.metrics.failed("BackupStorage");
        let name = storage.name_any();
        tracing::warn!(
            kind = "BackupStorage",
            name,
            trace = crate::log::trace_of(storage),
            error = events::causes(error),
            "a storage could not be served; trying again"
        );
    }
    Then::Again(context.failures.again(&storage.uid().unwrap_or_default()))
}
