//! How a reading ended, in words for whoever has started it.
use protocol::Outcome;

use crate::stored::source::UNSAID;

/// What is wrong; None where nothing is.
pub fn wrong(outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Done => return None,
        Outcome::CommandNotStarted { message } => format!("the command could not be started: {message}"),
        Outcome::CommandFailed { code } => format!("the command ended with status {code}"),
        Outcome::CommandKilled { signal } => format!("the command was killed by {signal}"),
        Outcome::DeadlineExceeded { seconds } => format!("the command was stopped after {seconds} s"),
        Outcome::InputNotRead { left } => {
            format!("the command ended with status 0 but left at least {left} bytes of the backup unread")
        }
        Outcome::LeftRunning { processes, seconds } => format!(
            "the command ended with status 0, but {seconds} s later something that it had started still ran, so the backup may be applied in part only: {processes}; all of it was stopped; let the command `wait` for what it starts"
        ),
        Outcome::OutOfMemory => "a process was killed for want of memory".into(),
        Outcome::TransferFailed { step, message } => format!("{step} failed: {message}"),
        Outcome::BadObject { step, message } if step == UNSAID => message.clone(),
        Outcome::BadObject { step, message } => format!(
            "the stored object is not what it should be ({step}): {}",
            flagged(message)
        ),
        Outcome::Cancelled { reason } => format!("stopped by {reason}"),
        // These are a backup's.
        Outcome::Empty | Outcome::TooSmall | Outcome::OutputHeld => "the agent's end of a backup".into(),
    })
}

/// What is a field of a run is a flag here.
fn flagged(message: &str) -> String {
    let hints = [
        ("an age file", "--identity"),
        ("spec.compression.windowLog", "--window-log"),
        ("spec.compression", "--compression"),
        ("type: Passphrase", "--passphrase-file"),
        ("spec.encryption", "--identity"),
    ];
    match hints.iter().find(|(field, _)| message.contains(field)) {
        Some((_, flag)) => format!("{message} (here it is {flag})"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_a_run_is_told_as_the_flag_that_it_is_here() {
        let told = |message: &str| {
            wrong(&Outcome::BadObject {
                step: "decompress".into(),
                message: message.into(),
            })
            .unwrap()
        };
        for (message, flag) in [
            ("set spec.compression.windowLog: 31", "(here it is --window-log)"),
            ("spec.compression.algorithm is gzip", "(here it is --compression)"),
            ("make a new run without spec.encryption", "(here it is --identity)"),
            (
                "the object is an age file, and spec.compression.algorithm is zstd",
                "(here it is --identity)",
            ),
        ] {
            assert!(told(message).ends_with(flag), "{}", told(message));
        }
        assert!(told("cut").ends_with("(decompress): cut"));
        assert_eq!(wrong(&Outcome::Done), None);
    }
}
