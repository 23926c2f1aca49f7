//! Runs whose schedule is another one by now: a schedule that comes back under its name (`kubectl replace --force`, `--cascade=orphan`,
//! a cluster that was restored) takes its orphans up, so that rotation counts them. And what runs have to know once it is gone.
use api::names::is_run_of;
use api::schedule::WhenDeleted;
use api::{BackupRun, BackupSchedule, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt};

use crate::run::{Event, leaving};
use crate::schedule::decide::owner;
use crate::schedule::observed::Observed;
use crate::schedule::reason::Reason;

/// At most this many are written to in one pass.
const AT_ONCE: usize = 20;

/// A run to take up, or to note something on.
#[derive(Clone, Debug, PartialEq)]
pub struct Adopted {
    /// Name.
    pub name: String,
    /// The version that was looked at: one that has changed meanwhile is looked at again.
    pub version: Option<String>,
    /// Its owners from now on.
    pub owners: Vec<OwnerReference>,
    /// What is noted on it for the time when the schedule is gone.
    pub when_deleted: Option<&'static str>,
    /// It was an orphan.
    pub orphan: bool,
}

/// What a schedule notes on its runs; nothing is Retain.
pub fn noted(schedule: &BackupSchedule) -> Option<&'static str> {
    (schedule.spec.when_deleted == Some(WhenDeleted::Delete)).then_some(leaving::DELETE)
}

/// The runs to write to now, and whether more are left.
pub fn adopted(o: &Observed<'_>) -> (Vec<Adopted>, bool) {
    let note = noted(o.schedule);
    let stays = |r: &&&BackupRun| r.metadata.deletion_timestamp.is_none();
    let orphans = o.others.iter().filter(stays).filter(|r| is_orphan(r, o.schedule));
    let stale = o.runs.iter().filter(stays).filter(|r| !notes(r, note));
    let mut all: Vec<_> = orphans
        .map(|r| one(r, o.schedule, note, true))
        .chain(stale.map(|r| one(r, o.schedule, note, false)))
        .collect();
    all.sort_by(|a, b| (!a.orphan, &a.name).cmp(&(!b.orphan, &b.name)));
    let more = all.len() > AT_ONCE;
    all.truncate(AT_ONCE);
    (all, more)
}

/// Whether the schedule is to be held by our finalizer from now on (true), or let go (false). What is noted on runs is all that is known once it is
/// gone, and is written to a few at a time: of one that is deleted right after `whenDeleted` was set back to Retain, the others would have their
/// objects removed. Held before the first note is made, and as long as one is there.
pub fn hold(o: &Observed<'_>) -> Option<bool> {
    let wanted = noted(o.schedule).is_some()
        || o.runs
            .iter()
            .any(|r| r.annotations().contains_key(labels::WHEN_DELETED));
    let held = o.schedule.finalizers().iter().any(|f| labels::is_our_finalizer(f));
    (wanted != held).then_some(wanted)
}

/// The runs to write to now before a schedule that is being deleted is let go; none: what they note is what it said last. Those that are being
/// deleted themselves, too: nobody else tells them.
pub fn parting(schedule: &BackupSchedule, runs: &[&BackupRun]) -> Vec<Adopted> {
    let note = noted(schedule);
    let stale = runs.iter().filter(|r| !notes(r, note)).take(AT_ONCE);
    stale.map(|r| one(r, schedule, note, false)).collect()
}

fn notes(run: &BackupRun, note: Option<&str>) -> bool {
    run.annotations().get(labels::WHEN_DELETED).map(String::as_str) == note
}

/// What people should hear of it.
pub fn taken_up(o: &Observed<'_>, adopted: &[Adopted]) -> Option<Event> {
    let names: Vec<_> = adopted.iter().filter(|a| a.orphan).map(|a| a.name.as_str()).collect();
    (!names.is_empty()).then(|| Event {
        warning: false,
        reason: Reason::RunsAdopted.word(),
        action: "Adopt",
        note: format!(
            "took up what an earlier schedule {} left: {}; rotation counts them",
            o.schedule.name_any(),
            names.join(", ")
        ),
    })
}

fn one(run: &BackupRun, schedule: &BackupSchedule, when_deleted: Option<&'static str>, orphan: bool) -> Adopted {
    let ours = owner(schedule);
    let mut owners: Vec<_> = run
        .owner_references()
        .iter()
        .filter(|o| !is_schedule(o, &ours.name))
        .cloned()
        .collect();
    owners.push(ours);
    Adopted {
        name: run.name_any(),
        version: run.resource_version(),
        owners,
        when_deleted,
        orphan,
    }
}

/// Whether a run was made by a schedule of this name that is gone: names are there once in a namespace, so one with another UID is.
/// A label alone is no proof, since anybody copies labels: the name has to be one that only a schedule gives. A run that
/// something else controls is that one's.
fn is_orphan(run: &BackupRun, schedule: &BackupSchedule) -> bool {
    let name = schedule.name_any();
    let controller = run.owner_references().iter().find(|o| o.controller == Some(true));
    let left = controller.is_none_or(|o| is_schedule(o, &name) && Some(&o.uid) != schedule.metadata.uid.as_ref());
    left && run.namespace() == schedule.namespace()
        && run.labels().get(labels::SCHEDULE) == Some(&name)
        && is_run_of(&run.name_any(), &name)
}

fn is_schedule(owner: &OwnerReference, name: &str) -> bool {
    owner.kind == BackupSchedule::kind(&())
        && owner.api_version == BackupSchedule::api_version(&())
        && owner.name == name
}
