//! What an agent's words mean to people; the agent runs in a stranger's container, so all of them are bounded.
use api::names::Action;
use planner::mask;
use planner::run::{End, LAST_WORDS, Reason};
use planner::size::humanize;
use protocol::{Outcome, Report, UrlRequest, parts};
use store::Checksum;

use crate::transfer::{limits, text};

/// Cuts all texts and numbers of a report to what a status may hold. A hash that is none becomes empty.
pub fn bounded(mut report: Report) -> Report {
    report.stderr = text::tail(&mask::masked(whole_lines(&report.stderr)), limits::LOG);
    if !is_sha256(&report.sha256) {
        report.sha256 = String::new();
    }
    report.bytes = report.bytes.min(limits::BYTES);
    report.stored_bytes = report.stored_bytes.min(limits::BYTES);
    report
}

/// Without the first line where the agent has cut it: half a secret has no form that is found.
fn whole_lines(stderr: &str) -> &str {
    match stderr.split_once('\n') {
        Some((_, rest)) if stderr.len() + char::MAX_LEN_UTF8 > limits::LOG => rest,
        _ => stderr,
    }
}

fn is_sha256(hex: &str) -> bool {
    hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn cut(words: &str) -> String {
    text::line(words, limits::TEXT)
}

/// A request that the work at hand can make, bound to a body as the store wants it.
///
/// # Errors
/// What the agent is told.
pub fn plausible(request: &UrlRequest, action: Action, checksum: Checksum) -> Result<(), String> {
    let fits = match (request, action) {
        (UrlRequest::Part { number, size, .. }, Action::Backup) => {
            (1..=parts::MAX_PARTS).contains(number) && (1..=parts::LARGEST_PART).contains(size)
        }
        (UrlRequest::Object { size, .. }, Action::Backup) => *size <= parts::LARGEST_PART,
        (UrlRequest::Get { .. }, Action::Restore) => true,
        _ => false,
    };
    if !fits {
        return Err("this URL is not part of the work".into());
    }
    match request {
        UrlRequest::Part { checksum: digest, .. } | UrlRequest::Object { checksum: digest, .. }
            if !checksum.is_digest(digest) =>
        {
            Err(format!(
                "the checksum is not one as the store wants it ({})",
                checksum.name()
            ))
        }
        _ => Ok(()),
    }
}

/// A request of the same kind that holds nothing of what the agent wrote: what is refused is not sent back.
pub fn anonymous(request: UrlRequest) -> UrlRequest {
    let fit = |digest: String| Some(digest).filter(|d| d.len() <= limits::ETAG).unwrap_or_default();
    match request {
        UrlRequest::Part { number, size, checksum } => UrlRequest::Part {
            number,
            size,
            checksum: fit(checksum),
        },
        UrlRequest::Object { size, checksum } => UrlRequest::Object {
            size,
            checksum: fit(checksum),
        },
        UrlRequest::Get { number } => UrlRequest::Get { number },
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

/// What a failed command may have met that it did not expect. The agent names a format, and nothing but a format is told.
pub fn packed(report: &Report) -> Option<String> {
    let theirs = matches!(
        report.outcome,
        Outcome::CommandFailed { .. } | Outcome::CommandKilled { .. } | Outcome::InputNotRead { .. }
    );
    let (what, field) = match report.packed.as_deref().filter(|_| theirs)? {
        "gzip" => ("a gzip", "spec.compression.algorithm: gzip"),
        "zstd" => ("a zstd", "spec.compression.algorithm: zstd"),
        "age" => ("an age", "spec.encryption"),
        _ => return None,
    };
    Some(format!(
        "what it was given begins as {what} file does: where it does not undo that itself, make a new run with {field}"
    ))
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
        Some(line) => format!("{message}{LAST_WORDS}{}", text::line(line, limits::LAST_WORDS)),
        None => message,
    }
}

/// One CamelCase word, and what to say to people.
pub fn words(outcome: &Outcome) -> (Reason, String) {
    match outcome {
        Outcome::Done => (Reason::AgentReport, "the agent says that it is done".into()),
        Outcome::CommandNotStarted { message } => {
            (Reason::CommandNotStarted, format!("the command could not be started: {}; command[0] has to be an executable of the container's image", cut(message)))
        }
        Outcome::CommandFailed { code } => (Reason::CommandFailed, format!("the command ended with status {code}")),
        Outcome::CommandKilled { signal } => {
            (Reason::CommandKilled, format!("the command was {}", killed_by(signal)))
        }
        Outcome::DeadlineExceeded { seconds } => {
            (Reason::DeadlineExceeded, format!("the command was stopped at its deadline (deadlineSeconds: {seconds})"))
        }
        Outcome::Empty => (
            Reason::EmptyBackup,
            "the command ended with status 0 and printed nothing; if that is right, set spec.backup.allowEmpty".into(),
        ),
        Outcome::TooSmall => (
            Reason::TooSmall,
            "the command ended with status 0 and printed fewer bytes than spec.backup.minSize asks for: is the dump whole? Nothing was stored".into(),
        ),
        Outcome::OutputHeld => (
            Reason::OutputHeld,
            "the command ended, but a process that it started kept its standard output open, so the backup may be incomplete; all of them were stopped".into(),
        ),
        Outcome::InputNotRead { left } => (Reason::InputNotRead, format!("the command ended with status 0 but left at least {left} bytes of the backup unread"),
        ),
        Outcome::LeftRunning { processes, seconds } => (Reason::LeftRunning, format!(
                "the command ended with status 0, but {seconds} s later something that it had started still ran, so the backup may be applied in part only: {}; all of it was stopped; let the command `wait` for what it starts, or run it in the foreground (spec.restore.deadlineSeconds says how long it may take)",
                cut(processes)
            ),
        ),
        Outcome::OutOfMemory => (
            Reason::OutOfMemory,
            "the command ended with status 0, but meanwhile the kernel killed a process of its container for want of memory, so not all of its work may be done; raise the container's memory limit".into(),
        ),
        Outcome::CheckFailed { message } => (
            Reason::CheckFailed,
            format!("the restore command took the whole backup and ended well, but the check (spec.restore.check) {}", cut(message)),
        ),
        Outcome::TransferFailed { step, message } => {
            (Reason::TransferFailed, format!("{} failed: {}", cut(step), cut(message)))
        }
        // It says nothing of the backup: another key may open it.
        closed @ Outcome::BadObject { message, .. } if closed.is_closed() => (
            Reason::NoDecryptionKey,
            format!("spec.encryption.decryptionKey does not open the backup: {}; no command has taken it for complete", cut(message)),
        ),
        Outcome::BadObject { step, message } => (Reason::BadObject, format!("the stored object cannot be restored ({}): {}; no command has taken it for complete", cut(step), cut(message)),
        ),
        Outcome::Cancelled { reason } => (Reason::Cancelled, cut(reason)),
    }
}

fn killed_by(signal: &str) -> String {
    let hint = if signal == "SIGKILL" { " (out of memory?)" } else { "" };
    format!("killed by {}{hint}", cut(signal))
}

/// What to say of an agent that does not know of the command that it was given. The kernel, out of memory, may take the agent
/// instead of the command, or right after it: while the memory of the first is not yet free, the next allocation kills another.
///
/// A large window is named: it is the likeliest reason, and the cure follows from it.
pub fn lost_work(killed: Option<&str>, window: Option<u64>) -> String {
    let why = killed.map_or_else(
        || "it was killed (out of memory?), or the container was restarted".into(),
        |signal| format!("it was {}, and its command with it", killed_by(signal)),
    );
    let held = window.map(|bytes| {
        format!(
            "; it held a window of {} for the object (zstd): raise the container's memory limit, or make the object again without a long window",
            humanize(bytes)
        )
    });
    format!("the agent has lost its work: {why}{}", held.unwrap_or_default())
}

/// In which words a node says that it cannot execute the agent, and what would cure it.
///
/// Only what the runtime says of the agent's own file counts: a runtime that is away ends its sentence in the same words
/// ("dial unix /run/containerd/containerd.sock: connect: no such file or directory"), and so does `agent connect` about its
/// socket.
pub fn cannot_execute(words: &str) -> Option<String> {
    let table = [
        (
            "exec format error",
            "the agent's image is built for another processor architecture than the node's",
        ),
        (
            "permission denied",
            "the agent may not be executed: the node mounts the volume with it noexec (emptyDir or image), or a security policy forbids it",
        ),
        (
            "no such file or directory",
            "the agent is not in the container: neither its init container nor its image volume has put it there",
        ),
    ];
    let low = words.to_lowercase();
    let (_, said) = low.split_once(planner::run::pod::AGENT)?;
    table
        .iter()
        .find(|(sign, _)| said.contains(sign))
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
            sha256: String::new(),
            parts: vec![],
            object_etag: None,
            stderr: stderr.into(),
            peak_memory: 0,
            packed: None,
        }
    }

    #[test]
    fn a_key_that_does_not_fit_says_nothing_of_the_object() {
        let bad = |step: &str, message: &str| {
            words(&Outcome::BadObject {
                step: step.into(),
                message: message.into(),
            })
        };
        let (reason, said) = bad(
            "decrypt",
            "the key is none of those that the backup was encrypted for: X25519",
        );
        assert_eq!(reason, Reason::NoDecryptionKey);
        assert!(
            said.starts_with("spec.encryption.decryptionKey does not open"),
            "{said}"
        );
        let unusable = format!("{}: no identity", protocol::UNUSABLE_KEY);
        assert_eq!(bad("decrypt", &unusable).0, Reason::NoDecryptionKey);
        let mistyped = "the passphrase is not the one that the object was encrypted with";
        assert_eq!(bad("decrypt", mistyped).0, Reason::NoDecryptionKey);
        assert_eq!(bad("decrypt", "the object is cut inside a chunk").0, Reason::BadObject);
        assert_eq!(bad("sha256", "encrypted with a passphrase").0, Reason::BadObject);
    }

    /// What a restore that ended so shows of the backup: good, bad, or nothing.
    fn shown(outcome: &Outcome) -> Option<bool> {
        let (reason, message) = words(outcome);
        let mut run = testing::backup_run();
        run.status = serde_json::from_value(serde_json::json!({
            "completionTime": "2026-01-01T00:00:00Z",
            "conditions": [{
                "type": api::condition::FAILED, "status": "True", "reason": reason.word(), "message": message,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
        }))
        .unwrap();
        planner::run::proved::proof(&run, jiff::Timestamp::now()).map(|proof| proof.good)
    }

    #[test]
    fn a_header_that_has_rotted_makes_the_backup_bad_and_a_key_that_does_not_fit_says_nothing_of_it() {
        // As the proving reader says it.
        let differs = "the stored object is damaged: its SHA-256 differs from the recorded one (expected SHA-256 0, read 1); that its age header does not open says nothing of the key";
        let closed = "the key is none of those that the backup was encrypted for: X25519 keys (age1…)";
        let doubted = format!(
            "{closed}; or its header is damaged: no SHA-256 of the object is known from before, which would tell"
        );
        for (step, message, bad) in [
            ("hash", differs, true),
            ("decrypt", closed, false),
            ("decrypt", &doubted, false),
        ] {
            let outcome = Outcome::BadObject {
                step: step.into(),
                message: message.into(),
            };
            assert_eq!(shown(&outcome), bad.then_some(false), "{message}");
            let (reason, said) = words(&outcome);
            let wanted = if bad {
                Reason::BadObject
            } else {
                Reason::NoDecryptionKey
            };
            assert!(reason == wanted && said.contains(message), "{said}");
        }
    }

    #[test]
    fn a_command_that_failed_over_a_packed_object_is_told_so_and_nothing_but_a_format_is_believed() {
        for (outcome, said, told) in [
            (
                Outcome::CommandFailed { code: 1 },
                Some("gzip"),
                Some("algorithm: gzip"),
            ),
            (Outcome::InputNotRead { left: 1 }, Some("zstd"), Some("algorithm: zstd")),
            (Outcome::CommandFailed { code: 1 }, Some("age"), Some("spec.encryption")),
            (Outcome::CommandFailed { code: 1 }, Some("<script>"), None),
            (Outcome::CommandFailed { code: 1 }, None, None),
            (Outcome::DeadlineExceeded { seconds: 1 }, Some("gzip"), None),
        ] {
            let report = Report {
                packed: said.map(Into::into),
                ..report(outcome, "")
            };
            let words = packed(&report);
            assert_eq!(words.is_some(), told.is_some(), "{words:?}");
            assert!(words.unwrap_or_default().contains(told.unwrap_or_default()));
        }
    }

    #[test]
    fn an_agents_texts_are_bounded_before_they_reach_a_status() {
        let bounded = bounded(report(Outcome::Done, &"ä\u{1b}".repeat(5000)));
        assert!(bounded.stderr.len() <= limits::LOG);
        assert!(!bounded.stderr.contains('\u{1b}'));
        let message = "x".repeat(100_000);
        let End::Failed { message, .. } = failure(report(Outcome::Cancelled { reason: message }, "")) else {
            panic!()
        };
        assert_eq!(message.len(), limits::TEXT);
    }

    #[test]
    fn a_hash_is_64_hexadecimal_digits_or_none_at_all() {
        let hash = "0123456789abcdef".repeat(4);
        // The last two: cut at 64 bytes, a character would be torn.
        for text in [
            "",
            "a",
            &"A".repeat(64),
            &"g".repeat(64),
            &hash[1..],
            &"ä".repeat(50),
            &format!("a{}", "ä".repeat(50)),
        ] {
            let report = Report {
                sha256: text.into(),
                ..report(Outcome::Done, "")
            };
            assert_eq!(bounded(report).sha256, "", "{text}");
        }
        let report = Report {
            sha256: hash.clone(),
            ..report(Outcome::Done, "")
        };
        assert_eq!(bounded(report).sha256, hash);
    }

    #[test]
    fn a_number_that_the_api_server_cannot_hold_is_never_reported() {
        let report = Report {
            bytes: u64::MAX,
            stored_bytes: u64::MAX,
            ..report(Outcome::Empty, "")
        };
        let bounded = bounded(report);
        assert!(i64::try_from(bounded.bytes).is_ok() && i64::try_from(bounded.stored_bytes).is_ok());
    }

    #[test]
    fn a_failure_shows_the_commands_last_words() {
        let End::Failed { message, reason, .. } = failure(report(
            Outcome::CommandFailed { code: 3 },
            "warning\nAccess denied for user\n\n",
        )) else {
            panic!()
        };
        assert_eq!(reason, Reason::CommandFailed);
        assert_eq!(
            message,
            "the command ended with status 3; its last words: Access denied for user"
        );
    }

    #[test]
    fn what_a_command_left_running_is_named_with_what_would_be_right() {
        let (reason, message) = words(&Outcome::LeftRunning {
            processes: "mysql (pid 17)\u{1b}[2J".into(),
            seconds: 600,
        });
        assert_eq!(reason, Reason::LeftRunning);
        for word in [
            "status 0",
            "600 s",
            "mysql (pid 17)",
            "`wait`",
            "spec.restore.deadlineSeconds",
        ] {
            assert!(message.contains(word), "{word}: {message}");
        }
        assert!(!message.contains('\u{1b}'), "{message:?}");
        let (reason, message) = words(&Outcome::OutOfMemory);
        assert!(
            reason == Reason::OutOfMemory && message.contains("memory limit"),
            "{message}"
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
            (part(1, 0), Action::Backup, false),
            (part(1, u64::MAX), Action::Backup, false),
            (part(1, 5), Action::Restore, false),
            (UrlRequest::Get { number: 1 }, Action::Restore, true),
            (UrlRequest::Get { number: 1 }, Action::Backup, false),
        ];
        for (request, action, good) in cases {
            assert_eq!(plausible(&request, action, Checksum::None).is_ok(), good, "{request:?}");
        }
    }

    #[test]
    fn a_url_is_bound_to_a_digest_of_the_right_kind_and_to_nothing_else() {
        let (sha256, md5) = (Checksum::Sha256.digest(b"a"), Checksum::Md5.digest(b"a"));
        let long = "A".repeat(1 << 20);
        let cases = [
            (Checksum::Sha256, sha256.as_str(), true),
            (Checksum::Sha256, md5.as_str(), false),
            (Checksum::Sha256, "", false),
            (Checksum::Sha256, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0\n", false),
            (Checksum::Sha256, &long, false),
            (Checksum::Md5, md5.as_str(), true),
            (Checksum::Md5, sha256.as_str(), false),
            (Checksum::None, "", true),
            (Checksum::None, sha256.as_str(), false),
        ];
        for (checksum, digest, good) in cases {
            for request in [
                UrlRequest::Part {
                    number: 1,
                    size: 1,
                    checksum: digest.into(),
                },
                UrlRequest::Object {
                    size: 1,
                    checksum: digest.into(),
                },
            ] {
                assert_eq!(
                    plausible(&request, Action::Backup, checksum).is_ok(),
                    good,
                    "{checksum:?}"
                );
            }
        }
        let request = UrlRequest::Part {
            number: 1,
            size: 1,
            checksum: long,
        };
        assert!(matches!(anonymous(request), UrlRequest::Part { checksum, .. } if checksum.is_empty()));
    }

    #[test]
    fn only_the_runtimes_own_sentence_about_the_agent_says_that_it_cannot_start() {
        let agent = "/.backup-operator/bin/agent";
        let runc = format!(
            "OCI runtime exec failed: exec failed: unable to start container process: exec: \"{agent}\": stat {agent}: no such file or directory: unknown"
        );
        let crun = format!(
            "exec failed: executable file `{agent}` not found: No such file or directory: OCI runtime attempted to invoke a command that was not found"
        );
        let arch = format!("unable to start container process: exec {agent}: exec format error");
        let noexec = format!("unable to start container process: exec: \"{agent}\": permission denied");
        for (words, cure) in [
            (
                &runc,
                "neither its init container nor its image volume has put it there",
            ),
            (
                &crun,
                "neither its init container nor its image volume has put it there",
            ),
            (&arch, "another processor architecture"),
            (&noexec, "noexec"),
        ] {
            assert!(cannot_execute(words).is_some_and(|c| c.contains(cure)), "{words}");
        }
        // The runtime itself is away, as each time its package is upgraded; or the agent speaks of its socket.
        for words in [
            "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: no such file or directory\"",
            "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix /var/run/crio/crio.sock: connect: no such file or directory\"",
            "dial unix /run/containerd/containerd.sock: connect: permission denied",
            "the agent's socket /.backup-operator/run/agent.sock: no such file or directory",
        ] {
            assert_eq!(cannot_execute(words), None, "{words}");
        }
    }
}
