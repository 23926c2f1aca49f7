//! All schedules at a glance: who has no good backup.
use super::panel::{Bad, Column, Link, bars, lines, row, stat, table};
use super::{Dashboard, Variable};
use crate::alerts;
use crate::alerts::schedules::{allowed, good_since};

/// How many schedules the table has: the worst.
const ROWS: u32 = 100;

/// Narrows a query to what is chosen at the top.
fn chosen(expr: &str) -> String {
    format!(
        "({expr})\nand on (namespace)\ngroup by (namespace) (backup_operator_schedule_created_timestamp_seconds{{namespace=~\"$namespace\"}})"
    )
}

/// How much of the time that it may be without a good backup has passed: above 1 one is missed.
const USED: &str = concat!("(time() - ", good_since!(), ")\n/\n", allowed!());

fn of_schedule(metric: &str) -> String {
    format!("max by (namespace, schedule) (backup_operator_schedule_{metric}{{namespace=~\"$namespace\"}})")
}

/// The dashboard.
pub fn dashboard() -> Dashboard {
    let worst = format!("topk({ROWS}, {})", chosen(USED));
    let among = |expr: String| format!("{expr}\nand on (namespace, schedule)\n{worst}");
    let names: Vec<&str> = alerts::all().map(|alert| alert.name).collect();
    let schedule = Link {
        column: "schedule",
        title: "This schedule",
        url: "/d/backup-operator-schedule?var-datasource=${datasource}&var-namespace=${__data.fields.namespace}&var-schedule=${__data.fields.schedule}",
    };
    let count = |expr: String| format!("count({expr}) or vector(0)");
    let panels = vec![
        stat(
            "Backups missed",
            "Schedules whose last good backup is older than it may be. The alert BackupMissed says how that is reckoned.",
            "short",
            Bad::From(1.0),
            count(format!("({}) > 1", chosen(USED))),
        ),
        stat(
            "Last backup failed",
            "Schedules whose newest backup failed.",
            "short",
            Bad::From(1.0),
            count(format!("{} > 0", of_schedule("consecutive_failures"))),
        ),
        stat(
            "Come to nothing",
            "Schedules whose runs are replaced, passed over or kept waiting before one ends.",
            "short",
            Bad::From(1.0),
            count(format!("{} == 1", of_schedule("starving"))),
        ),
        stat(
            "Wrong",
            "Schedules that make no runs, because they are wrong as they stand.",
            "short",
            Bad::From(1.0),
            count(format!("{} == 0", of_schedule("ready"))),
        ),
        stat(
            "Suspended",
            "Schedules that make no runs, because somebody wants it so.",
            "short",
            Bad::Never,
            count(format!("{} == 1", of_schedule("suspended"))),
        ),
        stat(
            "Schedules",
            "All of them.",
            "short",
            Bad::Never,
            count(of_schedule("created_timestamp_seconds")),
        ),
        stat(
            "Young enough",
            "The share of the schedules that are not suspended whose good backup is younger than one and a half of their intervals and their jitter.",
            "percentunit",
            Bad::Below(0.99),
            format!(
                "(count(({}) <= max by (namespace, schedule) (1.5 * backup_operator_schedule_expected_interval_seconds + backup_operator_schedule_jitter_seconds)) or vector(0))\n/\ncount(max by (namespace, schedule) (backup_operator_schedule_active_since_timestamp_seconds{{namespace=~\"$namespace\"}}))",
                chosen(concat!("time() - ", good_since!())),
            ),
        ),
        stat(
            "Runs under way",
            "Backups and restores that have a Pod now.",
            "short",
            Bad::Never,
            "sum(backup_operator_runs_under_way)",
        ),
        stat(
            "Runs that wait",
            "Runs that wait for their turn, because as many as may be at once are under way.",
            "short",
            Bad::Never,
            "sum(backup_operator_runs_queued)",
        ),
        stat(
            "Storages that fail",
            "Storages that cannot be used.",
            "short",
            Bad::From(1.0),
            "count(max by (storage) (backup_operator_storage_ready) == 0) or vector(0)",
        ),
        stat(
            "Last restore failed",
            "Namespaces whose newest restore failed.",
            "short",
            Bad::From(1.0),
            "count(max by (namespace) (backup_operator_last_restore_failed{namespace=~\"$namespace\"}) == 1) or vector(0)",
        ),
        stat(
            "Last drill failed",
            "Drills that are not suspended and whose newest one failed.",
            "short",
            Bad::From(1.0),
            "count(max by (namespace, drill) (backup_operator_drill_last_failed{namespace=~\"$namespace\"}) == 1 unless max by (namespace, drill) (backup_operator_drill_suspended) == 1) or vector(0)",
        ),
        stat(
            "Proved",
            "Schedules of which a backup was restored, or read whole by a drill, in the last 30 days: the others are only believed to be good.",
            "short",
            Bad::Never,
            count(format!("{} > time() - 30 * 86400", of_schedule("last_verified_timestamp_seconds"))),
        ),
        table(
            "Who has no good backup",
            "The hundred schedules that are nearest to, or furthest beyond, the time that they may be without a good backup: above 100 % one is missed.",
            &["namespace", "schedule"],
            &[
                Column::new("Time used", "percentunit", Bad::From(1.0), worst.clone()),
                Column::new("Without a good backup", "s", Bad::Never, among(concat!("time() - ", good_since!()).into())),
                Column::new("Failures in a row", "short", Bad::From(1.0), among(of_schedule("consecutive_failures"))),
                Column::new("Took", "s", Bad::Never, among(of_schedule("last_duration_seconds"))),
                Column::new("Bytes", "bytes", Bad::Never, among(of_schedule("last_bytes"))),
                Column::new("Stored", "bytes", Bad::Never, among(of_schedule("last_stored_bytes"))),
            ],
            Some(&schedule),
        ),
        table(
            "Alerts that fire",
            "What Prometheus tells now, where it has the rules of deploy/alerts.yaml, and for how long it has been so.",
            &["alertname", "severity", "namespace", "schedule", "storage"],
            &[Column::new("For", "s", Bad::Never, format!("time() - max by (alertname, severity, namespace, schedule, storage) (\n  ALERTS_FOR_STATE{{alertname=~\"{}\"}}\n  and ignoring (alertstate) ALERTS{{alertstate=\"firing\"}}\n)", names.join("|")))],
            Some(&schedule),
        )
        .sized(24, 8),
        row("Runs"),
        bars(
            "Runs that ended, by reason",
            "The words are those of the condition and the Event.",
            "short",
            &[(
                "sum by (reason) (increase(backup_operator_runs_ended_total{namespace=~\"$namespace\"}[$__rate_interval]))".into(),
                "{{reason}}",
            )],
        ),
        lines(
            "Runs under way, and waiting",
            "Those that wait do so for their turn.",
            "short",
            &[
                ("sum by (action) (backup_operator_runs_under_way)".into(), "{{action}} under way"),
                ("sum(backup_operator_runs_queued)".into(), "waiting"),
            ],
        ),
        lines(
            "Stored, by namespace",
            "Bytes that were stored in a second: after compression.",
            "Bps",
            &[(
                "sum by (namespace) (rate(backup_operator_stored_bytes_total{namespace=~\"$namespace\"}[$__rate_interval]))".into(),
                "{{namespace}}",
            )],
        ),
        lines(
            "Restored, by namespace",
            "Bytes that restores read from storages in a second: before they are unpacked.",
            "Bps",
            &[(
                "sum by (namespace) (rate(backup_operator_restored_bytes_total{namespace=~\"$namespace\"}[$__rate_interval]))".into(),
                "{{namespace}}",
            )],
        ),
    ];
    Dashboard {
        paths: [
            "deploy/dashboards/fleet.json",
            "charts/backup-operator/files/dashboards/fleet.json",
        ],
        uid: "backup-operator-fleet",
        title: "Backups: all schedules",
        description: "Who has no good backup, what fails, what is under way.",
        from: "now-24h",
        variables: vec![Variable {
            name: "namespace",
            label: "Namespace",
            query: "label_values(backup_operator_schedule_created_timestamp_seconds, namespace)",
            several: true,
        }],
        panels,
    }
}
