//! Storages, as the planner decides of them.
use api::BackupStorage;
use api::storage::Capabilities;
use jiff::Timestamp;
use planner::run::Event;
use planner::storage::{Observed, ProbeView, Reason, decide};
use serde_json::{Value, json};

use crate::Row;

/// A storage, with one decision after another written to it.
struct World {
    storage: BackupStorage,
    events: Vec<Event>,
    can: Capabilities,
    now: i64,
}

impl World {
    fn new(status: Value) -> Self {
        let storage = serde_json::from_value(json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage",
            "metadata": {"name": "s", "generation": 1},
            "spec": {"type": "s3", "parameters": {"bucket": "b"}}, "status": status,
        }));
        Self {
            storage: storage.unwrap(),
            events: vec![],
            can: capabilities(),
            now: 1_000_000,
        }
    }

    /// As the API server has it before an operator has looked at it.
    fn made() -> Self {
        Self::new(json!({"observedGeneration": api::UNSEEN}))
    }

    /// So many seconds later, with a probe of the spec of that generation.
    fn then(mut self, seconds: i64, probe: Option<Option<Reason>>, probed: i64) -> Self {
        self.now += seconds;
        let at = Timestamp::from_second(self.now).unwrap();
        let configuration = probed.to_string();
        let probe = match probe {
            None => ProbeView::NotYet,
            Some(None) => ProbeView::Good {
                capabilities: self.can.clone(),
                at,
                configuration,
            },
            Some(Some(reason)) => ProbeView::Failed {
                reason,
                message: words(reason),
                at,
                configuration,
            },
        };
        let configuration = self.storage.metadata.generation.unwrap_or_default().to_string();
        let decision = decide(&Observed {
            storage: &self.storage,
            schedules: 0,
            runs: 0,
            size_in_bytes: 0,
            probe,
            configuration: &configuration,
            authorities: None,
            now: at,
        });
        self.storage.status = Some(decision.status);
        self.events.extend(decision.events);
        self
    }

    fn edited(mut self) -> Self {
        self.storage.metadata.generation = self.storage.metadata.generation.map(|g| g + 1);
        self
    }
}

fn capabilities() -> Capabilities {
    let all = json!({"checksum": "sha256", "checksumEnforced": true, "deletable": true, "listable": true,
        "metadata": true, "compositeChecksum": true, "ifNoneMatch": true});
    serde_json::from_value(all).unwrap()
}

/// As the probe puts it.
fn words(reason: Reason) -> String {
    match reason {
        Reason::InvalidParameters => "spec.parameters.bukcet: is not known; did you mean bucket?",
        Reason::InvalidCredentials => "spec.credentials: there is no Secret \"keys\" in namespace \"backups\"",
        Reason::StoreUnreachable => "connect to https://minio:9000: connection refused",
        Reason::ProbeDenied => "put an object: 403 AccessDenied: the access key needs s3:PutObject",
        Reason::ProbeFailed => {
            "put an object: 404 NoSuchBucket: create bucket \"b\", or correct spec.parameters.bucket"
        }
        _ => "the probe's words",
    }
    .into()
}

/// What people are to see of storages, in golden files.
pub const SHOWN: &[&str] = &[
    "just created",
    "looked at, the first probe under way",
    "ready",
    "a key that may neither delete nor list",
    "edited, and not probed again yet",
    "edited into something bad",
    "cured",
    "away for a moment, after it was ready",
    "away for long, after it was ready",
    "InvalidCredentials",
    "ProbeDenied",
    "ProbeFailed",
    "StoreUnreachable",
];

const GOOD: Option<Option<Reason>> = Some(None);

fn bad(reason: Reason) -> Option<Option<Reason>> {
    Some(Some(reason))
}

pub fn rows() -> Vec<Row> {
    let ready = || World::made().then(0, GOOD, 1);
    let row = |situation, world: World, kstatus, argo| Row {
        situation,
        object: serde_json::to_value(world.storage).unwrap(),
        events: world.events,
        kstatus,
        argo,
    };
    let locked = || {
        let mut world = World::made();
        world.can.deletable = false;
        world.can.listable = false;
        world.then(0, GOOD, 1)
    };
    let mut rows = vec![
        row("just created", World::made(), "InProgress", "Progressing"),
        row(
            "looked at, the first probe under way",
            World::made().then(0, None, 1),
            "InProgress",
            "Progressing",
        ),
        row(
            "looked at, under CRDs without a default",
            World::new(Value::Null).then(0, None, 1),
            "InProgress",
            "Progressing",
        ),
        row("ready", ready(), "Current", "Healthy"),
        row("a key that may neither delete nor list", locked(), "Current", "Healthy"),
        row(
            "ready, by an operator that knew no generations",
            World::new(json!({
                "conditions": [{"type": "Ready", "status": "True", "reason": "Probed", "message": "the store took it", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            })),
            "Current",
            "Healthy",
        ),
        row(
            "edited, and the operator is away",
            ready().edited(),
            "InProgress",
            "Progressing",
        ),
        row(
            "edited, and not probed again yet",
            ready().edited().then(1, GOOD, 1),
            "InProgress",
            "Progressing",
        ),
        row(
            "edited and good again",
            ready().edited().then(1, GOOD, 2),
            "Current",
            "Healthy",
        ),
        row(
            "edited into something bad",
            ready().edited().then(1, bad(Reason::InvalidParameters), 2),
            "Failed",
            "Degraded",
        ),
        row(
            "cured",
            World::made()
                .then(0, bad(Reason::ProbeFailed), 1)
                .then(600, bad(Reason::ProbeFailed), 1)
                .then(5, GOOD, 1),
            "Current",
            "Healthy",
        ),
        row(
            "away for a moment, after it was ready",
            ready().then(300, bad(Reason::StoreUnreachable), 1),
            "InProgress",
            "Progressing",
        ),
        row(
            "away for long, after it was ready",
            ready()
                .then(300, bad(Reason::StoreUnreachable), 1)
                .then(121, bad(Reason::StoreUnreachable), 1),
            "Failed",
            "Degraded",
        ),
        row(
            "a new operator has not probed yet",
            ready().then(300, None, 1),
            "Current",
            "Healthy",
        ),
    ];
    for reason in Reason::ALL.iter().copied() {
        let of_the_spec = [
            Reason::InvalidSpec,
            Reason::InvalidParameters,
            Reason::InvalidConfiguration,
        ]
        .contains(&reason);
        let of_a_probe = of_the_spec
            || [
                Reason::InvalidCredentials,
                Reason::SecretUnreadable,
                Reason::StoreUnreachable,
                Reason::StoreFull,
                Reason::ProbeTimeout,
                Reason::ProbeFailed,
                Reason::ProbeDenied,
            ]
            .contains(&reason);
        if !of_a_probe {
            continue;
        }
        let first = || World::made().then(0, bad(reason), 1);
        let (kstatus, argo) = if of_the_spec {
            ("Failed", "Degraded")
        } else {
            ("InProgress", "Progressing")
        };
        rows.push(row(reason.word(), first(), kstatus, argo));
        let still = first().then(119, bad(reason), 1);
        rows.push(row(reason.word(), still, kstatus, argo));
        // A bucket that nobody makes does not exist for good.
        let for_good = first().then(120, bad(reason), 1);
        rows.push(row(reason.word(), for_good, "Failed", "Degraded"));
    }
    rows
}
