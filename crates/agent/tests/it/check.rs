//! A check after a restore: its exit status is the answer, and it begins when nothing of the restore is left.
use std::fs;

use super::rig::*;
use super::store::Store;
use protocol::{Check, Job, Outcome, Report};

fn checked(rig: &Rig, store: &Store, check: &str, deadline: Option<u64>) -> Report {
    let taken = rig.path("out").display().to_string();
    let job = Job {
        check: Some(Check {
            command: sh(&check.replace("OUT", &taken)),
            deadline_seconds: deadline,
        }),
        ..restore(sh(&format!("cat > {taken}")), store)
    };
    rig.run(&job, store)
}

#[test]
fn a_restore_is_good_only_where_its_check_ends_with_zero_and_what_that_prints_is_kept() {
    let object = b"42\n".to_vec();
    for (check, outcome, words) in [
        ("cat OUT; echo counted >&2", Outcome::Done, "42\ncounted\n"),
        (
            "echo 41 of 42 rows; exit 3",
            Outcome::CheckFailed {
                message: "ended with status 3".into(),
            },
            "41 of 42 rows\n",
        ),
        (
            "kill -9 $$",
            Outcome::CheckFailed {
                message: "was killed by SIGKILL".into(),
            },
            "",
        ),
        (
            "exec sleep 600",
            Outcome::CheckFailed {
                message: "was stopped at its deadline (deadlineSeconds: 1)".into(),
            },
            "",
        ),
    ] {
        let (rig, store) = (Rig::new(), Store::with_object(object.clone()));
        let report = checked(&rig, &store, check, Some(1).filter(|_| check.contains("sleep")));
        assert_eq!((&report.outcome, report.stderr.as_str()), (&outcome, words), "{check}");
        assert_eq!(report.stored_bytes, 3, "what was read is told all the same");
    }
}

#[test]
fn a_check_reads_nothing_and_what_it_leaves_behind_is_killed() {
    let (rig, store) = (Rig::new(), Store::with_object(b"x".to_vec()));
    let report = checked(
        &rig,
        &store,
        "cat; (sleep 600; echo late) >/dev/null 2>&1 & exit 0",
        None,
    );
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(report.stderr, "");
}

#[test]
fn a_restore_that_failed_is_not_checked() {
    let (rig, store) = (Rig::new(), Store::with_object(b"x".to_vec()));
    let ran = rig.path("ran");
    let job = Job {
        check: Some(Check {
            command: sh(&format!("touch {}", ran.display())),
            deadline_seconds: None,
        }),
        ..restore(sh("cat >/dev/null; exit 7"), &store)
    };
    let report = rig.run(&job, &store);
    assert_eq!(report.outcome, Outcome::CommandFailed { code: 7 });
    assert!(fs::metadata(ran).is_err());
}

#[test]
fn a_check_that_cannot_be_started_says_why() {
    let (rig, store) = (Rig::new(), Store::with_object(b"x".to_vec()));
    let job = Job {
        check: Some(Check {
            command: words(&["/no/such/check"]),
            deadline_seconds: None,
        }),
        ..restore(sh("cat >/dev/null"), &store)
    };
    let Outcome::CommandNotStarted { message } = rig.run(&job, &store).outcome else {
        panic!()
    };
    assert!(
        message.starts_with("the check: ") && message.contains("is not found"),
        "{message}"
    );
}
