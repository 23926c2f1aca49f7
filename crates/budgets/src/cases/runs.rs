//! The decision about a run, in each of its lives.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::BackupRun;
use api::labels;
use api::run::Location;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use planner::queue::Turn;
use planner::run::observed::Place;
use planner::run::pod::AgentSettings;
use planner::run::{
    AgentVolume, Carrier, Contact, End, Found, Observed, PodView, StorageView, StoredObject, TransferView, decide,
    observed::PodStage,
};
use serde_json::{Value, json};

use crate::samples::{self, UID};

use super::{Case, Work, work};

pub const CASES: &[Case] = &[
    Case {
        name: "run: new",
        prepare: || decided(new()),
    },
    Case {
        name: "run: returned",
        prepare: || decided(returned()),
    },
    Case {
        name: "run: under way",
        prepare: || decided(under_way()),
    },
    Case {
        name: "run: under way, its transfer has ended",
        prepare: || decided(ended()),
    },
    Case {
        name: "run: between two attempts",
        prepare: || decided(between()),
    },
    Case {
        name: "run: leaving",
        prepare: || decided(leaving()),
    },
    Case {
        name: "run: abandoned",
        prepare: || decided(abandoned()),
    },
    Case {
        name: "run: finished",
        prepare: || decided(finished()),
    },
    Case {
        name: "run: finished, a restore is asked for",
        prepare: || decided(asked()),
    },
    Case {
        name: "run: deleting",
        prepare: || decided(deleting()),
    },
];

fn decided(seen: Observed<'static>) -> Work {
    work(move || decide(&seen))
}

fn tick() -> Timestamp {
    "2026-01-02T03:00:00Z".parse().unwrap()
}

/// A run in a calm world, some seconds after its tick.
fn seen(run: BackupRun) -> Observed<'static> {
    let agent = AgentSettings {
        image: "registry.example.com/backup-operator:1.2.3".into(),
        image_pull_policy: "IfNotPresent".into(),
        cpu: "250m".into(),
        memory: "32Mi".into(),
        volume: AgentVolume::Auto,
    };
    Observed {
        run: Box::leak(Box::new(run)),
        storage: StorageView::Ready(Place {
            prefix: String::new(),
            isolated: false,
            thaws: false,
            retry: Duration::from_secs(900),
            location: Location {
                bucket: "backups".into(),
                endpoint: "https://minio:9000".into(),
            },
            home: "backup-operator".into(),
        }),
        pods: Vec::new(),
        transfer: TransferView::None,
        refused: None,
        served: Arc::default(),
        turn: Turn::Given,
        obstacle: None,
        trouble: None,
        found: Found::Unknown,
        kept: None,
        copies: vec![],
        rewrap: Default::default(),
        source: Default::default(),
        recipients: Default::default(),
        proof: None,
        download: Default::default(),
        request_is_kept: false,
        sizes_before: vec![1_000_000, 990_000, 1_020_000],
        claims: Vec::new(),
        cluster: "8d1f8f6e-5ca1-4e00-8000-000000000001",
        agent: Box::leak(Box::new(agent)),
        ages: BTreeMap::new(),
        working_for: Duration::MAX,
        now: tick() + SignedDuration::from_secs(20),
    }
}

fn pods(run: &BackupRun) -> Vec<PodView> {
    vec![PodView {
        name: format!("{}-backup-1", run.metadata.name.as_deref().unwrap_or_default()),
        uid: "pod-1".into(),
        ours: true,
        terminating: false,
        over: false,
        finalizers: Vec::new(),
        stage: PodStage::Running,
        carrier: Carrier::InitContainer,
        no_volume: None,
        unmade: false,
    }]
}

fn new() -> Observed<'static> {
    seen(samples::run(tick()))
}

fn returned() -> Observed<'static> {
    let mut run = samples::begun(tick());
    run.metadata.uid = Some("another".into());
    let object = StoredObject {
        key: samples::key(&run),
        size: 1_000_097,
        etag: "\"16c7e7171a33488bfa1e6\"".into(),
        stored_at: Some(tick()),
        run: Some(format!("shop/{}", run.metadata.name.as_deref().unwrap_or_default())),
        run_uid: Some(UID.into()),
        attempt: Some("backup-1".into()),
        ..StoredObject::default()
    };
    Observed {
        found: Found::Object(Box::new(object)),
        ..seen(run)
    }
}

fn working() -> BackupRun {
    let run = samples::begun(tick());
    let fields = json!({ "state": "Backuping", "transfer": samples::transfer(&run, tick()) });
    samples::with_status(run, &["InProgress", "Compressed"], fields)
}

fn under_way() -> Observed<'static> {
    let seen = seen(working());
    Observed {
        pods: pods(seen.run),
        transfer: TransferView::Active {
            attempt: "backup-1".into(),
            contact: Contact::Working,
            upload: None,
            route: None,
            bytes: 3_000_000,
            stored_bytes: 0,
            cancelling: false,
        },
        ..seen
    }
}

fn ended() -> Observed<'static> {
    Observed {
        transfer: TransferView::Ended {
            attempt: "backup-1".into(),
            end: Box::new(End::Stored {
                record: Default::default(),
                bytes: 4_000_000,
                stored_bytes: 1_000_097,
                sha256: "5c896ce0e762b15d0c72fc2d2539ae0d1a07213de1c16c7e7171a33488bfa1e6".into(),
                etag: "\"16c7e7171a33488bfa1e6\"".into(),
                version_id: None,
                lock: None,
                log: "-- dump completed\n".into(),
            }),
        },
        ..under_way()
    }
}

/// The pause is over, and the next attempt begins.
fn between() -> Observed<'static> {
    let run = samples::begun(tick());
    let mut transfer = samples::transfer(&run, tick());
    transfer["failedAt"] = json!(tick() + SignedDuration::from_secs(5));
    transfer["uploadID"] = Value::Null;
    transfer["commandStartedAt"] = Value::Null;
    let run = samples::with_status(run, &["InProgress", "Compressed"], json!({ "transfer": transfer }));
    seen(run)
}

fn leaving() -> Observed<'static> {
    let run = samples::begun(tick());
    let mut fields = samples::stored(tick() + SignedDuration::from_secs(11));
    fields["transfer"] = samples::transfer(&run, tick());
    seen(samples::with_status(run, &GOOD, fields))
}

const GOOD: [&str; 4] = ["Ready", "Successful", "Compressed", "Restorable"];

fn abandoned() -> Observed<'static> {
    let run = samples::begun(tick());
    seen(samples::with_status(run, &["InProgress"], json!({})))
}

fn good() -> BackupRun {
    let ended = tick() + SignedDuration::from_secs(11);
    samples::with_status(samples::begun(tick()), &GOOD, samples::stored(ended))
}

fn finished() -> Observed<'static> {
    seen(good())
}

fn asked() -> Observed<'static> {
    let mut run = good();
    let annotations = run.metadata.annotations.get_or_insert_default();
    annotations.insert(labels::RESTORE.into(), "now".into());
    seen(run)
}

fn deleting() -> Observed<'static> {
    let mut run = good();
    run.metadata.deletion_timestamp = Some(Time(tick() + SignedDuration::from_secs(19)));
    seen(run)
}

#[cfg(test)]
mod tests {
    use planner::run::life::{self, Life};
    use planner::run::{Decision, Guarded, Unguarded};

    use super::*;

    #[test]
    fn every_life_is_counted() {
        // A new life does not compile here, and wants a case.
        let name = |seen: &Observed<'_>| match life::of(seen.run) {
            Life::New => "new",
            Life::Returned(_) => "returned",
            Life::UnderWay(_) => "under way",
            Life::Between { .. } => "between two attempts",
            Life::Leaving(_) => "leaving",
            Life::Abandoned => "abandoned",
            Life::Finished => "finished",
            Life::Deleting => "deleting",
        };
        let all = [
            new(),
            returned(),
            under_way(),
            ended(),
            between(),
            leaving(),
            abandoned(),
            finished(),
            asked(),
            deleting(),
        ];
        assert_eq!(all.len(), CASES.len());
        for (seen, case) in all.iter().zip(CASES) {
            let called = case.name.strip_prefix("run: ").unwrap();
            assert!(called.starts_with(name(seen)), "{called} is {}", name(seen));
        }
    }

    #[test]
    fn the_cases_do_what_is_done_most_in_those_lives() {
        let creates = |d: &Decision| d.unguarded.iter().any(|u| matches!(u, Unguarded::CreatePod(_)));
        let reports = |d: &Decision| {
            let mut all = d.guarded.iter().chain(&d.settled);
            all.any(|g| matches!(g, Guarded::Report(_)))
        };
        for (seen, pod) in [(new(), true), (between(), true), (asked(), true), (ended(), false)] {
            let decision = decide(&seen);
            assert!(reports(&decision) && creates(&decision) == pod, "{decision:?}");
        }
        for seen in [returned(), under_way(), leaving(), abandoned()] {
            assert!(reports(&decide(&seen)));
        }
        let deletes = |u: &Unguarded| matches!(u, Unguarded::DeleteObject { .. });
        assert!(decide(&deleting()).unguarded.iter().any(deletes));
        assert_eq!(decide(&finished()), Decision::default());
    }
}
