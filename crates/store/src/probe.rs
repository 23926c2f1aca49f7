//! Finds out what a store can do, by doing it: S3-compatible is not S3.
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::checksum::{Checksum, composite_sha256};
use crate::error::{ProbeError, StoreError, StoreErrorKind};
use crate::s3::{Bucket, CompletedPart, ObjectInfo, Version};
use crate::wanted::{Finish, Label, Wanted};

/// What is written, and what is sent in its place to a URL that was not signed for it.
const CANARY: &[u8] = b"backup-operator probes this store\n";
const IMPOSTOR: &[u8] = b"backup-operator probed this store\n";
/// A probe's object that is older than this is no probe's under way.
const LEFT: SignedDuration = SignedDuration::from_secs(3600);
/// How long the probe's URLs are good.
const EXPIRES: Duration = Duration::from_secs(300);
/// Metadata that the probe gives and wants back.
const NAME: &str = "backup-operator-probe";

/// What a store was seen to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// How bodies are bound to signed URLs, for whole objects and for parts.
    pub checksum: Checksum,
    /// The store was seen to refuse other bodies: for whole objects and for parts. Where nobody asked for a certain checksum, one
    /// that is not enforced is none.
    pub enforced: bool,
    /// HEAD gives back the metadata of creation.
    pub metadata: bool,
    /// HEAD gives back the composite SHA-256 of a multipart object.
    pub composite_checksum: bool,
    /// An object that is put, or an upload that is completed, with `If-None-Match: *` does not replace an object that is there.
    pub if_none_match: bool,
    /// The access key may delete objects.
    pub deletable: bool,
    /// The access key may know that an object is not there: that needs the right to list, else it is told 403.
    pub listable: bool,
    /// Objects can be locked there (S3 Object Lock), as far as the access key may know.
    pub locks: bool,
}

/// Why a part that was taken is not known, where its ETag shows it.
fn told_of(etag: &str, error: StoreError) -> StoreError {
    let what = match etag {
        "" => "the answer to a part had no ETag".to_string(),
        weak if weak.starts_with("W/") => format!("the answer to a part had a weak ETag ({weak})"),
        _ => return error,
    };
    error.told(&format!(
        "{what}: something between the operator and the store, a gateway that compresses, changes it on its way, and the store does not know the part by it; have it leave headers as they are"
    ))
}

/// The canary as a part of an upload.
fn part<'a>(key: &'a str, upload: &'a str, checksum: Checksum, digest: &'a str) -> Wanted<'a> {
    Wanted::part(key, upload, 1, CANARY.len() as u64, checksum, digest)
}

/// The canary as an object.
fn whole<'a>(key: &'a str, checksum: Checksum, digest: &'a str, label: &'a Label, only_new: bool) -> Wanted<'a> {
    Wanted::whole(key, CANARY.len() as u64, checksum, digest, label, only_new)
}

/// The one key that the probes of a storage write, so that each finds what one that died has left.
fn key_of(prefix: &str, id: &str) -> String {
    format!("{prefix}.backup-operator/probe-{id}")
}

impl Bucket {
    /// Writes, reads and deletes objects of its own below `prefix`; `id` keeps probes of two storages apart; of one there is one at a time. Nothing is left behind, also in a
    /// bucket that keeps versions.
    ///
    /// # Errors
    /// The step that failed, and the cure.
    pub(crate) async fn probe(
        &self,
        prefix: &str,
        id: &str,
        wanted: Option<Checksum>,
    ) -> Result<Capabilities, ProbeError> {
        let key = key_of(prefix, id);
        self.sweep(&key).await?;
        // Each probe before this one wrote the same key, or, of an earlier version, one that begins with it.
        for left in self.list(&format!("{key}-")).await.unwrap_or_default() {
            let _ = self.delete(&left).await;
        }
        let locking = match self.locking().await {
            Err(error) if self.locks() => return Err(error.into()),
            Ok(false) if self.locks() => return Err(ProbeError::NoLock),
            asked => asked.unwrap_or_default(),
        };
        let found = self.look(&key, id, wanted).await;
        // Also after a failure: the write may have come before it. A store that does not answer would only answer later: what is left
        // there the next probe finds.
        let found = match found {
            Err(ProbeError::Request(error))
                if matches!(error.kind(), StoreErrorKind::Unreachable | StoreErrorKind::Timeout) =>
            {
                return Err(error.into());
            }
            found => found,
        };
        let removed = self.clean(prefix, &key).await.map_err(|e| e.at("delete"));
        let found = found?;
        // A key that may only add is a defence, and so is a bucket that locks its objects, which some stores say by a 400: backups
        // work with both.
        let deletable = match removed {
            Ok(()) => true,
            Err(error) if matches!(error.kind(), StoreErrorKind::AccessDenied | StoreErrorKind::Refused) => false,
            Err(error) => return Err(error.into()),
        };
        let missing = self.head(&format!("{key}-missing"), None).await;
        let listable = match missing {
            Ok(_) => true,
            Err(error) if error.kind() == StoreErrorKind::AccessDenied => false,
            Err(error) => return Err(error.at("read").into()),
        };
        Ok(Capabilities {
            deletable,
            listable,
            locks: locking,
            ..found
        })
    }

    /// Looks whether a store that was probed well still takes and refuses what it did: without making an object, which a bucket that
    /// keeps versions or locks them would keep each time.
    ///
    /// # Errors
    /// The step that failed, and the cure.
    pub(crate) async fn probe_again(&self, prefix: &str, id: &str, known: Capabilities) -> Result<(), ProbeError> {
        let key = key_of(prefix, id);
        self.sweep(&key).await?;
        let none = BTreeMap::new();
        if known.enforced {
            match self.binds_parts(&key, &none, known.checksum).await {
                Ok(true) => {}
                Ok(false) => return Err(ProbeError::TakesAnything),
                Err(error) => return Err(error.at("write").into()),
            }
        }
        let created = self.create_upload(&key, &none, known.checksum).await;
        let upload = created.map_err(|e| e.at("multipart upload"))?;
        let tried = self.try_part(&key, &upload, known.checksum).await;
        // Also after a failure; the first error is the one to tell.
        let aborted = self.abort(&key, &upload).await.map_err(|e| e.at("delete"));
        tried?;
        aborted?;
        match self.head(&key, None).await {
            Err(error) if known.listable || error.kind() != StoreErrorKind::AccessDenied => {
                Err(error.at("read").into())
            }
            _ => Ok(()),
        }
    }

    /// Aborts what a probe that died has begun under this key: nobody else writes there. Where uploads cannot be listed, they stay,
    /// and nothing depends on it. It is the first request of a probe: where nothing is reached, each other one would wait for as
    /// long again, until nobody hears why. Where the access key may not abort, each probe would leave one upload more: none is
    /// begun while one of ours is there.
    async fn sweep(&self, key: &str) -> Result<(), StoreError> {
        let all = match self.list_uploads(key).await {
            Err(error) if error.kind() == StoreErrorKind::Unreachable => return Err(error.at("connect")),
            listed => listed.unwrap_or_default(),
        };
        for left in all {
            if left.key == key || left.key.starts_with(&format!("{key}-")) {
                match self.abort(&left.key, &left.id).await {
                    Err(error) if error.kind() == StoreErrorKind::AccessDenied => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    async fn try_part(&self, key: &str, upload: &str, checksum: Checksum) -> Result<(), StoreError> {
        let digest = checksum.digest(CANARY);
        let signed = self
            .sign(&part(key, upload, checksum, &digest), EXPIRES, Timestamp::now())
            .await?;
        let put = self.put_signed("write a part", &signed, CANARY).await;
        put.map(drop).map_err(|e| e.at("write"))
    }

    /// Removes what a probe has written: each version of it where the bucket keeps them, and what probes before left, too.
    async fn clean(&self, prefix: &str, key: &str) -> Result<(), StoreError> {
        let all = match self.head(key, None).await {
            Ok(Some(object)) if object.version_id.is_some() => {
                // Where they cannot be listed, the marker of a plain deletion is all that can be had.
                let below = format!("{prefix}.backup-operator/probe-");
                self.list_versions(&below).await.unwrap_or_default()
            }
            // Nothing was written: a deletion would leave a marker each time, where versions are kept.
            Ok(None) => return Ok(()),
            _ => Vec::new(),
        };
        let own = |version: &Version| version.key == key;
        if !all.iter().any(own) {
            return self.delete(key).await;
        }
        let old = |version: &Version| {
            version
                .modified
                .is_some_and(|at| Timestamp::now().duration_since(at) > LEFT)
        };
        for version in all.iter().filter(|v| own(v) || old(v)) {
            // A canary that the bucket's own retention holds goes with the next full probe after that.
            let _ = self.remove(&version.key, Some(&version.id)).await?;
        }
        Ok(())
    }

    async fn look(&self, key: &str, id: &str, wanted: Option<Checksum>) -> Result<Capabilities, ProbeError> {
        let metadata = BTreeMap::from([(NAME.to_string(), id.to_string())]);
        // No object is made with the storage class: only an upload that is aborted asks whether the store knows it.
        let plain = self.for_canaries();
        let candidates = match wanted {
            Some(wanted) => vec![wanted],
            // It has no header for the other one.
            None if self.is_googles() => vec![Checksum::Md5],
            // Where objects are locked, no part is taken without a checksum.
            None if self.locks() => vec![Checksum::Sha256, Checksum::Md5],
            None => vec![Checksum::Sha256, Checksum::Md5, Checksum::None],
        };
        for checksum in candidates.iter().copied() {
            let last = candidates.last() == Some(&checksum);
            // Google's store says that the signature does not match where a checksum's header is signed.
            let other = |error: &StoreError| {
                !last && matches!(error.kind(), StoreErrorKind::Refused | StoreErrorKind::BadCredentials)
            };
            let whole = match plain.write(key, &metadata, checksum).await {
                Ok(bound) if bound || last => bound,
                Ok(_) => continue,
                Err(error) if other(&error) => continue,
                Err(error) => return Err(error.at("write").into()),
            };
            let object = self
                .head(key, None)
                .await
                .map_err(|e| e.at("read"))?
                .ok_or(ProbeError::Different)?;
            let bytes = self.get_if_match(key, &object.etag).await.map_err(|e| match e.kind() {
                StoreErrorKind::Exists => ProbeError::EtagChanged(object.etag.clone()),
                _ => e.at("read").into(),
            })?;
            if bytes != CANARY || object.size != CANARY.len() as u64 {
                return Err(ProbeError::Different);
            }
            let kept = |o: &ObjectInfo| o.metadata.get(NAME).is_some_and(|v| v == id);
            let parts = match self.binds_parts(key, &metadata, checksum).await {
                Ok(bound) if bound || last => bound,
                Ok(_) => continue,
                Err(error) if other(&error) => continue,
                Err(error) => return Err(error.at("multipart upload").into()),
            };
            match plain.multipart(key, &metadata, checksum).await {
                Ok((object, digest)) => {
                    let composite = composite_sha256([digest.as_str()].into_iter());
                    return Ok(Capabilities {
                        checksum,
                        enforced: whole && parts,
                        metadata: kept(&object),
                        composite_checksum: checksum == Checksum::Sha256 && object.checksum_sha256 == Some(composite),
                        if_none_match: plain.keeps_what_is_there(key, &metadata, checksum).await,
                        // Found out when it is removed.
                        deletable: true,
                        listable: true,
                        locks: false,
                    });
                }
                Err(error) if other(&error) => {}
                Err(error) => return Err(error.at("multipart upload").into()),
            }
        }
        Err(ProbeError::Different)
    }

    /// Writes the canary through a signed URL; whether the store refused another body of the same length there.
    async fn write(
        &self,
        key: &str,
        metadata: &BTreeMap<String, String>,
        checksum: Checksum,
    ) -> Result<bool, StoreError> {
        let digest = checksum.digest(CANARY);
        let wanted = whole(key, checksum, &digest, metadata, false);
        let signed = self.sign(&wanted, EXPIRES, Timestamp::now()).await?;
        let refused = match self.put_signed("write", &signed, IMPOSTOR).await {
            Ok(_) => false,
            Err(error) if error.passes() => return Err(error),
            Err(_) => true,
        };
        self.put_signed("write", &signed, CANARY).await?;
        Ok(refused)
    }

    /// Whether the store refuses another body for a part. Some look at what is put whole only. In an upload of its own: rclone
    /// drops the whole upload then.
    async fn binds_parts(
        &self,
        key: &str,
        metadata: &BTreeMap<String, String>,
        checksum: Checksum,
    ) -> Result<bool, StoreError> {
        let upload = self.create_upload(key, metadata, checksum).await?;
        let digest = checksum.digest(CANARY);
        let wanted = part(key, &upload, checksum, &digest);
        let signed = match self.sign(&wanted, EXPIRES, Timestamp::now()).await {
            Ok(signed) => signed,
            Err(error) => {
                // The first error is the one to tell.
                let _ = self.abort(key, &upload).await;
                return Err(error);
            }
        };
        let put = self.put_signed("write a part", &signed, IMPOSTOR).await;
        self.abort(key, &upload).await?;
        match put {
            Ok(_) => Ok(false),
            Err(error) if error.passes() => Err(error),
            Err(_) => Ok(true),
        }
    }

    /// A multipart upload of one part, completed.
    async fn multipart(
        &self,
        key: &str,
        metadata: &BTreeMap<String, String>,
        checksum: Checksum,
    ) -> Result<(ObjectInfo, String), StoreError> {
        let upload = self.create_upload(key, metadata, checksum).await?;
        let made = self.one_part(key, &upload, checksum, false).await;
        if made.is_err() {
            // The first error is the one to tell.
            let _ = self.abort(key, &upload).await;
        }
        let digest = made?;
        let object = self.head(key, None).await?;
        let object = object.ok_or_else(|| {
            StoreError::new(
                "multipart upload",
                StoreErrorKind::Refused,
                "the completed object is not there",
            )
        })?;
        Ok((object, digest))
    }

    /// Whether the store refuses to put an object over the one that is there, and to complete an upload over it, where it was
    /// asked to. A failure of another kind is no promise of anything.
    async fn keeps_what_is_there(&self, key: &str, metadata: &BTreeMap<String, String>, checksum: Checksum) -> bool {
        let digest = checksum.digest(CANARY);
        let wanted = whole(key, checksum, &digest, metadata, true);
        let Ok(signed) = self.sign(&wanted, EXPIRES, Timestamp::now()).await else {
            return false;
        };
        let put = self.put_signed("write", &signed, CANARY).await;
        if !put.is_err_and(|error| error.kind() == StoreErrorKind::Exists) {
            return false;
        }
        let Ok(upload) = self.create_upload(key, metadata, checksum).await else {
            return false;
        };
        let made = self.one_part(key, &upload, checksum, true).await;
        // One that was completed after all, or went with the refusal, is gone already.
        let _ = self.abort(key, &upload).await;
        made.is_err_and(|error| error.kind() == StoreErrorKind::Exists)
    }

    async fn one_part(
        &self,
        key: &str,
        upload: &str,
        checksum: Checksum,
        only_new: bool,
    ) -> Result<String, StoreError> {
        let digest = checksum.digest(CANARY);
        let signed = self
            .sign(&part(key, upload, checksum, &digest), EXPIRES, Timestamp::now())
            .await?;
        let answer = self.put_signed("write a part", &signed, CANARY).await?;
        let etag = answer.header("etag").unwrap_or_default();
        let part = CompletedPart {
            number: 1,
            etag: etag.clone(),
            digest: digest.clone(),
        };
        let finish = Finish {
            key,
            upload,
            parts: &[part],
            checksum,
            label: &BTreeMap::new(),
            sha256: None,
            only_new,
        };
        let completed = self.complete(&finish).await;
        completed.map_err(|error| match error.kind() {
            StoreErrorKind::InvalidPart | StoreErrorKind::Refused => told_of(&etag, error),
            _ => error,
        })?;
        Ok(digest)
    }
}
