//! Brings objects back from an archive (S3's RestoreObject).
use bytes::Bytes;
use rusty_s3::Method;

use super::{Bucket, of_version};
use crate::error::{StoreError, StoreErrorKind};
use crate::signing::Pairs;
use crate::wanted::Thaw;

impl Bucket {
    /// Asks for an object, or one version of it, to be readable for some days. That it is under way already is fine.
    pub(crate) async fn thaw(&self, key: &str, version: Option<&str>, thaw: Thaw) -> Result<(), StoreError> {
        let mut query = of_version(version);
        query.insert("restore".into(), String::new());
        let body = format!(
            "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>{}</Days><GlacierJobParameters><Tier>{}</Tier></GlacierJobParameters></RestoreRequest>",
            thaw.days, thaw.tier
        );
        let asked = self.request("bring back", Method::Post, key, query, Pairs::new(), Bytes::from(body));
        match asked.await {
            Err(error) if error.kind() == StoreErrorKind::UnderWay => Ok(()),
            asked => asked.map(drop),
        }
    }
}
