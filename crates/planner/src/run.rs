//! Runs: what is to be done next for one backup or restore. A file uses only files that stand below it in this list, which a
//! test keeps (`tests/arrows.rs`).
pub mod decide;

pub mod derived;

pub mod download;

pub mod begin;

pub mod between;

pub mod delete;

pub mod follow;

pub mod leave;

pub mod restore;

pub mod returned;

pub mod cancel;

pub mod fallback;

pub mod over;

pub mod cure;

pub mod taken;

/// Which object a restore reads.
pub mod nearest;

/// Other recipients for a backup that is there.
pub mod rewrap;

/// What a rewrap has replaced.
pub mod replaced;

/// Copies in further storages.
pub mod copies;

/// What is asked of one.
pub mod rewrap_request;

pub mod there;

/// Legal holds.
pub mod lock;
/// Restores from archives.
pub mod thaw;

pub mod proved;

pub mod recipients;

pub mod source;

pub mod waiting;

pub mod starting;

pub mod turn;

pub mod end;

pub mod attempt;

pub mod shrunk;

/// Good backups that the Go operator calls failed.
pub mod inherited;

pub mod tell;

pub mod lately;

pub mod life;

pub mod limits;

pub mod leaving;

pub mod path;

pub mod step;

pub mod moved;

pub mod observed;

pub mod picked;

pub mod ending;

pub mod reason;

pub mod pod;

pub mod carrier;

pub use carrier::{AgentVolume, Carrier, Served};
pub use decide::decide;
pub use life::is_finished;
pub use observed::{
    Chosen, Claim, Contact, DownloadView, End, Found, Kept, LAST_WORDS, Observed, Obstacle, PodView, Recorded, Refusal,
    Route, StorageView, StoredObject, TransferView, Trouble,
};
pub use reason::Reason;
pub use step::{Ask, Decision, Event, Guarded, OWN, TransferOrder, Unguarded};
