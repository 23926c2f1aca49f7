//! The reasons of what happens to runs: the words that conditions, Events and documentation have in common, in one table.
use std::fmt;

use api::names::Action;
use api::run::State;

/// Makes the enum of the table: word, finality, meaning.
macro_rules! reasons {
    ($($word:ident $final:ident $meaning:literal)*) => {
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
    BackupSuccessful      passes "The backup is stored and proved."
    RestoreSuccessful     passes "The command took the whole backup and ended well."
    Adopted               passes "The store's own record proves a backup of which no report is left."
    // On the way.
    BackupStarted         passes "An attempt of the backup begins."
    BackupRetried         passes "Another attempt of the backup begins."
    RestoreStarted        passes "A restore begins."
    Relayed               passes "The bytes go through the operator, because the Pod cannot reach the store."
    ImageVolumeFailed     passes "The volume with the agent did not come up, and an init container puts it into the Pod instead."
    Replaces              passes "The backup will replace an object that is there."
    StorageMissing        passes "There is no storage of that name."
    StorageNotReady       passes "The storage cannot be used now."
    Queued                passes "The run waits for its turn, because as many as may be at once are under way."
    RestoreUnderWay       passes "A restore was asked for while one is under way."
    RestoreWaits          passes "A restore waits until the Pod of an earlier attempt is gone."
    RestoreRefused        passes "A restore was asked for that cannot be, or that has expired."
    // Warnings about what is good.
    Shrunk                passes "A good backup is far smaller than those before it."
    Overwritten           passes "A good backup's object was written over by a newer run."
    // Deletion.
    DeletionWaits         passes "The run is being deleted, and waits until its Pod is gone."
    ObjectDeleted         passes "The object of a deleted run was removed."
    ObjectKept            passes "The object of a deleted run was left."
    LeftBehind            passes "What could not be removed from the store was left there."
    // The run is wrong, or may not.
    InvalidSpec           stays  "The spec is wrong."
    InvalidPath           stays  "The path cannot be rendered, or is none."
    NotRepeated           stays  "The run was brought back without its status, and is not executed again."
    NamespaceNotAllowed   passes "The run's namespace may not use the storage."
    ObjectNotAllowed      stays  "The object lies outside the namespace's part of the bucket."
    PathTaken             stays  "Another run or cluster wrote the object, or is writing it."
    NoDecryptionKey       stays  "The key that decrypts the backup cannot be had."
    // The Pod.
    PodRefused            stays  "The API server does not take the Pod."
    PodNotAdmitted        passes "The API server did not take the Pod within spec.startDeadlineSeconds."
    PodCannotStart        stays  "The Pod will never start as it is."
    PodNameTaken          stays  "A Pod of that name belongs to somebody else."
    PodEnded              passes "The Pod ended before its command could start."
    StartDeadlineExceeded passes "Pod, agent or store were not there within spec.startDeadlineSeconds."
    AgentCannotStart      stays  "The node cannot execute the agent."
    // The command.
    CommandNotStarted     stays  "The command could not be started."
    CommandFailed         passes "The command ended with a status other than 0."
    CommandKilled         passes "The command was killed by a signal."
    DeadlineExceeded      passes "The command did not end within its deadlineSeconds."
    EmptyBackup           stays  "The command printed nothing."
    TooSmall              passes "The command printed less than spec.backup.minSize."
    OutputHeld            passes "Something that the command started kept its output open."
    InputNotRead          passes "The command did not read the whole backup."
    LeftRunning           passes "Something that the command started did not end."
    OutOfMemory           passes "The kernel killed a process of the command's container for want of memory."
    Cancelled             stays  "Somebody stopped it: a deletion, or concurrencyPolicy Replace."
    Interrupted           passes "It was cut off and cannot go on."
    // The bytes and the store.
    TransferFailed        passes "The store did not take or give the bytes."
    BadObject             passes "The stored object is not whole, or not what the run says it is."
    ObjectArchived        passes "The object lies in an archive and has to be brought back before it can be read."
    ObjectMissing         passes "The object is not there."
    ObjectChanged         passes "The object is not the one that this run stored."
    StoredObjectDiffers   passes "What is stored is not what was sent."
    CompleteFailed        passes "The upload could not be completed."
    StoreUnreachable      passes "The store does not let the object be looked at, which may pass."
    StoreRefused          passes "The store does not let the object be looked at."
    AgentReport           passes "The agent's report does not add up."
    UploadNotAborted      stays  "The last attempt's upload could not be aborted."
}

impl Reason {
    /// Nobody has told how the command ended: what the attempt made visible may be good, and is not taken back unseen.
    pub fn is_unseen(self) -> bool {
        matches!(
            self,
            Self::Interrupted
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
            assert!(reason.meaning().ends_with('.'), "{word}");
        }
    }

    #[test]
    fn what_another_attempt_would_not_change_ends_a_run() {
        let ends: Vec<_> = Reason::ALL.iter().filter(|r| r.is_final()).map(|r| r.word()).collect();
        let wanted = [
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
