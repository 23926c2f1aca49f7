//! The rules of retention by generations, beside what restic's recorded histories show.
use api::retention::Retention;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::*;

fn t(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn policy(retention: &Retention) -> Policy {
    Policy::read(retention, TimeZone::UTC).unwrap()
}

/// Those that stay of backups, newest first, by their places.
fn stay(policy: &Policy, backups: &[Backup], now: &str) -> Vec<usize> {
    let fates = policy.judge(backups, t(now));
    let stay = fates.iter().enumerate().filter(|(_, fate)| fate.stays());
    stay.map(|(nth, _)| nth).collect()
}

/// One a day at noon, the newest on the 31st of January 2026.
fn days(policy: &Policy, count: i64) -> Vec<Backup> {
    let newest = t("2026-01-31T12:00:00Z");
    let at = |n: i64| newest.checked_sub(SignedDuration::from_hours(24 * n)).unwrap();
    (0..count).map(|n| policy.backup(at(n))).collect()
}

#[test]
fn each_rule_keeps_the_newest_of_its_periods_and_the_oldest_until_it_is_filled() {
    for (rules, wanted) in [
        (
            Retention {
                last: Some(2),
                ..Retention::default()
            },
            vec![0, 1],
        ),
        (
            Retention {
                daily: Some(3),
                ..Retention::default()
            },
            vec![0, 1, 2],
        ),
        // The 31st is a Saturday: Sundays end the weeks before.
        (
            Retention {
                weekly: Some(3),
                ..Retention::default()
            },
            vec![0, 6, 13],
        ),
        (
            Retention {
                monthly: Some(2),
                ..Retention::default()
            },
            vec![0, 31],
        ),
        (
            Retention {
                monthly: Some(3),
                ..Retention::default()
            },
            vec![0, 31, 39],
        ),
        (
            Retention {
                yearly: Some(9),
                ..Retention::default()
            },
            vec![0, 31, 39],
        ),
        (
            Retention {
                last: Some(1),
                weekly: Some(2),
                monthly: Some(2),
                ..Retention::default()
            },
            vec![0, 6, 31],
        ),
        (
            Retention {
                within: Some("3d".into()),
                ..Retention::default()
            },
            vec![0, 1, 2],
        ),
    ] {
        let policy = policy(&rules);
        assert_eq!(
            stay(&policy, &days(&policy, 40), "2026-02-01T00:00:00Z"),
            wanted,
            "{rules:?}"
        );
    }
}

#[test]
fn days_begin_in_the_zone_of_the_retention_and_an_hour_that_comes_twice_is_one() {
    let rules = Retention {
        daily: Some(2),
        ..Retention::default()
    };
    let at = ["2026-03-02T23:30:00Z", "2026-03-02T22:30:00Z", "2026-03-02T00:30:00Z"];
    let of = |zone: &str| {
        let policy = Policy::read(&rules, gotemplate::gotime::zone(zone).unwrap()).unwrap();
        let all = at.map(|at| policy.backup(t(at)));
        stay(&policy, &all, "2026-03-03T00:00:00Z")
    };
    // In UTC all lie on one day, and the oldest stays while the rule is not filled.
    assert_eq!((of("UTC"), of("Europe/Berlin")), (vec![0, 2], vec![0, 1]));
    let rules = Retention {
        hourly: Some(1),
        time_zone: Some("Europe/Berlin".into()),
        ..Retention::default()
    };
    let policy = policy(&rules);
    let twice = ["2026-10-25T01:30:00Z", "2026-10-25T00:30:00Z", "2026-10-24T23:30:00Z"].map(|at| policy.backup(t(at)));
    assert_eq!(stay(&policy, &twice, "2026-10-26T00:00:00Z"), [0]);
}

#[test]
fn a_backup_of_the_future_stays_and_takes_no_place() {
    let rules = Retention {
        last: Some(1),
        within: Some("2d".into()),
        ..Retention::default()
    };
    let policy = policy(&rules);
    let all = days(&policy, 10);
    // The clock ran three days ahead, and was set back.
    assert_eq!(stay(&policy, &all, "2026-01-28T12:00:00Z"), [0, 1, 2, 3, 4]);
    assert_eq!(
        stay(&policy, &all, "2000-01-01T00:00:00Z").len(),
        10,
        "the clock stepped back before all of them"
    );
    // Time alone removes nothing: within counts from the newest.
    assert_eq!(stay(&policy, &all, "2090-01-01T00:00:00Z"), [0, 1]);
}

#[test]
fn never_fewer_stay_than_min_successful_and_none_is_added_where_the_rules_keep_as_many() {
    let rules = |least: u32| Retention {
        weekly: Some(2),
        min_successful: Some(least),
        ..Retention::default()
    };
    for (least, wanted) in [
        (1, vec![0, 6]),
        (2, vec![0, 6]),
        (4, vec![0, 1, 2, 6]),
        (99, (0..10).collect()),
    ] {
        let policy = policy(&rules(least));
        assert_eq!(
            stay(&policy, &days(&policy, 10), "2026-02-01T00:00:00Z"),
            wanted,
            "{least}"
        );
    }
}

#[test]
fn what_was_written_over_takes_no_place_and_what_is_annotated_takes_none_either_but_stays() {
    let policy = policy(&Retention {
        daily: Some(2),
        ..Retention::default()
    });
    let mut all = days(&policy, 6);
    all[0].there = false;
    all[1].needed = Some(Needed::Annotated);
    assert_eq!(stay(&policy, &all, "2026-02-01T00:00:00Z"), [1, 2, 3]);
    // What is locked or in use is counted: it is there.
    all[2].needed = Some(Needed::Locked);
    all[5].needed = Some(Needed::InUse);
    assert_eq!(stay(&policy, &all, "2026-02-01T00:00:00Z"), [1, 2, 3, 5]);
}

#[test]
fn a_retention_that_keeps_nothing_or_cannot_be_read_is_refused_by_the_name_of_the_field() {
    for (retention, wanted) in [
        (Retention::default(), vec!["spec.retention"]),
        (
            Retention {
                daily: Some(0),
                within: Some("0d".into()),
                ..Retention::default()
            },
            vec!["spec.retention"],
        ),
        (
            Retention {
                min_successful: Some(3),
                ..Retention::default()
            },
            vec!["spec.retention"],
        ),
        (
            Retention {
                within: Some("1w".into()),
                time_zone: Some("Mars/Base".into()),
                ..Retention::default()
            },
            vec!["spec.retention.within", "spec.retention.timeZone"],
        ),
    ] {
        let faults = Policy::read(&retention, TimeZone::UTC).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, wanted, "{retention:?}");
    }
}

#[test]
fn two_backups_are_of_one_period_where_its_name_is_one_and_of_no_other() {
    let policy = policy(&Retention {
        last: Some(1),
        ..Retention::default()
    });
    let mut names: [std::collections::BTreeMap<String, i32>; 5] = Default::default();
    let mut numbers: [std::collections::BTreeMap<i32, String>; 5] = Default::default();
    // Each seventh hour of four years, a leap year and one of 53 weeks among them.
    for n in 0..(4 * 366 * 24 / 7) {
        let at = t("2023-12-25T00:00:00Z")
            .checked_add(SignedDuration::from_hours(7 * n))
            .unwrap();
        let local = TimeZone::UTC.to_datetime(at);
        let week = local.date().iso_week_date();
        let told = [
            local.strftime("%F %H").to_string(),
            local.strftime("%F").to_string(),
            format!("{} {}", week.year(), week.week()),
            local.strftime("%Y-%m").to_string(),
            local.strftime("%Y").to_string(),
        ];
        for (((number, name), names), numbers) in policy
            .backup(at)
            .periods
            .into_iter()
            .zip(told)
            .zip(&mut names)
            .zip(&mut numbers)
        {
            assert_eq!(*names.entry(name.clone()).or_insert(number), number, "{name}");
            assert_eq!(*numbers.entry(number).or_insert_with(|| name.clone()), name, "{number}");
        }
    }
}

#[test]
fn within_reaches_back_by_the_calendar_and_then_by_the_clock() {
    let within = Within::parse("1y2m3d4h").unwrap();
    let before = within.before(t("2026-03-10T13:45:30Z"), &TimeZone::UTC);
    assert_eq!(before, Some(t("2025-01-07T09:45:30Z")));
}

#[test]
fn a_backup_of_this_very_moment_is_none_of_the_future_and_one_of_the_next_is() {
    let policy = policy(&Retention {
        last: Some(1),
        ..Retention::default()
    });
    let now = "2026-01-31T12:00:00Z";
    let of = |at: &str| {
        let fate = policy.judge(&[policy.backup(t(at))], t(now))[0];
        (fate.needed, fate.rules.has(Rule::Last))
    };
    assert_eq!(of(now), (None, true));
    assert_eq!(of("2026-01-31T12:00:01Z"), (Some(Needed::Future), false));
}

#[test]
fn only_what_is_no_new_period_is_kept_as_the_oldest() {
    let policy = policy(&Retention {
        daily: Some(7),
        ..Retention::default()
    });
    let of = ["2026-01-31T12:00:00Z", "2026-01-31T11:00:00Z", "2026-01-31T10:00:00Z"];
    let backups = of.map(|at| policy.backup(t(at)));
    let fates = policy.judge(&backups, t("2026-01-31T13:00:00Z"));
    let told: Vec<_> = fates
        .iter()
        .map(|fate| (fate.rules.has(Rule::Daily), fate.rules.as_oldest(Rule::Daily)))
        .collect();
    assert_eq!(told, [(true, false), (false, false), (true, true)]);
}
