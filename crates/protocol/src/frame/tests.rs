//! Frames that are whole, cut, joined, damaged and hostile.
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{FromAgent, Outcome, PartReceipt, Report, Secret, ToAgent, UrlRequest};

fn url(text: &str) -> ToAgent {
    ToAgent::Url {
        request: UrlRequest::Part {
            number: 7,
            size: 5,
            checksum: "c=".into(),
        },
        url: Secret::new(text.into()),
        headers: vec![("content-length".into(), "5".into())].into(),
    }
}

fn data(stream: u32, bytes: &[u8]) -> Data {
    Data {
        stream,
        bytes: bytes.to_vec(),
    }
}

#[test]
fn frames_come_back_as_they_were_through_both_readers() {
    let frames = [
        Frame::Message(url("http://a/b?c")),
        Frame::Data(data(7, b"{\"type\":\"ping\"}")),
        Frame::Message(ToAgent::Ping),
        Frame::Data(data(u32::MAX, &[])),
        Frame::Data(data(0, &vec![1; MAX_DATA])),
        Frame::Message(ToAgent::Cancel {
            reason: "ü".into(),
            grace_seconds: 3,
        }),
        Frame::Message(ToAgent::Close { stream: 7, error: None }),
    ];
    let mut bytes = Vec::new();
    for frame in &frames {
        bytes.extend(frame.encode().unwrap());
    }
    let mut decoder = Decoder::default();
    decoder.push(&bytes);
    let mut reader = &bytes[..];
    for frame in &frames {
        assert_eq!(decoder.next_frame::<ToAgent>().unwrap().as_ref(), Some(frame));
        assert_eq!(read_frame::<ToAgent>(&mut reader).unwrap().as_ref(), Some(frame));
    }
    assert_eq!(decoder.next_frame::<ToAgent>().unwrap(), None);
    assert_eq!(decoder.pending(), 0);
    assert_eq!(read_frame::<ToAgent>(&mut reader).unwrap(), None);
}

#[test]
fn a_piece_without_an_id_or_with_too_many_bytes_is_refused() {
    assert!(matches!(
        encode_data(&data(1, &vec![0; MAX_DATA + 1])),
        Err(FrameError::BadData(_))
    ));
    let mut long = u32::try_from(MAX_DATA + 6).unwrap().to_be_bytes().to_vec();
    long.extend([1, 0, 0, 0, 1]);
    long.extend(vec![0; MAX_DATA + 1]);
    for bytes in [&[0, 0, 0, 1, 1][..], &[0, 0, 0, 4, 1, 0, 0, 0], &long] {
        let mut decoder = Decoder::default();
        decoder.push(bytes);
        assert!(matches!(decoder.next_frame::<ToAgent>(), Err(FrameError::BadData(_))));
        assert!(matches!(
            read_frame::<ToAgent>(&mut &bytes[..]),
            Err(FrameError::BadData(_))
        ));
    }
}

#[test]
fn a_first_byte_that_is_neither_a_messages_nor_a_pieces_is_refused() {
    for first in [0u8, 2, b'[', 0xff] {
        let mut decoder = Decoder::default();
        decoder.push(&[0, 0, 0, 5, first, 0, 0, 0, 1]);
        assert!(matches!(decoder.next_frame::<ToAgent>(), Err(FrameError::Malformed(_))));
    }
}

#[test]
fn an_older_agents_and_operators_messages_are_understood() {
    let job = r#"{"command":["x"],"graceSeconds":1,"retrySeconds":1,"action":{"action":"restore","size":1}}"#;
    assert!(!serde_json::from_str::<crate::Job>(job).unwrap().relay);
    for (text, message) in [
        (
            r#"{"type":"close","stream":3}"#,
            ToAgent::Close { stream: 3, error: None },
        ),
        (
            r#"{"type":"probe","url":"http://s"}"#,
            ToAgent::Probe {
                url: "http://s".into(),
                ca_bundle: None,
                proxy: None,
                signed: None,
            },
        ),
    ] {
        assert_eq!(serde_json::from_str::<ToAgent>(text).unwrap(), message);
    }
}

#[test]
fn a_report_of_ten_thousand_parts_fits_into_a_frame() {
    let part = |number| PartReceipt {
        number,
        size: 5 << 30,
        checksum: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into(),
        etag: format!("\"{}\"", "f".repeat(64)),
    };
    let report = Report {
        outcome: Outcome::Done,
        bytes: u64::MAX,
        stored_bytes: u64::MAX,
        sha256: "0".repeat(64),
        parts: (1..=10_000).map(part).collect(),
        object_etag: None,
        stderr: "\u{fffd}".repeat(4096),
        peak_memory: 1,
        packed: None,
    };
    assert!(encode(&FromAgent::Finished(Box::new(report))).unwrap().len() < MAX_FRAME);
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_its_bytes_are_held() {
    let long = u32::try_from(MAX_FRAME + 1).unwrap().to_be_bytes();
    let mut decoder = Decoder::default();
    decoder.push(&long);
    assert!(matches!(decoder.next_frame::<ToAgent>(), Err(FrameError::TooLong(n)) if n == MAX_FRAME + 1));
    assert!(matches!(
        read_frame::<ToAgent>(&mut &long[..]),
        Err(FrameError::TooLong(_))
    ));
    assert!(matches!(encode(&"x".repeat(MAX_FRAME)), Err(FrameError::TooLong(_))));
}

#[test]
fn only_an_end_between_two_messages_is_clean() {
    let bytes = encode(&ToAgent::Ping).unwrap();
    for cut in 1..bytes.len() {
        assert!(
            matches!(read_frame::<ToAgent>(&mut &bytes[..cut]), Err(FrameError::Io(_))),
            "cut at {cut}"
        );
    }
}

#[test]
fn neither_the_decoder_nor_a_message_shows_a_secret() {
    let message = url("http://store/?X-Amz-Signature=hush");
    let mut decoder = Decoder::default();
    decoder.push(&encode(&message).unwrap());
    assert!(!format!("{message:?} {decoder:?}").contains("hush"));
}

#[test]
fn many_small_messages_in_one_piece_take_time_in_proportion_to_their_bytes() {
    // 300,000 messages of 19 bytes: were each one moved to the front, this would copy about 900 GB.
    let one = encode(&ToAgent::Ping).unwrap();
    let mut decoder = Decoder::default();
    decoder.push(&one.repeat(300_000));
    let mut count = 0;
    while decoder.next_frame::<ToAgent>().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 300_000);
}

proptest! {
    #[test]
    fn frames_cut_anywhere_arrive_whole_and_in_order(
        texts in prop::collection::vec((any::<bool>(), ".{0,40}"), 0..20),
        cuts in prop::collection::vec(1usize..50, 1..50),
    ) {
        let mut bytes = Vec::new();
        let frames: Vec<Frame<String>> = texts
            .into_iter()
            .map(|(message, text)| match message {
                true => Frame::Message(text),
                false => Frame::Data(data(text.len() as u32, text.as_bytes())),
            })
            .collect();
        for frame in &frames {
            bytes.extend(frame.encode().unwrap());
        }
        let (mut decoder, mut got, mut rest) = (Decoder::default(), Vec::new(), &bytes[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            decoder.push(piece);
            rest = after;
            while let Some(frame) = decoder.next_frame::<String>().unwrap() {
                got.push(frame);
            }
        }
        prop_assert_eq!(got, frames);
        prop_assert_eq!(decoder.pending(), 0);
    }

    #[test]
    fn hostile_bytes_end_in_an_error_or_in_waiting_and_never_in_more_memory_than_came(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        while let Ok(Some(_)) = decoder.next_frame::<Value>() {}
        prop_assert!(decoder.pending() <= bytes.len());
        let _ = read_frame::<ToAgent>(&mut &bytes[..]);
    }

    #[test]
    fn hostile_bytes_in_a_frame_of_the_right_length_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300), first in prop::sample::select(vec![1u8, b'{', 0]),
    ) {
        let mut decoder = Decoder::default();
        decoder.push(&u32::try_from(bytes.len() + 1).unwrap().to_be_bytes());
        decoder.push(&[first]);
        decoder.push(&bytes);
        if let Ok(Some(Frame::Data(piece))) = decoder.next_frame::<ToAgent>() {
            prop_assert_eq!((first, piece.bytes.as_slice()), (1, &bytes[4..]));
        }
    }

    #[test]
    fn a_flipped_byte_never_panics(at in 0usize..200, flip in 1u8..) {
        let mut bytes = encode(&url("http://a")).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        let _ = decoder.next_frame::<ToAgent>();
    }
}

#[test]
fn what_a_long_frame_took_is_not_kept_and_is_announced_before_it_comes() {
    let mut decoder = Decoder::default();
    assert_eq!(decoder.announced(), None);
    let long = encode(&url(&"x".repeat(1 << 20))).unwrap();
    decoder.push(&long[..3]);
    assert_eq!(decoder.announced(), None);
    decoder.push(&long[3..10]);
    assert_eq!(decoder.announced(), Some(long.len() - 4));
    for rest in [&[][..], b"\0"] {
        decoder.push(&long[10..]);
        // A frame that has begun after it does not keep it either.
        decoder.push(rest);
        assert!(decoder.next_frame::<ToAgent>().unwrap().is_some());
        decoder.push(&[]);
        assert!(decoder.held.capacity() <= KEPT, "{}", decoder.held.capacity());
        assert_eq!(decoder.pending(), rest.len());
        decoder = Decoder::default();
        decoder.push(&long[..10]);
    }
}
