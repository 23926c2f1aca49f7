//! Small objects of the operator's own, and lists of what a bucket has.
use bytes::Bytes;
use jiff::Timestamp;
use rusty_s3::Method;

use super::Bucket;
use crate::checksum::Checksum;
use crate::error::{StoreError, StoreErrorKind};
use crate::signing::{Pairs, Signer};
use crate::xml;

/// An object, as a list tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Object key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Quotes included.
    pub etag: String,
    /// When it was stored, by the store's clock; None where the store does not say.
    pub modified: Option<Timestamp>,
}

/// Some of a bucket's objects, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// At most a thousand.
    pub objects: Vec<Listed>,
    /// Asks for the next ones; None: there are no more.
    pub next: Option<String>,
}

impl Bucket {
    /// Puts a small object whole, in the bucket's own class, so that it can be read at any time.
    pub(crate) async fn put(&self, key: &str, body: Vec<u8>, checksum: Checksum) -> Result<(), StoreError> {
        let plain = self.without_class();
        let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let mut headers = Signer::body_headers(size, checksum, &checksum.digest(&body));
        headers.insert("content-type".into(), "application/json".into());
        headers.extend(plain.signer.creation_headers(&Pairs::new(), Timestamp::now()));
        let put = plain.request("write", Method::Put, key, Pairs::new(), headers, Bytes::from(body));
        put.await.map(drop)
    }

    /// Objects below a prefix, a page at a time.
    ///
    /// # Errors
    /// The store's; also where it says that there are more and not where they begin.
    pub(crate) async fn page(&self, prefix: &str, next: Option<&str>) -> Result<Page, StoreError> {
        let mut query = Pairs::from([
            ("list-type".to_string(), "2".to_string()),
            ("prefix".to_string(), prefix.to_string()),
        ]);
        query.extend(next.map(|token| ("continuation-token".to_string(), token.to_string())));
        let answer = self
            .request("list", Method::Get, "", query, Pairs::new(), Bytes::new())
            .await?;
        page(&answer.body)
    }

    /// The folders right below a prefix, each with its `/`, the first thousand.
    pub(crate) async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let query = Pairs::from([
            ("list-type".to_string(), "2".to_string()),
            ("prefix".to_string(), prefix.to_string()),
            ("delimiter".to_string(), "/".to_string()),
        ]);
        let answer = self
            .request("list", Method::Get, "", query, Pairs::new(), Bytes::new())
            .await?;
        let found = xml::all_of(&answer.body, &["Prefix"]).into_iter().flatten();
        // The answer repeats the prefix that was asked for.
        Ok(found
            .filter(|folder| folder != prefix && folder.ends_with('/'))
            .collect())
    }
}

fn page(body: &[u8]) -> Result<Page, StoreError> {
    let groups = xml::all_of(body, &["Key", "Size", "ETag", "LastModified"]);
    let listed = |group: Vec<String>| {
        let [key, size, etag, modified] = group.try_into().ok()?;
        Some(Listed {
            key,
            size: size.parse().ok()?,
            etag,
            modified: modified.parse().ok(),
        })
    };
    let more = xml::text_of(body, "IsTruncated").is_some_and(|word| word == "true");
    let next = xml::text_of(body, "NextContinuationToken").filter(|token| more && !token.is_empty());
    if more && next.is_none() {
        // Where it were taken for the end, what comes after it would count as not there.
        let why = "the store says that its list goes on (IsTruncated), and not where (NextContinuationToken)";
        return Err(StoreError::new("list", StoreErrorKind::Refused, why));
    }
    Ok(Page {
        objects: groups.into_iter().filter_map(listed).collect(),
        next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_its_objects_in_any_order_of_elements_and_where_the_next_ones_begin() {
        let body = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;1</NextContinuationToken>\
            <Contents><Key>a</Key><LastModified>2026-11-28T01:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>3</Size></Contents>\
            <Contents><Size>4</Size><Key>b &amp; c</Key><ETag>f</ETag><LastModified></LastModified></Contents></ListBucketResult>";
        let found = page(body.as_bytes()).unwrap();
        assert_eq!(found.next.as_deref(), Some("t&1"));
        let told: Vec<_> = found
            .objects
            .iter()
            .map(|o| (o.key.as_str(), o.size, o.etag.as_str(), o.modified.is_some()))
            .collect();
        assert_eq!(told, [("a", 3, "\"e\"", true), ("b & c", 4, "f", false)]);
        let last = body.replace("<IsTruncated>true", "<IsTruncated>false");
        assert_eq!(page(last.as_bytes()).unwrap().next, None);
        assert_eq!(page(b"no xml").unwrap(), Page::default());
    }

    #[test]
    fn a_list_that_goes_on_and_does_not_say_where_is_not_taken_for_a_whole_one() {
        for token in ["", "<NextContinuationToken></NextContinuationToken>"] {
            let body = format!("<ListBucketResult><IsTruncated>true</IsTruncated>{token}</ListBucketResult>");
            let error = page(body.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Refused);
            assert!(error.to_string().contains("NextContinuationToken"), "{error}");
        }
    }
}
