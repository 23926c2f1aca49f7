//! Azure Blob Storage: block blobs in a container.
mod blocks;
mod delegation;
mod error;
#[cfg(any(test, fuzzing))]
#[allow(missing_docs, reason = "a test of each name")]
pub mod fuzz;
mod label;
mod list;
mod look;
mod probe;
mod signer;
mod tiers;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use between::Answered;
use bytes::Bytes;
use jiff::Timestamp;

use crate::credentials::{Azure, Credentials};
use crate::dial::Dial;
use crate::error::{StoreError, StoreErrorKind};
use crate::fence::Fence;
use crate::http::{Answer, Http};
use crate::parameters::azure::AzureParameters;
use crate::proxy::Proxies;
use crate::signing::{Pairs, Signed};
use crate::wanted::{Dropped, Terms};
use crate::xml;
use delegation::Token;
use signer::{AccountKey, Request, Target};

/// Until a request of the operator's own is answered.
const ANSWER: Duration = Duration::from_secs(30);
/// Until an upload is completed.
const COMPLETE: Duration = Duration::from_secs(300);
/// How long blocks that belong to no blob are kept, from the last one on.
const KEPT: u32 = 7;

/// What requests are signed with.
enum Auth {
    /// The account's key.
    Key(AccountKey),
    /// Entra's word on who the operator is.
    Token(Token),
}

/// One container, with the credentials to use it. Cheap to clone.
#[derive(Clone)]
pub struct Container {
    target: Arc<Target>,
    auth: Arc<Auth>,
    /// Of backups; None: the account's own.
    tier: Option<Arc<str>>,
    http: Http,
    dial: Dial,
    /// For messages: the container and where it is.
    place: Arc<str>,
    /// Host and port to connect to.
    address: Option<(String, u16)>,
}

impl Container {
    /// A container, reached through the proxy of its parameters, or one of `proxies` where they name none. Nothing is sent.
    pub(crate) fn open(
        parameters: &AzureParameters,
        credentials: Credentials,
        proxies: &Proxies,
    ) -> Result<Self, StoreError> {
        let at = &parameters.place;
        let dial = Dial::new(proxies.of(&at.endpoint, at.proxy.as_deref()));
        let http = Http::new(at.ca_bundle.as_deref(), dial.clone())?;
        let wrong = |why: &str| StoreError::new("configure", StoreErrorKind::Configuration, why);
        let auth = match credentials.azure() {
            Some(Azure::Key(key)) => AccountKey::new(key.reveal()).map(Auth::Key).ok_or_else(|| {
                wrong("the account key is not one: base64, as `az storage account keys list` prints it")
            })?,
            Some(Azure::Token(token)) => Auth::Token(Token::new(token.clone())),
            None => return Err(wrong("the credentials are not an account's")),
        };
        let host = at.endpoint.host().map(|host| match host {
            url::Host::Domain(name) => name.to_string(),
            url::Host::Ipv4(address) => address.to_string(),
            url::Host::Ipv6(address) => address.to_string(),
        });
        Ok(Self {
            target: Arc::new(Target {
                origin: at.endpoint.origin().ascii_serialization(),
                path: at.endpoint.path().trim_end_matches('/').to_owned(),
                account: parameters.account.clone(),
                container: at.bucket.clone(),
            }),
            auth: Arc::new(auth),
            tier: parameters.tier.clone().map(Into::into),
            http,
            dial,
            place: format!(
                "container {:?} at {}",
                at.bucket,
                at.endpoint.as_str().trim_end_matches('/')
            )
            .into(),
            address: host.zip(at.endpoint.port_or_known_default()),
        })
    }

    /// The same, whose requests are sent for as long as that holds.
    pub(crate) fn fenced(self, fence: Fence) -> Self {
        Self {
            http: self.http.fenced(fence),
            ..self
        }
    }

    /// Azure's limits for block blobs.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            smallest_part: 1,
            largest_part: 4000 << 20,
            parts: 50_000,
            longest_url: signer::LONGEST,
            dropped: Dropped::Later { days: KEPT },
        }
    }

    /// Where its signed URLs go, without anything signed: scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        self.target.origin.clone()
    }

    /// The way there.
    pub(crate) fn dial(&self) -> &Dial {
        &self.dial
    }

    /// Host and port of the same, to connect to.
    pub(crate) fn address(&self) -> Option<(String, u16)> {
        self.address.clone()
    }

    /// A request of the operator's own without a body.
    async fn ask(
        &self,
        step: &'static str,
        verb: http::Method,
        key: &str,
        query: Pairs,
        headers: Pairs,
    ) -> Result<Answer, StoreError> {
        self.request(step, verb, key, query, headers, Bytes::new()).await
    }

    async fn request(
        &self,
        step: &'static str,
        verb: http::Method,
        key: &str,
        query: Pairs,
        mut headers: Pairs,
        body: Bytes,
    ) -> Result<Answer, StoreError> {
        signer::confined(key)?;
        if !body.is_empty() {
            headers.insert("content-length".into(), body.len().to_string());
        }
        let (now, target) = (Timestamp::now(), &self.target);
        let signed = match &*self.auth {
            Auth::Key(account) => {
                let verb = verb.as_str();
                let asked = Request {
                    verb,
                    key,
                    query,
                    headers,
                };
                account.request(target, asked, signer::LONGEST, now)
            }
            Auth::Token(token) => {
                let query: Vec<_> = query.into_iter().collect();
                token.request(target.url(key, &query), headers, signer::VERSION, now)
            }
        };
        let limit = if step == "complete" { COMPLETE } else { ANSWER };
        self.exchange(step, verb, &signed, body, limit).await
    }

    async fn exchange(
        &self,
        step: &'static str,
        verb: http::Method,
        signed: &Signed,
        body: Bytes,
        limit: Duration,
    ) -> Result<Answer, StoreError> {
        let answer = self.http.send(step, verb, signed, body, limit).await;
        let judged = answer.and_then(|answer| judge(step, answer, Timestamp::now()));
        judged.map_err(|e| e.placed(&self.place))
    }

    /// Sends a part of any size to its signed URL.
    pub(crate) async fn send(&self, signed: &Signed, body: Bytes) -> Result<Answer, StoreError> {
        self.exchange("write a part", http::Method::PUT, signed, body, COMPLETE)
            .await
    }

    /// Sends a body to a signed URL, as an agent does.
    async fn put_signed(&self, step: &'static str, signed: &Signed, body: &[u8]) -> Result<Answer, StoreError> {
        let body = Bytes::copy_from_slice(body);
        self.exchange(step, http::Method::PUT, signed, body, ANSWER).await
    }
}

/// A failed answer as an error.
fn judge(step: &'static str, answer: Answer, ours: Timestamp) -> Result<Answer, StoreError> {
    let kind = answer.header("content-type").unwrap_or_default();
    let names = answer.headers.keys().map(|name| name.as_str());
    let seen = Answered::new(answer.status, names, &kind, Some(&answer.body));
    let stranger = match step {
        "write" | "write a part" => between::stranger_to_put(&seen, answer.headers.contains_key("etag")),
        _ => between::stranger(&seen),
    };
    if let Some(words) = stranger {
        return Err(StoreError::of_a_stranger(step, answer.status, words));
    }
    if answer.status < 300 {
        return Ok(answer);
    }
    if answer.status < 400 {
        let why = format!(
            "the store answered {}: it sends requests on, and none is followed; set spec.parameters.endpoint to the account's own address",
            answer.status
        );
        return Err(StoreError::new(step, StoreErrorKind::Refused, why));
    }
    // A HEAD's answer has its code in a header only.
    let code = answer.header("x-ms-error-code").filter(|code| !code.is_empty());
    let code = code
        .or_else(|| xml::text_of(without_mark(&answer.body), "Code"))
        .unwrap_or_default();
    // Azure and Azurite give a code with each, to a HEAD as well: a gateway without a route answers 404 with nothing else.
    if answer.status == 404 && code.is_empty() {
        let words = "the store answered 404 without an error code of Azure's, which says nothing of the object";
        return Err(StoreError::new(step, StoreErrorKind::Refused, words));
    }
    let told = |name| xml::text_of(without_mark(&answer.body), name).unwrap_or_default();
    let mut message = told("Message");
    // Where the dates differ, only the detail says so.
    let detail = told("AuthenticationErrorDetail");
    if let Some(detail) = detail.lines().next().filter(|line| !line.is_empty()) {
        message = format!("{} {detail}", message.lines().next().unwrap_or_default());
    }
    let theirs = answer.time("date");
    Err(error::of_answer(step, answer.status, &code, &message, theirs, ours))
}

/// Azure's XML begins with a byte order mark.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body)
}

/// One that is not there is fine.
fn gone(answer: Result<Answer, StoreError>) -> Result<(), StoreError> {
    match answer {
        Err(error) if !matches!(error.kind(), StoreErrorKind::NotFound | StoreErrorKind::NoSuchBucket) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let header = |(name, value): &(&str, &str)| {
            let name: http::HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        };
        Answer {
            status,
            headers: headers.iter().map(header).collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[test]
    fn a_404_without_a_code_of_azures_says_nothing_of_a_blob() {
        for (headers, body) in [
            (&[][..], ""),
            (&[], "nothing here"),
            (&[("x-ms-request-id", "1"), ("x-ms-version", "1")], ""),
        ] {
            for step in ["look at the object", "read", "delete"] {
                let judged = judge(step, answer(404, headers, body), Timestamp::UNIX_EPOCH);
                let error = judged.err().unwrap();
                assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
                assert!(gone(Err(error)).is_err());
            }
        }
    }

    #[test]
    fn an_answers_code_is_in_its_header_or_its_body_and_a_strangers_is_no_blobs() {
        use StoreErrorKind as K;
        let body = "\u{feff}<?xml version=\"1.0\"?><Error><Code>ContainerNotFound</Code><Message>The container\nRequestId</Message></Error>";
        let late = "<Error><Code>AuthenticationFailed</Code><Message>Server failed.\nId</Message><AuthenticationErrorDetail>Request date header too old: 'x'</AuthenticationErrorDetail></Error>";
        for (status, headers, body, kind, words) in [
            (
                404,
                &[("x-ms-error-code", "BlobNotFound")][..],
                "",
                K::NotFound,
                "BlobNotFound",
            ),
            (404, &[], body, K::NoSuchBucket, "The container"),
            (
                404,
                &[("x-ms-version", "1")],
                "nothing here",
                K::Refused,
                "without an error code",
            ),
            (403, &[], late, K::ClockSkew, "date header too old"),
            (
                403,
                &[("content-type", "text/html")],
                "<html>",
                K::Refused,
                "not the store's",
            ),
            (307, &[("location", "https://elsewhere/")], "", K::Refused, "endpoint"),
        ] {
            let error = judge("read", answer(status, headers, body), Timestamp::UNIX_EPOCH)
                .err()
                .unwrap();
            assert_eq!(error.kind(), kind, "{error}");
            let text = error.to_string();
            assert!(text.contains(words) && !text.contains("RequestId"), "{text}");
        }
        assert!(judge("read", answer(206, &[], "x"), Timestamp::UNIX_EPOCH).is_ok());
    }
}
