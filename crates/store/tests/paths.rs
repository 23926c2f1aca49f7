//! An endpoint with a path, as stores are served below one: a real server verifies that what is sent is what was signed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::time::Duration;

use servers::{Running, SECRET_KEY, put, server};
use store::{Checksum, CompletedPart, Credentials, S3Parameters, Secret, Store};

#[tokio::test]
async fn an_endpoints_path_is_before_the_bucket_in_all_that_is_signed() {
    let running = Running::start(server("minio"));
    // What this server takes for a bucket is the path, and our bucket for the beginning of a key: it looks at signatures all the same.
    running.bucket("below");
    let open = |endpoint: &str, bucket: &str| {
        let parameters = [("bucket", bucket), ("endpoint", endpoint), ("s3ForcePathStyle", "true")];
        let parameters: BTreeMap<_, _> = parameters.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let credentials = Credentials::new(server("minio").access_key, Secret::new(SECRET_KEY), None);
        Store::s3(S3Parameters::parse(&parameters).unwrap(), credentials).unwrap()
    };
    let plain = open(&running.endpoint(), "below");
    for path in ["/below", "/below/"] {
        let store = open(&format!("{}{path}", running.endpoint()), "bucket");
        let (none, sum, bytes) = (BTreeMap::new(), Checksum::Sha256, b"hello");
        let upload = store.create_upload("a b", &none, sum).await.unwrap();
        let digest = sum.digest(bytes);
        let (size, valid) = (bytes.len() as u64, Duration::from_secs(60));
        let signed = store.sign_part("a b", &upload, 1, size, sum, &digest, valid, jiff::Timestamp::now());
        let (status, etag) = put(signed.url.reveal(), &signed.headers, bytes);
        assert_eq!(status, 200);
        let part = CompletedPart {
            number: 1,
            etag,
            digest,
        };
        store.complete("a b", &upload, &[part], sum, false).await.unwrap();
        assert_eq!(store.get("a b", None).await.unwrap(), bytes);
        assert_eq!(store.head("a b", None).await.unwrap().unwrap().size, size);
        assert_eq!(plain.list("").await.unwrap(), ["bucket/a b"]);
        store.delete("a b").await.unwrap();
        assert_eq!(store.head("a b", None).await.unwrap(), None);
    }
}
