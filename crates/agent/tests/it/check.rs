//! A check after a restore: its exit status is the answer, and it begins when nothing of the restore is left. It may run where another
//! process stands by, as in another container.
use std::fs;
use std::thread;
use std::time::Instant;

use super::endings::alive;
use super::rig::*;
use super::store::Store;
use protocol::{Check, Job, Outcome, Report, ToAgent};

fn checked(rig: &Rig, store: &Store, check: &str, deadline: Option<u64>) -> Report {
    let taken = rig.path("out").display().to_string();
    let job = Job {
        check: Some(Check {
            command: sh(&check.replace("OUT", &taken)),
            deadline_seconds: deadline,
            container: None,
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
            container: None,
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
            container: None,
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

/// A restore whose check runs where somebody stands by.
fn elsewhere(command: Vec<String>, deadline_seconds: Option<u64>, store: &Store) -> Job {
    Job {
        check: Some(Check {
            command,
            deadline_seconds,
            container: Some("scratch".into()),
        }),
        ..restore(sh("cat >/dev/null"), store)
    }
}

#[test]
fn a_check_in_another_container_runs_in_the_process_that_stands_by_there() {
    let (rig, store) = (Rig::new(), Store::with_object(b"x".to_vec()));
    assert_eq!(rig.stand_by(), protocol::STANDS_BY);
    let standing = rig.standing();
    assert_eq!(rig.stand_by(), protocol::STANDS_BY, "a second one finds the first");
    assert_eq!((standing.len(), rig.standing()), (1, standing.clone()));
    let report = rig.run(&elsewhere(sh("echo $PPID; echo counted >&2"), None, &store), &store);
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(report.stderr, format!("{}\ncounted\n", standing[0]));
}

#[test]
fn a_check_in_another_container_that_fails_or_takes_too_long_is_told_as_one_here() {
    for (check, outcome, words) in [
        (sh("echo 41 of 42; exit 3"), "ended with status 3", "41 of 42\n"),
        (
            sh("exec sleep 600"),
            "was stopped at its deadline (deadlineSeconds: 1)",
            "",
        ),
    ] {
        let (rig, store) = (Rig::new(), Store::with_object(b"x".to_vec()));
        rig.stand_by();
        let deadline = Some(1).filter(|_| outcome.contains("deadline"));
        let report = rig.run(&elsewhere(check, deadline, &store), &store);
        let message = outcome.to_string();
        assert_eq!(
            (report.outcome, report.stderr.as_str()),
            (Outcome::CheckFailed { message }, words)
        );
    }
}

#[test]
fn a_check_that_nobody_stands_by_for_says_in_which_container() {
    let (rig, store) = (Rig::new(), Store::with_object(b"x".to_vec()));
    let Outcome::CommandNotStarted { message } = rig.run(&elsewhere(sh("true"), None, &store), &store).outcome else {
        panic!()
    };
    assert!(
        message.starts_with("the check: nobody answers in container \"scratch\""),
        "{message}"
    );
}

#[test]
fn a_check_whose_container_ends_fails_and_names_it() {
    let (rig, store) = (Rig::new(), Store::with_object(b"x".to_vec()));
    rig.stand_by();
    // Its parent is who stands by: as when the container is killed.
    let report = rig.run(&elsewhere(sh("kill -9 $PPID; exec sleep 600"), None, &store), &store);
    let message = "was lost: its container ended or was restarted (container \"scratch\")".to_string();
    assert_eq!(report.outcome, Outcome::CheckFailed { message });
    // What stays of the check here would have ended with the container.
    let sleeping = rig.processes(|words| words.first().is_some_and(|w| w == "sleep"));
    signal(&sleeping, rustix::process::Signal::KILL);
    assert_eq!(rig.stand_by(), protocol::STANDS_BY, "the next one takes its socket");
}

#[test]
fn a_restore_that_is_cancelled_or_gone_ends_its_check_in_the_other_container() {
    for gone in [false, true] {
        let (rig, store) = (Rig::new(), Store::with_object(b"x".to_vec()));
        rig.stand_by();
        let (written, pid) = (rig.path("written").display().to_string(), rig.path("pid"));
        let check = format!("echo $$ > {written}; mv {written} {}; exec sleep 600", pid.display());
        let mut link = rig.connect();
        link.say(&ToAgent::Start(Box::new(elsewhere(sh(&check), None, &store))));
        let request = link.request();
        link.answer(&request, &store);
        until(|| pid.exists(), "the check begins");
        let leader = rig.text("pid").unwrap();
        if gone {
            rig.kill_daemons();
        } else {
            link.say(&ToAgent::Cancel {
                reason: "not wanted".into(),
                grace_seconds: 1,
            });
            let reason = "not wanted".into();
            assert_eq!(link.serve(&store).outcome, Outcome::Cancelled { reason });
        }
        until(|| !alive(leader.trim()), "the check ends");
        assert_eq!(rig.standing().len(), 1, "who stood by does so still");
    }
}

fn until(holds: impl Fn() -> bool, what: &str) {
    let until = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        thread::yield_now();
    }
}
