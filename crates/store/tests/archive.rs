//! An object in an archive, at a server that has such classes: moto.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use servers::Running;
use store::{Checksum, Credentials, Kind, Parameters, Proxies, Secret, Store, Wanted};

fn open(running: &Running, class: &str) -> Store {
    let endpoint = running.endpoint();
    let parameters = [
        ("bucket", "test"),
        ("endpoint", endpoint.as_str()),
        ("s3ForcePathStyle", "true"),
        ("storageClass", class),
    ];
    let parameters: BTreeMap<_, _> = parameters.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let credentials = Credentials::new(running.server.access_key, Secret::new(servers::SECRET_KEY), None);
    Store::open(
        &Parameters::parse(Kind::S3, &parameters).unwrap(),
        credentials,
        &Proxies::default(),
    )
    .unwrap()
}

#[tokio::test]
async fn what_is_put_into_an_archive_is_seen_to_lie_there_and_no_probe_makes_such_an_object() {
    let running = Running::start(servers::server("moto"));
    running.bucket("test");
    for (class, archived) in [("GLACIER", true), ("DEEP_ARCHIVE", true), ("STANDARD_IA", false)] {
        let store = open(&running, class);
        store.probe("", class, None).await.unwrap();
        let body = b"kept for long";
        let digest = Checksum::None.digest(body);
        let size = body.len() as u64;
        let expires = Duration::from_secs(60);
        let now = Timestamp::now();
        let signed = store
            .sign(
                &Wanted::whole(class, size, Checksum::None, &digest, &BTreeMap::new(), false),
                expires,
                now,
            )
            .await
            .unwrap();
        let (status, words) = servers::put(signed.url.reveal(), &signed.headers, body);
        assert_eq!(status, 200, "{words}");
        let object = store.look(class, None).await.unwrap().unwrap();
        let found = object.archived.map(|a| (a.class, a.coming));
        assert_eq!(found, archived.then(|| (class.to_owned(), false)));
        // Only what was put here is of that class: what the probe wrote could be read, and is gone.
        assert_eq!(
            store
                .keys("")
                .await
                .unwrap()
                .iter()
                .filter(|k| k.contains("probe"))
                .count(),
            0
        );
    }
}
