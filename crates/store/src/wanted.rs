//! What is asked of a store, whatever it speaks, and what it answers.
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::checksum::Checksum;
use crate::error::StoreError;
use crate::s3::CompletedPart;

/// What an object says of its maker: names and values, given when it is made.
pub type Label = BTreeMap<String, String>;

/// What a signed URL is to be good for, and for nothing else.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// To put one part of one upload.
    Part {
        /// Object key.
        key: &'a str,
        /// Upload.
        upload: &'a str,
        /// From 1.
        number: u32,
        /// Bytes.
        size: u64,
        /// How its bytes are bound to the URL.
        checksum: Checksum,
        /// Base64, as the checksum says.
        digest: &'a str,
    },
    /// To put an object whole.
    Whole {
        /// Object key.
        key: &'a str,
        /// Bytes.
        size: u64,
        /// How its bytes are bound to the URL.
        checksum: Checksum,
        /// Base64, as the checksum says.
        digest: &'a str,
        /// What it says of its maker.
        label: &'a Label,
        /// Only where none is visible, if the store honours that.
        only_new: bool,
    },
    /// To read an object; the holder adds the range.
    Read {
        /// Object key.
        key: &'a str,
        /// One version of it.
        version: Option<&'a str>,
    },
}

impl<'a> Wanted<'a> {
    /// To put one part of one upload.
    pub fn part(key: &'a str, upload: &'a str, number: u32, size: u64, checksum: Checksum, digest: &'a str) -> Self {
        Self::Part {
            key,
            upload,
            number,
            size,
            checksum,
            digest,
        }
    }

    /// To put an object whole.
    pub fn whole(
        key: &'a str,
        size: u64,
        checksum: Checksum,
        digest: &'a str,
        label: &'a Label,
        only_new: bool,
    ) -> Self {
        Self::Whole {
            key,
            size,
            checksum,
            digest,
            label,
            only_new,
        }
    }

    /// To read an object, or one version of it.
    pub fn read(key: &'a str, version: Option<&'a str>) -> Self {
        Self::Read { key, version }
    }
}

/// An upload that is to become its object.
#[derive(Clone, Copy, Debug)]
pub struct Finish<'a> {
    /// Object key.
    pub key: &'a str,
    /// Upload.
    pub upload: &'a str,
    /// In order.
    pub parts: &'a [CompletedPart],
    /// How parts were bound to their URLs.
    pub checksum: Checksum,
    /// The label that the upload was begun with: some stores want it now.
    pub label: &'a Label,
    /// SHA-256 of all of it, hexadecimal, for stores that keep what they are told.
    pub sha256: Option<&'a str>,
    /// Only where nothing is visible under the key, if the store honours that.
    pub only_new: bool,
}

impl<'a> Finish<'a> {
    /// An upload of which the store is told no SHA-256.
    pub fn new(
        key: &'a str,
        upload: &'a str,
        parts: &'a [CompletedPart],
        checksum: Checksum,
        label: &'a Label,
        only_new: bool,
    ) -> Self {
        Self {
            key,
            upload,
            parts,
            checksum,
            label,
            sha256: None,
            only_new,
        }
    }
}

/// What becomes of an upload that is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is gone, and what it took.
    Gone,
    /// The store forgets it by itself, after so many days, and counts its bytes until then.
    Later {
        /// Days.
        days: u32,
    },
}

/// How an object is brought back that lies in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thaw {
    /// How long it stays readable.
    pub days: u32,
    /// How fast it comes, and what that costs: Standard, Bulk or Expedited.
    pub tier: &'static str,
}

/// What becomes of an object that is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone, or never was.
    Gone,
    /// The store keeps it.
    Held(Held),
}

/// Why a store keeps an object that is to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Nobody, or nobody without a right of its own, can remove it before.
    pub until: Option<Timestamp>,
    /// The mode of that retention, as the store says it: GOVERNANCE or COMPLIANCE.
    pub mode: Option<String>,
    /// A legal hold lies on it, which has no end but being taken off.
    pub legal: bool,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = self.mode.as_deref().map_or(String::new(), |mode| format!(" ({mode})"));
        match (&self.until, self.legal) {
            (Some(until), false) => write!(f, "locked until {}{mode}", until.strftime("%Y-%m-%dT%H:%M:%SZ")),
            (Some(until), true) => write!(
                f,
                "locked until {}{mode}, and under a legal hold, which has no end but being taken off",
                until.strftime("%Y-%m-%dT%H:%M:%SZ")
            ),
            (None, true) => f.write_str("under a legal hold, which has no end but being taken off"),
            (None, false) => f.write_str("not locked"),
        }
    }
}

impl Removed {
    /// That it is held as an error, for who cannot wait.
    ///
    /// # Errors
    /// Of kind `Held`.
    pub fn gone(self, key: &str) -> Result<(), StoreError> {
        match self {
            Self::Gone => Ok(()),
            Self::Held(held) => Err(StoreError::of_held(key, &held)),
        }
    }
}

impl Held {
    /// It cannot be removed at that time.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.legal || self.until.is_some_and(|until| until > now)
    }
}

/// How a store wants uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Bytes of every part but the last, at least.
    pub smallest_part: u64,
    /// Bytes of a part, at most.
    pub largest_part: u64,
    /// Parts of an upload, at most.
    pub parts: u32,
    /// How long a URL can be good.
    pub longest_url: Duration,
    /// What becomes of an upload that is dropped, at worst.
    pub dropped: Dropped,
}
