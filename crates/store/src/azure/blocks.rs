//! Blocks of a blob. Azure knows no upload: blocks belong to a key, so that an upload is what its blocks' names begin with.
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::rand::{SecureRandom, SystemRandom};

use crate::error::{StoreError, StoreErrorKind};
use crate::s3::CompletedPart;
use crate::xml;

/// Bytes that are an upload's own.
const OWN: usize = 16;

/// An upload: what all names of its blocks begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Upload([u8; OWN]);

impl Upload {
    /// One that nobody else has.
    pub(super) fn random() -> Result<Self, StoreError> {
        let mut own = [0; OWN];
        let none = |_| {
            let why = "the system gives no random numbers";
            StoreError::new("create upload", StoreErrorKind::Configuration, why)
        };
        SystemRandom::new().fill(&mut own).map_err(none)?;
        Ok(Self(own))
    }

    /// The one that belongs to a name: what is put under it again takes the place of what is there.
    pub(super) fn called(name: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
        let mut own = [0; OWN];
        own.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Self(own)
    }

    /// As it is recorded: 32 hexadecimal digits.
    pub(super) fn id(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The opposite. None: it is no upload's of this store.
    pub(super) fn of_id(id: &str) -> Option<Self> {
        if id.len() != 2 * OWN || !id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return None;
        }
        let mut own = [0; OWN];
        for (i, byte) in own.iter_mut().enumerate() {
            *byte = u8::from_str_radix(id.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self(own))
    }

    /// The name of a part's block: all of a blob's have one length.
    pub(super) fn block(self, number: u32) -> String {
        BASE64_STANDARD.encode([&self.0[..], &number.to_be_bytes()].concat())
    }

    /// Whose block it is. None: another tool's.
    fn of_block(name: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(name).ok()?;
        let own = bytes.get(..OWN).filter(|_| bytes.len() == OWN + 4)?;
        Some(Self(own.try_into().ok()?))
    }

    /// The body that makes a blob of the parts. `Latest` also finds blocks that an earlier call has committed.
    pub(super) fn list(self, parts: &[CompletedPart]) -> String {
        let mut body = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        for part in parts {
            body.push_str(&format!("<Latest>{}</Latest>", self.block(part.number)));
        }
        body.push_str("</BlockList>");
        body
    }
}

/// Whose blocks wait under a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Uploads of ours, each once.
    pub(super) uploads: Vec<Upload>,
    /// Another tool's are there, too.
    pub(super) strangers: bool,
}

impl Waiting {
    /// Of a Get Block List's answer, of the uncommitted ones only.
    pub(super) fn of(body: &[u8]) -> Self {
        let mut found = Self::default();
        for name in xml::all_of(body, &["Name"]).into_iter().flatten() {
            match Upload::of_block(&name) {
                Some(upload) => found.uploads.push(upload),
                None => found.strangers = true,
            }
        }
        found.uploads.sort_unstable();
        found.uploads.dedup();
        found
    }

    /// This upload's, too.
    pub(super) fn has(&self, upload: Upload) -> bool {
        self.uploads.contains(&upload)
    }

    /// Nobody else's than this upload's.
    pub(super) fn is_only(&self, upload: Upload) -> bool {
        !self.strangers && self.uploads == [upload]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_known_by_its_blocks_and_no_two_are_one() {
        let (one, two) = (Upload::random().unwrap(), Upload::random().unwrap());
        assert_ne!(one, two);
        assert_eq!(Upload::of_id(&one.id()), Some(one));
        for number in [1, 10_000, u32::MAX] {
            let block = one.block(number);
            assert_eq!((Upload::of_block(&block), block.len()), (Some(one), 28));
        }
        assert_ne!(one.block(1), one.block(2));
        for stranger in ["", "AAAA", "?", &BASE64_STANDARD.encode([0; 64])] {
            assert_eq!(Upload::of_block(stranger), None, "{stranger}");
        }
        for wrong in [
            "",
            "ab",
            &one.id()[1..],
            &"+1".repeat(16),
            &"AB".repeat(16),
            &"ä".repeat(16),
        ] {
            assert_eq!(Upload::of_id(wrong), None, "{wrong}");
        }
        assert_eq!(Upload::called("a"), Upload::called("a"));
        assert_ne!(Upload::called("a"), Upload::called("b"));
    }

    #[test]
    fn blocks_that_wait_are_told_apart_by_whose_they_are() {
        let (one, two) = (Upload::called("1"), Upload::called("2"));
        let body = |names: &[String]| {
            let block = |name: &String| format!("<Block><Name>{name}</Name><Size>1</Size></Block>");
            let all: String = names.iter().map(block).collect();
            format!("<BlockList><UncommittedBlocks>{all}</UncommittedBlocks></BlockList>")
        };
        let of = |names: &[String]| Waiting::of(body(names).as_bytes());
        assert!(of(&[one.block(1), one.block(2)]).is_only(one));
        assert!(!of(&[one.block(1), two.block(1)]).is_only(one));
        assert!(!of(&[one.block(1), "AAAA".to_owned()]).is_only(one));
        assert_eq!(of(&[]), Waiting::default());
        assert_eq!(Waiting::of(b"no xml"), Waiting::default());
    }

    #[test]
    fn a_blob_is_made_of_its_parts_in_their_order() {
        let upload = Upload::called("1");
        let part = |number| CompletedPart {
            number,
            etag: "<Latest>".into(),
            digest: String::new(),
        };
        let body = upload.list(&[part(2), part(1)]);
        let names = xml::all_of(body.as_bytes(), &["Latest"]);
        assert_eq!(names, [[upload.block(2)], [upload.block(1)]]);
    }
}
