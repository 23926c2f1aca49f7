//! Other recipients for a backup that is there.
mod left;
mod requests;

use api::run::{CopyTo, DecryptionKey, Encryption, Lock};

use super::*;
use crate::run::OWN;
use crate::run::observed::{CopyProgress, CopyView, MadeCopy};

const A: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
const B: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

/// A good backup that is encrypted for A.
fn encrypted() -> World {
    let mut world = World::stored();
    world.run.spec.encryption = Some(Encryption {
        recipients: vec![A.into()],
        recipients_from: Vec::new(),
        decryption_key: Some(DecryptionKey {
            name: "age".into(),
            namespace: None,
            key: "keys.txt".into(),
            key_type: None,
        }),
    });
    world.step();
    world
}

fn ask(world: &mut World, text: &str) {
    world.run.annotations_mut().insert(labels::REWRAP.into(), text.into());
}

fn swap() -> String {
    serde_json::json!({"add": [B], "remove": [A]}).to_string()
}

/// The same, asked to be for B alone, with what was begun for it.
fn asked() -> (World, Vec<Step>) {
    let mut world = encrypted();
    ask(&mut world, &swap());
    let steps = world.step();
    (world, steps)
}

fn made(world: &World) -> CopyProgress {
    CopyProgress::Made(Box::new(MadeCopy {
        key: world.status().rewrap.unwrap().key,
        etag: "\"n\"".into(),
        sha256: "cd".into(),
        size: 9,
        ..MadeCopy::default()
    }))
}

/// The same, rewrapped: the old object is still to be removed.
fn rewrapped() -> (World, Vec<Step>) {
    let (mut world, _) = asked();
    world.rewrap.progress = made(&world);
    let steps = world.step();
    world.rewrap.progress = CopyProgress::Idle;
    (world, steps)
}

fn reason(world: &World) -> String {
    let status = world.status();
    let said = condition::find(&status.conditions, condition::REWRAPPED);
    said.map(|c| c.reason.clone()).unwrap_or_default()
}

fn removed(steps: &[Step]) -> Vec<(Option<String>, String)> {
    let of = |step: &Step| match step {
        Step::Unguarded(Unguarded::RemoveReplaced { storage, key, .. }) => Some((storage.clone(), key.clone())),
        _ => None,
    };
    steps.iter().filter_map(of).collect()
}

#[test]
fn a_rewrap_is_written_down_before_it_begins_and_the_request_goes_after_that() {
    let (mut world, steps) = asked();
    let report = at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_))));
    let taken = at(&steps, |s| matches!(s, Step::Guarded(Guarded::TakeRewrap)));
    let begun = at(&steps, |s| matches!(s, Step::Unguarded(Unguarded::Rewrap { .. })));
    assert!(report < taken && taken < begun);
    let rewrap = world.status().rewrap.unwrap();
    assert_eq!(rewrap.recipients, [B]);
    assert!(
        rewrap.key.starts_with("db.rewrap-") && rewrap.key.ends_with(".sql"),
        "{}",
        rewrap.key
    );
    assert_eq!(
        world.status().key.as_deref(),
        Some("db.sql"),
        "the backup is where it was"
    );
    assert!(world.is(condition::SUCCESSFUL) && reason(&world) == "Rewrapping");
    world.pass(3600);
    world.step();
    assert_eq!(
        world.status().rewrap.unwrap().key,
        rewrap.key,
        "the key is a function of the request"
    );
}

#[test]
fn a_request_that_a_crash_keeps_is_known_and_not_begun_twice() {
    let (mut world, _) = asked();
    ask(&mut world, &swap());
    world.rewrap.progress = CopyProgress::UnderWay { upload: None };
    let steps = world.step();
    assert!(has(&steps, |s| matches!(s, Step::Guarded(Guarded::TakeRewrap))));
    assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::Rewrap { .. }))));
    let (mut world, _) = rewrapped();
    ask(&mut world, &serde_json::json!({"add": [A]}).to_string());
    world.step();
    assert!(
        world.status().rewrap.is_none(),
        "another one waits until nothing of this one is left"
    );
    world.step();
    assert_eq!(world.status().rewrap.unwrap().recipients, [B, A]);
}

#[test]
fn a_request_that_an_applier_puts_back_is_the_same_and_begins_nothing_whatever_became_of_it() {
    let refused = || {
        let mut world = encrypted();
        ask(&mut world, "{}");
        assert!(says("RewrapRefused", &world.step()));
        world
    };
    let done = || {
        let (mut world, _) = rewrapped();
        world.step();
        assert!(world.is(condition::REWRAPPED));
        world
    };
    let given_up = || {
        let (mut world, _) = asked();
        world.storage = StorageView::Missing;
        world.step();
        world.storage = ready("");
        world.step();
        assert_eq!(reason(&world), "RewrapFailed");
        world
    };
    for (mut world, asked) in [(refused(), "{}".to_owned()), (done(), swap()), (given_up(), swap())] {
        assert!(api::requests::REWRAPS.has(world.run.annotations(), &asked));
        ask(&mut world, &asked);
        world.rewrap.request_is_kept = true;
        assert_eq!(world.step(), vec![]);
        assert!(world.run.annotations().contains_key(labels::REWRAP));
        // A person asks again, even in the same words.
        world.rewrap.request_is_kept = false;
        world.step();
        assert!(!world.run.annotations().contains_key(labels::REWRAP));
    }
}

#[test]
fn a_rewrap_that_was_given_up_is_told_on_after_a_request_that_is_refused() {
    let (mut world, _) = asked();
    world.storage = StorageView::Missing;
    world.step();
    world.storage = ready("");
    world.step();
    for _ in 0..2 {
        let before = world.status();
        ask(&mut world, "{}");
        assert!(says("RewrapRefused", &world.step()));
        assert_eq!(reason(&world), "RewrapFailed");
        let said = condition::find(&world.status().conditions, condition::REWRAPPED).cloned();
        assert!(said.unwrap().message.contains("nothing to change"));
        let told = crate::run::lately::rewrap_ended(&before, &world.status());
        let first = before.conditions != world.status().conditions;
        assert_eq!(told, first.then_some(Reason::RewrapRefused));
        world.step();
    }
    ask(&mut world, &swap());
    world.step();
    assert_eq!(reason(&world), "Rewrapping");
}

#[test]
fn the_upload_of_a_rewrap_is_named_before_anything_is_sent_and_dropped_by_who_comes_after_a_crash() {
    let (mut world, _) = asked();
    world.rewrap.progress = CopyProgress::UnderWay {
        upload: Some("u1".into()),
    };
    let steps = world.step();
    let report = at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_))));
    let noted = Step::Unguarded(Unguarded::CopyNoted { storage: OWN.into() });
    assert!(report < at(&steps, |s| *s == noted));
    // Another operator holds nothing. That the first one died counts as a try.
    world.rewrap.progress = CopyProgress::Idle;
    let steps = world.step();
    assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::Rewrap { .. }))));
    assert_eq!(world.status().rewrap.unwrap().failures, 1);
    let left = &world.status().replaced[0];
    assert_eq!(
        left.upload_id.as_deref(),
        Some("u1"),
        "it goes with what is left in the end"
    );
    world.pass(60);
    assert!(has(&world.step(), |s| matches!(
        s,
        Step::Unguarded(Unguarded::Rewrap { .. })
    )));
    // One that an operator of before has noted is dropped by the next try.
    let rewrap = world.run.status.as_mut().unwrap().rewrap.as_mut().unwrap();
    rewrap.upload_id = Some("u0".into());
    assert!(has(
        &world.step(),
        |s| matches!(s, Step::Unguarded(Unguarded::Rewrap { left: Some(left), .. }) if left == "u0")
    ));
}

#[test]
fn the_status_names_the_new_object_once_it_is_proved_and_the_old_one_goes_after_that() {
    let (mut world, steps) = rewrapped();
    assert!(removed(&steps).is_empty(), "not in the pass that names the new one");
    let path = at(&steps, |s| {
        matches!(s, Step::Guarded(Guarded::Annotate(labels::RENDERED_PATH, _)))
    });
    assert!(path < at(&steps, |s| matches!(s, Step::Guarded(Guarded::Report(_)))));
    let status = world.status();
    assert!(status.key.as_deref().unwrap().starts_with("db.rewrap-") && status.rewrap.is_none());
    assert_eq!(
        status.path.as_deref(),
        Some(format!("/{}", status.key.as_deref().unwrap()).as_str())
    );
    assert_eq!(
        (status.etag.as_deref(), status.sha256.as_deref(), status.size_in_bytes),
        (Some("\"n\""), Some("cd"), Some(9))
    );
    assert_eq!(status.recipients, [B]);
    let encrypted = condition::find(&status.conditions, condition::ENCRYPTED).unwrap();
    assert_eq!((encrypted.status.as_str(), encrypted.message.as_str()), ("True", B));
    assert_eq!(
        (status.rewraps[0].before.clone(), status.rewraps[0].sha256.as_deref()),
        (vec![A.to_owned()], Some("ab"))
    );
    assert_eq!(reason(&world), "ReplacedLeft");
    assert!(world.is(condition::READY) && world.is(condition::SUCCESSFUL));
    let steps = world.step();
    assert_eq!(removed(&steps), [(None, "db.sql".to_owned())]);
    let removal = at(&steps, |s| {
        matches!(s, Step::Unguarded(Unguarded::RemoveReplaced { .. }))
    });
    let told = steps
        .iter()
        .rposition(|s| matches!(s, Step::Guarded(Guarded::Report(_))))
        .unwrap();
    assert!(removal < told, "that all is gone is written when it is");
    assert!(world.is(condition::REWRAPPED) && world.status().replaced.is_empty());
    assert_eq!(world.step(), vec![], "it is done once");
}

#[test]
fn what_another_run_reads_or_was_lent_is_removed_when_that_is_over() {
    let (mut world, _) = rewrapped();
    world.rewrap.reader = Some("team/drill-1".into());
    let decision = world.decide();
    assert!(decision.requeue.is_some() && decision.settled.is_empty());
    assert!(removed(&world.step()).is_empty());
    let words = condition::find(&world.status().conditions, condition::REWRAPPED)
        .unwrap()
        .message
        .clone();
    assert!(words.contains("run team/drill-1 reads it"), "{words}");
    world.rewrap.reader = None;
    world.run.status.as_mut().unwrap().download = Some(api::download::Download {
        recipient: B.into(),
        expires_at: Time(world.now.checked_add(SignedDuration::from_secs(600)).unwrap()),
        sealed: Some("text".into()),
        message: None,
    });
    assert!(removed(&world.step()).is_empty());
    world.pass(601);
    assert_eq!(removed(&world.step()).len(), 1);
}

#[test]
fn a_rewrap_that_fails_changes_nothing_is_tried_again_a_few_times_and_then_told() {
    let (mut world, _) = asked();
    let before = world.status();
    let mut tries = 0;
    while world.status().rewrap.is_some() {
        world.rewrap.progress = CopyProgress::Failed {
            message: "the key is none of those".into(),
            again: Duration::from_secs(15),
        };
        let steps = world.step();
        let forgotten = Step::Unguarded(Unguarded::ForgetCopy { storage: OWN.into() });
        assert!(has(&steps, |s| *s == forgotten));
        world.rewrap.progress = CopyProgress::Idle;
        tries += 1;
        if world.status().rewrap.is_some() {
            let early = world.step();
            assert!(
                !has(&early, |s| matches!(s, Step::Unguarded(Unguarded::Rewrap { .. }))),
                "after a pause"
            );
            world.pass(400);
            assert!(has(&world.step(), |s| matches!(
                s,
                Step::Unguarded(Unguarded::Rewrap { .. })
            )));
        } else {
            assert!(says("RewrapFailed", &steps));
        }
        assert!(tries < 10);
    }
    assert_eq!(tries, 4);
    let after = world.status();
    assert_eq!(
        (&after.key, &after.etag, &after.recipients),
        (&before.key, &before.etag, &before.recipients)
    );
    // What each try may have made goes, and the end stays told.
    let steps = world.step();
    assert_eq!(removed(&steps).len(), 4);
    assert!(removed(&steps).iter().all(|(_, key)| key.contains(".rewrap-")));
    assert_eq!(reason(&world), "RewrapFailed");
    assert!(world.is(condition::READY) && world.is(condition::SUCCESSFUL));
    assert_eq!(world.step(), vec![], "nothing is repeated by itself");
}

#[test]
fn what_cannot_be_rewrapped_is_refused_with_what_would_be_right() {
    let key = |world: &mut World| world.run.spec.encryption.as_mut().unwrap().decryption_key = None;
    let lock = |legal_hold, until: Option<i64>| Lock {
        legal_hold,
        until: until.map(|s| Time(Timestamp::from_second(s).unwrap())),
        mode: None,
    };
    type Change = Box<dyn Fn(&mut World)>;
    let cases: [(&str, Change); 9] = [
        ("decryptionKey is not set", Box::new(key)),
        (
            "was never recorded, as of a run that the Go operator made",
            Box::new(|w| w.run.status.as_mut().unwrap().etag = None),
        ),
        ("is not encrypted", Box::new(|w| w.run.spec.encryption = None)),
        ("nothing to change", Box::new(|w| ask(w, "{}"))),
        (
            "nobody would be left",
            Box::new(|w| ask(w, &serde_json::json!({"remove": [A]}).to_string())),
        ),
        (
            "legal-hold: \"false\"",
            Box::new(move |w| w.run.status.as_mut().unwrap().lock = Some(lock(true, None))),
        ),
        (
            "not be removed until 1970-01-24",
            Box::new(move |w| w.run.status.as_mut().unwrap().lock = Some(lock(false, Some(2_000_000)))),
        ),
        (
            "there is no BackupStorage",
            Box::new(|w| w.storage = StorageView::Missing),
        ),
        (
            "names bucket",
            Box::new(|w| w.run.status.as_mut().unwrap().location = Some(bucket("older"))),
        ),
    ];
    for (words, change) in cases {
        let mut world = encrypted();
        ask(&mut world, &swap());
        change(&mut world);
        let before = world.status().key;
        let steps = world.step();
        assert!(says("RewrapRefused", &steps), "{words}: {steps:?}");
        let said = condition::find(&world.status().conditions, condition::REWRAPPED)
            .unwrap()
            .message
            .clone();
        assert!(said.contains(words), "{said}");
        assert!(world.status().rewrap.is_none() && world.status().key == before);
        assert!(
            !world.run.annotations().contains_key(labels::REWRAP),
            "it is answered once"
        );
    }
    let mut bad = World::working();
    bad.ended(failed());
    bad.step();
    bad.pods.clear();
    bad.step();
    ask(&mut bad, &swap());
    assert!(says("RewrapRefused", &bad.step()));
}

fn further(storage: &str, progress: CopyProgress) -> CopyView {
    CopyView {
        storage: storage.into(),
        view: ready("far/"),
        found: Found::Unknown,
        looked: None,
        progress,
    }
}

fn copied(key: &str, etag: &str) -> CopyProgress {
    CopyProgress::Made(Box::new(MadeCopy {
        key: key.into(),
        etag: etag.into(),
        sha256: "ab".into(),
        ..MadeCopy::default()
    }))
}

/// A backup with a copy in each of these, rewrapped: the old objects are still there.
fn rewrapped_with_copies(storages: &[&str]) -> World {
    let mut world = encrypted();
    let to = |storage: &&str| CopyTo {
        storage: (*storage).into(),
        path: None,
    };
    world.run.spec.copies = storages.iter().map(to).collect();
    world.copies = storages
        .iter()
        .map(|s| further(s, copied("far/db.sql", "\"c\"")))
        .collect();
    world.step();
    all_idle(&mut world);
    assert!(world.is(condition::COPIED));
    ask(&mut world, &swap());
    world.step();
    world.rewrap.progress = made(&world);
    world.step();
    world.rewrap.progress = CopyProgress::Idle;
    assert!(!world.is(condition::COPIED));
    world
}

fn all_idle(world: &mut World) {
    world.copies.iter_mut().for_each(|c| c.progress = CopyProgress::Idle);
}

fn key_of_copy(world: &World, storage: &str) -> String {
    let status = world.status();
    let copy = status.copies.iter().find(|c| c.storage == storage);
    copy.unwrap().key.clone()
}

fn far() -> (Option<String>, String) {
    (Some("far".to_owned()), "far/db.sql".to_owned())
}

#[test]
fn a_copy_is_made_anew_beside_the_one_of_before_and_that_goes_when_the_new_one_is_proved() {
    let mut world = encrypted();
    world.run.spec.copies = vec![CopyTo {
        storage: "far".into(),
        path: None,
    }];
    world.copies = vec![further("far", CopyProgress::Idle)];
    ask(&mut world, &swap());
    world.copies = vec![further("far", CopyProgress::UnderWay { upload: None })];
    world.step();
    assert!(
        world.status().rewrap.is_none(),
        "it waits for a copy that is being made of the old object"
    );

    let mut world = rewrapped_with_copies(&["far"]);
    let steps = world.step();
    let anew = key_of_copy(&world, "far");
    assert!(anew.starts_with("far/db.rewrap-") && anew.ends_with(".sql"), "{anew}");
    assert!(has(
        &steps,
        |s| matches!(s, Step::Unguarded(Unguarded::Copy { key, .. }) if *key == anew)
    ));
    assert_eq!(
        removed(&steps),
        [(None, "db.sql".to_owned())],
        "the copy of before stays, and so the backup lies in two places"
    );
    world.copies = vec![further("far", copied(&anew, "\"d\""))];
    let steps = world.step();
    assert!(world.is(condition::COPIED));
    assert_eq!(removed(&steps), [far()]);
    assert!(world.is(condition::REWRAPPED) && world.status().replaced.is_empty());
}

#[test]
fn a_copy_that_is_not_asked_for_any_more_is_made_anew_as_the_others_are_and_once() {
    let mut world = rewrapped_with_copies(&["far", "near"]);
    world.run.spec.copies.retain(|copy| copy.storage == "near");
    let mut begun: Vec<_> = world
        .step()
        .into_iter()
        .filter_map(|step| match step {
            Step::Unguarded(Unguarded::Copy { storage, .. }) => Some(storage),
            _ => None,
        })
        .collect();
    begun.sort();
    assert_eq!(begun, ["far", "near"]);
}

#[test]
fn copies_are_made_anew_also_where_the_store_keeps_the_old_object() {
    let mut world = rewrapped_with_copies(&["far"]);
    world.trouble = Some(Trouble {
        message: "403 on DeleteObjectVersion".into(),
        since: Duration::from_secs(60),
        expected: false,
    });
    // Nothing is settled while a store refuses.
    let decision = world.decide();
    let mut before_errands = decision.unguarded.iter().take_while(|s| !s.is_errand());
    assert!(
        before_errands.any(|s| matches!(s, Unguarded::Copy { .. })),
        "nothing behind what a store is asked for is done until it has answered"
    );
    assert!(decision.guarded.iter().any(|g| matches!(g, Guarded::Report(told) if {
        let said = condition::find(&told.conditions, condition::REWRAPPED).unwrap();
        said.message.contains("403 on DeleteObjectVersion") && said.message.contains("storage far")
    })));
}

#[test]
fn a_storage_that_takes_no_new_copy_keeps_the_old_one_for_a_day_and_only_where_there_is_another() {
    let fails = || CopyProgress::Failed {
        message: "no space left".into(),
        again: Duration::from_secs(60),
    };
    let mut world = rewrapped_with_copies(&["far"]);
    world.copies = vec![further("far", fails())];
    world.step();
    world.pass(3 * 24 * 3600);
    assert!(removed(&world.step()).is_empty(), "it is the only other place");
    let said = condition::find(&world.status().conditions, condition::REWRAPPED).cloned();
    assert!(said.unwrap().message.contains("no space left"));

    let mut world = rewrapped_with_copies(&["far", "attic"]);
    let anew = key_of_copy(&world, "attic");
    world.copies = vec![further("far", fails()), further("attic", copied(&anew, "\"d\""))];
    let of_attic = (Some("attic".to_owned()), "far/db.sql".to_owned());
    assert_eq!(removed(&world.step()), [(None, "db.sql".to_owned()), of_attic]);
    world.copies[1].progress = CopyProgress::Idle;
    assert!(removed(&world.step()).is_empty());
    world.pass(24 * 3600);
    assert_eq!(removed(&world.step()), [far()]);
    assert!(world.is(condition::REWRAPPED));
}

#[test]
fn a_legal_hold_waits_for_no_copy_that_is_made_anew() {
    let mut world = rewrapped_with_copies(&["far"]);
    world.step();
    world
        .run
        .annotations_mut()
        .insert(labels::LEGAL_HOLD.into(), "true".into());
    assert!(has(
        &world.step(),
        |s| matches!(s, Step::Unguarded(Unguarded::Hold { key, on: true, .. }) if key.contains(".rewrap-"))
    ));
}

#[test]
fn a_run_of_another_namespace_that_never_ends_keeps_the_old_object_for_a_day_and_one_of_its_own_for_as_long_as_it_reads()
 {
    let own = backup_run().namespace().unwrap();
    for (reader, goes) in [("elsewhere/x".to_owned(), true), (format!("{own}/x"), false)] {
        let (mut world, _) = rewrapped();
        world.rewrap.reader = Some(reader);
        assert!(removed(&world.step()).is_empty());
        let said = condition::find(&world.status().conditions, condition::REWRAPPED).cloned();
        let words = said.unwrap().message;
        assert_eq!(words.contains("which is waited for until"), goes, "{words}");
        world.pass(24 * 3600 - 1);
        assert!(removed(&world.step()).is_empty());
        world.pass(1);
        assert_eq!(removed(&world.step()).len(), usize::from(goes));
    }
}

#[test]
fn a_status_that_names_what_is_another_s_has_nothing_read_replaced_or_removed() {
    type Forge = fn(&mut BackupRunStatus);
    let forged: [Forge; 4] = [
        |s| s.rewrap.as_mut().unwrap().key = "team/theirs.sql".into(),
        |s| s.rewrap.as_mut().unwrap().path = "/theirs.sql".into(),
        |s| s.rewrap.as_mut().unwrap().since = Time(Timestamp::UNIX_EPOCH),
        |s| {
            let rewrap = s.rewrap.as_mut().unwrap();
            (rewrap.path, rewrap.key) = ("/db.sql".into(), "db.sql".into());
        },
    ];
    for forge in forged {
        let (mut world, _) = asked();
        forge(world.run.status.as_mut().unwrap());
        let steps = world.step();
        assert!(!has(&steps, |s| matches!(s, Step::Unguarded(Unguarded::Rewrap { .. }))));
        assert_eq!(reason(&world), "RewrapFailed");
        assert!(world.status().rewrap.is_none() && world.status().replaced.is_empty());
        assert_eq!(world.status().key.as_deref(), Some("db.sql"));
        let (mut world, _) = asked();
        forge(world.run.status.as_mut().unwrap());
        world.run.spec.retain_policy = Some(RetainPolicy::Delete);
        world.delete();
        assert!(removed(&world.step()).is_empty());
    }
    let (mut world, _) = rewrapped();
    world.run.status.as_mut().unwrap().replaced[0].key = "theirs.sql".into();
    let steps = world.step();
    assert!(removed(&steps).is_empty() && says("ObjectKept", &steps));
    assert!(world.status().replaced.is_empty());
}

#[test]
fn access_that_is_taken_away_midway_stops_a_rewrap_and_what_it_has_made_is_removed() {
    type Change = fn(&mut World);
    let changes: [(&str, Change); 3] = [
        ("not for this namespace", |w| {
            w.storage = StorageView::Refused {
                message: "it is not for this namespace".into(),
            }
        }),
        ("decryptionKey is not set", |w| {
            w.run.spec.encryption.as_mut().unwrap().decryption_key = None;
        }),
        ("names bucket", |w| {
            w.run.status.as_mut().unwrap().location = Some(bucket("older"));
        }),
    ];
    for (words, change) in changes {
        let (mut world, _) = asked();
        world.rewrap.progress = CopyProgress::UnderWay {
            upload: Some("u1".into()),
        };
        world.step();
        change(&mut world);
        assert!(has(&world.step(), |s| *s == Step::Unguarded(Unguarded::StopCopies)));
        // It had just ended well.
        world.rewrap.progress = made(&world);
        let steps = world.step();
        let forgotten = Step::Unguarded(Unguarded::ForgetCopy { storage: OWN.into() });
        assert!(has(&steps, |s| *s == forgotten) && says("RewrapFailed", &steps));
        world.rewrap.progress = CopyProgress::Idle;
        let said = condition::find(&world.status().conditions, condition::REWRAPPED).cloned();
        assert!(said.unwrap().message.contains(words));
        assert_eq!(world.status().key.as_deref(), Some("db.sql"), "{words}");
        let steps = world.step();
        let removed = has(
            &steps,
            |s| matches!(s, Step::Unguarded(Unguarded::RemoveReplaced { upload_id: Some(id), etag: None, .. }) if id == "u1"),
        );
        assert_eq!(removed, words != "names bucket", "{words}");
        assert_eq!(says("LeftBehind", &steps), !removed, "it lies in the bucket of before");
    }
}

#[test]
fn a_rewrap_that_no_operator_outlives_is_given_up_and_its_last_upload_is_dropped() {
    let (mut world, _) = asked();
    let mut deaths = 0;
    while world.status().rewrap.is_some() {
        world.rewrap.progress = CopyProgress::UnderWay {
            upload: Some(format!("u{deaths}")),
        };
        world.step();
        world.rewrap.progress = CopyProgress::Idle;
        world.step();
        world.pass(400);
        world.step();
        deaths += 1;
        assert!(deaths < 10);
    }
    assert_eq!(deaths, 4);
    assert_eq!(reason(&world), "RewrapFailed");
    assert!(
        world.status().replaced.is_empty(),
        "it was removed in the pass after that"
    );
}

#[test]
fn a_run_that_is_deleted_takes_both_objects_with_it() {
    let (mut world, _) = asked();
    world.run.spec.retain_policy = Some(RetainPolicy::Delete);
    world.rewrap.progress = CopyProgress::UnderWay {
        upload: Some("u1".into()),
    };
    world.step();
    world.delete();
    assert!(has(&world.step(), |s| *s == Step::Unguarded(Unguarded::StopCopies)));
    world.rewrap.progress = CopyProgress::Idle;
    let steps = world.step();
    assert!(has(
        &steps,
        |s| matches!(s, Step::Unguarded(Unguarded::DeleteObject { key, .. }) if key == "db.sql")
    ));
    assert!(has(
        &steps,
        |s| matches!(s, Step::Unguarded(Unguarded::RemoveReplaced { upload_id: Some(id), etag: None, .. }) if id == "u1")
    ));
    // What was taken from somebody goes, also where the backup stays.
    let (mut world, _) = rewrapped();
    world.run.spec.retain_policy = Some(RetainPolicy::Retain);
    world.delete();
    let steps = world.step();
    assert_eq!(removed(&steps), [(None, "db.sql".to_owned())]);
    assert!(!has(&steps, |s| matches!(
        s,
        Step::Unguarded(Unguarded::DeleteObject { .. })
    )));
}

#[test]
fn a_restore_that_is_asked_for_goes_first_and_the_old_object_is_not_removed_under_it() {
    let (mut world, _) = rewrapped();
    world.annotate(labels::RESTORE);
    let steps = world.step();
    assert!(removed(&steps).is_empty());
    let key = world.status().transfer.unwrap().key.unwrap();
    assert!(key.starts_with("db.rewrap-"), "it reads the new one: {key}");
}

#[test]
fn what_a_request_comes_to_is_counted_once() {
    use crate::run::lately::rewrap_ended;
    let counted = |before: &BackupRunStatus, world: &World| rewrap_ended(before, &world.status());
    let mut world = encrypted();
    ask(&mut world, "{}");
    let before = world.status();
    world.step();
    assert_eq!(counted(&before, &world), Some(Reason::RewrapRefused));
    assert_eq!(counted(&world.status(), &world), None);

    let (mut world, _) = asked();
    assert_eq!(counted(&encrypted().status(), &world), None);
    let before = world.status();
    world.rewrap.progress = made(&world);
    world.step();
    assert_eq!(counted(&before, &world), Some(Reason::Rewrapped));
    world.rewrap.progress = CopyProgress::Idle;
    let before = world.status();
    world.step();
    assert_eq!(
        counted(&before, &world),
        None,
        "that nothing is left is no other rewrap"
    );

    let (mut world, _) = asked();
    let before = world.status();
    world.storage = StorageView::Missing;
    world.step();
    assert_eq!(counted(&before, &world), Some(Reason::RewrapFailed));
}
