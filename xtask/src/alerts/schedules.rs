//! Alerts about a schedule: whether it has the backups that it should have, and whether they look as usual.
use super::{Alert, Command, Severity, Source};

const DESCRIBE: Command = Command {
    line: "kubectl -n NAMESPACE describe bs SCHEDULE",
    shows: "its conditions, when it ran last and when it will, and the Events of the last hour",
};
const RUNS: Command = Command {
    line: "kubectl -n NAMESPACE get br -l backup-operator.io/schedule=SCHEDULE --sort-by=.metadata.creationTimestamp",
    shows: "its runs, the newest last, and how each ended",
};
const WHY: Command = Command {
    line: "kubectl -n NAMESPACE get br -l backup-operator.io/schedule=SCHEDULE --sort-by=.metadata.creationTimestamp -o jsonpath='{range .items[*]}{.metadata.name}{\"\\t\"}{.status.state}{\"\\t\"}{.status.message}{\"\\n\"}{end}'",
    shows: "the message of each: what happened, and what would cure it",
};
const SIZES: Command = Command {
    line: "kubectl -n NAMESPACE get br -l backup-operator.io/schedule=SCHEDULE --sort-by=.metadata.creationTimestamp -o custom-columns=NAME:.metadata.name,STARTED:.status.startTime,BYTES:.status.bytes,STORED:.status.sizeInBytes",
    shows: "how many bytes the command of each run printed, and how many are stored",
};
const LOG: Command = Command {
    line: "kubectl -n NAMESPACE get br -l backup-operator.io/schedule=SCHEDULE --sort-by=.metadata.creationTimestamp -o jsonpath='{.items[-1:].status.log}'",
    shows: "the last 4 KiB that the newest run's command wrote to its standard error",
};

/// Source this moment a schedule is without a good backup: its last one, or that it was made or let go on, whichever came later.
/// A suspended schedule has none.
macro_rules! good_since {
    () => {
        "max by (namespace, schedule) (
  (backup_operator_schedule_last_success_timestamp_seconds > backup_operator_schedule_active_since_timestamp_seconds)
  or backup_operator_schedule_active_since_timestamp_seconds
)"
    };
}
pub(crate) use good_since;

/// So long a schedule may be without a good backup: from one tick to the next, its jitter, as long as the last backup took, and some
/// more.
macro_rules! allowed {
    () => {
        "max by (namespace, schedule) (
  backup_operator_schedule_expected_interval_seconds
  + backup_operator_schedule_jitter_seconds
  + clamp(backup_operator_schedule_expected_interval_seconds / 2, 300, 3600)
  + (backup_operator_schedule_last_duration_seconds or 0 * backup_operator_schedule_expected_interval_seconds)
)"
    };
}
pub(crate) use allowed;

/// Not while the schedule is suspended: somebody knows.
macro_rules! unless_suspended {
    () => {
        "
unless
max by (namespace, schedule) (backup_operator_schedule_suspended) == 1"
    };
}

/// In the order of their page.
pub const ALERTS: &[Alert] = &[
    Alert {
        name: "BackupMissed",
        page: "docs/operations/runbooks/BackupMissed.md",
        expr: concat!("time() - ", good_since!(), "\n>\n", allowed!()),
        hold: "5m",
        from: Source::Leader,
        severity: Severity::Critical,
        summary: "{{ $labels.namespace }}/{{ $labels.schedule }} has missed a backup",
        description: "There is no good backup of {{ $labels.namespace }}/{{ $labels.schedule }} since {{ $value | humanizeDuration }}, which is longer than the schedule leaves between two of them.",
        meaning: "The last good backup is older than it may be: older than the time from its tick to the next one (after Friday's of a schedule of weekdays three days, and an hour more on the day when clocks are put back), its `jitterSeconds`, as long as the last backup took, and half of that time again, \
            five minutes at least and an hour at most. A schedule that never had a good backup counts from its creation, one that was suspended from the moment when it was let go on; while it is suspended it is not asked about. \
            Until there is a good backup, a restore brings back what the last good one has, and all that came later would be lost.",
        commands: [DESCRIBE, RUNS, WHY],
        cures: &[
            "Runs are there and failed: their message says why; see [BackupFailed](BackupFailed.md).",
            "A run is under way and takes longer than the last one did: wait, or see [RunStuck](RunStuck.md). A first backup is not known to be long until it has ended.",
            "Runs wait for their turn or for their storage: see [QueueTooLong](QueueTooLong.md) and [StorageNotReady](StorageNotReady.md).",
            "There are no runs: see [ScheduleNotReady](ScheduleNotReady.md). A `startingDeadlineSeconds` that is shorter than the operator was away lets a tick pass.",
            "To make a backup now: `kubectl -n NAMESPACE annotate bs SCHEDULE backup-operator.io/trigger=now`.",
        ],
    },
    Alert {
        name: "BackupFailed",
        page: "docs/operations/runbooks/BackupFailed.md",
        expr: concat!(
            "max by (namespace, schedule) (backup_operator_schedule_consecutive_failures) > 0",
            unless_suspended!()
        ),
        hold: "0",
        from: Source::Leader,
        severity: Severity::Warning,
        summary: "The last backup of {{ $labels.namespace }}/{{ $labels.schedule }} failed",
        description: "So far {{ $value }} in a row. The last good backup is as it was.",
        meaning: "The newest backup of the schedule that has ended failed, after all attempts of its `backoffLimit`. It left no object, and the last good backup is as it was. The alert ends with the next good backup.",
        commands: [RUNS, WHY, LOG],
        cures: &[
            "The run's reason is in [failure modes](../failure-modes.md), with what to do.",
            "`CommandFailed`: the message ends with the command's own last words.",
            "What may pass by itself, such as a database that is restarted: `spec.template.spec.backoffLimit` makes the backup again.",
            "After the cure, make one without waiting for the next tick: `kubectl -n NAMESPACE annotate bs SCHEDULE backup-operator.io/trigger=now`.",
        ],
    },
    Alert {
        name: "BackupFailingInARow",
        page: "docs/operations/runbooks/BackupFailingInARow.md",
        expr: concat!(
            "max by (namespace, schedule) (backup_operator_schedule_consecutive_failures) >= 3",
            unless_suspended!()
        ),
        hold: "0",
        from: Source::Leader,
        severity: Severity::Critical,
        summary: "{{ $value }} backups of {{ $labels.namespace }}/{{ $labels.schedule }} in a row failed",
        description: "This does not pass by itself. The last good backup is the one from before these failures.",
        meaning: "Three backups or more, one after the other, failed. What is wrong does not pass by itself, and the last good backup grows old. Rotation never removes it.",
        commands: [RUNS, WHY, LOG],
        cures: &[
            "As for [BackupFailed](BackupFailed.md). The same reason each time points at the command, its Secret or the storage; reasons that change point at the node or its memory.",
            "Look whether other schedules of the same storage fail, too: `kubectl get bt` says what is wrong with it.",
        ],
    },
    Alert {
        name: "BackupStarving",
        page: "docs/operations/runbooks/BackupStarving.md",
        expr: concat!(
            "max by (namespace, schedule) (backup_operator_schedule_starving) == 1",
            unless_suspended!()
        ),
        hold: "0",
        from: Source::Leader,
        severity: Severity::Warning,
        summary: "The backups of {{ $labels.namespace }}/{{ $labels.schedule }} come to nothing",
        description: "Run after run is replaced, passed over or kept waiting before one of them ends: the schedule's ticks come faster than its backups are made.",
        meaning: "The schedule has the condition `Starving`: three runs in a row were replaced before one ended (`concurrencyPolicy: Replace`), or three ticks were passed over while one was under way (`Forbid`), or three runs wait at once (`Allow`). None of them failed, so nothing else tells.",
        commands: [DESCRIBE, RUNS, WHY],
        cures: &[
            "A backup takes longer than the time between two ticks: let them be further apart, or make the backup faster (`compression`, a bigger Pod).",
            "The runs wait for the same thing, which the condition's message names: a storage, a turn, a restore.",
            "With `Replace`, `Forbid` lets the one under way end.",
        ],
    },
    Alert {
        name: "BackupShrunk",
        page: "docs/operations/runbooks/BackupShrunk.md",
        expr: "max by (namespace, schedule) (backup_operator_schedule_last_bytes)
/
max by (namespace, schedule) (backup_operator_schedule_usual_bytes)
< 0.5",
        hold: "0",
        from: Source::Leader,
        severity: Severity::Warning,
        summary: "The last backup of {{ $labels.namespace }}/{{ $labels.schedule }} is much smaller than usual",
        description: "It has {{ $value | humanizePercentage }} of the bytes that the good backups before it have mostly. Is the dump whole?",
        meaning: "The command of the last good backup printed less than half of what it printed mostly: of the median of the up to seven good backups before it. It ended with 0 and all that it printed is stored; whether it printed everything, only you know. \
            The alert ends with a backup of the usual size, or when the smaller size has become the usual one.",
        commands: [SIZES, LOG, DESCRIBE],
        cures: &[
            "Data were removed on purpose: nothing is to be done.",
            "The dump is not whole: a pipe without `set -o pipefail`, a database that was empty because it was restored at that time, a wrong database or host, missing rights that are only warned of.",
            "Keep the last good big one from rotation while you look: `kubectl -n NAMESPACE annotate br RUN backup-operator.io/keep=true`.",
            "`spec.template.spec.backup.minSize: 50%` makes such a backup a failed one.",
        ],
    },
    Alert {
        name: "BackupGrown",
        page: "docs/operations/runbooks/BackupGrown.md",
        expr: "max by (namespace, schedule) (backup_operator_schedule_last_bytes)
/
max by (namespace, schedule) (backup_operator_schedule_usual_bytes > 0)
> 2",
        hold: "0",
        from: Source::Leader,
        severity: Severity::Warning,
        summary: "The last backup of {{ $labels.namespace }}/{{ $labels.schedule }} is much bigger than usual",
        description: "It has {{ $value | humanizePercentage }} of the bytes that the good backups before it have mostly. Will the next ones fit their deadline, and the bucket?",
        meaning: "The command of the last good backup printed more than twice of what it printed mostly: of the median of the up to seven good backups before it. The alert ends with a backup of the usual size, or when the bigger size has become the usual one.",
        commands: [SIZES, DESCRIBE, LOG],
        cures: &[
            "The data have grown: see that `deadlineSeconds` and the bucket's quota leave room.",
            "Something prints what does not belong into a backup: a log table, a cache, a second database, messages on standard output.",
        ],
    },
    Alert {
        name: "ScheduleNotReady",
        page: "docs/operations/runbooks/ScheduleNotReady.md",
        expr: concat!(
            "max by (namespace, schedule) (backup_operator_schedule_ready) == 0",
            unless_suspended!()
        ),
        hold: "10m",
        from: Source::Leader,
        severity: Severity::Critical,
        summary: "{{ $labels.namespace }}/{{ $labels.schedule }} makes no runs",
        description: "The schedule is wrong as it stands, so that no backup is made at its ticks.",
        meaning: "The condition `Ready` of the schedule is False: its expression, its zone or its template is wrong, and no run is made at its ticks. When the next backup is due cannot be told either, so BackupMissed does not fire for it.",
        commands: [
            DESCRIBE,
            RUNS,
            Command {
                line: "kubectl -n NAMESPACE get bs SCHEDULE -o yaml",
                shows: "the spec: the message of the condition names the field",
            },
        ],
        cures: &[
            "The condition's message names each field and what would be right. `kubectl backup lint -f FILE` says the same before you apply it.",
        ],
    },
    Alert {
        name: "BackupNotCopied",
        page: "docs/operations/runbooks/BackupNotCopied.md",
        expr: "time() - min by (namespace, schedule) (backup_operator_schedule_copies_missing_since_timestamp_seconds) > 6 * 3600",
        hold: "5m",
        from: Source::Leader,
        severity: Severity::Warning,
        summary: "A backup of {{ $labels.schedule }} in {{ $labels.namespace }} is not copied",
        description: "For {{ $value | humanizeDuration }} a good backup lacks a copy that it is to have. It is as good as it was, and lies in fewer places than was asked for.",
        meaning: "A run of the schedule has a good backup, and its condition `Copied` is False for six hours: a copy could not be made so far, or was made and is gone. It is tried again by itself every half hour, but for a copy that was lost three times or that another run wrote over. Runs that were made by hand are not asked about.",
        commands: [
            Command {
                line: "kubectl -n NAMESPACE get br -l backup-operator.io/schedule=SCHEDULE -o wide",
                shows: "in the column COPIED, which runs",
            },
            Command {
                line: "kubectl -n NAMESPACE get br -l backup-operator.io/schedule=SCHEDULE -o custom-columns='NAME:.metadata.name,COPIES:.status.copies[*].storage,MADE:.status.copies[*].completionTime,WHY:.status.copies[*].message'",
                shows: "which copy it is, and why it is not made",
            },
            Command {
                line: "kubectl get bt",
                shows: "whether the further storage is there and Ready",
            },
        ],
        cures: &[
            "The further storage is not ready or not there, or its access key may not write: cure it, and the copy is made by itself.",
            "Another run's object lies under the copy's path: give the copies of each run a path of their own (`copies[].path`, with `{{ .name }}` or a time in it).",
            "The original is damaged or gone: look at its bucket at once, and restore from a copy that is there.",
            "Copies that were made are removed by somebody or by a rule of the bucket: `status.copies[].lost` counts. After the third time copy the backup to another storage (`kubectl backup copy`).",
        ],
    },
];
