//! What is said of an object, beside its file.
use std::collections::BTreeMap;
use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::archive::{Class, Thaw};
use super::{LABELS, Shelf};
use crate::fault::{At, Fault};
use crate::files::{Files, Stat};

/// What whoever made it gave along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// `x-amz-meta-*`, without that.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// `Content-Type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The archive that it lies in; none: it can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
}

/// An object's label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Label {
    /// For people: the file's name is a hash.
    pub key: String,
    /// Bytes of the file that it belongs to.
    pub size: u64,
    /// Its time.
    pub modified: i64,
    /// In hexadecimal: SHA-256 of what was put whole; of an upload that of its parts' digests, with `-` and their number.
    pub sha256: String,
    /// The upload that it was made by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// When it was, or will be, brought back from its archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thaw: Option<Thaw>,
    /// As given.
    #[serde(flatten)]
    pub shown: Shown,
}

impl Label {
    /// It is this file's.
    pub fn fits(&self, stat: &Stat) -> bool {
        !stat.folder && stat.size == self.size && stat.modified == self.modified
    }

    /// With its quotes. No MD5, and not as long as one: nobody takes it for one.
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.sha256)
    }

    /// As `x-amz-checksum-sha256` says it.
    pub fn checksum(&self) -> Option<String> {
        let (digest, parts) = match self.sha256.split_once('-') {
            Some((digest, parts)) => (digest, format!("-{parts}")),
            None => (self.sha256.as_str(), String::new()),
        };
        Some(format!("{}{parts}", BASE64_STANDARD.encode(digest_of_hex(digest)?)))
    }
}

/// SHA-256 of all of these.
pub fn sha256(pieces: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for piece in pieces {
        context.update(piece);
    }
    context.finish().as_ref().try_into().unwrap_or([0; 32])
}

/// In hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A String takes all.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The opposite, of 32 bytes.
pub fn digest_of_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Where a key's label lies, and where it lies until it has taken that place.
pub(super) fn paths(bucket: &str, key: &str) -> (String, String) {
    let path = format!("{LABELS}/{bucket}/{}", hex(&sha256(&[key.as_bytes()])));
    let next = format!("{path}.next");
    (path, next)
}

impl<F: Files> Shelf<F> {
    /// A label; one that cannot be read is none.
    pub(super) fn label(&self, path: &str) -> Result<Option<Label>, Fault> {
        match self.files.read_small(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at("read a label"),
        }
    }

    /// The label that fits the file under a key, and what lies there.
    pub(super) fn look_at(&self, bucket: &str, key: &str) -> Result<(Option<Label>, Option<Stat>), Fault> {
        let stat = self.files.stat(&format!("{bucket}/{key}")).at("look at the object")?;
        let Some(there) = stat.filter(|stat| !stat.folder) else {
            return Ok((None, stat));
        };
        let (path, next) = paths(bucket, key);
        for path in [path, next] {
            if let Some(label) = self
                .label(&path)?
                .filter(|label| label.fits(&there) && label.key == key)
            {
                return Ok((Some(label), stat));
            }
        }
        Ok((None, stat))
    }
}
