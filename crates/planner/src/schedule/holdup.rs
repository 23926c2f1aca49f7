//! What keeps a run from its command, as its schedule tells it: a schedule whose storage is down is not slow.
use api::BackupRun;
use api::run::State;
use kube::ResourceExt;

use crate::run::waiting;

/// What a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    Storage,
    Turn,
    Pod,
    NextAttempt,
}

/// A run that has not come to its command, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holdup {
    run: String,
    why: String,
    what: For,
}

impl Holdup {
    /// What the run waits for, and what would cure it.
    pub fn words(&self) -> String {
        let cure = match self.what {
            For::Storage => "Put the storage right, and the next run goes on",
            For::Turn => "Raise that limit, have schedules come less often, or spread them (spec.jitterSeconds)",
            For::Pod => "Put right what keeps its Pod from starting",
            For::NextAttempt => "Put right what its attempts fail of",
        };
        format!("Run {} {}. {cure}", self.run, self.why.trim_end_matches('.'))
    }
}

/// What a run waits for; none of one whose command is under way, or of which nothing is known yet.
pub fn of(run: &BackupRun) -> Option<Holdup> {
    let status = run.status.as_ref()?;
    let message = waiting::cause(status);
    if message.is_empty() {
        return None;
    }
    let (what, why) = match &status.transfer {
        _ if status.queued.is_some() => {
            let words = message.strip_prefix("the run ").unwrap_or(&message);
            (For::Turn, words.to_string())
        }
        None if status.state == Some(State::StorageError) => (For::Storage, format!("waits: {message}")),
        None => return None,
        Some(transfer) if transfer.failed_at.is_some() => (For::NextAttempt, format!("waits: {message}")),
        Some(transfer) if transfer.command_started_at.is_none() => (For::Pod, format!("has not started: {message}")),
        Some(_) => return None,
    };
    Some(Holdup {
        run: run.name_any(),
        why,
        what,
    })
}
