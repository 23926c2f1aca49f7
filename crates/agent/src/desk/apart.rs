//! An operator of a version that this agent does not speak any more.
use proof::event::Cancel;
use protocol::Outcome;

use super::{Phase, State};
use crate::backup;

/// Seconds between TERM and KILL of a command that is stopped without an operator's word for it.
const GRACE: u64 = 5;

impl State {
    /// The operator is too old to be spoken to: what was not begun has ended, what runs is stopped, and it hears why in words that all
    /// versions have. It would wait for ever for an agent that says nothing.
    pub(super) fn too_old(&mut self, words: String) {
        match self.phase {
            Phase::Idle => {
                let mut report = backup::empty_report();
                report.outcome = Outcome::TransferFailed {
                    step: "start".into(),
                    message: words,
                };
                self.phase = Phase::Finished;
                self.report = Some(Box::new(report));
            }
            Phase::Running => self.cancel(Cancel {
                reason: words,
                grace_seconds: GRACE,
            }),
            Phase::Finished => {}
        }
    }
}
