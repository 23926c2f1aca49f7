//! What an object is that is not what the run says, by its first block. Nothing is guessed from it: it is only told.
mod text;

use text::Text;

/// What can be done with such an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Say this algorithm.
    Compressed(&'static str),
    /// Say that it is encrypted.
    Age,
    /// Let the command do it.
    Other,
    /// Nothing was done to it.
    Plain,
    /// It is damaged for good.
    Mangled,
}

/// How a format begins, what it is called, and what it is to a run.
const FORMATS: [(&[u8], &str, Kind); 37] = [
    (b"\x1f\x8b", "a gzip file", Kind::Compressed("gzip")),
    (b"\x28\xb5\x2f\xfd", "a zstd file", Kind::Compressed("zstd")),
    (b"age-encryption.org/", "an age file", Kind::Age),
    (b"-----BEGIN AGE ENCRYPTED FILE", "an armored age file", Kind::Age),
    (b"\xfd7zXZ\0", "an xz file", Kind::Other),
    (b"BZh", "a bzip2 file", Kind::Other),
    (b"\x04\x22\x4d\x18", "an lz4 file", Kind::Other),
    (b"\x02\x21\x4c\x18", "an lz4 file of the old format", Kind::Other),
    // zstd 0.1 to 0.7, which zstd reads to this day where it is built so.
    (b"\x1e\xb5\x2f\xfd", OLD_ZSTD, Kind::Other),
    (b"\x22\xb5\x2f\xfd", OLD_ZSTD, Kind::Other),
    (b"\x23\xb5\x2f\xfd", OLD_ZSTD, Kind::Other),
    (b"\x24\xb5\x2f\xfd", OLD_ZSTD, Kind::Other),
    (b"\x25\xb5\x2f\xfd", OLD_ZSTD, Kind::Other),
    (b"\x26\xb5\x2f\xfd", OLD_ZSTD, Kind::Other),
    (b"\x27\xb5\x2f\xfd", OLD_ZSTD, Kind::Other),
    // RFC 1950: 32 KiB of window, and the levels that zlib and pigz have.
    (b"x\x01", "a zlib stream", Kind::Other),
    (b"x\x9c", "a zlib stream", Kind::Other),
    (b"x\xda", "a zlib stream", Kind::Other),
    (b"LZIP", "an lzip file", Kind::Other),
    (b"LRZI", "an lrzip file", Kind::Other),
    (b"\x89LZO\0\r\n\x1a\n", "an lzop file", Kind::Other),
    (b"\xff\x06\0\0sNaPpY", "a snappy file", Kind::Other),
    (b"\x1f\x9d", "a file of compress(1)", Kind::Other),
    (b"PK\x03\x04", "a zip archive", Kind::Other),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", Kind::Other),
    (b"Rar!\x1a\x07", "a rar archive", Kind::Other),
    (b"-----BEGIN PGP MESSAGE", "an OpenPGP message", Kind::Other),
    (b"-----BEGIN CMS", CMS, Kind::Other),
    (b"-----BEGIN PKCS7", CMS, Kind::Other),
    (
        b"MIME-Version:",
        "a mail (MIME, as openssl cms and smime write it)",
        Kind::Other,
    ),
    (b"Salted__", "a file of openssl enc", Kind::Other),
    // What is no text all through, and what tools restore from as it is.
    (b"PGDMP", "an archive of pg_dump (-Fc)", Kind::Plain),
    (b"SQLite format 3\0", "an SQLite database", Kind::Plain),
    (b"REDIS0", "a dump of Redis (RDB)", Kind::Plain),
    (b"\x6d\xe2\x99\x81", "an archive of mongodump", Kind::Plain),
    // Windows PowerShell's `>` makes this of whatever a program prints.
    (b"\xff\xfe", "text in UTF-16", Kind::Mangled),
    (b"\xfe\xff", "text in UTF-16", Kind::Mangled),
];
const OLD_ZSTD: &str = "a file of zstd before version 0.8";
const CMS: &str = "a CMS message (S/MIME, PKCS #7)";

/// Where a tar archive says that it is one: behind the name, the owner and the times of its first file.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// A format that is known by its first bytes.
fn format(head: &[u8]) -> Option<(&'static str, Kind)> {
    let known = FORMATS.iter().find(|(start, _, _)| head.starts_with(start));
    let tar = || head.get(TAR.0..).is_some_and(|rest| rest.starts_with(TAR.1));
    match known {
        Some((_, name, kind)) => Some((name, *kind)),
        None if tar() => Some(("a tar archive", Kind::Plain)),
        None if is_openpgp(head) => Some(("an OpenPGP message", Kind::Other)),
        None if is_cms(head) => Some((CMS, Kind::Other)),
        None if is_lzma(head) => Some(("an lzma file", Kind::Other)),
        None => None,
    }
}

/// A sequence in DER or BER that begins with a type of content of CMS (RFC 5652) or of its authenticated form (RFC 5083).
fn is_cms(head: &[u8]) -> bool {
    const TYPES: [&[u8]; 2] = [
        b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07",
        b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17",
    ];
    // The length takes one byte, or as many more as that says; BER may leave it open.
    let length = match head {
        [0x30, short @ 0..=0x80, ..] => usize::from(*short > 0),
        [0x30, long @ 0x81..=0x88, ..] => usize::from(long - 0x80) + 1,
        _ => return false,
    };
    let content = head.get(1 + length..).unwrap_or_default();
    TYPES.iter().any(|one| content.starts_with(one))
}

/// `xz --format=lzma`: the properties that every encoder writes, a dictionary of a power of two, a size that is unknown or below 256 TiB.
fn is_lzma(head: &[u8]) -> bool {
    let [0x5d, 0, 0, low, high, size @ ..] = head else {
        return false;
    };
    let size = size.get(..8).unwrap_or_default();
    (u16::from(*high) << 8 | u16::from(*low)).is_power_of_two() && (size == [0xff; 8] || size.ends_with(&[0, 0]))
}

/// What gpg writes begins with a session key, for a public key (packet 1) or for a passphrase (packet 3), of a length that fits and
/// a version that there is (RFC 9580).
fn is_openpgp(head: &[u8]) -> bool {
    match *head {
        // The old form of a packet's head, with one byte of length and with two; the new one.
        [0x84 | 0xc1, 20..=191, 3 | 6, ..] | [0x85, 0..=2, _, 3, ..] | [0xc1, 192..=193, _, 3 | 6, ..] => true,
        [0x8c | 0xc3, 4..=80, version @ 4..=6, cipher, ..] => version > 4 || (1..=13).contains(&cipher),
        _ => false,
    }
}

/// What a command gets that does not undo it itself: `gzip`, `zstd` or `age`; None where it begins as none of them.
pub fn packed(head: &[u8]) -> Option<&'static str> {
    match format(head)?.1 {
        Kind::Compressed(algorithm) => Some(algorithm),
        Kind::Age => Some("age"),
        Kind::Other | Kind::Plain | Kind::Mangled => None,
    }
}

/// What is said of an object, and of which stage.
pub(crate) struct Instead<'a> {
    /// The first block of what the stage reads.
    pub head: &'a [u8],
    /// It was encrypted: none of it is shown.
    pub secret: bool,
}

impl Instead<'_> {
    /// What to say where the object does not begin as a file of that algorithm.
    pub(crate) fn of_compressed(&self, algorithm: &str) -> String {
        let says = format!("spec.compression.algorithm is {algorithm}");
        if let Some((name, kind)) = format(self.head) {
            let cure = match kind {
                Kind::Compressed(other) => format!("make a new run with spec.compression.algorithm: {other}"),
                Kind::Age => "make a new run that has spec.encryption, too".into(),
                Kind::Other => "make a new run without spec.compression whose command undoes it".into(),
                Kind::Plain => "make a new run without spec.compression".into(),
                Kind::Mangled => MANGLED.into(),
            };
            return format!("the object is {name}, and {says}: {cure}");
        }
        match Text::of(self.head) {
            Some(text) => text.told(self, &says, "make a new run without spec.compression"),
            None => format!(
                "the object is no {algorithm} file, and no other that is known here (its first bytes are {}): make a new run whose spec.compression says what was done to it, or one without it",
                first_bytes(self.head)
            ),
        }
    }

    /// What to say where the object does not begin as an age file; None where it does, and is damaged behind that.
    pub(crate) fn of_encrypted(&self) -> Option<String> {
        let says = "spec.encryption says age";
        if let Some((name, kind)) = format(self.head) {
            let cure = match kind {
                Kind::Compressed(algorithm) => {
                    format!("make a new run without spec.encryption, with spec.compression.algorithm: {algorithm}")
                }
                Kind::Age => return None,
                Kind::Other => "make a new run without spec.encryption whose command undoes it".into(),
                Kind::Plain => "make a new run without spec.encryption".into(),
                Kind::Mangled => MANGLED.into(),
            };
            return Some(format!("the object is {name}, and {says}: {cure}"));
        }
        Some(match Text::of(self.head) {
            Some(text) => text.told(self, says, "make a new run without spec.encryption"),
            None => format!(
                "the object is no age file, and no other that is known here (its first bytes are {}): make a new run whose spec.encryption and spec.compression say what was done to it",
                first_bytes(self.head)
            ),
        })
    }

    /// How it begins, for people, with whatever could upset a terminal escaped.
    fn begin(&self) -> String {
        const SHOWN: usize = 40;
        if self.secret {
            return String::new();
        }
        let text = String::from_utf8_lossy(self.head.get(..SHOWN).unwrap_or(self.head));
        let more = if self.head.len() > SHOWN { "…" } else { "" };
        format!(" (\"{}{more}\")", text.trim_end_matches('\u{fffd}').escape_debug())
    }
}

/// What stands behind the end of a file, by its first byte; nothing is dropped, because nobody knows whether it was meant.
pub(crate) fn behind(first: Option<u8>, otherwise: &'static str) -> &'static str {
    match first {
        Some(b'\n' | b'\r') => "a line break, as an editor adds one",
        _ => otherwise,
    }
}

/// The cure for what stands behind the end of a file.
pub(crate) fn cut_off(place: u64) -> String {
    format!("store the object again without it (head -c {place})")
}

/// For people who know a format by them.
fn first_bytes(head: &[u8]) -> String {
    if head.is_empty() {
        return "none: it is empty".into();
    }
    let bytes: Vec<_> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

const MANGLED: &str = "make the object again without a redirection of PowerShell, which changes the bytes";

#[cfg(test)]
mod tests {
    use super::*;

    fn instead(head: &[u8]) -> Instead<'_> {
        Instead { head, secret: false }
    }

    #[test]
    fn a_format_is_known_by_its_first_bytes_and_told_with_what_to_change() {
        for (head, name, compressed, encrypted) in [
            (
                &b"\x1f\x8b\x08"[..],
                "a gzip file",
                "algorithm: gzip",
                Some("without spec.encryption, with spec.compression.algorithm: gzip"),
            ),
            (
                b"\xfd7zXZ\0\0",
                "an xz file",
                "without spec.compression whose command",
                Some("without spec.encryption whose command"),
            ),
            (
                b"age-encryption.org/v1\n",
                "an age file",
                "that has spec.encryption, too",
                None,
            ),
            (b"\xff\xfea\0g\0e\0", "text in UTF-16", "PowerShell", Some("PowerShell")),
        ] {
            let said = instead(head).of_compressed("zstd");
            assert!(said.contains(name) && said.contains(compressed), "{said}");
            let said = instead(head).of_encrypted();
            assert_eq!(said.is_some(), encrypted.is_some(), "{said:?}");
            assert!(
                said.unwrap_or_default().contains(encrypted.unwrap_or_default()),
                "{name}"
            );
        }
    }

    #[test]
    fn formats_without_a_magic_number_of_their_own_are_known_by_what_all_their_files_have() {
        for (head, name) in [
            // openssl cms -encrypt, with and without -stream; an authenticated one.
            (
                &b"\x30\x82\x01\x9a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0"[..],
                Some(CMS),
            ),
            (b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0", Some(CMS)),
            (
                b"\x30\x81\xf0\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17",
                Some(CMS),
            ),
            (b"\x30\x82\x01\x9a\x02\x01\x00", None),
            (b"\x30", None),
            // xz --format=lzma at its levels 0 and 6, of a pipe; one that knows its size.
            (b"\x5d\0\0\x04\0\xff\xff\xff\xff\xff\xff\xff\xff", Some("an lzma file")),
            (
                b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0",
                Some("an lzma file"),
            ),
            (b"\x5d\0\0\0\x04\x39\x30\0\0\0\0\0\0", Some("an lzma file")),
            (b"\x5d\0\0\x81\0\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\x5d\0\0\x80", None),
            (b"\x24\xb5\x2f\xfd\x06", Some(OLD_ZSTD)),
        ] {
            assert_eq!(format(head).map(|known| known.0), name, "{head:x?}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_named_and_its_first_bytes_are_told() {
        for (unknown, bytes) in [
            (&b"\0"[..], "00)"),
            (b"\x80abc", "80 61 62 63)"),
            (b"\xfd7z", "fd 37 7a)"),
            // Of packets that no message begins with.
            (b"\x84\xff\x03", "84 ff 03)"),
            (b"\x8c\x0d\x04\xff", "8c 0d 04 ff)"),
        ] {
            let said = instead(unknown).of_compressed("gzip");
            assert!(said.contains("no gzip file") && said.contains(bytes), "{said}");
            let said = instead(unknown).of_encrypted().unwrap();
            assert!(said.contains("no age file") && said.contains(bytes), "{said}");
        }
    }

    #[test]
    fn what_a_command_should_not_get_as_it_is_has_the_word_that_the_run_should_say() {
        for (head, word) in [
            (&b"\x1f\x8b\x08"[..], Some("gzip")),
            (b"\x28\xb5\x2f\xfd\0", Some("zstd")),
            (b"age-encryption.org/v1\n", Some("age")),
            (b"-- dump", None),
            (b"PK\x03\x04", None),
            (b"", None),
        ] {
            assert_eq!(packed(head), word, "{head:?}");
        }
    }
}
