//! What a decision about a run is made from.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::BackupRun;
use api::place::{OWN, is_own, segments};
use api::run::{Location, Lock};
use jiff::Timestamp;

use crate::queue::Turn;
use crate::run::carrier::{Carrier, Served};
use crate::run::ending::Ending;
use crate::run::picked::{Proof, RecipientsView, SourceView};
use crate::run::pod::AgentSettings;
use crate::run::reason::Reason;

/// Everything that was seen before deciding; the clock included.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// The run as the API server has it.
    pub run: &'a BackupRun,
    /// The storage that it names.
    pub storage: StorageView,
    /// Pods that carry the run's UID as their owner, and any Pod that has the name of the attempt under way.
    pub pods: Vec<PodView>,
    /// The transfer as this operator holds it.
    pub transfer: TransferView,
    /// What the API server said when it last refused to create the Pod.
    pub refused: Option<Refusal>,
    /// Whether the run has its turn.
    pub turn: Turn,
    /// Why this operator cannot open what a transfer needs, as long as it cannot.
    pub obstacle: Option<Obstacle>,
    /// What the store does not do that it was asked for on behalf of this run.
    pub trouble: Option<Trouble>,
    /// What lies in the store under the key of the run, as far as it was looked at.
    pub found: Found,
    /// What the Pod of the attempt said of its end when the store was asked, where it was.
    pub kept: Option<Kept>,
    /// The further storages that its copies are in, or are to be.
    pub copies: Vec<CopyView>,
    /// How far its rewrap is.
    pub rewrap: RewrapView,
    /// Whom its backup is to be encrypted for, where that stands elsewhere and is still to be read.
    pub recipients: RecipientsView,
    /// The backup that its source names, while it is still to be picked.
    pub source: SourceView,
    /// The last restore of its backup by another run, where that tells something of the backup.
    pub proof: Option<Proof>,
    /// What becomes of a request to download.
    pub download: DownloadView,
    /// The request to restore has the value that was taken up last, and is kept on the run by an applier.
    pub request_is_kept: bool,
    /// Bytes of the good backups of its schedule before this one, newest first; empty where nothing is compared.
    pub sizes_before: Vec<u64>,
    /// The other runs that have to do with the same key: before a backup's command starts, and when the run is over.
    pub claims: Vec<Claim>,
    /// UID of this cluster; empty where it could not be read.
    pub cluster: &'a str,
    /// How the agent is put into Pods.
    pub agent: &'a AgentSettings,
    /// What is known of image volumes in this cluster.
    pub served: Arc<Served>,
    /// How long ago the times of the status were, by this process's own clock; see [`Observed::left_of`].
    pub ages: BTreeMap<Timestamp, Duration>,
    /// How long this operator has worked, by its monotonic clock: nobody may have looked at anything before.
    pub working_for: Duration,
    /// Now.
    pub now: Timestamp,
}

/// What becomes of a request to download.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DownloadView {
    /// There is none.
    #[default]
    None,
    /// The answer, encrypted for the one who asked.
    Sealed {
        /// ASCII armor.
        text: String,
        /// When the credentials end that signed it, and the URL with them.
        ends: Option<Timestamp>,
    },
    /// In words, with what would be right.
    Refused(String),
}

/// A further storage, as far as a run cares.
#[derive(Clone, Debug, PartialEq)]
pub struct CopyView {
    /// Its name.
    pub storage: String,
    /// The storage itself, for this run's namespace.
    pub view: StorageView,
    /// What lies there under the copy's key, as far as it was looked at.
    pub found: Found,
    /// How long ago this operator looked at it; none: it has not.
    pub looked: Option<Duration>,
    /// How far this operator is with the copy.
    pub progress: CopyProgress,
}

/// How far a copy is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CopyProgress {
    /// Nobody is at it.
    #[default]
    Idle,
    /// It is being made.
    UnderWay {
        /// Its upload, once there is one; nothing is sent before the status names it.
        upload: Option<String>,
    },
    /// It was made, and proved.
    Made(Box<MadeCopy>),
    /// It failed, and is due again after that.
    Failed {
        /// Why, in words.
        message: String,
        /// Until then.
        again: Duration,
    },
}

/// A rewrap, as far as this operator has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RewrapView {
    /// How far it is: it is made as a copy is.
    pub progress: CopyProgress,
    /// Another run that reads the backup, or is about to.
    pub reader: Option<String>,
    /// Another run that makes its backup under a key of before the rewrap.
    pub writer: Option<String>,
    /// The request has the value that was taken up last, and is kept on the run by an applier.
    pub request_is_kept: bool,
}

/// A copy that was proved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MadeCopy {
    /// Its key.
    pub key: String,
    /// The store's ETag.
    pub etag: String,
    /// The store's version, where its bucket keeps versions.
    pub version_id: Option<String>,
    /// What keeps it from being removed.
    pub lock: Option<Lock>,
    /// SHA-256 of all of it, hexadecimal: what the original was proved by.
    pub sha256: String,
    /// Its bytes.
    pub size: u64,
}

/// The API server refused to create the Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its words.
    pub message: String,
    /// The Pod as it stands is invalid; a quota or a policy may change.
    pub hopeless: bool,
}

/// A transfer cannot be begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What cannot be opened, and why.
    pub message: String,
    /// Since when, by this process's own clock.
    pub since: Timestamp,
}

/// The store was asked, and has not done it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Its last words.
    pub message: String,
    /// Since its first failure, by this process's own clock.
    pub since: Duration,
    /// The store keeps the object, or brings it back: that is how it is to be, and no failure.
    pub expected: bool,
}

/// What lies under a run's key.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Found {
    /// It was not looked at.
    #[default]
    Unknown,
    /// No object.
    Nothing,
    /// An object.
    Object(Box<StoredObject>),
    /// The store does not let it be looked at.
    Unseen {
        /// Its words.
        words: String,
        /// It may pass: no answer, or too many requests. Where the access keys may not look, it does not.
        passes: bool,
    },
}

/// An object, as the store tells of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredObject {
    /// Where it lies.
    pub key: String,
    /// Stored bytes.
    pub size: u64,
    /// The store's ETag.
    pub etag: String,
    /// The store's version of it, where its bucket keeps versions.
    pub version_id: Option<String>,
    /// SHA-256 of all of it, hexadecimal, where the store knows.
    pub sha256: Option<String>,
    /// When it was stored.
    pub stored_at: Option<Timestamp>,
    /// The run that wrote it: `namespace/name`.
    pub run: Option<String>,
    /// That run's UID.
    pub run_uid: Option<String>,
    /// The attempt that wrote it.
    pub attempt: Option<String>,
    /// The schedule that made that run: `namespace/name`.
    pub schedule: Option<String>,
    /// The cluster of the operator that wrote it, by UID.
    pub cluster: Option<String>,
    /// Bytes that the command printed, where a record says so.
    pub bytes: Option<u64>,
    /// When the backup began, where a record says so.
    pub began: Option<Timestamp>,
    /// Whom it is encrypted for, where a record says so.
    pub recipients: Vec<String>,
    /// What keeps it from being removed.
    pub lock: Option<Lock>,
    /// The record beside it.
    pub record: Recorded,
}

/// The record beside a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recorded {
    /// There is none: its storage asks for none, or nobody has looked.
    #[default]
    None,
    /// It is there, under this key, and agrees with the object.
    There(String),
    /// The store did not take it, in its words.
    Failed(String),
}

impl Recorded {
    /// Its key.
    pub fn key(&self) -> Option<&String> {
        match self {
            Self::There(key) => Some(key),
            Self::None | Self::Failed(_) => None,
        }
    }
}

/// What another run of this cluster says of a key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claim {
    /// `namespace/name`.
    pub run: String,
    /// Its UID.
    pub uid: String,
    /// The schedule that made it: `namespace/name`.
    pub schedule: Option<String>,
    /// An attempt of its backup is under way there, and since when.
    pub at_work_since: Option<Timestamp>,
    /// In which bucket its backup lies, where that was recorded.
    pub location: Option<Location>,
    /// Its backup lies or lay there, with this ETag.
    pub etag: Option<String>,
    /// When its backup ended; none: it has not.
    pub ended_at: Option<Timestamp>,
    /// It ended well.
    pub good: bool,
}

impl Observed<'_> {
    /// The storage that a place of the run names; `None` is the run's own.
    pub fn view_of(&self, storage: Option<&String>) -> Option<&StorageView> {
        match storage {
            None => Some(&self.storage),
            Some(name) => self.copies.iter().find(|c| c.storage == *name).map(|c| &c.view),
        }
    }

    /// What is left of a limit that began at a time; zero when it is over.
    pub fn left_of(&self, limit: Duration, since: Timestamp) -> Duration {
        limit.saturating_sub(self.age(since))
    }

    /// How long ago a time was.
    ///
    /// A clock that is set meanwhile makes it neither older nor younger: from the moment that this process has seen the time,
    /// it counts by its monotonic clock. Before that there is only the wall clock, and what it says is ahead of now has begun
    /// now.
    pub fn age(&self, since: Timestamp) -> Duration {
        let by_wall = || Duration::try_from(self.now.duration_since(since)).unwrap_or_default();
        self.ages.get(&since).copied().unwrap_or_else(by_wall)
    }

    /// The run that wrote over this one's backup since, where the bucket keeps no versions of it.
    pub fn overwritten_by(&self) -> Option<&str> {
        let status = self.run.status.as_ref().filter(|s| s.version_id.is_none())?;
        let ours = (status.completion_time.as_ref()?.0, self.run.metadata.uid.as_deref()?);
        let over = self.claims.iter().filter(|c| c.etag.is_some() && c.etag != status.etag);
        let over = over.filter(|c| same_bucket(&status.location, &c.location));
        let over = over.filter(|c| c.good && c.ended_at.is_some_and(|at| (at, c.uid.as_str()) > ours));
        over.max_by_key(|c| c.ended_at).map(|c| c.run.as_str())
    }

    /// Another run may have recorded the same object since: it is not this one's to delete.
    pub fn is_taken_over(&self) -> bool {
        let status = self.run.status.as_ref();
        let ended = status.and_then(|s| s.completion_time.as_ref()).map(|t| t.0);
        let location = status.and_then(|s| s.location.clone());
        let mut claims = self.claims.iter().filter(|c| same_bucket(&location, &c.location));
        claims.any(|c| c.ended_at.is_none_or(|at| Some(at) >= ended))
    }
}

/// Two backups under one key have nothing to do with each other where a storage was pointed to another bucket between them. By the
/// bucket's name only: one store may have many endpoints.
fn same_bucket(one: &Option<Location>, other: &Option<Location>) -> bool {
    one.as_ref()
        .zip(other.as_ref())
        .is_none_or(|(one, other)| one.bucket == other.bucket)
}

/// The storage, as far as a run cares.
#[derive(Clone, Debug, PartialEq)]
pub enum StorageView {
    /// No storage has that name.
    Missing,
    /// It is there and its probe has failed or not been made.
    NotReady {
        /// The storage's own words.
        message: String,
        /// Where this namespace's objects are, if its parameters can be read: whose an object is does not depend on the
        /// state of the storage.
        place: Option<Place>,
        /// It only has no room for more: what is there can be read.
        full: bool,
    },
    /// The run's namespace may not use it.
    Refused {
        /// Why, and what would be right.
        message: String,
    },
    /// It can be used.
    Ready(Place),
}

/// Where a storage keeps the objects of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Put before every path: `team/` or nothing; with the namespace where that is isolated.
    pub prefix: String,
    /// Keys that do not begin with the prefix are not this namespace's.
    pub isolated: bool,
    /// Objects may lie in an archive, and are brought back before they are restored.
    pub thaws: bool,
    /// How long the store is tried again when it fails.
    pub retry: Duration,
    /// The bucket, and where it is.
    pub location: Location,
    /// The operator's own namespace, in which an endpoint's name without one is looked up. Empty: not known.
    pub home: String,
}

impl StorageView {
    /// How long the store is tried again when it fails, where that is known.
    pub fn retry(&self) -> Option<Duration> {
        match self {
            Self::Ready(place) | Self::NotReady { place: Some(place), .. } => Some(place.retry),
            _ => None,
        }
    }

    /// What a storage says that only has no room for more.
    pub fn lacks_room(&self) -> Option<String> {
        match self {
            Self::NotReady {
                message, full: true, ..
            } => Some(format!("it is not ready: {message}")),
            _ => None,
        }
    }

    /// Where objects are read from now, or why none is. A store without room is read as ever: somebody may need what is there most just then.
    ///
    /// # Errors
    /// In words, and whether that may pass by itself.
    pub fn to_read(&self) -> Result<&Place, (String, bool)> {
        match self {
            Self::Ready(place)
            | Self::NotReady {
                place: Some(place),
                full: true,
                ..
            } => Ok(place),
            Self::NotReady { message, .. } => Err((format!("it is not ready: {message}"), true)),
            Self::Refused { message } => Err((message.clone(), false)),
            Self::Missing => Err(("there is no such BackupStorage".into(), true)),
        }
    }

    /// The bucket that the storage names, where that is known.
    pub fn location(&self) -> Option<&Location> {
        match self {
            Self::Ready(place) | Self::NotReady { place: Some(place), .. } => Some(&place.location),
            _ => None,
        }
    }

    /// Why an object may not be touched by a run of this namespace, whatever the run's status says of it.
    pub fn forbids(&self, key: &str) -> Option<String> {
        let (Self::Ready(place) | Self::NotReady { place: Some(place), .. }) = self else {
            return None;
        };
        let Place { prefix, isolated, .. } = place;
        let below = key.strip_prefix(prefix.as_str());
        let strays = |key: &str| segments(key).any(|segment| matches!(segment, "." | ".."));
        if *isolated && below.is_none_or(strays) {
            return Some(format!(
                "object {key} is not below {prefix}, where the storage keeps this namespace's objects (spec.namespaceIsolation: Prefix)"
            ));
        }
        is_own(below.unwrap_or(key)).then(|| format!("object {key} lies in {OWN}, which is the operator's own"))
    }
}

/// A Pod, as far as a run cares.
#[derive(Clone, Debug, PartialEq)]
pub struct PodView {
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
    /// Its controller is this run, by UID.
    pub ours: bool,
    /// Its deletion was asked for.
    pub terminating: bool,
    /// All its containers have ended: no command is at work in it, whatever keeps it there.
    pub over: bool,
    /// Finalizers: who keeps it when it is deleted.
    pub finalizers: Vec<String>,
    /// Where it is.
    pub stage: PodStage,
    /// What carries the agent into it.
    pub carrier: Carrier,
    /// The image volume with the agent did not come up, in the Pod's words.
    pub no_volume: Option<String>,
    /// It has a node, and its container was never made, for no reason that an image or another container has.
    pub unmade: bool,
}

impl PodView {
    /// A command may be at work in it, or it goes in a moment, with its volumes: another one waits until it is gone. Not for one whose work has
    /// ended and that a finalizer keeps.
    pub fn is_in_the_way(&self) -> bool {
        self.ours && (!self.over || self.finalizers.is_empty())
    }

    /// What keeps it from going, and what would be right.
    pub fn keeper(&self) -> String {
        match self.finalizers.as_slice() {
            [] => "If its node is lost for good, delete the Pod by force".into(),
            held => format!(
                "It is held by {} (metadata.finalizers of the Pod): see to whoever is to take that off",
                held.join(", ")
            ),
        }
    }
}

/// Where a Pod is on its way.
#[derive(Clone, Debug, PartialEq)]
pub enum PodStage {
    /// Not running yet, and why, in the Pod's own words.
    Starting {
        /// `Unschedulable: 0/1 nodes are available`, `ImagePullBackOff: ...`; empty while nothing is wrong.
        message: String,
        /// What keeps it, in the one word that Kubernetes has for it; none while it only takes its time.
        cause: Option<String>,
        /// It will never start as it is.
        hopeless: bool,
    },
    /// The container of the command is up (and ready, where it has a readiness probe).
    Running,
    /// It ended, was evicted, or the container of the command ended.
    Ended {
        /// The Pod's own words.
        message: String,
        /// What made it end.
        ending: Ending,
    },
}

/// The transfer as this operator holds it; after a restart there is none until one is started.
#[derive(Clone, Debug, PartialEq)]
pub enum TransferView {
    /// This operator holds none for the run.
    None,
    /// One is under way.
    Active {
        /// `backup-1`.
        attempt: String,
        /// How far the talk with the agent has come.
        contact: Contact,
        /// An upload that waits to be recorded.
        upload: Option<String>,
        /// The route that was chosen, which waits to be recorded with the start.
        route: Option<Chosen>,
        /// Bytes on the command's side.
        bytes: u64,
        /// Bytes on the store's side.
        stored_bytes: u64,
        /// The stop was asked for.
        cancelling: bool,
    },
    /// It ended; waits to be reported.
    Ended {
        /// `backup-1`.
        attempt: String,
        /// How.
        end: Box<End>,
    },
}

/// How the bytes of a transfer travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// From the Pod to the store.
    Direct,
    /// From the Pod through the operator to the store.
    Relay,
}

impl Route {
    /// As the status has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Direct => "Direct",
            Self::Relay => "Relay",
        }
    }

    /// From the status; what is not known is Direct, which is what there was before there was a choice.
    pub fn of(word: &str) -> Self {
        if word == Self::Relay.word() {
            Self::Relay
        } else {
            Self::Direct
        }
    }
}

/// A route, chosen before the command starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The route.
    pub route: Route,
    /// Why it is not the usual one, in the Pod's words.
    pub why: Option<String>,
}

/// How far the talk with the agent has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// Not connected (yet, or again).
    Connecting {
        /// Since when.
        since: Timestamp,
        /// Why the agent was not reached the last time; none: it was not tried yet, or nothing was said.
        why: Option<String>,
    },
    /// What the command needs is looked at: the object of a restore, or the way of a Pod whose agent was reached to the store. It
    /// has deadlines of its own.
    Preparing {
        /// Since when.
        since: Timestamp,
        /// Why the agent is not reached any more meanwhile, where it is not.
        why: Option<String>,
    },
    /// The agent waits for the command; it is handed over once the start is recorded.
    AwaitsStart,
    /// The agent works.
    Working,
    /// The agent has finished; the store is being asked.
    Committing,
}

/// Why an attempt was interrupted, as long as the store is asked whether it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// UID of the Pod that said it; those of other attempts have others.
    pub pod_uid: String,
    /// In words.
    pub message: String,
}

/// What stands in a message before the last line of what the command wrote to its standard error.
pub const LAST_WORDS: &str = "; its last words: ";

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// The backup is stored and proved.
    Stored {
        /// Bytes from the command.
        bytes: u64,
        /// Bytes in the store.
        stored_bytes: u64,
        /// SHA-256 of the stored bytes, hexadecimal.
        sha256: String,
        /// The store's ETag.
        etag: String,
        /// The store's version of the object, where its bucket keeps versions.
        version_id: Option<Box<str>>,
        /// What keeps the object from being removed; boxed as the record is.
        lock: Option<Box<Lock>>,
        /// The record beside it; boxed, as an end is moved about in errors.
        record: Box<Recorded>,
        /// End of the command's standard error.
        log: String,
    },
    /// The store's own record proves a backup of which no report is left.
    Adopted(Box<StoredObject>),
    /// The command took the whole backup and ended well.
    Restored {
        /// Bytes to the command.
        bytes: u64,
        /// End of the command's standard error.
        log: String,
    },
    /// It failed.
    Failed {
        /// One CamelCase word.
        reason: Reason,
        /// What went wrong and what would cure it.
        message: String,
        /// Bytes on the command's side.
        bytes: u64,
        /// End of the command's standard error.
        log: String,
    },
    /// It was cut off and cannot go on.
    Interrupted {
        /// What happened.
        message: String,
    },
}
