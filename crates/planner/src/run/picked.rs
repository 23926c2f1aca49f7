//! What is seen of other objects: the backup that a run's source is, whom a backup is for, and the proof that another run was of this one's.
use api::run::{CopyStatus, Location};
use api::source::PickedSource;
use jiff::Timestamp;

/// What came of the look for a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SourceView {
    /// The run asks for none, or has picked it.
    #[default]
    NotAsked,
    /// That backup.
    Picked(Box<Picked>),
    /// None yet, in words: it may come.
    NotYet(String),
    /// None, and none will come, in words.
    Refused(String),
}

/// A backup, and what its run knows of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picked {
    /// Who made it, where it lies, how it is packed.
    pub(super) source: PickedSource,
    /// As rendered.
    pub(super) path: String,
    /// Its key, where that was recorded.
    pub(super) key: Option<String>,
    /// The bucket, and where it is.
    pub(super) location: Option<Location>,
    /// The store's ETag.
    pub(super) etag: Option<String>,
    /// The store's version of it.
    pub(super) version_id: Option<String>,
    /// Of what is stored.
    pub(super) sha256: Option<String>,
    /// What the command printed.
    pub(super) bytes: Option<u64>,
    /// What is stored.
    pub(super) size_in_bytes: Option<u64>,
    /// The copies that are there.
    pub(super) copies: Vec<CopyStatus>,
}

/// What came of the look for recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RecipientsView {
    /// They stand in the spec, or were read.
    #[default]
    NotAsked,
    /// All of them, those of the spec first.
    Read(Vec<String>),
    /// One place of them is not there, or has none, in words: that may be cured.
    Missing(String),
}

/// What the restore of a backup by another run has shown of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The run that restored it.
    pub run: String,
    /// When that ended.
    pub at: Timestamp,
    /// It was whole, and its check found it right.
    pub good: bool,
    /// Why not, in the reader's one word.
    pub reason: String,
    /// `Read` or `Restore`.
    pub mode: String,
    /// How long it took, for people.
    pub duration: Option<String>,
    /// What that run says of it.
    pub words: String,
}
