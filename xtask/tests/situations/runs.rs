//! Runs, as the planner decides of them.
use std::time::Duration;

use api::run::Location;
use api::{BackupRun, BackupRunStatus, labels};
use jiff::{SignedDuration, Timestamp};
use planner::queue::{Lack, Place as InLine, Turn};
use planner::run::observed::{LAST_WORDS, Place, PodStage};
use planner::run::pod::AgentSettings;
use planner::run::{
    AgentVolume, Carrier, Claim, Contact, DownloadView, End, Event, Found, Guarded, Observed, PodView, Reason,
    StorageView, TransferView, Unguarded, decide,
};

use crate::Row;

/// A run and what surrounds it. What is decided is written to it at once.
struct World {
    run: BackupRun,
    storage: StorageView,
    pods: Vec<PodView>,
    transfer: TransferView,
    turn: Turn,
    claims: Vec<Claim>,
    events: Vec<Event>,
    now: Timestamp,
}

impl World {
    fn new(mut run: BackupRun) -> Self {
        run.status = Some(BackupRunStatus {
            observed_generation: Some(api::UNSEEN),
            ..BackupRunStatus::default()
        });
        Self {
            run,
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
            pods: vec![],
            transfer: TransferView::None,
            turn: Turn::Given,
            claims: vec![],
            events: vec![],
            now: Timestamp::from_second(1_000_000).unwrap(),
        }
    }

    fn backup() -> Self {
        Self::new(testing::backup_run())
    }

    fn restore_only() -> Self {
        Self::new(testing::restore_only_run())
    }

    fn step(mut self) -> Self {
        let agent = AgentSettings {
            image: "operator:1".into(),
            image_pull_policy: "IfNotPresent".into(),
            cpu: "250m".into(),
            memory: "32Mi".into(),
            volume: AgentVolume::Auto,
        };
        let decision = decide(&Observed {
            run: &self.run,
            storage: self.storage.clone(),
            pods: self.pods.clone(),
            transfer: self.transfer.clone(),
            refused: None,
            claims: self.claims.clone(),
            cluster: "here",
            turn: self.turn.clone(),
            obstacle: None,
            trouble: None,
            found: Found::Nothing,
            kept: None,
            copies: vec![],
            rewrap: Default::default(),
            source: Default::default(),
            recipients: Default::default(),
            proof: None,
            download: DownloadView::None,
            request_is_kept: false,
            sizes_before: vec![],
            ages: Default::default(),
            working_for: Duration::MAX,
            agent: &agent,
            served: Default::default(),
            now: self.now,
        });
        self.events
            .extend(decision.unguarded.iter().filter_map(|step| match step {
                Unguarded::Event(event) => Some(event.clone()),
                _ => None,
            }));
        for step in decision.guarded.into_iter().chain(decision.settled) {
            match step {
                Guarded::Report(status) => self.run.status = Some(*status),
                Guarded::TakeRequest => {
                    self.run
                        .metadata
                        .annotations
                        .get_or_insert_default()
                        .remove(labels::RESTORE);
                }
                Guarded::TakeCancel => {
                    self.run
                        .metadata
                        .annotations
                        .get_or_insert_default()
                        .remove(labels::CANCEL);
                }
                _ => {}
            }
        }
        self
    }

    /// Its Pod runs, and its agent works.
    fn works(self) -> Self {
        let mut world = self.pod(PodStage::Running);
        let status = world.run.status.clone().unwrap();
        world.transfer = TransferView::Active {
            attempt: status.transfer.unwrap().attempt,
            contact: Contact::Working,
            upload: None,
            route: None,
            bytes: 0,
            stored_bytes: 0,
            cancelling: false,
        };
        world.step()
    }

    fn pod(mut self, stage: PodStage) -> Self {
        let status = self.run.status.clone().unwrap();
        self.pods = vec![PodView {
            name: status.pod_name.unwrap(),
            uid: "pod-1".into(),
            ours: true,
            terminating: false,
            over: false,
            finalizers: vec![],
            stage,
            carrier: Carrier::InitContainer,
            no_volume: None,
            unmade: false,
        }];
        self
    }

    /// The kubelet has words for why its Pod does not start.
    fn kept_by(self, cause: &str, words: &str) -> Self {
        let stage = PodStage::Starting {
            message: words.into(),
            cause: Some(cause.into()),
            hopeless: false,
        };
        self.passes(6).pod(stage).step()
    }

    fn ends(mut self, end: End) -> Self {
        let attempt = self.run.status.clone().unwrap().transfer.unwrap().attempt;
        self.transfer = TransferView::Ended {
            attempt,
            end: Box::new(end),
        };
        self = self.step();
        self.transfer = TransferView::None;
        self.pods.clear();
        // What is cleaned up after an end comes in passes of its own.
        self.step()
    }

    /// Its Pod goes while it works.
    fn lost(mut self) -> Self {
        self.pods.clear();
        self = self.step();
        self.transfer = TransferView::None;
        self.step()
    }

    fn asks_to_restore(mut self) -> Self {
        let annotations = self.run.metadata.annotations.get_or_insert_default();
        annotations.insert(labels::RESTORE.into(), "yes".into());
        self
    }

    fn waits_for(mut self, storage: StorageView) -> Self {
        self.storage = storage;
        self.step()
    }

    fn queued(mut self) -> Self {
        self.turn = Turn::Waits(InLine {
            place: 2,
            of: 3,
            lacks: Lack::Operator(1),
        });
        self.step()
    }

    fn passes(mut self, seconds: i64) -> Self {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        self
    }

    fn edited(mut self) -> Self {
        self.run.metadata.generation = Some(2);
        self
    }

    fn retried(mut self) -> Self {
        self.run.spec.backoff_limit = Some(3);
        self
    }
}

fn stored() -> End {
    End::Stored {
        record: Default::default(),
        bytes: 10_000_000,
        stored_bytes: 3_100_000,
        sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        etag: "\"e\"".into(),
        version_id: None,
        lock: None,
        log: String::new(),
    }
}

fn restored() -> End {
    End::Restored {
        bytes: 10_000_000,
        log: String::new(),
    }
}

fn failed() -> End {
    End::Failed {
        reason: Reason::CommandFailed,
        message: format!("the command ended with status 3{LAST_WORDS}cannot connect to the database"),
        bytes: 10,
        log: "cannot connect to the database".into(),
    }
}

fn away() -> StorageView {
    StorageView::NotReady {
        message: "connect to https://minio:9000: connection refused".into(),
        place: None,
        full: false,
    }
}

/// The status of an operator that knew neither generations nor kstatus.
fn of_before(mut world: World) -> World {
    let status = world.run.status.as_mut().unwrap();
    status.observed_generation = None;
    for type_ in ["Reconciling", "Stalled"] {
        api::condition::remove(&mut status.conditions, type_);
    }
    world
}

/// A run as it ended, well or not.
pub fn ended(run: BackupRun, well: bool, now: Timestamp) -> BackupRun {
    let mut world = World::new(run);
    world.now = now;
    let end = if well { stored() } else { failed() };
    world.step().works().ends(end).run
}

/// A run at work.
pub fn working(run: BackupRun, now: Timestamp) -> BackupRun {
    let mut world = World::new(run);
    world.now = now;
    world.step().works().run
}

/// What people are to see of runs, in golden files.
pub const SHOWN: &[&str] = &[
    "no such storage",
    "queued",
    "its image cannot be pulled",
    "at work",
    "failed, and tried again",
    "a good backup",
    "a failed backup",
    "a Pod that never started",
    "a wrong path",
    "interrupted",
    "overwritten by another run",
    "a restore whose storage is away",
    "a restore that ended well",
    "a restore that failed",
    "a restore-only run that failed",
];

pub fn rows() -> Vec<Row> {
    let working = || World::backup().step().works();
    let good = || working().ends(stored());
    let bad = || working().ends(failed());
    let restoring = || World::restore_only().step().works();
    let invalid = || {
        let mut world = World::backup();
        world.run.spec.storage.path = "/{{ .nam }}.sql".into();
        world.step()
    };
    let overwritten = || {
        let mut world = good().passes(60);
        world.claims = vec![Claim {
            run: "team/other".into(),
            uid: "uid-2".into(),
            etag: Some("\"f\"".into()),
            ended_at: Some(world.now),
            good: true,
            ..Claim::default()
        }];
        world.step()
    };
    let row = |situation, world: World, kstatus, argo| Row {
        situation,
        object: serde_json::to_value(world.run).unwrap(),
        events: world.events,
        kstatus,
        argo,
    };
    let unpulled = || {
        let words =
            "container \"main\": ImagePullBackOff: Back-off pulling image \"db:1\": ErrImagePull: db:1: not found";
        World::backup().step().kept_by("ImagePullBackOff", words)
    };
    let coming = |situation, world| row(situation, world, "InProgress", "Progressing");
    let well = |situation, world| row(situation, world, "Current", "Healthy");
    let stuck = |situation, world| row(situation, world, "Failed", "Degraded");
    vec![
        coming("just created", World::backup()),
        coming("no such storage", World::backup().waits_for(StorageView::Missing)),
        coming("its storage is away", World::backup().waits_for(away())),
        coming("queued", World::backup().queued()),
        coming("its Pod is made", World::backup().step()),
        coming("its image cannot be pulled", unpulled()),
        coming("at work", working()),
        coming(
            "failed, and tried again",
            World::backup().retried().step().works().ends(failed()),
        ),
        coming("the second attempt", {
            let between = World::backup().retried().step().works().ends(failed());
            between.passes(60).step()
        }),
        well("a good backup", good()),
        well(
            "a good backup, by an operator that knew no generations",
            of_before(good()),
        ),
        well("the same, looked at by this one", of_before(good()).step()),
        stuck("a failed backup", bad()),
        stuck("a Pod that never started", unpulled().passes(600).step()),
        stuck("a wrong path", invalid()),
        stuck(
            "a namespace that may not",
            World::backup().waits_for(StorageView::Refused {
                message: "it may not".into(),
            }),
        ),
        stuck("interrupted", working().lost()),
        stuck("overwritten by another run", overwritten()),
        coming("a good backup, edited", good().edited()),
        well("a good backup, edited and looked at", good().edited().step()),
        stuck("a failed backup, edited and looked at", bad().edited().step()),
        coming("a restore of a good backup", good().asks_to_restore().step().works()),
        coming("a restore that is queued", good().asks_to_restore().queued()),
        coming(
            "a restore whose storage is away",
            good().asks_to_restore().waits_for(away()),
        ),
        well(
            "a restore that ended well",
            good().asks_to_restore().step().works().ends(restored()),
        ),
        // The backup is as good as it was.
        well(
            "a restore that failed",
            good().asks_to_restore().step().works().ends(failed()),
        ),
        coming("a restore-only run that waits", World::restore_only().waits_for(away())),
        coming("a restore-only run at work", restoring()),
        well("a restore-only run that ended well", restoring().ends(restored())),
        stuck("a restore-only run that failed", restoring().ends(failed())),
        coming(
            "a failed restore-only run that restores again",
            restoring().ends(failed()).asks_to_restore().step().works(),
        ),
        well(
            "and does it well",
            restoring()
                .ends(failed())
                .asks_to_restore()
                .step()
                .works()
                .ends(restored()),
        ),
    ]
}
