//! Which names buckets and keys may have: each segment becomes the name of a file or a folder.

/// The longest name that file systems take.
const LONGEST_SEGMENT: usize = 255;
/// The longest key of S3.
const LONGEST_KEY: usize = 1024;
/// Folders of the server's own.
const OWN: [&str; 2] = [".uploads", ".labels"];

/// What is wrong with a bucket's name, and what would be right.
pub fn bucket_fault(name: &str) -> Option<String> {
    let fit = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.';
    let ends = |c: Option<&u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let bytes = name.as_bytes();
    if (3..=63).contains(&bytes.len()) && bytes.iter().all(|c| fit(*c)) && ends(bytes.first()) && ends(bytes.last()) {
        return None;
    }
    Some("the bucket's name must have 3 to 63 lower-case letters, digits, dots and hyphens, and begin and end with a letter or a digit".into())
}

/// What is wrong with a key, and what would be right.
pub fn key_fault(key: &str) -> Option<String> {
    if key.len() > LONGEST_KEY {
        return Some(format!(
            "the key has {} bytes; at most {LONGEST_KEY} are taken",
            key.len()
        ));
    }
    if key.chars().any(char::is_control) {
        return Some("the key has a control character, which no name of a file here may have".into());
    }
    if key.split('/').next().is_some_and(|first| OWN.contains(&first)) {
        return Some(format!(
            "the key must not begin with {} or {}, which are the server's own folders",
            OWN[0], OWN[1]
        ));
    }
    key.split('/').find_map(segment_fault)
}

fn segment_fault(segment: &str) -> Option<String> {
    match segment {
        "" => Some("the key has an empty segment: it must neither begin nor end with `/`, nor have `//` in it".into()),
        "." | ".." => Some("the key has a segment `.` or `..`, which would name another file".into()),
        long if long.len() > LONGEST_SEGMENT => Some(format!(
            "a segment of the key has {} bytes; file systems take names of at most {LONGEST_SEGMENT}: put a `/` into it",
            long.len()
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_that_could_reach_another_file_or_none_at_all_is_refused_in_words() {
        let long = "x".repeat(256);
        let many = "x/".repeat(600);
        for (key, words) in [
            ("", "empty segment"),
            ("/a", "empty segment"),
            ("a/", "empty segment"),
            ("a//b", "empty segment"),
            ("..", "another file"),
            ("a/../b", "another file"),
            ("./a", "another file"),
            ("a\0b", "control character"),
            ("a\nb", "control character"),
            ("a\u{7f}", "control character"),
            ("a\u{85}", "control character"),
            (".uploads/x/data", "own folders"),
            (".labels", "own folders"),
            (long.as_str(), "at most 255"),
            (many.as_str(), "at most 1024"),
        ] {
            let fault = key_fault(key).unwrap_or_default();
            assert!(fault.contains(words), "{key:?}: {fault}");
        }
        for key in [
            "a",
            "a/b",
            "...",
            ".hidden",
            ".uploads2/x",
            "a/.uploads",
            "ümlaut 100% \\ ?",
            &"y".repeat(255),
        ] {
            assert_eq!(key_fault(key), None, "{key}");
        }
        for (name, taken) in [
            ("backups", true),
            ("a.b-c", true),
            ("ab", false),
            (".uploads", false),
            ("..", false),
            ("a/b", false),
            ("UPPER", false),
            ("-ab", false),
            ("ab.", false),
        ] {
            assert_eq!(bucket_fault(name).is_none(), taken, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_key_that_is_taken_stays_below_its_bucket(key in any::<String>(), around in "[./a\\\\]{0,12}") {
            for key in [key, around] {
                if key_fault(&key).is_none() {
                    let path = std::path::Path::new(&key);
                    prop_assert!(path.components().all(|c| matches!(c, std::path::Component::Normal(_))));
                    prop_assert_eq!(path.components().count(), key.split('/').count());
                }
            }
        }
    }
}
