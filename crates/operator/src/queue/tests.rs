//! What is counted, from what the watches see, and who is woken.
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use planner::queue::{Lack, Place};
use serde_json::json;

use super::*;
use crate::cache::Packed;

struct World {
    queue: Queue,
    woken: UnboundedReceiver<ObjectRef<BackupRun>>,
    runs: Cache<BackupRun>,
}

/// `team/db`, of that storage, and whether an attempt is under way.
fn run(name: &str, storage: &str, under_way: bool) -> BackupRun {
    let mut run = testing::backup_run();
    let (namespace, own) = name.split_once('/').unwrap();
    run.metadata.namespace = Some(namespace.into());
    run.metadata.name = Some(own.into());
    run.metadata.uid = Some(name.into());
    run.spec.storage.name = storage.into();
    if under_way {
        let transfer = json!({"attempt": "backup-1", "startedAt": "2026-01-01T00:00:00Z", "route": "Direct"});
        run.status = serde_json::from_value(json!({"transfer": transfer})).unwrap();
    }
    run
}

/// The Pod of a run.
fn pod(run: &str, goes: bool) -> Pod {
    let (namespace, name) = run.split_once('/').unwrap();
    let mut pod: Pod = serde_json::from_value(json!({"metadata": {
        "name": format!("{name}-backup-1"), "namespace": namespace, "uid": format!("{run}-pod"),
        "ownerReferences": [{"apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "name": name, "uid": run, "controller": true}],
    }}))
    .unwrap();
    pod.metadata.deletion_timestamp = goes.then(|| Time(Timestamp::now()));
    pod
}

fn backup(second: i64) -> Ask {
    Ask {
        restore: false,
        since: Timestamp::from_second(second).unwrap(),
    }
}

impl World {
    fn new(operator: Option<u32>) -> Self {
        let world = Self::before(operator);
        world.queue.open();
        world
    }

    /// Not all that is there was seen yet.
    fn before(operator: Option<u32>) -> Self {
        let (wake, woken) = unbounded();
        Self {
            queue: Queue::new(operator, wake),
            woken,
            runs: Cache::default(),
        }
    }

    fn seen(&mut self, run: &BackupRun) {
        self.runs.put(Packed::of(run));
        self.queue.seen(run);
    }

    /// Who was woken since it was last asked.
    fn woken(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(Some(run)) = futures::FutureExt::now_or_never(self.woken.next()) {
            all.push(format!("{}/{}", run.namespace.unwrap_or_default(), run.name));
        }
        all
    }

    fn limit(&self, storage: &str, most: Option<u32>) {
        let spec = json!({"parameters": {"bucket": "b"}, "maxConcurrentRuns": most});
        let storage = BackupStorage::new(storage, serde_json::from_value(spec).unwrap());
        self.queue.storage_seen(&storage);
    }

    fn holding(&self) -> usize {
        self.queue.state().held(Instant::now()).len()
    }
}

fn waits(turn: &Turn) -> Option<(u32, u32)> {
    match turn {
        Turn::Waits(Place { place, of, .. }) => Some((*place, *of)),
        _ => None,
    }
}

#[test]
fn a_turn_counts_from_its_decision_by_the_status_and_by_the_pod_until_that_is_gone() {
    let mut world = World::new(Some(1));
    let (first, second) = (run("a/1", "s", false), run("b/1", "s", false));
    assert_eq!(world.queue.ask(&first, backup(1)), Turn::Given);
    // Nothing of it is in the cluster yet.
    assert_eq!(waits(&world.queue.ask(&second, backup(2))), Some((1, 1)));
    assert_eq!(
        world.queue.ask(&first, backup(1)),
        Turn::Given,
        "a pass that is made again"
    );
    world.seen(&run("a/1", "s", true));
    world.queue.pod_seen(&pod("a/1", false), &world.runs);
    // The end is reported, and the Pod goes.
    world.seen(&first);
    world.queue.pod_seen(&pod("a/1", true), &world.runs);
    assert_eq!(world.woken(), Vec::<String>::new());
    world.queue.pod_gone(&pod("a/1", true));
    assert_eq!(world.woken(), ["b/1"]);
    assert_eq!(world.queue.ask(&second, backup(2)), Turn::Given);
    assert_eq!(world.holding(), 1);
}

#[test]
fn another_operator_counts_the_same_from_what_is_in_the_cluster() {
    let mut world = World::new(Some(3));
    // Its attempt is reported and its Pod not made; it has a Pod; its run is over and its Pod not gone, and was seen first.
    world.queue.pod_seen(&pod("c/1", true), &world.runs);
    world.seen(&run("a/1", "s", true));
    world.seen(&run("b/1", "s", true));
    world.queue.pod_seen(&pod("b/1", false), &world.runs);
    world.seen(&run("c/1", "s", false));
    assert_eq!(world.holding(), 3);
    assert!(waits(&world.queue.ask(&run("d/1", "s", false), backup(1))).is_some());
    // Of which storage it is is known by then, too.
    world.limit("s", Some(3));
    let told = world.queue.ask(&run("d/1", "s", false), backup(1));
    assert!(
        matches!(
            told,
            Turn::Waits(Place {
                lacks: Lack::Storage(3),
                ..
            })
        ),
        "{told:?}"
    );
}

#[test]
fn a_turn_that_is_not_taken_up_goes_to_the_next() {
    for give_up in [
        |world: &mut World, run: &BackupRun| world.queue.leave(run),
        |world: &mut World, run: &BackupRun| world.queue.gone(&run.uid().unwrap()),
    ] {
        let mut world = World::new(Some(1));
        let all = ["a/1", "b/1", "c/1"].map(|name| run(name, "s", false));
        for (second, run) in all.iter().enumerate() {
            world.queue.ask(run, backup(second as i64));
        }
        // Who only waits gives nothing up.
        give_up(&mut world, &all[1]);
        assert_eq!(world.woken(), Vec::<String>::new());
        give_up(&mut world, &all[0]);
        assert_eq!(world.woken(), ["c/1"]);
    }
    // What is under way keeps it, also where it was not seen yet.
    let mut world = World::new(Some(1));
    world.queue.ask(&run("a/1", "s", false), backup(1));
    world.queue.ask(&run("b/1", "s", false), backup(2));
    world.queue.leave(&run("a/1", "s", true));
    assert_eq!((world.woken(), world.holding()), (vec![], 1));
}

#[test]
fn a_pass_over_a_run_as_it_was_before_it_began_takes_no_second_turn() {
    let mut world = World::new(Some(1));
    let (before, after) = (run("a/1", "s", false), run("a/1", "s", true));
    world.queue.ask(&before, backup(1));
    world.seen(&after);
    assert_eq!(world.queue.ask(&before, backup(1)), Turn::Given, "its write is refused");
    world.seen(&before);
    assert_eq!(world.holding(), 0);
    assert!(
        world.queue.state().runs.is_empty(),
        "nothing is kept of a run that is over"
    );
}

#[test]
fn limits_that_change_take_hold_at_once_and_stop_nobody() {
    let mut world = World::new(None);
    world.limit("s", Some(1));
    let all = ["a/1", "b/1", "c/1"].map(|name| run(name, "s", false));
    for (second, run) in all.iter().enumerate() {
        world.queue.ask(run, backup(second as i64));
    }
    assert_eq!(world.holding(), 1);
    world.limit("s", Some(2));
    assert_eq!((world.woken(), world.holding()), (vec!["b/1".to_string()], 2));
    world.limit("s", Some(1));
    assert_eq!(world.holding(), 2);
    world
        .queue
        .storage_gone(&BackupStorage::new("s", serde_json::from_value(json!({})).unwrap()));
    assert_eq!(world.woken(), ["c/1"]);
}

#[test]
fn a_pod_on_a_lost_node_holds_no_turn_for_ever() {
    let mut world = World::new(Some(1));
    world.seen(&run("a/1", "s", false));
    world.queue.pod_seen(&pod("a/1", true), &world.runs);
    let now = Instant::now();
    let held = |after: Duration| world.queue.state().held(now + after).len();
    assert_eq!((held(Duration::ZERO), held(GONE + Duration::from_secs(1))), (1, 0));
}

#[test]
fn hundreds_come_and_go_without_ever_being_too_many() {
    let mut world = World::new(Some(50));
    world.limit("s0", Some(7));
    let all: Vec<_> = (0..600)
        .map(|n| run(&format!("n{}/{n}", n % 13), &format!("s{}", n % 3), false))
        .collect();
    let (mut running, mut done): (Vec<BackupRun>, usize) = (Vec::new(), 0);
    for (second, run) in all.iter().enumerate() {
        if world.queue.ask(run, backup(second as i64)) == Turn::Given {
            running.push(run.clone());
        }
    }
    while let Some(mut over) = running.pop() {
        let of = |storage: &str| running.iter().filter(|r| r.spec.storage.name == storage).count();
        assert!(running.len() < 50 && of("s0") <= 7, "{} {}", running.len(), of("s0"));
        let name = over.uid().unwrap();
        world.seen(&run(&name, &over.spec.storage.name, true));
        over.status = None;
        world.seen(&over);
        done += 1;
        for name in world.woken() {
            let next = all.iter().find(|r| r.uid().as_ref() == Some(&name)).unwrap();
            assert_eq!(world.queue.ask(next, backup(0)), Turn::Given);
            running.insert(0, next.clone());
        }
    }
    assert_eq!((done, world.holding()), (600, 0));
}

#[test]
fn the_first_turns_of_an_operator_go_to_those_that_have_waited_the_longest_whoever_is_looked_at_first() {
    let mut world = World::before(None);
    let waits = |name: &str, since: Option<&str>, restore: bool| {
        let mut run = run(name, "s3", false);
        run.metadata.creation_timestamp = Some(Time("2026-01-01T00:01:00Z".parse().unwrap()));
        let queued = since.map(|since| json!({"since": since, "place": 1, "of": 1}));
        let good = json!([{"type": "Successful", "status": "True", "reason": "BackupSuccessful", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
        run.status = queued.map(|queued| {
            let conditions = if restore { good } else { json!([]) };
            serde_json::from_value(json!({"queued": queued, "conditions": conditions})).unwrap()
        });
        run
    };
    let (new, old) = (
        waits("a/new", None, false),
        waits("b/old", Some("2026-01-01T00:00:10Z"), false),
    );
    let restore = waits("c/restore", Some("2026-01-01T00:00:30Z"), true);
    for run in [&new, &run("d/holds", "s3", true), &old, &restore] {
        world.seen(run);
    }
    assert!(world.woken().is_empty(), "nothing is given before all was seen");
    world.limit("s3", Some(2));
    assert!(world.woken().is_empty(), "nor by a storage that is seen");
    world.queue.open();
    assert_eq!(world.woken(), ["c/restore"]);
    // The one that was looked at first waits for the older one.
    let Turn::Waits(place) = world.queue.ask(&new, backup(1_767_225_660)) else {
        panic!("it got a turn");
    };
    assert_eq!((place.place, place.of), (2, 2));
    // It wants no restore any more.
    world.queue.leave(&restore);
    assert_eq!(world.woken(), ["b/old"]);
    assert_eq!(world.queue.ask(&old, backup(1_767_225_610)), Turn::Given);
}

#[test]
fn what_was_seen_before_the_queue_opens_and_is_gone_waits_no_more() {
    let mut world = World::before(None);
    let mut new = run("a/new", "s3", false);
    new.metadata.creation_timestamp = Some(Time("2026-01-01T00:01:00Z".parse().unwrap()));
    world.seen(&new);
    world.queue.gone("a/new");
    world.queue.open();
    assert!(world.woken().is_empty() && world.queue.state().runs.is_empty());
}
