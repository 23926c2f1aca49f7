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
        headers: vec![("content-length".into(), "5".into())],
    }
}

#[test]
fn messages_come_back_as_they_were_through_both_readers() {
    let messages = [
        url("http://a/b?c"),
        ToAgent::Ping,
        ToAgent::Done,
        ToAgent::Cancel {
            reason: "ü".into(),
            grace_seconds: 3,
        },
    ];
    let mut bytes = Vec::new();
    for message in &messages {
        write_message(&mut bytes, message).unwrap();
    }
    let mut decoder = Decoder::default();
    decoder.push(&bytes);
    let mut reader = &bytes[..];
    for message in &messages {
        assert_eq!(decoder.next_message::<ToAgent>().unwrap().as_ref(), Some(message));
        assert_eq!(read_message::<ToAgent>(&mut reader).unwrap().as_ref(), Some(message));
    }
    assert_eq!(decoder.next_message::<ToAgent>().unwrap(), None);
    assert_eq!(decoder.pending(), 0);
    assert_eq!(read_message::<ToAgent>(&mut reader).unwrap(), None);
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
    };
    assert!(encode(&FromAgent::Finished(Box::new(report))).unwrap().len() < MAX_FRAME);
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_its_bytes_are_held() {
    let long = u32::try_from(MAX_FRAME + 1).unwrap().to_be_bytes();
    let mut decoder = Decoder::default();
    decoder.push(&long);
    assert!(matches!(decoder.next_message::<ToAgent>(), Err(FrameError::TooLong(n)) if n == MAX_FRAME + 1));
    assert!(matches!(
        read_message::<ToAgent>(&mut &long[..]),
        Err(FrameError::TooLong(_))
    ));
    assert!(matches!(encode(&"x".repeat(MAX_FRAME)), Err(FrameError::TooLong(_))));
}

#[test]
fn only_an_end_between_two_messages_is_clean() {
    let bytes = encode(&ToAgent::Ping).unwrap();
    for cut in 1..bytes.len() {
        assert!(
            matches!(read_message::<ToAgent>(&mut &bytes[..cut]), Err(FrameError::Io(_))),
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
    while decoder.next_message::<ToAgent>().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 300_000);
}

proptest! {
    #[test]
    fn messages_cut_anywhere_arrive_whole_and_in_order(
        texts in prop::collection::vec(".{0,40}", 0..20),
        cuts in prop::collection::vec(1usize..50, 1..50),
    ) {
        let mut bytes = Vec::new();
        for text in &texts {
            bytes.extend(encode(text).unwrap());
        }
        let (mut decoder, mut got, mut rest) = (Decoder::default(), Vec::new(), &bytes[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            decoder.push(piece);
            rest = after;
            while let Some(text) = decoder.next_message::<String>().unwrap() {
                got.push(text);
            }
        }
        prop_assert_eq!(got, texts);
        prop_assert_eq!(decoder.pending(), 0);
    }

    #[test]
    fn hostile_bytes_end_in_an_error_or_in_waiting_and_never_in_more_memory_than_came(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        while let Ok(Some(_)) = decoder.next_message::<Value>() {}
        prop_assert!(decoder.pending() <= bytes.len());
        let _ = read_message::<ToAgent>(&mut &bytes[..]);
    }

    #[test]
    fn a_flipped_byte_never_panics(at in 0usize..200, flip in 1u8..) {
        let mut bytes = encode(&url("http://a")).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        let _ = decoder.next_message::<ToAgent>();
    }
}
