//! The decision about a run: a match over its life.
use crate::run::life::{self, Life};
use crate::run::observed::Observed;
use crate::run::reason::Reason;
use crate::run::step::Decision;
use crate::run::{begin, between, delete, derived, download, end, follow, inherited, leave, restore, returned};

/// What is to be done next.
pub fn decide(o: &Observed<'_>) -> Decision {
    derived::told(o, download::answered(o, lived(o)))
}

fn lived(o: &Observed<'_>) -> Decision {
    let status = o.run.status.clone().unwrap_or_default();
    match life::of(o.run) {
        Life::Deleting => delete::decide(o),
        Life::New => begin::decide(o, status),
        Life::Returned(past) => returned::decide(o, status, &past),
        Life::UnderWay(attempt) => follow::decide(o, status, &attempt),
        Life::Between { attempt, failed } => between::decide(o, status, &attempt, failed),
        Life::Leaving(attempt) => leave::decide(o, status, &attempt),
        Life::Abandoned | Life::Finished if inherited::is_hidden(o.run) => inherited::told(o, status),
        Life::Abandoned => inherited::without_request(o, end::refuse(o, status, Reason::Interrupted, ABANDONED)),
        Life::Finished => restore::decide(o, status),
    }
}

const ABANDONED: &str =
    "the operator that made this backup is gone, and nothing is known of its transfer; make a new run";

#[cfg(test)]
mod tests;
