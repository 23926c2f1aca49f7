//! Triggers: one run for each, whatever comes between.
use super::*;

#[test]
fn a_suspended_schedule_starts_nothing_on_ticks_but_on_trigger() {
    let mut world = World::new().at("2026-01-01T11:00:05Z");
    world.schedule.spec.suspend = Some(true);
    let d = world.step();
    assert!(d.create.is_empty() && d.status.next_schedule_time.is_none());
    assert!(d.events.iter().any(|e| e.reason == "Suspended"));
    assert!(world.step().events.is_empty(), "it is said once");
    world.trigger();
    let d = world.settle();
    assert_eq!((d.create.len(), d.remove_trigger), (1, true));
}

#[test]
fn a_trigger_makes_one_run_wherever_the_operator_dies() {
    let mut world = World::new();
    world.trigger();
    let claimed = world.step();
    assert!(claimed.create.is_empty() && !claimed.remove_trigger);
    // It died after the claim, or its creation is still under way in the API server: the name stays.
    world.pass(5);
    let d = world.look();
    assert_eq!(Some(&names(&d)[0]), claimed.claim.as_ref());
    assert!(d.remove_trigger && d.claim.is_none());
    let value = d.create[0].annotations().get(labels::TRIGGERED);
    assert_eq!(value.map(String::as_str), Some("now"));
    assert_eq!(d.status.last_schedule_time, None, "a trigger is not a tick");
    // It died after the run was created; people edited the schedule meanwhile.
    world.runs = d.create;
    world.pass(5);
    world.schedule.metadata.resource_version = Some("9".into());
    let d = world.look();
    assert!(d.create.is_empty() && d.claim.is_none() && d.remove_trigger);
}

#[test]
fn forbid_postpones_a_trigger_and_does_not_lose_it() {
    let mut world = World::new().policy(ConcurrencyPolicy::Forbid);
    world.trigger();
    let first = names(&world.settle())[0].clone();
    world.trigger();
    let d = world.settle();
    assert!(d.create.is_empty() && d.claim.is_none() && !d.remove_trigger);
    world.end(&first, false);
    world.pass(60);
    assert_eq!(world.settle().create.len(), 1);
}

#[test]
fn a_triggered_run_never_takes_the_name_of_another() {
    let mut world = World::new().policy(ConcurrencyPolicy::Allow).at("2026-01-01T11:00:00Z");
    for _ in 0..3 {
        world.trigger();
        assert_eq!(world.settle().create.len(), 1);
    }
    let all: std::collections::BTreeSet<_> = world.runs.iter().map(ResourceExt::name_any).collect();
    // The tick's is among them.
    assert_eq!(all.len(), 4);
}

#[test]
fn a_claimed_name_that_a_tick_took_meanwhile_is_given_up() {
    let mut world = World::new().policy(ConcurrencyPolicy::Allow);
    world.trigger();
    let claim = world.step().claim.unwrap();
    world.ended(&claim, true, 0);
    let d = world.look();
    assert!(d.create.is_empty() && !d.remove_trigger);
    assert!(d.claim.is_some_and(|other| other != claim));
}

#[test]
fn a_claim_that_the_operator_would_not_have_made_is_not_believed() {
    for claim in ["other-17", "hourly-x", "hourly-017", ""] {
        let mut world = World::new();
        world.trigger();
        world.annotate(labels::TRIGGER_RUN, claim);
        let d = world.look();
        assert!(d.create.is_empty() && d.claim.is_some(), "{claim}");
    }
}

#[test]
fn a_trigger_that_is_withdrawn_in_time_makes_no_run() {
    let mut world = World::new();
    world.annotate(labels::TRIGGER_RUN, "hourly-17");
    let d = world.step();
    assert!(d.create.is_empty() && d.remove_trigger);
    assert!(!world.look().remove_trigger, "once");
}

#[test]
fn a_trigger_on_an_invalid_schedule_waits_for_the_cure() {
    let mut world = World::new();
    world.schedule.spec.template.spec.storage.path = "x".into();
    world.trigger();
    let d = world.step();
    assert!(d.create.is_empty() && d.claim.is_none() && !d.remove_trigger);
    world.schedule.spec.template.spec.storage.path = "/x".into();
    let d = world.settle();
    assert!(d.create.len() == 1 && d.remove_trigger);
}

#[test]
fn a_trigger_under_replace_stops_the_run_under_way_and_then_starts() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.step();
    world.pass(60);
    world.trigger();
    let d = world.step();
    assert_eq!((d.create.len(), d.delete.len(), d.remove_trigger), (0, 1, false));
    let d = world.settle();
    assert_eq!((d.create.len(), d.remove_trigger), (1, true));
}
