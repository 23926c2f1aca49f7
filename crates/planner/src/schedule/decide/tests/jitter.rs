//! Starts that are put off.
use super::*;

#[test]
fn jitter_puts_the_start_off_and_leaves_the_tick_its_name_and_time() {
    let mut world = World::new().at("2026-01-01T11:00:00Z");
    world.schedule.spec.jitter_seconds = Some(1800);
    world.schedule.spec.starting_deadline_seconds = Some(60);
    let late = crate::schedule::decide::jitter(&world.schedule).as_secs();
    assert!((1..=1800).contains(&late), "{late}");
    let d = world.step();
    assert!(d.create.is_empty());
    assert_eq!(
        d.status.next_schedule_time,
        Some(Time(t("2026-01-01T11:00:00Z"))),
        "it is still to come"
    );
    assert_eq!(
        d.requeue_at.unwrap().as_second(),
        t("2026-01-01T11:00:00Z").as_second() + late
    );
    world.pass(late - 1);
    assert!(world.step().create.is_empty());
    world.pass(1);
    let d = world.step();
    assert_eq!(names(&d), [format!("hourly-{}", t("2026-01-01T11:00:00Z").as_second())]);
    assert_eq!(d.status.last_schedule_time, Some(Time(t("2026-01-01T11:00:00Z"))));
    assert_eq!(d.status.next_schedule_time, Some(Time(t("2026-01-01T12:00:00Z"))));
    // The deadline counts from the put-off start.
    world.runs.clear();
    world.now = t("2026-01-01T12:00:00Z");
    world.pass(late + 60);
    assert!(world.step().create.is_empty());
}

#[test]
fn jitter_spreads_a_fleet_and_each_keeps_its_place() {
    let place = |uid: usize| {
        let mut world = World::new();
        world.schedule.metadata.uid = Some(format!("8f14e45f-ceea-467f-a000-{uid:012}"));
        world.schedule.spec.jitter_seconds = Some(599);
        crate::schedule::decide::jitter(&world.schedule).as_secs()
    };
    let mut minutes = [0; 10];
    for uid in 0..1000 {
        assert_eq!(place(uid), place(uid));
        minutes[usize::try_from(place(uid)).unwrap() / 60] += 1;
    }
    assert!(minutes.iter().all(|n| (60..=140).contains(n)), "{minutes:?}");
}
