//! One HTTP client for a store: every request has a deadline, every answer a bound.
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::Timestamp;
use trust::Bundle;

use crate::dial::Dial;
use crate::error::{StoreError, StoreErrorKind, innermost};
use crate::signing::Signed;

/// The largest answer that is read, bytes.
pub(crate) const LARGEST: usize = 16 << 20;

/// The client; cheap to clone.
#[derive(Clone)]
pub(crate) struct Http(Client<HttpsConnector<Dial>, Full<Bytes>>);

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
        let tls = trust::client(&bundle.unwrap_or_default()).map_err(|e| wrong(e.to_string()))?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(dial);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self(client))
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
        let exchange = async {
            let answer = self.0.request(request).await.map_err(|e| unreachable(step, &e))?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, LARGEST)
                .collect()
                .await
                .map_err(|e| unreachable(step, e.as_ref()))?;
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
                format!("no answer within {} s", limit.as_secs()),
            )
        };
        tokio::time::timeout(limit, exchange).await.map_err(|_| late())?
    }
}

/// In the innermost words, which do not hold the URL, and those of `trust` where TLS is what failed.
fn unreachable(step: &'static str, error: &(dyn Error + 'static)) -> StoreError {
    let words = match trust::found_in(error) {
        Some(found) => trust::told(found),
        None => format!("no connection: {}", innermost(error)),
    };
    StoreError::new(step, StoreErrorKind::Unreachable, words)
}
