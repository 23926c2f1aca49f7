//! Takes the effects of a decision about a run, in order, and stops at the first that fails.
use std::sync::Arc;
use std::time::Duration;

use api::{BackupRun, BackupRunStatus, labels};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource, ResourceExt};
use planner::run::leaving::{Fate, fate, kept};
use planner::run::{Decision, Event, Guarded, Refusal, TransferOrder, Unguarded};
use store::{ObjectInfo, StoreError};

use crate::claims;
use crate::context::Context;
use crate::events;
use crate::run::{leaving, look};
use crate::stores::{OpenError, OpenStore};
use crate::transfer::session::Session;
use crate::transfer::uploads;
use crate::write::{API, WriteError, Written, bounded};

/// Why a step failed; the pass is made again.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A write to the API server.
    #[error(transparent)]
    Write(WriteError),
    /// The storage's store cannot be opened.
    #[error("the storage cannot be used: {0}")]
    Open(String),
    /// The store did not do it.
    #[error("the store did not {0}")]
    Store(&'static str, #[source] StoreError),
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

/// Takes the effects of a decision: what is guarded, then what is not, then what settles it.
pub async fn apply(run: &Arc<BackupRun>, context: &Arc<Context>, decision: Decision) -> Result<(), ApplyError> {
    let namespace = run.namespace().unwrap_or_default();
    let uid = run.uid().unwrap_or_default();
    let mut written = Written::new(Api::namespaced(context.client.clone(), &namespace), run.as_ref());
    let mut status = run.status.clone().unwrap_or_default();
    if let Some(reason) = &decision.cancel
        && !context.registry.cancel(&uid, reason)
    {
        return Err(ApplyError::Committing);
    }
    for step in decision.guarded {
        write(run, &mut written, &mut status, step).await?;
    }
    for step in decision.unguarded {
        if !step.is_harmless() {
            written.confirm().await?;
        }
        act(run, context, step).await?;
    }
    for step in decision.settled {
        write(run, &mut written, &mut status, step).await?;
    }
    Ok(())
}

async fn write(
    run: &BackupRun,
    written: &mut Written<BackupRun>,
    status: &mut BackupRunStatus,
    step: Guarded,
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
            let value = run.annotations().get(labels::RESTORE).map(String::as_str);
            let changes = [(labels::RESTORE, None), (labels::RESTORE_TAKEN, value)];
            written.annotations(&changes).await?;
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
                *status = *new;
            }
        }
        Guarded::Annotate(name, value) => written.annotation(name, Some(&value)).await?,
    }
    Ok(())
}

fn held(run: &BackupRun) -> Vec<String> {
    let mut finalizers = run.finalizers().to_vec();
    if !finalizers.iter().any(|f| f == labels::FINALIZER) {
        finalizers.push(labels::FINALIZER.into());
    }
    finalizers
}

async fn act(run: &Arc<BackupRun>, context: &Arc<Context>, step: Unguarded) -> Result<(), ApplyError> {
    let uid = run.uid().unwrap_or_default();
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), &run.namespace().unwrap_or_default());
    match step {
        Unguarded::Event(event) => events::publish(&context.client, run.object_ref(&()), &event).await,
        Unguarded::CreatePod(pod) => create_pod(&pods, *pod, &uid, context).await?,
        Unguarded::DeletePod { name, uid, now } => delete_pod(&pods, &name, uid, now).await?,
        Unguarded::Look { key } => look::begin(run, context, key),
        Unguarded::ForgetFound => context.looks.forget(&uid),
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
        Unguarded::AbortUpload { key, upload_id } => {
            let store = open(run, context).await?;
            store
                .store
                .abort(&key, &upload_id)
                .await
                .map_err(|e| ApplyError::Store("abort the upload", e))?;
        }
        Unguarded::AbortStrays { key } => {
            let store = open(run, context).await?;
            let others = claims::others(&context.claims, &key, run, &context.runs, &context.storages);
            let aborted = uploads::abort_strays(&store, run, &key, &others).await;
            passed(run, "abort strayed uploads", aborted)?;
        }
        Unguarded::TakeBack { key, attempt } => {
            let store = open(run, context).await?;
            // Without metadata nothing says whose an object is.
            if store.metadata {
                let taken = uploads::take_back(&store, run, &key, &attempt, context.cluster()).await;
                passed(run, "remove what a failed attempt stored", taken)?;
            }
        }
        Unguarded::DeleteObject { key, etag, version_id } => {
            delete_object(run, context, &key, &etag, version_id.as_deref()).await?;
        }
    }
    Ok(())
}

/// What the store refuses for good is left, and said; what may pass is tried again.
fn passed(run: &BackupRun, step: &'static str, done: Result<(), StoreError>) -> Result<(), ApplyError> {
    match done {
        Err(error) if error.passes() => return Err(ApplyError::Store(step, error)),
        Err(error) => tracing::warn!(run = %run.name_any(), step, %error, "the store refuses; it is left"),
        Ok(()) => {}
    }
    Ok(())
}

/// A Pod of that name that exists is looked at by the next observation, which asks the API server for it.
async fn create_pod(pods: &Api<Pod>, pod: Pod, uid: &str, context: &Context) -> Result<(), ApplyError> {
    match bounded("create the Pod", pods.create(&PostParams::default(), &pod)).await {
        Ok(_) | Err(WriteError::Stale) => {
            context.refusals.set(uid, None);
            Ok(())
        }
        Err(WriteError::Refused(_, kube::Error::Api(status))) if matches!(status.code, 400 | 403 | 422) => {
            let hopeless = status.code != 403;
            context.refusals.set(
                uid,
                Some(Refusal {
                    message: status.message.clone(),
                    hopeless,
                }),
            );
            Err(ApplyError::PodRefused(status.message.clone()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn delete_pod(pods: &Api<Pod>, name: &str, uid: String, now: bool) -> Result<(), ApplyError> {
    let parameters = DeleteParams {
        // Never 0: that would drop the object while the kubelet still runs the containers.
        grace_period_seconds: now.then_some(1),
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

pub(super) async fn open(run: &BackupRun, context: &Context) -> Result<OpenStore, ApplyError> {
    let name = &run.spec.storage.name;
    let storage = context
        .storages
        .get(&ObjectRef::new(name))
        .ok_or_else(|| ApplyError::Open(format!("there is no BackupStorage {name:?}")))?;
    context
        .stores
        .open(&storage)
        .await
        .map_err(|e: OpenError| ApplyError::Open(e.text()))
}

async fn start(run: &Arc<BackupRun>, context: &Arc<Context>, order: TransferOrder) -> Result<(), ApplyError> {
    let uid = run.uid().unwrap_or_default();
    let store = match open(run, context).await {
        Ok(store) => store,
        Err(error) => {
            context.obstacles.met(&uid, events::causes(&error));
            return Err(error);
        }
    };
    context.obstacles.clear(&uid);
    let Some(handle) = context.registry.open(run, &uid, &order.attempt, Timestamp::now()) else {
        return Ok(());
    };
    let session = Session::new(context, run, order, store, handle);
    crate::runtime::spawn(session.run());
    Ok(())
}

/// Removes the object only while it is the one that this run wrote; a bucket may have been written to by others.
///
/// A version of an object is this run's alone and never changes: it is removed by its id, whoever wrote there since.
async fn delete_object(
    run: &BackupRun,
    context: &Context,
    key: &str,
    etag: &str,
    version_id: Option<&str>,
) -> Result<(), ApplyError> {
    // Looked at last: whoever deletes a schedule may do so between the decision and this.
    if let Fate::Kept(why) = fate(run, &leaving::around(run, &context.client).await?) {
        let namespace = run.namespace().unwrap_or_default();
        // In a namespace that goes no Event can be made.
        tracing::info!(namespace, run = %run.name_any(), storage = run.spec.storage.name, key, why, "an object was kept");
        events::publish(&context.client, run.object_ref(&()), &kept(run, key, &why)).await;
        return Ok(());
    }
    let store = tokio::time::timeout(Duration::from_secs(60), open(run, context));
    let store = store
        .await
        .map_err(|_| ApplyError::Open("its Secret could not be read in time".into()))??;
    let object = store
        .store
        .head(key, version_id)
        .await
        .map_err(|e| ApplyError::Store("look at the object", e))?;
    let Some(object) = object else { return Ok(()) };
    if let Some(why) = left_alone(&object, etag, version_id, context.cluster()) {
        let event = Event {
            warning: true,
            reason: "ObjectKept",
            action: "Delete",
            note: format!("object {key} was left: {why}"),
        };
        events::publish(&context.client, run.object_ref(&()), &event).await;
        return Ok(());
    }
    let (deleted, what) = match version_id {
        Some(version) => {
            let deleted = store.store.delete_version(key, version).await;
            (deleted, format!("version {version} of object {key}"))
        }
        None => (store.store.delete(key).await, format!("object {key}")),
    };
    deleted.map_err(|e| ApplyError::Store("delete the object", e))?;
    say_deleted(run, context, format!("{what} was deleted (retainPolicy: Delete)")).await;
    Ok(())
}

/// Why an object that a run has recorded is not its own to delete.
fn left_alone(object: &ObjectInfo, etag: &str, version_id: Option<&str>, cluster: &str) -> Option<String> {
    if let Some(theirs) = uploads::elsewheres(object, cluster) {
        return Some(format!(
            "it was written by the operator of another cluster (the UID of its kube-system is {theirs}), and this run is a copy of that one's"
        ));
    }
    (version_id.is_none() && object.etag != etag)
        .then(|| format!("it is not the one that this run wrote (its ETag is {})", object.etag))
}

async fn say_deleted(run: &BackupRun, context: &Context, note: String) {
    let event = Event {
        warning: false,
        reason: "ObjectDeleted",
        action: "Delete",
        note,
    };
    events::publish(&context.client, run.object_ref(&()), &event).await;
}
