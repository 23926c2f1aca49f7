//! The rules of a run's life, each a test.
use std::time::Duration;

use api::condition;
use api::run::{Location, RetainPolicy, State};
use api::{BackupRun, BackupRunStatus, labels};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use testing::{backup_run, restore_only_run};

use crate::queue::{Lack, Place as InLine, Turn};
use crate::run::carrier::{AgentVolume, Carrier, Served};
use crate::run::decide;
use crate::run::ending::Ending;
use crate::run::observed::{
    Chosen, Claim, Contact, DownloadView, End, Found, Observed, Obstacle, Place, PodStage, PodView, Refusal, Route,
    StorageView, StoredObject, TransferView, Trouble,
};
use crate::run::pod::{AgentSettings, carrier_of};
use crate::run::reason::Reason;
use crate::run::step::{Decision, Guarded, Unguarded};

/// One effect of a decision, in the order in which they are taken.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Cancel(String),
    Guarded(Guarded),
    Unguarded(Unguarded),
}

fn steps(decision: Decision) -> Vec<Step> {
    let cancel = decision.cancel.into_iter().map(|why| Step::Cancel(why.into()));
    cancel
        .chain(decision.guarded.into_iter().map(Step::Guarded))
        .chain(decision.unguarded.into_iter().map(Step::Unguarded))
        .chain(decision.settled.into_iter().map(Step::Guarded))
        .collect()
}

/// A run, what surrounds it, and a clock: takes decisions and applies what they report, as the operator would.
mod cancel;
mod carriers;
mod copies;
mod deadlines;
mod deletion;
mod downloads;
mod edges;
mod generations;
mod locks;
mod moved;
mod pods;
mod requests;
mod restores;
mod retry;
mod returned;
mod rewraps;
mod sizes;
mod sources;
mod stored_as;
mod taken;
mod tenancy;
mod thaw;
mod told;
mod turns;

struct World {
    run: BackupRun,
    storage: StorageView,
    pods: Vec<PodView>,
    transfer: TransferView,
    refused: Option<Refusal>,
    turn: Turn,
    obstacle: Option<Obstacle>,
    trouble: Option<Trouble>,
    found: Found,
    kept: Option<crate::run::observed::Kept>,
    stored: Option<StoredObject>,
    copies: Vec<crate::run::observed::CopyView>,
    /// What a look at a copy finds; where nothing is said, the copy as it was made.
    lies: std::collections::BTreeMap<String, Found>,
    source: crate::run::picked::SourceView,
    rewrap: crate::run::observed::RewrapView,
    recipients: crate::run::picked::RecipientsView,
    proof: Option<crate::run::picked::Proof>,
    download: DownloadView,
    request_is_kept: bool,
    sizes_before: Vec<u64>,
    claims: Vec<Claim>,
    ages: std::collections::BTreeMap<Timestamp, Duration>,
    working_for: Duration,
    volume: AgentVolume,
    served: Served,
    now: Timestamp,
}

impl World {
    fn new(run: BackupRun) -> Self {
        Self {
            run,
            storage: ready(""),
            pods: vec![],
            transfer: TransferView::None,
            refused: None,
            turn: Turn::Given,
            obstacle: None,
            trouble: None,
            found: Found::Unknown,
            kept: None,
            stored: None,
            copies: vec![],
            lies: Default::default(),
            source: Default::default(),
            rewrap: Default::default(),
            recipients: Default::default(),
            proof: None,
            download: DownloadView::None,
            request_is_kept: false,
            sizes_before: vec![],
            claims: vec![],
            ages: Default::default(),
            working_for: Duration::MAX,
            volume: AgentVolume::Auto,
            served: Served::default(),
            now: Timestamp::from_second(1_000_000).unwrap(),
        }
    }

    fn decide(&self) -> Decision {
        let agent = AgentSettings {
            image: "operator:1".into(),
            image_pull_policy: "IfNotPresent".into(),
            cpu: "250m".into(),
            memory: "32Mi".into(),
            volume: self.volume,
        };
        // As it comes out of the cache.
        let mut run = self.run.clone();
        run.resolved();
        decide(&Observed {
            run: &run,
            storage: self.storage.clone(),
            pods: self.pods.clone(),
            transfer: self.transfer.clone(),
            refused: self.refused.clone(),
            claims: self.claims.clone(),
            cluster: "here",
            turn: self.turn.clone(),
            obstacle: self.obstacle.clone(),
            trouble: self.trouble.clone(),
            found: self.found.clone(),
            kept: self.kept.clone(),
            copies: self.copies.clone(),
            source: self.source.clone(),
            rewrap: self.rewrap.clone(),
            recipients: self.recipients.clone(),
            proof: self.proof.clone(),
            download: self.download.clone(),
            request_is_kept: self.request_is_kept,
            sizes_before: self.sizes_before.clone(),
            ages: self.ages.clone(),
            working_for: self.working_for,
            agent: &agent,
            served: self.served.clone().into(),
            now: self.now,
        })
    }

    /// Decides and writes what the decision writes to the run; the other steps are returned.
    ///
    /// What is looked for in the store is found at once: nothing, unless the test says otherwise.
    fn step(&mut self) -> Vec<Step> {
        let decision = self.decide();
        let writes = !decision.guarded.is_empty() || !decision.settled.is_empty();
        assert!(
            decision.requeue.is_some()
                || writes
                || self.status().transfer.is_none()
                || self.run.finalizers().is_empty(),
            "nobody looks again at what is under way: {decision:?}"
        );
        let creates = decision.unguarded.iter().any(|u| matches!(u, Unguarded::CreatePod(_)));
        assert!(
            decision.requeue.is_some() || !creates,
            "nobody looks after a Pod that never starts"
        );
        let mut steps = steps(decision);
        let (mut looked, mut looked_at) = (false, None);
        for step in &steps {
            match step {
                Step::Guarded(Guarded::AddFinalizer) => {
                    self.run.metadata.finalizers = Some(vec![labels::FINALIZER.into()])
                }
                Step::Guarded(Guarded::RemoveFinalizer) => self.run.metadata.finalizers = None,
                Step::Guarded(Guarded::Report(status)) => self.run.status = Some((**status).clone()),
                Step::Guarded(Guarded::Begin { path }) => {
                    self.run.metadata.finalizers = Some(vec![labels::FINALIZER.into()]);
                    let uid = self.run.uid().unwrap_or_default();
                    let annotations = self.run.annotations_mut();
                    annotations.insert(labels::STARTED_AS.into(), uid);
                    annotations.insert(labels::RENDERED_PATH.into(), path.clone());
                }
                Step::Guarded(Guarded::TakeRequest) => {
                    let annotations = self.run.annotations_mut();
                    if let Some(value) = annotations.remove(api::requests::RESTORES.asked) {
                        take(annotations, api::requests::RESTORES, &value);
                    }
                }
                Step::Guarded(Guarded::Annotate(name, value)) => {
                    self.run.annotations_mut().insert((*name).into(), value.clone());
                }
                Step::Guarded(Guarded::TakeDownload) => {
                    self.run.annotations_mut().remove(labels::DOWNLOAD);
                }
                Step::Guarded(Guarded::TakeRewrap) => {
                    let annotations = self.run.annotations_mut();
                    if let Some(value) = annotations.remove(api::requests::REWRAPS.asked) {
                        take(annotations, api::requests::REWRAPS, &value);
                    }
                }
                Step::Guarded(Guarded::TakeCancel) => {
                    self.run.annotations_mut().remove(labels::CANCEL);
                }
                // The store has nothing, unless a test says otherwise.
                Step::Unguarded(Unguarded::Look { storage: None, .. }) => looked = true,
                Step::Unguarded(Unguarded::Look {
                    storage: Some(name), ..
                }) => looked_at = Some(name.clone()),
                Step::Unguarded(Unguarded::KeepWords(kept)) => self.kept = Some(kept.clone()),
                Step::Unguarded(Unguarded::ForgetFound) => {
                    self.found = Found::Unknown;
                    self.kept = None;
                    self.copies.iter_mut().for_each(|c| c.found = Found::Unknown);
                }
                Step::Unguarded(Unguarded::ForgetTransfer) => self.transfer = TransferView::None,
                Step::Cancel(_) => {
                    if let TransferView::Active { cancelling, .. } = &mut self.transfer {
                        *cancelling = true;
                    }
                }
                _ => {}
            }
        }
        if let Some(name) = looked_at {
            let found = self.lie(&name);
            if let Some(copy) = self.copies.iter_mut().find(|c| c.storage == name) {
                copy.found = found;
            }
            steps.extend(self.step());
        }
        if looked {
            self.found = self
                .stored
                .clone()
                .map_or(Found::Nothing, |o| Found::Object(Box::new(o)));
            steps.extend(self.step());
        }
        steps
    }

    fn lie(&self, storage: &str) -> Found {
        let status = self.status();
        let copy = status.copies.iter().find(|c| c.storage == storage);
        let made = copy.map(|copy| {
            Found::Object(Box::new(StoredObject {
                key: copy.key.clone(),
                size: status.size_in_bytes.unwrap_or_default(),
                etag: copy.etag.clone().unwrap_or_default(),
                ..StoredObject::default()
            }))
        });
        let said = self.lies.get(storage).cloned();
        said.or(made).unwrap_or(Found::Nothing)
    }

    fn status(&self) -> BackupRunStatus {
        self.run.status.clone().unwrap_or_default()
    }

    fn is(&self, type_: &str) -> bool {
        condition::is_true(&self.status().conditions, type_)
    }

    fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    fn pod(&mut self, stage: PodStage) {
        let name = self.status().pod_name.unwrap_or_else(|| "db-backup-1".into());
        self.pods = vec![PodView {
            name,
            uid: "pod-1".into(),
            ours: true,
            terminating: false,
            over: false,
            finalizers: Vec::new(),
            stage,
            carrier: Carrier::InitContainer,
            no_volume: None,
            unmade: false,
        }];
    }

    fn connecting(&self) -> Contact {
        Contact::Connecting {
            since: self.now,
            why: Some("exec was refused: Forbidden".into()),
        }
    }

    fn active(&mut self, contact: Contact, upload: Option<&str>) {
        let attempt = self.status().transfer.expect("a transfer").attempt;
        self.transfer = TransferView::Active {
            attempt,
            contact,
            upload: upload.map(Into::into),
            route: None,
            bytes: 0,
            stored_bytes: 0,
            cancelling: false,
        };
    }

    fn ended(&mut self, end: End) {
        let attempt = self.status().transfer.expect("a transfer").attempt;
        self.transfer = TransferView::Ended {
            attempt,
            end: Box::new(end),
        };
    }

    fn annotate(&mut self, name: &str) {
        self.run
            .metadata
            .annotations
            .get_or_insert_default()
            .insert(name.into(), "yes".into());
    }

    fn delete(&mut self) {
        self.run.metadata.deletion_timestamp = Some(Time(self.now));
    }

    /// A run whose backup is under way.
    fn working() -> Self {
        let mut world = Self::new(backup_run());
        world.step();
        world.pod(PodStage::Running);
        world.step();
        world.active(Contact::AwaitsStart, None);
        world.step();
        world.active(Contact::Working, None);
        world
    }

    /// A run with a good backup.
    fn stored() -> Self {
        let mut world = Self::working();
        world.ended(stored());
        world.step();
        world.pods.clear();
        world
    }
}

fn ready(prefix: &str) -> StorageView {
    StorageView::Ready(Place {
        prefix: prefix.into(),
        ..place()
    })
}

fn place() -> Place {
    Place {
        prefix: String::new(),
        isolated: false,
        thaws: false,
        retry: Duration::from_secs(900),
        location: bucket("backups"),
        home: "ops".into(),
    }
}

fn bucket(name: &str) -> Location {
    Location {
        bucket: name.into(),
        endpoint: "https://minio:9000".into(),
    }
}

fn not_ready(message: &str, place: Option<Place>) -> StorageView {
    let message = message.into();
    let full = false;
    StorageView::NotReady { message, place, full }
}

fn full(place: Place) -> StorageView {
    StorageView::NotReady {
        message: "the disk is full".into(),
        place: Some(place),
        full: true,
    }
}

fn stored() -> End {
    End::Stored {
        record: Default::default(),
        bytes: 10,
        stored_bytes: 7,
        sha256: "ab".into(),
        etag: "\"e\"".into(),
        version_id: None,
        lock: None,
        log: String::new(),
    }
}

fn failed() -> End {
    End::Failed {
        reason: Reason::CommandFailed,
        message: "status 3".into(),
        bytes: 10,
        log: "oops".into(),
    }
}

fn starting(message: &str, hopeless: bool) -> PodStage {
    let cause = message.split(": ").next().filter(|word| word.contains("Image"));
    PodStage::Starting {
        message: message.into(),
        cause: cause.map(Into::into),
        hopeless,
    }
}

fn preparing(world: &World) -> Contact {
    Contact::Preparing {
        since: world.now,
        why: None,
    }
}

fn has(steps: &[Step], wanted: impl Fn(&Step) -> bool) -> bool {
    steps.iter().any(wanted)
}

fn says(reason: &str, steps: &[Step]) -> bool {
    has(
        steps,
        |s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == reason),
    )
}

fn at(steps: &[Step], wanted: impl Fn(&Step) -> bool) -> usize {
    steps.iter().position(wanted).expect("the step is there")
}

#[test]
fn a_key_is_the_path_below_the_prefix() {
    let mut world = World::new(backup_run());
    world.storage = ready("team/a/");
    world.step();
    assert_eq!(world.status().key.as_deref(), Some("team/a/db.sql"));
}

#[test]
fn a_path_is_rendered_once_and_recorded() {
    let mut world = World::new(backup_run());
    world.run.spec.storage.path = r#"/{{ now | date "150405" }}.sql"#.into();
    world.step();
    let path = world.status().path;
    world.pass(100);
    world.pod(PodStage::Running);
    world.step();
    assert_eq!(world.status().path, path);
}

#[test]
fn a_run_waits_for_its_storage_and_says_so_once() {
    for storage in [StorageView::Missing, not_ready("403", None)] {
        let mut world = World::new(backup_run());
        world.storage = storage;
        let steps = world.step();
        assert!(
            has(
                &steps,
                |s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.warning)
            ) && !has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_))))
        );
        assert_eq!(world.status().state, Some(State::StorageError));
        assert!(world.is(condition::NEVER_RUN) && world.status().message.unwrap().contains("minio"));
        assert_eq!(world.step(), vec![], "nothing is written that did not change");
        world.storage = ready("");
        assert!(has(&world.step(), |s| matches!(
            s,
            Step::Unguarded(Unguarded::CreatePod(_))
        )));
    }
}

#[test]
fn the_start_of_the_command_and_the_upload_are_recorded_before_they_are_confirmed() {
    let mut world = World::new(backup_run());
    world.step();
    world.pod(PodStage::Running);
    world.step();
    world.active(Contact::AwaitsStart, None);
    let steps = world.step();
    let report = at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_))));
    assert!(
        report
            < at(&steps, |s| matches!(
                s,
                Step::Unguarded(Unguarded::TransferRecorded {
                    command_started: true,
                    ..
                })
            ))
    );
    assert!(world.status().transfer.unwrap().command_started_at.is_some());

    world.active(Contact::Working, Some("up-1"));
    let steps = world.step();
    let report = at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_))));
    assert!(
        report
            < at(&steps, |s| matches!(
                s,
                Step::Unguarded(Unguarded::TransferRecorded { upload_id: Some(_), .. })
            ))
    );
    assert_eq!(world.status().transfer.unwrap().upload_id.as_deref(), Some("up-1"));
}

#[test]
fn the_route_is_recorded_before_the_command_starts_and_one_that_was_not_asked_for_is_said_once() {
    let asked = |route, why: Option<&str>| Chosen {
        route,
        why: why.map(Into::into),
    };
    for (chosen, word, said) in [
        (asked(Route::Direct, None), "Direct", false),
        (asked(Route::Relay, None), "Relay", false),
        (asked(Route::Relay, Some("no answer: timeout")), "Relay", true),
    ] {
        let mut world = World::new(backup_run());
        world.step();
        world.pod(PodStage::Running);
        world.step();
        world.active(Contact::AwaitsStart, None);
        if let TransferView::Active { route, .. } = &mut world.transfer {
            *route = Some(chosen);
        }
        let steps = world.step();
        let recorded = at(&steps, |s| {
            matches!(s, Step::Unguarded(Unguarded::TransferRecorded { .. }))
        });
        assert!(at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_)))) < recorded);
        let event = |s: &Step| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "Relayed" && e.note.ends_with("no answer: timeout"));
        assert_eq!(has(&steps, event), said);
        assert_eq!(world.status().transfer.unwrap().route, word);
        assert!(!has(&world.step(), |s| matches!(
            s,
            Step::Guarded(Guarded::Report(_)) | Step::Unguarded(Unguarded::Event(_))
        )));
        // The next operator is told.
        world.transfer = TransferView::None;
        let next = world.step();
        assert!(
            has(
                &next,
                |s| matches!(s, Step::Unguarded(Unguarded::StartTransfer(o)) if o.route.word() == word)
            ),
            "{next:?}"
        );
    }
}

#[test]
fn a_restarted_operator_finds_the_transfer_again() {
    let mut world = World::working();
    world.active(Contact::Working, Some("up-1"));
    world.step();
    world.transfer = TransferView::None;
    let steps = world.step();
    let order = steps
        .iter()
        .find_map(|s| {
            if let Step::Unguarded(Unguarded::StartTransfer(o)) = s {
                Some(o.clone())
            } else {
                None
            }
        })
        .unwrap();
    assert_eq!(
        (
            order.upload_id.as_deref(),
            order.command_started,
            order.attempt.as_str()
        ),
        (Some("up-1"), true, "backup-1")
    );
}

#[test]
fn a_failed_backup_keeps_its_upload_in_the_status_until_it_is_aborted() {
    let mut world = World::working();
    world.active(Contact::Working, Some("up-1"));
    world.step();
    world.ended(failed());
    let aborts = |s: &Step| matches!(s, Step::Unguarded(Unguarded::AbortUpload { .. }));
    let steps = world.step();
    assert!(world.is(condition::FAILED) && world.status().transfer.is_some());
    // What its Pod has in flight would become visible after it was looked for: the Pod goes first.
    assert!(!has(&steps, aborts));
    assert!(has(&steps, |s| matches!(
        s,
        Step::Unguarded(Unguarded::DeletePod { .. })
    )));
    // The operator dies right after the report.
    world.transfer = TransferView::None;
    assert!(!has(&world.step(), aborts));
    world.pods.clear();
    let steps = world.step();
    let settled = steps
        .iter()
        .rposition(|s| matches!(s, Step::Guarded(Guarded::Report(_))));
    assert!(Some(at(&steps, aborts)) < settled, "{steps:?}");
    assert_eq!(world.status().transfer, None);
}

#[test]
fn an_operator_that_comes_late_waits_for_the_pod_by_no_clock_that_can_be_set() {
    let mut world = World::working();
    world.active(Contact::Working, Some("up-1"));
    world.step();
    world.ended(failed());
    world.step();
    let aborts = |s: &Step| matches!(s, Step::Unguarded(Unguarded::AbortUpload { .. }));
    // The run ended an hour ago, and the clock was set back by a day since this operator began.
    let ended = world.status().completion_time.unwrap().0;
    world.ages.insert(ended, Duration::from_secs(3600));
    world.pass(-86_400);
    world.working_for = Duration::from_secs(59);
    assert!(!has(&world.step(), aborts), "nobody has waited for the Pod before it");
    world.working_for = Duration::from_secs(60);
    assert!(has(&world.step(), aborts));
}

#[test]
fn a_pod_that_does_not_go_keeps_no_upload_for_ever() {
    let mut world = World::working();
    world.active(Contact::Working, Some("up-1"));
    world.step();
    world.ended(failed());
    world.step();
    world.pass(61);
    assert!(has(&world.step(), |s| matches!(
        s,
        Step::Unguarded(Unguarded::AbortUpload { .. })
    )));
    assert_eq!(world.status().transfer, None);
}

/// As the operator notes a request that it takes up.
fn take(
    annotations: &mut std::collections::BTreeMap<String, String>,
    requests: api::requests::Requests,
    request: &str,
) {
    for (name, value) in requests.taken(annotations, request) {
        annotations.extend(value.map(|value| (name.to_owned(), value)));
    }
}
