//! Runs: observe, decide, apply.
pub mod apply;
pub mod errands;
pub mod leaving;
mod left_behind;
pub mod look;
pub mod observe;
pub mod siblings;

use std::sync::Arc;
use std::time::Duration;

use api::BackupRun;
use kube::ResourceExt;

use crate::context::Context;
use crate::driver::Then;
use crate::run::apply::Applied;
use crate::write::WriteError;

/// After a write that came too late.
const STALE: Duration = Duration::from_millis(100);

/// One pass over a run.
pub async fn pass(run: Arc<BackupRun>, context: Arc<Context>) -> Then {
    match reconcile(run.clone(), context.clone()).await {
        Ok(then) => then,
        Err(error) => retry(&run, &error, &context),
    }
}

async fn reconcile(run: Arc<BackupRun>, context: Arc<Context>) -> Result<Then, apply::ApplyError> {
    let uid = run.uid().unwrap_or_default();
    let seen = observe::observe(&run, &context)
        .await
        .map_err(apply::ApplyError::Write)?;
    let mut observed = seen.observed(&run, &context);
    let mut decision = planner::run::decide(&observed);
    match decision.ask {
        Some(ask) => {
            observed.turn = context.queue.ask(&run, *ask);
            decision = planner::run::decide(&observed);
        }
        None => context.queue.leave(&run),
    }
    let requeue = decision.requeue;
    let applied = apply::apply(&run, &context, decision).await?;
    context.failures.clear(&uid);
    if let Applied::Waits(after) = applied {
        return Ok(Then::Again(after));
    }
    Ok(requeue.map_or(Then::Await, Then::Again))
}

/// What follows a failed pass.
fn retry(run: &BackupRun, error: &apply::ApplyError, context: &Context) -> Then {
    if let apply::ApplyError::Write(WriteError::Stale) = error {
        return Then::Again(STALE);
    }
    let name = run.name_any();
    let namespace = run.namespace().unwrap_or_default();
    tracing::warn!(
        namespace,
        name,
        error = crate::events::causes(error),
        "a run could not be served; trying again"
    );
    Then::Again(context.failures.again(&run.uid().unwrap_or_default()))
}
