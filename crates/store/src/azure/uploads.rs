//! Uploads in parts: blocks that wait under a key until a list makes a blob of them.
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::blocks::{self, Waiting};
use super::delegation::Opens;
use super::look::{Seen, version_of};
use super::{Auth, Container, KEPT, label, signer};
use crate::checksum::Checksum;
use crate::error::{ABORT, StoreError, StoreErrorKind};
use crate::s3::{Completed, Upload};
use crate::signing::{Pairs, Signed};
use crate::wanted::{Dropped, Finish, Label, Wanted};

const COMPLETE: &str = "complete";
/// Before anybody stored a blob.
const LONG_AGO: &str = "Sat, 01 Jan 2000 00:00:00 GMT";
/// How often it is looked again at what somebody else has just written under the key.
const TURNS: u32 = 5;

impl Container {
    /// Begins an upload. Azure is not asked: the id is what names of its blocks begin with, and the label goes with the list.
    pub(crate) fn begin(&self) -> Result<String, StoreError> {
        blocks::Upload::random().map(blocks::Upload::id)
    }

    /// A request that does one thing. Bodies are bound by MD5 and length, or by length alone; Azure compares no SHA-256.
    pub(crate) async fn sign(
        &self,
        wanted: &Wanted<'_>,
        expires: Duration,
        now: Timestamp,
    ) -> Result<Signed, StoreError> {
        let (key, query, headers) = match *wanted {
            Wanted::Read { key, version } => {
                signer::confined(key)?;
                return match &*self.auth {
                    Auth::Key(account) => Ok(account.read(&self.target, key, version, expires, now)),
                    Auth::Token(token) => {
                        let opens = Opens {
                            key,
                            version,
                            rights: "r",
                            query: Pairs::new(),
                            headers: Pairs::new(),
                        };
                        let delegation = self.delegation(token, now).await?;
                        Ok(delegation.sign(&self.target, opens, expires, now))
                    }
                };
            }
            Wanted::Part {
                key,
                upload,
                number,
                size,
                checksum,
                digest,
            } => {
                let upload = blocks::Upload::of_id(upload).ok_or_else(|| unknown("sign", upload))?;
                let query = Pairs::from([
                    ("comp".to_string(), "block".to_string()),
                    ("blockid".to_string(), upload.block(number)),
                ]);
                (key, query, body_headers(size, checksum, digest)?)
            }
            Wanted::Whole {
                key,
                size,
                checksum,
                digest,
                label,
                only_new,
            } => {
                let mut headers = body_headers(size, checksum, digest)?;
                headers.insert("x-ms-blob-type".into(), "BlockBlob".into());
                headers.extend(only_new.then(|| ("if-none-match".to_string(), "*".to_string())));
                headers.extend(self.creation(label));
                (key, Pairs::new(), headers)
            }
        };
        signer::confined(key)?;
        let token = match &*self.auth {
            Auth::Key(account) => {
                let asked = signer::Request {
                    verb: "PUT",
                    key,
                    query,
                    headers,
                };
                return Ok(account.request(&self.target, asked, expires, now));
            }
            Auth::Token(token) => token,
        };
        if !headers.contains_key("content-md5") {
            let why = "without the account's key a URL is bound by MD5 alone";
            return Err(StoreError::new("sign", StoreErrorKind::Configuration, why));
        }
        let opens = Opens {
            key,
            version: None,
            // Who may create only cannot change what is there.
            rights: match headers.get("if-none-match") {
                Some(_) => "c",
                None if query.is_empty() => "cw",
                None => "w",
            },
            query,
            headers,
        };
        let delegation = self.delegation(token, now).await?;
        Ok(delegation.sign(&self.target, opens, expires, now))
    }

    /// Headers of a backup's blob.
    fn creation(&self, label: &Label) -> Pairs {
        let tier = self
            .tier
            .as_ref()
            .map(|tier| ("x-ms-access-tier".to_string(), tier.to_string()));
        label::headers(label).into_iter().chain(tier).collect()
    }

    /// Makes the blob of the parts. It names its upload, so that asking again, also after a lost answer, finds it and changes nothing: no
    /// other ETag comes of it. What else is under the key is replaced only if it is still what was seen there.
    pub(crate) async fn finish(&self, finish: &Finish<'_>) -> Result<Completed, StoreError> {
        let upload = blocks::Upload::of_id(finish.upload).ok_or_else(|| unknown(COMPLETE, finish.upload))?;
        let mut turn = 0;
        loop {
            turn += 1;
            let there = self.see(finish.key, None).await.map_err(|e| e.at(COMPLETE))?;
            if let Some(seen) = &there
                && is_of(seen, finish.upload)
            {
                return Ok(completed(seen));
            }
            let condition = match there {
                Some(seen) if !finish.only_new => ("if-match".to_string(), seen.object.etag),
                _ => ("if-none-match".to_string(), "*".to_string()),
            };
            let error = match self.commit(upload, finish, condition).await {
                Ok(completed) => return Ok(completed),
                Err(error) => error,
            };
            match error.kind() {
                StoreErrorKind::Exists if !finish.only_new && turn < TURNS => continue,
                StoreErrorKind::Exists | StoreErrorKind::InvalidPart => {}
                _ => return Err(error),
            }
            // An earlier call may be at work, or have been just now.
            if let Some(seen) = self.see(finish.key, None).await.map_err(|e| e.at(COMPLETE))?
                && is_of(&seen, finish.upload)
            {
                return Ok(completed(&seen));
            }
            if error.kind() == StoreErrorKind::InvalidPart && !self.waiting(COMPLETE, finish.key).await?.has(upload) {
                // Dropped, or gone with somebody else's list under the same key.
                return Err(unknown(COMPLETE, finish.upload));
            }
            return Err(error);
        }
    }

    /// The list itself, under a condition.
    pub(super) async fn commit(
        &self,
        upload: blocks::Upload,
        finish: &Finish<'_>,
        condition: (String, String),
    ) -> Result<Completed, StoreError> {
        let body = upload.list(finish.parts);
        let mut headers = Pairs::from([
            condition,
            ("content-md5".to_string(), Checksum::Md5.digest(body.as_bytes())),
            ("content-type".to_string(), "text/xml".to_string()),
            (
                "x-ms-blob-content-type".to_string(),
                "application/octet-stream".to_string(),
            ),
        ]);
        headers.extend(self.creation(finish.label));
        headers.extend(label::of_upload(finish.upload, finish.sha256));
        let query = Pairs::from([("comp".to_string(), "blocklist".to_string())]);
        let put = self.request(
            COMPLETE,
            http::Method::PUT,
            finish.key,
            query,
            headers,
            Bytes::from(body),
        );
        let answer = put.await?;
        Ok(Completed {
            etag: answer.header("etag").unwrap_or_default(),
            version_id: version_of(&answer),
        })
    }

    /// Drops an upload's blocks; one that has none is fine. Azure drops all that waits under a key, and only by a request that removes
    /// the blob there, too. So it is asked only where nobody else's blocks were seen, and under a condition that no blob meets: one that is
    /// there, or comes meanwhile, stays. Blocks of another upload that came meanwhile may go: its completion then fails, and nothing is
    /// made of half of it. Where they are not dropped, the blocks are kept for a week.
    pub(crate) async fn drop_upload(&self, key: &str, upload: &str) -> Result<Dropped, StoreError> {
        const LATER: Dropped = Dropped::Later { days: KEPT };
        let Some(upload) = blocks::Upload::of_id(upload) else {
            return Ok(Dropped::Gone);
        };
        let waiting = self.waiting(ABORT, key).await?;
        if !waiting.has(upload) {
            return Ok(Dropped::Gone);
        }
        if !waiting.is_only(upload) {
            return Ok(LATER);
        }
        self.drop_waiting(key).await?;
        let left = self.waiting(ABORT, key).await?.has(upload);
        Ok(if left { LATER } else { Dropped::Gone })
    }

    /// Drops all that waits under a key where no blob is, if Azure does so. That it refuses is no failure: what waits is gone in a week.
    pub(super) async fn drop_waiting(&self, key: &str) -> Result<(), StoreError> {
        // Whatever blob there is was changed since, and stays. `If-None-Match: *` would say it straight, and is for what makes blobs:
        // Azurite removes one all the same.
        let unborn = Pairs::from([("if-unmodified-since".to_string(), LONG_AGO.to_string())]);
        match self.ask(ABORT, http::Method::DELETE, key, Pairs::new(), unborn).await {
            Err(error)
                if matches!(
                    error.kind(),
                    StoreErrorKind::NotFound
                        | StoreErrorKind::Exists
                        | StoreErrorKind::Refused
                        | StoreErrorKind::AccessDenied
                ) =>
            {
                Ok(())
            }
            asked => asked.map(drop),
        }
    }

    /// What waits under a key.
    async fn waiting(&self, step: &'static str, key: &str) -> Result<Waiting, StoreError> {
        let query = Pairs::from([
            ("comp".to_string(), "blocklist".to_string()),
            ("blocklisttype".to_string(), "uncommitted".to_string()),
        ]);
        match self.ask(step, http::Method::GET, key, query, Pairs::new()).await {
            Ok(answer) => Ok(Waiting::of(super::without_mark(&answer.body))),
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(Waiting::default()),
            Err(error) => Err(error),
        }
    }

    /// Uploads of ours below a prefix that have blocks and are not completed, of the first thousand keys; and those of the key itself,
    /// also where a blob is there. Azure does not say since when.
    pub(crate) async fn uploads(&self, prefix: &str) -> Result<Vec<Upload>, StoreError> {
        const STEP: &str = "list uploads";
        let keys = self.keys_with_waiting(prefix).await?;
        let all: std::collections::BTreeSet<_> = self.keys(prefix).await.map_err(|e| e.at(STEP))?.into_iter().collect();
        let mut keys: Vec<_> = keys.into_iter().filter(|key| !all.contains(key)).collect();
        if !prefix.is_empty() && !prefix.ends_with('/') && !keys.iter().any(|key| key == prefix) {
            keys.push(prefix.to_owned());
        }
        let mut found = Vec::new();
        for key in keys {
            let waiting = self.waiting(STEP, &key).await?;
            found.extend(waiting.uploads.into_iter().map(|upload| Upload {
                key: key.clone(),
                id: upload.id(),
                age: None,
            }));
        }
        Ok(found)
    }
}

fn unknown(step: &'static str, upload: &str) -> StoreError {
    let short: String = upload.chars().filter(|c| !c.is_control()).take(40).collect();
    let why = format!("no part of the upload {short:?} is there (any more)");
    StoreError::new(step, StoreErrorKind::NoSuchUpload, why)
}

fn is_of(seen: &Seen, upload: &str) -> bool {
    seen.upload.as_deref() == Some(upload)
}

fn completed(seen: &Seen) -> Completed {
    Completed {
        etag: seen.object.etag.clone(),
        version_id: seen.object.version_id.clone(),
    }
}

fn body_headers(size: u64, checksum: Checksum, digest: &str) -> Result<Pairs, StoreError> {
    let mut headers = Pairs::from([("content-length".to_string(), size.to_string())]);
    match checksum {
        Checksum::Md5 => {
            headers.insert("content-md5".into(), digest.to_owned());
        }
        Checksum::None => {}
        Checksum::Sha256 => {
            let why = "Azure binds bodies by MD5, and by no SHA-256";
            return Err(StoreError::new("sign", StoreErrorKind::Configuration, why));
        }
    }
    Ok(headers)
}
