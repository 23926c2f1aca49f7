//! Takes the effects of a decision about a run, in order, and stops at the first that fails.
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::requests::{RESTORES, REWRAPS, Requests};
use api::{BackupRun, BackupRunStatus, labels};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use planner::run::pod::GRACE_SECONDS;
use planner::run::{Decision, Guarded, OWN, Refusal, TransferOrder, Unguarded};

use crate::context::Context;
use crate::copies;
use crate::events;
use crate::run::errands::{self, Progress};
use crate::run::{left_behind, look, told};
use crate::transfer::session::Session;
use crate::write::{API, WriteError, Written};

/// Why a step failed; the pass is made again.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A write to the API server.
    #[error(transparent)]
    Write(WriteError),
    /// The storage's store cannot be opened.
    #[error("{0}")]
    Open(String),
    /// The API server does not take the Pod: quota, policy, or a fault of the template.
    #[error("the Pod was refused: {0}")]
    PodRefused(String),
    /// A transfer is committing and is not taken back.
    #[error("the backup is being committed")]
    Committing,
}

impl From<WriteError> for ApplyError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

/// The longest time without a look at a run that waits for its store.
const ERRAND: Duration = Duration::from_secs(60);

/// Takes the effects of a decision: what is guarded, then what is not, then what settles it. What a store is asked for is not
/// waited for: the next pass goes on behind it.
pub async fn apply(run: &Arc<BackupRun>, context: &Arc<Context>, decision: Decision) -> Result<Applied, ApplyError> {
    let namespace = run.namespace().unwrap_or_default();
    let uid = run.uid().unwrap_or_default();
    let mut written = Written::new(Api::namespaced(context.client.clone(), &namespace), run.as_ref());
    let mut status = run.status.clone().unwrap_or_default();
    if let Some(reason) = &decision.cancel
        && !context.registry.cancel(&uid, reason, decision.because.map(|end| *end))
    {
        return Err(ApplyError::Committing);
    }
    context.errands.keep(&uid, &decision.unguarded);
    let before = told::attempt(&status).map(ToString::to_string);
    for step in decision.guarded {
        write(run, &mut written, &mut status, step, context).await?;
    }
    // Of an attempt that has ended, the status that tells of it may have no more.
    let attempt = told::attempt(&status).map(ToString::to_string).or(before);
    let mut waits: Option<Duration> = None;
    for step in decision.unguarded {
        if step.is_errand() {
            let wait = match context.errands.progress(&uid, &step, Instant::now()) {
                Progress::Done => continue,
                Progress::Begun => ERRAND,
                Progress::Waits(after) => after,
                Progress::Due => {
                    written.confirm().await?;
                    errands::begin(run, context, step);
                    ERRAND
                }
            };
            // They go side by side: what one of them is refused does not keep another from its try.
            waits = Some(waits.map_or(wait, |before| before.min(wait)));
            continue;
        }
        if waits.is_some() {
            break;
        }
        if !step.is_harmless() {
            written.confirm().await?;
        }
        act(run, context, step, attempt.as_deref()).await?;
    }
    if let Some(after) = waits {
        return Ok(Applied::Waits(after));
    }
    for step in decision.settled {
        write(run, &mut written, &mut status, step, context).await?;
    }
    // Not before it is settled: another pass would have it done again.
    context.errands.forget(&uid);
    Ok(Applied::All)
}

/// How far a decision was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Whole.
    All,
    /// Up to what a store is asked for. The run is woken when that has ended; after this it is looked at again all the same.
    Waits(Duration),
}

async fn write(
    run: &BackupRun,
    written: &mut Written<BackupRun>,
    status: &mut BackupRunStatus,
    step: Guarded,
    context: &Context,
) -> Result<(), ApplyError> {
    match step {
        Guarded::AddFinalizer => {
            if !run.finalizers().iter().any(|f| f == labels::FINALIZER) {
                written.finalizers(&held(run)).await?;
            }
        }
        Guarded::Begin { path } => {
            let uid = run.uid().unwrap_or_default();
            let marks = [
                (labels::STARTED_AS, Some(uid.as_str())),
                (labels::RENDERED_PATH, Some(path.as_str())),
            ];
            written.begin(&held(run), &marks).await?;
        }
        Guarded::TakeRequest => {
            take(run, written, RESTORES).await?;
        }
        Guarded::TakeCancel => written.annotation(labels::CANCEL, None).await?,
        Guarded::TakeDownload => written.annotation(labels::DOWNLOAD, None).await?,
        Guarded::TakeRewrap => {
            take(run, written, REWRAPS).await?;
        }
        Guarded::RemoveFinalizer => {
            let left: Vec<_> = run
                .finalizers()
                .iter()
                .filter(|f| !labels::is_our_finalizer(f))
                .cloned()
                .collect();
            written.finalizers(&left).await?;
        }
        Guarded::Report(new) => {
            if *new != *status {
                written.status(&new).await?;
                told::tell(run, status, &new, context);
                *status = *new;
            }
        }
        Guarded::Annotate(name, value) => written.annotation(name, Some(&value)).await?,
    }
    Ok(())
}

/// Takes a request off, and notes it among those that were taken up.
async fn take(run: &BackupRun, written: &mut Written<BackupRun>, requests: Requests) -> Result<(), WriteError> {
    let annotations = run.annotations();
    let Some(value) = annotations.get(requests.asked) else {
        return Ok(());
    };
    let taken = requests.taken(annotations, value);
    let changes: Vec<_> = taken.iter().map(|(name, value)| (*name, value.as_deref())).collect();
    written.annotations(&changes).await
}

fn held(run: &BackupRun) -> Vec<String> {
    let mut finalizers = run.finalizers().to_vec();
    if !finalizers.iter().any(|f| f == labels::FINALIZER) {
        finalizers.push(labels::FINALIZER.into());
    }
    finalizers
}

async fn act(
    run: &Arc<BackupRun>,
    context: &Arc<Context>,
    step: Unguarded,
    attempt: Option<&str>,
) -> Result<(), ApplyError> {
    let uid = run.uid().unwrap_or_default();
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), &run.namespace().unwrap_or_default());
    match step {
        Unguarded::Event(event) => events::publish_of(&context.client, run.object_ref(&()), attempt, &event).await,
        Unguarded::CreatePod(pod) => create_pod(&pods, *pod, &uid, context).await?,
        Unguarded::DeletePod { name, uid, now } => {
            let grace = run.spec.template.spec.termination_grace_period_seconds;
            delete_pod(&pods, &name, uid, grace_of(now, grace)).await?;
        }
        Unguarded::Look {
            storage,
            key,
            version_id,
        } => look::begin(
            run,
            context,
            look::Of {
                storage,
                key,
                version_id,
            },
        ),
        Unguarded::KeepWords(kept) => context.looks.keep(&uid, kept),
        Unguarded::ForgetFound => context.looks.forget(&uid),
        Unguarded::Copy { storage, key, left } => {
            let recipients = Vec::new();
            let wanted = copies::Wanted {
                storage,
                key,
                recipients,
                left,
            };
            copies::begin(run, context, wanted);
        }
        Unguarded::Rewrap { key, recipients, left } => {
            let storage = OWN.to_owned();
            let wanted = copies::Wanted {
                storage,
                key,
                recipients,
                left,
            };
            copies::begin(run, context, wanted);
        }
        Unguarded::CopyNoted { storage } => context.copies.noted(&uid, &storage),
        Unguarded::StopCopies => context.copies.stop(&uid),
        Unguarded::ForgetCopy { storage } => context.copies.settled(&uid, &storage),
        Unguarded::StartTransfer(order) => start(run, context, *order).await?,
        Unguarded::TransferRecorded {
            upload_id,
            command_started,
        } => {
            context.registry.recorded(&uid, upload_id, command_started);
        }
        Unguarded::ForgetTransfer => {
            context.registry.forget(&uid);
            context.refusals.set(&uid, None);
        }
        Unguarded::GiveUpImageVolumes { why } => context.volumes.give_up(&why),
        Unguarded::RefusedImageVolume { namespace } => context.volumes.refused_in(&namespace),
        Unguarded::TellStorage(left) => left_behind::tell(run, context, *left).await?,
        // These are errands, which are not waited for.
        Unguarded::AbortUpload { .. }
        | Unguarded::AbortStrays { .. }
        | Unguarded::TakeBack { .. }
        | Unguarded::Hold { .. }
        | Unguarded::Thaw { .. }
        | Unguarded::DeleteCopy { .. }
        | Unguarded::RemoveReplaced { .. }
        | Unguarded::DeleteObject { .. } => {}
    }
    Ok(())
}

/// A Pod of that name that exists is looked at by the next observation, which asks the API server for it. Any other answer keeps
/// its words: also of somebody else's webhook, and of a quota that two requests fell upon at once (409 Conflict).
async fn create_pod(pods: &Api<Pod>, pod: Pod, uid: &str, context: &Context) -> Result<(), ApplyError> {
    match tokio::time::timeout(API, pods.create(&PostParams::default(), &pod)).await {
        Ok(Ok(_)) => {}
        Ok(Err(kube::Error::Api(status))) if status.code == 409 && status.reason == "AlreadyExists" => {}
        Ok(Err(kube::Error::Api(status))) => {
            let message = status.message.clone();
            context.refusals.set(
                uid,
                Some(Refusal {
                    message: message.clone(),
                    // A quota, a policy or a webhook may change; the Pod does not.
                    hopeless: matches!(status.code, 400 | 422),
                }),
            );
            return Err(ApplyError::PodRefused(message));
        }
        Ok(Err(error)) => return Err(WriteError::Refused("create the Pod", error).into()),
        Err(_) => return Err(WriteError::Timeout("create the Pod").into()),
    }
    context.refusals.set(uid, None);
    Ok(())
}

/// The longest time that a Pod gets whose work has ended, seconds: a template copied from a database may give it an hour, in which
/// it would hold its volume and its quota.
const GRACE: i64 = 30;

/// Seconds to end in. Never 0: that would drop the object while the kubelet still runs the containers.
fn grace_of(now: bool, template: Option<i64>) -> u32 {
    let seconds = if now {
        1
    } else {
        template.unwrap_or(GRACE_SECONDS).clamp(1, GRACE)
    };
    u32::try_from(seconds).unwrap_or(1)
}

async fn delete_pod(pods: &Api<Pod>, name: &str, uid: String, grace: u32) -> Result<(), ApplyError> {
    let parameters = DeleteParams {
        grace_period_seconds: Some(grace),
        preconditions: Some(Preconditions {
            uid: Some(uid),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    match tokio::time::timeout(API, pods.delete(name, &parameters)).await {
        Ok(Ok(_)) => Ok(()),
        // Gone, or another Pod by that name.
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => Ok(()),
        Ok(Err(error)) => Err(WriteError::Refused("delete the Pod", error).into()),
        Err(_) => Err(WriteError::Timeout("delete the Pod").into()),
    }
}

/// The run as a restore from a copy sees it: what its status says of the object is what it says of the copy.
fn of_copy(run: &Arc<BackupRun>, order: &TransferOrder) -> Arc<BackupRun> {
    let status = run.status.as_ref().filter(|_| order.storage != run.spec.storage.name);
    let copy = status.and_then(|s| {
        s.copies
            .iter()
            .find(|c| c.storage == order.storage && c.key == order.key)
    });
    let Some(copy) = copy else { return run.clone() };
    let mut there = run.as_ref().clone();
    if let Some(status) = &mut there.status {
        status.key = Some(copy.key.clone());
        status.etag.clone_from(&copy.etag);
        status.version_id.clone_from(&copy.version_id);
        status.location.clone_from(&copy.location);
    }
    Arc::new(there)
}

async fn start(run: &Arc<BackupRun>, context: &Arc<Context>, order: TransferOrder) -> Result<(), ApplyError> {
    let uid = run.uid().unwrap_or_default();
    let store = match context.stores.open_named(&order.storage, &context.storages).await {
        Ok(store) => store,
        Err(why) => {
            context.obstacles.met(&uid, why.clone());
            return Err(ApplyError::Open(why));
        }
    };
    context.obstacles.clear(&uid);
    let Some(handle) = context.registry.open(run, &uid, &order.attempt, Instant::now()) else {
        return Ok(());
    };
    let session = Session::new(context, &of_copy(run, &order), order, store, handle);
    crate::runtime::spawn(session.run());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mocked::{answer, connect};

    #[test]
    fn a_pod_that_is_done_goes_within_half_a_minute() {
        for (now, template, grace) in [
            // What the Pod was made with.
            (false, None, 5),
            (false, Some(3600), 30),
            (false, Some(5), 5),
            (false, Some(0), 1),
            (false, Some(-3), 1),
            (true, Some(3600), 1),
        ] {
            assert_eq!(grace_of(now, template), grace, "{now} {template:?}");
        }
    }

    #[tokio::test]
    async fn a_pod_that_exists_is_taken_for_it_and_every_other_refusal_keeps_its_words() {
        let said = |code: u16, reason: &str| json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": format!("said {code}"), "reason": reason, "code": code});
        for (code, reason, refused) in [
            (409, "AlreadyExists", None),
            // Two requests fell upon one quota.
            (409, "Conflict", Some(false)),
            (403, "Forbidden", Some(false)),
            (422, "Invalid", Some(true)),
            (500, "InternalError", Some(false)),
            (503, "ServiceUnavailable", Some(false)),
        ] {
            let (client, mut server) = connect();
            let context = crate::mocked::context(client.clone(), Default::default()).0;
            let pods: Api<Pod> = Api::namespaced(client, "team");
            let (done, _) = tokio::join!(
                create_pod(&pods, Pod::default(), "u", &context),
                answer(&mut server, code, said(code, reason))
            );
            assert_eq!(done.is_err(), refused.is_some(), "{code} {reason}: {done:?}");
            let kept = context.refusals.get("u");
            assert_eq!(kept.as_ref().map(|r| r.hopeless), refused, "{code} {reason}");
            assert!(kept.is_none_or(|r| r.message == format!("said {code}")));
        }
    }
}
