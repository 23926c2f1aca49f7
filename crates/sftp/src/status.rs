//! What a server's status means: for the program a kind, for people words. Version 3 knows "failure" and little else, so that a full disk
//! and a quota have to be read from the server's own words, or are named as what it may be.
use std::io::{Error, ErrorKind};

/// Done.
pub const OK: u32 = 0;
/// Nothing more.
pub const END: u32 = 1;
/// There is none.
pub const MISSING: u32 = 2;

/// The error of a status that is none of success.
pub fn error(code: u32, words: &str) -> Error {
    let low = words.to_lowercase();
    let full = code == 14 || low.contains("no space");
    let kind = match code {
        MISSING | 10 => ErrorKind::NotFound,
        3 | 12 => ErrorKind::PermissionDenied,
        6 | 7 => ErrorKind::NotConnected,
        8 => ErrorKind::Unsupported,
        11 => ErrorKind::AlreadyExists,
        18 => ErrorKind::DirectoryNotEmpty,
        19 => ErrorKind::NotADirectory,
        24 => ErrorKind::IsADirectory,
        _ if full => ErrorKind::StorageFull,
        _ if low.contains("not a directory") => ErrorKind::NotADirectory,
        _ if low.contains("is a directory") => ErrorKind::IsADirectory,
        _ if low.contains("not empty") => ErrorKind::DirectoryNotEmpty,
        _ if code == 15 || low.contains("quota") => ErrorKind::QuotaExceeded,
        _ => ErrorKind::Other,
    };
    let said: String = words.chars().filter(|c| !c.is_control()).take(200).collect();
    let named = match code {
        2 => "no such file",
        3 => "permission denied",
        4 => "failure",
        5 => "bad message",
        8 => "operation unsupported",
        _ => "",
    };
    let said = match (said.trim(), named) {
        ("", "") => format!("code {code}"),
        ("", named) => named.to_owned(),
        (said, _) => said.to_owned(),
    };
    if kind == ErrorKind::Other && code == 4 {
        return Error::new(
            kind,
            format!(
                "the server of SFTP says \"{said}\" and not why: most often its disk is full, or a quota is used up"
            ),
        );
    }
    Error::new(kind, format!("the server of SFTP says \"{said}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_quota_are_told_from_what_has_no_reason() {
        for (code, words, kind) in [
            (2, "No such file", ErrorKind::NotFound),
            (3, "", ErrorKind::PermissionDenied),
            (4, "Failure", ErrorKind::Other),
            (4, "No space left on device", ErrorKind::StorageFull),
            (4, "Disk quota exceeded", ErrorKind::QuotaExceeded),
            (4, "Not a directory", ErrorKind::NotADirectory),
            (14, "", ErrorKind::StorageFull),
            (15, "", ErrorKind::QuotaExceeded),
            (11, "", ErrorKind::AlreadyExists),
            (99, "", ErrorKind::Other),
        ] {
            assert_eq!(error(code, words).kind(), kind, "{code} {words}");
        }
        assert!(error(4, "Failure").to_string().contains("quota"));
        assert_eq!(error(99, "").to_string(), "the server of SFTP says \"code 99\"");
        assert_eq!(error(3, "a\u{1b}[1mb").to_string(), "the server of SFTP says \"a[1mb\"");
    }
}
