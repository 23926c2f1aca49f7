//! A backup command that turns against the agent in its own container: the run fails, and nothing of it is in the store.
use api::condition;
use e2e::case;
use e2e::runs::{is, message, sleeping, spec, status, stream};
use futures::future::join_all;
use serde_json::Value;

#[test]
fn a_command_that_turns_against_its_agent_ends_in_failed_and_leaves_no_object() {
    case("hostile", |case| async move {
        let shell = |name: &str, script: &str| spec(&case.path(name), sleeping("redis:7"), &["sh", "-c", script], &[]);
        let program = "/.backup-operator/bin/agent";
        let cases: Vec<(&str, &str, Value, &str, &str)> = vec![
            // The name, the fault, the run, the reason, what is told.
            (
                "kill",
                "command: kills the agent that has started it",
                shell("kill", "echo x; kill -9 $PPID; sleep 1000"),
                "Interrupted",
                "it was killed by SIGKILL",
            ),
            (
                "write",
                "command: writes to the agent's program",
                shell("write", &format!("echo x; echo x >{program}")),
                "CommandFailed",
                "Read-only file system",
            ),
            (
                "impostor",
                "command: takes the agent's place and says that all went well",
                stream(&case.path("impostor"), "impostor"),
                "AgentReport",
                "does not add up",
            ),
        ];
        join_all(cases.into_iter().map(|(name, fault, mut spec, reason, words)| {
            let case = &case;
            async move {
                case.fault(name, fault);
                if let Some(spec) = spec.as_object_mut() {
                    spec.remove("restore");
                }
                case.start(name, spec).await;
                let run = case.failed(name, reason, 150).await;
                assert!(message(&run).contains(words), "{name}: {}", message(&run));
                assert!(
                    !is(&run, condition::SUCCESSFUL) && !is(&run, condition::RESTORABLE),
                    "{name}"
                );
                let status = status(&run);
                assert_eq!(
                    (status.sha256, status.etag, status.size_in_bytes),
                    (None, None, None),
                    "{name}"
                );
                let told = format!(
                    "{}{}",
                    status.message.unwrap_or_default(),
                    status.log.unwrap_or_default()
                );
                assert!(
                    !told.contains(|c: char| c.is_control() && c != '\n' && c != '\t'),
                    "{name}: {told:?}"
                );
            }
        }))
        .await;
    });
}
