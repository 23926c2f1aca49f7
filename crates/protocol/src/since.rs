//! Which versions speak to each other, and since which one something is said. Whoever is the newer of the two knows both, and decides:
//! it says nothing that the older one does not know, or refuses in words. The matches name every field and every kind, so that
//! what is added has to be decided here.
use crate::message::{Action, Check, Job, Outcome, ToAgent};
use crate::{CHECK, CHECK_ELSEWHERE, ENDINGS, OLDEST, PACE, VERSION};

/// What an agent has to know for a job to be done as it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The first version that knows it.
    pub since: u32,
    /// The field that asks for it.
    pub field: &'static str,
}

/// Why nothing comes of it where the agent speaks `agent` and the operator `operator`, and what would cure that; None where they
/// understand each other.
pub fn apart(operator: u32, agent: u32) -> Option<String> {
    (operator.min(agent) < OLDEST).then(|| {
        let (older, newer) = if agent < operator {
            ("the agent in the Pod", "the operator")
        } else {
            ("the operator", "the agent in the Pod")
        };
        format!(
            "{older} speaks version {} of their protocol and {newer} versions {OLDEST} to {VERSION}: their releases are too far apart; \
             {CURE}",
            operator.min(agent)
        )
    })
}

/// What an agent is told apart by, and got rid of.
const CURE: &str = "make a new run, or ask for the restore again: its Pod gets the agent of the operator that makes it";

impl Need {
    /// Why an agent of that version is not given the job; None where it knows all that is needed.
    pub fn unmet(self, agent: u32) -> Option<String> {
        (agent < self.since).then(|| {
            format!(
                "the agent in the Pod speaks version {agent} of the protocol, of an older operator, and {} needs version {}, so nothing was \
                 begun; {CURE}",
                self.field, self.since
            )
        })
    }
}

impl Job {
    /// What of it an older agent would leave out or do otherwise, and call it done. The rest is known to all, or an agent that does
    /// not know it refuses the object, never takes a bad one for good.
    pub fn need(&self) -> Option<Need> {
        let Self {
            command: _,
            deadline_seconds: _,
            grace_seconds: _,
            retry_seconds: _,
            absence_seconds: _,
            compression: _,
            ca_bundle: _,
            proxy: _,
            relay: _,
            // Only ever slower than without.
            bandwidth: _,
            check,
            action,
        } = self;
        match action {
            Action::Backup {
                recipients: _,
                allow_empty: _,
                minimum: _,
                // Planned by the agent's version.
                plan: _,
                checksum: _,
            } => {}
            Action::Restore {
                identity: _,
                // Taken for an identity, which it is not.
                passphrase: _,
                // A longer window is refused.
                window_log: _,
                size: _,
                sha256: _,
                etag: _,
            } => {}
        }
        let Check {
            command: _,
            deadline_seconds: _,
            container,
        } = check.as_ref()?;
        Some(match container {
            Some(_) => Need {
                since: CHECK_ELSEWHERE,
                field: "spec.restore.check.container",
            },
            None => Need {
                since: CHECK,
                field: "spec.restore.check",
            },
        })
    }
}

impl ToAgent {
    /// The first version whose agents know such a message: one that does not loses its connection over it.
    pub fn since(&self) -> u32 {
        match self {
            Self::Hello { .. }
            | Self::Start(_)
            | Self::Url { .. }
            | Self::Refuse { .. }
            | Self::Cancel { .. }
            | Self::Done
            | Self::Ping
            | Self::Probe { .. }
            | Self::Opened { .. }
            | Self::Credit { .. }
            | Self::Close { .. } => OLDEST,
            Self::Pace { .. } => PACE,
        }
    }
}

impl Outcome {
    /// The first version whose operators know such an end.
    pub fn since(&self) -> u32 {
        match self {
            Self::Done
            | Self::CommandNotStarted { .. }
            | Self::CommandFailed { .. }
            | Self::CommandKilled { .. }
            | Self::DeadlineExceeded { .. }
            | Self::Empty
            | Self::TooSmall
            | Self::OutputHeld
            | Self::InputNotRead { .. }
            | Self::TransferFailed { .. }
            | Self::BadObject { .. }
            | Self::Cancelled { .. } => OLDEST,
            Self::LeftRunning { .. } | Self::OutOfMemory => ENDINGS,
            Self::CheckFailed { .. } => CHECK,
        }
    }

    /// In words that an operator of this version knows: it cannot read a message with an outcome that it does not know,
    /// and would never hear of the end.
    pub fn for_version(self, version: u32) -> Self {
        if self.since() <= version {
            return self;
        }
        match self {
            Self::LeftRunning { processes, seconds } => Self::TransferFailed {
                step: "waiting for all that the command has started".into(),
                message: format!("{seconds} s after the command ended with status 0 there still ran: {processes}"),
            },
            Self::OutOfMemory => Self::CommandKilled {
                signal: "SIGKILL".into(),
            },
            Self::CheckFailed { message } => Self::TransferFailed {
                step: "check of the restore".into(),
                message,
            },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        let text = || "mysql (pid 17)".to_string();
        vec![
            Outcome::Done,
            Outcome::LeftRunning {
                processes: text(),
                seconds: 600,
            },
            Outcome::OutOfMemory,
            Outcome::CheckFailed { message: text() },
        ]
    }

    #[test]
    fn an_operator_of_any_version_is_told_each_end_in_words_that_it_knows() {
        for version in OLDEST..=VERSION {
            for outcome in outcomes() {
                let told = outcome.clone().for_version(version);
                assert!(told.since() <= version, "{outcome:?} to version {version}");
                assert!(
                    outcome.since() > version || told == outcome,
                    "what it knows is not said otherwise"
                );
                assert_eq!(told == Outcome::Done, outcome == Outcome::Done, "a bad end stays bad");
            }
        }
        let Outcome::TransferFailed { message, .. } = outcomes().remove(1).for_version(ENDINGS - 1) else {
            panic!("an operator of version 2 does not know it otherwise")
        };
        assert!(
            message.contains("mysql (pid 17)") && message.contains("600 s"),
            "{message}"
        );
        let signal = "SIGKILL".to_string();
        assert_eq!(
            Outcome::OutOfMemory.for_version(ENDINGS - 1),
            Outcome::CommandKilled { signal }
        );
    }

    #[test]
    fn those_who_are_too_far_apart_are_told_so_with_both_versions_and_the_cure() {
        for version in OLDEST..=VERSION + 3 {
            assert_eq!((apart(VERSION, version), apart(version, VERSION)), (None, None));
        }
        let old_agent = apart(VERSION, OLDEST - 1).unwrap();
        assert!(
            old_agent.starts_with(&format!(
                "the agent in the Pod speaks version {} of their protocol and the operator versions {OLDEST} to {VERSION}:",
                OLDEST - 1
            )) && old_agent.ends_with(CURE),
            "{old_agent}"
        );
        let old_operator = apart(OLDEST - 1, VERSION).unwrap();
        assert!(
            old_operator.starts_with(&format!("the operator speaks version {}", OLDEST - 1)),
            "{old_operator}"
        );
    }

    #[test]
    fn what_an_older_agent_would_leave_out_of_a_job_it_is_not_given() {
        let check = |container: Option<&str>| Check {
            command: vec!["count".into()],
            deadline_seconds: None,
            container: container.map(Into::into),
        };
        let job = |check| Job {
            command: vec!["cat".into()],
            deadline_seconds: None,
            grace_seconds: 5,
            retry_seconds: 9,
            absence_seconds: 900,
            compression: None,
            ca_bundle: None,
            proxy: None,
            relay: true,
            bandwidth: Some(1),
            check,
            action: Action::Restore {
                identity: None,
                passphrase: true,
                window_log: Some(31),
                size: 1,
                sha256: None,
                etag: None,
            },
        };
        assert_eq!(job(None).need(), None);
        for (container, since) in [(None, CHECK), (Some("scratch"), CHECK_ELSEWHERE)] {
            let need = job(Some(check(container))).need().unwrap();
            assert_eq!((need.since, need.unmet(since)), (since, None));
            let words = need.unmet(since - 1).unwrap();
            let (theirs, wanted) = (format!("version {},", since - 1), format!("version {since}"));
            let theirs = theirs.trim_end_matches(',');
            for word in [theirs, &wanted, need.field, "nothing was begun", CURE] {
                assert!(words.contains(word), "{words}");
            }
        }
    }
}
