use super::*;
use http::HeaderValue;
use proptest::prelude::*;
use rusty_s3::signing;

const ACCESS: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn keys() -> Keys {
    Keys {
        access: ACCESS.into(),
        secret: Zeroizing::new(SECRET.into()),
    }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn ask(method: &Method, url: &str, headers: &HeaderMap, at: &str) -> Result<Payload, Fault> {
    let url = url::Url::parse(url).unwrap();
    let (path, query) = (unescaped(url.path())?, pairs(url.query().unwrap_or_default())?);
    let asked = Asked {
        method,
        path: &path,
        query: &query,
        headers,
    };
    verify(&asked, &keys(), at.parse().unwrap())
}

/// The example of Amazon's own documentation.
#[test]
fn a_signature_of_the_documentation_is_good_for_a_day() {
    let url = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let host = headers(&[("host", "examplebucket.s3.amazonaws.com")]);
    let code = |result: Result<Payload, Fault>| result.map_err(|fault| fault.code);
    for (at, expected) in [
        ("2013-05-24T10:00:00Z", Ok(Payload::Unsigned)),
        ("2013-05-23T23:50:00Z", Ok(Payload::Unsigned)),
        ("2013-05-23T23:40:00Z", Err(Code::RequestTimeTooSkewed)),
        ("2013-05-25T00:00:01Z", Err(Code::AccessDenied)),
    ] {
        assert_eq!(code(ask(&Method::GET, url, &host, at)), expected, "{at}");
    }
    for (from, to) in [
        ("test.txt", "test.tx"),
        ("86400", "86401"),
        ("us-east-1", "us-east-2"),
        ("d404", "d405"),
    ] {
        let other = url.replace(from, to);
        let refused = ask(&Method::GET, &other, &host, "2013-05-24T10:00:00Z");
        assert_eq!(code(refused), Err(Code::SignatureDoesNotMatch), "{to}");
    }
    let put = ask(&Method::PUT, url, &host, "2013-05-24T10:00:00Z");
    assert_eq!(code(put), Err(Code::SignatureDoesNotMatch));
    let stranger = url.replace(ACCESS, "AKIAIOSFODNN7EXAMPLF");
    let refused = ask(&Method::GET, &stranger, &host, "2013-05-24T10:00:00Z");
    assert_eq!(code(refused), Err(Code::InvalidAccessKeyId));
}

#[test]
fn a_header_of_the_documentation_is_good_for_minutes() {
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let all = headers(&[
        ("host", "examplebucket.s3.amazonaws.com"),
        ("range", "bytes=0-9"),
        ("x-amz-content-sha256", empty),
        ("x-amz-date", "20130524T000000Z"),
        ("authorization", authorization),
    ]);
    let url = "https://examplebucket.s3.amazonaws.com/test.txt";
    let good = ask(&Method::GET, url, &all, "2013-05-24T00:10:00Z").unwrap();
    assert_eq!(good, Payload::Sha256(sha256(&[])));
    let late = ask(&Method::GET, url, &all, "2013-05-24T00:20:00Z").unwrap_err();
    assert_eq!(late.code, Code::RequestTimeTooSkewed);
    let mut other = all;
    other.insert("range", HeaderValue::from_static("bytes=0-8"));
    assert!(ask(&Method::GET, url, &other, "2013-05-24T00:10:00Z").is_err());
}

/// A URL for a part, as the operator signs it.
fn signed(key: &str, headers: &[(&str, &str)], at: &str) -> String {
    let base = url::Url::parse("http://store:9000/bucket/").unwrap();
    let encoded = utf8_percent_encode(key, IN_PATH).to_string();
    let query = [("partNumber", "1"), ("uploadId", "u")];
    let now: Timestamp = at.parse().unwrap();
    signing::sign(
        &now,
        rusty_s3::Method::Put,
        base.join(&format!("./{encoded}")).unwrap(),
        ACCESS,
        SECRET,
        None,
        "eu",
        900,
        query.into_iter(),
        headers.iter().copied(),
    )
    .to_string()
}

#[test]
fn whoever_holds_a_url_adds_leaves_out_and_changes_nothing_that_decides() {
    let at = "2026-11-28T12:00:00Z";
    let given = [("content-length", "5"), ("x-amz-checksum-sha256", "abc")];
    let url = signed("a/b", &given, at);
    let all: Vec<_> = [("host", "store:9000")].into_iter().chain(given).collect();
    assert_eq!(ask(&Method::PUT, &url, &headers(&all), at), Ok(Payload::Unsigned));
    let code =
        |added: &[(&'static str, &str)], url: &str| ask(&Method::PUT, url, &headers(added), at).unwrap_err().code;
    for more in ["x-amz-meta-backup-operator-run", "x-amz-copy-source", "x-amz-acl"] {
        let more: Vec<_> = all.iter().copied().chain([(more, "x")]).collect();
        assert_eq!(code(&more, &url), Code::AccessDenied, "{more:?}");
    }
    for left_out in 0..all.len() {
        let mut less = all.clone();
        less.remove(left_out);
        assert_eq!(code(&less, &url), Code::SignatureDoesNotMatch, "{left_out}");
        let mut other = all.clone();
        other[left_out].1 = "other";
        assert_eq!(code(&other, &url), Code::SignatureDoesNotMatch, "{left_out}");
    }
    for (from, to) in [
        ("partNumber=1", "partNumber=2"),
        ("a/b", "a/c"),
        ("/bucket/", "/buckex/"),
        ("&uploadId", "&x=1&uploadId"),
    ] {
        assert_eq!(code(&all, &url.replace(from, to)), Code::SignatureDoesNotMatch, "{to}");
    }
    assert_eq!(code(&all, &format!("{url}&partNumber=2")), Code::InvalidArgument);
    // A signature that covers no host is good everywhere.
    let bare = url.replace("%3Bhost", "");
    assert_eq!(code(&all, &bare), Code::SignatureDoesNotMatch);
}

proptest! {
    #[test]
    fn any_key_is_verified_as_it_was_signed_and_no_other(key in "[^\\x00-\\x1f/]{1,20}(/[^\\x00-\\x1f/]{1,9})?", junk in "\\PC{0,40}") {
        let at = "2026-11-28T12:00:00Z";
        let host = headers(&[("host", "store:9000")]);
        prop_assume!(!key.split('/').any(|s| s == "." || s == ".."));
        let url = signed(&key, &[], at);
        prop_assert_eq!(ask(&Method::PUT, &url, &host, at), Ok(Payload::Unsigned), "{}", url);
        let longer = signed(&(key + "x"), &[], at);
        prop_assert!(ask(&Method::PUT, &longer.replace("x?", "?"), &host, at).is_err());
        // Whatever comes is an answer.
        let _ = pairs(&junk);
        if let Ok(value) = HeaderValue::from_str(&junk) {
            let mut all = host;
            all.insert("authorization", value.clone());
            let _ = ask(&Method::PUT, "http://store:9000/b/k", &all, at);
            if let Ok(value) = HeaderValue::from_str(&format!("AWS4-HMAC-SHA256 Credential={ACCESS}/{junk},SignedHeaders={junk},Signature={junk}")) {
                all.insert("authorization", value);
                let _ = ask(&Method::PUT, "http://store:9000/b/k", &all, at);
            }
        }
    }
}
