//! The storages: whether they can be used, how full they are, what goes there.
use super::panel::{Bad, Column, bars, lines, states, table};
use super::{Dashboard, Variable};

fn of(metric: &str) -> String {
    format!("max by (storage) (backup_operator_storage_{metric}{{storage=~\"$storage\"}})")
}

/// The dashboard.
pub fn dashboard() -> Dashboard {
    let column = |head, unit, bad, expr| Column { head, unit, bad, expr };
    let panels = vec![
        table(
            "Storages",
            "Ready is 1 where the operator can write, read and remove there.",
            &["storage"],
            &[
                column("Ready", "short", Bad::Below(1.0), of("ready")),
                column(
                    "Tried",
                    "dateTimeFromNow",
                    Bad::Never,
                    format!("1000 * {}", of("last_probe_timestamp_seconds")),
                ),
                column("Size", "bytes", Bad::Never, of("size_bytes")),
                column("Runs", "short", Bad::Never, of("runs")),
                column("Schedules", "short", Bad::Never, of("schedules")),
            ],
            None,
        )
        .sized(24, 8),
        states(
            "Can be used",
            "When each storage could be used.",
            ["cannot be used", "ready"],
            (of("ready"), "{{storage}}"),
        ),
        lines(
            "Size",
            "The sum of the backups that runs know of. Objects that nobody knows of are not in it.",
            "bytes",
            &[(of("size_bytes"), "{{storage}}")],
        ),
        bars(
            "Runs that ended, by storage and reason",
            "The words are those of the condition and the Event.",
            "short",
            &[(
                "sum by (storage, reason) (increase(backup_operator_runs_ended_total{storage=~\"$storage\"}[$__rate_interval]))".into(),
                "{{storage}}: {{reason}}",
            )],
        ),
        lines(
            "Transfers under way",
            "Direct: between the Pod and the store. Relay: through the operator.",
            "short",
            &[("sum by (route) (backup_operator_transfers_in_progress)".into(), "{{route}}")],
        ),
        lines(
            "Bytes a second",
            "What commands printed and took, what was stored, and what of all went through the operator.",
            "Bps",
            &[
                (
                    "sum by (action) (rate(backup_operator_command_bytes_total[$__rate_interval]))".into(),
                    "commands: {{action}}",
                ),
                ("sum(rate(backup_operator_stored_bytes_total[$__rate_interval]))".into(), "stored"),
                ("sum(rate(backup_operator_relayed_bytes_total[$__rate_interval]))".into(), "relayed"),
            ],
        ),
        lines(
            "Parts tried again",
            "Parts of an upload that the store did not take at once, in a second.",
            "short",
            &[("sum(rate(backup_operator_parts_retried_total[$__rate_interval]))".into(), "parts")],
        ),
    ];
    Dashboard {
        paths: [
            "deploy/dashboards/storages.json",
            "charts/backup-operator/files/dashboards/storages.json",
        ],
        uid: "backup-operator-storages",
        title: "Backups: storages",
        description: "Whether they can be used, how full they are, and what goes there.",
        from: "now-24h",
        variables: vec![Variable {
            name: "storage",
            label: "Storage",
            query: "label_values(backup_operator_storage_ready, storage)",
            several: true,
        }],
        panels,
    }
}
