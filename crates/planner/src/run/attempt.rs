//! An attempt: how it is put into the status, its Pod, and what its transfer has to know.
use std::time::Duration;

use api::BackupRunStatus;
use api::names::{Action, attempt, pod_of};
use api::place::Place;
use api::run::{Location, State, Transfer};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::carrier::Carrier;
use crate::run::life::Attempt;
use crate::run::moved::moved;
use crate::run::observed::{Found, Observed, PodView, Route, StorageView};
use crate::run::step::{TransferOrder, Unguarded};
use crate::run::{carrier, pod, tell};

/// Puts a new attempt into the status. Nothing has happened yet: the Pod's name follows from it, so that a crash
/// after the report finds the Pod, or its absence, by that name.
pub fn start(o: &Observed<'_>, status: &mut BackupRunStatus, action: Action, number: u32, key: String) {
    status.state = Some(if action == Action::Backup {
        State::Backuping
    } else {
        State::Restoring
    });
    let namespace = o.run.namespace().unwrap_or_default();
    status.pod_name = Some(pod_of(&o.run.name_any(), action, number));
    status.transfer = Some(Transfer {
        attempt: attempt(action, number),
        started_at: Time(o.now),
        pod_uid: None,
        command_started_at: None,
        key: Some(key),
        storage: None,
        upload_id: None,
        location: writes_to(o, action),
        route: Route::Direct.word().into(),
        agent: Some(
            carrier::choose(o.agent.volume, &o.served, &namespace, &o.run.spec.template.spec)
                .word()
                .into(),
        ),
        waited_for: vec![],
        failed_at: None,
        cancelled_at: None,
    });
    status.progress = None;
    status.queued = None;
    status.message = None;
    status.log = None;
    tell::started(o, status, action);
}

/// Where the upload of an attempt will go.
pub fn writes_to(o: &Observed<'_>, action: Action) -> Option<Location> {
    o.storage.location().filter(|_| action == Action::Backup).cloned()
}

/// The Pod of an attempt, to be created.
///
/// What carries its agent was written down before, so that whoever creates it creates the same one.
pub fn create_pod(o: &Observed<'_>, status: &BackupRunStatus, action: Action, number: u32) -> Unguarded {
    let container = container_of(o.run, action).unwrap_or_default();
    let carrier = Carrier::of(status.transfer.as_ref().and_then(|t| t.agent.as_deref()));
    let pod = pod::build(o.run, action, number, &container, o.agent, carrier);
    Unguarded::CreatePod(Box::new(pod))
}

/// The Pod that an attempt has, whoever owns it.
pub fn pod_of_attempt<'o>(o: &'o Observed<'_>, at: &Attempt) -> Option<&'o PodView> {
    let name = pod_of(&o.run.name_any(), at.action, at.number);
    o.pods.iter().find(|p| p.name == name)
}

/// The container that an action runs in: the one it names, or the template's first.
pub fn container_of(run: &api::BackupRun, action: Action) -> Option<String> {
    let named = match action {
        Action::Backup => run.spec.backup.as_ref().and_then(|a| a.container.clone()),
        Action::Restore => run.spec.restore.as_ref().and_then(|a| a.container.clone()),
    };
    named.or_else(|| run.spec.template.spec.containers.first().map(|c| c.name.clone()))
}

/// What is left of a limit on the start of an attempt's command; zero when it is over.
///
/// The time before this operator does not count: nobody made the Pod or reached its agent then, and a run is not lost because its operator was
/// away.
pub fn left_to_start(o: &Observed<'_>, at: &Attempt, limit: Duration) -> Duration {
    limit.saturating_sub(o.age(at.transfer.started_at.0).min(o.working_for))
}

/// How long a Pod may take to become ready.
pub fn start_deadline(run: &api::BackupRun) -> Duration {
    let seconds = run
        .spec
        .start_deadline_seconds
        .unwrap_or(api::run::DEFAULT_START_DEADLINE_SECONDS);
    Duration::from_secs(u64::from(seconds))
}

/// Path `/a/b` is key `a/b` below the prefix.
pub fn key(prefix: &str, path: &str) -> String {
    format!("{prefix}{}", path.trim_start_matches('/'))
}

/// Whose record is of no use any more once this backup is stored. A version of an object stays, and so does its record.
fn replaced(o: &Observed<'_>) -> Option<Place> {
    let Found::Object(object) = &o.found else { return None };
    let ours = object.cluster.as_deref() == Some(o.cluster) && object.version_id.is_none();
    let (namespace, run) = object.run.as_deref().filter(|_| ours)?.split_once('/')?;
    let schedule = object.schedule.as_deref().and_then(|s| s.split_once('/'));
    Some(Place {
        namespace: namespace.into(),
        schedule: schedule.map(|(_, name)| name.into()),
        run: run.into(),
    })
}

/// The further storage whose copy an attempt reads; none: it works in the run's own, as a backup always does, whatever the status says.
pub fn of_copy<'a>(o: &Observed<'_>, at: &'a Attempt) -> Option<&'a String> {
    let named = at.transfer.storage.as_ref().filter(|_| at.action == Action::Restore);
    named.filter(|name| **name != o.run.spec.storage.name)
}

/// The storage that an attempt works in, for this run's namespace; none: the run has no copy in the one that the status names.
pub fn storage_of<'o>(o: &'o Observed<'_>, at: &Attempt) -> Option<&'o StorageView> {
    o.view_of(of_copy(o, at))
}

/// Whether a restore reads its own backup where a storage that was edited since points to. A copy is read by what is known of the copy.
fn is_moved(o: &Observed<'_>, at: &Attempt) -> bool {
    let own = of_copy(o, at).is_none();
    let stored = o.run.status.as_ref().and_then(|s| s.location.as_ref());
    own && at.action == Action::Restore && moved(&o.storage, stored).is_some()
}

/// What the transfer of an attempt has to know.
pub fn order(o: &Observed<'_>, at: &Attempt, pod: &PodView) -> TransferOrder {
    let transfer = &at.transfer;
    TransferOrder {
        attempt: transfer.attempt.clone(),
        action: at.action,
        pod: pod.name.clone(),
        pod_uid: pod.uid.clone(),
        container: container_of(o.run, at.action).unwrap_or_default(),
        storage: of_copy(o, at).unwrap_or(&o.run.spec.storage.name).clone(),
        cluster: o.cluster.into(),
        key: transfer.key.clone().unwrap_or_default(),
        moved: is_moved(o, at),
        only_new: o.found == Found::Nothing,
        replaces: replaced(o),
        upload_id: transfer.upload_id.clone(),
        route: Route::of(&transfer.route),
        command_started: transfer.command_started_at.is_some(),
    }
}
