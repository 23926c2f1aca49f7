//! What the API server itself refuses: the CEL rules of the kinds. Reconcile checks the same again, because objects
//! may be older than a rule, and checks what CEL cannot see (templates, Secrets, the storage).
use kube::core::{Message, Rule};

/// A CEL rule with the answer that a user gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// True when the object is right. `oldSelf` makes it a rule on updates only.
    pub rule: &'static str,
    /// What is wrong, and the cure.
    pub message: Words,
    /// On creation only: the rule sees `oldSelf` as an optional.
    pub once: bool,
    /// The field that is to blame, relative to where the rule stands; the API server puts it before the message.
    pub field: Option<&'static str>,
}

/// An answer; one line, as the API server demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// The answer itself.
    Fixed(&'static str),
    /// A CEL expression that makes it.
    Made(&'static str),
}

impl Said {
    /// The answer, for those who give the same one without CEL; of a made one, the expression that makes it.
    pub const fn words(self) -> &'static str {
        match self.message {
            Words::Fixed(text) | Words::Made(text) => text,
        }
    }

    /// In the form that the derive macros take.
    pub fn rule(self) -> Rule {
        let message = match self.message {
            Words::Fixed(text) => Message::Message(text.into()),
            Words::Made(expression) => Message::Expression(expression.into()),
        };
        Rule {
            field_path: self.field.map(String::from),
            optional_old_self: self.once.then_some(true),
            ..Rule::new(self.rule).message(message)
        }
    }
}

/// On a run's spec.
pub const BACKUP_OR_RESTORE: Said = Said {
    rule: "has(self.backup) || has(self.restore)",
    message: Words::Fixed(
        "backup, restore: at least one is needed; give backup the command that prints the data, or restore the one that reads it",
    ),
    once: false,
    field: None,
};
/// On a run's spec.
pub const BACKUP_NEEDS_RECIPIENT: Said = Said {
    rule: "!has(self.backup) || !has(self.encryption) || has(self.encryption.recipients) && size(self.encryption.recipients) > 0 || has(self.encryption.recipientsFrom) && size(self.encryption.recipientsFrom) > 0",
    message: Words::Fixed(
        "at least one is needed with backup: age1..., ssh-ed25519 ... or ssh-rsa ..., or recipientsFrom",
    ),
    once: false,
    field: Some(".encryption.recipients"),
};
/// On a run's spec.
pub const PASSPHRASE_RESTORES: Said = Said {
    rule: "!has(self.backup) || !has(self.encryption) || !has(self.encryption.decryptionKey) || !has(self.encryption.decryptionKey.type) || self.encryption.decryptionKey.type != 'Passphrase'",
    message: Words::Fixed(
        "Passphrase opens what somebody else has encrypted with one, and a backup is encrypted for recipients; leave it out, or make a run without backup",
    ),
    once: false,
    field: Some(".encryption.decryptionKey.type"),
};
/// On a run's spec.
pub const RESTORE_NEEDS_KEY: Said = Said {
    rule: "!has(self.restore) || !has(self.encryption) || has(self.encryption.decryptionKey)",
    message: Words::Fixed(
        "needed when both restore and encryption are present; name the Secret and the key that hold the age identity",
    ),
    once: false,
    field: Some(".encryption.decryptionKey"),
};
/// On a run's spec.
pub const RESTORE_ONLY_RETAINS: Said = Said {
    rule: "has(self.backup) || !has(self.retainPolicy) || self.retainPolicy == 'Retain'",
    message: Words::Fixed(
        "must be Retain (or left out) without backup, because a run that only restores owns no object to delete",
    ),
    once: false,
    field: Some(".retainPolicy"),
};
/// On a run's spec.
pub const STORAGE_OR_SOURCE: Said = Said {
    rule: "has(self.storage) != has(self.source)",
    message: Words::Fixed(
        "exactly one of storage and source is needed: storage says where the backup is to go or lies, source names the run or schedule whose backup is restored",
    ),
    once: false,
    field: Some(".storage"),
};
/// On a run's spec.
pub const SOURCE_RESTORES: Said = Said {
    rule: "!has(self.source) || !has(self.backup)",
    message: Words::Fixed("only means something without backup: what a run restores of its own it has made itself"),
    once: false,
    field: Some(".source"),
};
/// On a run's spec.
pub const SOURCE_SAYS_HOW: Said = Said {
    rule: "!has(self.source) || !has(self.compression) && (!has(self.encryption) || (!has(self.encryption.recipients) || size(self.encryption.recipients) == 0) && !has(self.encryption.recipientsFrom))",
    message: Words::Fixed(
        "says by itself how the backup is compressed and encrypted; leave compression, encryption.recipients and recipientsFrom out (encryption.decryptionKey may be given)",
    ),
    once: false,
    field: Some(".source"),
};
/// On a place of recipients.
pub const RECIPIENTS_FROM_ONE: Said = Said {
    rule: "has(self.configMapKeyRef) != has(self.secretKeyRef)",
    message: Words::Fixed("exactly one of configMapKeyRef and secretKeyRef is needed"),
    once: false,
    field: None,
};
/// On a source.
pub const SOURCE_IS_ONE: Said = Said {
    rule: "has(self.run) != has(self.schedule)",
    message: Words::Fixed("exactly one of run and schedule is needed"),
    once: false,
    field: None,
};
/// On a source.
pub const SOURCE_AT: Said = Said {
    rule: r"!has(self.at) || has(self.schedule) && (self.at == 'latest' || self.at.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})$'))",
    message: Words::Fixed("goes with schedule, and is latest or a time with its zone, as in 2026-11-28T03:00:00Z"),
    once: false,
    field: Some(".at"),
};
/// On a run's spec.
pub const BACKUP_CONTAINER: Said = Said {
    rule: "!has(self.backup) || !has(self.backup.container) || size(self.template.spec.containers) == 0 || self.template.spec.containers.exists(c, c.name == self.backup.container)",
    message: Words::Made(
        "'there is no container ' + self.backup.container + ' in template.spec.containers; correct it, or leave it out for the first one, which is ' + self.template.spec.containers[0].name",
    ),
    once: false,
    field: Some(".backup.container"),
};
/// On a run's spec.
pub const RESTORE_CONTAINER: Said = Said {
    rule: "!has(self.restore) || !has(self.restore.container) || size(self.template.spec.containers) == 0 || self.template.spec.containers.exists(c, c.name == self.restore.container)",
    message: Words::Made(
        "'there is no container ' + self.restore.container + ' in template.spec.containers; correct it, or leave it out for the first one, which is ' + self.template.spec.containers[0].name",
    ),
    once: false,
    field: Some(".restore.container"),
};
/// On a run's spec.
pub const CHECK_CONTAINER: Said = Said {
    rule: "!has(self.restore) || !has(self.restore.check) || !has(self.restore.check.container) || size(self.template.spec.containers) == 0 || self.template.spec.containers.exists(c, c.name == self.restore.check.container)",
    message: Words::Made(
        "'there is no container ' + self.restore.check.container + ' in template.spec.containers; correct it, or leave it out for the one of the restore command'",
    ),
    once: false,
    field: Some(".restore.check.container"),
};
/// On a backup action.
pub const MIN_SIZE: Said = Said {
    rule: r"!has(self.minSize) || self.minSize.matches('^([0-9]{1,15}(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?|([1-9][0-9]?|100)%)$')",
    message: Words::Fixed(
        "must be a whole number of bytes, as in 10Mi or 500k, or a percentage of the median of the last five good backups, from 1% to 100%; leave it out for no limit",
    ),
    once: false,
    field: Some(".minSize"),
};
/// On a backup.
pub const EXPECTED_SIZE: Said = Said {
    rule: r"!has(self.expectedSize) || self.expectedSize.matches('^[1-9][0-9]{0,14}(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$')",
    message: Words::Fixed(
        "must be a whole number of bytes above 0, as in 200Gi or 1500Mi; leave it out for twice the size of the schedule's newest good backup",
    ),
    once: false,
    field: Some(".expectedSize"),
};
/// On a schedule's retention.
pub const RETENTION_SOMETHING: Said = Said {
    rule: "has(self.last) && self.last > 0 || has(self.hourly) && self.hourly > 0 || has(self.daily) && self.daily > 0 || has(self.weekly) && self.weekly > 0 || has(self.monthly) && self.monthly > 0 || has(self.yearly) && self.yearly > 0 || has(self.within) && self.within.matches('[1-9]')",
    message: Words::Fixed(
        "keeps nothing: at least one of last, hourly, daily, weekly, monthly, yearly and within must be above 0, as in daily: 7; leave retention out to keep by successfulRunsHistoryLimit",
    ),
    once: false,
    field: None,
};
/// On a schedule's retention.
pub const RETENTION_WITHIN: Said = Said {
    rule: "!has(self.within) || self.within.matches('^([0-9]{1,5}[ymdh])+$') && ['y', 'm', 'd', 'h'].all(unit, self.within.indexOf(unit) == self.within.lastIndexOf(unit))",
    message: Words::Fixed(
        "must be years, months, days and hours, each at most once and at most 99999, as in 1y5m7d2h, 30d or 48h; m is months",
    ),
    once: false,
    field: Some(".within"),
};
/// On a run's storage. A path with a template is judged when it is rendered.
pub const PATH_FORM: Said = Said {
    rule: r"self.path.contains('{{') || self.path.trim().matches('^(/[^/\\x00-\\x1f\\x7f]+)+$')",
    message: Words::Fixed(
        "must begin with / and have neither an empty segment nor a control character, as in /backups/db.sql",
    ),
    once: false,
    field: Some(".path"),
};
/// On a run's storage. A path with a template is judged when it is rendered. Some stores take `\` for `/`.
pub const PATH_DOTS: Said = Said {
    rule: r"self.path.contains('{{') || !self.path.trim().matches('(^|[/\\\\])[.][.]?([/\\\\]|$)')",
    message: Words::Fixed("must not have a segment . or ..; write the path out"),
    once: false,
    field: Some(".path"),
};
/// On a run's storage: the operator's records and probes lie there, and who could write one would speak in another's name.
pub const PATH_OWN: Said = Said {
    rule: r"self.path.contains('{{') || !self.path.trim().matches('(^|[/\\\\])[.]backup-operator([/\\\\]|$)')",
    message: Words::Fixed("must not have a segment .backup-operator, which is the operator's own; take another name"),
    once: false,
    field: Some(".path"),
};
/// On a compression.
pub const LEVEL: Said = Said {
    rule: "!has(self.level) || (has(self.algorithm) && self.algorithm == 'zstd' ? self.level >= 1 && self.level <= 19 : self.level <= 9)",
    message: Words::Fixed(
        "gzip takes 1 to 9 (0, -1 and -2 mean its default), zstd takes 1 to 19; leave it out for the default",
    ),
    once: false,
    field: Some(".level"),
};
/// On a compression.
pub const WINDOW_LOG: Said = Said {
    rule: "!has(self.windowLog) || has(self.algorithm) && self.algorithm == 'zstd' && self.windowLog >= 10 && self.windowLog <= 31",
    message: Words::Fixed("must be 10 to 31, with algorithm: zstd; leave it out for 27, which is 128 MiB"),
    once: false,
    field: Some(".windowLog"),
};

/// On a run.
pub const BACKUP_STAYS: Said = Said {
    rule: "has(self.spec.backup) == has(oldSelf.spec.backup) && (!has(self.spec.backup) || self.spec.backup == oldSelf.spec.backup)",
    message: Words::Fixed(
        "cannot change after creation; make a new BackupRun (restore, retainPolicy, compression.windowLog and encryption.decryptionKey can change)",
    ),
    once: false,
    field: Some(".spec.backup"),
};
/// On a run.
pub const STORAGE_STAYS: Said = Said {
    rule: "has(self.spec.storage) == has(oldSelf.spec.storage) && (!has(self.spec.storage) || self.spec.storage == oldSelf.spec.storage)",
    message: Words::Fixed(
        "cannot change after creation; make a new BackupRun (restore, retainPolicy, compression.windowLog and encryption.decryptionKey can change)",
    ),
    once: false,
    field: Some(".spec.storage"),
};
/// On a run.
pub const SOURCE_STAYS: Said = Said {
    rule: "has(self.spec.source) == has(oldSelf.spec.source) && (!has(self.spec.source) || self.spec.source == oldSelf.spec.source)",
    message: Words::Fixed("cannot change after creation; make a new BackupRun to restore another backup"),
    once: false,
    field: Some(".spec.source"),
};
/// On a run.
pub const COMPRESSION_STAYS: Said = Said {
    rule: "has(self.spec.compression) == has(oldSelf.spec.compression) && (!has(self.spec.compression) || has(self.spec.compression.algorithm) == has(oldSelf.spec.compression.algorithm) && (!has(self.spec.compression.algorithm) || self.spec.compression.algorithm == oldSelf.spec.compression.algorithm) && has(self.spec.compression.level) == has(oldSelf.spec.compression.level) && (!has(self.spec.compression.level) || self.spec.compression.level == oldSelf.spec.compression.level))",
    message: Words::Fixed(
        "only windowLog can change after creation, because the rest says what was done to the bytes; make a new BackupRun",
    ),
    once: false,
    field: Some(".spec.compression"),
};
/// On a run.
pub const ENCRYPTION_STAYS: Said = Said {
    rule: "has(self.spec.encryption) != has(oldSelf.spec.encryption) ? has(self.spec.source) && has(self.spec.encryption) && !has(self.spec.encryption.recipients) && !has(self.spec.encryption.recipientsFrom) : (!has(self.spec.encryption) || has(self.spec.encryption.recipients) == has(oldSelf.spec.encryption.recipients) && (!has(self.spec.encryption.recipients) || self.spec.encryption.recipients == oldSelf.spec.encryption.recipients) && has(self.spec.encryption.recipientsFrom) == has(oldSelf.spec.encryption.recipientsFrom) && (!has(self.spec.encryption.recipientsFrom) || self.spec.encryption.recipientsFrom == oldSelf.spec.encryption.recipientsFrom))",
    message: Words::Fixed(
        "only decryptionKey can change after creation; kubectl backup rewrap encrypts a good backup for others",
    ),
    once: false,
    field: Some(".spec.encryption"),
};
/// On a run.
pub const START_DEADLINE_STAYS: Said = Said {
    rule: "has(self.spec.startDeadlineSeconds) == has(oldSelf.spec.startDeadlineSeconds) && (!has(self.spec.startDeadlineSeconds) || self.spec.startDeadlineSeconds == oldSelf.spec.startDeadlineSeconds)",
    message: Words::Fixed("cannot change after creation; make a new BackupRun"),
    once: false,
    field: Some(".spec.startDeadlineSeconds"),
};
/// On a run.
pub const BACKOFF_LIMIT_STAYS: Said = Said {
    rule: "has(self.spec.backoffLimit) == has(oldSelf.spec.backoffLimit) && (!has(self.spec.backoffLimit) || self.spec.backoffLimit == oldSelf.spec.backoffLimit)",
    message: Words::Fixed("cannot change after creation; make a new BackupRun"),
    once: false,
    field: Some(".spec.backoffLimit"),
};
/// On a run.
pub const AGENT_STAYS: Said = Said {
    rule: "has(self.spec.agent) == has(oldSelf.spec.agent) && (!has(self.spec.agent) || self.spec.agent == oldSelf.spec.agent)",
    message: Words::Fixed("cannot change after creation; make a new BackupRun"),
    once: false,
    field: Some(".spec.agent"),
};
/// On a run.
pub const COPIES_STAY: Said = Said {
    rule: "has(self.spec.copies) == has(oldSelf.spec.copies) && (!has(self.spec.copies) || self.spec.copies == oldSelf.spec.copies)",
    message: Words::Fixed(
        "cannot change after creation; to have this backup copied once more, annotate the run with backup-operator.io/copy (kubectl backup copy)",
    ),
    once: false,
    field: Some(".spec.copies"),
};
/// On a run's spec.
pub const COPIES_ARE_ELSEWHERE: Said = Said {
    rule: "!has(self.copies) || !has(self.storage) || self.copies.all(c, c.storage != self.storage.name)",
    message: Words::Fixed("must name other storages than storage.name: a copy beside its original is lost with it"),
    once: false,
    field: Some(".copies"),
};
/// On a run's spec.
pub const COPIES_NEED_BACKUP: Said = Said {
    rule: "!has(self.copies) || size(self.copies) == 0 || has(self.backup)",
    message: Words::Fixed("only mean something with backup: a run that only restores stores nothing"),
    once: false,
    field: Some(".copies"),
};
/// On a run.
pub const TEMPLATE_STAYS: Said = Said {
    rule: "self.spec.template == oldSelf.spec.template",
    message: Words::Fixed(
        "cannot change after creation; make a new BackupRun (restore, retainPolicy, compression.windowLog and encryption.decryptionKey can change)",
    ),
    once: false,
    field: Some(".spec.template"),
};

/// On a schedule; 52 is [`crate::names::SCHEDULE_MAX`].
pub const SCHEDULE_NAME: Said = Said {
    // Once: an older schedule with a longer name could otherwise neither get a status nor lose a finalizer.
    rule: "oldSelf.hasValue() || size(self.metadata.name) <= 52",
    // fieldPath cannot point into metadata.
    message: Words::Fixed(
        "metadata.name: at most 52 characters, because the names of its runs add a dash and ten digits and must fit into a label; shorten it",
    ),
    once: true,
    field: None,
};

/// On a drill; 52 is [`crate::names::SCHEDULE_MAX`].
pub const DRILL_NAME: Said = SCHEDULE_NAME;
/// On a drill's spec.
pub const RESTORE_NEEDS_TEMPLATE: Said = Said {
    rule: "!has(self.mode) || self.mode != 'Restore' || has(self.template)",
    message: Words::Fixed(
        "needed with mode: Restore: the Pod that the backup is restored in, for example with a scratch database; it is not taken from the schedule, whose Pod reaches the database that was backed up",
    ),
    once: false,
    field: Some(".template"),
};
/// On a drill's spec.
pub const READ_NEEDS_NOTHING: Said = Said {
    rule: "has(self.mode) && self.mode == 'Restore' || !has(self.template) && !has(self.restore) && !has(self.check)",
    message: Words::Fixed(
        "template, restore and check only mean something with Restore: with Read the operator brings its own Pod; leave them out, or say mode: Restore",
    ),
    once: false,
    field: Some(".mode"),
};
/// On a drill's spec.
pub const READER_READS: Said = Said {
    rule: "!has(self.reader) || !has(self.mode) || self.mode == 'Read'",
    message: Words::Fixed("only means something with mode: Read; with Restore, template says all of the Pod"),
    once: false,
    field: Some(".reader"),
};
/// On a drill's spec.
pub const ONE_CHECK: Said = Said {
    rule: "!has(self.check) || !has(self.restore) || !has(self.restore.check)",
    message: Words::Fixed("is given twice, here and as restore.check; leave one of them out"),
    once: false,
    field: Some(".check"),
};
/// On a drill's spec.
pub const DRILL_CONTAINER: Said = Said {
    rule: "!has(self.restore) || !has(self.restore.container) || !has(self.template) || size(self.template.spec.containers) == 0 || self.template.spec.containers.exists(c, c.name == self.restore.container)",
    message: Words::Made(
        "'there is no container ' + self.restore.container + ' in template.spec.containers; correct it, or leave it out for the first one, which is ' + self.template.spec.containers[0].name",
    ),
    once: false,
    field: Some(".restore.container"),
};
/// On a drill's spec.
pub const DRILL_CHECK_CONTAINER: Said = Said {
    rule: "!has(self.check) || !has(self.check.container) || !has(self.template) || size(self.template.spec.containers) == 0 || self.template.spec.containers.exists(c, c.name == self.check.container)",
    message: Words::Made(
        "'there is no container ' + self.check.container + ' in template.spec.containers; correct it, or leave it out for the one of the restore command'",
    ),
    once: false,
    field: Some(".check.container"),
};
/// On a drill's spec.
pub const DRILL_RESTORE_CHECK_CONTAINER: Said = Said {
    rule: "!has(self.restore) || !has(self.restore.check) || !has(self.restore.check.container) || !has(self.template) || size(self.template.spec.containers) == 0 || self.template.spec.containers.exists(c, c.name == self.restore.check.container)",
    ..CHECK_CONTAINER
};

/// On a notification of a schedule.
pub const ONE_CHANNEL: Said = Said {
    rule: "(has(self.webhook) ? 1 : 0) + (has(self.slack) ? 1 : 0) + (has(self.smtp) ? 1 : 0) + (has(self.ping) ? 1 : 0) == 1",
    message: Words::Fixed("exactly one of webhook, slack, smtp and ping is needed; make one notification of each"),
    once: false,
    field: None,
};
/// On a notification of a schedule.
pub const PING_HAS_NO_EVENTS: Said = Said {
    rule: "!has(self.ping) || !has(self.events) || size(self.events) == 0",
    message: Words::Fixed("a ping tells of the start and the end of every backup; leave events out"),
    once: false,
    field: Some(".events"),
};
/// On a ping.
pub const PING_SOMETHING: Said = Said {
    rule: "has(self.start) || has(self.success) || has(self.fail)",
    message: Words::Fixed(
        "at least one of start, success and fail is needed; name the Secret and the key that hold its URL",
    ),
    once: false,
    field: None,
};
/// On a storage's spec.
pub const BUCKET: Said = Said {
    rule: "(has(self.type) && self.type != 's3') || (has(self.parameters) && 'bucket' in self.parameters && self.parameters['bucket'] != '')",
    message: Words::Fixed("needed; name the bucket that backups are stored in"),
    once: false,
    field: Some(".parameters.bucket"),
};
/// On a storage's spec.
pub const CONTAINER: Said = Said {
    rule: "!has(self.type) || self.type != 'azure' || (has(self.parameters) && 'container' in self.parameters && self.parameters['container'] != '')",
    message: Words::Fixed("needed; name the container that backups are stored in"),
    once: false,
    field: Some(".parameters.container"),
};
/// On a storage's spec.
pub const RELAYED: Said = Said {
    rule: "!has(self.type) || self.type != 'sftp' || !has(self.dataPath) || self.dataPath != 'Direct'",
    message: Words::Fixed(
        "cannot be Direct with type sftp: nothing of SFTP can be signed, so that all bytes go through the operator; leave it out",
    ),
    once: false,
    field: Some(".dataPath"),
};
/// On a storage's spec.
pub const LOGIN: Said = Said {
    rule: "!has(self.type) || self.type != 'sftp' || has(self.credentials)",
    message: Words::Fixed("needed with type sftp: the Secret with the password or the private key"),
    once: false,
    field: Some(".credentials"),
};
/// On the spec of a storage.
pub const SELECTOR: Said = Said {
    rule: "!has(self.allowedNamespaces) || (has(self.allowedNamespaces.selector) == (has(self.allowedNamespaces.from) && self.allowedNamespaces.from == 'Selector'))",
    message: Words::Fixed("needed with `from: Selector`, and of no use without"),
    once: false,
    field: Some(".allowedNamespaces.selector"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_schedule_name_is_said_once() {
        assert!(
            SCHEDULE_NAME
                .rule
                .ends_with(&format!("<= {}", crate::names::SCHEDULE_MAX))
        );
    }
}
