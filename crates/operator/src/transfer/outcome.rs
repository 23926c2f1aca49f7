//! What an agent's words mean to people; the agent runs in a stranger's container, so all of them are bounded.
use api::names::Action;
use planner::run::End;
use protocol::{Outcome, Report, UrlRequest, parts};

/// The longest text that goes into a status, bytes.
const TEXT: usize = 4096;
/// The longest message, bytes.
const MESSAGE: usize = 1024;

/// Cuts all texts of a report to what a status may hold.
pub fn bounded(mut report: Report) -> Report {
    report.stderr = cut_front(&report.stderr, TEXT);
    report.sha256.truncate(64);
    report
}

/// The end of a text, at a character, without control characters other than newlines and tabs.
fn cut_front(text: &str, limit: usize) -> String {
    let mut start = text.len().saturating_sub(limit);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..)
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MESSAGE).collect()
}

/// A request that the work at hand can make.
pub fn plausible(request: &UrlRequest, action: Action) -> Result<(), String> {
    let fits = match (request, action) {
        (UrlRequest::Part { number, size, .. }, Action::Backup) => {
            (1..=parts::MAX_PARTS).contains(number) && *size <= parts::LARGEST_PART
        }
        (UrlRequest::Object { size, .. }, Action::Backup) => *size <= parts::LARGEST_PART,
        (UrlRequest::Get { .. }, Action::Restore) => true,
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err("this URL is not part of the work".into())
    }
}

/// The failed end that a report tells of.
pub fn failure(report: Report) -> End {
    let (reason, message) = words(&report.outcome);
    End::Failed {
        reason,
        message: with_stderr(message, &report.stderr),
        bytes: report.bytes,
        log: report.stderr,
    }
}

/// A failed end with what would cure it.
pub fn with_cure(end: End, cure: Option<String>) -> End {
    match (end, cure) {
        (
            End::Failed {
                reason,
                message,
                bytes,
                log,
            },
            Some(cure),
        ) => End::Failed {
            reason,
            message: format!("{message}; {cure}"),
            bytes,
            log,
        },
        (end, _) => end,
    }
}

/// A message shows the last line of the command's standard error: it is mostly the whole answer.
fn with_stderr(message: String, stderr: &str) -> String {
    match stderr.lines().rev().map(str::trim).find(|l| !l.is_empty()) {
        Some(line) => format!(
            "{message}; its last words: {}",
            line.chars().take(300).collect::<String>()
        ),
        None => message,
    }
}

fn words(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Done => ("Done", String::new()),
        Outcome::CommandNotStarted { message } => {
            ("CommandNotStarted", format!("the command could not be started: {}; command[0] has to be an executable of the container's image", cut(message)))
        }
        Outcome::CommandFailed { code } => ("CommandFailed", format!("the command ended with status {code}")),
        Outcome::CommandKilled { signal } => {
            let hint = if signal == "SIGKILL" { " (out of memory?)" } else { "" };
            ("CommandKilled", format!("the command was killed by {}{hint}", cut(signal)))
        }
        Outcome::DeadlineExceeded { seconds } => {
            ("DeadlineExceeded", format!("the command was stopped at its deadline (deadlineSeconds: {seconds})"))
        }
        Outcome::Empty => (
            "EmptyBackup",
            "the command ended with status 0 and printed nothing; if that is right, set spec.backup.allowEmpty".into(),
        ),
        Outcome::OutputHeld => (
            "OutputHeld",
            "the command ended, but a process that it started kept its standard output open, so the backup may be incomplete; all of them were stopped".into(),
        ),
        Outcome::InputNotRead { left } => (
            "InputNotRead",
            format!("the command ended with status 0 but left at least {left} bytes of the backup unread"),
        ),
        Outcome::TransferFailed { step, message } => {
            ("TransferFailed", format!("{} failed: {}", cut(step), cut(message)))
        }
        Outcome::BadObject { step, message } => (
            "BadObject",
            format!("the stored backup is not whole ({}): {}; the command was killed before it could take it for complete", cut(step), cut(message)),
        ),
        Outcome::Cancelled { reason } => ("Cancelled", cut(reason)),
    }
}

/// In which words a node says that it cannot execute the agent, and what would cure it.
pub fn cannot_execute(words: &str) -> Option<String> {
    let table = [
        (
            "exec format error",
            "the agent's image is built for another processor architecture than the node's",
        ),
        (
            "permission denied",
            "the agent may not be executed: the node mounts emptyDir volumes noexec, or a security policy forbids it",
        ),
        (
            "no such file or directory",
            "the agent is not in the container: its init container has not put it there",
        ),
    ];
    let low = words.to_lowercase();
    table
        .iter()
        .find(|(sign, _)| low.contains(sign))
        .map(|(_, cure)| format!("{cure} ({})", cut(words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcome: Outcome, stderr: &str) -> Report {
        Report {
            outcome,
            bytes: 1,
            stored_bytes: 1,
            sha256: "a".repeat(100),
            parts: vec![],
            object_etag: None,
            stderr: stderr.into(),
            peak_memory: 0,
        }
    }

    #[test]
    fn an_agents_texts_are_bounded_before_they_reach_a_status() {
        let bounded = bounded(report(Outcome::Done, &"ä\u{1b}".repeat(5000)));
        assert!(bounded.stderr.len() <= TEXT && bounded.sha256.len() == 64);
        assert!(!bounded.stderr.contains('\u{1b}'));
        let message = "x".repeat(100_000);
        let End::Failed { message, .. } = failure(report(Outcome::Cancelled { reason: message }, "")) else {
            panic!()
        };
        assert_eq!(message.len(), MESSAGE);
    }

    #[test]
    fn a_failure_shows_the_commands_last_words() {
        let End::Failed { message, reason, .. } = failure(report(
            Outcome::CommandFailed { code: 3 },
            "warning\nAccess denied for user\n\n",
        )) else {
            panic!()
        };
        assert_eq!(reason, "CommandFailed");
        assert_eq!(
            message,
            "the command ended with status 3; its last words: Access denied for user"
        );
    }

    #[test]
    fn an_agent_gets_urls_for_its_own_work_only() {
        let part = |number, size| UrlRequest::Part {
            number,
            size,
            checksum: String::new(),
        };
        let cases = [
            (part(1, 5), Action::Backup, true),
            (part(0, 5), Action::Backup, false),
            (part(10_001, 5), Action::Backup, false),
            (part(1, u64::MAX), Action::Backup, false),
            (part(1, 5), Action::Restore, false),
            (UrlRequest::Get { number: 1 }, Action::Restore, true),
            (UrlRequest::Get { number: 1 }, Action::Backup, false),
        ];
        for (request, action, good) in cases {
            assert_eq!(plausible(&request, action).is_ok(), good, "{request:?}");
        }
    }
}
