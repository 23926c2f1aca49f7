//! What the screen says, and what comes after it.
use super::*;
use crate::read::fleet::{Counts, Failed, Late, NotReady, Stuck, Undone, Unproved};

fn now() -> Timestamp {
    "2026-01-10T12:00:00Z".parse().unwrap()
}

fn shown(fleet: &Fleet, style: Style) -> String {
    let mut out = Vec::new();
    screen(fleet, now(), style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn bad() -> Fleet {
    Fleet {
        schedules: vec![
            Late {
                namespace: "shop".into(),
                name: "orders".into(),
                last_good: None,
                seconds: 86_400,
                interval: None,
                failures: 0,
                why: "Invalid: spec.schedule is wrong".into(),
            },
            Late {
                namespace: "shop".into(),
                name: "nightly".into(),
                last_good: Some("2026-01-07T00:00:00Z".parse().unwrap()),
                seconds: 86_400,
                interval: Some(86_400),
                failures: 3,
                why: "CommandFailed: run nightly-1: the command ended with status 3".into(),
            },
        ],
        failing: vec![Late {
            namespace: "crm".into(),
            name: "hourly".into(),
            last_good: Some("2026-01-10T11:00:00Z".parse().unwrap()),
            seconds: 3600,
            interval: Some(3600),
            failures: 1,
            why: "CommandFailed: run hourly-1: the command ended with status 1".into(),
        }],
        drills: vec![Unproved {
            namespace: "shop".into(),
            name: "weekly".into(),
            schedule: "orders".into(),
            last_good: Some("2026-01-04T12:00:00Z".parse().unwrap()),
            why: "CheckFailed: run weekly-1: 41 rows, not 42".into(),
        }],
        storages: vec![NotReady {
            name: "minio".into(),
            since: Some("2026-01-10T11:00:00Z".parse().unwrap()),
            reason: "StoreUnreachable".into(),
            message: "connection refused".into(),
        }],
        runs: vec![Stuck {
            namespace: "crm".into(),
            name: "nightly-2".into(),
            since: "2026-01-10T09:00:00Z".parse().unwrap(),
            why: "waits for its turn, place 2 of 3".into(),
        }],
        restores: vec![Failed {
            namespace: "crm".into(),
            name: "nightly-1".into(),
            at: "2026-01-10T09:00:00Z".parse().unwrap(),
            why: "CommandFailed: status 1".into(),
        }],
        rewraps: vec![Undone {
            namespace: "crm".into(),
            name: "nightly-0".into(),
            given_up: true,
            why: "RewrapFailed: no identity opens it".into(),
        }],
        suspended: vec!["crm/old".into()],
        counts: Counts {
            schedules: 5,
            drills: Some(3),
            storages: Some(2),
            runs: 40,
            under_way: 1,
            queued: 2,
        },
    }
}

#[test]
fn what_is_bad_has_a_table_for_each_kind_and_what_is_well_one_line() {
    let wanted = "\
LAST GOOD   NAMESPACE   NAME      EVERY   IN A ROW   WHY
never       shop        orders    -       -          Invalid: spec.schedule is wrong
3d12h       shop        nightly   24h     3          CommandFailed: run nightly-1: the command ended with status 3

LAST GOOD   NAMESPACE   NAME     IN A ROW   LAST BACKUP FAILED
60m         crm         hourly   1          CommandFailed: run hourly-1: the command ended with status 1

LAST PROVED   NAMESPACE   DRILL    OF       WHY
6d            shop        weekly   orders   CheckFailed: run weekly-1: 41 rows, not 42

STORAGE   NOT READY FOR   REASON             MESSAGE
minio     60m             StoreUnreachable   connection refused

STUCK FOR   NAMESPACE   RUN         WHY
3h          crm         nightly-2   waits for its turn, place 2 of 3

RESTORE FAILED   NAMESPACE   RUN         WHY
3h ago           crm         nightly-1   CommandFailed: status 1

REWRAP     NAMESPACE   RUN         WHY
given up   crm         nightly-0   RewrapFailed: no identity opens it

suspended: crm/old
else well: 1 of 5 schedules; 2 of 3 drills; 1 of 2 storages; 40 runs, 1 under way, 2 queued
";
    assert_eq!(shown(&bad(), Style::PLAIN), wanted);
}

#[test]
fn a_fleet_that_is_well_is_one_line() {
    let mut well = Fleet::default();
    well.counts.schedules = 3;
    well.counts.runs = 1;
    assert_eq!(shown(&well, Style::PLAIN), "well: 3 schedules; 1 run, none under way\n");
    assert!(well.is_well());
    // What fails and is in time is shown, and is no error yet.
    well.failing = bad().failing;
    let text = shown(&well, Style::PLAIN);
    assert!(
        text.contains("LAST BACKUP FAILED") && text.ends_with("else well: 2 of 3 schedules; 1 run, none under way\n"),
        "{text}"
    );
    assert!(well.is_well());
}

#[test]
fn the_verdict_counts_what_is_bad_and_ends_with_where_to_look_first() {
    let said = verdict(&bad());
    assert!(said.starts_with(
        "2 schedules without a good backup that is young enough, 1 drill that proved nothing, 1 storage not ready, 1 run stuck, 1 restore failed, 1 rewrap not done\ntry: "
    ));
    let mut fleet = bad();
    for (wanted, next_one) in [
        ("kubectl describe backupstorage minio", 0),
        ("kubectl backup list runs -n shop --schedule orders", 1),
        ("kubectl backup describe -n crm nightly-2", 2),
        ("kubectl backup describe -n shop drill/weekly", 3),
        ("kubectl backup describe -n crm nightly-1", 4),
        ("kubectl backup describe -n crm nightly-0", 5),
    ] {
        match next_one {
            0 => {}
            1 => fleet.storages.clear(),
            2 => fleet.schedules.clear(),
            3 => fleet.runs.clear(),
            4 => fleet.drills.clear(),
            _ => fleet.restores.clear(),
        }
        assert!(
            verdict(&fleet).ends_with(&format!("\ntry: {wanted}")),
            "{}",
            verdict(&fleet)
        );
    }
}
