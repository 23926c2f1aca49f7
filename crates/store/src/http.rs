//! One HTTP client for a store: every request has a deadline, every answer a bound.
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::uri::Scheme;
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::Timestamp;
use tower_service::Service;
use trust::Bundle;

use crate::dial::{Dial, NoConnection};
use crate::error::{StoreError, StoreErrorKind, innermost};
use crate::fence::Fence;
use crate::signing::Signed;

/// The largest answer that is read, bytes.
pub(crate) const LARGEST: usize = 16 << 20;
/// Until a port that does not answer plain HTTP has shown whether it speaks TLS.
const HELLO: Duration = Duration::from_secs(5);

/// The client; cheap to clone.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client<HttpsConnector<Dial>, Full<Bytes>>,
    connector: HttpsConnector<Dial>,
    dial: Dial,
    /// Whether there is a caBundle.
    bundle: bool,
    /// Bytes of an answer.
    largest: usize,
    /// Whether requests are still sent.
    fence: Fence,
}

/// An answer, whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name)?.to_str().ok().map(ToString::to_string)
    }

    /// A header as a time.
    pub(crate) fn time(&self, name: &str) -> Option<Timestamp> {
        Some(jiff::fmt::rfc2822::parse(&self.header(name)?).ok()?.timestamp())
    }
}

impl Http {
    /// A client that trusts the public authorities and what is in the bundle. It follows no redirect: a signed request goes where
    /// it was signed for.
    pub(crate) fn new(ca_bundle: Option<&str>, dial: Dial) -> Result<Self, StoreError> {
        let wrong = |message: String| StoreError::new("configure", StoreErrorKind::Configuration, message);
        let bundle = ca_bundle.map(Bundle::parse).transpose();
        let bundle = bundle.map_err(|e| wrong(format!("spec.parameters.caBundle {e}")))?;
        let given = bundle.is_some();
        let tls = trust::client(&bundle.unwrap_or_default()).map_err(|e| wrong(e.to_string()))?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(dial.clone());
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_timer(TokioTimer::new())
            .build(connector.clone());
        Ok(Self {
            client,
            connector,
            dial,
            bundle: given,
            largest: LARGEST,
            fence: Fence::default(),
        })
    }

    /// The same, which reads answers up to so many bytes.
    pub(crate) fn of_answers_up_to(self, largest: usize) -> Self {
        Self { largest, ..self }
    }

    /// The same, which sends for as long as that holds.
    pub(crate) fn fenced(self, fence: Fence) -> Self {
        Self { fence, ..self }
    }

    /// Sends a signed request and reads the answer, within the limit.
    pub(crate) async fn send(
        &self,
        step: &'static str,
        method: http::Method,
        signed: &Signed,
        body: Bytes,
        limit: Duration,
    ) -> Result<Answer, StoreError> {
        let mut request = Request::builder().method(method).uri(signed.url.reveal());
        for (name, value) in &signed.headers {
            request = request.header(name, value);
        }
        let wrong = |message: &str| StoreError::new(step, StoreErrorKind::Configuration, message);
        let request = request
            .body(Full::new(body))
            .map_err(|_| wrong("the request cannot be made: a header or the URL is malformed"))?;
        let place = request.uri().clone();
        let exchange = async {
            self.fence.passed().await;
            let answer = match self.client.request(request).await {
                Ok(answer) => answer,
                Err(error) if no_connection(&error).is_some() => return Err(self.unreachable(step, &error)),
                Err(error) => return Err(self.or_tls(self.unreachable(step, &error), &place).await),
            };
            let (parts, body) = answer.into_parts();
            let body = match Limited::new(body, self.largest).collect().await {
                Ok(body) => body,
                Err(error) => return Err(self.or_tls(self.unreachable(step, error.as_ref()), &place).await),
            };
            Ok(Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: body.to_bytes(),
            })
        };
        let late = || {
            StoreError::new(
                step,
                StoreErrorKind::Timeout,
                format!("no answer within {} s{}", limit.as_secs(), self.dial.through()),
            )
        };
        tokio::time::timeout(limit, exchange).await.map_err(|_| late())?
    }

    /// A broken exchange, or the port's being one of TLS: such a one mostly hangs up on plain HTTP, without a word or before it is read.
    /// Whether it is one, a hello tells.
    async fn or_tls(&self, broken: StoreError, place: &Uri) -> StoreError {
        if place.scheme() == Some(&Scheme::HTTP) && self.speaks_tls(place).await {
            broken.with_its_cure().told(between::SPEAKS_TLS)
        } else {
            broken
        }
    }

    async fn speaks_tls(&self, place: &Uri) -> bool {
        let Some(place) = place.authority().and_then(|a| format!("https://{a}").parse().ok()) else {
            return false;
        };
        let shake = self.connector.clone().call(place);
        match tokio::time::timeout(HELLO, shake).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => trust::speaks_tls(error.as_ref()),
            Err(_) => false,
        }
    }

    /// In the innermost words, which do not hold the URL, and those of `trust` where TLS is what failed.
    fn unreachable(&self, step: &'static str, error: &(dyn Error + 'static)) -> StoreError {
        let unreachable = |words: String| StoreError::new(step, StoreErrorKind::Unreachable, words);
        let through = self.dial.through();
        if let Some(found) = trust::found_in(error) {
            return unreachable(format!("{}{through}", trust::told(found, self.bundle))).with_its_cure();
        }
        match no_connection(error) {
            Some(NoConnection::Tunnel(why)) => unreachable(why.to_string()).with_its_cure(),
            Some(NoConnection::Straight(words)) => unreachable(format!("no connection: {words}")),
            None => unreachable(format!("no connection: {}{through}", innermost(error))),
        }
    }
}

fn no_connection<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a NoConnection> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
