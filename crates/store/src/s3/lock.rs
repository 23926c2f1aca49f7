//! Object lock: whether a bucket has it, and legal holds on objects that are there.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest, Md5};
use rusty_s3::Method;

use super::{Bucket, of_version};
use crate::error::{StoreError, StoreErrorKind};
use crate::signing::Pairs;
use crate::xml;

impl Bucket {
    /// New objects are to be locked, or held.
    pub(crate) fn locks(&self) -> bool {
        self.signer.locks()
    }

    /// Whether objects of the bucket can be locked.
    ///
    /// # Errors
    /// The store's; that they cannot is no error.
    pub(crate) async fn locking(&self) -> Result<bool, StoreError> {
        if self.is_googles() {
            return Ok(false);
        }
        let query = Pairs::from([("object-lock".to_string(), String::new())]);
        let asked = self.request(
            "read the bucket's lock",
            Method::Get,
            "",
            query,
            Pairs::new(),
            Bytes::new(),
        );
        match asked.await {
            Ok(answer) => Ok(xml::text_of(&answer.body, "ObjectLockEnabled").is_some_and(|word| word == "Enabled")),
            // AWS says ObjectLockConfigurationNotFoundError, with a 404; servers that know of no locks have answers of their own.
            Err(error) if matches!(error.kind(), StoreErrorKind::NotFound | StoreErrorKind::Refused) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts a legal hold on an object, or on one version of it, or takes it off.
    pub(crate) async fn hold(&self, key: &str, version: Option<&str>, on: bool) -> Result<(), StoreError> {
        if self.is_googles() {
            let words = "holds of Google's store are not served";
            return Err(StoreError::new("legal hold", StoreErrorKind::Unsupported, words));
        }
        let mut query = of_version(version);
        query.insert("legal-hold".into(), String::new());
        let word = if on { "ON" } else { "OFF" };
        let body =
            format!("<LegalHold xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>{word}</Status></LegalHold>");
        // S3 wants it of each such request.
        let digest = STANDARD.encode(Md5::digest(body.as_bytes()));
        let headers = Pairs::from([("content-md5".to_string(), digest)]);
        let put = self.request("legal hold", Method::Put, key, query, headers, Bytes::from(body));
        put.await.map(drop)
    }
}
