//! Text in place of a file: it may be all there is, or stand in front of what was meant, or be a file in base64. Whoever is told to
//! restore it as it is feeds a database with it, so that this is said only of what is text as far as was looked.
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Instead, Kind, format};
use crate::peek::HEAD;

/// So many bytes of text are no chance.
const LEAST: usize = 8;
/// A line of base64 that is no word of some text, bytes.
const LINE: usize = 40;
/// Cut anywhere, and whatever its last bits are.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// What is looked for behind text. The first of these bytes, or the second, is none of a text, or no text has the line.
const HIDDEN: [(&[u8], &str); 5] = [
    (b"\x1f\x8b\x08", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"age-encryption.org/v1\n-> ", "an age file"),
    (b"Salted__", "a file of openssl enc"),
];
/// What stands in text of its own.
const ARMORS: [(&[u8], &str); 4] = [
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "an armored age file"),
    (b"-----BEGIN PGP MESSAGE-----", "an OpenPGP message"),
    (b"-----BEGIN CMS-----", super::CMS),
    (b"-----BEGIN PKCS7-----", super::CMS),
];
/// How far into a text an armor is taken for what was meant: behind that it may be a value of some dump.
const NEAR: usize = 4096;

/// What begins with text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// As far as was looked; to its end, where it is shorter than that.
    Throughout { ended: bool },
    /// Up to a byte, where something is known.
    Before(&'static str, usize),
    /// Up to a byte, where something else is.
    Until(usize),
    /// An armor in it, at a byte, with so many bytes before each of its lines.
    Around(&'static str, usize, usize),
    /// A file in base64, where it is known.
    Base64(Option<(&'static str, Kind)>),
    /// The beginning of an age file, and no more.
    CutAge,
}

impl Text {
    /// None where the first block begins with no text.
    pub fn of(head: &[u8]) -> Option<Self> {
        let length = text_length(head);
        if length == head.len() && length > 0 && b"age-encryption.org/v1\n".starts_with(head) {
            return Some(Self::CutAge);
        }
        if length < head.len() {
            let hidden = HIDDEN
                .iter()
                .filter_map(|(mark, name)| Some((find(head, mark)?, *name)));
            // Text and what stands behind it: the mark is where the text ends, or a few lines before that.
            let hidden = hidden.filter(|(at, _)| *at <= length).min();
            return match hidden {
                Some((at, name)) if at > 0 => Some(Self::Before(name, at)),
                _ => (length >= LEAST).then_some(Self::Until(length)),
            };
        }
        if head.is_empty() {
            return None;
        }
        let near = head.get(..NEAR).unwrap_or(head);
        let around = ARMORS.iter().find_map(|(mark, name)| Some((find(near, mark)?, *name)));
        if let Some((at, name)) = around {
            let line = near.get(..at).unwrap_or_default();
            let before = line.iter().rev().take_while(|byte| **byte != b'\n').count();
            return Some(Self::Around(name, at - before, before));
        }
        if is_base64(head) {
            return Some(Self::Base64(format(&decoded(head))));
        }
        Some(Self::Throughout {
            ended: head.len() < HEAD,
        })
    }

    /// In words: `says` is what the run says, `without` the cure for what is text and nothing else.
    pub fn told(self, instead: &Instead<'_>, says: &str, without: &str) -> String {
        let begin = instead.begin();
        match self {
            Self::Throughout { ended: true } => format!("the object is plain text{begin}, and {says}: {without}"),
            Self::Throughout { ended: false } => {
                format!(
                    "the object is plain text{begin} in its first {} KiB, and {says}: {without}",
                    HEAD >> 10
                )
            }
            Self::Before(name, at) => format!(
                "the object begins with text{begin}, and {name} begins behind that, at byte {at}; {says}: store it again without what another program has printed before it (tail -c +{})",
                at + 1
            ),
            Self::Until(at) => format!(
                "the object begins with text{begin}, and is none from byte {at} on; {says}: see what has written it before any of it is restored"
            ),
            Self::Around(name, at, 0) => format!(
                "the object is text{begin} with {name} in it, from byte {at} on; {says}: store that alone, from its line BEGIN to its line END (tail -c +{})",
                at + 1
            ),
            Self::Around(name, at, before) => format!(
                "the object is text{begin} with {name} in it, from byte {at} on, of which each line has {before} bytes before it; {says}: store that alone, without them"
            ),
            Self::Base64(None) => {
                format!(
                    "the object looks like base64{begin}, and {says}: store it again as what it was before (base64 -d)"
                )
            }
            Self::Base64(Some((name, Kind::Other))) => format!(
                "the object is {name} in base64{begin}, and {says}: make a new run without spec.compression and spec.encryption whose command undoes both, or store it again as what was compressed or encrypted"
            ),
            Self::Base64(Some((name, _))) => {
                format!(
                    "the object is {name} in base64{begin}, and {says}: store it again as what it was before (base64 -d)"
                )
            }
            Self::CutAge => "the object is cut inside the age header".into(),
        }
    }
}

/// How much of it is text: UTF-8 without control characters but those of lines and tabs, and a character that is cut at the end.
fn text_length(head: &[u8]) -> usize {
    let (text, cut) = match std::str::from_utf8(head) {
        Ok(text) => (text, false),
        Err(error) => {
            let whole = head.get(..error.valid_up_to()).unwrap_or_default();
            (
                std::str::from_utf8(whole).unwrap_or_default(),
                error.error_len().is_none() && head.len() == HEAD,
            )
        }
    };
    let other = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}');
    match text.find(other) {
        Some(at) => at,
        None if cut => head.len(),
        None => text.len(),
    }
}

fn find(head: &[u8], mark: &[u8]) -> Option<usize> {
    head.windows(mark.len()).position(|at| at == mark)
}

/// Lines of base64 and nothing else, the first of which is too long for a word; of a short object, all of it.
fn is_base64(head: &[u8]) -> bool {
    let of_it = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\n' | b'\r');
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.len() >= LINE && head.iter().all(of_it)
}

/// The first bytes of what is in base64, as many as tell a format.
fn decoded(head: &[u8]) -> Vec<u8> {
    let digits = head.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
    let mut digits: Vec<u8> = digits.take(512).collect();
    digits.truncate(digits.len() / 4 * 4);
    LENIENT.decode(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD as BASE64;

    use super::*;

    fn instead(head: &[u8]) -> Instead<'_> {
        Instead { head, secret: false }
    }

    const WARNING: &str = "mysqldump: [Warning] Using a password on the command line interface can be insecure.\n";

    fn behind(text: &str, bytes: &[u8]) -> Vec<u8> {
        [text.as_bytes(), bytes, &[0x80, 0, 7]].concat()
    }

    #[test]
    fn only_what_is_text_throughout_is_to_be_restored_as_it_is() {
        let dump = "-- dump\nCREATE TABLE t (name text); -- J\u{fc}rgen\n"
            .repeat(3000)
            .into_bytes();
        let gzip = [&b"\x1f\x8b\x08\0"[..], &[0x95; 96]].concat();
        for (head, says) in [
            (
                b"-- dump\nCREATE TABLE t ();\n".to_vec(),
                "plain text (\"-- dump\\nCREATE TABLE t ();\\n\"), and",
            ),
            (
                dump[..HEAD].to_vec(),
                "plain text (\"-- dump\\nCREATE TABLE t (name text); -- J…\") in its first 64 KiB",
            ),
            // The first block ends inside a character.
            (
                [&b"words ".repeat(HEAD)[..HEAD - 1], b"\xc3"].concat(),
                "in its first 64 KiB",
            ),
            ("\u{feff}text".into(), "plain text"),
        ] {
            let said = instead(&head).of_compressed("gzip");
            assert!(
                said.contains(says) && said.ends_with("without spec.compression"),
                "{said}"
            );
        }
        for (head, says) in [
            (
                behind(WARNING, &gzip),
                "begins with text (\"mysqldump: [Warning] Using a password on…\"), and a gzip file begins behind that, at byte 85;",
            ),
            (
                behind("note\n", b"\x28\xb5\x2f\xfd\x04"),
                "a zstd file begins behind that, at byte 5; spec.compression.algorithm is gzip: store it again without what another program has printed before it (tail -c +6)",
            ),
            (
                behind("Warning: x\n", b"age-encryption.org/v1\n-> X25519 abc\ndef\n--- mac\n"),
                "an age file begins behind that, at byte 11",
            ),
            (behind(WARNING, b"\0\0"), "and is none from byte 85 on"),
            (b"a header\nthat ends\x80".to_vec(), "is none from byte 18 on"),
            (
                b"From: me\n\n-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n".to_vec(),
                "text (\"From: me\\n\\n-----BEGIN AGE ENCRYPTED FILE-…\") with an armored age file in it, from byte 10 on;",
            ),
            (
                b"> -----BEGIN AGE ENCRYPTED FILE-----\n> YWdl\n".to_vec(),
                "with an armored age file in it, from byte 0 on, of which each line has 2 bytes before it",
            ),
            (
                BASE64.encode(&gzip).into_bytes(),
                "the object is a gzip file in base64 (\"H4sIA",
            ),
            (
                BASE64.encode([b"Salted__".as_slice(), &[9; 64]].concat()).into_bytes(),
                "the object is a file of openssl enc in base64",
            ),
            (BASE64.encode([7; 100]).into_bytes(), "looks like base64"),
            (b"age-encryp".to_vec(), "the object is cut inside the age header"),
            (b"\x01\x02".to_vec(), "its first bytes are 01 02"),
        ] {
            for said in [
                instead(&head).of_compressed("gzip"),
                instead(&head).of_encrypted().unwrap(),
            ] {
                let says = match said.contains("spec.encryption says age") {
                    true => says.split("; spec").next().unwrap(),
                    false => says,
                };
                assert!(said.contains(says), "{said}");
                let plain = said.ends_with("without spec.compression") || said.ends_with("without spec.encryption");
                assert!(!plain, "{said}");
            }
        }
    }

    #[test]
    fn nothing_is_shown_of_what_was_encrypted_and_nothing_upsets_a_terminal() {
        let head = b"some words \x1b[2J text";
        let secret = Instead {
            head: b"secret text",
            secret: true,
        };
        assert!(!secret.of_compressed("gzip").contains("secret"));
        let said = instead(head).of_compressed("gzip");
        assert!(!said.contains('\x1b') && said.contains("none"), "{said}");
        let said = instead(b"a quote: \" and \t a tab\n").of_compressed("gzip");
        assert!(said.contains(r#"("a quote: \" and \t a tab\n")"#), "{said}");
    }
}
