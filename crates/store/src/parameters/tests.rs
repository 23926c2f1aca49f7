//! Rules of `spec.parameters`, as tables.
use super::s3::KNOWN;
use super::*;

/// A self-signed test certificate, made once for this table.
const PEM: &str = include_str!("tests/ca.pem");

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn parse(pairs: &[(&str, &str)]) -> Parameters {
    Parameters::parse(Kind::S3, &map(pairs)).unwrap()
}

impl Parameters {
    fn s3(&self) -> &S3Parameters {
        match self {
            Self::S3(s3) => s3,
            other => panic!("{other:?}"),
        }
    }
}

fn faults(pairs: &[(&str, &str)]) -> Vec<String> {
    Parameters::parse(Kind::S3, &map(pairs))
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn the_seed_is_understood() {
    let seed = parse(&[
        ("bucket", "backups"),
        ("endpoint", "http://minio.minio.svc:9000"),
        ("insecure", "true"),
        ("s3ForcePathStyle", "true"),
    ]);
    assert_eq!(seed.endpoint(), "http://minio.minio.svc:9000");
    assert_eq!(
        (seed.bucket(), seed.s3().region.as_str(), seed.s3().path_style),
        ("backups", "us-east-1", true)
    );
    assert_eq!(
        seed.key("/backups/mysql-2026.11.24-10:00:00.sql"),
        "backups/mysql-2026.11.24-10:00:00.sql"
    );
    assert_eq!(
        (seed.part_size(), seed.ca_bundle(), seed.checksum()),
        (None, None, None)
    );
    assert_eq!(seed.retry(), Duration::from_secs(900));
    let keys = seed.s3().keys.clone();
    assert_eq!(keys.access_key, "AWS_ACCESS_KEY_ID");
    assert_eq!(keys.secret_key, "AWS_SECRET_ACCESS_KEY");
    assert_eq!(keys.session_token, "AWS_SESSION_TOKEN");
}

#[test]
fn everything_that_can_be_said_is_kept() {
    let all = parse(&[
        ("bucket", "b-1"),
        ("endpoint", "https://s3.example.org"),
        ("region", "eu-west-1"),
        ("insecure", "0"),
        ("s3ForcePathStyle", "F"),
        ("accessKey", "id"),
        ("secretKey", "secret"),
        ("sessionToken", "token"),
        ("prefix", "team/a"),
        ("partSize", "16Mi"),
        ("retrySeconds", "60"),
        ("caBundle", PEM),
        ("proxy", "http://proxy.example:3128"),
        ("storageClass", "STANDARD_IA"),
        ("serverSideEncryption", "aws:kms"),
        ("kmsKeyId", "arn:aws:kms:eu-west-1:1:key/2"),
        ("checksum", "md5"),
        ("roleARN", "arn:aws:iam::123456789012:role/backups"),
        ("externalID", "tenant-7"),
        ("stsEndpoint", "https://sts.example.org"),
        ("lockMode", "COMPLIANCE"),
        ("lockDays", "30"),
        ("complianceAcknowledged", "true"),
        ("legalHold", "true"),
        ("thawTier", "Bulk"),
        ("thawDays", "5"),
        ("bandwidth", "10Mi"),
    ]);
    assert_eq!((all.part_size(), all.checksum()), (Some(16 << 20), Some(Checksum::Md5)));
    assert_eq!(all.retry(), Duration::from_secs(60));
    assert_eq!(all.s3().keys.clone().session_token, "token");
    assert_eq!(all.ca_bundle(), Some(PEM));
    assert_eq!(all.s3().storage_class.as_deref(), Some("STANDARD_IA"));
    assert!(!all.s3().path_style);
    assert_eq!(all.proxy(), Some("http://proxy.example:3128"));
    assert_eq!(KNOWN.len(), 27, "a new parameter belongs into this test");
}

#[test]
fn a_role_is_an_arn_and_keys_come_back_from_its_sts_by_tls() {
    const ARN: &str = "arn:aws:iam::123456789012:role/backups";
    for (pairs, says) in [
        (
            &[("roleARN", "backups")][..],
            "spec.parameters.roleARN: \"backups\" is not a role's ARN",
        ),
        (
            &[("externalID", "tenant-7")],
            "spec.parameters.externalID: only means something with roleARN",
        ),
        (
            &[("stsEndpoint", "https://sts.example")],
            "spec.parameters.stsEndpoint: only means something",
        ),
        (
            &[("roleARN", ARN), ("externalID", "a b")],
            "spec.parameters.externalID: must be 2 to 1224",
        ),
        (
            &[("roleARN", ARN), ("stsEndpoint", "http://sts.example")],
            "spec.parameters.stsEndpoint: must be https",
        ),
    ] {
        let faults = faults(&[&[("bucket", "backups")], pairs].concat());
        assert!(faults.len() == 1 && faults[0].starts_with(says), "{faults:?}");
    }
    for sts in ["https://sts.example", "sts.example", "http://sts.example"] {
        parse(&[
            ("bucket", "backups"),
            ("roleARN", ARN),
            ("insecure", "true"),
            ("stsEndpoint", sts),
        ]);
    }
}

#[test]
fn endpoints_have_a_scheme_host_and_perhaps_a_port() {
    for (endpoint, insecure, expected) in [
        ("", "", "https://s3.us-east-1.amazonaws.com"),
        ("", "true", "http://s3.us-east-1.amazonaws.com"),
        ("http://a.example", "", "http://a.example"),
        ("http://a.example", "false", "http://a.example"),
        ("https://a.example", "true", "https://a.example"),
        ("https://a.example/", "", "https://a.example"),
        ("a.example:9000", "", "https://a.example:9000"),
        ("a.example:9000", "t", "http://a.example:9000"),
        ("http://[::1]:9000", "", "http://[::1]:9000"),
        ("https://a.example/storage/v1/s3", "", "https://a.example/storage/v1/s3"),
    ] {
        let parsed = parse(&[("bucket", "backups"), ("endpoint", endpoint), ("insecure", insecure)]);
        assert_eq!(parsed.endpoint(), expected, "{endpoint} insecure={insecure}");
    }
    for endpoint in [
        "http://",
        "ftp://a",
        "http://a b",
        "http://a?x=1",
        "http://a#x",
        "http://a:99999",
        "://",
    ] {
        let faults = faults(&[("bucket", "backups"), ("endpoint", endpoint)]);
        assert!(
            faults[0].starts_with("spec.parameters.endpoint: must be http(s)://host[:port][/path]"),
            "{faults:?}"
        );
    }
}

#[test]
fn no_secret_in_a_parameter_that_is_refused_is_told() {
    for (name, value, says) in [
        ("endpoint", "https://id:hunter2@a.example", "spec.credentials"),
        ("endpoint", "https://hunter2@a.example?x=1", "spec.credentials"),
        ("endpoint", "ftp://id:hunter2@a.example", "spec.credentials"),
        ("endpoint", "id:hunter2@a.example:9000", "spec.credentials"),
        ("endpoint", "https://a.example/?token=hunter2", "it has a query"),
        ("endpoint", "ftp://a.example/?token=hunter2", "it begins with ftp:"),
        ("endpoint", "https://a.example/#hunter2", "it has a fragment"),
        ("endpoint", "https://id:hunter2@a.example:99999", "port"),
        ("endpoint", "https:///?token=hunter2", "as in https://"),
        (
            "bucket",
            "https://id:hunter2@a.example/b?token=hunter2",
            "holds a slash",
        ),
        ("secretKey", "hunter2/+", "not the credential itself"),
    ] {
        let mut all = map(&[("bucket", "backups")]);
        all.insert(name.to_owned(), value.to_owned());
        let text = Parameters::parse(Kind::S3, &all).unwrap_err()[0].to_string();
        assert!(text.contains(says) && !text.contains("hunter2"), "{value}: {text}");
    }
}

#[test]
fn a_bucket_that_cannot_be_a_host_name_goes_into_the_path() {
    for (bucket, endpoint, path_style) in [
        ("backups", "https://s3.example.org", false),
        ("back.ups", "https://s3.example.org", true),
        ("back.ups", "http://s3.example.org", false),
        ("Back_ups", "https://s3.example.org", true),
        ("ab", "https://s3.example.org", true),
        ("backups", "http://127.0.0.1:9000", true),
        ("backups", "http://[::1]:9000", true),
    ] {
        let parsed = parse(&[("bucket", bucket), ("endpoint", endpoint)]);
        assert_eq!(parsed.s3().path_style, path_style, "{bucket} {endpoint}");
    }
}

#[test]
fn booleans_are_those_of_go() {
    for (text, expected) in [
        ("1", true),
        ("T", true),
        ("True", true),
        ("0", false),
        ("FALSE", false),
        ("f", false),
    ] {
        assert_eq!(
            parse(&[("bucket", "backups"), ("s3ForcePathStyle", text)])
                .s3()
                .path_style,
            expected,
            "{text}"
        );
    }
    for text in ["yes", "on", "tRUE", " true"] {
        let fault = format!("spec.parameters.insecure: {text:?} is neither true nor false");
        assert_eq!(faults(&[("bucket", "backups"), ("insecure", text)]), [fault]);
    }
}

#[test]
fn keys_never_begin_with_a_slash() {
    for (prefix, path, key) in [
        ("", "/a/b", "a/b"),
        ("", "a", "a"),
        ("", "//a", "a"),
        ("/", "/a", "a"),
        ("p", "/a/b", "p/a/b"),
        ("/p/q/", "/a", "p/q/a"),
    ] {
        assert_eq!(
            parse(&[("bucket", "backups"), ("prefix", prefix)]).key(path),
            key,
            "{prefix} {path}"
        );
    }
}

#[test]
fn an_object_is_told_with_its_bucket_and_what_of_it_is_the_prefix() {
    let told = |prefix| {
        let endpoint = ("endpoint", "http://minio:9000");
        let parameters = parse(&[("bucket", "b"), endpoint, ("prefix", prefix)]);
        parameters.object(&parameters.key("/a/b"))
    };
    assert_eq!(told(""), "object \"a/b\" in bucket \"b\" at http://minio:9000");
    assert_eq!(
        told("team/"),
        "object \"team/a/b\" (spec.parameters.prefix is \"team\") in bucket \"b\" at http://minio:9000"
    );
}

#[test]
fn part_sizes_are_those_that_s3_takes() {
    for (text, bytes) in [
        ("5Mi", 5 << 20),
        ("5Gi", 5 << 30),
        ("5242880", 5 << 20),
        ("10M", 10_000_000),
        ("6000k", 6_000_000),
    ] {
        assert_eq!(
            parse(&[("bucket", "backups"), ("partSize", text)]).part_size(),
            Some(bytes),
            "{text}"
        );
    }
    for text in [
        "4Mi",
        "6Gi",
        "5MB",
        "1.5Gi",
        "-5Mi",
        "Mi",
        "99999999999999999999",
        "9999999999999Gi",
        "5 Mi",
    ] {
        let faults = faults(&[("bucket", "backups"), ("partSize", text)]);
        assert!(
            faults[0].starts_with("spec.parameters.partSize: must be 5Mi to 5Gi, as in 16Mi"),
            "{faults:?}"
        );
    }
}

#[test]
fn malformed_values_are_refused_with_what_would_be_right() {
    for (name, value, says) in [
        ("bucket", "backups/mysql", "the folder in it as prefix"),
        ("bucket", "..", "not a bucket's name"),
        ("bucket", "a b", "not a bucket's name"),
        ("region", "eu west", "eu-central-1"),
        ("accessKey", "AKIA/EXAMPLE", "not the credential itself"),
        ("prefix", "a/../b", ".. segment"),
        ("prefix", "a//b", "empty"),
        ("prefix", "a\nb", "control character"),
        ("caBundle", "LS0tLS1CRUdJTg==", "-----BEGIN CERTIFICATE-----"),
        (
            "caBundle",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "cannot be read",
        ),
        (
            "caBundle",
            "-----BEGIN CERTIFICATE-----\nMII!\n-----END CERTIFICATE-----\n",
            "is not PEM",
        ),
        ("caBundle", "-----BEGIN CERTIFICATE-----\nMIIB\n", "is not PEM"),
        ("storageClass", "standard", "STANDARD_IA"),
        ("serverSideEncryption", "aes", "AES256 or aws:kms"),
        ("kmsKeyId", "k", "serverSideEncryption: aws:kms"),
        ("checksum", "crc32", "auto, sha256, md5 or none"),
    ] {
        let mut all = map(&[("bucket", "backups")]);
        all.insert(name.to_owned(), value.to_owned());
        let faults = Parameters::parse(Kind::S3, &all).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        let text = faults[0].to_string();
        assert!(
            text.starts_with(&format!("spec.parameters.{name}: ")) && text.contains(says),
            "{text}"
        );
    }
}

#[test]
fn an_unknown_parameter_is_answered_with_the_known_ones_and_the_likely_one() {
    for (slip, meant) in [
        ("forcePathStyle", "did you mean s3ForcePathStyle?"),
        ("s3forcepathstyle", "did you mean s3ForcePathStyle?"),
        ("s3-force-path-style", "did you mean s3ForcePathStyle?"),
        ("endpiont", "did you mean endpoint?"),
        ("partsize", "did you mean partSize?"),
        ("storage_class", "did you mean storageClass?"),
    ] {
        let faults = faults(&[("bucket", "backups"), (slip, "x")]);
        assert!(
            faults[0].contains(meant) && faults[0].contains("bucket, endpoint, region"),
            "{faults:?}"
        );
    }
    let stranger = faults(&[("bucket", "backups"), ("colour", "red")]).concat();
    assert!(stranger.contains("is not known; known are bucket,"), "{stranger}");
}

#[test]
fn all_faults_come_at_once() {
    let faults = faults(&[("buckt", "backups"), ("insecure", "maybe"), ("partSize", "1")]);
    assert_eq!(faults.len(), 4, "{faults:?}");
    assert_eq!(
        faults[1],
        "spec.parameters.bucket: needed; name the bucket that backups are stored in; did you write buckt for it?"
    );
}

#[test]
fn how_long_a_failing_store_is_tried_again_is_ten_seconds_to_a_week() {
    for (text, good) in [
        ("9", false),
        ("10", true),
        ("604800", true),
        ("604801", false),
        ("-1", false),
        ("15m", false),
        ("1.5", false),
    ] {
        let parsed = Parameters::parse(Kind::S3, &map(&[("bucket", "backups"), ("retrySeconds", text)]));
        assert_eq!(parsed.is_ok(), good, "{text}");
        if let Err(faults) = parsed {
            assert!(
                faults[0]
                    .to_string()
                    .starts_with("spec.parameters.retrySeconds: must be whole seconds")
            );
        }
    }
}

#[test]
fn a_bucket_of_googles_is_its_name_and_its_token_goes_by_tls() {
    let parse = |pairs: &[(&str, &str)]| Parameters::parse(Kind::Gcs, &map(pairs));
    let least = parse(&[("bucket", "backups")]).unwrap();
    assert_eq!(least.endpoint(), "https://storage.googleapis.com");
    assert_eq!(least.secret_keys(), ["key.json"]);
    for (pairs, says) in [
        (&[("endpoint", "http://storage.example")][..], "must be https"),
        (&[("serviceAccount", "backups")], "is no service account's address"),
        (
            &[("keyFile", "{\"type\":\"service_account\"}")],
            "is the name of a key inside the Secret",
        ),
        (&[("region", "eu")], "is not known"),
        (&[("storageClass", "nearline")], "is not a storage class"),
    ] {
        let faults = parse(&[&[("bucket", "backups")], pairs].concat()).unwrap_err();
        assert!(faults.len() == 1 && faults[0].message.contains(says), "{faults:?}");
    }
    let plain = [
        ("bucket", "backups"),
        ("endpoint", "http://storage.example"),
        ("insecure", "true"),
    ];
    assert!(parse(&plain).is_ok());
}
