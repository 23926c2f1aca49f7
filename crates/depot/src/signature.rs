//! Whether whoever has the key pair signed just this request (AWS Signature Version 4), in its URL or in a header.
use http::{HeaderMap, Method};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ring::hmac;
use zeroize::Zeroizing;

use crate::fault::{Code, Fault};
use crate::shelf::{hex, sha256};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// What is escaped in names and values, as AWS wants it.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same in paths.
const IN_PATH: &AsciiSet = &STRICT.remove(b'/');
/// How far clocks may differ, in seconds.
const SKEW: i64 = 900;
/// A URL is good for a week at most.
const LONGEST: i64 = 7 * 24 * 3600;

/// The one key pair of a server.
pub struct Keys {
    /// Its public half.
    pub access: String,
    /// Its secret half.
    pub secret: Zeroizing<String>,
}

/// What is asked, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The verb.
    pub method: &'a Method,
    /// Unescaped.
    pub path: &'a str,
    /// Unescaped, each name once.
    pub query: &'a [(String, String)],
    /// All headers.
    pub headers: &'a HeaderMap,
}

/// What was signed of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing: headers may bind it.
    Unsigned,
    /// Its SHA-256.
    Sha256([u8; 32]),
}

/// Path or query of a URL, unescaped.
///
/// # Errors
/// It is no text.
pub fn unescaped(text: &str) -> Result<String, Fault> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| Fault::new(Code::InvalidRequest, "the URL is no UTF-8"))?;
    Ok(decoded.into_owned())
}

/// The pairs of a query.
///
/// # Errors
/// It is no text, or names one thing twice.
pub fn pairs(query: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (unescaped(name)?, unescaped(value)?);
        if pairs.iter().any(|(other, _)| *other == name) {
            return Err(Fault::new(Code::InvalidArgument, format!("the URL has {name:?} twice")));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// A signature, and what it says of itself.
struct Claim<'a> {
    access: &'a str,
    scope: [&'a str; 3],
    stamp: String,
    names: Vec<&'a str>,
    signature: &'a str,
    payload: &'a str,
    /// Seconds that it is good for; None: as long as the clocks agree.
    expires: Option<i64>,
}

impl<'a> Asked<'a> {
    fn of(&self, name: &str) -> Option<&'a str> {
        self.query
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn in_url(&self, signature: &'a str) -> Result<Claim<'a>, Fault> {
        let fault = |words: &str| Fault::new(Code::AuthorizationQueryParametersError, words);
        let of = |name: &str| self.of(name).ok_or_else(|| fault(&format!("the URL has no {name}")));
        if of("X-Amz-Algorithm")? != ALGORITHM {
            return Err(fault("X-Amz-Algorithm must be AWS4-HMAC-SHA256"));
        }
        if self.of("X-Amz-Security-Token").is_some() {
            return Err(Fault::new(Code::InvalidAccessKeyId, "this store has no session tokens"));
        }
        let (access, scope) = scope(of("X-Amz-Credential")?).ok_or_else(|| fault("X-Amz-Credential cannot be read"))?;
        let expires: i64 = of("X-Amz-Expires")?.parse().unwrap_or(0);
        if !(1..=LONGEST).contains(&expires) {
            return Err(fault("X-Amz-Expires must be from 1 to 604800"));
        }
        let names: Vec<_> = of("X-Amz-SignedHeaders")?.split(';').collect();
        let signed = names.contains(&"x-amz-content-sha256");
        Ok(Claim {
            access,
            scope,
            stamp: of("X-Amz-Date")?.to_owned(),
            names,
            signature,
            payload: self
                .header("x-amz-content-sha256")
                .filter(|_| signed)
                .unwrap_or(UNSIGNED),
            expires: Some(expires),
        })
    }

    fn in_header(&self, header: &'a str) -> Result<Claim<'a>, Fault> {
        let fault = |words: &str| Fault::new(Code::AuthorizationHeaderMalformed, words);
        let rest = header
            .strip_prefix(ALGORITHM)
            .ok_or_else(|| fault("Authorization must be of AWS4-HMAC-SHA256"))?;
        let of = |name: &str| {
            let mut fields = rest.split(',').filter_map(|field| field.trim().split_once('='));
            let found = fields.find(|(n, _)| *n == name).map(|(_, value)| value);
            found.ok_or_else(|| fault(&format!("Authorization has no {name}")))
        };
        let (access, scope) = scope(of("Credential")?).ok_or_else(|| fault("Credential cannot be read"))?;
        let stamp = self
            .header("x-amz-date")
            .ok_or_else(|| fault("the request has no x-amz-date"))?;
        let payload = self.header("x-amz-content-sha256");
        Ok(Claim {
            access,
            scope,
            stamp: stamp.to_owned(),
            names: of("SignedHeaders")?.split(';').collect(),
            signature: of("Signature")?,
            payload: payload
                .ok_or_else(|| Fault::new(Code::InvalidRequest, "the request has no x-amz-content-sha256"))?,
            expires: None,
        })
    }

    fn canonical(&self, claim: &Claim<'_>) -> Option<String> {
        let escaped = |text: &str| utf8_percent_encode(text, STRICT).to_string();
        let mut query: Vec<_> = self
            .query
            .iter()
            .filter(|(name, _)| name != "X-Amz-Signature")
            .collect();
        query.sort_unstable_by_key(|(name, value)| (escaped(name), escaped(value)));
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
            .collect();
        let mut headers = String::new();
        for name in &claim.names {
            let values: Option<Vec<String>> = self
                .headers
                .get_all(*name)
                .iter()
                .map(|value| {
                    Some(
                        std::str::from_utf8(value.as_bytes())
                            .ok()?
                            .split_ascii_whitespace()
                            .collect::<Vec<_>>()
                            .join(" "),
                    )
                })
                .collect();
            let values = values.filter(|values| !values.is_empty())?;
            headers.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        Some(format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            self.method,
            utf8_percent_encode(self.path, IN_PATH),
            query.join("&"),
            claim.names.join(";"),
            claim.payload
        ))
    }
}

/// `ACCESS/DATE/REGION/s3/aws4_request`; any region: this store has none.
fn scope(text: &str) -> Option<(&str, [&str; 3])> {
    let mut fields = text.rsplitn(5, '/');
    let (end, service, region, date) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let access = fields.next()?;
    (end == "aws4_request" && service == "s3").then_some((access, [date, region, service]))
}

/// Verifies a request: what was signed of its body.
///
/// # Errors
/// It was not signed with these keys, or not all of it, or is not good any more.
pub fn verify(asked: &Asked<'_>, keys: &Keys, now: Timestamp) -> Result<Payload, Fault> {
    let claim = match (asked.of("X-Amz-Signature"), asked.header("authorization")) {
        (Some(_), Some(_)) => {
            return Err(Fault::new(
                Code::InvalidArgument,
                "the request is signed twice, in its URL and in a header",
            ));
        }
        (Some(signature), None) => asked.in_url(signature)?,
        (None, Some(header)) => asked.in_header(header)?,
        (None, None) => return Err(Fault::new(Code::AccessDenied, "the request is not signed")),
    };
    if claim.access != keys.access {
        return Err(Fault::new(
            Code::InvalidAccessKeyId,
            "the access key is not the one of this store",
        ));
    }
    let signed = is_signed(asked, &claim, keys);
    if !signed {
        let words = "the request was signed with another secret key, or something changed it on its way";
        return Err(Fault::new(Code::SignatureDoesNotMatch, words));
    }
    // What is not signed must not decide anything: the holder of a URL would have more than it was given.
    let name = asked
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .find(|name| name.starts_with("x-amz-") && *name != "x-amz-content-sha256" && !claim.names.contains(name));
    if let Some(name) = name {
        return Err(Fault::new(
            Code::AccessDenied,
            format!("the header {name} was not signed"),
        ));
    }
    timely(&claim, now)?;
    match asked.header("x-amz-content-sha256").unwrap_or(claim.payload) {
        UNSIGNED => Ok(Payload::Unsigned),
        streaming if streaming.starts_with("STREAMING-") => {
            let words = "bodies in signed chunks are not taken: send them whole (of Amazon's tools: request_checksum_calculation = when_required)";
            Err(Fault::new(Code::NotImplemented, words))
        }
        digest => crate::shelf::digest_of_hex(digest)
            .map(Payload::Sha256)
            .ok_or_else(|| Fault::new(Code::InvalidArgument, "x-amz-content-sha256 is no SHA-256")),
    }
}

fn is_signed(asked: &Asked<'_>, claim: &Claim<'_>, keys: &Keys) -> bool {
    let Some(signature) = crate::shelf::digest_of_hex(claim.signature) else {
        return false;
    };
    let Some(canonical) = asked.canonical(claim).filter(|_| claim.names.contains(&"host")) else {
        return false;
    };
    let [date, region, service] = claim.scope;
    if !claim.stamp.starts_with(date) {
        return false;
    }
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let text = format!(
        "{ALGORITHM}\n{}\n{scope}\n{}",
        claim.stamp,
        hex(&sha256(&[canonical.as_bytes()]))
    );
    let first = Zeroizing::new(format!("AWS4{}", *keys.secret));
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, first.as_bytes());
    for step in [date, region, service, "aws4_request"] {
        key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref());
    }
    // In constant time.
    hmac::verify(&key, text.as_bytes(), &signature).is_ok()
}

fn timely(claim: &Claim<'_>, now: Timestamp) -> Result<(), Fault> {
    let stamp = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &claim.stamp);
    let then = stamp.and_then(|stamp| stamp.to_zoned(jiff::tz::TimeZone::UTC));
    let then = then
        .map_err(|_| Fault::new(Code::AccessDenied, "the date of the signature cannot be read"))?
        .timestamp();
    let age = now.as_second() - then.as_second();
    if age < -SKEW || claim.expires.is_none() && age > SKEW {
        let words = format!("the request was signed at {then}, and it is {now} here");
        return Err(Fault::new(Code::RequestTimeTooSkewed, words));
    }
    if claim.expires.is_some_and(|expires| age > expires) {
        let words = format!("the request has expired: it was signed at {then}, and it is {now} here");
        return Err(Fault::new(Code::AccessDenied, words));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
