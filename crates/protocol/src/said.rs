//! Reads what an agent says. It comes from a stranger's container: what is no field of a message is skipped, and never
//! held. (serde's own reader of tagged enums first copies the whole object into a tree: 64 MiB of a frame of 4 MiB.)
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::message::{AgentState, FromAgent, Outcome, PartReceipt, Report, UrlRequest};
use crate::parts::MAX_PARTS;

/// Every field that any message has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SaidMessage {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(rename = "for")]
    wanted: Option<Wanted>,
    version: Option<u32>,
    state: Option<AgentState>,
    started: Option<bool>,
    killed: Option<String>,
    window: Option<u64>,
    number: Option<u32>,
    size: Option<u64>,
    checksum: Option<String>,
    bytes: Option<u64>,
    stored_bytes: Option<u64>,
    reachable: Option<bool>,
    message: Option<String>,
    stream: Option<u32>,
    credit: Option<u32>,
    outcome: Option<Outcome>,
    sha256: Option<String>,
    #[serde(default, deserialize_with = "no_more_than_an_upload_has")]
    parts: Vec<PartReceipt>,
    object_etag: Option<String>,
    #[serde(default)]
    stderr: String,
    #[serde(default)]
    peak_memory: u64,
    packed: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Welcome,
    NeedUrl,
    Progress,
    Finished,
    Pong,
    Probed,
    Open,
    Credit,
    Close,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Wanted {
    Part,
    Object,
    Get,
}

/// Every field that any outcome has.
#[derive(Deserialize)]
pub(crate) struct SaidOutcome {
    outcome: OutcomeKind,
    message: Option<String>,
    code: Option<i32>,
    signal: Option<String>,
    seconds: Option<u64>,
    left: Option<u64>,
    step: Option<String>,
    reason: Option<String>,
    processes: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum OutcomeKind {
    Done,
    CommandNotStarted,
    CommandFailed,
    CommandKilled,
    DeadlineExceeded,
    Empty,
    TooSmall,
    OutputHeld,
    InputNotRead,
    LeftRunning,
    OutOfMemory,
    CheckFailed,
    TransferFailed,
    BadObject,
    Cancelled,
}

/// A message without one of its fields.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a message without `{0}`")]
pub struct Incomplete(&'static str);

fn some<T>(value: Option<T>, name: &'static str) -> Result<T, Incomplete> {
    value.ok_or(Incomplete(name))
}

impl TryFrom<SaidMessage> for FromAgent {
    type Error = Incomplete;

    fn try_from(said: SaidMessage) -> Result<Self, Incomplete> {
        Ok(match said.kind {
            Kind::Welcome => Self::Welcome {
                version: some(said.version, "version")?,
                state: some(said.state, "state")?,
                started: said.started.unwrap_or(true),
                killed: said.killed,
                window: said.window,
            },
            Kind::NeedUrl => Self::NeedUrl(match some(said.wanted, "for")? {
                Wanted::Part => UrlRequest::Part {
                    number: some(said.number, "number")?,
                    size: some(said.size, "size")?,
                    checksum: some(said.checksum, "checksum")?,
                },
                Wanted::Object => UrlRequest::Object {
                    size: some(said.size, "size")?,
                    checksum: some(said.checksum, "checksum")?,
                },
                Wanted::Get => UrlRequest::Get {
                    number: some(said.number, "number")?,
                },
            }),
            Kind::Progress => Self::Progress {
                bytes: some(said.bytes, "bytes")?,
                stored_bytes: some(said.stored_bytes, "storedBytes")?,
            },
            Kind::Finished => Self::Finished(Box::new(Report {
                outcome: some(said.outcome, "outcome")?,
                bytes: some(said.bytes, "bytes")?,
                stored_bytes: some(said.stored_bytes, "storedBytes")?,
                sha256: some(said.sha256, "sha256")?,
                parts: said.parts,
                object_etag: said.object_etag,
                stderr: said.stderr,
                peak_memory: said.peak_memory,
                packed: said.packed,
            })),
            Kind::Pong => Self::Pong,
            Kind::Probed => Self::Probed {
                reachable: some(said.reachable, "reachable")?,
                message: some(said.message, "message")?,
            },
            Kind::Open => Self::Open {
                stream: some(said.stream, "stream")?,
                credit: some(said.credit, "credit")?,
            },
            Kind::Credit => Self::Credit {
                stream: some(said.stream, "stream")?,
                bytes: some(said.bytes.and_then(|n| n.try_into().ok()), "bytes")?,
            },
            Kind::Close => Self::Close {
                stream: some(said.stream, "stream")?,
            },
        })
    }
}

impl TryFrom<SaidOutcome> for Outcome {
    type Error = Incomplete;

    fn try_from(said: SaidOutcome) -> Result<Self, Incomplete> {
        use OutcomeKind as K;
        Ok(match said.outcome {
            K::Done => Self::Done,
            K::CommandNotStarted => Self::CommandNotStarted {
                message: some(said.message, "message")?,
            },
            K::CommandFailed => Self::CommandFailed {
                code: some(said.code, "code")?,
            },
            K::CommandKilled => Self::CommandKilled {
                signal: some(said.signal, "signal")?,
            },
            K::DeadlineExceeded => Self::DeadlineExceeded {
                seconds: some(said.seconds, "seconds")?,
            },
            K::Empty => Self::Empty,
            K::TooSmall => Self::TooSmall,
            K::OutputHeld => Self::OutputHeld,
            K::InputNotRead => Self::InputNotRead {
                left: some(said.left, "left")?,
            },
            K::LeftRunning => Self::LeftRunning {
                processes: some(said.processes, "processes")?,
                seconds: some(said.seconds, "seconds")?,
            },
            K::OutOfMemory => Self::OutOfMemory,
            K::CheckFailed => Self::CheckFailed {
                message: some(said.message, "message")?,
            },
            K::TransferFailed => Self::TransferFailed {
                step: some(said.step, "step")?,
                message: some(said.message, "message")?,
            },
            K::BadObject => Self::BadObject {
                step: some(said.step, "step")?,
                message: some(said.message, "message")?,
            },
            K::Cancelled => Self::Cancelled {
                reason: some(said.reason, "reason")?,
            },
        })
    }
}

/// A list of parts, given up as soon as it is longer than any upload's.
pub(crate) fn no_more_than_an_upload_has<'de, D>(from: D) -> Result<Vec<PartReceipt>, D::Error>
where
    D: Deserializer<'de>,
{
    struct Parts;
    impl<'de> Visitor<'de> for Parts {
        type Value = Vec<PartReceipt>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX_PARTS} parts")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
            let mut parts = Vec::new();
            while let Some(part) = from.next_element()? {
                if parts.len() >= MAX_PARTS as usize {
                    return Err(de::Error::invalid_length(parts.len() + 1, &self));
                }
                parts.push(part);
            }
            Ok(parts)
        }
    }
    from.deserialize_seq(Parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<FromAgent, String> {
        serde_json::from_str(text).map_err(|e| e.to_string())
    }

    fn outcomes() -> Vec<Outcome> {
        let text = || "x".to_string();
        vec![
            Outcome::Done,
            Outcome::CommandNotStarted { message: text() },
            Outcome::CommandFailed { code: -1 },
            Outcome::CommandKilled { signal: text() },
            Outcome::DeadlineExceeded { seconds: 1 },
            Outcome::Empty,
            Outcome::TooSmall,
            Outcome::OutputHeld,
            Outcome::InputNotRead { left: u64::MAX },
            Outcome::LeftRunning {
                processes: text(),
                seconds: 1,
            },
            Outcome::OutOfMemory,
            Outcome::TransferFailed {
                step: text(),
                message: text(),
            },
            Outcome::BadObject {
                step: text(),
                message: text(),
            },
            Outcome::Cancelled { reason: text() },
        ]
    }

    fn messages() -> Vec<FromAgent> {
        let checksum = || "c".to_string();
        let report = |outcome| {
            FromAgent::Finished(Box::new(Report {
                outcome,
                bytes: 1,
                stored_bytes: 2,
                sha256: "s".into(),
                parts: vec![PartReceipt {
                    number: 1,
                    size: 2,
                    checksum: "c".into(),
                    etag: "\"e\"".into(),
                }],
                object_etag: Some("\"o\"".into()),
                stderr: "last\nwords".into(),
                peak_memory: 3,
                packed: Some("gzip".into()),
            }))
        };
        let mut all = vec![
            FromAgent::Welcome {
                version: 2,
                state: AgentState::Idle,
                started: false,
                killed: Some("SIGKILL".into()),
                window: Some(1 << 27),
            },
            FromAgent::NeedUrl(UrlRequest::Part {
                number: 1,
                size: u64::MAX,
                checksum: checksum(),
            }),
            FromAgent::NeedUrl(UrlRequest::Object {
                size: 0,
                checksum: checksum(),
            }),
            FromAgent::NeedUrl(UrlRequest::Get { number: 7 }),
            FromAgent::Progress {
                bytes: 1,
                stored_bytes: 2,
            },
            FromAgent::Pong,
            FromAgent::Probed {
                reachable: true,
                message: "m".into(),
            },
            FromAgent::Open { stream: 1, credit: 2 },
            FromAgent::Credit { stream: 1, bytes: 2 },
            FromAgent::Close { stream: 1 },
        ];
        all.extend(outcomes().into_iter().map(report));
        all
    }

    #[test]
    fn every_message_is_read_as_it_was_written() {
        for message in messages() {
            let text = serde_json::to_string(&message).unwrap();
            assert_eq!(read(&text), Ok(message), "{text}");
        }
    }

    #[test]
    fn what_an_older_agent_does_not_say_has_its_default() {
        let text = r#"{"type":"finished","outcome":{"outcome":"done"},"bytes":1,"storedBytes":1,"sha256":""}"#;
        let Ok(FromAgent::Finished(report)) = read(text) else {
            panic!()
        };
        assert_eq!(
            (
                report.parts.len(),
                report.object_etag,
                report.peak_memory,
                report.packed,
            ),
            (0, None, 0, None)
        );
        let Ok(FromAgent::Welcome {
            started,
            killed,
            window,
            ..
        }) = read(r#"{"type":"welcome","version":2,"state":"idle"}"#)
        else {
            panic!()
        };
        assert_eq!((started, killed, window), (true, None, None));
    }

    #[test]
    fn a_message_without_a_field_or_with_a_number_that_does_not_fit_is_refused() {
        for (text, word) in [
            (r#"{"type":"progress","bytes":1}"#, "storedBytes"),
            (r#"{"type":"needUrl"}"#, "for"),
            (r#"{"type":"needUrl","for":"part","number":1,"checksum":""}"#, "size"),
            (r#"{"type":"progress","bytes":-1,"storedBytes":1}"#, "-1"),
            (r#"{"type":"progress","bytes":1.5,"storedBytes":1}"#, "1.5"),
            (
                r#"{"type":"progress","bytes":18446744073709551616,"storedBytes":1}"#,
                "e+19",
            ),
            (r#"{"type":"credit","stream":1,"bytes":4294967296}"#, "bytes"),
            (r#"{"type":"open","stream":-1,"credit":1}"#, "-1"),
            (r#"{"type":"start"}"#, "start"),
            (r#"{"type":"finished","outcome":{"outcome":"fine"}}"#, "fine"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_list_of_more_parts_than_an_upload_has_is_given_up() {
        let list = |n: usize| {
            let part = r#"{"number":1,"size":1,"checksum":"","etag":""}"#;
            let parts = vec![part; n].join(",");
            format!(
                r#"{{"type":"finished","outcome":{{"outcome":"done"}},"bytes":1,"storedBytes":1,"sha256":"","parts":[{parts}]}}"#
            )
        };
        assert!(read(&list(MAX_PARTS as usize)).is_ok());
        assert!(
            read(&list(MAX_PARTS as usize + 1))
                .unwrap_err()
                .contains("at most 10000 parts")
        );
    }

    #[test]
    fn what_is_no_field_of_a_message_is_skipped_however_large_or_deep_it_is() {
        for stuff in [
            "[0".to_string() + &",0".repeat(1 << 20) + "]",
            "[".repeat(100_000) + &"]".repeat(100_000),
        ] {
            let text = format!(r#"{{"stuff":{stuff},"type":"pong"}}"#);
            assert!(matches!(read(&text), Ok(FromAgent::Pong) | Err(_)));
        }
    }

    proptest! {
        #[test]
        fn messages_of_any_numbers_and_texts_are_read_as_they_were_written(
            number: u32, size: u64, bytes: u64, text in ".*", code: i32, reachable: bool,
        ) {
            let all = [
                FromAgent::NeedUrl(UrlRequest::Part { number, size, checksum: text.clone() }),
                FromAgent::Progress { bytes, stored_bytes: size },
                FromAgent::Probed { reachable, message: text.clone() },
                FromAgent::Credit { stream: number, bytes: number },
                FromAgent::Finished(Box::new(Report {
                    outcome: Outcome::CommandFailed { code },
                    bytes, stored_bytes: size, sha256: text.clone(), parts: vec![], object_etag: None,
                    stderr: text.clone(), peak_memory: bytes, packed: Some(text),
                })),
            ];
            for message in all {
                let written = serde_json::to_string(&message).unwrap();
                prop_assert_eq!(read(&written), Ok(message));
            }
        }
    }
}
