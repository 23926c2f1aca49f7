//! How a backup's command may end, and what the report says of it.
use std::fs;
use std::time::Instant;

use super::rig::*;
use super::store::Store;
use protocol::{AgentState, FromAgent, Outcome, ToAgent, UrlRequest};

fn outcome(job: protocol::Job) -> Outcome {
    let (rig, store) = (Rig::new(), Store::new());
    rig.run(&job, &store).outcome
}

#[test]
fn a_command_that_cannot_be_started_says_why() {
    let folder = std::env::temp_dir().to_string_lossy().into_owned();
    for (command, word) in [
        (words(&["no-such-program", "x"]), "\"no-such-program\" is not found"),
        (words(&["/no/such/program"]), "is not found"),
        (vec![folder], "may not be executed"),
        (vec![], "the command is empty"),
    ] {
        match outcome(backup(command)) {
            Outcome::CommandNotStarted { message } => assert!(message.contains(word), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_file_that_is_not_a_program_says_so() {
    let (rig, store) = (Rig::new(), Store::new());
    let path = rig.path("program");
    fs::write(&path, b"\x7fELF not really").unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    match rig.run(&backup(words(&[path.to_str().unwrap()])), &store).outcome {
        Outcome::CommandNotStarted { message } => assert!(message.contains("architecture"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn exit_3_after_ten_megabytes_is_a_failure_and_its_last_part_is_never_asked_for() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut link = rig.connect();
    let command = sh("head -c 10000000 /dev/zero; echo disk full >&2; exit 3");
    link.say(&ToAgent::Start(Box::new(backup(command))));
    let report = link.serve(&store);
    assert_eq!(report.outcome, Outcome::CommandFailed { code: 3 });
    assert_eq!(report.stderr, "disk full\n");
    let numbers: Vec<_> = link
        .requests
        .iter()
        .map(|request| match request {
            UrlRequest::Part { number, .. } => *number,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(
        numbers.iter().all(|n| *n < 10),
        "10 MB are 10 parts of 1 MiB: {numbers:?}"
    );
    assert!(store.object().is_none());
}

#[test]
fn a_small_backup_whose_command_fails_touches_the_store_not_at_all() {
    let (rig, store) = (Rig::new(), Store::new());
    let report = rig.run(&backup(sh("echo half; exit 1")), &store);
    assert_eq!(report.outcome, Outcome::CommandFailed { code: 1 });
    assert!(store.log().is_empty());
}

#[test]
fn a_signal_that_is_not_ours_is_named() {
    for (name, signal) in [("KILL", "SIGKILL"), ("SEGV", "SIGSEGV"), ("PIPE", "SIGPIPE")] {
        let job = backup(sh(&format!("ulimit -c 0; echo x; kill -{name} $$")));
        assert_eq!(outcome(job), Outcome::CommandKilled { signal: signal.into() });
    }
}

#[test]
fn a_deadline_ends_a_command_that_ignores_term_and_its_descendants_in_sessions_of_their_own() {
    let (rig, store) = (Rig::new(), Store::new());
    let script = format!(
        "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ > {0}; while :; do sleep 1; done' & \
         echo $$ > {1}; while :; do sleep 1; done",
        rig.path("child").display(),
        rig.path("leader").display()
    );
    let mut job = backup(sh(&script));
    (job.deadline_seconds, job.grace_seconds) = (Some(5), 1);
    let report = rig.run(&job, &store);
    assert_eq!(report.outcome, Outcome::DeadlineExceeded { seconds: 5 });
    for name in ["child", "leader"] {
        let pid = rig.text(name).unwrap();
        assert!(!alive(pid.trim()), "{name} {pid} lives");
    }
}

/// Neither gone nor a zombie.
pub fn alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with('Z')
    })
}

#[test]
fn a_deadline_leaves_a_command_that_listens_to_term_its_time() {
    let (rig, store) = (Rig::new(), Store::new());
    let script = "trap 'echo cleaned >&2; exit 0' TERM; while :; do sleep 0.05; done";
    let mut job = backup(sh(script));
    (job.deadline_seconds, job.grace_seconds) = (Some(5), 60);
    let report = rig.run(&job, &store);
    assert_eq!(report.outcome, Outcome::DeadlineExceeded { seconds: 5 });
    assert!(report.stderr.ends_with("cleaned\n"), "{}", report.stderr);
}

#[test]
fn a_grandchild_that_holds_the_output_fails_the_backup_and_dies() {
    let (rig, store) = (Rig::new(), Store::new());
    let script = format!(
        "echo data; setsid sh -c 'echo $$ > {}; exec sleep 600' &",
        rig.path("pid").display()
    );
    let begun = Instant::now();
    let report = rig.run(&backup(sh(&script)), &store);
    assert_eq!(report.outcome, Outcome::OutputHeld);
    assert!(begun.elapsed().as_secs() >= 5, "the drain time was not given");
    assert!(!alive(rig.text("pid").unwrap().trim()));
    assert!(store.object().is_none());
}

#[test]
fn a_grandchild_that_ends_within_the_drain_time_is_waited_for() {
    let (rig, store) = (Rig::new(), Store::new());
    let report = rig.run(&backup(sh("echo one; (sleep 1; echo two) &")), &store);
    done(&report);
    assert_eq!(store.object().unwrap(), b"one\ntwo\n");
}

#[test]
fn something_that_is_left_running_without_the_output_does_not_matter() {
    let (rig, store) = (Rig::new(), Store::new());
    let report = rig.run(&backup(sh("echo data; sleep 8 >/dev/null 2>&1 &")), &store);
    done(&report);
}

#[test]
fn a_flood_of_stderr_neither_blocks_nor_grows() {
    let (rig, store) = (Rig::new(), Store::new());
    // A log that nobody reads: a named pipe that is full at once.
    let fifo = rig.path("log");
    fs::remove_file(&fifo).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let reader = fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let script = "head -c 1000000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo the end >&2; echo data";
    let report = rig.run(&backup(sh(script)), &store);
    drop(reader);
    done(&report);
    assert!(report.stderr.ends_with("xx\nthe end\n") && report.stderr.len() <= 4096);
    assert!(report.peak_memory < 32 << 20, "{}", report.peak_memory);
}

#[test]
fn a_cancel_stops_the_command_and_says_why() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut link = rig.connect();
    let script = format!(
        "echo $$ > {}; while :; do echo x; sleep 0.05; done",
        rig.path("pid").display()
    );
    link.say(&ToAgent::Start(Box::new(backup(sh(&script)))));
    while !matches!(link.hear(), FromAgent::Progress { bytes, .. } if bytes > 0) {}
    link.say(&ToAgent::Cancel {
        reason: "replaced by x-2".into(),
        grace_seconds: 5,
    });
    let report = link.serve(&store);
    assert_eq!(
        report.outcome,
        Outcome::Cancelled {
            reason: "replaced by x-2".into()
        }
    );
    assert!(!alive(rig.text("pid").unwrap().trim()));
    assert!(store.log().is_empty());
    assert_eq!(link.state, Some(AgentState::Idle));
}

#[test]
fn the_command_has_the_environment_and_folder_of_connect_and_nothing_to_read() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut command = rig.command("backup-1", "uid");
    command.env("GREETING", "hello").current_dir("/usr");
    let mut link = Link::start(&mut command);
    link.greet();
    link.say(&ToAgent::Start(Box::new(backup(sh("echo $GREETING; pwd; cat")))));
    done(&link.serve(&store));
    assert_eq!(store.object().unwrap(), b"hello\n/usr\n");
}
