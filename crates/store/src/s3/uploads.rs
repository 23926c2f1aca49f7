//! Uploads in parts: begun, completed, dropped, and found again.
use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rusty_s3::Method;

use super::{Bucket, gone, version_of};
use crate::checksum::Checksum;
use crate::error::{ABORT, StoreError, StoreErrorKind};
use crate::signing::Pairs;
use crate::wanted::Finish;
use crate::xml;

/// One part, as the store took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedPart {
    /// From 1.
    pub number: u32,
    /// As the store answered.
    pub etag: String,
    /// Base64, as the checksum says; empty for none.
    pub digest: String,
}

/// A completed upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completed {
    /// Of the whole object.
    pub etag: String,
    /// Which version of the key it became. None where the bucket keeps none, or the store does not say.
    pub version_id: Option<String>,
}

/// An upload that is not completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Object key.
    pub key: String,
    /// Upload.
    pub id: String,
    /// How long ago it was begun, by the store's own clock; None where the store does not say.
    pub age: Option<SignedDuration>,
}

impl Bucket {
    /// Begins a multipart upload. With SHA-256 every part and the completion have to carry it.
    pub(crate) async fn create_upload(
        &self,
        key: &str,
        metadata: &BTreeMap<String, String>,
        checksum: Checksum,
    ) -> Result<String, StoreError> {
        const STEP: &str = "create upload";
        let mut headers = self.signer.creation_headers(metadata, Timestamp::now());
        if checksum == Checksum::Sha256 {
            headers.insert("x-amz-checksum-algorithm".into(), "SHA256".into());
        }
        // A body of nothing, said: Google's store answers 411 where it is not.
        headers.insert("content-length".into(), "0".into());
        let query = Pairs::from([("uploads".to_string(), String::new())]);
        let answer = self
            .request(STEP, Method::Post, key, query, headers, Bytes::new())
            .await?;
        xml::text_of(&answer.body, "UploadId")
            .filter(|id| !id.is_empty())
            .ok_or_else(|| StoreError::new(STEP, StoreErrorKind::Refused, "the store's answer has no UploadId"))
    }

    /// Makes the object of the parts.
    pub(crate) async fn complete(&self, upload: &Finish<'_>) -> Result<Completed, StoreError> {
        let query = Pairs::from([("uploadId".to_string(), upload.upload.to_string())]);
        let body = xml::complete(upload.parts, upload.checksum == Checksum::Sha256);
        let mut headers = Pairs::new();
        if upload.only_new {
            headers.insert("if-none-match".into(), "*".into());
        }
        let answer = self
            .request("complete", Method::Post, upload.key, query, headers, body.into())
            .await?;
        Ok(Completed {
            etag: xml::text_of(&answer.body, "ETag").unwrap_or_default(),
            version_id: version_of(&answer),
        })
    }

    /// Drops an upload and its parts; one that is not there is fine.
    pub(crate) async fn abort(&self, key: &str, upload_id: &str) -> Result<(), StoreError> {
        let query = Pairs::from([("uploadId".to_string(), upload_id.to_string())]);
        let aborted = gone(
            self.request(ABORT, Method::Delete, key, query, Pairs::new(), Bytes::new())
                .await,
        );
        match aborted {
            // s3s and s3rver refuse what they do not know any more: where the store lists no such upload, it is gone.
            Err(error) if matches!(error.kind(), StoreErrorKind::AccessDenied | StoreErrorKind::Refused) => {
                let there = match self.list_uploads(key).await {
                    Ok(listed) => listed.iter().any(|u| u.key == key && u.id == upload_id),
                    // s3s lists none at all, and of this one no parts: nothing that takes room.
                    Err(_) => self.has_parts(key, upload_id).await.unwrap_or(true),
                };
                if there { Err(error) } else { Ok(()) }
            }
            other => other,
        }
    }

    async fn has_parts(&self, key: &str, upload_id: &str) -> Result<bool, StoreError> {
        let query = Pairs::from([("uploadId".to_string(), upload_id.to_string())]);
        let listed = self.request("list parts", Method::Get, key, query, Pairs::new(), Bytes::new());
        match listed.await {
            Ok(answer) => Ok(xml::text_of(&answer.body, "PartNumber").is_some()),
            Err(error) if error.kind() == StoreErrorKind::NoSuchUpload => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Uploads below a prefix that are not completed, the first thousand.
    pub(crate) async fn list_uploads(&self, prefix: &str) -> Result<Vec<Upload>, StoreError> {
        let query = Pairs::from([
            ("uploads".to_string(), String::new()),
            ("prefix".to_string(), prefix.to_string()),
        ]);
        let answer = self.request("list uploads", Method::Get, "", query, Pairs::new(), Bytes::new());
        let answer = match answer.await {
            // rclone and gofakes3 of a bucket in which there never was one.
            Err(error) if error.kind() == StoreErrorKind::NoSuchUpload => return Ok(Vec::new()),
            answer => answer?,
        };
        let now = answer.time("date");
        let uploads = xml::uploads(&answer.body).into_iter();
        Ok(uploads
            .map(|[key, id, initiated]| Upload {
                key,
                id,
                age: now
                    .zip(initiated.parse().ok())
                    .map(|(now, then): (_, Timestamp)| now.duration_since(then)),
            })
            .collect())
    }
}
