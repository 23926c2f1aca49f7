//! Runs: observe, decide, apply.
pub mod apply;
mod download;
pub mod errands;
pub mod leaving;
mod left_behind;
pub mod look;
pub mod observe;
mod recipients;
pub mod siblings;
mod sources;
mod told;

use std::sync::Arc;
use std::time::Duration;

use api::BackupRun;
use kube::ResourceExt;

use crate::context::Context;
use crate::driver::Then;
use crate::log::about_run;
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
    if let Some(other) = sources::is_to_hear(&run, &context) {
        context.registry.wake(other);
    }
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
    context.metrics.failed("BackupRun");
    // It cannot write down that it has begun, and nobody knows for how long: its turn is another's meanwhile. A write of which nobody
    // has told may have been done, and keeps it.
    if let apply::ApplyError::Write(WriteError::Refused(_, kube::Error::Api(status))) = error
        && matches!(status.code, 400 | 403 | 404 | 422)
    {
        context.queue.leave(run);
    }
    about_run!(
        warn,
        run,
        error = crate::events::causes(error),
        "a run could not be served; trying again"
    );
    Then::Again(context.failures.again(&run.uid().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use api::BackupStorage;
    use planner::queue::Turn;
    use planner::run::Ask;

    use super::*;
    use crate::mocked;

    fn named(name: &str) -> BackupRun {
        let mut run = testing::backup_run();
        (run.metadata.name, run.metadata.uid) = (Some(name.into()), Some(name.into()));
        run
    }

    #[tokio::test]
    async fn a_run_whose_begin_is_refused_gives_its_turn_to_the_next_one() {
        let refused = |code: u16| {
            let status = serde_json::json!({"status": "Failure", "message": "no", "reason": "x", "code": code});
            let status = Box::new(serde_json::from_value(status).unwrap());
            apply::ApplyError::Write(WriteError::Refused("write the status", kube::Error::Api(status)))
        };
        let late = || apply::ApplyError::Write(WriteError::Timeout("write the status"));
        for (error, given_back) in [
            (refused(403), true),
            (refused(422), true),
            (refused(503), false),
            (late(), false),
        ] {
            let (client, _server) = mocked::connect();
            let (context, _woken) = mocked::context(client, Default::default());
            let (first, second) = (named("first"), named("second"));
            let storage: BackupStorage = serde_json::from_value(serde_json::json!({
                "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": first.spec.storage.name},
                "spec": {"type": "s3", "parameters": {"bucket": "b"}, "maxConcurrentRuns": 1},
            }))
            .unwrap();
            context.queue.storage_seen(&storage);
            context.queue.open();
            let ask = || Ask {
                restore: false,
                since: jiff::Timestamp::UNIX_EPOCH,
            };
            assert_eq!(context.queue.ask(&first, ask()), Turn::Given);
            assert!(matches!(context.queue.ask(&second, ask()), Turn::Waits(_)));
            retry(&first, &error, &context);
            assert_eq!(context.queue.ask(&second, ask()) == Turn::Given, given_back, "{error}");
        }
    }
}
