//! What an object is that is not what the run says, by its first bytes. Nothing is guessed from it: it is only told.

/// What can be done with such an object.
#[derive(Clone, Copy, PartialEq, Eq)]
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
const FORMATS: [(&[u8], &str, Kind); 20] = [
    (b"\x1f\x8b", "a gzip file", Kind::Compressed("gzip")),
    (b"\x28\xb5\x2f\xfd", "a zstd file", Kind::Compressed("zstd")),
    (b"age-encryption.org/", "an age file", Kind::Age),
    (b"-----BEGIN AGE ENCRYPTED FILE", "an armored age file", Kind::Age),
    (b"\xfd7zXZ\0", "an xz file", Kind::Other),
    (b"BZh", "a bzip2 file", Kind::Other),
    (b"\x04\x22\x4d\x18", "an lz4 file", Kind::Other),
    (b"\x02\x21\x4c\x18", "an lz4 file of the old format", Kind::Other),
    // RFC 1950: 32 KiB of window, and the levels that zlib and pigz have.
    (b"x\x01", "a zlib stream", Kind::Other),
    (b"x\x9c", "a zlib stream", Kind::Other),
    (b"x\xda", "a zlib stream", Kind::Other),
    (b"LZIP", "an lzip file", Kind::Other),
    (b"\x89LZO\0\r\n\x1a\n", "an lzop file", Kind::Other),
    (b"\xff\x06\0\0sNaPpY", "a snappy file", Kind::Other),
    (b"\x1f\x9d", "a file of compress(1)", Kind::Other),
    (b"PK\x03\x04", "a zip archive", Kind::Other),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", Kind::Other),
    (b"-----BEGIN PGP MESSAGE", "an OpenPGP message", Kind::Other),
    (b"Salted__", "a file of openssl enc", Kind::Other),
    // Windows PowerShell's `>` makes this of whatever a program prints.
    (b"\xff\xfe", "text in UTF-16", Kind::Mangled),
];

fn format(head: &[u8]) -> Option<(&'static str, Kind)> {
    let known = FORMATS.iter().find(|(start, _, _)| head.starts_with(start));
    let text = || {
        head.iter()
            .all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'))
    };
    match known {
        Some((_, name, kind)) => Some((name, *kind)),
        None if !head.is_empty() && text() => Some(("plain text", Kind::Plain)),
        None => None,
    }
}

/// What to say of an object that does not begin as a file of that algorithm; None where its first bytes tell nothing.
pub(crate) fn instead_of_compressed(algorithm: &str, head: &[u8]) -> Option<String> {
    let (name, kind) = format(head)?;
    let cure = match kind {
        Kind::Compressed(other) => format!("make a new run with spec.compression.algorithm: {other}"),
        Kind::Age => "make a new run that has spec.encryption, too".into(),
        Kind::Other => "make a new run without spec.compression whose command undoes it".into(),
        Kind::Plain => "make a new run without spec.compression".into(),
        Kind::Mangled => MANGLED.into(),
    };
    Some(format!(
        "the object is {name}, and spec.compression.algorithm is {algorithm}: {cure}"
    ))
}

/// What to say of an object that does not begin as an age file; None where its first bytes tell nothing.
pub(crate) fn instead_of_encrypted(head: &[u8]) -> Option<String> {
    let (name, kind) = format(head)?;
    let cure = match kind {
        Kind::Compressed(algorithm) => {
            format!("make a new run without spec.encryption, with spec.compression.algorithm: {algorithm}")
        }
        // It begins well, and is damaged behind that.
        Kind::Age => return None,
        Kind::Other => "make a new run without spec.encryption whose command undoes it".into(),
        Kind::Plain => "make a new run without spec.encryption".into(),
        Kind::Mangled => MANGLED.into(),
    };
    Some(format!("the object is {name}, and spec.encryption says age: {cure}"))
}

const MANGLED: &str = "make the object again without a redirection of PowerShell, which changes the bytes";

#[cfg(test)]
mod tests {
    use super::*;

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
                b"-- dump\nCREATE",
                "plain text",
                "without spec.compression",
                Some("without spec.encryption"),
            ),
            (
                b"age-encryption.org/v1\n",
                "an age file",
                "that has spec.encryption, too",
                None,
            ),
            (b"\xff\xfea\0g\0e\0", "text in UTF-16", "PowerShell", Some("PowerShell")),
        ] {
            let said = instead_of_compressed("zstd", head).unwrap();
            assert!(said.contains(name) && said.contains(compressed), "{said}");
            let said = instead_of_encrypted(head);
            assert_eq!(said.is_some(), encrypted.is_some(), "{said:?}");
            assert!(
                said.unwrap_or_default().contains(encrypted.unwrap_or_default()),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_not_named() {
        for unknown in [&b""[..], b"\0", b"\x80abc", b"\xfd7z"] {
            assert_eq!(instead_of_compressed("gzip", unknown), None, "{unknown:?}");
        }
    }
}
