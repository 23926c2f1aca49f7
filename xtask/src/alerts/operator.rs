//! Alerts about the operator itself: without it, nothing else would be told.
use super::{Alert, Command, Severity, Source};

const PODS: Command = Command {
    line: "kubectl -n backup-operator get pods -o wide",
    shows: "whether its Pods run and are ready, and since when",
};
const LEASE: Command = Command {
    line: "kubectl -n backup-operator get lease backup-operator",
    shows: "which Pod leads",
};
const LOGS: Command = Command {
    line: "kubectl -n backup-operator logs -l app.kubernetes.io/name=backup-operator --since=1h --prefix --tail=-1",
    shows: "what its Pods say",
};

/// In the order of their page.
pub const ALERTS: &[Alert] = &[
    Alert {
        name: "NoLeader",
        page: "docs/operations/runbooks/NoLeader.md",
        expr: "max(backup_operator_leader) == 0",
        hold: "5m",
        from: Source::Replicas,
        severity: Severity::Critical,
        summary: "No replica of the backup operator leads",
        description: "Replicas answer, and none of them works, or the one that does cannot be scraped: no backup is begun, or none is seen.",
        meaning: "Every replica that Prometheus reaches says that it does not lead. Another one takes over within 15 seconds, so five minutes without a leader mean that none can take the Lease, or that the leader is one that Prometheus does not reach; then nothing is known of schedules either. Runs under way wait for a leader for 15 minutes.",
        commands: [LEASE, PODS, LOGS],
        cures: &[
            "The holder of the Lease is a Pod that runs: Prometheus does not reach it. Look at its targets page and at NetworkPolicies.",
            "The targets page has `body size limit exceeded` or `sample limit exceeded` as the last error of that Pod, whose `up` is 0: only the leader's answer is large, some 2 kB and 17 series for each schedule. Raise the limit (docs/operations/monitoring.md, How large a scrape is).",
            "The holder is a Pod that is gone, and nobody takes over: the log says why, mostly because the API server refuses the Lease (RBAC) or does not answer.",
            "A Pod whose container was started again has said why it ended: `kubectl -n backup-operator logs POD --previous`.",
            "`kubectl -n backup-operator rollout restart deployment/backup-operator` harms nothing: runs under way go on.",
        ],
    },
    Alert {
        name: "MetricsAbsent",
        page: "docs/operations/runbooks/MetricsAbsent.md",
        expr: "absent(backup_operator_leader)",
        hold: "10m",
        from: Source::Replicas,
        severity: Severity::Critical,
        summary: "There are no metrics of the backup operator",
        description: "Prometheus reads no replica: the operator is not there, or its metrics cannot be reached. No other alert about backups can fire.",
        meaning: "No replica was scraped for ten minutes. Either the operator does not run, and then no backup is begun, or Prometheus does not find or reach it; backups may be as good as ever, and nobody would hear if they were not.",
        commands: [
            PODS,
            Command {
                line: "kubectl -n backup-operator get service,endpointslices -l app.kubernetes.io/component=metrics",
                shows: "whether the Service of the metrics has addresses",
            },
            Command {
                line: "kubectl -n backup-operator get events --sort-by=.metadata.creationTimestamp",
                shows: "why Pods do not start",
            },
        ],
        cures: &[
            "Pods do not run: their Events and logs say why.",
            "Pods run: the targets page of Prometheus says why it does not read them. With Prometheus Operator, the labels of the ServiceMonitor (`metrics.serviceMonitor.labels`) must be those that your Prometheus selects.",
            "Pods run, `up` of their target is 0, and the targets page has `body size limit exceeded` or `sample limit exceeded` as its last error: a limit of Prometheus drops the whole scrape. The answer has some 2 kB, before compression, and 17 series for each schedule: raise the limit (docs/operations/monitoring.md, How large a scrape is).",
            "The operator was uninstalled: remove its rules, too.",
        ],
    },
    Alert {
        name: "WebhookCertificateNearItsEnd",
        page: "docs/operations/runbooks/WebhookCertificateNearItsEnd.md",
        expr: "min(backup_operator_webhook_certificate_expiry_timestamp_seconds) - time() < 14 * 86400",
        hold: "1h",
        from: Source::Replicas,
        severity: Severity::Warning,
        summary: "The certificate of the backup operator's webhook is not renewed",
        description: "It is good for {{ $value | humanizeDuration }} more. After that nobody can create or change schedules, runs and storages; the runs of schedules go on.",
        meaning: "The operator makes a new certificate 30 days before the end of the last one, and so does cert-manager with its defaults. Less than 14 days are left, so that nobody does.",
        commands: [
            Command {
                line: "kubectl -n backup-operator get secret backup-operator-webhook -o jsonpath='{.metadata.managedFields[*].time}'",
                shows: "when the certificate was written last",
            },
            LOGS,
            LEASE,
        ],
        cures: &[
            "The operator may not write the Secret or the ValidatingWebhookConfiguration: the log says so; apply the roles of the manifests or the chart again.",
            "With cert-manager: `kubectl -n backup-operator describe certificate backup-operator-webhook`. With an authority of yours whose certificates live for less than 14 days, leave the alert out (`metrics.prometheusRule.disabled`).",
            "Deleting the Secret makes the operator write a new one at once; for some seconds creations and changes are refused.",
        ],
    },
];
