//! Whether a backup may be written where something lies already, or where another run is at work.
//!
//! Nothing that another run owns is replaced silently. A path that is meant to be written again is: by the same schedule, or by
//! a run that was made anew under its name.
use api::names::Action;
use api::{BackupRun, labels};
use kube::ResourceExt;

use crate::run::end::failed;
use crate::run::life::{Attempt, parse};
use crate::run::observed::{Claim, End, Found, Observed, StoredObject};
use crate::run::reason::Reason;
use crate::run::step::Event;

/// Whether the command of an attempt may be started.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// It may; what is said of it.
    Open(Option<Event>),
    /// What lies under the key was not looked at.
    Unknown {
        /// Object key.
        key: String,
    },
    /// The store did not answer, in its words.
    Unseen(String),
    /// The attempt is over before it began.
    Over(End),
}

/// Looks before the command of a backup starts. A restore reads, and what has started has been let through.
pub fn way(o: &Observed<'_>, at: &Attempt) -> Way {
    let key = at.transfer.key.as_ref();
    let (Action::Backup, None, Some(key)) = (at.action, &at.transfer.command_started_at, key) else {
        return Way::Open(None);
    };
    let object = match &o.found {
        Found::Unknown => return Way::Unknown { key: key.clone() },
        Found::Unseen { words, passes: true } => {
            return Way::Unseen(format!(
                "the store cannot be looked at before the command starts: {words}"
            ));
        }
        // The access keys may do all but look: what would be replaced is not known.
        Found::Unseen { passes: false, .. } | Found::Nothing => None,
        Found::Object(object) => Some(object.as_ref()),
    };
    let maker = Maker {
        run: o.run,
        cluster: o.cluster,
        attempt: at,
        claims: &o.claims,
    };
    match (judge(&maker, object), object) {
        (Verdict::Taken(message), _) => Way::Over(failed(Reason::PathTaken, message)),
        (Verdict::Own, Some(object)) => Way::Over(End::Adopted(Box::new(object.clone()))),
        (Verdict::Replaces { what, known }, _) => Way::Open(Some(Event {
            warning: !known,
            reason: Reason::Replaces.word(),
            action: "Backup",
            note: format!("this backup will replace object {what}"),
        })),
        (Verdict::Free | Verdict::Own, _) => Way::Open(None),
    }
}

/// What is to become of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing stands in the way.
    Free,
    /// What lies there is replaced.
    Replaces {
        /// The object, and who wrote it.
        what: String,
        /// It is known who did.
        known: bool,
    },
    /// What lies there is what this attempt makes: it was made before, by an operator whose report of it is lost.
    Own,
    /// It is another one's, in words.
    Taken(String),
}

/// Who is about to make an object.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    /// The run.
    pub run: &'a BackupRun,
    /// UID of this cluster; empty where it could not be read.
    pub cluster: &'a str,
    /// Its attempt.
    pub attempt: &'a Attempt,
    /// The other runs that name the key.
    pub claims: &'a [Claim],
}

/// What a backup meets under its key: the object that lies there, and the other runs that name it.
///
/// Objects that say nothing of their maker are replaced, and that is said: the Go operator's have always been.
pub fn judge(maker: &Maker<'_>, object: Option<&StoredObject>) -> Verdict {
    let at = maker.attempt;
    if let Some(rival) = maker.claims.iter().find(|c| maker.comes_after(c) && !maker.is_akin(c)) {
        return Verdict::Taken(format!(
            "object {} is being written by run {} at this moment; {CURE}",
            at.transfer.key.as_deref().unwrap_or_default(),
            rival.run
        ));
    }
    let Some(object) = object else { return Verdict::Free };
    let from_elsewhere = is_elsewheres(object, maker.cluster);
    if object.run_uid == maker.run.uid() && !from_elsewhere {
        // An earlier attempt's failed, or another would not have begun; one from this attempt on is newer than the status.
        let number = object.attempt.as_deref().map(parse);
        return match number {
            Some((action, number)) if action == at.action && number >= at.number => Verdict::Own,
            _ => Verdict::Free,
        };
    }
    // Each version stays, and each run restores its own.
    if object.version_id.is_some() {
        return Verdict::Free;
    }
    // A store that keeps no metadata knows no maker; the run that recorded the object does.
    let known = maker.claims.iter().find(|c| c.etag.as_ref() == Some(&object.etag));
    let Some(wrote) = object.run.as_ref().or(known.map(|c| &c.run)) else {
        return Verdict::Replaces {
            what: format!("{}, which does not say who wrote it", object.key),
            known: false,
        };
    };
    let schedule = object.schedule.as_ref().or(known.and_then(|c| c.schedule.as_ref()));
    if !from_elsewhere && (*wrote == maker.name() || maker.is_of_schedule(wrote, schedule)) {
        return Verdict::Replaces {
            what: format!("{} of run {wrote}", object.key),
            known: true,
        };
    }
    let place = if from_elsewhere { " of another cluster" } else { "" };
    Verdict::Taken(format!(
        "object {} was written by run {wrote}{place}, and is not replaced; {CURE}, or remove the object",
        object.key
    ))
}

const CURE: &str = "give spec.storage.path what tells runs apart, such as {{ .namespace }}, {{ .name }} or the time";

/// Written by an operator of another cluster: a copy of its runs, in a drill or after a move, is no claim to its objects.
pub fn is_elsewheres(object: &StoredObject, cluster: &str) -> bool {
    object
        .cluster
        .as_deref()
        .is_some_and(|theirs| theirs != cluster && !cluster.is_empty())
}

impl Maker<'_> {
    /// The other is at work on the key, since before this one; of two that began in one moment, one goes before the other.
    fn comes_after(&self, other: &Claim) -> bool {
        let ours = (
            self.attempt.transfer.started_at.0,
            self.run.metadata.uid.as_deref().unwrap_or_default(),
        );
        other
            .at_work_since
            .is_some_and(|since| (since, other.uid.as_str()) < ours)
    }

    fn is_akin(&self, other: &Claim) -> bool {
        other.run == self.name() || self.is_of_schedule(&other.run, other.schedule.as_ref())
    }

    fn name(&self) -> String {
        format!("{}/{}", self.run.namespace().unwrap_or_default(), self.run.name_any())
    }

    /// The other run is of the schedule that made this one. Objects of operators before this one do not name their schedule: its
    /// runs have its name and the time of their tick.
    fn is_of_schedule(&self, run: &str, schedule: Option<&String>) -> bool {
        let Some(ours) = schedule_of(self.run) else {
            return false;
        };
        match schedule {
            Some(theirs) => *theirs == ours,
            None => run
                .strip_prefix(&ours)
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(|tick| !tick.is_empty() && tick.bytes().all(|b| b.is_ascii_digit())),
        }
    }
}

/// The schedule that made a run: `namespace/name`.
pub fn schedule_of(run: &BackupRun) -> Option<String> {
    let schedule = run.labels().get(labels::SCHEDULE)?;
    Some(format!("{}/{schedule}", run.namespace().unwrap_or_default()))
}
