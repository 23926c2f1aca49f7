//! Who goes next, and who is told which place.
use std::collections::BTreeSet;

use api::run::Transfer;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// `namespace/name storage second`, with ` restore` after it.
fn waiting(lines: &[&'static str]) -> Vec<Waiting<'static>> {
    lines
        .iter()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            Waiting {
                uid: words[0],
                namespace: words[0].split('/').next().unwrap(),
                name: words[0].split('/').nth(1).unwrap(),
                storage: words[1],
                since: at(words[2].parse().unwrap()),
                restore: words.get(3) == Some(&"restore"),
            }
        })
        .collect()
}

fn limits(operator: Option<u32>, storages: &[(&str, u32)]) -> Limits {
    Limits {
        operator,
        storages: storages.iter().map(|(name, most)| (name.to_string(), *most)).collect(),
    }
}

fn held(storages: &[&'static str]) -> Vec<Held<'static>> {
    storages.iter().map(|storage| Held { storage }).collect()
}

/// The order in which those that wait get their turns, one at a time, each giving its turn back before the next one is asked for,
/// or as many as may go where nobody gives it back.
fn order(mut waiting: Vec<Waiting<'static>>, held: &[Held<'static>], limits: &Limits, back: bool) -> Vec<&'static str> {
    let (mut served, mut held, mut order) = (Served::new(), held.to_vec(), Vec::new());
    while let Some(next) = next(&waiting, &held, &served, limits) {
        let one = waiting.remove(next);
        order.push(one.uid);
        served.insert(one.namespace.into(), at(1000 + order.len() as i64));
        if !back {
            held.push(Held { storage: one.storage });
        }
    }
    order
}

#[test]
fn restores_go_first_namespaces_take_turns_and_the_oldest_goes_first_within_one() {
    let one_at_once = limits(Some(1), &[]);
    for (lines, wanted) in [
        (&["a/2 s 2", "a/1 s 1", "a/3 s 3"][..], &["a/1", "a/2", "a/3"][..]),
        // One with many holds up no other, though all of its are older.
        (
            &["a/1 s 1", "a/2 s 2", "a/3 s 3", "b/1 s 9", "c/1 s 8", "c/2 s 10"],
            &["a/1", "c/1", "b/1", "a/2", "c/2", "a/3"],
        ),
        // Somebody waits for a restore, also of a namespace that has had its turn.
        (
            &["a/1 s 1", "a/2 s 2", "b/1 s 3", "b/r s 9 restore", "a/r s 8 restore"],
            &["a/r", "b/r", "a/1", "b/1", "a/2"],
        ),
        (&["b/1 s 1", "a/1 s 1"], &["a/1", "b/1"]),
        (&[], &[]),
    ] {
        assert_eq!(order(waiting(lines), &[], &one_at_once, true), wanted, "{lines:?}");
    }
}

#[test]
fn neither_limit_is_passed_and_who_is_kept_up_by_a_storage_keeps_up_nobody() {
    let all = [
        "a/1 slow 1",
        "a/2 slow 2",
        "a/3 slow 3",
        "a/4 fast 4",
        "b/1 slow 5",
        "b/2 gone 6",
    ];
    for (under_way, limits, wanted) in [
        (
            &[][..],
            limits(None, &[]),
            &["a/1", "b/1", "a/2", "b/2", "a/3", "a/4"][..],
        ),
        (&[], limits(Some(2), &[]), &["a/1", "b/1"]),
        (&["slow", "fast"], limits(Some(2), &[]), &[]),
        // More than are allowed, since the limit was lowered.
        (&["slow", "fast", "fast"], limits(Some(2), &[]), &[]),
        (&["slow"], limits(None, &[("slow", 1)]), &["a/4", "b/2"]),
        (&["fast"], limits(None, &[("slow", 2)]), &["a/1", "b/1", "a/4", "b/2"]),
        // Both.
        (&["fast"], limits(Some(3), &[("slow", 1)]), &["a/1", "b/2"]),
        (&["slow", "slow"], limits(Some(3), &[("slow", 1)]), &["a/4"]),
        // A storage that nobody knows has no limit of its own.
        (&["gone", "gone"], limits(Some(3), &[("other", 1)]), &["a/1"]),
    ] {
        let got = order(waiting(&all), &held(under_way), &limits, false);
        assert_eq!(got, wanted, "{under_way:?} {limits:?}");
    }
}

#[test]
fn a_namespace_that_was_served_before_a_restart_does_not_go_first_after_it() {
    let all = waiting(&["a/1 s 1", "b/1 s 2"]);
    let served = Served::from([("a".to_string(), at(500))]);
    let first = next(&all, &[], &served, &limits(Some(1), &[])).unwrap();
    assert_eq!(all[first].uid, "b/1");
}

#[test]
fn the_place_is_that_in_which_the_turns_come() {
    let lines = [
        "a/1 s 1",
        "a/2 s 2",
        "a/3 s 3",
        "a/4 s 4",
        "b/1 s 9",
        "b/2 s 11",
        "c/1 s 8",
        "b/r s 20 restore",
        "c/r s 21 restore",
    ];
    let all = waiting(&lines);
    let (full, one_at_once) = (held(&["s"]), limits(Some(1), &[]));
    let order = order(all.clone(), &[], &one_at_once, true);
    for one in &all {
        let told = place(one, &all, &full, &Served::new(), &one_at_once);
        let wanted = order.iter().position(|uid| *uid == one.uid).unwrap() + 1;
        // Restores move their namespaces' turns, which places do not foresee: by one round at most.
        let off = (i64::from(told.place) - wanted as i64).unsigned_abs();
        assert!(off <= 2, "{}: {told:?}, {wanted}", one.uid);
        assert_eq!((told.of, told.lacks), (9, Lack::Operator(1)));
    }
    let alone = waiting(&["a/1 s 1", "a/2 s 2", "b/1 s 3"]);
    let places: Vec<_> = alone
        .iter()
        .map(|w| place(w, &alone, &full, &Served::new(), &one_at_once).place)
        .collect();
    assert_eq!(places, [1, 3, 2]);
}

#[test]
fn runs_of_one_second_go_by_their_names_and_a_later_one_pushes_in_before_none() {
    // UIDs have no order that anybody knows.
    let uids = ["9f", "03", "c1", "5a"];
    let names = ["q1", "q2", "q3", "q4"];
    let all: Vec<_> = uids
        .iter()
        .zip(names)
        .map(|(uid, name)| Waiting {
            uid,
            namespace: "a",
            name,
            storage: "s",
            restore: false,
            since: at(1),
        })
        .collect();
    let one_at_once = limits(Some(1), &[]);
    for there in 1..=all.len() {
        let told = place(
            &all[there - 1],
            &all[..there],
            &held(&["s"]),
            &Served::new(),
            &one_at_once,
        );
        assert_eq!(told.place as usize, there);
    }
    assert_eq!(order(all, &[], &one_at_once, true), uids);
}

#[test]
fn who_waits_for_a_storage_is_told_its_place_among_those_that_wait_for_it() {
    let all = waiting(&["a/1 slow 1", "a/2 fast 2", "b/1 slow 3", "b/2 fast 4"]);
    let limits = limits(Some(2), &[("slow", 1)]);
    let told = |uid: &str, under_way: &[&'static str]| {
        let who = all.iter().find(|w| w.uid == uid).unwrap();
        let place = place(who, &all, &held(under_way), &Served::new(), &limits);
        (place.place, place.of, place.lacks)
    };
    assert_eq!(told("b/1", &["slow", "fast"]), (2, 2, Lack::Storage(1)));
    assert_eq!(told("b/2", &["slow", "fast"]), (4, 4, Lack::Operator(2)));
    assert_eq!(told("b/1", &["fast", "fast"]), (2, 4, Lack::Operator(2)));
}

#[test]
fn thousands_of_one_namespace_are_no_more_to_another_than_one_is() {
    let uids: Vec<String> = (0..5000).map(|n| format!("many/{n:04}")).collect();
    let many = uids.iter().enumerate().map(|(n, uid)| Waiting {
        uid,
        namespace: "many",
        name: uid,
        storage: "s",
        restore: false,
        since: at(n as i64),
    });
    let few = waiting(&["few/1 s 9000"]);
    let all: Vec<_> = many.chain(few.iter().copied()).collect();
    let limits = limits(Some(50), &[]);
    let told = place(&few[0], &all, &[], &Served::new(), &limits);
    assert_eq!((told.place, told.of), (2, 5001));
    let served = Served::from([("many".to_string(), at(1))]);
    assert_eq!(all[next(&all, &[], &served, &limits).unwrap()].uid, "few/1");
    let places: BTreeSet<_> = all
        .iter()
        .step_by(500)
        .map(|w| place(w, &all, &[], &served, &limits).place)
        .collect();
    assert_eq!(places.len(), 11, "each has a place of its own");
}

#[test]
fn a_run_holds_its_turn_while_an_attempt_is_under_way_and_not_between_or_after_its_attempts() {
    let began = Time(at(100));
    let transfer = Transfer {
        storage: None,
        agent: None,
        attempt: "backup-1".into(),
        started_at: began.clone(),
        pod_uid: None,
        command_started_at: None,
        key: None,
        upload_id: Some("up".into()),
        location: None,
        route: "Direct".into(),
        waited_for: vec![],
        failed_at: None,
        cancelled_at: None,
    };
    let mut run = testing::backup_run();
    run.spec.backoff_limit = Some(1);
    assert!(!holds(&run));
    run.status.get_or_insert_default().transfer = Some(transfer);
    assert!(holds(&run), "its Pod may not be there yet");
    assert_eq!(last_began(&run), Some(began.0));
    let mut between = run.clone();
    between.status.as_mut().unwrap().transfer.as_mut().unwrap().failed_at = Some(began.clone());
    assert!(!holds(&between));
    let mut deleted = run.clone();
    deleted.metadata.deletion_timestamp = Some(began);
    assert!(!holds(&deleted), "its Pod holds the turn, as long as it is there");
}
