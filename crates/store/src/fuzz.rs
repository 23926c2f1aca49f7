//! What stores answer and what people write into a storage, as bytes that nobody made for this.
use std::collections::BTreeMap;
use std::time::Duration;

use ::fuzz::Target;
use jiff::Timestamp;

use crate::checksum::{Checksum, sha256_of_hex};
use crate::error::StoreError;
use crate::kind::Kind;
use crate::parameters::s3::KNOWN;
use crate::parameters::{Parameters, S3Parameters};
use crate::proxy::Proxies;
use crate::s3::Bucket;
use crate::signing::from_header;
use crate::wanted::Wanted;
use crate::{Credentials, Secret, Store, xml};

#[cfg_attr(test, test)]
pub fn fuzz_xml_answers() {
    let seeds: [&[u8]; 6] = [
        b"<?xml version=\"1.0\"?><R xmlns=\"x\"><UploadId>a&amp;b&#34;</UploadId></R>",
        b"<R><Upload><Key>a</Key><UploadId>1</UploadId><Initiated>2024-01-02T03:04:05Z</Initiated></Upload></R>",
        b"<Error><Code>NoSuchUpload</Code><Message>m</Message></Error>",
        b"<!DOCTYPE a [<!ENTITY b \"c\"><!ENTITY d \"&b;&b;&b;\">]><Code>&d;</Code>",
        b"<Code><![CDATA[x]]></Code><!-- c --><?p i?>",
        b"<a:Code xmlns:a=\"x\">&#x10FFFF;&#0;</a:Code>",
    ];
    let words = [
        "<Code>",
        "</Code>",
        "<Key>",
        "<UploadId>",
        "</UploadId>",
        "&#x",
        "&lt;",
        "<![CDATA[",
        "]]>",
        "<!--",
        "<a",
        " b=\"",
        "<!DOCTYPE",
        "\u{feff}",
    ];
    Target {
        name: "XML of a store",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let code = xml::text_of(bytes, "Code").unwrap_or_default();
        let message = xml::text_of(bytes, "Message").unwrap_or_default();
        let error = StoreError::of_answer("look", 400, &code, &message, None, Timestamp::UNIX_EPOCH).to_string();
        assert!(error.len() < 4000 && !error.contains(char::is_control), "{error:?}");
        let uploads = xml::uploads(bytes);
        let held: usize = uploads.iter().flatten().map(String::len).sum();
        assert!(held <= bytes.len() * 2, "more than there was");
        (
            code.chars().take(5).collect::<String>(),
            uploads.len().min(9),
            message.len().min(20),
        )
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_headers_of_an_answer() {
    let seeds: [&[u8]; 4] = [
        b"team%2Fdb%20%25",
        b"Tue, 24 Nov 2026 22:51:00 GMT",
        b"1970-01-01T00:00:00Z",
        b"%E4%ZZ%",
    ];
    Target {
        name: "headers of a store",
        seeds: &seeds,
        words: &["%", "GMT", "Mon, ", ":", "+0000"],
    }
    .run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let date = jiff::fmt::rfc2822::parse(&text).is_ok();
        let time = text.parse::<Timestamp>().is_ok();
        (
            from_header(&text).len().min(20),
            date,
            time,
            text.parse::<u64>().is_ok(),
            sha256_of_hex(&text).is_some(),
        )
    });
}

/// A storage's parameters, one a line.
fn parameters(bytes: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(bytes);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(k, v)| (k.to_string(), v.replace('|', "\n"))).collect()
}

#[cfg_attr(test, test)]
pub fn fuzz_s3_parameters() {
    let seeds: [&[u8]; 4] = [
        b"bucket=backups\nendpoint=http://minio:9000\ninsecure=true\nprefix=a/b\npartSize=8Mi\nretrySeconds=60",
        b"bucket=a.b\nregion=eu-central-1\ns3ForcePathStyle=true\nserverSideEncryption=aws:kms\nkmsKeyId=k",
        b"bucket=x\nendpoint=https://u:p@[::1]:1/a?b#c\nchecksum=md5\nstorageClass=STANDARD_IA",
        b"bucket=x\ncaBundle=-----BEGIN CERTIFICATE-----|AAAA|-----END CERTIFICATE-----",
    ];
    let mut words = KNOWN.to_vec();
    words.extend([
        "=", "\n", "http://", "https://", "..", "/", "@", "[::1]", "xn--", "%2e", "Gi", "true", "\u{202e}",
    ]);
    Target {
        name: "parameters of S3",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| match Parameters::parse(Kind::S3, &parameters(bytes)) {
        Ok(good) => {
            let store = Store::open(&good, credentials(), &Proxies::default());
            assert!(
                store.as_ref().is_err() || store.is_ok_and(|s| s.address().is_some()),
                "an endpoint without an address"
            );
            format!("good {}", good.part_size().is_some())
        }
        Err(faults) => faults
            .iter()
            .map(|f| f.to_string().chars().take(24).collect::<String>())
            .take(2)
            .collect(),
    });
}

fn credentials() -> Credentials {
    Credentials::new("AKID", Secret::new("hunter2"), None)
}

#[cfg_attr(test, test)]
pub fn fuzz_credentials_and_no_word_of_them_is_told() {
    let known = parameters(b"bucket=b");
    let known = Parameters::parse(Kind::S3, &known).unwrap();
    let seeds: [&[u8]; 3] = [
        b"AWS_ACCESS_KEY_ID=AKIA\nAWS_SECRET_ACCESS_KEY=hunter2\nAWS_SESSION_TOKEN=t",
        b"AWS_ACCESS_KEY_ID=\xff",
        b"a=b",
    ];
    let words = [
        "AWS_ACCESS_KEY_ID=",
        "AWS_SECRET_ACCESS_KEY=",
        "AWS_SESSION_TOKEN=",
        "\n",
        " ",
        "\r",
        "\0",
        "hunter2",
    ];
    Target {
        name: "credentials",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let pairs = bytes.split(|b| *b == b'\n').filter_map(|line| {
            let at = line.iter().position(|b| *b == b'=')?;
            Some((
                String::from_utf8_lossy(line.get(..at)?).into_owned(),
                line.get(at + 1..)?.to_vec(),
            ))
        });
        let data: BTreeMap<String, Vec<u8>> = pairs.collect();
        let told = |result: Result<Credentials, crate::CredentialsError>| match result {
            Ok(good) => format!("{good:?}"),
            Err(error) => error.to_string(),
        };
        let secret = told(Credentials::from_secret(&known, &data));
        let environment = told(Credentials::from_environment(|name| {
            String::from_utf8(data.get(name)?.clone()).ok()
        }));
        // A name of a key is told, its value never is.
        if data.keys().all(|k| !k.contains("hunter2")) {
            assert!(
                !secret.contains("hunter2") && !environment.contains("hunter2"),
                "{secret} {environment}"
            );
        }
        (
            secret.chars().take(30).collect::<String>(),
            environment.chars().take(30).collect::<String>(),
        )
    });
}

/// Whatever a path became: the URL reaches that key of that bucket and nothing else.
#[cfg_attr(test, test)]
pub fn fuzz_signed_urls_stay_in_their_bucket() {
    let base = parameters(b"bucket=backups\nendpoint=http://minio:9000\ninsecure=true\ns3ForcePathStyle=true");
    let base = S3Parameters::of(&base).unwrap();
    let store = Bucket::open(&base, credentials(), &Proxies::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let seeds: [&[u8]; 6] = [
        b"team/db.sql",
        b"../other/x",
        b"a/./b/%2e%2e/c",
        b"?uploads",
        b"a#b",
        b"\\..\\..\\x",
    ];
    let words = [
        "..", "/", "%2e", "%2f", "?", "#", "\\", ";", "@", "//", ".", "\t", "\n", "\u{ff0e}",
    ];
    Target {
        name: "signed URLs",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let key = String::from_utf8_lossy(bytes);
        if key.is_empty() {
            return 0;
        }
        let (hour, now) = (Duration::from_secs(3600), Timestamp::UNIX_EPOCH);
        let wanted = Wanted::part(&key, &key, 1, 5, Checksum::Sha256, &key);
        let url = runtime.block_on(store.sign(&wanted, hour, now)).unwrap().url;
        let url = url::Url::parse(url.reveal()).unwrap();
        assert_eq!(
            (url.scheme(), url.host_str(), url.port()),
            ("http", Some("minio"), Some(9000))
        );
        let path = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy();
        let inside = path.strip_prefix("/backups/").unwrap();
        // Segments of dots, which a URL resolves, are escaped: that is another key, and no other place.
        let dots = |text: &str| text.split('/').any(|s| matches!(s, "." | ".."));
        assert!(!url.path().split('/').any(|s| matches!(s, "." | "..")), "{url}");
        assert!(dots(&key) || inside == key, "{url}");
        let of = |name: &str| {
            url.query_pairs()
                .filter(|(k, _)| k == name)
                .map(|(_, v)| v.into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (of("partNumber"), of("uploadId")),
            (vec!["1".to_string()], vec![key.to_string()])
        );
        key.len().min(20)
    });
}

#[cfg_attr(test, test)]
pub fn fuzz_key_files_and_no_word_of_a_key_is_told() {
    let seeds: [&[u8]; 2] = [
        br#"{"type":"service_account","client_email":"a@b.iam.gserviceaccount.com","private_key_id":"k","private_key":"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----","token_uri":"https://t"}"#,
        br#"{"type":"external_account"}"#,
    ];
    let words = [
        "-----BEGIN PRIVATE KEY-----",
        "\\n",
        "MIIE",
        "https://",
        "hunter2",
        "null",
        "{",
        "}",
    ];
    Target {
        name: "key files",
        seeds: &seeds,
        words: &words,
    }
    .run(|bytes| {
        let told = crate::gcs::key::KeyFile::parse(bytes);
        let told = told.map_or_else(|why| why, |file| format!("{file:?}"));
        assert!(!told.contains("hunter2"), "{told}");
        told
    });
}
