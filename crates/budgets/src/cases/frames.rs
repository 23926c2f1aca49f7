//! Frames between operator and agent: each is made on one side and read on the other.
use protocol::{
    Action, Checksum, Compression, Data, Decoder, Frame, FromAgent, Job, MAX_DATA, Outcome, PartPlan, PartReceipt,
    Report, ToAgent,
};

use super::{Case, Work, work};

pub const CASES: &[Case] = &[
    Case {
        name: "frame: encode a job",
        prepare: || encode(start()),
    },
    Case {
        name: "frame: decode a job",
        prepare: || decode(start()),
    },
    Case {
        name: "frame: encode 64 KiB of data",
        prepare: || encode(data()),
    },
    Case {
        name: "frame: decode 64 KiB of data",
        prepare: || decode(data()),
    },
    Case {
        name: "frame: encode a report of 1,000 parts",
        prepare: || encode(report()),
    },
    Case {
        name: "frame: decode a report of 1,000 parts",
        prepare: || {
            let bytes = report().encode().unwrap();
            work(move || decoded::<FromAgent>(&bytes))
        },
    },
];

fn encode<M: serde::Serialize + 'static>(frame: Frame<M>) -> Work {
    work(move || frame.encode().unwrap())
}

fn decode(frame: Frame<ToAgent>) -> Work {
    let bytes = frame.encode().unwrap();
    work(move || decoded::<ToAgent>(&bytes))
}

/// With the decoder: what it does when it goes is not part of any frame.
fn decoded<M: serde::de::DeserializeOwned>(bytes: &[u8]) -> (Decoder, Frame<M>) {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    let frame = decoder.next_frame().unwrap().unwrap();
    (decoder, frame)
}

fn start() -> Frame<ToAgent> {
    let dump = r#"mysqldump -h "$HOST" -P "$PORT" --single-transaction -u "$USERNAME" "-p$PASSWORD" "$DATABASE""#;
    Frame::Message(ToAgent::Start(Box::new(Job {
        command: vec!["/bin/sh".into(), "-c".into(), dump.into()],
        deadline_seconds: Some(3600),
        grace_seconds: 5,
        retry_seconds: 900,
        absence_seconds: 900,
        compression: Some(Compression::Zstd { level: 3 }),
        ca_bundle: None,
        proxy: None,
        relay: false,
        bandwidth: None,
        check: None,
        action: Action::Backup {
            recipients: vec!["age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj".into()],
            allow_empty: false,
            minimum: 1 << 20,
            plan: PartPlan::default(),
            checksum: Checksum::Sha256,
        },
    })))
}

fn data() -> Frame<ToAgent> {
    let bytes = (0..MAX_DATA).map(|n| (n % 251) as u8).collect();
    Frame::Data(Data { stream: 7, bytes })
}

fn report() -> Frame<FromAgent> {
    let sum = "XIlmzg52KxXQxy/CUlOa4NGgchPeHBbH5xcaMzSIv6E=";
    let parts = (1..=1000).map(|number| PartReceipt {
        number,
        size: 5 << 20,
        checksum: sum.into(),
        etag: format!("\"{number:032x}\""),
    });
    Frame::Message(FromAgent::Finished(Box::new(Report {
        outcome: Outcome::Done,
        bytes: 20 << 30,
        stored_bytes: 5000 << 20,
        sha256: "5c896ce0e762b15d0c72fc2d2539ae0d1a07213de1c16c7e7171a33488bfa1e6".into(),
        parts: parts.collect(),
        object_etag: None,
        stderr: "-- dump completed\n".into(),
        peak_memory: 28 << 20,
        packed: None,
    })))
}
