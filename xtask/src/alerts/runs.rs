//! Alerts about runs, whoever made them, and about what they need: storages, and a turn.
use super::{Alert, Command, Severity, Source};

const UNDER_WAY: Command = Command {
    line: "kubectl -n NAMESPACE get br -o custom-columns=NAME:.metadata.name,STATE:.status.state,STARTED:.status.startTime,BYTES:.status.progress.bytes,MOVED:.status.progress.updatedAt,MESSAGE:.status.message",
    shows: "what each run is at, and when its bytes last moved",
};

/// In the order of their page.
pub const ALERTS: &[Alert] = &[
    Alert {
        name: "StorageNotReady",
        page: "docs/operations/runbooks/StorageNotReady.md",
        expr: "max by (storage) (backup_operator_storage_ready) == 0",
        hold: "10m",
        from: Source::Leader,
        severity: Severity::Critical,
        summary: "The storage {{ $labels.storage }} cannot be used",
        description: "What the operator tries there fails. Backups wait for it. So do restores, unless the reason is StoreFull: then they go on.",
        meaning: "The condition `Ready` of the BackupStorage is False for ten minutes: its configuration is wrong, the store refuses or does not answer what the operator tries every few minutes, or it has no room (`StoreFull`). Runs that need it wait; those under way try on for `retrySeconds`. From a store that is only full everything can be restored meanwhile.",
        commands: [
            Command {
                line: "kubectl describe bt STORAGE",
                shows: "the condition's reason and message, with the store's own words",
            },
            Command {
                line: "kubectl -n backup-operator logs -l app.kubernetes.io/name=backup-operator --since=1h --prefix --tail=-1 | sed -n '/STORAGE/p'",
                shows: "lines about the storage's name: since when, and whether others fail as well",
            },
            Command {
                line: "kubectl get bt",
                shows: "whether it is this storage alone, or all: then look at the network of the operator",
            },
        ],
        cures: &[
            "The reason is in [failure modes](../failure-modes.md#the-store), with what to do: an endpoint, a key, a right of the key, a certificate, a proxy, room.",
            "It is tried again by itself; a change of the Secret or of the spec makes it try at once.",
        ],
    },
    Alert {
        name: "RunStuck",
        page: "docs/operations/runbooks/RunStuck.md",
        expr: "time() - min by (namespace) (backup_operator_run_oldest_progress_timestamp_seconds) > 3600",
        hold: "5m",
        from: Source::Leader,
        severity: Severity::Warning,
        summary: "A run in {{ $labels.namespace }} does not move",
        description: "No byte and no step came from one of the runs under way in {{ $labels.namespace }} for {{ $value | humanizeDuration }}.",
        meaning: "A backup or a restore is under way, and for an hour no byte moved and no step was made. It has not failed: its command waits for something, or its `deadlineSeconds` is longer than this, or not given.",
        commands: [
            UNDER_WAY,
            Command {
                line: "kubectl -n NAMESPACE get pods -l backup-operator.io/run",
                shows: "the Pods of runs under way, and whether they are Running",
            },
            Command {
                line: "kubectl -n NAMESPACE get events --sort-by=.metadata.creationTimestamp",
                shows: "what was told of them",
            },
        ],
        cures: &[
            "A dump waits for a lock: look into the database for who holds it.",
            "A restore's command does not read, or waits for something that it has started: `status.log` of the run has its last words.",
            "Give the command a `deadlineSeconds`, which ends it. To end a run now, delete it: nothing of it stays in the store.",
        ],
    },
    Alert {
        name: "RestoreFailed",
        page: "docs/operations/runbooks/RestoreFailed.md",
        expr: "max by (namespace) (backup_operator_last_restore_failed) == 1",
        hold: "0",
        from: Source::Leader,
        severity: Severity::Warning,
        summary: "The last restore in {{ $labels.namespace }} failed",
        description: "The backup is as good as it was. What the restore's command applied before it was stopped stays applied.",
        meaning: "The newest restore of the namespace that has ended failed. Nothing is known less of the backup for it; what was restored into may be half of it. The alert ends with the next good restore in the namespace, or when the run is deleted.",
        commands: [
            Command {
                line: "kubectl -n NAMESPACE get br -o custom-columns=NAME:.metadata.name,STATE:.status.state,MESSAGE:.status.message",
                shows: "which run it is, and what happened",
            },
            Command {
                line: "kubectl -n NAMESPACE get br -o jsonpath='{range .items[*]}{.metadata.name}{\"\\t\"}{.status.restores}{\"\\n\"}{end}'",
                shows: "the last restores of each run",
            },
            Command {
                line: "kubectl -n NAMESPACE get events --field-selector type=Warning --sort-by=.metadata.creationTimestamp",
                shows: "the warnings of the last hour",
            },
        ],
        cures: &[
            "The reason is in [failure modes](../failure-modes.md): of the command, of the stored object, or of the Pod.",
            "Make good what was half applied before you try again: only you know whether the command may be run twice. [Restoring](../restore.md) says how commands are written that may.",
            "Ask for it again: `kubectl -n NAMESPACE annotate br RUN backup-operator.io/restore=again`.",
        ],
    },
    Alert {
        name: "DeletionLocked",
        page: "docs/operations/runbooks/DeletionLocked.md",
        expr: "max by (namespace) (backup_operator_deletions_locked) > 0",
        hold: "1h",
        from: Source::Leader,
        severity: Severity::Info,
        summary: "A deletion in {{ $labels.namespace }} waits for a lock",
        description: "{{ $value }} runs in {{ $labels.namespace }} are being deleted and wait until their objects may be removed.",
        meaning: "Runs with `retainPolicy: Delete` are being deleted, and a lock or a legal hold lies on their object or on a copy of it. The store keeps what it was asked to keep; the runs go by themselves when it lets go. Nothing is wrong, but a namespace that is to go does not look so, and what is kept is paid for.",
        commands: [
            Command {
                line: "kubectl -n NAMESPACE get br -o custom-columns=NAME:.metadata.name,DELETED:.metadata.deletionTimestamp,UNTIL:.status.lock.until,HOLD:.status.lock.legalHold,MESSAGE:.status.message",
                shows: "which runs, and until when",
            },
            Command {
                line: "kubectl -n NAMESPACE get events --field-selector reason=ObjectLocked --sort-by=.metadata.creationTimestamp",
                shows: "the store's words",
            },
            Command {
                line: "kubectl -n NAMESPACE get br -o custom-columns='NAME:.metadata.name,COPIES:.status.copies[*].storage,UNTIL:.status.copies[*].lock.until,HOLD:.status.copies[*].lock.legalHold'",
                shows: "whether it is a copy that is kept",
            },
        ],
        cures: &[
            "Wait for the date; nothing else is to be done.",
            "Take a legal hold off: `kubectl -n NAMESPACE annotate --overwrite br RUN backup-operator.io/legal-hold=off`, or by the store's own means where the storage puts one on each backup.",
            "To let a run go now and leave its object where it is, set `spec.retainPolicy: Retain` in it: [locks](../../storages/locks.md).",
        ],
    },
    Alert {
        name: "RewrapNotDone",
        page: "docs/operations/runbooks/RewrapNotDone.md",
        expr: "max by (namespace) (backup_operator_rewraps_not_done) > 0",
        hold: "1h",
        from: Source::Leader,
        severity: Severity::Warning,
        summary: "A rewrap in {{ $labels.namespace }} is not done",
        description: "{{ $value }} backups in {{ $labels.namespace }} were to be encrypted for other recipients and are not, or something of before is left: a key that was taken out may still open them.",
        meaning: "Somebody has asked for a good backup to be encrypted for other recipients (`kubectl backup rewrap`). `RewrapFailed`: it was given up, and the backup is as it was, for its old recipients. `ReplacedLeft`: the backup is done, and its old object or an old copy is not removed for an hour. The backup is good in both cases; what was to be taken from a key is not taken yet. The alert ends when the run is rewrapped, or gone; a further request that is refused does not end it.",
        commands: [
            Command {
                line: "kubectl -n NAMESPACE get br -o jsonpath='{range .items[*]}{.metadata.name}{\"\\t\"}{.status.conditions[?(@.type==\"Rewrapped\")].message}{\"\\n\"}{end}'",
                shows: "which run it is, and what keeps it",
            },
            Command {
                line: "kubectl -n NAMESPACE get br -o custom-columns='NAME:.metadata.name,FOR:.status.recipients,LEFT:.status.replaced[*].key,IN:.status.replaced[*].storage'",
                shows: "for whom each backup is now, and which objects of before are left (a storage that is not named is the run's own)",
            },
            Command {
                line: "kubectl -n NAMESPACE get events --field-selector reason=RewrapFailed --sort-by=.metadata.creationTimestamp",
                shows: "what the last tries said",
            },
        ],
        cures: &[
            "Given up: cure what the message names (the identity in the Secret of `decryptionKey`, the storage, a grant that was taken away), and ask again: `kubectl backup rewrap`.",
            "Left behind: let the run that reads the old object end, have the storage of a copy take the new one, or give the access key the right to delete (`s3:DeleteObjectVersion`). It is tried again by itself; [other recipients](../encryption.md#other-recipients-for-backups-that-are-there) says how long it waits for whom.",
            "Where the old key has leaked and waiting is no choice: remove by hand what `status.replaced` names.",
        ],
    },
    Alert {
        name: "QueueTooLong",
        page: "docs/operations/runbooks/QueueTooLong.md",
        expr: "min_over_time(sum(backup_operator_runs_queued)[1h:1m]) > 0
and
sum(backup_operator_runs_queued offset 1h) > 0",
        hold: "5m",
        from: Source::Leader,
        severity: Severity::Warning,
        summary: "Runs wait for their turn for more than an hour",
        description: "For an hour there was no moment without a run that waits for its turn, and {{ $value }} at least waited all the time. Backups are late.",
        meaning: "As many runs are under way as may be at once (`maxConcurrentRuns`), and for a whole hour others waited. Some of the waiting at midnight is what the limit is for; an hour of it means that more is asked for than is made.",
        commands: [
            Command {
                line: "kubectl get br -A -o custom-columns=NAMESPACE:.metadata.namespace,NAME:.metadata.name,STATE:.status.state,STARTED:.status.startTime,MESSAGE:.status.message",
                shows: "who is under way, and who waits at which place",
            },
            Command {
                line: "kubectl -n backup-operator get deployment backup-operator -o jsonpath='{.spec.template.spec.containers[0].args}'",
                shows: "whether `--max-concurrent-runs` is set; without it, 50",
            },
            Command {
                line: "kubectl get bs -A -o custom-columns=NAMESPACE:.metadata.namespace,NAME:.metadata.name,SCHEDULE:.spec.schedule,JITTER:.spec.jitterSeconds",
                shows: "schedules that start all at once",
            },
        ],
        cures: &[
            "Spread the schedules: other times, or `jitterSeconds`.",
            "Raise `maxConcurrentRuns` where the cluster has room for more Pods: [how many runs at once](../concurrency.md).",
            "A run that does not end holds a turn: see [RunStuck](RunStuck.md), and give commands a `deadlineSeconds`.",
        ],
    },
    Alert {
        name: "NotificationNotDelivered",
        page: "docs/operations/runbooks/NotificationNotDelivered.md",
        expr: "sum by (channel) (
  (
    backup_operator_notifications_total{result=\"Failed\"}
    unless
    max_over_time(backup_operator_notifications_total{result=\"Failed\"}[6h] offset 15m)
  )
  or
  increase(backup_operator_notifications_total{result=\"Failed\"}[15m])
) > 0",
        hold: "0",
        from: Source::Leader,
        severity: Severity::Warning,
        summary: "Notifications by {{ $labels.channel }} do not arrive",
        description: "In the last 15 minutes notifications by {{ $labels.channel }} were given up. Who counts on them does not hear of failed backups.",
        meaning: "What a schedule wanted to have told was tried several times and not taken. The run itself is as it was: a receiver never holds up or changes one.",
        commands: [
            Command {
                line: "kubectl get events -A --field-selector reason=NotificationFailed --sort-by=.metadata.creationTimestamp",
                shows: "the Events of the schedules whose notification was not delivered, with the receiver's words, and whether it is tried again",
            },
            Command {
                line: "kubectl -n backup-operator logs -l app.kubernetes.io/name=backup-operator --since=1h --prefix --tail=-1",
                shows: "the same for all of them",
            },
            Command {
                line: "kubectl get bs -A",
                shows: "how the schedules are: those who count on the notification have not heard it",
            },
        ],
        cures: &[
            "The receiver is away or refuses: its address, its key, its certificate.",
            "The address is not among those that notifications may go to.",
            "A NetworkPolicy keeps the operator from it.",
        ],
    },
];
