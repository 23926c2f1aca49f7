//! What is kept of objects, and how they are found.
use api::{BackupRun, BackupSchedule, labels};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::*;

fn run(name: &str, storage: &str, status: Value) -> BackupRun {
    let mut run = testing::backup_run();
    run.metadata = serde_json::from_value(json!({
        "name": name, "namespace": "team", "uid": format!("uid-{name}"), "resourceVersion": "1",
        "labels": {labels::SCHEDULE: "nightly"},
        "ownerReferences": [{"apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "name": "nightly", "uid": "parent", "controller": true}],
    }))
    .unwrap();
    run.spec.storage.name = storage.into();
    run.status = serde_json::from_value(status).unwrap();
    run
}

fn over(bytes: u64) -> Value {
    json!({"key": "k", "sizeInBytes": bytes, "conditions": [
        {"type": "Successful", "status": "True", "reason": "x", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
}

fn put(cache: &Cache<BackupRun>, run: &BackupRun) -> Packed<BackupRun> {
    let packed = Packed::of(run);
    cache.put(packed.clone());
    packed
}

#[test]
fn an_object_comes_out_as_it_went_in() {
    let cache = Cache::default();
    let mut all = vec![
        run("a", "s", over(7)),
        testing::backup_run(),
        testing::restore_only_run(),
    ];
    // What no dictionary knows, and what is large.
    all.push(run(
        "strange",
        "s",
        json!({"message": "\u{0}\u{1f980}\"\\", "log": "x".repeat(100_000)}),
    ));
    for (number, one) in all.iter_mut().enumerate() {
        one.metadata.name = Some(format!("r{number}"));
        put(&cache, one);
        let name = ObjectRef::from_obj(one);
        let out = cache.get(&name).unwrap();
        assert_eq!(
            serde_json::to_value(out.as_ref()).unwrap(),
            serde_json::to_value(one).unwrap()
        );
    }
    assert_eq!(cache.names().len(), all.len());
    assert!(cache.get(&ObjectRef::new("a").within("elsewhere")).is_none());
}

#[test]
fn the_manifest_that_was_applied_is_not_kept_once_more() {
    let mut applied = run("a", "s", over(7));
    let kept = ("mine".to_string(), "1".to_string());
    let left_out = (
        "kubectl.kubernetes.io/last-applied-configuration".to_string(),
        "{}".to_string(),
    );
    applied.metadata.annotations = Some([kept.clone(), left_out].into());
    let out = Packed::of(&applied).open().unwrap();
    assert_eq!(out.metadata.annotations, Some([kept].into()));
}

#[test]
fn an_object_is_found_by_what_it_belongs_to_now_until_it_is_gone() {
    let cache = Cache::default();
    let found = |group| cache.names_of(group).len();
    put(&cache, &run("a", "s", over(1)));
    put(&cache, &run("b", "s", Value::Null));
    assert_eq!(found(Group::ControlledBy("parent")), 2);
    assert_eq!(found(Group::Labelled("team", "nightly")), 2);
    assert_eq!((found(Group::Naming("k")), found(Group::WaitingFor("s"))), (1, 1));
    put(&cache, &run("b", "t", Value::Null));
    assert_eq!((found(Group::WaitingFor("s")), found(Group::WaitingFor("t"))), (0, 1));
    put(&cache, &run("b", "t", over(1)));
    assert_eq!((found(Group::Naming("k")), found(Group::WaitingFor("t"))), (2, 0));
    cache.remove("team/a");
    cache.remove("team/b");
    assert_eq!(found(Group::ControlledBy("parent")), 0);
    assert!(cache.read().by_group.is_empty() && cache.read().by_storage.is_empty());
}

#[test]
fn a_head_says_whether_its_object_goes_with_it_so_that_rotation_passes_by_what_is_locked() {
    let cache = Cache::default();
    let mut locked = run("locked", "s", over(7));
    locked.status.as_mut().unwrap().lock = Some(serde_json::from_value(json!({"legalHold": true})).unwrap());
    locked.spec.retain_policy = Some(api::run::RetainPolicy::Delete);
    let mut stays = locked.clone();
    (stays.metadata.name, stays.spec.retain_policy) = (Some("stays".into()), None);
    for (one, held) in [(&locked, true), (&stays, false)] {
        put(&cache, one);
        let heads = cache.heads(&[Group::ControlledBy("parent")]);
        let head = heads.iter().find(|head| head.name_any() == one.name_any()).unwrap();
        assert_eq!(
            planner::run::lock::is_held(head, Timestamp::UNIX_EPOCH),
            held,
            "{}",
            one.name_any()
        );
    }
}

#[test]
fn of_many_the_heads_are_read_each_once() {
    let cache = Cache::default();
    let one = run("a", "s", over(1));
    put(&cache, &one);
    let heads = cache.heads(&[Group::ControlledBy("parent"), Group::Labelled("team", "nightly")]);
    assert_eq!(heads.len(), 1);
    assert_eq!((&heads[0].metadata, &heads[0].status), (&one.metadata, &one.status));
    assert!(heads[0].spec.template.spec.containers.is_empty());
}

#[test]
fn a_run_that_waits_for_its_turn_is_not_woken_with_its_storage() {
    let waits = |status: Value| Packed::of(&run("a", "s", status)).groups().len();
    let queued = json!({"queued": {"since": "2026-01-01T00:00:00Z", "place": 1, "of": 2}});
    assert_eq!(waits(Value::Null), waits(queued) + 1);
}

#[test]
fn what_is_over_is_at_rest_until_somebody_asks_for_more_and_a_schedule_until_its_next_tick() {
    let cache = Cache::default();
    let due = |run: &BackupRun| put(&cache, run).due();
    assert_eq!(due(&run("a", "s", over(7))), Due::Never);
    assert_eq!(due(&run("a", "s", Value::Null)), Due::Now);
    let mut asked = run("a", "s", over(7));
    asked.annotations_mut().insert(labels::RESTORE.into(), "yes".into());
    assert_eq!(due(&asked), Due::Now);
    let mut goes = run("a", "s", over(7));
    goes.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    assert_eq!(due(&goes), Due::Now);

    let schedule = |status: Value| -> BackupSchedule {
        let spec = json!({"schedule": "@daily", "template": {"spec": testing::backup_run().spec}});
        let all = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "metadata": {"name": "s"}, "spec": spec, "status": status});
        serde_json::from_value(all).unwrap()
    };
    let due = |status: Value| Packed::of(&schedule(status)).due();
    assert_eq!(due(Value::Null), Due::Now);
    assert_eq!(due(json!({})), Due::Now, "it is not suspended any more");
    let mut suspended = schedule(json!({}));
    suspended.spec.suspend = Some(true);
    assert_eq!(Packed::of(&suspended).due(), Due::Never);
    let tick = json!({"nextScheduleTime": "2026-01-01T00:00:00Z"});
    assert_eq!(due(tick.clone()), Due::At("2026-01-01T00:00:00Z".parse().unwrap()));
    let mut triggered = schedule(tick);
    triggered.annotations_mut().insert(labels::TRIGGER.into(), "now".into());
    assert_eq!(Packed::of(&triggered).due(), Due::Now);
}

#[test]
fn a_storage_counts_what_names_it_and_no_more_than_a_number_holds() {
    let cache = Cache::default();
    put(&cache, &run("a", "s", over(5)));
    put(&cache, &run("b", "s", over(u64::MAX)));
    put(&cache, &run("c", "t", Value::Null));
    assert_eq!(
        cache.tally("s"),
        Tally {
            objects: 2,
            bytes: u64::MAX
        }
    );
    cache.remove("team/b");
    assert_eq!(
        cache.tally("s"),
        Tally { objects: 1, bytes: 5 },
        "what is left was there before"
    );
    put(&cache, &run("a", "t", over(6)));
    assert_eq!((cache.tally("s"), cache.tally("t").bytes), (Tally::default(), 6));
    let schedules = Cache::<BackupSchedule>::default();
    let schedule = json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "metadata": {"name": "nightly", "namespace": "team"},
        "spec": {"schedule": "@daily", "template": {"spec": run("a", "t", Value::Null).spec}}});
    schedules.put(Packed::of(&serde_json::from_value(schedule).unwrap()));
    assert_eq!(schedules.tally("t").objects, 1);
}

#[test]
fn runs_of_one_template_keep_one() {
    let cache = Cache::default();
    let of = |n: usize| run(&format!("r{n}"), "one-template", over(1));
    let all: Vec<_> = (0..100).map(|n| put(&cache, &of(n))).collect();
    assert!(all.iter().all(|one| one.shares_spec_with(&all[0])));
    // Nobody holds what nobody has.
    let mut other = of(0);
    other.spec.storage.path = "/another".into();
    assert!(!Packed::of(&other).shares_spec_with(&all[0]));
}

#[test]
fn a_run_that_is_over_takes_less_than_a_kilobyte() {
    let mut one = run("nightly-1767236400", "s", over(1));
    let conditions = ["NeverRun", "Ready", "InProgress", "Successful", "Failed", "Compressed", "Encrypted", "Restorable"].map(|type_| {
        json!({"type": type_, "status": "True", "reason": "BackupSuccessful", "message": "1.0 MiB from the command, 1.0 MiB stored",
            "observedGeneration": 1, "lastTransitionTime": "2026-11-27T20:40:03Z"})
    });
    one.status = serde_json::from_value(
        json!({"conditions": conditions, "key": "team/nightly-1767236400.sql.zst",
        "sha256": "85b66b3a5816d686deb42f2d2473d9a7121ceb75c822b838f958c76ca86ed8ea", "sizeInBytes": 1_048_576}),
    )
    .unwrap();
    let bytes = Packed::of(&one).own_bytes();
    assert!(bytes < 500, "{bytes}");
}
