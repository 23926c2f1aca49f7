//! Runs that restore another one's backup, and what these have proved of it.
use api::source::Source;

use super::*;
use crate::run::observed::{CopyProgress, CopyView};
use crate::run::picked::{Proof, RecipientsView, SourceView};
use crate::run::proved;
use crate::run::source::{There, pick};

/// A run that restores the backup of `db`, whose namespace it shares.
fn asks() -> World {
    let mut run = restore_only_run();
    run.metadata.name = Some("again".into());
    run.metadata.uid = Some("uid-2".into());
    run.spec.storage = Default::default();
    run.spec.source = Some(Source {
        run: Some("db".into()),
        ..Source::default()
    });
    World::new(run)
}

fn seen(world: &World, source: &World) -> SourceView {
    let there = There {
        runs: &[&source.run],
        schedule: None,
    };
    pick(world.run.unpicked().unwrap(), "team", &there, |_| false, world.now)
}

#[test]
fn a_source_is_written_down_before_its_restore_begins_and_is_proved_as_its_own_run_would() {
    let source = World::stored();
    let mut world = asks();
    world.source = seen(&world, &source);
    world.step();
    let picked = world.status();
    assert_eq!(picked.source.as_ref().unwrap().run, "db");
    assert!(picked.transfer.is_none(), "nothing has begun");
    // Another backup is there by now; it stays the one that was picked.
    world.source = SourceView::NotAsked;
    world.step();
    let begun = world.status();
    let own = source.status();
    assert_eq!(begun.transfer.unwrap().key, own.key);
    assert_eq!(
        (begun.sha256, begun.etag, begun.size_in_bytes),
        (own.sha256, own.etag, own.size_in_bytes)
    );
    assert_eq!(begun.path.as_deref(), Some("/db.sql"));
}

#[test]
fn a_source_that_is_not_there_yet_is_waited_for_and_given_up_in_words() {
    let mut world = asks();
    world.source = SourceView::NotYet("there is no run team/db".into());
    let first = world.step();
    assert!(
        first
            .iter()
            .any(|s| matches!(s, Step::Unguarded(Unguarded::Event(e)) if e.reason == "SourceMissing"))
    );
    assert_eq!(
        world.status().message.as_deref(),
        Some("spec.source: there is no run team/db. The run waits.")
    );
    let again = world.step();
    assert!(
        !again.iter().any(|s| matches!(s, Step::Unguarded(Unguarded::Event(_)))),
        "it is said once"
    );
    world.pass(601);
    world.step();
    assert!(world.is(condition::FAILED));
    let words = world.status().message.unwrap();
    assert!(
        words.contains("it waited for 600 s") && words.contains("there is no run team/db"),
        "{words}"
    );
}

#[test]
fn a_source_that_cannot_be_restored_fails_the_run_at_once() {
    let mut world = asks();
    world.source = SourceView::Refused("run team/db has no good backup: it failed".into());
    world.step();
    assert!(world.is(condition::FAILED));
    assert_eq!(
        world.status().message.as_deref(),
        Some("spec.source: run team/db has no good backup: it failed")
    );
}

#[test]
fn a_key_that_is_not_the_namespaces_own_is_not_read_whatever_the_status_names() {
    let mut world = asks();
    world.source = seen(&world, &World::stored());
    world.step();
    let StorageView::Ready(place) = &mut world.storage else {
        panic!()
    };
    (place.isolated, place.prefix) = (true, "shop/".into());
    world.step();
    assert!(world.is(condition::FAILED) && world.status().transfer.is_none());
    assert!(world.status().message.unwrap().contains("namespaceIsolation"));
}

fn proof(at: i64, good: bool) -> Option<Proof> {
    Some(Proof {
        run: format!("drill-{at}"),
        at: Timestamp::from_second(at).unwrap(),
        good,
        reason: if good { "RestoreSuccessful" } else { "BadObject" }.into(),
        mode: "Read".into(),
        duration: Some("12s".into()),
        words: "all of it was read".into(),
    })
}

#[test]
fn a_backup_says_what_the_last_restore_of_it_elsewhere_has_shown_once() {
    let mut world = World::stored();
    world.step();
    assert!(world.status().verified.is_none());
    world.proof = proof(990_000, true);
    world.step();
    assert!(world.is(condition::VERIFIED));
    assert_eq!(world.status().verified.unwrap().duration.as_deref(), Some("12s"));
    assert_eq!(world.step(), [], "it is said once");
    world.proof = proof(995_000, false);
    world.step();
    assert!(!world.is(condition::VERIFIED) && world.is(condition::SUCCESSFUL));
    assert!(!world.status().verified.unwrap().successful);
    // The newer run was rotated away: what is left of older ones says nothing new.
    world.proof = proof(990_000, true);
    assert_eq!(world.step(), []);
}

#[test]
fn a_restore_that_failed_in_the_second_in_which_another_went_well_is_not_hidden_by_it() {
    let of = |run: &str, good| {
        proof(990_000, good).map(|proof| Proof {
            run: run.into(),
            ..proof
        })
    };
    let mut world = World::stored();
    world.proof = of("first", true);
    world.step();
    world.proof = of("second", false);
    world.step();
    assert!(!world.is(condition::VERIFIED));
    assert_eq!(world.status().verified.unwrap().run, "second");
    for again in [of("third", false), of("first", true)] {
        world.proof = again;
        assert_eq!(world.step(), [], "it is said once");
    }
}

#[test]
fn a_restore_that_never_came_to_the_backup_says_nothing_of_it() {
    let mut run = asks();
    run.source = seen(&run, &World::stored());
    run.step();
    run.source = SourceView::NotAsked;
    run.step();
    run.pod(PodStage::Running);
    run.step();
    for (reason, of_anybody, of_a_drill) in [
        (Reason::BadObject, true, true),
        (Reason::ObjectMissing, true, true),
        // A person may mistype a command; a drill's is the proof.
        (Reason::CommandFailed, false, true),
        (Reason::CheckFailed, false, true),
        (Reason::NoDecryptionKey, false, false),
        (Reason::CommandNotStarted, false, false),
        (Reason::PodCannotStart, false, false),
        (Reason::Cancelled, false, false),
    ] {
        for (drilled, speaks) in [(false, of_anybody), (true, of_a_drill)] {
            let mut run = World {
                run: run.run.clone(),
                ..World::new(run.run.clone())
            };
            if drilled {
                run.run.labels_mut().insert(labels::DRILL.into(), "proof".into());
            }
            run.ended(End::Failed {
                reason,
                message: "it is cut".into(),
                bytes: 0,
                log: String::new(),
            });
            run.step();
            run.pods.clear();
            run.step();
            let proof = crate::run::proved::proof(&run.run, run.now);
            assert_eq!(proof.is_some(), speaks, "{reason:?} {drilled} {:?}", run.status());
            assert!(proof.is_none_or(|p| !p.good && p.words.contains("it is cut")));
        }
    }
}

#[test]
fn a_proof_of_a_wrong_clock_hides_none_that_comes_after_it() {
    let mut world = World::stored();
    world.step();
    world.proof = proof(500_000_000, true);
    world.step();
    assert!(world.is(condition::VERIFIED));
    let mut later = proof(1_500_000, false);
    if let Some(proof) = &mut later {
        proof.run = "drill-later".into();
    }
    world.proof = later;
    world.step();
    assert!(!world.is(condition::VERIFIED), "{:?}", world.status().verified);
}

#[test]
fn whom_a_backup_is_for_is_written_down_before_it_begins_and_waited_for() {
    let mut run = backup_run();
    run.spec.encryption = Some(api::run::Encryption {
        recipients_from: vec![Default::default()],
        decryption_key: None,
        ..Default::default()
    });
    run.spec.encryption.as_mut().unwrap().recipients_from[0].config_map_key_ref = Some(api::run::KeyRef {
        name: "team".into(),
        key: "all".into(),
    });
    run.spec.restore = None;
    let mut world = World::new(run);
    world.recipients = RecipientsView::Missing("there is no ConfigMap team".into());
    world.step();
    assert_eq!(
        world.status().message.as_deref(),
        Some("there is no ConfigMap team. The run waits.")
    );
    world.pass(60);
    world.step();
    assert!(
        world.status().transfer.is_none() && !world.is(condition::FAILED),
        "it is waited for until the start deadline"
    );
    const A: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    world.recipients = RecipientsView::Read(vec![A.into()]);
    world.step();
    assert!(world.status().transfer.is_none());
    world.recipients = RecipientsView::NotAsked;
    world.step();
    assert!(world.status().transfer.is_some());
    assert_eq!(world.status().recipients, [A]);
}

#[test]
fn a_first_restore_of_a_copy_waits_for_an_archive_of_that_copys_storage_and_of_no_other() {
    let copy = |storage: &str| {
        serde_json::from_value(serde_json::json!({
            "storage": storage, "key": "far/db.sql", "etag": "\"c\"", "completionTime": "1970-01-12T13:46:40Z"
        }))
        .unwrap()
    };
    let archive = |thaws| {
        let StorageView::Ready(place) = ready("far/") else {
            panic!()
        };
        StorageView::Ready(Place { thaws, ..place })
    };
    for (archived, waits) in [("far", true), ("attic", false)] {
        let mut source = World::stored();
        source.run.status.as_mut().unwrap().copies = ["far", "attic"].map(copy).into();
        let mut world = asks();
        world.source = seen(&world, &source);
        world.step();
        world.source = SourceView::NotAsked;
        world.storage = StorageView::Missing;
        let view = |storage: &str| CopyView {
            storage: storage.into(),
            view: archive(storage == archived),
            found: world.lie(storage),
            looked: None,
            progress: CopyProgress::Idle,
        };
        world.copies = ["attic", "far"].map(view).into();
        let steps = steps(world.decide());
        let thaws = |s: &Step| matches!(s, Step::Unguarded(Unguarded::Thaw { storage, .. }) if storage.as_deref() == Some("far"));
        assert_eq!(has(&steps, thaws), waits, "{archived}: {steps:?}");
        let begins = has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::CreatePod(_))));
        assert_eq!(begins, !waits, "{archived}: {steps:?}");
    }
}

#[test]
fn a_good_restore_proves_the_backup_in_the_mode_of_its_drill() {
    for (mode, told) in [(None, "Restore"), (Some("Restore"), "Restore"), (Some("Read"), "Read")] {
        let mut world = asks();
        world.source = seen(&world, &World::stored());
        world.step();
        world.source = SourceView::NotAsked;
        world.step();
        world.pod(PodStage::Running);
        let label = mode.map(|mode: &str| (labels::DRILL_MODE.to_owned(), mode.to_owned()));
        world.run.labels_mut().extend(label);
        world.ended(End::Restored {
            bytes: 10,
            log: String::new(),
        });
        world.step();
        let proof = proved::proof(&world.run, world.now).expect("a proof");
        assert_eq!((proof.good, proof.mode.as_str()), (true, told));
    }
}

#[test]
fn a_proof_is_a_warning_where_the_backup_could_not_be_restored_and_none_otherwise() {
    for good in [true, false] {
        let mut world = World::stored();
        world.proof = proof(990_000, good);
        let warning = |s: &Step| match s {
            Step::Unguarded(Unguarded::Event(e)) if e.action == "Verify" => Some(e.warning),
            _ => None,
        };
        let told: Vec<_> = world.step().iter().filter_map(warning).collect();
        assert_eq!(told, [!good]);
    }
}

#[test]
fn of_a_backup_that_failed_or_was_written_over_no_proof_is_told() {
    let mut bad = World::working();
    bad.ended(failed());
    bad.step();
    bad.pods.clear();
    let mut over = World::stored();
    over.claims = vec![Claim {
        run: "team/newer".into(),
        uid: "newer".into(),
        etag: Some("\"n\"".into()),
        ended_at: Timestamp::from_second(2_000_000).ok(),
        good: true,
        ..Claim::default()
    }];
    for mut world in [bad, over] {
        world.step();
        world.proof = proof(990_000, true);
        assert_eq!(world.step(), []);
    }
}
