//! Whether a storage still names the place where something was stored: whoever edits its bucket or its endpoint moves nothing.
use api::run::Location;

use crate::run::observed::StorageView;

/// A storage names another place than the one in which something was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Where it was stored.
    pub from: Location,
    /// What the storage names now.
    pub to: Location,
}

impl Moved {
    /// What was stored there is nowhere else: another bucket. Another endpoint may be another name of the same store.
    pub fn is_elsewhere(&self) -> bool {
        self.from.bucket != self.to.bucket
    }

    /// Where it was stored, and what the storage names now.
    pub fn words(&self) -> String {
        let Self { from, to } = self;
        format!(
            "was stored in bucket {:?} at {}, and the storage now names bucket {:?} at {}",
            from.bucket, from.endpoint, to.bucket, to.endpoint
        )
    }
}

/// Compares where something was stored with what its storage names. Runs of before it was recorded do not say, and a storage that is gone or
/// cannot be read names nothing.
pub fn moved(storage: &StorageView, from: Option<&Location>) -> Option<Moved> {
    let (from, to) = (from?, storage.location()?);
    (from != to).then(|| Moved {
        from: from.clone(),
        to: to.clone(),
    })
}
