//! A backup command that does not do its work: the run fails, says why, and leaves nothing.
use api::condition;
use api::run::State;
use e2e::case;
use e2e::runs::{message, reason, sleeping, spec, status, stream};
use futures::future::join_all;
use serde_json::json;

#[test]
fn a_command_that_fails_leaves_a_failed_run_with_its_reason_and_no_object() {
    case("command", |case| async move {
        let cases = [
            // The fault, the command, the condition's reason, what the message tells.
            (
                "not-found",
                "command: is not in the image",
                vec!["/nope"],
                "CommandNotStarted",
                vec!["/nope", "command[0]"],
            ),
            (
                "no-shell",
                "command: needs a shell that the image does not have",
                vec!["sh", "-c", "echo"],
                "CommandNotStarted",
                vec!["command[0]"],
            ),
            (
                "exit-3",
                "command: exits with 3 after 10 MB",
                vec!["/stream", "fail", "3", "random", "10000000"],
                "CommandFailed",
                vec!["status 3", "ends with 3 as told"],
            ),
            (
                "exit-3-at-once",
                "command: exits with 3 at once",
                vec!["/stream", "fail", "3", "random", "0"],
                "CommandFailed",
                vec!["status 3"],
            ),
            (
                "nothing",
                "command: prints nothing and exits with 0",
                vec!["/stream", "random", "0"],
                "EmptyBackup",
                vec!["spec.backup.allowEmpty"],
            ),
            (
                "held",
                "command: leaves a grandchild that holds the pipe",
                vec!["/stream", "orphan", "random", "6M"],
                "OutputHeld",
                vec!["standard output"],
            ),
            (
                "killed",
                "command: is killed by a signal (SIGTERM)",
                vec!["/stream", "kill", "15", "random", "6M"],
                "CommandKilled",
                vec!["killed by SIGTERM"],
            ),
            (
                "killed-hard",
                "command: is killed by SIGKILL",
                vec!["/stream", "kill", "9", "random", "6M"],
                "CommandKilled",
                vec!["killed by SIGKILL (out of memory?)"],
            ),
        ];
        let runs = cases.iter().map(|(name, fault, command, reason, words)| {
            case.fault(name, fault);
            let case = &case;
            async move {
                let spec = spec(
                    &case.path(name),
                    e2e::runs::static_container(),
                    command,
                    &["/stream", "sum"],
                );
                case.start(name, spec).await;
                let run = case.failed(name, reason, 150).await;
                for word in words {
                    assert!(
                        message(&run).contains(word),
                        "{name}: {word:?} is not in {:?}",
                        message(&run)
                    );
                }
                let status = status(&run);
                assert_eq!(status.state, Some(State::BackupFailed), "{name}");
                assert_eq!(
                    (status.sha256, status.etag, status.size_in_bytes),
                    (None, None, None),
                    "{name}"
                );
                assert!(
                    status.completion_time.is_some() && status.start_time.is_some(),
                    "{name}"
                );
            }
        });
        join_all(runs).await;
    });
}

#[test]
fn a_command_that_outlasts_its_deadline_is_stopped_with_all_that_it_started() {
    case("deadline", |case| async move {
        let mut hang = stream(&case.path("hang"), "hang random 12M");
        hang["backup"]["deadlineSeconds"] = json!(3);
        case.fault("hang", "command: outlasts its deadline");
        case.fault("stubborn", "command: ignores SIGTERM at its deadline");
        case.start("hang", hang).await;
        let mut stubborn = spec(
            &case.path("stubborn"),
            sleeping("redis:7"),
            &["sh", "-c", "trap '' TERM; echo x; sleep 1000"],
            &[],
        );
        stubborn["backup"]["deadlineSeconds"] = json!(3);
        case.start("stubborn", stubborn).await;
        for name in ["hang", "stubborn"] {
            let run = case.failed(name, "DeadlineExceeded", 100).await;
            assert!(message(&run).contains("deadlineSeconds: 3"), "{}", message(&run));
        }
    });
}

#[test]
fn a_restore_command_that_fails_changes_nothing_that_is_known_of_the_backup() {
    case("restore-fails", |case| async move {
        case.keeps("db");
        let mut spec = stream(&case.path("db"), "random 12M");
        spec["restore"] = json!({"command": ["/stream", "fail", "4", "random", "0"]});
        case.backup("db", spec).await;
        case.fault("db", "restore command: exits with 4");
        let run = case.restore_fails("db", "CommandFailed", 100).await;
        assert!(message(&run).contains("status 4"), "{}", message(&run));
        // spec.restore may be changed: the same run is restored with the right command.
        let right = json!({"spec": {"restore": {"command": ["/stream", "sum"]}}});
        e2e::cluster::merge(&case.runs(), "db", right).await;
        let run = case.restore("db").await;
        let seen: Vec<_> = status(&run).restores.iter().map(|r| (r.number, r.successful)).collect();
        assert_eq!(seen, [(1, false), (2, true)]);
        assert!(e2e::runs::is(&run, condition::READY));
    });
}

#[test]
fn a_restore_command_that_does_not_read_everything_has_not_restored() {
    case("unread", |case| async move {
        let cases = [
            // The fault, bytes of the backup, the restore command, the reason, what the message tells.
            (
                "half",
                "restore command: stops reading half-way and exits with 0",
                "20M",
                vec!["head", "-c", "1000"],
                "InputNotRead",
                "unread",
            ),
            (
                "none",
                "restore command: reads nothing and exits with 0",
                "20M",
                vec!["true"],
                "InputNotRead",
                "unread",
            ),
            (
                "none-small",
                "restore command: reads nothing of a backup that fits into the pipe",
                "1000",
                vec!["true"],
                "InputNotRead",
                "1000 bytes",
            ),
            (
                "stuck",
                "restore command: stops reading half-way and hangs",
                "20M",
                vec!["sh", "-c", "head -c 1000; sleep 1000"],
                "DeadlineExceeded",
                "deadlineSeconds: 3",
            ),
        ];
        let cases: Vec<_> = cases.into_iter().collect();
        join_all(cases.iter().map(async |(name, fault, size, command, reason, word)| {
            case.keeps(name);
            let mut spec = stream(&case.path(name), &format!("random {size}"));
            spec["template"]["spec"]["containers"] = json!([sleeping("redis:7"), e2e::runs::static_container()]);
            spec["backup"]["container"] = json!("stream");
            spec["restore"] = json!({"command": command});
            if *reason == "DeadlineExceeded" {
                spec["restore"]["deadlineSeconds"] = json!(3);
            }
            case.backup(name, spec).await;
            case.fault(name, fault);
            let run = case.restore_fails(name, reason, 100).await;
            assert!(message(&run).contains(word), "{name}: {}", message(&run));
        }))
        .await;
    });
}

#[test]
fn a_restore_is_good_only_when_all_that_its_command_started_has_ended() {
    case("children", |case| async move {
        // What is waited for says so in the log, which is the restore's only if its Pod was not deleted before.
        let late = "cat >/tmp/dump; (sleep 12; echo $(wc -c </tmp/dump) bytes were loaded late) & exit 0";
        for (name, script) in [("waited", late), ("never", "cat >/dev/null; sleep 1000 & exit 0")] {
            let mut spec = stream(&case.path(name), "random 1M");
            spec["template"]["spec"]["containers"] = json!([sleeping("redis:7"), e2e::runs::static_container()]);
            spec["backup"]["container"] = json!("stream");
            spec["restore"] = json!({"command": ["sh", "-c", script]});
            if name == "never" {
                spec["restore"]["deadlineSeconds"] = json!(20);
            }
            case.keeps(name);
            case.backup(name, spec).await;
        }
        case.fault("waited", "restore command: a child works on after its end");
        case.fault("never", "restore command: leaves a child that never ends");
        let run = case.restore("waited").await;
        let log = status(&run).log.unwrap_or_default();
        assert!(log.contains("1048576 bytes were loaded late"), "{log:?}");
        let run = case.restore_fails("never", "LeftRunning", 100).await;
        assert!(message(&run).contains("sleep (pid "), "{}", message(&run));
    });
}

#[test]
fn a_command_that_takes_all_memory_fails_and_memory_is_named() {
    case("memory", |case| async move {
        case.fault("db", "command: takes more memory than its container may");
        let mut spec = stream(&case.path("db"), "hog random 12M");
        // Requests as limits would be: the node has less than the tests ask for.
        spec["template"]["spec"]["containers"][0]["resources"] =
            json!({"limits": {"memory": "96Mi"}, "requests": {"memory": "16Mi"}});
        case.start("db", spec).await;
        let run = case.ended("db", 100).await;
        // With cgroup v2 the kernel takes the whole container, the agent included; with v1 the command, and sometimes the
        // agent right after it, while the command's memory is not yet free.
        let reason = reason(&run, condition::FAILED);
        let expected = if reason == "Interrupted" {
            "Interrupted"
        } else {
            "CommandKilled"
        };
        case.failed("db", expected, 10).await;
        let told = message(&run);
        assert!(
            told.contains("OOMKilled") || told.contains("SIGKILL (out of memory?)"),
            "{told}"
        );
    });
}

#[test]
fn a_pipeline_whose_first_program_was_killed_for_want_of_memory_is_no_backup() {
    case("pipeline", |case| async move {
        case.fault(
            "db",
            "command: a pipeline whose producer the kernel kills for want of memory",
        );
        // Debian's sh ends with gzip's status, which is 0. A line that does not end is kept whole by `tail`.
        let script = "head -c 300000000 /dev/zero | tail | gzip";
        let mut spec = spec(&case.path("db"), sleeping("redis:7"), &["sh", "-c", script], &[]);
        spec["template"]["spec"]["containers"][0]["resources"] =
            json!({"limits": {"memory": "96Mi"}, "requests": {"memory": "16Mi"}});
        case.start("db", spec).await;
        let run = case.ended("db", 100).await;
        // As above: with cgroup v2 the whole container goes, and with v1 sometimes the agent, too.
        let reason = reason(&run, condition::FAILED);
        let expected = if reason == "Interrupted" {
            "Interrupted"
        } else {
            "OutOfMemory"
        };
        case.failed("db", expected, 10).await;
        let told = message(&run);
        assert!(
            ["memory limit", "OOMKilled", "SIGKILL (out of memory?)"]
                .iter()
                .any(|words| told.contains(words)),
            "{told}"
        );
    });
}

#[test]
fn what_a_command_says_in_characters_that_no_yaml_has_does_not_keep_its_run_from_ending() {
    case("unprintable", |case| async move {
        case.keeps("db");
        // U+FFFE, U+FFFF, U+009B, DEL, ESC and bytes that are no UTF-8 at all.
        let script = r"printf 'a\357\277\276b\357\277\277c\302\233d\177e\033f\377g\n' >&2; echo data";
        let run = case
            .backup(
                "db",
                spec(&case.path("db"), sleeping("redis:7"), &["sh", "-c", script], &[]),
            )
            .await;
        let log = status(&run).log.unwrap_or_default();
        assert!(log.starts_with("abcdef") && log.trim_end().ends_with('g'), "{log:?}");
    });
}

#[test]
fn a_command_that_floods_its_standard_error_is_not_held_up_and_its_last_words_are_kept() {
    case("flood", |case| async move {
        case.fault("db", "command: floods its standard error with 256 MiB");
        case.keeps("db");
        let run = case
            .backup("db", stream(&case.path("db"), "flood 256M random 6M"))
            .await;
        let log = status(&run).log.unwrap();
        assert!(log.len() <= 4096 && log.ends_with("the last warning\n"), "{log:?}");
        assert!(case.store().get(&case.key("db")) == e2e::bytes::random(6 << 20, 1));
    });
}
