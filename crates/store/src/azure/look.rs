//! Looks at blobs, reads, puts and removes them.
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::{Container, gone, label};
use crate::checksum::{Checksum, sha256_of_hex};
use crate::error::{StoreError, StoreErrorKind};
use crate::http::{Answer, LARGEST};
use crate::s3::{Archived, ObjectInfo};
use crate::signing::Pairs;
use crate::wanted::{Held, Removed};

const LOOK: &str = "look at the object";

/// A blob, and what it says beside its label.
pub(super) struct Seen {
    pub(super) object: ObjectInfo,
    /// The upload that made it, of which finishing it again is not another one.
    pub(super) upload: Option<String>,
}

impl Container {
    /// Looks at an object, or at one version of it; None where there is none. Its SHA-256 is the one that it was labelled with.
    pub(crate) async fn look(&self, key: &str, version: Option<&str>) -> Result<Option<ObjectInfo>, StoreError> {
        Ok(self.see(key, version).await?.map(|seen| seen.object))
    }

    pub(super) async fn see(&self, key: &str, version: Option<&str>) -> Result<Option<Seen>, StoreError> {
        match self.ask(LOOK, http::Method::HEAD, key, of(version), Pairs::new()).await {
            Ok(answer) => seen(&answer).map(Some),
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(None),
            // A HEAD's answer has no words, and one code may be a denial as well as a wrong key: a GET tells.
            Err(error) if error.kind() == StoreErrorKind::AccessDenied => {
                Err(self.why(key, version).await.unwrap_or(error))
            }
            Err(error) => Err(error),
        }
    }

    async fn why(&self, key: &str, version: Option<&str>) -> Option<StoreError> {
        let first = Pairs::from([("range".to_string(), "bytes=0-0".to_string())]);
        self.ask(LOOK, http::Method::GET, key, of(version), first).await.err()
    }

    /// Reads an object, or the bytes from the first to the last of a range; at most 16 MiB.
    pub(crate) async fn read(
        &self,
        key: &str,
        version: Option<&str>,
        range: Option<(u64, u64)>,
    ) -> Result<Vec<u8>, StoreError> {
        const STEP: &str = "read";
        if range.is_some_and(|(first, last)| last.saturating_sub(first) >= LARGEST as u64) {
            let why = "at most 16 MiB are read at once";
            return Err(StoreError::new(STEP, StoreErrorKind::Configuration, why));
        }
        let range = range.map(|(first, last)| ("range".to_string(), format!("bytes={first}-{last}")));
        let headers = range.into_iter().collect();
        let answer = self.ask(STEP, http::Method::GET, key, of(version), headers).await?;
        Ok(answer.body.to_vec())
    }

    /// Reads a small object if its ETag is this one, as a restore asks for it.
    pub(super) async fn read_if(&self, key: &str, etag: &str) -> Result<Vec<u8>, StoreError> {
        let only = Pairs::from([("if-match".to_string(), etag.to_string())]);
        let answer = self.ask("read", http::Method::GET, key, Pairs::new(), only).await?;
        Ok(answer.body.to_vec())
    }

    /// Puts a small object whole, in the account's own tier, so that it can be read at any time.
    pub(crate) async fn write(&self, key: &str, body: Vec<u8>) -> Result<(), StoreError> {
        let headers = Pairs::from([
            ("content-md5".to_string(), Checksum::Md5.digest(&body)),
            ("content-type".to_string(), "application/json".to_string()),
            ("x-ms-blob-type".to_string(), "BlockBlob".to_string()),
        ]);
        let put = self.request(
            "write",
            http::Method::PUT,
            key,
            Pairs::new(),
            headers,
            Bytes::from(body),
        );
        put.await.map(drop)
    }

    /// Removes an object, or one version of it for good; one that is not there is fine.
    pub(crate) async fn remove(&self, key: &str, version: Option<&str>) -> Result<Removed, StoreError> {
        let removed = match version {
            None => self.delete(key, None, Pairs::new()).await,
            Some(version) => self.delete_version(key, version).await,
        };
        match removed {
            // A lock that is the blob's own says until when; a container's does not.
            Err(error) if error.kind() == StoreErrorKind::Refused => match self.see(key, version).await? {
                Some(seen) if seen.object.held.holds(Timestamp::now()) => Ok(Removed::Held(seen.object.held)),
                _ => Err(error),
            },
            removed => removed.map(|()| Removed::Gone),
        }
    }

    /// The version that is the blob itself cannot be removed by its id: the blob goes first, and only if it is still that one, and what
    /// that leaves behind goes next.
    async fn delete_version(&self, key: &str, version: &str) -> Result<(), StoreError> {
        let current = self.see(key, None).await?;
        let current = current.filter(|seen| seen.object.version_id.as_deref() == Some(version));
        if let Some(seen) = current {
            let only = Pairs::from([("if-match".to_string(), seen.object.etag)]);
            match self.delete(key, None, only).await {
                // It is another one by now.
                Err(error) if error.kind() == StoreErrorKind::Exists => {}
                deleted => deleted?,
            }
        }
        self.delete(key, Some(version), Pairs::new()).await
    }

    pub(super) async fn delete(&self, key: &str, version: Option<&str>, only: Pairs) -> Result<(), StoreError> {
        gone(self.ask("delete", http::Method::DELETE, key, of(version), only).await)
    }
}

pub(super) fn of(version: Option<&str>) -> Pairs {
    let version = version.map(|id| ("versionid".to_string(), id.to_string()));
    version.into_iter().collect()
}

pub(super) fn version_of(answer: &Answer) -> Option<String> {
    answer.header("x-ms-version-id").filter(|id| !id.is_empty())
}

fn seen(answer: &Answer) -> Result<Seen, StoreError> {
    let headers = answer.headers.iter();
    let said = label::of(headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))));
    // Where it were taken for 0, a restore of nothing would be proved whole.
    let size = answer.header("content-length").and_then(|size| size.parse().ok());
    let size = size.ok_or_else(|| {
        let why = "the store's answer has no Content-Length: something between operator and store takes it away";
        StoreError::new(LOOK, StoreErrorKind::Refused, why)
    })?;
    let age = answer.time("date").zip(answer.time("last-modified"));
    let object = ObjectInfo {
        age: age.map(|(now, then): (Timestamp, Timestamp)| -> SignedDuration { now.duration_since(then) }),
        size,
        etag: answer.header("etag").unwrap_or_default(),
        metadata: said.label,
        checksum_sha256: said.sha256.as_deref().and_then(sha256_of_hex),
        version_id: version_of(answer),
        archived: archived(|name| answer.header(name)),
        held: held(|name| answer.header(name)),
    };
    Ok(Seen {
        object,
        upload: said.upload,
    })
}

/// A blob that is being brought back is in the Archive tier until it is there.
fn archived(header: impl Fn(&str) -> Option<String>) -> Option<Archived> {
    let class = header("x-ms-access-tier").filter(|tier| tier == "Archive")?;
    let coming = header("x-ms-archive-status").is_some_and(|status| status.starts_with("rehydrate-pending"));
    Some(Archived { class, coming })
}

fn held(header: impl Fn(&str) -> Option<String>) -> Held {
    // A time that cannot be read holds for ever: it is not nothing.
    let read = |text: String| jiff::fmt::rfc2822::parse(&text).map_or(Timestamp::MAX, |at| at.timestamp());
    Held {
        until: header("x-ms-immutability-policy-until-date").map(read),
        mode: header("x-ms-immutability-policy-mode"),
        legal: header("x-ms-legal-hold").is_some_and(|word| word.eq_ignore_ascii_case("true")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T>(read: impl Fn(&dyn Fn(&str) -> Option<String>) -> T, headers: &[(&str, &str)]) -> T {
        read(&|name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn what_lies_in_the_archive_tier_cannot_be_read_until_it_is_back() {
        let lies = |coming| {
            Some(Archived {
                class: "Archive".into(),
                coming,
            })
        };
        for (headers, expected) in [
            (&[][..], None),
            (&[("x-ms-access-tier", "Cold")], None),
            (&[("x-ms-access-tier", "Archive")], lies(false)),
            (
                &[
                    ("x-ms-access-tier", "Archive"),
                    ("x-ms-archive-status", "rehydrate-pending-to-hot"),
                ],
                lies(true),
            ),
        ] {
            assert_eq!(of(|h| archived(h), headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn what_a_blob_is_held_by_is_read_from_its_headers() {
        let found = of(
            |h| held(h),
            &[
                ("x-ms-immutability-policy-until-date", "Sun, 09 Sep 2001 01:46:40 GMT"),
                ("x-ms-immutability-policy-mode", "locked"),
                ("x-ms-legal-hold", "True"),
            ],
        );
        assert_eq!(found.until, Timestamp::from_second(1_000_000_000).ok());
        assert_eq!((found.mode.as_deref(), found.legal), (Some("locked"), true));
        assert_eq!(of(|h| held(h), &[]), Held::default());
    }
}
