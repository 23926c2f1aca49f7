//! The story of a run: what happened when, from its status, its Pod and the Events of both. Pure; shown by `describe` and by the page.
use api::names::{self, Action};
use api::run::Transfer;
use api::{BackupRun, BackupRunStatus, labels};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use planner::run::Reason;
use planner::run::life::parse;
use planner::size::humanize;
use serde::Serialize;

/// An Event within this of what the status tells under the same reason is the same, in more words.
const SAME: SignedDuration = SignedDuration::from_secs(5);

/// How a step is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Mark {
    /// One of many.
    Step,
    /// A good end.
    Good,
    /// It wants a look.
    Warning,
    /// A bad end.
    Bad,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// Since the step before; none of the first.
    pub after: Option<i64>,
    /// What, in a word or two: a reason, or a step of Kubernetes'.
    pub what: String,
    /// More of it.
    pub detail: String,
    /// How it is meant.
    pub mark: Mark,
}

impl Step {
    fn new(at: Timestamp, what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            at,
            after: None,
            what: what.into(),
            detail: detail.into(),
            mark: Mark::Step,
        }
    }

    fn marked(mut self, mark: Mark) -> Self {
        self.mark = mark;
        self
    }
}

/// What happened, in order. `events` are those of the run and of its Pod, as the API server gave them; they are kept for an hour, and what the
/// status tells is there all the same.
pub fn story(run: &BackupRun, pod: Option<&Pod>, events: &[Event], now: Timestamp) -> Vec<Step> {
    let mut told: Vec<Step> = events.iter().filter_map(|event| said(run, event)).collect();
    let none = BackupRunStatus::default();
    let status = run.status.as_ref().unwrap_or(&none);
    let mut known = created(run);
    known.extend(backup(run, status));
    known.extend(restores(status));
    known.extend(
        status
            .transfer
            .as_ref()
            .map(|t| under_way(status, t, now))
            .unwrap_or_default(),
    );
    known.extend(waits(status));
    known.extend(pod.map(of_pod).unwrap_or_default());
    known.retain(|step| {
        let same = |event: &&mut Step| event.what == step.what && event.at.duration_since(step.at).abs() <= SAME;
        let Some(event) = told.iter_mut().find(same) else {
            return true;
        };
        // How an end is meant the status knows.
        if step.mark != Mark::Step {
            event.mark = step.mark;
        }
        false
    });
    told.extend(known);
    // What happened within one second of the status' clock stands in the order of this file.
    told.sort_by_key(|step| (step.at, rank(&step.what)));
    let mut before = None;
    for step in &mut told {
        step.after = before.map(|at| step.at.duration_since(at).as_secs());
        before = Some(step.at);
    }
    told
}

const CREATED: &str = "Created";
const POD_MADE: &str = "PodMade";
const POD_SCHEDULED: &str = "PodScheduled";
const POD_INITIALIZED: &str = "PodInitialized";
const POD_READY: &str = "PodReady";
const COMMAND: &str = "CommandStarted";
const PROGRESS: &str = "Progress";

/// Where a step belongs among those of one second.
fn rank(what: &str) -> usize {
    let started = [Reason::BackupStarted.word(), Reason::RestoreStarted.word()];
    let order = [
        CREATED,
        started[0],
        started[1],
        POD_MADE,
        POD_SCHEDULED,
        POD_INITIALIZED,
        POD_READY,
        COMMAND,
    ];
    let at = order.iter().position(|known| *known == what);
    at.unwrap_or(order.len())
}

fn created(run: &BackupRun) -> Vec<Step> {
    let annotations = run.annotations();
    let schedule = run.labels().get(labels::SCHEDULE);
    let why = match (
        annotations.get(labels::SCHEDULED_AT),
        annotations.get(labels::TRIGGERED),
        schedule,
    ) {
        (_, Some(_), Some(schedule)) => format!("schedule {schedule} was triggered"),
        (Some(tick), _, Some(schedule)) => format!("for the tick of {tick} of schedule {schedule}"),
        (_, _, Some(schedule)) => format!("by schedule {schedule}"),
        _ => "by hand".into(),
    };
    let at = run.creation_timestamp().map(|t| t.0);
    at.map(|at| Step::new(at, CREATED, why)).into_iter().collect()
}

/// The backup's begin and end, or those of the last restore of a run that has none.
fn backup(run: &BackupRun, status: &BackupRunStatus) -> Vec<Step> {
    let mut steps = Vec::new();
    let started = match run.spec.backup {
        Some(_) => Reason::BackupStarted,
        // Its restores are told one by one.
        None => return steps,
    };
    if let Some(at) = &status.start_time {
        // Admission: the mark that it was begun, and the path, are in its metadata from here on.
        let path = status.path.as_deref().unwrap_or_default();
        let into = format!("admitted, and begun: into {path} of storage {}", run.spec.storage.name);
        steps.push(Step::new(at.0, started.word(), into));
    }
    let good = api::condition::is_true(&status.conditions, api::condition::SUCCESSFUL);
    let type_ = if good {
        api::condition::SUCCESSFUL
    } else {
        api::condition::FAILED
    };
    let said = api::condition::find(&status.conditions, type_).filter(|c| c.status == "True");
    if let (Some(at), Some(said)) = (&status.completion_time, said) {
        let mark = if good { Mark::Good } else { Mark::Bad };
        steps.push(Step::new(at.0, &said.reason, &said.message).marked(mark));
    }
    steps
}

fn restores(status: &BackupRunStatus) -> Vec<Step> {
    let mut steps = Vec::new();
    for restore in &status.restores {
        let what = format!("restore {}", restore.number);
        steps.push(Step::new(restore.start_time.0, Reason::RestoreStarted.word(), &what));
        let given = humanize(restore.bytes);
        let (word, mark, detail) = match (&restore.message, restore.successful) {
            (_, true) => (
                Reason::RestoreSuccessful.word(),
                Mark::Good,
                format!("{what}: {given} given to the command"),
            ),
            (Some(why), false) => ("RestoreFailed", Mark::Bad, format!("{what}: {why}")),
            (None, false) => ("RestoreFailed", Mark::Bad, what),
        };
        steps.push(Step::new(restore.completion_time.0, word, detail).marked(mark));
    }
    steps
}

/// What is known of an attempt only while it is under way.
fn under_way(status: &BackupRunStatus, transfer: &Transfer, now: Timestamp) -> Vec<Step> {
    let (action, number) = parse(&transfer.attempt);
    let started = match (action, number) {
        (Action::Backup, 1) => Reason::BackupStarted,
        (Action::Backup, _) => Reason::BackupRetried,
        (Action::Restore, _) => Reason::RestoreStarted,
    };
    let mut steps = Vec::new();
    // The first backup began with the run.
    if started != Reason::BackupStarted || status.start_time.is_none() {
        steps.push(Step::new(
            transfer.started_at.0,
            started.word(),
            names::attempt(action, number),
        ));
    }
    if let Some(at) = &transfer.command_started_at {
        let route = format!("bytes go by the route {}", transfer.route);
        steps.push(Step::new(at.0, COMMAND, route));
    }
    if let Some(progress) = &status.progress {
        let (from, stored) = (humanize(progress.bytes), humanize(progress.stored_bytes));
        let words = match action {
            Action::Backup => format!("{from} from the command, {stored} stored"),
            Action::Restore => format!("{stored} read, {from} given to the command"),
        };
        steps.push(Step::new(progress.updated_at.0.min(now), PROGRESS, words));
    }
    if let Some(at) = &transfer.failed_at {
        let why = status.message.clone().unwrap_or_default();
        steps.push(Step::new(at.0, "AttemptFailed", why).marked(Mark::Warning));
    }
    steps
}

/// What it waits for now.
fn waits(status: &BackupRunStatus) -> Vec<Step> {
    let message = status.message.clone().unwrap_or_default();
    let queued = status.queued.as_ref().map(|queued| {
        let words = format!("place {} of {}: {message}", queued.place, queued.of);
        Step::new(queued.since.0, Reason::Queued.word(), words).marked(Mark::Warning)
    });
    let asked = status.restore_requested_at.as_ref();
    let asked = asked.map(|at| Step::new(at.0, "RestoreRequested", &message).marked(Mark::Warning));
    queued.into_iter().chain(asked).collect()
}

/// The steps of a Pod that is still there.
fn of_pod(pod: &Pod) -> Vec<Step> {
    let name = pod.name_any();
    let mut steps = Vec::new();
    steps.extend(pod.creation_timestamp().map(|at| Step::new(at.0, POD_MADE, &name)));
    let status = pod.status.as_ref();
    let node = pod.spec.as_ref().and_then(|s| s.node_name.clone());
    for said in status.and_then(|s| s.conditions.as_ref()).into_iter().flatten() {
        let detail = match said.type_.as_str() {
            POD_SCHEDULED => node.clone().map(|node| format!("on node {node}")).unwrap_or_default(),
            "Initialized" => "its init containers have ended".into(),
            "Ready" => "its containers are ready".into(),
            _ => continue,
        };
        let what = match said.type_.as_str() {
            "Initialized" => POD_INITIALIZED,
            "Ready" => POD_READY,
            _ => POD_SCHEDULED,
        };
        if let (Some(at), "True") = (&said.last_transition_time, said.status.as_str()) {
            steps.push(Step::new(at.0, what, detail));
        }
    }
    if let Some(at) = pod.metadata.deletion_timestamp.as_ref() {
        // It is set to when the grace ends.
        let grace = SignedDuration::from_secs(pod.metadata.deletion_grace_period_seconds.unwrap_or(0));
        let asked = at.0.checked_sub(grace).unwrap_or(at.0);
        steps.push(Step::new(asked, "PodDeleted", name));
    }
    steps
}

/// An Event as a step. Of the Pod's, what went well is told by the Pod itself, but for what it took to pull an image.
fn said(run: &BackupRun, event: &Event) -> Option<Step> {
    let series = event.series.as_ref();
    let last = series
        .map(|s| s.last_observed_time.0)
        .or(event.deprecated_last_timestamp.as_ref().map(|t| t.0));
    let first = event.event_time.as_ref().map(|t| t.0);
    let first = first
        .or(event.deprecated_first_timestamp.as_ref().map(|t| t.0))
        .or(last)?;
    let reason = event.reason.clone().unwrap_or_default();
    let warning = event.type_.as_deref() == Some("Warning");
    let about = event.regarding.as_ref()?;
    let of_run = about.uid == run.metadata.uid && run.metadata.uid.is_some();
    if !of_run && !warning && !["Pulled", "Pulling", "Scheduled"].contains(&reason.as_str()) {
        return None;
    }
    let times = series.map(|s| s.count).or(event.deprecated_count).unwrap_or(1);
    let mut detail = event.note.clone().unwrap_or_default();
    if times > 1 {
        let until = last
            .filter(|last| *last > first)
            .map(|last| format!(", last at {}", second(last)))
            .unwrap_or_default();
        detail.push_str(&format!(" ({times} times{until})"));
    }
    let mark = match (of_run, warning) {
        (true, _) if is_good_end(&reason) => Mark::Good,
        (_, true) => Mark::Warning,
        _ => Mark::Step,
    };
    Some(Step::new(first, reason, detail).marked(mark))
}

fn is_good_end(reason: &str) -> bool {
    [Reason::BackupSuccessful, Reason::RestoreSuccessful, Reason::Adopted]
        .iter()
        .any(|good| good.word() == reason)
}

/// RFC 3339, to the second.
pub fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests;
