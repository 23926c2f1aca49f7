//! What a decision is made of: effects of two types, in the order that survives a crash between any two of them and a cache
//! that is behind.
use std::time::Duration;

use api::BackupRunStatus;
use api::place::Place;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use crate::run::moved::Moved;
use crate::run::observed::{Kept, Route};

/// The name that a run's own storage has among those that its copies, and its rewrap, are made in.
pub const OWN: &str = "";

/// Effects, taken in the order of the fields and stopping at the first that fails, and when to look again.
///
/// What a cache shows may be older than what the API server has. A write that carries the version that was decided from
/// is refused then, and with it all that follows: so what is guarded comes first. Where nothing is to be written, whoever
/// takes the effects asks the API server whether the version is still that one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Nothing is decided before it is known whether the run has its turn: this is to be asked for, and the run looked at again
    /// with the answer.
    pub ask: Option<Box<Ask>>,
    /// Stop the transfer that this process holds, and why. One that is being committed is not taken back: nothing else is
    /// done then.
    pub cancel: Option<Box<str>>,
    /// The same as an end, where it is one: what is told of the attempt, should the report of it not be written before the transfer has stopped.
    pub because: Option<Box<crate::run::observed::End>>,
    /// Written first.
    pub guarded: Vec<Guarded>,
    /// Done when that is written.
    pub unguarded: Vec<Unguarded>,
    /// Written when all of that is done: that it is.
    pub settled: Vec<Guarded>,
    /// Look again after this time at the latest.
    pub requeue: Option<Duration>,
}

impl Decision {
    /// Nothing to do but to look again after a time.
    pub fn wait(after: Duration) -> Self {
        Self {
            requeue: Some(after),
            ..Self::default()
        }
    }
}

/// An attempt could begin, and asks for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// It is a restore.
    pub restore: bool,
    /// Since when it waits.
    pub since: Timestamp,
}

/// A write to the run that carries the version that was decided from.
#[derive(Clone, Debug, PartialEq)]
pub enum Guarded {
    /// Hold the run until it is cleaned up.
    AddFinalizer,
    /// Hold the run, and note on it that it has lived, under which UID and with which path: what brings objects back keeps
    /// annotations, and drops status and UID.
    Begin {
        /// The path as rendered.
        path: String,
    },
    /// Take the request to restore off and remember its value.
    TakeRequest,
    /// Take the request to cancel off.
    TakeCancel,
    /// Take the request to download off.
    TakeDownload,
    /// Take the request to rewrap off.
    TakeRewrap,
    /// Let the run go.
    RemoveFinalizer,
    /// Write this status, if it differs from the one that is there.
    Report(Box<BackupRunStatus>),
    /// Set an annotation.
    Annotate(&'static str, String),
}

/// An effect that no version of the run guards.
#[derive(Clone, Debug, PartialEq)]
pub enum Unguarded {
    /// Say it to people.
    Event(Event),
    /// Say it of the run's storage, and note it there.
    TellStorage(Box<Event>),
    /// Create a Pod; one that exists with that name and this run as its controller is taken for it.
    CreatePod(Box<Pod>),
    /// An image volume did not come up: none is used any more.
    GiveUpImageVolumes {
        /// In the Pod's words.
        why: String,
    },
    /// A Pod with an image volume was refused there: none is tried there for a while.
    RefusedImageVolume {
        /// Where.
        namespace: String,
    },
    /// Delete a Pod by name and UID; one that is gone is fine.
    DeletePod {
        /// Name.
        name: String,
        /// UID: another Pod of that name is never touched.
        uid: String,
        /// Kill at once: its command has ended or must not go on.
        now: bool,
    },
    /// Look at the object under a key; what is found is observed later.
    Look {
        /// The further storage that it lies in; none: the run's own.
        storage: Option<String>,
        /// Object key.
        key: String,
        /// The version that was recorded; none: the newest.
        version_id: Option<String>,
    },
    /// Copy the backup to a further storage, beside reconcile; how far it is, is observed later.
    Copy {
        /// The further storage.
        storage: String,
        /// The copy's key there.
        key: String,
        /// The upload that an earlier try left.
        left: Option<String>,
    },
    /// Encrypt the backup for these, under a new key, beside reconcile as a copy is made; how far it is, is observed later.
    Rewrap {
        /// The key of the new object.
        key: String,
        /// Whom it is for.
        recipients: Vec<String>,
        /// The upload that an earlier try left.
        left: Option<String>,
    },
    /// Remove an object that a rewrap has replaced, or one that it made and that is nobody's.
    RemoveReplaced {
        /// Where it was stored, if its storage names another place now: that it is not there then says nothing.
        moved: Option<Moved>,
        /// One that is not there then is looked for again; else it is left, and said.
        looked_for: bool,
        /// The further storage that it lies in; none: the run's own.
        storage: Option<String>,
        /// Object key.
        key: String,
        /// The ETag that the run recorded; none: it says itself whose it is.
        etag: Option<String>,
        /// The version that the run recorded.
        version_id: Option<String>,
        /// An upload that was not finished.
        upload_id: Option<String>,
    },
    /// The status names the upload of a copy.
    CopyNoted {
        /// The further storage.
        storage: String,
    },
    /// What is copied is to stop, and to leave nothing.
    StopCopies,
    /// What became of a copy stands in the status.
    ForgetCopy {
        /// The further storage.
        storage: String,
    },
    /// Remove a copy that this run made.
    DeleteCopy {
        /// The further storage.
        storage: String,
        /// Its key there.
        key: String,
        /// The ETag that was recorded.
        etag: String,
        /// The version that was recorded.
        version_id: Option<String>,
        /// An upload that was not finished.
        upload_id: Option<String>,
    },
    /// Remember why the attempt was interrupted while the store is asked: its Pod, which says it, may be gone by the answer.
    KeepWords(Kept),
    /// What was found under a key is not needed any more, nor what it was asked for.
    ForgetFound,
    /// Connect to the agent and serve the transfer.
    StartTransfer(Box<TransferOrder>),
    /// What the transfer asked to have recorded is in the status now.
    TransferRecorded {
        /// The upload that is recorded: the transfer's own, or one that another operator has recorded for the attempt before.
        upload_id: Option<String>,
        /// The start of the command is recorded.
        command_started: bool,
    },
    /// The end of the transfer is reported: drop it.
    ForgetTransfer,
    /// Abort a multipart upload; one that is gone is fine.
    AbortUpload {
        /// Object key.
        key: String,
        /// Upload.
        upload_id: String,
    },
    /// Abort uploads of a key that no run knows of, as far as the store lets them be listed.
    AbortStrays {
        /// Object key.
        key: String,
    },
    /// Remove the object of an attempt that did not end well: it became visible, and the answer or the operator was lost. Its
    /// metadata say whose it is; another one is left alone.
    TakeBack {
        /// Object key.
        key: String,
        /// `backup-1`.
        attempt: String,
    },
    /// Put a legal hold on the object that this run wrote, or take it off.
    Hold {
        /// Object key.
        key: String,
        /// The version that the run recorded.
        version_id: Option<String>,
        /// On, or off.
        on: bool,
    },
    /// Have the store bring the object back from its archive; done when it can be read.
    Thaw {
        /// The further storage that it lies in; none: the run's own.
        storage: Option<String>,
        /// Object key.
        key: String,
        /// The version that the run recorded.
        version_id: Option<String>,
    },
    /// Remove the object that this run wrote, if its ETag is still this one.
    DeleteObject {
        /// Object key.
        key: String,
        /// The ETag that the run recorded.
        etag: String,
        /// The version that the run recorded, where the bucket keeps versions: this one, for good.
        version_id: Option<String>,
        /// The storage names another place by now than the one that the object was stored in.
        moved: Option<Moved>,
    },
}

impl Unguarded {
    /// A decision from an old status does no harm by it: it is said once more, or concerns this process only.
    pub fn is_harmless(&self) -> bool {
        matches!(
            self,
            Self::Event(_)
                | Self::TransferRecorded { .. }
                | Self::ForgetTransfer
                | Self::GiveUpImageVolumes { .. }
                | Self::RefusedImageVolume { .. }
                | Self::Look { .. }
                | Self::KeepWords(_)
                | Self::ForgetFound
                | Self::ForgetCopy { .. }
                | Self::CopyNoted { .. }
                | Self::StopCopies
        )
    }

    /// The object under a key of the run's own storage.
    pub fn look(key: impl Into<String>) -> Self {
        Self::Look {
            storage: None,
            key: key.into(),
            version_id: None,
        }
    }

    /// The further storage whose store is asked; none: the run's own.
    pub fn further(&self) -> Option<&str> {
        match self {
            Self::DeleteCopy { storage, .. } | Self::Copy { storage, .. } => Some(storage),
            Self::Thaw { storage, .. } | Self::Look { storage, .. } | Self::RemoveReplaced { storage, .. } => {
                storage.as_deref()
            }
            _ => None,
        }
    }

    /// What a store is asked for: not waited for, and not done twice before it is settled.
    pub fn is_errand(&self) -> bool {
        matches!(
            self,
            Self::AbortUpload { .. }
                | Self::AbortStrays { .. }
                | Self::TakeBack { .. }
                | Self::Hold { .. }
                | Self::Thaw { .. }
                | Self::DeleteCopy { .. }
                | Self::RemoveReplaced { .. }
                | Self::DeleteObject { .. }
        )
    }
}

/// An Event in the API server's sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Warning, or Normal.
    pub warning: bool,
    /// One CamelCase word.
    pub reason: &'static str,
    /// What was being done, CamelCase.
    pub action: &'static str,
    /// A sentence for people.
    pub note: String,
}

/// All that a transfer needs to know of its run.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferOrder {
    /// `backup-1`, `restore-2`.
    pub attempt: String,
    /// Backup or restore.
    pub action: api::names::Action,
    /// The Pod to connect to.
    pub pod: String,
    /// Its UID.
    pub pod_uid: String,
    /// The container to run in.
    pub container: String,
    /// The storage.
    pub storage: String,
    /// UID of this cluster, which the object names; empty where it could not be read.
    pub cluster: String,
    /// Object key.
    pub key: String,
    /// What a restore reads was stored in another place than its storage names now: the version, and the ETag of several parts, are that one's.
    pub moved: bool,
    /// Nothing was there before the command started: what comes meanwhile is another's.
    pub only_new: bool,
    /// Whose object this one replaces, where that was made by a run of this cluster: its record goes with it.
    pub replaces: Option<Place>,
    /// The upload that an earlier operator recorded.
    pub upload_id: Option<String>,
    /// How the bytes travel, as recorded.
    pub route: Route,
    /// The command was handed over before, or was about to be: an agent that has no work has lost it, unless it says that
    /// it never had any.
    pub command_started: bool,
}
