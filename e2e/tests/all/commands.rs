//! A backup command that does not do its work: the run fails, says why, and leaves nothing.
use api::condition;
use api::run::State;
use e2e::case;
use e2e::runs::{message, sleeping, spec, status, stream};
use futures::future::join_all;
use serde_json::json;

#[test]
fn a_command_that_fails_leaves_a_failed_run_with_its_reason_and_no_object() {
    case("command", |case| async move {
        let cases = [
            // Command, the condition's reason, what the message tells.
            (
                "not-found",
                vec!["/nope"],
                "CommandNotStarted",
                vec!["/nope", "command[0]"],
            ),
            (
                "no-shell",
                vec!["sh", "-c", "echo"],
                "CommandNotStarted",
                vec!["command[0]"],
            ),
            (
                "exit-3",
                vec!["/stream", "fail", "3", "random", "10000000"],
                "CommandFailed",
                vec!["status 3", "ends with 3 as told"],
            ),
            (
                "exit-3-at-once",
                vec!["/stream", "fail", "3", "random", "0"],
                "CommandFailed",
                vec!["status 3"],
            ),
            (
                "nothing",
                vec!["/stream", "random", "0"],
                "EmptyBackup",
                vec!["spec.backup.allowEmpty"],
            ),
            (
                "held",
                vec!["/stream", "orphan", "random", "6M"],
                "OutputHeld",
                vec!["standard output"],
            ),
        ];
        let runs = cases.iter().map(|(name, command, reason, words)| {
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
        case.keeps("db");
        let mut spec = spec(
            &case.path("db"),
            sleeping("redis:7"),
            &["head", "-c", "20000000", "/dev/zero"],
            &[],
        );
        spec["restore"] = json!({"command": ["head", "-c", "1000"]});
        case.backup("db", spec).await;
        let run = case.restore_fails("db", "InputNotRead", 100).await;
        assert!(message(&run).contains("unread"), "{}", message(&run));
    });
}
