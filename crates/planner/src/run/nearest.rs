//! Which of a backup's objects a restore reads: its own, or the first copy that is there as it was stored.
use api::BackupRunStatus;
use api::run::CopyStatus;

use crate::run::moved::moved;
use crate::run::observed::{Found, Observed};
use crate::run::step::Unguarded;
use crate::run::there::{self, Lie};

/// What is read.
#[derive(Debug, PartialEq)]
pub enum Nearest {
    /// The backup's own object, as ever.
    Own,
    /// A copy, and why what stands before it was passed by.
    Copy(Box<CopyStatus>, String),
    /// This is to be looked at first.
    Look(Unguarded),
    /// None is there, in words.
    Nothing {
        /// Each, and why it was passed by.
        words: String,
        /// A storage that is not ready, or does not answer, may have one in a moment.
        may_come: bool,
    },
}

/// Goes through them in order: the backup's own storage, then the copies as the status has them. Each is looked at before a Pod is made for it,
/// so that one which was removed costs no restore; what is read is proved as ever.
pub fn nearest(o: &Observed<'_>, status: &BackupRunStatus) -> Nearest {
    let copies: Vec<_> = there::made(status).collect();
    if copies.is_empty() {
        return Nearest::Own;
    }
    let own = match own(o, status) {
        Own::There => return Nearest::Own,
        Own::Look(look) => return Nearest::Look(look),
        Own::Passed(own) => own,
    };
    let mut may_come = own.may_come;
    let mut words = vec![format!("storage {}: {}", o.run.spec.storage.name, own.words)];
    for copy in copies {
        match there::lie(o, status, copy) {
            Lie::There => return Nearest::Copy(Box::new(copy.clone()), words.join("; ")),
            Lie::Unknown => return Nearest::Look(there::look(copy)),
            Lie::Lost { why, .. } => words.push(format!("storage {}: {why}", copy.storage)),
            Lie::Hidden { why, passes } => {
                may_come |= passes;
                words.push(format!("storage {}: {why}", copy.storage));
            }
        }
    }
    if own.unseen {
        // Who may read need not be allowed to look, and a store that is silent now is asked again by the restore itself.
        return Nearest::Own;
    }
    Nearest::Nothing {
        words: words.join("; "),
        may_come,
    }
}

enum Own {
    There,
    Look(Unguarded),
    Passed(Passed),
}

struct Passed {
    words: String,
    may_come: bool,
    /// The store did not let it be looked at.
    unseen: bool,
}

fn own(o: &Observed<'_>, status: &BackupRunStatus) -> Own {
    let passed = |words: String, may_come| {
        Own::Passed(Passed {
            words,
            may_come,
            unseen: false,
        })
    };
    if let Err((words, may_come)) = o.storage.to_read() {
        return passed(words, may_come);
    }
    let Some(key) = &status.key else { return Own::There };
    if o.storage.forbids(key).is_some() {
        // The restore refuses it in its own words.
        return Own::There;
    }
    // The versions of another bucket are its own.
    let moved = moved(&o.storage, status.location.as_ref());
    match &o.found {
        Found::Unknown => Own::Look(Unguarded::Look {
            storage: None,
            key: key.clone(),
            version_id: status.version_id.clone().filter(|_| moved.is_none()),
        }),
        Found::Object(object) => {
            // Whoever copied it there in other parts gave it another ETag; the hash proves it.
            let etag = status
                .etag
                .as_ref()
                .filter(|_| moved.is_none() || status.sha256.is_none());
            let known = (status.size_in_bytes, etag, status.version_id.as_ref());
            match there::differs(object, known) {
                None => Own::There,
                Some(why) => passed(why, false),
            }
        }
        Found::Nothing => {
            let elsewhere = moved.map_or(String::new(), |moved| format!("; it {}", moved.words()));
            passed(format!("there is no object {key}{elsewhere}"), false)
        }
        Found::Unseen { words, .. } => Own::Passed(Passed {
            words: words.clone(),
            may_come: true,
            unseen: true,
        }),
    }
}
