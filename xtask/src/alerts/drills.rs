//! Alerts about drills: whether backups are proved, and whether they could be restored.
use super::{Alert, Command, Severity, Source};

const DESCRIBE: Command = Command {
    line: "kubectl -n NAMESPACE describe bd DRILL",
    shows: "its conditions, when it ran last and when it will, and the Events of the last hour",
};
const RUNS: Command = Command {
    line: "kubectl -n NAMESPACE get br -l backup-operator.io/drill=DRILL --sort-by=.metadata.creationTimestamp",
    shows: "its runs, the newest last, and how each ended",
};
const WHY: Command = Command {
    line: "kubectl -n NAMESPACE get br -l backup-operator.io/drill=DRILL --sort-by=.metadata.creationTimestamp -o jsonpath='{range .items[*]}{.metadata.name}{\"\\t\"}{.status.source.run}{\"\\t\"}{.status.message}{\"\\n\"}{end}'",
    shows: "which backup each took, and what happened, and what would cure it",
};

/// Not while the drill is suspended: somebody knows.
macro_rules! unless_suspended {
    () => {
        "
unless
max by (namespace, drill, schedule) (backup_operator_drill_suspended) == 1"
    };
}

/// In the order of their page.
pub const ALERTS: &[Alert] = &[
    Alert {
        name: "DrillFailed",
        page: "docs/operations/runbooks/DrillFailed.md",
        expr: concat!(
            "max by (namespace, drill, schedule) (backup_operator_drill_last_failed) == 1",
            unless_suspended!()
        ),
        hold: "0",
        from: Source::Leader,
        severity: Severity::Warning,
        summary: "The last drill {{ $labels.namespace }}/{{ $labels.drill }} failed",
        description: "A backup of schedule {{ $labels.schedule }} was not restored as it should be: it may be damaged, or the drill itself may be at fault.",
        meaning: "The newest run of the drill that has ended failed. Where the backup is at fault (its object is damaged or gone, its key does not open it, its restore command or the check fails), the run that made it has the condition `Verified` with status False. \
            Where the drill is (its Pod did not start, it was cancelled), that run says nothing. The alert ends with the next good drill.",
        commands: [WHY, RUNS, DESCRIBE],
        cures: &[
            "The run's reason is in [failure modes](../failure-modes.md), with what to do.",
            "`BadObject`, `ObjectMissing`, `ObjectChanged`: the stored object is not what was stored. Look at the other backups now: `kubectl backup verify schedule/SCHEDULE -n NAMESPACE`; see [drills](../drills.md#when-a-drill-fails).",
            "`NoDecryptionKey`: find the key before it is needed.",
            "`CheckFailed`: `status.log` of the run has the last 4 KiB of what the check printed.",
            "After the cure, prove one without waiting for the next tick: `kubectl -n NAMESPACE annotate bd DRILL backup-operator.io/trigger=now`.",
        ],
    },
    Alert {
        name: "DrillNotReady",
        page: "docs/operations/runbooks/DrillNotReady.md",
        expr: concat!(
            "max by (namespace, drill, schedule) (backup_operator_drill_ready) == 0",
            unless_suspended!()
        ),
        hold: "1h",
        from: Source::Leader,
        severity: Severity::Warning,
        summary: "Drill {{ $labels.namespace }}/{{ $labels.drill }} proves nothing",
        description: "It is wrong as it stands, or its last tick found no backup of schedule {{ $labels.schedule }} to prove.",
        meaning: "The condition `Ready` of the drill is False: a field is wrong, a schedule has its name, the API server does not take its runs, or its last tick was passed over because the schedule has no good backup.",
        commands: [
            DESCRIBE,
            RUNS,
            Command {
                line: "kubectl -n NAMESPACE get br -l backup-operator.io/schedule=SCHEDULE --sort-by=.metadata.creationTimestamp",
                shows: "the backups that it could prove: those whose state is BackupSuccessful",
            },
        ],
        cures: &[
            "The condition's message names each field and what would be right. `kubectl backup lint -f FILE` says the same before you apply it.",
            "`NothingToProve`: let the schedule make a good backup first; `spec.source.schedule` may name another schedule than you meant.",
        ],
    },
    Alert {
        name: "BackupNotVerified",
        page: "docs/operations/runbooks/BackupNotVerified.md",
        expr: "time()
- (
  max by (namespace, schedule) (backup_operator_schedule_last_verified_timestamp_seconds)
  > max by (namespace, schedule) (backup_operator_drill_active_since_timestamp_seconds)
  or max by (namespace, schedule) (backup_operator_drill_active_since_timestamp_seconds)
)
>
2 * min by (namespace, schedule) (
  backup_operator_drill_expected_interval_seconds and backup_operator_drill_active_since_timestamp_seconds
) + 3600",
        hold: "0",
        from: Source::Leader,
        severity: Severity::Critical,
        summary: "No backup of {{ $labels.namespace }}/{{ $labels.schedule }} was proved in time",
        description: "For {{ $value | humanizeDuration }} no drill has found a backup of it good.",
        meaning: "A drill names the schedule, and for more than twice the time between two of its ticks, and an hour, no backup of the schedule was restored or read with success. Backups may be made as ever; whether they can be restored nobody has seen. Schedules without a drill have no such alert.",
        commands: [
            Command {
                line: "kubectl -n NAMESPACE get bd",
                shows: "the drills of the namespace, when each was last good, and how the last one ended",
            },
            Command {
                line: "kubectl -n NAMESPACE get events --field-selector involvedObject.kind=BackupDrill --sort-by=.lastTimestamp",
                shows: "ticks that were passed over, and why",
            },
            Command {
                line: "kubectl -n NAMESPACE get br -l backup-operator.io/schedule=SCHEDULE -o custom-columns='NAME:.metadata.name,VERIFIED:.status.verified.successful,BY:.status.verified.run,WHEN:.status.verified.time'",
                shows: "which of the backups were proved, and what came of it",
            },
        ],
        cures: &[
            "Drills fail: see [DrillFailed](DrillFailed.md). None is made: see [DrillNotReady](DrillNotReady.md).",
            "A drill takes longer than its ticks are apart: let them be further apart.",
            "To prove one now: `kubectl backup run drill/DRILL -n NAMESPACE`, or `kubectl -n NAMESPACE annotate bd DRILL backup-operator.io/trigger=now`.",
        ],
    },
];
