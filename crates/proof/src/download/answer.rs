//! What a store's answer says of the bytes in it.

/// What of an object an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRange {
    /// Its first byte.
    pub start: u64,
    /// Its last byte.
    pub last: u64,
    /// Bytes of the object.
    pub total: Option<u64>,
}

/// RFC 9110 section 14.4: `bytes 5-9/10`; the total may be `*`.
pub(crate) fn content_range(value: &str) -> Option<ContentRange> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (start, last) = range.split_once('-')?;
    let (start, last) = (start.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = if total.trim() == "*" {
        None
    } else {
        Some(total.trim().parse().ok()?)
    };
    Some(ContentRange { start, last, total })
}

/// Stores differ in the quotes.
pub(crate) fn bare(etag: &str) -> &str {
    etag.trim().trim_start_matches("W/").trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_understood_or_refused() {
        let range = |start, last, total| Some(ContentRange { start, last, total });
        assert_eq!(content_range("bytes 5-9/10"), range(5, 9, Some(10)));
        assert_eq!(content_range("bytes 0-0/*"), range(0, 0, None));
        for value in [
            "",
            "bytes",
            "bytes */10",
            "bytes 5/10",
            "bytes a-9/10",
            "bytes 5-/10",
            "bytes 5-9/x",
            "items 5-9/10",
        ] {
            assert_eq!(content_range(value), None, "{value}");
        }
    }

    #[test]
    fn etags_are_compared_without_quotes() {
        assert_eq!(
            (bare("\"ab-2\""), bare("ab-2"), bare("W/\"ab\"")),
            ("ab-2", "ab-2", "ab")
        );
    }
}
