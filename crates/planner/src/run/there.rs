//! Whether a copy that was made is still there: how it lies in its storage, as far as a look tells.
use api::BackupRunStatus;
use api::run::CopyStatus;

use crate::run::moved::moved;
use crate::run::observed::{Found, Observed, StoredObject};
use crate::run::step::Unguarded;

/// The copies that were made, as far as is known.
pub fn made(status: &BackupRunStatus) -> impl Iterator<Item = &CopyStatus> {
    status.copies.iter().filter(|copy| copy.completion_time.is_some())
}

/// How a copy that was made lies in its storage.
#[derive(Debug, PartialEq, Eq)]
pub enum Lie {
    /// As it was made, as far as a look tells.
    There,
    /// It was not looked at.
    Unknown,
    /// It is gone, or another object lies in its place.
    Lost {
        /// In words.
        why: String,
        /// The run that wrote there since.
        by: Option<String>,
    },
    /// It cannot be looked at.
    Hidden {
        /// In words.
        why: String,
        /// That may pass.
        passes: bool,
    },
}

/// How one lies there. A storage that names another bucket by now says nothing of the one that it was made in.
pub fn lie(o: &Observed<'_>, status: &BackupRunStatus, copy: &CopyStatus) -> Lie {
    let hidden = |why: String, passes| Lie::Hidden { why, passes };
    let Some(seen) = o.copies.iter().find(|c| c.storage == copy.storage) else {
        return hidden("there is no such storage".into(), true);
    };
    if let Err((why, passes)) = seen.view.to_read() {
        return hidden(why, passes);
    }
    if let Some(why) = seen.view.forbids(&copy.key) {
        return hidden(why, false);
    }
    let moved = moved(&seen.view, copy.location.as_ref());
    match &seen.found {
        Found::Unknown => Lie::Unknown,
        Found::Unseen { words, passes } => hidden(words.clone(), *passes),
        Found::Nothing => match moved {
            Some(moved) => hidden(format!("there is no object {}; it {}", copy.key, moved.words()), false),
            None => Lie::Lost {
                why: format!("there is no object {} any more", copy.key),
                by: None,
            },
        },
        Found::Object(object) => {
            let known = (status.size_in_bytes, copy.etag.as_ref(), copy.version_id.as_ref());
            match (differs(object, known), moved) {
                (None, _) => Lie::There,
                (Some(why), Some(moved)) => hidden(format!("{why}; it {}", moved.words()), false),
                (Some(why), None) => Lie::Lost {
                    why,
                    by: object.run.clone().filter(|_| object.run_uid != o.run.metadata.uid),
                },
            }
        }
    }
}

/// Why what lies there is not what was stored: by size, and by ETag where no version tells it apart.
pub fn differs(object: &StoredObject, known: (Option<u64>, Option<&String>, Option<&String>)) -> Option<String> {
    let (size, etag, version) = known;
    if version.is_none()
        && let Some(etag) = etag.filter(|etag| **etag != object.etag)
    {
        let by = object
            .run
            .as_ref()
            .map_or(String::new(), |run| format!(", written by run {run}"));
        return Some(format!(
            "another object lies under {} (ETag {}, expected {etag}){by}",
            object.key, object.etag
        ));
    }
    let size = size.filter(|size| *size != object.size)?;
    Some(format!("{} has {} bytes, expected {size}", object.key, object.size))
}

/// A look at it.
pub fn look(copy: &CopyStatus) -> Unguarded {
    Unguarded::Look {
        storage: Some(copy.storage.clone()),
        key: copy.key.clone(),
        version_id: copy.version_id.clone(),
    }
}
