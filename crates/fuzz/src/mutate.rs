//! The next input: one that is known, changed in a few places; now and then one that is only random.
use crate::random::Random;

/// Bytes that parsers stumble over.
const BYTES: [u8; 16] = [
    0, 1, 0x7f, 0x80, 0xff, b'0', b'9', b'-', b'"', b'{', b'[', b'<', b'/', b'\n', b' ', b'%',
];
/// Numbers that parsers stumble over.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "255",
    "65536",
    "2147483648",
    "4294967295",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e309",
];

pub(crate) fn next(random: &mut Random, corpus: &[Vec<u8>], words: &[&str], longest: usize) -> Vec<u8> {
    let known = random.pick(corpus).cloned().unwrap_or_default();
    let mut input = match random.below(16) {
        0 => (0..random.below(300)).map(|_| random.byte()).collect(),
        1 => (0..random.below(12))
            .flat_map(|_| random.pick(words).unwrap_or(&"").as_bytes().to_vec())
            .collect(),
        _ => known,
    };
    for _ in 0..=random.below(5) {
        change(random, &mut input, corpus, words);
    }
    input.truncate(longest);
    input
}

fn change(random: &mut Random, input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str]) {
    let at = random.below(input.len() + 1);
    let end = (at + random.below(16)).min(input.len());
    match random.below(10) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            let value = *random.pick(&BYTES).unwrap_or(&0);
            if let Some(byte) = input.get_mut(at) {
                *byte = value;
            }
        }
        2 => {
            let value = random.byte();
            input.insert(at, value);
        }
        3 => drop(input.drain(at..end)),
        4 => input.truncate(at),
        5 => {
            let word = random.pick(words).unwrap_or(&"").as_bytes().to_vec();
            input.splice(at..at, word);
        }
        6 => {
            let word = random.pick(words).unwrap_or(&"").as_bytes().to_vec();
            input.splice(at..end, word);
        }
        7 => {
            let number = random.pick(&NUMBERS).unwrap_or(&"0").as_bytes().to_vec();
            let digits = input.iter().skip(at).take_while(|b| b.is_ascii_digit()).count();
            input.splice(at..at + digits, number);
        }
        8 => {
            let piece = input.get(at..end).unwrap_or_default().to_vec();
            let times = 1 << random.below(8);
            input.splice(at..at, piece.repeat(times));
        }
        _ => {
            let other = random.pick(corpus).cloned().unwrap_or_default();
            let from = random.below(other.len() + 1);
            let count = random.below(other.len() - from + 1);
            let piece = other.get(from..from + count).unwrap_or_default().to_vec();
            input.splice(at..end, piece);
        }
    }
}
