//! Observes what a decision about a run needs.
mod blocked;
mod explained;
mod happened;
mod stage;
mod status;
mod told;
mod warnings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::names::pod_of;
use api::requests::{RESTORES, REWRAPS, Requests};
use api::run::Location;
use api::storage::NamespaceIsolation;
use api::{BackupRun, BackupRunStatus, BackupStorage, condition, labels};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt};
use planner::queue::Turn;
use planner::run::observed::{CopyView, Place, RewrapView};
use planner::run::picked::{Proof, RecipientsView, SourceView};
use planner::run::pod::carrier_of;
use planner::run::{Claim, DownloadView, Found, Kept, OWN, Observed, PodView, StorageView, TransferView, is_finished};
use planner::storage::access;

use crate::cache::{Group, LAST_APPLIED};
use crate::claims;
use crate::context::Context;
use crate::ownership::controls;
use crate::run::{download, look, recipients, siblings, sources};
use crate::write::{WriteError, bounded};

/// What was seen.
pub struct Seen {
    storage: StorageView,
    pods: Vec<PodView>,
    transfer: TransferView,
    found: Found,
    kept: Option<Kept>,
    copies: Vec<CopyView>,
    rewrap: RewrapView,
    recipients: RecipientsView,
    source: SourceView,
    proof: Option<Proof>,
    download: DownloadView,
    request_is_kept: bool,
    sizes_before: Vec<u64>,
    claims: Vec<Claim>,
    ages: BTreeMap<Timestamp, Duration>,
    now: Timestamp,
}

impl Seen {
    /// With the run and the settings, what a decision is made from.
    pub fn observed<'a>(&self, run: &'a BackupRun, context: &'a Context) -> Observed<'a> {
        Observed {
            run,
            storage: self.storage.clone(),
            pods: self.pods.clone(),
            transfer: self.transfer.clone(),
            turn: Turn::NotAsked,
            obstacle: context.obstacles.get(&run.uid().unwrap_or_default(), self.now),
            trouble: context.errands.trouble(
                &run.uid().unwrap_or_default(),
                run.metadata
                    .deletion_timestamp
                    .as_ref()
                    .map(|t| since(t.0, &self.ages, self.now)),
                Instant::now(),
            ),
            found: self.found.clone(),
            kept: self.kept.clone(),
            copies: self.copies.clone(),
            rewrap: self.rewrap.clone(),
            recipients: self.recipients.clone(),
            source: self.source.clone(),
            proof: self.proof.clone(),
            download: self.download.clone(),
            request_is_kept: self.request_is_kept,
            sizes_before: self.sizes_before.clone(),
            refused: context.refusals.get(&run.uid().unwrap_or_default()),
            claims: self.claims.clone(),
            cluster: context.cluster(),
            agent: &context.agent,
            served: context.volumes.served(),
            ages: self.ages.clone(),
            working_for: context.began.elapsed(),
            now: self.now,
        }
    }
}

/// Looks at the storage, the Pods and the transfer of a run.
pub async fn observe(run: &BackupRun, context: &Context) -> Result<Seen, WriteError> {
    let uid = run.uid().unwrap_or_default();
    // The transfer is looked at before the Pod: an end that is seen was there before the Pod went.
    let transfer = context.registry.view(&uid);
    let storage = context.storages.get(&ObjectRef::new(&run.spec.storage.name));
    let container = under_way(run).and_then(|(action, _)| planner::run::attempt::container_of(run, action));
    let view = |pod: &Pod| view(pod, run, container.as_deref().unwrap_or_default());
    let mut seen: Vec<_> = context
        .pods
        .of(Group::ControlledBy(&uid))
        .into_iter()
        .filter(|p| controls(run, p.as_ref()))
        .collect();
    let name = under_way(run).map(|(action, number)| pod_of(&run.name_any(), action, number));
    if let Some(name) = &name
        && !seen.iter().any(|p| p.name_any() == *name)
    {
        // The watch may lag behind, and does not see Pods of others: before a Pod is said to be gone, it is asked for.
        let api: Api<Pod> = Api::namespaced(context.client.clone(), &run.namespace().unwrap_or_default());
        seen.extend(bounded("read the Pod", api.get_opt(name)).await?.map(Arc::new));
    }
    let now = Timestamp::now();
    // Taken before the Events are asked for: a Pod that is given up by these ages was asked about.
    let ages = context.ages.of(&uid, run, now, Instant::now());
    let mut pods = Vec::new();
    for pod in &seen {
        let mut view = view(pod);
        let of = warnings::UnderWay {
            pod,
            container: container.as_deref().unwrap_or_default(),
            age: age(pod, now),
            left: left(run, &ages, context.began.elapsed(), now),
        };
        if view.ours && Some(&view.name) == name.as_ref() {
            warnings::explain(&mut view, &of, &context.client, &run.namespace().unwrap_or_default()).await;
        }
        pods.push(view);
    }
    let storage = match storage {
        None => StorageView::Missing,
        Some(storage) => match refusal(run, &storage, &transfer, context).await? {
            Some(message) => StorageView::Refused { message },
            None => storage_view(&storage, &run.namespace().unwrap_or_default(), context),
        },
    };
    let copies = copies_of(run, context).await?;
    let download = download::view(run, &storage, context, now).await?;
    let sizes_before = match (&transfer, under_way(run)) {
        (TransferView::Ended { .. }, Some((api::names::Action::Backup, _))) => siblings::good_sizes(run, &context.runs),
        _ => Vec::new(),
    };
    Ok(Seen {
        storage,
        pods,
        transfer,
        found: context.looks.found(&uid, look::OWN),
        kept: context.looks.kept(&uid),
        copies,
        rewrap: RewrapView {
            request_is_kept: request_is_kept(run, context, REWRAPS).await?,
            ..rewrap_of(run, context)
        },
        recipients: recipients::view(run, &context.client).await?,
        source: sources::view(run, context, now),
        proof: sources::proved(run, context, now),
        download,
        request_is_kept: request_is_kept(run, context, RESTORES).await?,
        sizes_before,
        claims: claims_of(run, context),
        ages,
        now,
    })
}

/// The further storages of a run whose backup has ended, or that reads a copy.
async fn copies_of(run: &BackupRun, context: &Context) -> Result<Vec<CopyView>, WriteError> {
    let (uid, namespace) = (run.uid().unwrap_or_default(), run.namespace().unwrap_or_default());
    let mut all = Vec::new();
    let picked = |s: &BackupRunStatus| s.source.is_some() && s.transfer.is_none();
    let of_copy = |s: &BackupRunStatus| s.transfer.as_ref().is_some_and(|t| t.storage.is_some());
    let are_asked = |s: &BackupRunStatus| is_finished(s) || picked(s) || of_copy(s);
    if !run.status.as_ref().is_some_and(are_asked) {
        return Ok(all);
    }
    for name in planner::run::copies::storages(run) {
        let view = match context.storages.get(&ObjectRef::new(&name)) {
            None => StorageView::Missing,
            // Of a run that is deleted, too: its status alone says that it ever was admitted there.
            Some(storage) => match allows(&storage, run, context).await? {
                Some(message) => StorageView::Refused { message },
                None => storage_view(&storage, &namespace, context),
            },
        };
        all.push(CopyView {
            found: context.looks.found(&uid, &name),
            looked: context.looks.ago(&uid, &name, Instant::now()),
            progress: context.copies.progress(&uid, &name, Instant::now()),
            storage: name,
            view,
        });
    }
    Ok(all)
}

/// How far a rewrap is, and whether another run reads what it is to replace.
fn rewrap_of(run: &BackupRun, context: &Context) -> RewrapView {
    let uid = run.uid().unwrap_or_default();
    let status = run.status.as_ref();
    if !status.is_some_and(|s| s.rewrap.is_some() || !s.replaced.is_empty()) {
        return RewrapView::default();
    }
    RewrapView {
        progress: context.copies.progress(&uid, OWN, Instant::now()),
        reader: sources::reader(run, context),
        writer: sources::writer(run, &context.runs, &context.storages),
        request_is_kept: false,
    }
}

/// A value that was taken up stands there again, and who put it there is no person with `kubectl annotate` but
/// something that applies the whole manifest: it would ask again for ever.
async fn request_is_kept(run: &BackupRun, context: &Context, requests: Requests) -> Result<bool, WriteError> {
    let annotations = run.annotations();
    let Some(asked) = annotations
        .get(requests.asked)
        .filter(|_| !requests.is_asked(annotations))
    else {
        return Ok(false);
    };
    // The cache keeps neither who manages a field nor what was applied last.
    let api: Api<BackupRun> = Api::namespaced(context.client.clone(), &run.namespace().unwrap_or_default());
    let found = bounded("read who asks for it", api.get_metadata_opt(&run.name_any())).await?;
    Ok(found.is_some_and(|f| is_applied(&f.metadata, requests.asked, asked)))
}

/// The annotation is part of a manifest that was applied server-side, where another hand takes the field from its manager; or client-side, with
/// that value: a person may have written another since.
fn is_applied(metadata: &ObjectMeta, request: &str, asked: &str) -> bool {
    let managed = metadata.managed_fields.iter().flatten().any(|m| {
        let fields = m.fields_v1.as_ref();
        let path = format!("/f:metadata/f:annotations/f:{}", request.replace('/', "~1"));
        m.operation.as_deref() == Some("Apply") && fields.is_some_and(|f| f.0.pointer(&path).is_some())
    });
    let last = metadata
        .annotations
        .iter()
        .flatten()
        .find(|(name, _)| *name == LAST_APPLIED);
    let applied = last.and_then(|(_, text)| serde_json::from_str::<serde_json::Value>(text).ok());
    let path = format!("/metadata/annotations/{}", request.replace('/', "~1"));
    managed || applied.is_some_and(|a| a.pointer(&path).and_then(serde_json::Value::as_str) == Some(asked))
}

fn under_way(run: &BackupRun) -> Option<(api::names::Action, u32)> {
    let transfer = run.status.as_ref()?.transfer.as_ref()?;
    Some(planner::run::life::parse(&transfer.attempt))
}

/// Why the run's namespace may not use the storage. A transfer that this operator holds is not stopped, and what is over is
/// not asked. That one is under way is not taken from the status alone.
async fn refusal(
    run: &BackupRun,
    storage: &BackupStorage,
    transfer: &TransferView,
    context: &Context,
) -> Result<Option<String>, WriteError> {
    let status = run.status.as_ref();
    let over = status.is_some_and(|s| s.transfer.is_none() && is_finished(s));
    let asked = |what| run.annotations().contains_key(what);
    let reads = [labels::RESTORE, labels::DOWNLOAD, labels::REWRAP]
        .into_iter()
        .any(asked);
    // That which is under way as a rewrap is asked at each step, and what one has replaced is removed by what the status says.
    let reads = reads || status.is_some_and(|s| s.rewrap.is_some() || !s.replaced.is_empty());
    // For a copy that is to be made, and for one that is found gone by this very pass.
    let reads = reads || !planner::run::copies::wanted(run).is_empty();
    let held = *transfer != TransferView::None && !asked(labels::DOWNLOAD);
    if held || over && !reads || run.metadata.deletion_timestamp.is_some() {
        return Ok(None);
    }
    allows(storage, run, context).await
}

/// Why the run's namespace may not use a storage, if so.
async fn allows(storage: &BackupStorage, run: &BackupRun, context: &Context) -> Result<Option<String>, WriteError> {
    let namespace = run.namespace().unwrap_or_default();
    let labels = if access::needs_labels(&storage.spec) {
        let api: Api<Namespace> = Api::all(context.client.clone());
        let found = bounded("read the namespace", api.get_metadata_opt(&namespace)).await?;
        found.and_then(|n| n.metadata.labels).unwrap_or_default()
    } else {
        BTreeMap::new()
    };
    Ok(access::allows(&storage.spec, &storage.name_any(), &namespace, &labels).err())
}

fn storage_view(storage: &BackupStorage, namespace: &str, context: &Context) -> StorageView {
    // The key of no path is the prefix.
    let place = crate::stores::parameters(storage).map(|parsed| {
        let isolation = storage.spec.namespace_isolation.unwrap_or_default();
        Place {
            prefix: isolation.folder(&parsed.key(""), namespace),
            isolated: isolation == NamespaceIsolation::Prefix,
            thaws: parsed.thaw().is_some(),
            retry: parsed.retry(),
            location: Location {
                bucket: parsed.bucket().into(),
                endpoint: parsed.endpoint().into(),
            },
            home: context.client.default_namespace().into(),
        }
    });
    let conditions = storage
        .status
        .as_ref()
        .map(|s| s.conditions.as_slice())
        .unwrap_or_default();
    if storage.metadata.deletion_timestamp.is_some() {
        return StorageView::NotReady {
            message: "it is being deleted.".into(),
            place: place.ok(),
            full: false,
        };
    }
    if !condition::is_true(conditions, condition::READY) {
        let told = condition::find(conditions, condition::READY);
        return StorageView::NotReady {
            message: told.map_or_else(|| "it has not been probed yet.".into(), |c| c.message.clone()),
            place: place.ok(),
            full: planner::storage::is_full(storage),
        };
    }
    place.map_or_else(
        |_| StorageView::NotReady {
            message: "its parameters are wrong.".into(),
            place: None,
            full: false,
        },
        StorageView::Ready,
    )
}

/// What others say of the key that this run wrote to, or is about to: where something depends on it.
fn claims_of(run: &BackupRun, context: &Context) -> Vec<Claim> {
    let status = run.status.as_ref().filter(|_| run.spec.backup.is_some());
    let goes = run.metadata.deletion_timestamp.is_some();
    let begins = |s: &BackupRunStatus| s.transfer.as_ref().is_some_and(|t| t.command_started_at.is_none());
    let may_be_over = |s: &BackupRunStatus| condition::is_true(&s.conditions, condition::READY);
    let asks = status.filter(|s| goes || begins(s) || may_be_over(s));
    let key = asks.and_then(|s| s.key.as_deref());
    key.map(|key| claims::on(key, run, context)).unwrap_or_default()
}

fn age(pod: &Pod, now: Timestamp) -> Duration {
    let created = pod.creation_timestamp().map_or(now, |t| t.0);
    Duration::try_from(now.duration_since(created)).unwrap_or_default()
}

/// What is left of the start deadline of an attempt whose command has not begun.
fn left(
    run: &BackupRun,
    ages: &BTreeMap<Timestamp, Duration>,
    working_for: Duration,
    now: Timestamp,
) -> Option<Duration> {
    let transfer = run.status.as_ref()?.transfer.as_ref()?;
    if transfer.command_started_at.is_some() {
        return None;
    }
    let age = since(transfer.started_at.0, ages, now).min(working_for);
    Some(planner::run::attempt::start_deadline(run).saturating_sub(age))
}

/// How long ago a time was, by this process's own clock where it has seen it.
fn since(time: Timestamp, ages: &BTreeMap<Timestamp, Duration>, now: Timestamp) -> Duration {
    let by_wall = || Duration::try_from(now.duration_since(time)).unwrap_or_default();
    ages.get(&time).copied().unwrap_or_else(by_wall)
}

fn view(pod: &Pod, run: &BackupRun, container: &str) -> PodView {
    PodView {
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        ours: controls(run, pod),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        over: stage::is_over(pod),
        finalizers: pod.finalizers().to_vec(),
        stage: stage::stage(pod, container),
        carrier: carrier_of(pod),
        no_volume: stage::no_volume(pod, container),
        unmade: stage::unmade(pod, container),
    }
}

#[cfg(test)]
mod tests;
