//! What was signed for a transfer: an agent that says that it stored something else lies.
use std::collections::BTreeMap;

use protocol::{PartReceipt, UrlRequest};

/// What this session has signed; complete only where it handed the command over itself.
#[derive(Debug, Default)]
pub struct SignedFor {
    /// Bytes of each part, by number.
    parts: BTreeMap<u32, u64>,
    object: bool,
    reading: bool,
}

impl SignedFor {
    /// A URL was given for this. Whether it is not the first for that part.
    pub fn add(&mut self, request: &UrlRequest) -> bool {
        match request {
            UrlRequest::Part { number, size, .. } => return self.parts.insert(*number, *size).is_some(),
            UrlRequest::Object { .. } => self.object = true,
            UrlRequest::Get { .. } => self.reading = true,
        }
        false
    }

    /// The first part that nothing was signed for, or not of that size.
    pub fn stranger<'p>(&self, parts: &'p [PartReceipt]) -> Option<&'p PartReceipt> {
        parts.iter().find(|p| self.parts.get(&p.number) != Some(&p.size))
    }

    /// A URL for the whole object was given.
    pub fn object(&self) -> bool {
        self.object
    }

    /// A URL to read the object was given.
    pub fn reading(&self) -> bool {
        self.reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_was_not_signed_or_has_another_size_is_a_stranger() {
        let part = |number, size| PartReceipt {
            number,
            size,
            checksum: String::new(),
            etag: String::new(),
        };
        let mut signed = SignedFor::default();
        for (number, size) in [(1, 5), (2, 3), (2, 4)] {
            signed.add(&UrlRequest::Part {
                number,
                size,
                checksum: String::new(),
            });
        }
        for (parts, stranger) in [
            (vec![part(1, 5), part(2, 4)], None),
            (vec![part(1, 5), part(2, 3)], Some(2)),
            (vec![part(3, 1)], Some(3)),
            (vec![], None),
        ] {
            assert_eq!(signed.stranger(&parts).map(|p| p.number), stranger, "{parts:?}");
        }
        assert!(!signed.object() && !signed.reading());
        signed.add(&UrlRequest::Get { number: 1 });
        assert!(signed.reading() && !signed.object());
    }
}
