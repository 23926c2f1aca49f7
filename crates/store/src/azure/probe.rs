//! Finds out whether a container takes what backups send, and refuses all else that a part's signature could be used for.
use std::time::Duration;

use jiff::Timestamp;

use super::Container;
use super::blocks::Upload;
use crate::checksum::Checksum;
use crate::error::{ProbeError, StoreError, StoreErrorKind};
use crate::probe::Capabilities;
use crate::s3::CompletedPart;
use crate::secret::Secret;
use crate::signing::Signed;
use crate::wanted::{Finish, Label, Removed, Wanted};

/// What is written, and what is sent in its place to a URL that was not signed for it.
const CANARY: &[u8] = b"backup-operator probes this store\n";
const IMPOSTOR: &[u8] = b"backup-operator probed this store\n";
/// How long the probe's URLs are good.
const EXPIRES: Duration = Duration::from_secs(300);
/// What the probe's object is labelled with.
const NAME: &str = "backup-operator-probe";
/// How its part is bound.
const BOUND: Checksum = Checksum::Md5;

/// One use of a part's signature that it is not made for.
struct Misuse {
    /// What was sent instead, as a person reads it.
    what: &'static str,
    signed: Signed,
    body: &'static [u8],
}

impl Container {
    /// Writes, reads and removes blobs of its own below `prefix`; `id` keeps probes of two storages apart; of one there is one at a time.
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
        for left in self.keys(&format!("{key}-")).await.unwrap_or_default() {
            let _ = self.remove(&left, None).await;
        }
        let plain = self.without_tier();
        let checksum = wanted.unwrap_or(BOUND);
        let found = plain.try_all(&key, id, checksum).await;
        // A store that does not answer would only answer later: what is left there the next probe finds.
        if let Err(ProbeError::Request(error)) = &found
            && matches!(error.kind(), StoreErrorKind::Unreachable | StoreErrorKind::Timeout)
        {
            return found;
        }
        let removed = self.clean(&key).await.map_err(|e| e.at("delete"));
        let found = found?;
        let deletable = match removed {
            Ok(Removed::Gone) => true,
            Ok(Removed::Held(_)) => false,
            // A role that may only add is a defence, and so is a container that locks its blobs.
            Err(error) if matches!(error.kind(), StoreErrorKind::AccessDenied | StoreErrorKind::Refused) => false,
            Err(error) => return Err(error.into()),
        };
        Ok(Capabilities { deletable, ..found })
    }

    /// Looks whether a store that was probed well still takes and refuses what it did, without making a blob.
    ///
    /// # Errors
    /// The step that failed, and the cure.
    pub(crate) async fn probe_again(&self, prefix: &str, id: &str, known: Capabilities) -> Result<(), ProbeError> {
        let key = key_of(prefix, id);
        self.sweep(&key).await?;
        // Always the same, so that what cannot be dropped does not become more.
        let upload = Upload::called(id);
        let tried = self.try_part(&key, upload, known.checksum, known.enforced).await;
        // Nobody else writes there.
        let dropped = self.drop_waiting(&key).await.map_err(|e| e.at("delete"));
        tried.map_err(|error| match error {
            ProbeError::Bound(_) => ProbeError::TakesAnything,
            error => error,
        })?;
        dropped?;
        match self.look(&key, None).await {
            Err(error) => Err(error.at("read").into()),
            Ok(_) => Ok(()),
        }
    }

    /// The same, making blobs of the account's own tier: what lies in Archive cannot be read back.
    fn without_tier(&self) -> Self {
        Self {
            tier: None,
            ..self.clone()
        }
    }

    /// Drops what a probe that died has left under this key. It is the first request of a probe: where nothing is reached, each other one
    /// would wait for as long again.
    async fn sweep(&self, key: &str) -> Result<(), StoreError> {
        let all = match self.uploads(key).await {
            Err(error) if error.kind() == StoreErrorKind::Unreachable => return Err(error.at("connect")),
            Err(error) if error.kind() == StoreErrorKind::AccessDenied => Vec::new(),
            listed => listed?,
        };
        if all.iter().any(|left| left.key == key) {
            self.drop_waiting(key).await?;
        }
        Ok(())
    }

    /// Removes what a probe has written: each version of it where the account keeps them.
    async fn clean(&self, key: &str) -> Result<Removed, StoreError> {
        let removed = self.remove(key, None).await?;
        for version in self.versions(key).await.unwrap_or_default() {
            if version.key == key {
                self.remove(key, Some(&version.id)).await?;
            }
        }
        Ok(removed)
    }

    /// All that a part's signature must not be good for, each refused; and the part itself.
    async fn try_part(&self, key: &str, upload: Upload, checksum: Checksum, binds: bool) -> Result<(), ProbeError> {
        let at = |error: StoreError| error.at("write");
        let digest = checksum.digest(CANARY);
        let id = upload.id();
        let wanted = Wanted::part(key, &id, 1, CANARY.len() as u64, checksum, &digest);
        let signed = self.sign(&wanted, EXPIRES, Timestamp::now()).await.map_err(at)?;
        if binds {
            for misuse in misuses(&signed, key, upload) {
                match self.put_signed("write a part", &misuse.signed, misuse.body).await {
                    Ok(_) => return Err(ProbeError::Bound(misuse.what)),
                    Err(error) if error.passes() => return Err(at(error).into()),
                    Err(error) if error.kind() == StoreErrorKind::NoSuchBucket => return Err(at(error).into()),
                    Err(_) => {}
                }
            }
        }
        self.put_signed("write a part", &signed, CANARY).await.map_err(at)?;
        Ok(())
    }

    async fn try_all(&self, key: &str, id: &str, checksum: Checksum) -> Result<Capabilities, ProbeError> {
        let label = Label::from([(NAME.to_string(), id.to_string())]);
        let enforced = checksum != Checksum::None;
        let upload = Upload::called(id);
        // An earlier probe's may be there, whose removal failed.
        let before = self.look(key, None).await.map_err(|e| e.at("read"))?;
        self.try_part(key, upload, checksum, enforced).await?;
        let early = self.look(key, None).await.map_err(|e| e.at("read"))?;
        if before.is_none() && early.is_some() {
            return Err(ProbeError::Different);
        }
        let parts = [CompletedPart {
            number: 1,
            etag: String::new(),
            digest: String::new(),
        }];
        let name = upload.id();
        let finish = Finish::new(key, &name, &parts, checksum, &label, false);
        let at = |error: StoreError| error.at("multipart upload");
        if before.is_some() {
            let any = ("if-match".to_string(), "*".to_string());
            self.commit(upload, &finish, any).await.map_err(at)?;
        } else {
            self.finish(&finish).await.map_err(at)?;
        }
        let object = self.look(key, None).await.map_err(|e| e.at("read"))?;
        let object = object.ok_or(ProbeError::Different)?;
        let bytes = self.read_if(key, &object.etag).await.map_err(|e| match e.kind() {
            StoreErrorKind::Exists => ProbeError::EtagChanged(object.etag.clone()),
            _ => e.at("read").into(),
        })?;
        if bytes != CANARY || object.size != CANARY.len() as u64 {
            return Err(ProbeError::Different);
        }
        let only_new = ("if-none-match".to_string(), "*".to_string());
        let again = self.commit(upload, &finish, only_new).await;
        Ok(Capabilities {
            checksum,
            enforced,
            metadata: object.metadata == label,
            composite_checksum: false,
            locks: false,
            if_none_match: is_kept(&again) && self.keeps_what_is_there(key, &label, checksum).await?,
            // Found out when it is removed.
            deletable: true,
            listable: true,
        })
    }

    /// Whether a blob that is put whole, and is to be new, leaves the one that is there.
    async fn keeps_what_is_there(&self, key: &str, label: &Label, checksum: Checksum) -> Result<bool, ProbeError> {
        let digest = checksum.digest(CANARY);
        let wanted = Wanted::whole(key, CANARY.len() as u64, checksum, &digest, label, true);
        let signed = self
            .sign(&wanted, EXPIRES, Timestamp::now())
            .await
            .map_err(|e| e.at("write"))?;
        Ok(is_kept(&self.put_signed("write", &signed, CANARY).await))
    }
}

fn is_kept<T>(put: &Result<T, StoreError>) -> bool {
    put.as_ref().is_err_and(|error| error.kind() == StoreErrorKind::Exists)
}

/// The one key that the probes of a storage write, so that each finds what one that died has left.
fn key_of(prefix: &str, id: &str) -> String {
    format!("{prefix}.backup-operator/probe-{id}")
}

/// Each with the headers that were signed, as whoever holds them could send them.
fn misuses(signed: &Signed, key: &str, upload: Upload) -> Vec<Misuse> {
    let block = super::signer::encoded(&upload.block(1));
    let other = super::signer::encoded(&upload.block(2));
    let last = key.rsplit('/').next().unwrap_or(key);
    let url = |from: &str, to: &str| Signed {
        url: Secret::new(signed.url.reveal().replacen(from, to, 1)),
        ..signed.clone()
    };
    let with = |changed: Signed, name: &str, value: Option<&str>| {
        let mut headers: Vec<_> = changed.headers.into_iter().filter(|(known, _)| known != name).collect();
        headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        Signed {
            url: changed.url,
            headers,
        }
    };
    let shorter = CANARY.get(1..).unwrap_or_default();
    let length = shorter.len().to_string();
    // With the signature in the query, something follows.
    let own = format!("blockid={block}&comp=block");
    let whole = match signed.url.reveal().contains(&format!("{own}&")) {
        true => url(&format!("{own}&"), ""),
        false => url(&format!("?{own}"), ""),
    };
    let list = url("&comp=block", "&comp=blocklist");
    let of = |what, signed, body| Misuse { what, signed, body };
    vec![
        of("another body of the same length", signed.clone(), IMPOSTOR),
        of(
            "a body of another length",
            with(signed.clone(), "content-length", Some(&length)),
            shorter,
        ),
        of(
            "the body without its MD5",
            with(signed.clone(), "content-md5", None),
            CANARY,
        ),
        of("another part", url(&block, &other), CANARY),
        of(
            "another key",
            url(&format!("{last}?"), &format!("{last}-other?")),
            CANARY,
        ),
        of("a whole blob", with(whole, "x-ms-blob-type", Some("BlockBlob")), CANARY),
        of("the list that completes an upload", list, CANARY),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_misuse_differs_from_what_was_signed() {
        let upload = Upload::called("1");
        let block = super::super::signer::encoded(&upload.block(1));
        let signed = Signed {
            url: Secret::new(format!(
                "http://s/a/c/.backup-operator/probe-1?blockid={block}&comp=block"
            )),
            headers: [("authorization", "x"), ("content-length", "34"), ("content-md5", "m")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
        };
        let all = misuses(&signed, ".backup-operator/probe-1", upload);
        assert_eq!(all.len(), 7);
        for misuse in &all {
            let same = misuse.signed == signed;
            assert_eq!(same, misuse.body == IMPOSTOR, "{}", misuse.what);
        }
    }
}
