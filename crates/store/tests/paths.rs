//! An endpoint with a path, as stores are served below one: a real server verifies that what is sent is what was signed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::time::Duration;

use servers::{Running, SECRET_KEY, put, server};
use store::{Checksum, CompletedPart, Credentials, Finish, Kind, Parameters, Proxies, Secret, Store, Wanted};

#[tokio::test]
async fn an_endpoints_path_is_before_the_bucket_in_all_that_is_signed() {
    let running = Running::start(server("minio"));
    // What this server takes for a bucket is the path, and our bucket for the beginning of a key: it looks at signatures all the same.
    running.bucket("below");
    let open = |endpoint: &str, bucket: &str| {
        let parameters = [("bucket", bucket), ("endpoint", endpoint), ("s3ForcePathStyle", "true")];
        let parameters: BTreeMap<_, _> = parameters.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let credentials = Credentials::new(server("minio").access_key, Secret::new(SECRET_KEY), None);
        Store::open(
            &Parameters::parse(Kind::S3, &parameters).unwrap(),
            credentials,
            &Proxies::default(),
        )
        .unwrap()
    };
    let plain = open(&running.endpoint(), "below");
    for path in ["/below", "/below/"] {
        let store = open(&format!("{}{path}", running.endpoint()), "bucket");
        let (none, sum, bytes) = (BTreeMap::new(), Checksum::Sha256, b"hello");
        let upload = store.begin("a b", &none, sum).await.unwrap();
        let digest = sum.digest(bytes);
        let (size, valid) = (bytes.len() as u64, Duration::from_secs(60));
        let signed = store
            .sign(
                &Wanted::part("a b", &upload, 1, size, sum, &digest),
                valid,
                jiff::Timestamp::now(),
            )
            .await
            .unwrap();
        let (status, etag) = put(signed.url.reveal(), &signed.headers, bytes);
        assert_eq!(status, 200);
        let part = CompletedPart {
            number: 1,
            etag,
            digest,
        };
        store
            .finish(&Finish::new("a b", &upload, &[part], sum, &none, false))
            .await
            .unwrap();
        assert_eq!(store.read("a b", None).await.unwrap(), bytes);
        assert_eq!(store.look("a b", None).await.unwrap().unwrap().size, size);
        assert_eq!(plain.keys("").await.unwrap(), ["bucket/a b"]);
        store.remove("a b", None).await.unwrap();
        assert_eq!(store.look("a b", None).await.unwrap(), None);
    }
}
