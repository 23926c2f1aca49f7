//! Looks at objects. A HEAD's answer has no code: what is not there, or may not be seen, is asked for once more.
use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rusty_s3::Method;

use super::{Bucket, of_version};
use crate::error::{StoreError, StoreErrorKind};
use crate::http::Answer;
use crate::signing::{CLASS, LEGAL_HOLD, LOCK_MODE, LOCK_UNTIL, Pairs, from_header};
use crate::wanted::Held;

/// Metadata headers.
const METADATA: &str = "x-amz-meta-";

/// An object, as HEAD tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Bytes.
    pub size: u64,
    /// Quotes included.
    pub etag: String,
    /// As given at creation; names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// SHA-256, base64; of a multipart object the composite one (`...-N`). None where the store does not keep it.
    pub checksum_sha256: Option<String>,
    /// Which version of the key it is. None where the bucket keeps none.
    pub version_id: Option<String>,
    /// How long it has been there, by the store's own clock. None where the store does not say.
    pub age: Option<SignedDuration>,
    /// It cannot be read as it is.
    pub archived: Option<Archived>,
    /// Why it cannot be removed, where the store tells the access key.
    pub held: Held,
}

/// An object in a class that has to be brought back before it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Its class or tier, as the store says it.
    pub class: String,
    /// It is being brought back already.
    pub coming: bool,
}

/// From the headers of a HEAD: what has been brought back says so until it goes again.
fn archived(header: impl Fn(&str) -> Option<String>) -> Option<Archived> {
    let class = header("x-amz-archive-status")
        .or_else(|| header(CLASS).filter(|class| matches!(class.as_str(), "GLACIER" | "DEEP_ARCHIVE")))?;
    let restore = header("x-amz-restore").unwrap_or_default();
    let coming = restore.contains("ongoing-request=\"true\"");
    (coming || restore.is_empty()).then_some(Archived { class, coming })
}

/// From the headers of a HEAD. A time that cannot be read holds for ever: it is not nothing.
fn held(header: impl Fn(&str) -> Option<String>) -> Held {
    let mode = header(LOCK_MODE).filter(|mode| !mode.is_empty());
    let until = header(LOCK_UNTIL).filter(|_| mode.is_some());
    Held {
        until: until.map(|at| at.parse().unwrap_or(Timestamp::MAX)),
        mode,
        legal: header(LEGAL_HOLD).is_some_and(|word| word == "ON"),
    }
}

impl Bucket {
    /// Looks at an object, or at one version of it; None where there is none.
    pub(crate) async fn head(&self, key: &str, version_id: Option<&str>) -> Result<Option<ObjectInfo>, StoreError> {
        match self.head_once(key, version_id).await {
            // A HEAD's answer has no code: whether the object, the bucket or the access key is not there, a GET tells.
            Err(error) if matches!(error.kind(), StoreErrorKind::NotFound | StoreErrorKind::AccessDenied) => {
                match self.why_not(key, version_id).await {
                    Some(error) if error.kind() == StoreErrorKind::NotFound => Ok(None),
                    Some(error) => Err(error),
                    // It came meanwhile, or HEAD alone is denied.
                    None => self.head_once(key, version_id).await.map(Some),
                }
            }
            looked => looked.map(Some),
        }
    }

    /// Why an object cannot be read; None: it can.
    pub(super) async fn why_not(&self, key: &str, version_id: Option<&str>) -> Option<StoreError> {
        let first = Pairs::from([("range".to_string(), "bytes=0-0".to_string())]);
        let query = of_version(version_id);
        let asked = self.request("look at the object", Method::Get, key, query, first, Bytes::new());
        asked.await.err()
    }

    async fn head_once(&self, key: &str, version_id: Option<&str>) -> Result<ObjectInfo, StoreError> {
        // Signed, so that a store that keeps a checksum gives it back.
        let headers = Pairs::from([("x-amz-checksum-mode".to_string(), "ENABLED".to_string())]);
        let query = of_version(version_id);
        let answer = self
            .request("look at the object", Method::Head, key, query, headers, Bytes::new())
            .await?;
        let metadata = answer.headers.iter().filter_map(|(name, value)| {
            Some((
                name.as_str().strip_prefix(METADATA)?.to_string(),
                from_header(value.to_str().ok()?),
            ))
        });
        // Where it were taken for 0, a restore of nothing would be proved whole.
        let size = answer.header("content-length").and_then(|s| s.parse().ok());
        let size = size.ok_or_else(|| {
            let why = "the store's answer has no Content-Length: something between operator and store takes it away";
            StoreError::new("look at the object", StoreErrorKind::Refused, why)
        })?;
        let age = answer
            .time("date")
            .zip(answer.time("last-modified"))
            .map(|(now, then)| now.duration_since(then));
        Ok(ObjectInfo {
            age,
            size,
            etag: answer.header("etag").unwrap_or_default(),
            metadata: metadata.collect(),
            checksum_sha256: answer.header("x-amz-checksum-sha256"),
            version_id: version_of(&answer),
            archived: archived(|name| answer.header(name)),
            held: held(|name| answer.header(name)),
        })
    }
}

/// `null` is the one version of a bucket that keeps none any more: whoever writes next replaces it.
pub(super) fn version_of(answer: &Answer) -> Option<String> {
    answer
        .header("x-amz-version-id")
        .filter(|id| !id.is_empty() && id != "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_held_until_its_date_or_its_hold_is_over() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-28T12:00:00Z");
        for (mode, until, legal, holds) in [
            ("", "", "", false),
            ("GOVERNANCE", "2026-11-28T12:00:01Z", "", true),
            ("COMPLIANCE", "2026-11-28T12:00:01.000Z", "OFF", true),
            ("GOVERNANCE", "2026-11-28T12:00:00Z", "OFF", false),
            ("GOVERNANCE", "2020-01-01T00:00:00Z", "ON", true),
            ("", "", "ON", true),
            ("", "2030-01-01T00:00:00Z", "", false),
            ("GOVERNANCE", "soon", "", true),
        ] {
            let header = |name: &str| {
                let value = match name {
                    LOCK_MODE => mode,
                    LOCK_UNTIL => until,
                    LEGAL_HOLD => legal,
                    _ => "",
                };
                Some(value.to_owned()).filter(|v| !v.is_empty())
            };
            assert_eq!(held(header).holds(now), holds, "{mode} {until} {legal}");
        }
    }

    #[test]
    fn what_lies_in_an_archive_and_was_not_brought_back_cannot_be_read() {
        let back = "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2012 00:00:00 GMT\"";
        let found = |headers: &[(&str, &str)]| {
            let header = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            archived(header).map(|a| (a.class, a.coming))
        };
        let lies = |class: &str, coming| Some((class.to_owned(), coming));
        let (class, tier, restore) = (CLASS, "x-amz-archive-status", "x-amz-restore");
        for (headers, expected) in [
            (vec![], None),
            (vec![(class, "STANDARD_IA")], None),
            (vec![(class, "GLACIER_IR")], None),
            (vec![(class, "GLACIER")], lies("GLACIER", false)),
            (
                vec![(class, "DEEP_ARCHIVE"), (restore, "ongoing-request=\"true\"")],
                lies("DEEP_ARCHIVE", true),
            ),
            (vec![(class, "GLACIER"), (restore, back)], None),
            (
                vec![(class, "INTELLIGENT_TIERING"), (tier, "ARCHIVE_ACCESS")],
                lies("ARCHIVE_ACCESS", false),
            ),
        ] {
            assert_eq!(found(&headers), expected, "{headers:?}");
        }
    }
}
