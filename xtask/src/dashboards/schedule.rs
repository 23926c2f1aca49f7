//! One schedule: whether its backups are there, how big they are, how long they take.
use super::panel::{Bad, lines, row, stat, states};
use super::{Dashboard, Variable};
use crate::alerts::schedules::{allowed, good_since};

fn of(metric: &str) -> String {
    format!("max(backup_operator_schedule_{metric}{{namespace=\"$namespace\", schedule=\"$schedule\"}})")
}

/// Grafana counts in milliseconds.
fn moment(metric: &str) -> String {
    format!("1000 * {}", of(metric))
}

/// Of all schedules, the one that is chosen.
fn this(expr: &str) -> String {
    format!(
        "({expr})\nand on (namespace, schedule)\nbackup_operator_schedule_created_timestamp_seconds{{namespace=\"$namespace\", schedule=\"$schedule\"}}"
    )
}

/// The dashboard.
pub fn dashboard() -> Dashboard {
    let age = concat!("time() - ", good_since!());
    let panels = vec![
        stat(
            "Last good backup",
            "When it ended.",
            "dateTimeFromNow",
            Bad::Never,
            moment("last_success_timestamp_seconds"),
        ),
        stat(
            "Time used",
            "Of the time that the schedule may be without a good backup: above 100 % one is missed.",
            "percentunit",
            Bad::From(1.0),
            format!("max({})", this(&format!("({age})\n/\n{}", allowed!()))),
        ),
        stat(
            "Next run",
            "Its next tick; none while it is suspended.",
            "dateTimeFromNow",
            Bad::Never,
            moment("next_timestamp_seconds"),
        ),
        stat(
            "Failures in a row",
            "Backups that failed since the last good one.",
            "short",
            Bad::From(1.0),
            of("consecutive_failures"),
        ),
        stat(
            "Under way",
            "Its runs that have not ended.",
            "short",
            Bad::Never,
            of("in_progress"),
        ),
        stat(
            "Last proved",
            "When one of its backups was last restored, or read whole by a drill, with success.",
            "dateTimeFromNow",
            Bad::Never,
            moment("last_verified_timestamp_seconds"),
        ),
        stat(
            "Drills that failed",
            "Drills of it whose last one failed: a backup may be damaged, or the drill at fault.",
            "short",
            Bad::From(1.0),
            "count(max by (drill) (backup_operator_drill_last_failed{namespace=\"$namespace\", schedule=\"$schedule\"}) == 1) or vector(0)",
        ),
        stat(
            "Took",
            "How long the last good backup took.",
            "s",
            Bad::Never,
            of("last_duration_seconds"),
        ),
        stat(
            "Bytes",
            "What the command of the last good backup printed.",
            "bytes",
            Bad::Never,
            of("last_bytes"),
        ),
        stat(
            "Usual bytes",
            "The median of the good backups before it, of seven at most.",
            "bytes",
            Bad::Never,
            of("usual_bytes"),
        ),
        stat(
            "Stored",
            "What of it is stored, after compression and encryption.",
            "bytes",
            Bad::Never,
            of("last_stored_bytes"),
        ),
        stat(
            "Between two ticks",
            "The longest time between two of its ticks around now: an hour more when clocks are put back.",
            "s",
            Bad::Never,
            of("expected_interval_seconds"),
        ),
        stat(
            "Jitter",
            "So much later than its tick a run starts at most.",
            "s",
            Bad::Never,
            of("jitter_seconds"),
        ),
        row("Over time"),
        lines(
            "Without a good backup",
            "For how long, beside for how long it may be.",
            "s",
            &[
                (format!("max({})", this(age)), "without"),
                (format!("max({})", this(allowed!())), "may be"),
            ],
        ),
        lines(
            "Size of the last good backup",
            "What its command printed, what is stored, and what is usual.",
            "bytes",
            &[
                (of("last_bytes"), "printed"),
                (of("last_stored_bytes"), "stored"),
                (of("usual_bytes"), "usually printed"),
            ],
        ),
        lines(
            "Time that the last good backup took",
            "From its start to its end.",
            "s",
            &[(of("last_duration_seconds"), "took")],
        ),
        lines(
            "Failures in a row",
            "Backups that failed since the last good one.",
            "short",
            &[(of("consecutive_failures"), "failures")],
        ),
        states(
            "Is not suspended",
            "When its ticks made runs.",
            ["suspended", "makes runs"],
            (format!("1 - {}", of("suspended")), "$schedule"),
        )
        .sized(12, 5),
        states(
            "Comes to an end",
            "When its runs were replaced, passed over or kept waiting before one ended.",
            ["comes to nothing", "ends"],
            (format!("1 - {}", of("starving")), "$schedule"),
        )
        .sized(12, 5),
    ];
    Dashboard {
        paths: [
            "deploy/dashboards/schedule.json",
            "charts/backup-operator/files/dashboards/schedule.json",
        ],
        uid: "backup-operator-schedule",
        title: "Backups: one schedule",
        description: "Whether its backups are there, how big they are, and how long they take.",
        from: "now-7d",
        variables: vec![
            Variable {
                name: "namespace",
                label: "Namespace",
                query: "label_values(backup_operator_schedule_created_timestamp_seconds, namespace)",
                several: false,
            },
            Variable {
                name: "schedule",
                label: "Schedule",
                query: "label_values(backup_operator_schedule_created_timestamp_seconds{namespace=\"$namespace\"}, schedule)",
                several: false,
            },
        ],
        panels,
    }
}
