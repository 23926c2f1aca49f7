//! Signs a request of the operator's own in its headers (AWS Signature Version 4): what signs URLs of objects knows S3 only.
use bytes::Bytes;
use jiff::Timestamp;
use ring::{digest, hmac};
use url::Url;

use crate::credentials::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What is signed. Its URL has no query.
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    pub(super) url: &'a Url,
    pub(super) content_type: &'static str,
    pub(super) body: &'a Bytes,
    pub(super) region: &'a str,
    pub(super) service: &'static str,
}

/// All headers of the request but the host's, which the client adds.
pub(super) fn headers(request: &Request<'_>, by: &Credentials, now: Timestamp) -> Vec<(String, String)> {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = now.strftime("%Y%m%d").to_string();
    let mut headers = vec![
        ("content-type".to_owned(), request.content_type.to_owned()),
        ("host".to_owned(), host(request.url)),
        ("x-amz-date".to_owned(), time.clone()),
    ];
    headers.extend(
        by.session_token()
            .map(|token| ("x-amz-security-token".to_owned(), token.to_owned())),
    );
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let canonical = format!(
        "{}\n{}\n\n{lines}\n{names}\n{}",
        request.method,
        request.url.path(),
        hex(digest::digest(&digest::SHA256, request.body).as_ref())
    );
    let scope = format!("{day}/{}/{}/aws4_request", request.region, request.service);
    let signed = format!(
        "{ALGORITHM}\n{time}\n{scope}\n{}",
        hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
    );
    let first = zeroize::Zeroizing::new(format!("AWS4{}", by.secret_key()));
    let mut key = mac(first.as_bytes(), &day);
    for part in [request.region, request.service, "aws4_request"] {
        key = mac(key.as_ref(), part);
    }
    let signature = hex(mac(key.as_ref(), &signed).as_ref());
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        by.access_key()
    );
    headers.retain(|(name, _)| name != "host");
    headers.push(("authorization".to_owned(), authorization));
    headers
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

/// As the client sends it: without the scheme's own port.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    /// `post-x-www-form-urlencoded` of Amazon's published test suite of this signature.
    #[test]
    fn a_signature_is_that_of_the_published_vector() {
        let request = Request {
            method: "POST",
            url: &"https://example.amazonaws.com/".parse().unwrap(),
            content_type: "application/x-www-form-urlencoded",
            body: &Bytes::from_static(b"Param1=value1"),
            region: "us-east-1",
            service: "service",
        };
        let keys = Credentials::new(
            "AKIDEXAMPLE",
            Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            None,
        );
        let signed = headers(&request, &keys, "2015-08-30T12:36:00Z".parse().unwrap());
        let (_, authorization) = signed.iter().find(|(name, _)| name == "authorization").unwrap();
        assert_eq!(
            authorization,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }
}
