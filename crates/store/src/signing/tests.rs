//! What a signed URL says, down to AWS's published example.
use super::*;

fn signer(more: &[(&str, &str)], token: Option<&str>) -> Signer {
    let mut all = BTreeMap::from([("bucket".to_owned(), "examplebucket".to_owned())]);
    all.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    let secret = Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, token.map(Secret::new));
    Signer::new(&S3Parameters::of(&all).unwrap(), credentials).unwrap()
}

fn may_2013() -> Timestamp {
    "2013-05-24T00:00:00Z".parse().unwrap()
}

fn get(signer: &Signer, key: &str) -> String {
    let signed = signer.sign(
        Method::Get,
        key,
        &Pairs::new(),
        Pairs::new(),
        Duration::from_secs(86400),
        may_2013(),
    );
    signed.url.reveal().to_owned()
}

/// The presigned GET in "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
#[test]
fn the_published_example_is_signed_alike() {
    let signer = signer(&[("endpoint", "https://s3.amazonaws.com")], None);
    assert_eq!(
        get(&signer, "test.txt"),
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z\
         &X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    );
}

/// A Pod that is relayed reaches this address and no other.
#[test]
fn the_address_of_a_store_is_that_of_its_signed_urls() {
    for (endpoint, path_style, origin, host, port) in [
        (
            "https://s3.amazonaws.com",
            "false",
            "https://examplebucket.s3.amazonaws.com",
            "examplebucket.s3.amazonaws.com",
            443,
        ),
        (
            "https://s3.amazonaws.com",
            "true",
            "https://s3.amazonaws.com",
            "s3.amazonaws.com",
            443,
        ),
        (
            "https://minio.team.svc:9000",
            "true",
            "https://minio.team.svc:9000",
            "minio.team.svc",
            9000,
        ),
        (
            "https://[fd00::1]:9000",
            "true",
            "https://[fd00::1]:9000",
            "fd00::1",
            9000,
        ),
    ] {
        let all = [
            ("bucket", "examplebucket"),
            ("endpoint", endpoint),
            ("s3ForcePathStyle", path_style),
        ];
        let parameters = S3Parameters::of(&all.map(|(k, v)| (k.to_owned(), v.to_owned())).into()).unwrap();
        let credentials = Credentials::new("id", Secret::new("key"), None);
        let store = crate::s3::Bucket::open(&parameters, credentials, &crate::Proxies::default()).unwrap();
        assert_eq!(
            (store.origin().as_str(), store.address()),
            (origin, Some((host.to_owned(), port)))
        );
    }
}

#[test]
fn what_binds_a_body_is_signed_and_handed_on() {
    for (checksum, signed_headers) in [
        (Checksum::Sha256, "content-length%3Bhost%3Bx-amz-checksum-sha256"),
        (Checksum::Md5, "content-length%3Bcontent-md5%3Bhost"),
        (Checksum::None, "content-length%3Bhost"),
    ] {
        let headers = Signer::body_headers(3, checksum, &checksum.digest(b"abc"));
        let signer = signer(&[], None);
        let signed = signer.sign(
            Method::Put,
            "a",
            &Pairs::new(),
            headers.clone(),
            Duration::from_secs(60),
            may_2013(),
        );
        let url = signed.url.reveal();
        assert!(url.contains(&format!("X-Amz-SignedHeaders={signed_headers}&")), "{url}");
        assert_eq!(signed.headers, headers.into_iter().collect::<Vec<_>>());
        assert!(signed.headers.contains(&("content-length".to_owned(), "3".to_owned())));
    }
}

#[test]
fn encryption_storage_class_and_metadata_are_headers_of_the_creation() {
    let signer = signer(
        &[
            ("storageClass", "STANDARD_IA"),
            ("serverSideEncryption", "aws:kms"),
            ("kmsKeyId", "alias/backups"),
        ],
        None,
    );
    let metadata = BTreeMap::from([("Run UID".to_owned(), "ä 100%\n".to_owned())]);
    let headers = signer.creation_headers(&metadata, Timestamp::UNIX_EPOCH);
    let expected = [
        ("x-amz-meta-run-uid", "%C3%A4%20100%25%0A"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "alias/backups"),
        ("x-amz-storage-class", "STANDARD_IA"),
    ];
    assert_eq!(
        headers
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(from_header("%C3%A4%20100%25%0A"), "ä 100%\n");
    assert_eq!(from_header("plain"), "plain");
}

#[test]
fn no_key_leaves_its_bucket() {
    for style in ["true", "false"] {
        let signer = signer(&[("endpoint", "http://store:9000"), ("s3ForcePathStyle", style)], None);
        let base = signer.bucket.base_url().as_str().to_owned();
        for key in [
            "../other/a",
            "a/../../../other",
            "..",
            ".",
            "/..",
            "a/..",
            "%2e%2e/a",
            "..\\a",
            "a?b#c",
            "//evil/a",
        ] {
            let url = Url::parse(&get(&signer, key)).unwrap();
            assert!(url.as_str().starts_with(&base), "{key}: {url}");
            let depth = |url: &Url| url.path().matches('/').count();
            assert_eq!(
                depth(&url),
                depth(&Url::parse(&base).unwrap()) + key.matches('/').count(),
                "{key}: {url}"
            );
        }
    }
}

#[test]
fn temporary_credentials_sign_with_their_token_and_times_have_bounds() {
    let signer = signer(&[], Some("t0k3n"));
    assert!(get(&signer, "a").contains("X-Amz-Security-Token=t0k3n&"));
    let expires = |duration| {
        let signed = signer.sign(Method::Get, "a", &Pairs::new(), Pairs::new(), duration, may_2013());
        let url = Url::parse(signed.url.reveal()).unwrap();
        url.query_pairs()
            .find(|(k, _)| k == "X-Amz-Expires")
            .unwrap()
            .1
            .into_owned()
    };
    assert_eq!(
        (expires(Duration::ZERO), expires(Duration::MAX)),
        ("1".to_owned(), "604800".to_owned())
    );
}

#[test]
fn no_url_lives_longer_than_the_credentials_that_signed_it() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let of = Duration::from_secs;
    for (wanted, ends, good) in [
        (of(900), None, of(900)),
        (of(900), Some(at(10_000)), of(900)),
        (of(900), Some(at(1_600)), of(600)),
        (of(900), Some(at(1_000)), of(1)),
        (of(900), Some(at(0)), of(1)),
        (of(0), None, of(1)),
        (LONGEST * 2, None, LONGEST),
    ] {
        assert_eq!(life(wanted, ends, at(1_000)), good, "{wanted:?} {ends:?}");
    }
    let ends = may_2013() + jiff::SignedDuration::from_secs(77);
    let mut signer = signer(&[], Some("session"));
    signer.credentials = signer.credentials.until(ends);
    assert!(get(&signer, "k").contains("X-Amz-Expires=77&"), "{}", get(&signer, "k"));
}

#[test]
fn neither_the_url_nor_a_headers_value_is_printed() {
    let signed = Signed {
        url: Secret::new("https://s/k?sig=hunter2"),
        headers: vec![("authorization".into(), "SharedKey a:hunter2".into())],
    };
    for printed in [format!("{signed:?}"), format!("{signed:#?}")] {
        assert!(
            printed.contains("authorization") && !printed.contains("hunter2"),
            "{printed}"
        );
    }
}
