//! The HTTP client, and what an answer of a store lets hope for.
mod answer;
mod early;
mod proxy;
mod resolver;
mod tls;
mod tunnel;
mod way;

use std::io::{self, Read};

use between::{Answered, NoTunnel};
use protocol::Secret;
use ureq::http::Response;
use ureq::{Agent, Body, SendBody};

pub use answer::Answer;
pub use tunnel::Tunnels;
pub use ureq::http::Uri;
pub use way::{NoClient, Way};

use crate::retry::Hope;
use crate::sign::SignedUrl;
use proxy::Through;

/// Bytes of an error's body that are looked at.
const ERROR_BODY: u64 = 16 << 10;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct HttpError {
    /// Whether to try again.
    pub hope: Hope,
    /// The store's or the system's word; no URL, which is a secret.
    pub message: String,
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// Something is there, and nothing but a new object was signed for.
    pub exists: bool,
}

/// A client, and what is said of its errors.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    told: Told,
}

/// What the words of an error depend on.
#[derive(Clone, Default)]
struct Told {
    /// There is a caBundle.
    bundle: bool,
    /// The proxy that the bytes go through.
    through: Option<Through>,
    /// They go through the operator.
    relayed: bool,
    /// This is no Pod.
    outside: bool,
}

/// Asks a store's endpoint for anything. Ok(status): it can be reached, whatever it says to a request that is not signed.
///
/// # Errors
/// Why it cannot, in words.
pub fn reach(way: &Way<'_>, url: &str) -> Result<u16, String> {
    let client = way.asking().map_err(|e| e.to_string())?;
    match client.agent.head(url).call() {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) => Err(client.told.failed(&error).message),
    }
}

/// Asks a store for an object that need not be there. Ok(status): a store answered, and nothing in between.
///
/// # Errors
/// Who else answered, or why nobody did, in words.
pub fn ask(way: &Way<'_>, signed: &Secret) -> Result<u16, String> {
    let client = way.asking().map_err(|e| e.to_string())?;
    let asked = client.agent.get(signed.reveal()).call();
    let mut response = asked.map_err(|e| client.told.failed(&e).message)?;
    let status = response.status().as_u16();
    let body = beginning(&mut response);
    let kind = header(&response, "content-type").unwrap_or_default();
    let seen = answered(&response, &kind, Some(&body));
    if seen.marked || between::is_of_a_store(&body) {
        return Ok(status);
    }
    let plain = || format!("it answered {status}, and not as a store does: is a proxy or a mesh in between?");
    Err(between::stranger(&seen).unwrap_or_else(plain))
}

/// PUTs a body of so many bytes; returns the ETag, quotes included, empty where the store gives none.
///
/// # Errors
/// It was refused, or nobody answered.
pub fn put(client: &Client, signed: &SignedUrl, size: u64, mut body: impl Read) -> Result<String, HttpError> {
    // S3 takes no body whose length is not said before.
    let mut request = client.agent.put(signed.url.reveal()).header("content-length", size);
    for (name, value) in sendable(&signed.headers) {
        request = request.header(name, value);
    }
    let body = SendBody::from_reader(&mut body);
    let mut response = request.send(body).map_err(|e| client.told.failed(&e))?;
    if !response.status().is_success() {
        return Err(client.told.refused(&mut response, "s3:PutObject"));
    }
    let etag = header(&response, "etag").unwrap_or_default();
    // Read to its end, so that the connection is used again.
    let body = response.body_mut().with_config().limit(ERROR_BODY).read_to_vec();
    let kind = header(&response, "content-type").unwrap_or_default();
    let body = body.unwrap_or_default();
    let stranger = between::stranger_to_put(&answered(&response, &kind, Some(&body)), !etag.is_empty());
    match stranger {
        Some(words) => Err(client.told.not_the_stores(&response, words)),
        None => Ok(etag),
    }
}

/// GETs an object from an offset on, to its end or to that byte.
///
/// # Errors
/// It was refused, or nobody answered.
pub fn get(
    client: &Client,
    signed: &SignedUrl,
    offset: u64,
    last: Option<u64>,
    etag: Option<&str>,
) -> Result<Response<Body>, HttpError> {
    let last = last.map(|last| last.to_string()).unwrap_or_default();
    let mut request = client
        .agent
        .get(signed.url.reveal())
        .header("range", format!("bytes={offset}-{last}"));
    if let Some(etag) = etag {
        request = request.header("if-match", etag);
    }
    for (name, value) in sendable(&signed.headers) {
        request = request.header(name, value);
    }
    let mut response = request.call().map_err(|e| client.told.failed(&e))?;
    if !response.status().is_success() {
        return Err(client.told.refused(&mut response, "s3:GetObject"));
    }
    // A web page that somebody has stored is the one that is wanted.
    let is_wanted = etag.is_some() && header(&response, "etag").as_deref() == etag;
    let kind = header(&response, "content-type").unwrap_or_default();
    let stranger = between::stranger(&answered(&response, &kind, None)).filter(|_| !is_wanted);
    match stranger {
        Some(words) => Err(client.told.not_the_stores(&response, words)),
        None => Ok(response),
    }
}

/// A header's value as text.
pub fn header(response: &Response<Body>, name: &str) -> Option<String> {
    response
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(ToString::to_string)
}

/// The signed headers without those that the client makes itself from the URL and the body.
fn sendable(headers: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    let made = |name: &str| name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case("content-length");
    headers
        .iter()
        .filter(move |(name, _)| !made(name))
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

/// The beginning of an answer's body. What is cut has its beginning, and what cannot be read of an error's body does not make the error
/// another one.
fn beginning(response: &mut Response<Body>) -> Vec<u8> {
    let mut body = Vec::new();
    let _ = response.body_mut().as_reader().take(ERROR_BODY).read_to_end(&mut body);
    body
}

fn answered<'a>(response: &'a Response<Body>, kind: &'a str, body: Option<&'a [u8]>) -> Answered<'a> {
    let names = response.headers().keys().map(|name| name.as_str());
    Answered::new(response.status().as_u16(), names, kind, body)
}

impl Told {
    /// A refusal, and the right that it may be for want of.
    fn refused(&self, response: &mut Response<Body>, right: &'static str) -> HttpError {
        let status = response.status().as_u16();
        let body = beginning(response);
        let answer = Answer::of(status, &body).needing(right);
        let kind = header(response, "content-type").unwrap_or_default();
        let stranger = between::stranger(&answered(response, &kind, Some(&body)));
        HttpError {
            hope: answer.hope(),
            message: stranger.map_or_else(|| answer.to_string(), |words| self.elsewhere(words)),
            status: Some(status),
            exists: answer.exists(),
        }
    }

    /// A good answer that is somebody else's.
    fn not_the_stores(&self, response: &Response<Body>, words: String) -> HttpError {
        HttpError {
            hope: Hope::Doubtful,
            message: self.elsewhere(words),
            status: Some(response.status().as_u16()),
            exists: false,
        }
    }

    /// What else can be done where a gateway is in between: the operator was answered by the store when it probed.
    fn elsewhere(&self, words: String) -> String {
        if self.relayed || self.outside {
            return words;
        }
        format!(
            "{words}. Where only Pods meet it, set spec.dataPath: Relay in the storage, or let them pass (a NetworkPolicy, a mesh, DNS)"
        )
    }

    /// A request without an answer. A wrong certificate may be a proxy in between that goes away, so it gets some tries.
    fn failed(&self, error: &ureq::Error) -> HttpError {
        use ureq::Error;
        let through = self.through.as_ref().map(Through::carries).unwrap_or_default();
        let (hope, message) = match error {
            Error::Io(e) if let Some(found) = trust::found_in(e) => {
                (Hope::Doubtful, format!("{}{through}", trust::told(found, self.bundle)))
            }
            Error::Io(e) if let Some(refused) = no_tunnel(e) => {
                let passes = proxy::passes(&refused.why);
                (if passes { Hope::Passes } else { Hope::Doubtful }, refused.to_string())
            }
            Error::Io(e) => (Hope::Passes, format!("{e}{through}")),
            Error::Timeout(what) => (Hope::Passes, format!("timeout: {what}{through}")),
            Error::HostNotFound => (Hope::Passes, "the store's name is not found".into()),
            Error::Tls(_) => (Hope::Doubtful, format!("TLS: {error}")),
            Error::BadUri(_) => (Hope::None, "the URL is not one".into()),
            Error::Http(_) => (Hope::None, "a signed header cannot be sent".into()),
            other => (Hope::Passes, format!("{other}{through}")),
        };
        HttpError {
            hope,
            message,
            status: None,
            exists: false,
        }
    }
}

fn no_tunnel(error: &io::Error) -> Option<&NoTunnel> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_holds_no_certificate_is_refused_in_words() {
        for pem in [
            "",
            "hello",
            "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
        ] {
            let message = Way {
                ca_bundle: Some(pem),
                ..Way::default()
            }
            .client()
            .err()
            .unwrap()
            .to_string();
            assert!(message.starts_with("caBundle "), "{message}");
        }
        assert!(Way::default().client().is_ok());
    }

    #[test]
    fn headers_that_the_client_makes_are_not_sent_twice() {
        let headers = [("Host", "a"), ("content-length", "5"), ("x-amz-checksum-sha256", "c=")]
            .map(|(n, v)| (n.to_string(), v.to_string()));
        assert_eq!(
            sendable(&headers).collect::<Vec<_>>(),
            [("x-amz-checksum-sha256", "c=")]
        );
    }
}
