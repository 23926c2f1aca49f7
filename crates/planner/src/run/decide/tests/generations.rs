//! The generation that a status speaks of.
use super::*;

/// That of each report.
fn told(steps: &[Step]) -> Vec<Option<i64>> {
    let of = |step: &Step| match step {
        Step::Guarded(Guarded::Report(status)) => Some(status.observed_generation),
        _ => None,
    };
    steps.iter().filter_map(of).collect()
}

#[test]
fn a_new_generation_of_a_finished_run_is_told_once_and_with_what_else_is_told() {
    let mut world = World::stored();
    assert_eq!(told(&world.step()), []);
    world.run.metadata.generation = Some(2);
    assert_eq!(told(&world.step()), [Some(2)]);
    assert_eq!(told(&world.step()), []);
    world.run.metadata.generation = Some(3);
    world.annotate(labels::RESTORE);
    assert_eq!(told(&world.step()), [Some(3)]);
}

#[test]
fn a_run_that_has_not_ended_and_a_status_that_names_no_generation_are_not_written_for_it() {
    let mut old = World::stored();
    old.run.status.as_mut().unwrap().observed_generation = None;
    for mut world in [World::working(), old] {
        world.run.metadata.generation = Some(2);
        assert_eq!(told(&world.step()), []);
    }
}
