//! The reasons of what happens to runs: the words that conditions, Events and documentation have in common, in one table.
use std::fmt;

use api::names::Action;
use api::run::State;

/// Makes the enum of the table: word, finality, meaning, cure.
macro_rules! reasons {
    ($($word:ident $final:ident $meaning:literal $cure:literal)*) => {
        /// One CamelCase word: why a run is as it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $meaning] $word,)*
        }

        impl Reason {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$word,)*];

            /// As conditions and Events have it.
            pub fn word(self) -> &'static str {
                match self { $(Self::$word => stringify!($word),)* }
            }

            /// What it means, in one line.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$word => $meaning,)* }
            }

            /// What cures it, in one line.
            pub fn cure(self) -> &'static str {
                match self { $(Self::$word => $cure,)* }
            }

            /// An end that no other attempt would change, or that was asked for: `spec.backoffLimit` is not used.
            pub fn is_final(self) -> bool {
                match self { $(Self::$word => $final!(),)* }
            }
        }
    };
}

/// Another attempt may do better.
macro_rules! passes {
    () => {
        false
    };
}
/// None would.
macro_rules! stays {
    () => {
        true
    };
}

reasons! {
    // Good ends.
    BackupSuccessful      passes "The backup is stored and proved." "Nothing to do."
    RestoreSuccessful     passes "The command took the whole backup and ended well." "Nothing to do."
    Adopted               passes "The store's own record proves a backup of which no report is left." "Nothing to do; restore it to try it."
    // On the way.
    Backuping             passes "A backup is being made." "Nothing to do."
    Restoring             passes "A restore is being made." "Nothing to do."
    BackupStarted         passes "An attempt of the backup begins." "Nothing to do."
    BackupRetried         passes "Another attempt of the backup begins." "Read in status.message why the last attempt failed."
    RestoreStarted        passes "A restore begins." "Nothing to do."
    Relayed               passes "The bytes go through the operator, because the Pod cannot reach the store." "Let the Pod reach the store (NetworkPolicy, proxy, name) where the operator is not to carry the bytes."
    ImageVolumeFailed     passes "The volume with the agent did not come up, and an init container puts it into the Pod instead." "Nothing to do for this run; the message says why nodes do not mount the image."
    Replaces              passes "The backup will replace an object that is there." "Put {{ .name }} or a time into spec.storage.path where each backup is to be kept."
    StorageMissing        passes "There is no storage of that name." "Create the BackupStorage, or correct spec.storage.name."
    StorageNotReady       passes "The storage cannot be used now." "Cure the storage: its condition Ready has the reason."
    Queued                passes "The run waits for its turn, because as many as may be at once are under way." "Wait, or raise spec.maxConcurrentRuns of the storage or --max-concurrent-runs of the operator."
    RestoreUnderWay       passes "A restore was asked for while one is under way." "Ask again when the restore has ended."
    RestoreWaits          passes "A restore waits until the Pod of an earlier attempt is gone." "See to what keeps the Pod; the message names it."
    Thawing               passes "A restore waits until the store has brought the object back from its archive." "Wait: it takes minutes to two days, by class and tier; the message has the store's words."
    RestoreRefused        passes "A restore was asked for that cannot be, or that has expired." "Do what the message says, and ask again."
    DownloadGiven         passes "Somebody with the right to create backupruns/download asked for a URL of the backup, and got one." "Nothing to do; the API server's audit log has who it was."
    DownloadRefused       passes "A URL of the backup was asked for that cannot be had." "Do what the message says, and ask again; or download with --storage-file and keys of your own."
    NothingToCancel       passes "A cancel was asked for when nothing was under way any more." "Nothing to do; the run is as it ended."
    // Warnings about what is good.
    Shrunk                passes "A good backup is far smaller than those before it." "Look whether the command still prints all that it should."
    RecordNotWritten      passes "A good backup has no record beside it in the bucket." "Let the access key write below .backup-operator/ of the storage's prefix, or set spec.catalog.records: false in the storage."
    Overwritten           passes "A good backup's object was written over by a newer run." "Restore the newer run; put {{ .name }} or a time into spec.storage.path."
    LegalHold             passes "A legal hold was put on the backup's object, or taken off it, as the annotation legal-hold says." "Nothing to do."
    LegalHoldRefused      passes "The store does not put the legal hold on the object, or does not take it off." "Give the access key the right that the message names, in a bucket with object lock; or correct the annotation."
    Copying               passes "The backup is good, and is being copied to further storages." "Nothing to do."
    Copied                passes "The backup lies in each further storage that it was to be copied to, proved there." "Nothing to do."
    CopyFailed            passes "The backup is good, and a copy of it is not made yet; it is tried again by itself." "Cure what the message names: the further storage, its access key, or the path there."
    CopyLost              passes "A copy that was made is gone, or another object lies in its place; it is made again, but for what another run wrote." "Find out who removes or overwrites it: a person, a rule of the bucket, another run of the same path."
    Rewrapping            passes "The backup is good, and is being encrypted for another set of recipients." "Nothing to do."
    Rewrapped             passes "The backup is encrypted for whom it was asked to be, proved, and the object of before is removed." "Nothing to do."
    ReplacedLeft          passes "The backup is encrypted for whom it was asked to be, and the object of before is not removed yet." "Wait for the run that still reads it, or cure what the message names; whoever has a key that was taken out can read the old object until then."
    RewrapRefused         passes "A rewrap was asked for that cannot be." "Do what the message says, and ask again."
    RewrapFailed          passes "The backup could not be encrypted for others, and is as it was." "Cure what the message names: the decryption key, the storage, the object; and ask again."
    Verified              passes "Another run has restored the backup, and it was good." "Nothing to do."
    NotVerified           passes "Another run could not restore the backup." "Read the message and the log of the run that it names; make a backup anew where the object is at fault."
    // Sources.
    RecipientsMissing     passes "Whom the backup is encrypted for cannot be read." "Create or correct the ConfigMap or Secret that the message names; the run goes on by itself then."
    SourcePicked          passes "The backup that spec.source names was picked; status.source has it." "Nothing to do."
    SourceMissing         passes "There is no such backup yet, or it may not be restored from here." "Correct spec.source, or wait for the backup; one of another namespace needs the annotation allowed-namespaces on its run or schedule."
    SourceRefused         stays  "The backup that spec.source names cannot be restored." "Name another backup, in a new run."
    // Deletion.
    DeletionWaits         passes "The run is being deleted, and waits until its Pod is gone." "See to what keeps the Pod; the message names it."
    ObjectDeleted         passes "The object of a deleted run was removed." "Nothing to do."
    ObjectKept            passes "The object of a deleted run was left." "Remove the object by hand where it is not wanted."
    ObjectLocked          passes "The run is being deleted, and its object may not be removed yet: a lock or a legal hold lies on it." "Wait for the date that the message names, take the legal hold off, or set spec.retainPolicy: Retain to let the run go without it."
    LeftBehind            passes "What could not be removed from the store was left there." "Remove by hand what the message names."
    // What is stored.
    NothingStored         passes "Nothing is stored by the run yet." "Nothing to do."
    NoBackupYet           passes "There is no backup yet that could be restored." "Wait for the backup."
    NotProved             passes "No restore has read the object yet." "Nothing to do; a good restore proves the object."
    RestoreOnly           passes "The run restores what is there." "Nothing to do."
    NoRestoreCommand      passes "The run has no command to restore with." "Add spec.restore to the run when it is to be restored."
    BackupFailed          passes "There is no good backup that could be restored." "Restore another run: this one has no good backup."
    Compressed            passes "The backup is compressed." "Nothing to do."
    Encrypted             passes "The backup is encrypted." "Nothing to do; keep the key."
    NotAsked              passes "The spec does not ask for it." "Nothing to do; set spec.compression or spec.encryption of the next run where it is wanted."
    // The run is wrong, or may not.
    InvalidSpec           stays  "The spec is wrong." "Correct the fields that the message names, in a new run."
    InvalidPath           stays  "The path cannot be rendered, or is none." "Correct spec.storage.path, in a new run."
    NotRepeated           stays  "The run was brought back without its status, and is not executed again." "To have it executed, create it without the annotation backup-operator.io/started-as."
    NamespaceNotAllowed   passes "The run's namespace may not use the storage." "Have spec.allowedNamespaces of the storage allow the namespace, or use another storage."
    ObjectNotAllowed      stays  "The object lies outside the namespace's part of the bucket." "Use a path below the namespace's part of the bucket, or a storage without namespaceIsolation."
    PathTaken             stays  "Another run or cluster wrote the object, or is writing it." "Give the run a path of its own, or remove the object that the message names."
    NoDecryptionKey       stays  "The key that decrypts the backup cannot be had, or opens something else." "Put a key that opens it into the Secret that spec.encryption.decryptionKey names, and ask again."
    // The Pod.
    PodRefused            stays  "The API server does not take the Pod." "Correct spec.template by the API server's words, in a new run."
    PodNotAdmitted        passes "The API server did not take the Pod within spec.startDeadlineSeconds." "Make room in the quota, or change the policy that the message names; make a new run."
    PodCannotStart        stays  "The Pod will never start as it is." "Correct the image, the Secret or whatever the message names; make a new run."
    PodNameTaken          stays  "A Pod of that name belongs to somebody else." "Delete or rename that Pod; make a new run."
    PodWaits              passes "The Pod does not start, and is waited for until spec.startDeadlineSeconds are over." "Cure what the message names: the image, its pull secret, the node, the volume; the run goes on by itself then."
    PodEnded              passes "The Pod ended before its command could start." "Have the container stay alive while the command runs, as with the command sleep infinity."
    StartDeadlineExceeded passes "Pod, agent or store were not there within spec.startDeadlineSeconds." "Cure what the message names, or raise spec.startDeadlineSeconds."
    AgentVersion          passes "Operator and the agent in the Pod are of releases too far apart." "Make a new run, or ask for the restore again: its Pod gets the operator's own agent."
    AgentCannotStart      stays  "The node cannot execute the agent." "Use a node of the operator image's architecture that can execute files on emptyDir volumes."
    // The command.
    CommandNotStarted     stays  "The command could not be started." "Correct the command: the message says which file is missing or cannot be executed."
    CommandFailed         passes "The command ended with a status other than 0." "Read status.log, the end of the command's standard error."
    CommandKilled         passes "The command was killed by a signal." "Find who kills it: its own tree, a probe, or the memory limit."
    DeadlineExceeded      passes "The command did not end within its deadlineSeconds." "Raise deadlineSeconds, or find out why the command takes so long."
    EmptyBackup           stays  "The command printed nothing." "Have the command print the backup to its standard output, or set spec.backup.allowEmpty."
    TooSmall              passes "The command printed less than spec.backup.minSize." "Look whether the command prints all that it should, or lower spec.backup.minSize."
    OutputHeld            passes "Something that the command started kept its output open." "Have the command wait for what it starts."
    InputNotRead          passes "The command did not read the whole backup." "Have the command read its standard input to the end."
    CheckFailed           passes "The restore command ended well, and spec.restore.check did not." "Read status.log, the end of what the check printed."
    LeftRunning           passes "Something that the command started did not end." "Have the command wait for what it starts."
    OutOfMemory           passes "The kernel killed a process of the command's container for want of memory." "Raise the container's memory limit."
    Cancelled             stays  "Somebody stopped it: the annotation backup-operator.io/cancel, a deletion, or concurrencyPolicy Replace." "Make a new run."
    Interrupted           passes "It was cut off and cannot go on." "Make a new run; spec.backoffLimit lets a backup try again by itself."
    // The bytes and the store.
    TransferFailed        passes "The store did not take or give the bytes." "Cure the store, or the way to it; the message has its words."
    BadObject             passes "The stored object is not whole, or not what the run says it is." "Restore another run; find out who changed the object."
    ObjectArchived        passes "The object lies in an archive and has to be brought back before it can be read." "Bring the object back from the archive first, and ask again."
    ObjectMissing         passes "The object is not there." "Find out who removed the object; restore another run."
    ObjectChanged         passes "The object is not the one that this run stored." "Restore the run that wrote it last, or another."
    StoredObjectDiffers   passes "What is stored is not what was sent." "Find out who else writes there, or what is wrong with the store; make a new run."
    CompleteFailed        passes "The upload could not be completed." "Cure the store: the message has its words; make a new run."
    StoreUnreachable      passes "The store does not let the object be looked at, which may pass." "Bring the store back, or let the operator reach it."
    StoreRefused          passes "The store does not let the object be looked at." "Give the access key the right that the message names."
    AgentReport           passes "The agent's report does not add up." "Make a new run; where it happens again, look at who shares the container."
    UploadNotAborted      stays  "The last attempt's upload could not be aborted." "Let the access key abort uploads, or bring the store back; make a new run."
}

impl Reason {
    /// Nobody has told how the command ended: what the attempt made visible may be good, and is not taken back unseen.
    pub fn is_unseen(self) -> bool {
        matches!(
            self,
            Self::Interrupted
                | Self::AgentVersion
                | Self::StartDeadlineExceeded
                | Self::PodEnded
                | Self::PodCannotStart
                | Self::PodRefused
                | Self::PodNotAdmitted
                | Self::PodNameTaken
                | Self::ObjectNotAllowed
                | Self::NamespaceNotAllowed
        )
    }

    /// The state of a run that fails for this.
    pub fn state(self, action: Action) -> State {
        match (self, action) {
            (Self::Interrupted, _) => State::InterruptedFailed,
            (_, Action::Backup) => State::BackupFailed,
            (_, Action::Restore) => State::RestoreFailed,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_reason_is_one_word_of_its_own_and_its_meaning_a_sentence() {
        let words: BTreeSet<_> = Reason::ALL.iter().map(|r| r.word()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        let meanings: BTreeSet<_> = Reason::ALL.iter().map(|r| r.meaning()).collect();
        assert_eq!(meanings.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            let word = reason.word();
            assert!(
                word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(|c| c.is_ascii_alphanumeric())
            );
            assert!(word.len() <= 128, "as KEP-1623 has it");
            assert!(
                reason.meaning().ends_with('.') && reason.cure().ends_with('.'),
                "{word}"
            );
        }
    }

    #[test]
    fn what_another_attempt_would_not_change_ends_a_run() {
        let ends: Vec<_> = Reason::ALL.iter().filter(|r| r.is_final()).map(|r| r.word()).collect();
        let wanted = [
            "SourceRefused",
            "InvalidSpec",
            "InvalidPath",
            "NotRepeated",
            "ObjectNotAllowed",
            "PathTaken",
            "NoDecryptionKey",
            "PodRefused",
            "PodCannotStart",
            "PodNameTaken",
            "AgentCannotStart",
            "CommandNotStarted",
            "EmptyBackup",
            "Cancelled",
            "UploadNotAborted",
        ];
        assert_eq!(ends, wanted);
        assert_eq!(Reason::Interrupted.state(Action::Restore), State::InterruptedFailed);
        assert_eq!(Reason::Cancelled.state(Action::Backup), State::BackupFailed);
    }
}
