//! Frames and messages from arbitrary bytes, cut anywhere: both sides read what a stranger may have written.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
use std::fmt::Debug;

use fuzz::{Random, Target};
use protocol::{
    AgentState, Data, Decoder, Frame, FrameError, FromAgent, Outcome, PartReceipt, Report, Secret, ToAgent, UrlRequest,
    encode, encode_data, read_frame,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

const WORDS: [&str; 30] = [
    "{\"type\":\"needUrl\"",
    ",\"for\":\"part\"",
    ",\"number\":",
    ",\"size\":",
    ",\"checksum\":\"\"",
    "\"type\":\"finished\"",
    "\"outcome\":{\"outcome\":\"done\"}",
    ",\"parts\":[",
    "{\"number\":1,\"size\":1,\"checksum\":\"\",\"etag\":\"\"},",
    "\"bytes\":",
    "\"storedBytes\":",
    "\"sha256\":\"",
    "\"type\":\"open\"",
    ",\"stream\":",
    ",\"credit\":",
    "\\u0000",
    "\\ud800",
    "[[[[[[[[",
    "]]]]",
    "{\"a\":{\"a\":",
    "\0\0\0\x02{}",
    "\0\0\0\x05\x01\0\0\0\x07",
    "\0@\0\0",
    "\0@\0\x01",
    "\0\x01\0\x05\x01",
    "null",
    "true",
    "\"",
    ",",
    "}",
];

/// All frames of the bytes, cut as the random numbers say, and how it ended.
fn read<M: DeserializeOwned>(bytes: &[u8], mut cut: impl FnMut(usize) -> usize) -> (Vec<Frame<M>>, String) {
    let (mut decoder, mut frames, mut rest) = (Decoder::default(), Vec::new(), bytes);
    loop {
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, kind(&error)),
            }
        }
        if rest.is_empty() {
            return (frames, format!("{} left", decoder.pending()));
        }
        let at = cut(rest.len()).clamp(1, rest.len());
        decoder.push(&rest[..at]);
        rest = &rest[at..];
    }
}

fn kind(error: &FrameError) -> String {
    match error {
        FrameError::TooLong(_) => "too long".into(),
        FrameError::BadData(_) => "bad data".into(),
        FrameError::Malformed(e) => {
            // Without the numbers and texts of the input: they would make each one new.
            format!(
                "{:?} {}",
                e.classify(),
                e.to_string().split(['`', '"']).next().unwrap_or_default()
            )
        }
        FrameError::Io(e) => e.kind().to_string(),
    }
}

fn check<M: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> String {
    // Of the bytes alone, so that what one fuzzer found another finds in the same cuts.
    let mut random = Random::new(bytes.len() as u64);
    let (frames, end) = read::<M>(bytes, |left| left);
    let (pieces, other_end) = read::<M>(bytes, |left| random.below(left.min(9)) + 1);
    assert_eq!(frames, pieces, "however the bytes are cut");
    assert_eq!(end, other_end);
    let mut reader = bytes;
    for frame in &frames {
        let blocking = read_frame::<M>(&mut reader).unwrap().unwrap();
        assert_eq!(&blocking, frame, "however the bytes are read");
        let written = frame.encode().unwrap();
        let (again, end) = read::<M>(&written, |left| left);
        assert_eq!(
            (again.len(), &again[0], end.as_str()),
            (1, frame, "0 left"),
            "what was read is written and read again"
        );
    }
    let kinds: Vec<_> = frames
        .iter()
        .map(|f| format!("{f:?}").chars().take(14).collect::<String>())
        .collect();
    format!("{end} {:?}", kinds.iter().take(3).collect::<Vec<_>>())
}

#[cfg_attr(test, test)]
pub fn fuzz_what_an_agent_says() {
    let report = Report {
        outcome: Outcome::TransferFailed {
            step: "s".into(),
            message: "m".into(),
        },
        bytes: 1,
        stored_bytes: 2,
        sha256: "ab".into(),
        parts: vec![PartReceipt {
            number: 1,
            size: 2,
            checksum: "c".into(),
            etag: "\"e\"".into(),
        }],
        object_etag: Some("\"o\"".into()),
        stderr: "w".into(),
        peak_memory: 3,
        packed: None,
    };
    let messages = [
        FromAgent::Welcome {
            version: 2,
            state: AgentState::Idle,
            started: false,
            killed: Some("SIGKILL".into()),
            window: None,
        },
        FromAgent::NeedUrl(UrlRequest::Part {
            number: 1,
            size: 2,
            checksum: "c".into(),
        }),
        FromAgent::NeedUrl(UrlRequest::Object {
            size: 2,
            checksum: "c".into(),
        }),
        FromAgent::NeedUrl(UrlRequest::Get { number: 1 }),
        FromAgent::Progress {
            bytes: 1,
            stored_bytes: 2,
        },
        FromAgent::Finished(Box::new(report)),
        FromAgent::Pong,
        FromAgent::Probed {
            reachable: true,
            message: "m".into(),
        },
        FromAgent::Open { stream: 1, credit: 2 },
        FromAgent::Credit { stream: 1, bytes: 2 },
        FromAgent::Close { stream: 1 },
    ];
    let mut seeds: Vec<_> = messages.iter().map(|m| encode(m).unwrap()).collect();
    seeds.push(
        encode_data(&Data {
            stream: 1,
            bytes: b"piece".to_vec(),
        })
        .unwrap(),
    );
    seeds.push(seeds.concat());
    let seeds: Vec<_> = seeds.iter().map(Vec::as_slice).collect();
    Target {
        name: "what an agent says",
        seeds: &seeds,
        words: &WORDS,
    }
    .run(check::<FromAgent>);
}

#[cfg_attr(test, test)]
pub fn fuzz_what_an_operator_says() {
    let request = UrlRequest::Get { number: 1 };
    let messages = [
        ToAgent::Hello {
            version: 2,
            run: "r".into(),
            attempt: "a".into(),
        },
        ToAgent::Url {
            request: request.clone(),
            url: Secret::new("https://s/k".into()),
            headers: vec![("a".into(), "b".into())].into(),
        },
        ToAgent::Refuse {
            request,
            message: "m".into(),
        },
        ToAgent::Cancel {
            reason: "r".into(),
            grace_seconds: 5,
        },
        ToAgent::Done,
        ToAgent::Ping,
        ToAgent::Probe {
            url: "u".into(),
            ca_bundle: None,
            proxy: None,
            signed: None,
        },
        ToAgent::Opened { stream: 1, credit: 2 },
        ToAgent::Close { stream: 1, error: None },
    ];
    let mut seeds: Vec<_> = messages.iter().map(|m| encode(m).unwrap()).collect();
    let job = br#"{"type":"start","command":["a"],"graceSeconds":5,"retrySeconds":9,"compression":{"algorithm":"zstd","level":3},"action":{"action":"backup","recipients":[],"allowEmpty":false,"plan":{"smallest":5,"step":9,"maxParts":9,"first":0},"checksum":"sha256"}}"#;
    seeds.push([&u32::try_from(job.len()).unwrap().to_be_bytes()[..], job].concat());
    seeds.push(seeds.concat());
    let seeds: Vec<_> = seeds.iter().map(Vec::as_slice).collect();
    Target {
        name: "what an operator says",
        seeds: &seeds,
        words: &WORDS,
    }
    .run(check::<ToAgent>);
}

/// A message alone, so that the length before it does not have to be guessed.
#[cfg_attr(test, test)]
pub fn fuzz_one_message_of_an_agent() {
    let seeds: [&[u8]; 3] = [
        br#"{"type":"finished","outcome":{"outcome":"badObject","step":"s","message":"m"},"bytes":1,"storedBytes":2,"sha256":"","parts":[{"number":1,"size":2,"checksum":"c","etag":"e"}],"objectEtag":null,"stderr":"","peakMemory":3}"#,
        br#"{"for":"part","number":1,"size":2,"checksum":"c","type":"needUrl"}"#,
        br#"{"type":"credit","stream":1,"bytes":2}"#,
    ];
    Target {
        name: "one message of an agent",
        seeds: &seeds,
        words: &WORDS,
    }
    .run(|bytes| match serde_json::from_slice::<FromAgent>(bytes) {
        Ok(message) => {
            let written = serde_json::to_vec(&message).unwrap();
            assert_eq!(serde_json::from_slice::<FromAgent>(&written).unwrap(), message);
            format!("{message:?}").chars().take(40).collect::<String>()
        }
        Err(error) => kind(&FrameError::Malformed(error)),
    });
}
