//! The decision about a run: which of its lives it is in, and how a backup or a first restore begins.
use std::time::Duration;

use api::names::{Action, attempt};
use api::run::{State, Transfer};
use api::{BackupRunStatus, condition, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::run::observed::{Observed, Route, StorageView};
use crate::run::step::{Decision, Event, Step};
use crate::run::{attempt as under_way, finalize, path, pod, restore, retry, verdict};
use crate::validate;

/// Look again at a run that waits for its storage; a change of the storage wakes it sooner.
const STORAGE_WAIT: Duration = Duration::from_secs(30);

/// What is to be done next.
pub fn decide(o: &Observed<'_>) -> Decision {
    if o.run.metadata.deletion_timestamp.is_some() {
        return finalize::decide(o);
    }
    let status = o.run.status.clone().unwrap_or_default();
    if let Some(mut transfer) = status.transfer.clone() {
        // Whoever may write the status may have put anything there: from here on it is an attempt's name.
        let (action, number) = under_way::parse(&transfer.attempt);
        transfer.attempt = attempt(action, number);
        return if verdict::is_reported(&status, &transfer.attempt) {
            under_way::clean_up(o, status, &transfer)
        } else if let Some(failed) = retry::failed_at(o, &transfer) {
            retry::decide(o, status, &transfer, failed)
        } else {
            under_way::decide(o, status, &transfer)
        };
    }
    if is_finished(&status) {
        restore::decide(o, status)
    } else if condition::is_true(&status.conditions, condition::IN_PROGRESS) {
        // Ours have a transfer as long as they are in progress: this one was left by the Go operator.
        let text = "the operator that made this backup is gone, and nothing is known of its transfer; make a new run";
        Decision {
            steps: verdict::refuse(o, status, "Interrupted", text),
            requeue: None,
        }
    } else {
        begin(o, status)
    }
}

/// The backup, or the first restore of a restore-only run, has ended; this never changes again.
pub fn is_finished(status: &BackupRunStatus) -> bool {
    [condition::SUCCESSFUL, condition::FAILED]
        .iter()
        .any(|c| condition::is_true(&status.conditions, c))
}

fn begin(o: &Observed<'_>, mut status: BackupRunStatus) -> Decision {
    let mut steps = Vec::new();
    if !o.run.finalizers().iter().any(|f| f == labels::FINALIZER) {
        steps.push(Step::AddFinalizer);
    }
    let valid = match validate::run::validate(&o.run.spec) {
        Ok(valid) => valid,
        Err(faults) => {
            let text = validate::sentence(&faults);
            steps.extend(verdict::refuse(o, status, "InvalidSpec", &text));
            return Decision { steps, requeue: None };
        }
    };
    if let StorageView::Refused { message } = &o.storage {
        steps.extend(verdict::refuse(o, status, "NamespaceNotAllowed", message));
        return Decision { steps, requeue: None };
    }
    let prefix = match storage_or_wait(o, &status) {
        Ok(prefix) => prefix,
        Err(wait) => {
            steps.extend(wait.steps);
            return Decision {
                steps,
                requeue: wait.requeue,
            };
        }
    };
    let path = match valid.render_path(&path::context(o.run, o.now)) {
        Ok(path) => path,
        Err(why) => {
            let text = format!("spec.storage.path: {why}");
            steps.extend(verdict::refuse(o, status, "InvalidPath", &text));
            return Decision { steps, requeue: None };
        }
    };
    let action = if o.run.spec.backup.is_some() {
        Action::Backup
    } else {
        Action::Restore
    };
    verdict::describe_stored(o, &mut status);
    let key = key(&prefix, &path);
    status.path = Some(path.clone());
    status.key = Some(key.clone());
    status.start_time = Some(Time(o.now));
    status.attempts = (action == Action::Backup).then_some(1);
    start(o, &mut status, action, 1, key);
    let (reason, note) = match action {
        Action::Backup => (
            "BackupStarted",
            format!("making a backup into {path} of storage {}", o.run.spec.storage.name),
        ),
        Action::Restore => (
            "RestoreStarted",
            format!("restoring {path} of storage {}", o.run.spec.storage.name),
        ),
    };
    steps.push(Step::Report(Box::new(status)));
    steps.push(Step::Event(Event {
        warning: false,
        reason,
        action: "Start",
        note,
    }));
    steps.push(create_pod(o, action, 1));
    Decision {
        steps,
        requeue: Some(start_deadline(o)),
    }
}

/// Puts a new attempt into the status. Nothing has happened yet: the Pod's name follows from it, so that a crash
/// after the report finds the Pod, or its absence, by that name.
pub fn start(o: &Observed<'_>, status: &mut BackupRunStatus, action: Action, number: u32, key: String) {
    status.state = Some(if action == Action::Backup {
        State::Backuping
    } else {
        State::Restoring
    });
    status.pod_name = Some(api::names::pod_of(&o.run.name_any(), action, number));
    status.transfer = Some(Transfer {
        attempt: attempt(action, number),
        started_at: Time(o.now),
        pod_uid: None,
        command_started_at: None,
        key: Some(key),
        upload_id: None,
        route: Route::Direct.word().into(),
        failed_at: None,
    });
    status.progress = None;
    status.message = None;
    status.log = None;
    verdict::say_started(o, status, action);
}

/// The Pod of an attempt, to be created.
pub fn create_pod(o: &Observed<'_>, action: Action, number: u32) -> Step {
    let container = container_of(o.run, action).unwrap_or_default();
    Step::CreatePod(Box::new(pod::build(o.run, action, number, &container, o.agent)))
}

/// The container that an action runs in: the one it names, or the template's first.
pub fn container_of(run: &api::BackupRun, action: Action) -> Option<String> {
    let named = match action {
        Action::Backup => run.spec.backup.as_ref().and_then(|a| a.container.clone()),
        Action::Restore => run.spec.restore.as_ref().and_then(|a| a.container.clone()),
    };
    named.or_else(|| run.spec.template.spec.containers.first().map(|c| c.name.clone()))
}

/// How long a Pod may take to become ready.
pub fn start_deadline(o: &Observed<'_>) -> Duration {
    let seconds = o
        .run
        .spec
        .start_deadline_seconds
        .unwrap_or(api::run::DEFAULT_START_DEADLINE_SECONDS);
    Duration::from_secs(u64::from(seconds))
}

/// Path `/a/b` is key `a/b` below the prefix.
pub fn key(prefix: &str, path: &str) -> String {
    format!("{prefix}{}", path.trim_start_matches('/'))
}

/// The storage's prefix, or how to wait for the storage.
pub fn storage_or_wait(o: &Observed<'_>, status: &BackupRunStatus) -> Result<String, Decision> {
    let name = &o.run.spec.storage.name;
    let (reason, message) = match &o.storage {
        StorageView::Ready(place) => return Ok(place.prefix.clone()),
        StorageView::Missing => (
            "StorageMissing",
            format!(
                "spec.storage.name: there is no BackupStorage {name:?}; create it, or correct the name. The run waits."
            ),
        ),
        StorageView::NotReady { message, .. } | StorageView::Refused { message } => (
            "StorageNotReady",
            format!("storage {name:?} is not ready: {message} The run waits."),
        ),
    };
    let mut steps = Vec::new();
    if status.message.as_deref() != Some(&message) {
        let mut waiting = status.clone();
        verdict::say_waiting(o, &mut waiting, reason, &message);
        steps.push(Step::Report(Box::new(waiting)));
        steps.push(Step::Event(Event {
            warning: true,
            reason,
            action: "Wait",
            note: message,
        }));
    }
    Err(Decision {
        steps,
        requeue: Some(STORAGE_WAIT),
    })
}

#[cfg(test)]
mod tests;
