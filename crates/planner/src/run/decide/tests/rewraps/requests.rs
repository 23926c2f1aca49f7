//! Requests to rewrap, and holds, beside what is under way; and requests that cannot be.
use super::*;
use crate::run::recipients::MOST;
use crate::run::rewrap_request::{before_all, set};

fn is_asked(world: &World) -> bool {
    world.run.annotations().contains_key(labels::REWRAP)
}

fn going() -> CopyProgress {
    CopyProgress::UnderWay { upload: None }
}

#[test]
fn another_request_stays_until_the_rewrap_under_way_has_ended_however_it_ends() {
    let ends: [fn(&mut World); 2] = [
        |world| world.rewrap.progress = made(world),
        |world| (world.storage, world.rewrap.progress) = (StorageView::Missing, CopyProgress::Idle),
    ];
    for end in ends {
        let (mut world, _) = asked();
        ask(&mut world, &serde_json::json!({"add": [B]}).to_string());
        world.rewrap.progress = going();
        world.step();
        assert!(is_asked(&world));
        end(&mut world);
        world.step();
        assert!(world.status().rewrap.is_none() && is_asked(&world));
    }
}

#[test]
fn a_request_that_an_applier_keeps_is_not_taken_off_while_its_rewrap_is_under_way() {
    let (mut world, _) = asked();
    ask(&mut world, &swap());
    world.rewrap.request_is_kept = true;
    world.rewrap.progress = going();
    assert_eq!(world.step(), []);
}

#[test]
fn what_another_rewrap_made_is_forgotten_and_not_taken_for_this_ones() {
    let (mut world, _) = asked();
    world.rewrap.progress = CopyProgress::Made(Box::new(MadeCopy {
        key: "db.rewrap-0000beef.sql".into(),
        ..MadeCopy::default()
    }));
    let forgotten = Step::Unguarded(Unguarded::ForgetCopy { storage: OWN.into() });
    assert_eq!(world.step(), [forgotten]);
}

#[test]
fn a_legal_hold_waits_for_the_rewrap_under_way_and_lies_on_what_that_made() {
    let (mut world, _) = asked();
    world.annotate(labels::LEGAL_HOLD);
    world.rewrap.progress = going();
    assert_eq!(world.step(), []);
    world.rewrap.progress = made(&world);
    let steps = world.step();
    let held = |s: &Step| matches!(s, Step::Unguarded(Unguarded::Hold { key, .. }) if key.contains(".rewrap-"));
    assert!(has(&steps, held), "{steps:?}");
}

#[test]
fn a_request_names_as_many_as_are_possible_and_no_more() {
    let text = serde_json::json!({"add": [B]}).to_string();
    let with = |others: usize| {
        let others: Vec<_> = (0..others).map(|n| format!("age1{n}")).collect();
        set(&others, &text)
    };
    assert_eq!(with(MOST - 1).unwrap().len(), MOST);
    for more in [MOST, MOST + 1] {
        let why = with(more).unwrap_err();
        assert!(why.contains(&format!("at most {MOST} are possible")), "{why}");
    }
}

#[test]
fn where_the_run_has_no_good_backup_of_its_own_the_refusal_says_that_first() {
    let mut bad = World::working();
    bad.ended(failed());
    let mut restored = World::new(restore_only_run());
    restored.step();
    restored.pod(PodStage::Running);
    restored.ended(End::Restored {
        bytes: 10,
        log: String::new(),
    });
    for mut world in [bad, restored] {
        world.step();
        world.pods.clear();
        world.step();
        ask(&mut world, &swap());
        world.step();
        let said = condition::find(&world.status().conditions, condition::REWRAPPED).cloned();
        assert_eq!(said.unwrap().message, "this run has no good backup of its own");
    }
}

#[test]
fn a_name_that_is_a_mark_alone_is_not_that_of_a_rewrapped_object() {
    for (key, before) in [
        ("a/db.rewrap-0123abcd.sql", Some("a/db.sql")),
        ("a/.rewrap-0123abcd.sql", None),
        (".rewrap-0123abcd.sql", None),
    ] {
        assert_eq!(before_all(key).as_deref(), before, "{key}");
    }
}
