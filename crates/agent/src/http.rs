//! The agent's HTTP client, and what an answer of a store lets hope for.
mod answer;
mod early;
mod resolver;
mod tls;
mod tunnel;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use protocol::{Job, Secret};
use trust::Bundle;
use ureq::config::Config;
use ureq::http::Response;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
use ureq::{Agent, Body, Proxy};

pub use answer::Answer;

use crate::desk::{Desk, SignedUrl};
use crate::retry::Hope;
use early::EarlyAnswers;
use resolver::Remembering;
use tls::TlsConnector;
use tunnel::{NoResolver, TunnelConnector};

/// Until a name is resolved, and until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// The same, where only the way to the store is tried.
const PROBE: Duration = Duration::from_secs(5);
/// Until the next byte: a store may take its time to answer a part.
const SILENCE: Duration = Duration::from_secs(90);
/// Bytes of an error's body that are looked at.
const ERROR_BODY: u64 = 16 << 10;
/// Bytes that are read from or written to a socket at a time.
const BUFFER: usize = 128 << 10;

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
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    /// The caBundle is of no use.
    #[error("caBundle {0}")]
    Bundle(#[from] trust::BundleFault),
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    /// No proxy can be reached by that URL.
    #[error("proxy: {0}")]
    Proxy(String),
}

/// How a store is reached. Nothing of it is of the user's environment.
#[derive(Clone, Copy, Default)]
pub struct Way<'a> {
    /// Certificates to trust beside the public ones, PEM.
    pub ca_bundle: Option<&'a str>,
    /// An HTTP proxy that opens tunnels: scheme, host and port.
    pub proxy: Option<&'a str>,
    /// Through the operator, which knows of the proxy itself.
    pub tunnel: Option<&'a Arc<Desk>>,
}

impl<'a> Way<'a> {
    /// As the job says.
    pub fn of(job: &'a Job, desk: &'a Arc<Desk>) -> Self {
        Self {
            ca_bundle: job.ca_bundle.as_deref(),
            proxy: job.proxy.as_deref(),
            tunnel: job.relay.then_some(desk),
        }
    }

    /// A client that goes this way, and follows no redirect, which would carry the bytes to where nobody signed for them.
    pub fn client(&self) -> Result<Agent, NoClient> {
        let tls = self.tls()?;
        if let Some(desk) = self.tunnel {
            let connector = TunnelConnector(desk.clone()).chain(tls);
            return Ok(Agent::with_parts(
                settings(None, CONNECT, SILENCE),
                connector,
                NoResolver,
            ));
        }
        let connector = ().chain(ConnectProxyConnector::default());
        let connector = connector.chain(TcpConnector::default()).chain(EarlyAnswers).chain(tls);
        let config = settings(self.through()?, CONNECT, SILENCE);
        Ok(Agent::with_parts(
            config,
            connector,
            Remembering::<DefaultResolver>::default(),
        ))
    }

    /// A client for one question.
    fn asking(&self) -> Result<Agent, NoClient> {
        let connector = ().chain(ConnectProxyConnector::default());
        let connector = connector.chain(TcpConnector::default()).chain(self.tls()?);
        Ok(Agent::with_parts(
            settings(self.through()?, PROBE, PROBE),
            connector,
            DefaultResolver::default(),
        ))
    }

    fn tls(&self) -> Result<TlsConnector, NoClient> {
        let bundle = self.ca_bundle.map(Bundle::parse).transpose()?.unwrap_or_default();
        Ok(TlsConnector::new(trust::client(&bundle)?))
    }

    fn through(&self) -> Result<Option<Proxy>, NoClient> {
        let proxy = self.proxy.map(Proxy::new).transpose();
        proxy.map_err(|e| NoClient::Proxy(e.to_string()))
    }
}

/// Asks a store's endpoint for anything. Ok(status): it can be reached, whatever it says to a request that is not signed.
pub fn reach(way: &Way<'_>, url: &str) -> Result<u16, String> {
    let client = way.asking().map_err(|e| e.to_string())?;
    match client.head(url).call() {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) => Err(failed(&error).message),
    }
}

/// Asks a store for an object that need not be there. Ok(status): a store answered, and nothing in between.
pub fn ask(way: &Way<'_>, signed: &Secret) -> Result<u16, String> {
    let client = way.asking().map_err(|e| e.to_string())?;
    let mut response = client.get(signed.reveal()).call().map_err(|e| failed(&e).message)?;
    let status = response.status().as_u16();
    let named = response
        .headers()
        .keys()
        .any(|name| name.as_str().starts_with("x-amz-"));
    let mut body = Vec::new();
    // What is cut has its beginning.
    let _ = response.body_mut().as_reader().take(ERROR_BODY).read_to_end(&mut body);
    if named || answer::is_of_a_store(&body) {
        Ok(status)
    } else {
        Err(format!(
            "it answered {status}, and not as a store does: is a proxy or a mesh in between?"
        ))
    }
}

fn settings(proxy: Option<Proxy>, connect: Duration, silence: Duration) -> Config {
    Agent::config_builder()
        // None is none: ureq would take the environment's.
        .proxy(proxy)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("backup-operator-agent/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .timeout_resolve(Some(connect))
        .timeout_connect(Some(connect))
        .timeout_per_read(Some(silence))
        .timeout_per_write(Some(silence))
        .max_idle_connections(4)
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .build()
}

/// PUTs a body; returns the ETag, quotes included, empty where the store gives none.
pub fn put(client: &Agent, signed: &SignedUrl, body: &[u8]) -> Result<String, HttpError> {
    let mut request = client.put(signed.url.reveal());
    for (name, value) in sendable(&signed.headers) {
        request = request.header(name, value);
    }
    let mut response = request.send(body).map_err(|e| failed(&e))?;
    if !response.status().is_success() {
        return Err(refused(&mut response));
    }
    let etag = header(&response, "etag").unwrap_or_default();
    // Read to its end, so that the connection is used again.
    let _ = response.body_mut().with_config().limit(ERROR_BODY).read_to_vec();
    Ok(etag)
}

/// GETs an object from an offset on.
pub fn get(client: &Agent, signed: &SignedUrl, offset: u64, etag: Option<&str>) -> Result<Response<Body>, HttpError> {
    let mut request = client
        .get(signed.url.reveal())
        .header("range", format!("bytes={offset}-"));
    if let Some(etag) = etag {
        request = request.header("if-match", etag);
    }
    for (name, value) in sendable(&signed.headers) {
        request = request.header(name, value);
    }
    let mut response = request.call().map_err(|e| failed(&e))?;
    if response.status().is_success() {
        Ok(response)
    } else {
        Err(refused(&mut response))
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

fn refused(response: &mut Response<Body>) -> HttpError {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    // What cannot be read of an error's body does not make the error another one.
    let _ = response.body_mut().as_reader().take(ERROR_BODY).read_to_end(&mut body);
    let answer = Answer::of(status, &body);
    HttpError {
        hope: answer.hope(),
        message: answer.to_string(),
        status: Some(status),
    }
}

/// A request without an answer. A wrong certificate may be a proxy in between that goes away, so it gets some tries.
fn failed(error: &ureq::Error) -> HttpError {
    use ureq::Error;
    let (hope, message) = match error {
        Error::Io(e) if let Some(found) = trust::found_in(e) => (Hope::Doubtful, trust::told(found)),
        Error::Io(e) => (Hope::Passes, e.to_string()),
        Error::Timeout(what) => (Hope::Passes, format!("timeout: {what}")),
        Error::ConnectProxyFailed(words) => (
            Hope::Doubtful,
            format!("the proxy of spec.parameters.proxy opens no tunnel: {words}"),
        ),
        Error::HostNotFound => (Hope::Passes, "the store's name is not found".into()),
        Error::Tls(_) => (Hope::Doubtful, format!("TLS: {error}")),
        Error::BadUri(_) => (Hope::None, "the URL is not one".into()),
        Error::Http(_) => (Hope::None, "a signed header cannot be sent".into()),
        other => (Hope::Passes, other.to_string()),
    };
    HttpError {
        hope,
        message,
        status: None,
    }
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
