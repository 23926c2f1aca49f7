//! The operator itself: who leads, how long its work takes, what it asks and is asked, what it uses.
use super::Dashboard;
use super::panel::{Bad, Column, lines, row, stat, states, table};

/// Half of all, and all but one of a hundred.
fn quantiles(histogram: &str, by: &str) -> [String; 2] {
    [0.5, 0.99].map(|share| {
        format!(
            "histogram_quantile({share}, sum by ({by}) (rate(backup_operator_{histogram}_bucket[$__rate_interval])))"
        )
    })
}

/// The dashboard.
pub fn dashboard() -> Dashboard {
    let [half, most] = quantiles("reconcile_duration_seconds", "kind, le");
    let [asked_half, asked_most] = quantiles("webhook_duration_seconds", "le");
    let panels = vec![
        stat(
            "Leads",
            "How many replicas lead: one does.",
            "short",
            Bad::Below(1.0),
            "sum(backup_operator_leader)",
        ),
        stat(
            "Replicas",
            "Those that Prometheus reads.",
            "short",
            Bad::Below(1.0),
            "count(backup_operator_leader)",
        ),
        stat(
            "Certificate",
            "For how long the webhook's certificate is good.",
            "s",
            Bad::Below(14.0 * 86400.0),
            "min(backup_operator_webhook_certificate_expiry_timestamp_seconds) - time()",
        ),
        stat(
            "Objects seen",
            "What the leader has in its cache.",
            "short",
            Bad::Never,
            "sum(backup_operator_cache_objects)",
        ),
        stat(
            "Waiting",
            "Objects that are to be passed over, and are not yet.",
            "short",
            Bad::Never,
            "sum(backup_operator_reconcile_waiting)",
        ),
        stat(
            "Memory",
            "What the replica that uses most has of it.",
            "bytes",
            Bad::Never,
            "max(process_resident_memory_bytes and on (instance) backup_operator_leader)",
        ),
        table(
            "Builds",
            "What runs where.",
            &["instance", "version"],
            &[
                Column::new("Uptime", "s", Bad::Never, "max by (instance, version) (backup_operator_build_info * on (instance) group_left () backup_operator_uptime_seconds)".into()),
                Column::new("Leads", "short", Bad::Never, "max by (instance, version) (backup_operator_build_info * on (instance) group_left () backup_operator_leader)".into()),
            ],
            None,
        )
        .sized(12, 8),
        states(
            "Leads, by replica",
            "Which one led when.",
            ["stands by", "leads"],
            ("max by (instance) (backup_operator_leader)".into(), "{{instance}}"),
        ),
        row("Its work"),
        lines(
            "One pass over an object",
            "By kind: half of them, and all but one of a hundred, are faster.",
            "s",
            &[(half, "{{kind}}: half"), (most, "{{kind}}: 99 %")],
        ),
        lines(
            "Passes and errors",
            "In a second, by kind.",
            "short",
            &[
                (
                    "sum by (kind) (rate(backup_operator_reconcile_duration_seconds_count[$__rate_interval]))".into(),
                    "{{kind}}",
                ),
                (
                    "sum by (kind) (rate(backup_operator_reconcile_errors_total[$__rate_interval]))\nor\n0 * sum by (kind) (rate(backup_operator_reconcile_duration_seconds_count[$__rate_interval]))".into(),
                    "{{kind}}: errors",
                ),
            ],
        ),
        lines(
            "Waiting",
            "Objects that are to be passed over, by kind.",
            "short",
            &[("sum by (kind) (backup_operator_reconcile_waiting)".into(), "{{kind}}")],
        ),
        lines(
            "Objects in the cache",
            "By kind.",
            "short",
            &[("sum by (kind) (backup_operator_cache_objects)".into(), "{{kind}}")],
        ),
        row("What it asks, and is asked"),
        lines(
            "Requests to the API server",
            "In a second, by verb and status.",
            "reqps",
            &[(
                "sum by (verb, code) (rate(backup_operator_api_requests_total[$__rate_interval]))".into(),
                "{{verb}} {{code}}",
            )],
        ),
        lines(
            "Answers of the webhook",
            "In a second, of all replicas.",
            "reqps",
            &[(
                "sum by (kind, answer) (rate(backup_operator_webhook_answers_total[$__rate_interval]))".into(),
                "{{kind}}: {{answer}}",
            )],
        ),
        lines(
            "One answer of the webhook",
            "Half of them, and all but one of a hundred, are faster.",
            "s",
            &[(asked_half, "half"), (asked_most, "99 %")],
        ),
        row("What it uses"),
        lines(
            "CPU",
            "Seconds of it in a second, by replica.",
            "short",
            &[(
                "sum by (instance) (rate(process_cpu_seconds_total[$__rate_interval]) and on (instance) backup_operator_leader)".into(),
                "{{instance}}",
            )],
        ),
        lines(
            "Memory",
            "By replica.",
            "bytes",
            &[(
                "max by (instance) (process_resident_memory_bytes and on (instance) backup_operator_leader)".into(),
                "{{instance}}",
            )],
        ),
        lines(
            "Open files",
            "Connections are among them. By replica.",
            "short",
            &[(
                "max by (instance) (process_open_fds and on (instance) backup_operator_leader)".into(),
                "{{instance}}",
            )],
        ),
    ];
    Dashboard {
        paths: [
            "deploy/dashboards/operator.json",
            "charts/backup-operator/files/dashboards/operator.json",
        ],
        uid: "backup-operator-operator",
        title: "Backups: the operator",
        description: "Who leads, how long its work takes, what it asks and is asked, and what it uses.",
        from: "now-6h",
        variables: Vec::new(),
        panels,
    }
}
