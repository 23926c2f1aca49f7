//! The header of a zstd frame (RFC 8878, section 3.1.1), read before the decoder does: it knows no memory limit but that of a
//! window, and has one answer for each kind of refusal, without a number.

/// The longest header, with its magic number, bytes.
pub(super) const LONGEST: usize = 18;
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// How many bytes say what a frame holds, by its flag.
const CONTENT: [usize; 4] = [1, 2, 4, 8];

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes that have to be held, if it has as many.
    pub window: u64,
    /// Bytes that it holds, where it says so.
    pub content: Option<u64>,
    /// The dictionary that it was made with.
    pub dictionary: Option<u32>,
}

/// Whether a frame, or one that is skipped, begins with these bytes, however few they are.
pub(in crate::compress) fn may_begin(bytes: &[u8]) -> bool {
    let frame = bytes.iter().zip(MAGIC).all(|(is, magic)| *is == magic);
    let mut skipped = bytes.iter().zip([0x50, 0x2a, 0x4d, 0x18]).enumerate();
    // The low half of its first byte is free.
    frame || skipped.all(|(at, (is, magic))| *is == magic || at == 0 && is & 0xf0 == magic)
}

/// Reads the header that these bytes begin with; None where they are too few, or no frame.
pub(super) fn parse(bytes: &[u8]) -> Option<Header> {
    let (descriptor, mut rest) = bytes.strip_prefix(&MAGIC)?.split_first()?;
    let single = descriptor & 0x20 != 0;
    let mut window = None;
    if !single {
        let (byte, after) = rest.split_first()?;
        (window, rest) = (Some(window_of(*byte)), after);
    }
    let dictionary = number(&mut rest, [0, 1, 2, 4], descriptor & 3)?;
    let dictionary = u32::try_from(dictionary).ok().filter(|id| *id != 0);
    let flag = descriptor >> 6;
    let content = match (flag, single) {
        (0, false) => None,
        (0, true) => Some(number(&mut rest, CONTENT, 0)?),
        // One of two bytes counts from 256.
        (1, _) => Some(number(&mut rest, CONTENT, 1)? + 256),
        _ => Some(number(&mut rest, CONTENT, flag)?),
    };
    Some(Header {
        // All of it is one segment: what it holds is what has to be held.
        window: window.or(content)?,
        content,
        dictionary,
    })
}

fn window_of(descriptor: u8) -> u64 {
    let base = 1_u64 << (10 + (descriptor >> 3));
    base + base / 8 * u64::from(descriptor & 7)
}

/// A number of as many bytes as the flag says, the lowest first.
fn number(rest: &mut &[u8], widths: [usize; 4], flag: u8) -> Option<u64> {
    let width = *widths.get(usize::from(flag))?;
    let (bytes, after) = rest.split_at_checked(width)?;
    *rest = after;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_dictionaries_are_read_as_the_format_has_them() {
        for (rest, window, content, dictionary) in [
            // --long=31 from a pipe, --long=27, and an eighth between two powers.
            (&[0x00, 21 << 3][..], 2 << 30, None, None),
            (&[0x04, 17 << 3], 128 << 20, None, None),
            (&[0x04, 17 << 3 | 1], 144 << 20, None, None),
            (&[0x00, 0xff], 15 << 38, None, None),
            // One segment of 5 bytes, of 256 and 1, of 2^32.
            (&[0x20, 5], 5, Some(5), None),
            (&[0x60, 1, 0], 257, Some(257), None),
            (&[0xe0, 0, 0, 0, 0, 1, 0, 0, 0], 1 << 32, Some(1 << 32), None),
            // A window and what the frame holds.
            (&[0x80, 17 << 3, 7, 0, 0, 0], 128 << 20, Some(7), None),
            (&[0x40, 0, 1, 0], 1 << 10, Some(257), None),
            // Dictionaries; the number 0 stands for none.
            (&[0x01, 0, 7], 1 << 10, None, Some(7)),
            (&[0x02, 0, 0, 1], 1 << 10, None, Some(256)),
            (&[0x23, 1, 0, 0, 1, 9], 9, Some(9), Some((1 << 24) + 1)),
            (&[0x01, 0, 0], 1 << 10, None, None),
        ] {
            let bytes = [&MAGIC[..], rest].concat();
            let header = Header {
                window,
                content,
                dictionary,
            };
            assert_eq!(parse(&bytes), Some(header), "{rest:x?}");
            assert_eq!(parse(&bytes[..bytes.len() - 1]), None, "cut: {rest:x?}");
        }
        assert_eq!(parse(b"\x1f\x8b\x08\0\0\0"), None);
    }

    #[test]
    fn what_cannot_begin_a_frame_is_known_from_its_first_byte_on() {
        for begins in [
            &b""[..],
            b"\x28",
            &MAGIC,
            b"\x50\x2a\x4d\x18",
            b"\x5f\x2a",
            b"\x28\xb5\x2f\xfd\x99",
        ] {
            assert!(may_begin(begins), "{begins:x?}");
        }
        for other in [&b"\0"[..], b"x", b"\x28\xb4", b"\x5f\x2b", b"\x1e\xb5\x2f\xfd"] {
            assert!(!may_begin(other), "{other:x?}");
        }
    }
}
