//! The agent's HTTP client, and what an answer of a store lets hope for.
mod answer;
mod early;
mod proxy;
mod resolver;
mod tls;
mod tunnel;

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use between::{Answered, NoTunnel};
use protocol::{Job, Secret};
use trust::Bundle;
use ureq::config::Config;
use ureq::http::Response;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::{Agent, Body, SendBody};

pub use answer::Answer;

use crate::desk::{Desk, SignedUrl};
use crate::retry::Hope;
use early::EarlyAnswers;
use proxy::{ProxyConnector, ProxyResolver, Through};
use resolver::Remembering;
use tls::TlsConnector;
use tunnel::{NoResolver, TunnelConnector};

/// Until a name is resolved, and until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// The same, where the operator connects: it has a deadline of its own, for a proxy, too, and tells why it failed.
const TUNNEL: Duration = Duration::from_secs(30);
/// The same, where only the way to the store is tried.
const PROBE: Duration = Duration::from_secs(5);
/// Until the next byte: a store may take its time to answer a part.
const SILENCE: Duration = Duration::from_secs(90);
/// Bytes of an error's body that are looked at.
const ERROR_BODY: u64 = 16 << 10;
/// Connections that are kept for the next request: a store that is far away is connected to for a round trip or three.
const IDLE: usize = 8;
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
    #[error("spec.parameters.proxy: must be http://host:port, a proxy that opens tunnels (CONNECT)")]
    Proxy,
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
    pub fn client(&self) -> Result<Client, NoClient> {
        let tls = self.tls()?;
        let told = self.told()?;
        let resolver = Remembering::<DefaultResolver>::default();
        let config = settings(CONNECT, SILENCE);
        let agent = if let Some(desk) = self.tunnel {
            let connector = TunnelConnector(desk.clone()).chain(tls);
            Agent::with_parts(settings(TUNNEL, SILENCE), connector, NoResolver)
        } else if let Some(through) = told.through.clone() {
            let connector = ProxyConnector::new(through.clone()).chain(EarlyAnswers).chain(tls);
            Agent::with_parts(config, connector, ProxyResolver::new(resolver, through))
        } else {
            let connector = ().chain(TcpConnector::default()).chain(EarlyAnswers).chain(tls);
            Agent::with_parts(config, connector, resolver)
        };
        Ok(Client { agent, told })
    }

    /// A client for one question.
    fn asking(&self) -> Result<Client, NoClient> {
        let (tls, told) = (self.tls()?, self.told()?);
        let (config, resolver) = (settings(PROBE, PROBE), DefaultResolver::default());
        let agent = if let Some(through) = told.through.clone() {
            let connector = ProxyConnector::new(through.clone()).chain(tls);
            Agent::with_parts(config, connector, ProxyResolver::new(resolver, through))
        } else {
            Agent::with_parts(config, ().chain(TcpConnector::default()).chain(tls), resolver)
        };
        Ok(Client { agent, told })
    }

    fn tls(&self) -> Result<TlsConnector, NoClient> {
        let bundle = self.ca_bundle.map(Bundle::parse).transpose()?.unwrap_or_default();
        Ok(TlsConnector::new(trust::client(&bundle)?))
    }

    fn told(&self) -> Result<Told, NoClient> {
        // What is relayed goes through the operator's proxy, which it names itself.
        let proxy = self.proxy.filter(|_| self.tunnel.is_none());
        let through = proxy.map(|url| Through::new(url).ok_or(NoClient::Proxy)).transpose()?;
        Ok(Told {
            bundle: self.ca_bundle.is_some(),
            through,
            relayed: self.tunnel.is_some(),
        })
    }
}

/// Asks a store's endpoint for anything. Ok(status): it can be reached, whatever it says to a request that is not signed.
pub fn reach(way: &Way<'_>, url: &str) -> Result<u16, String> {
    let client = way.asking().map_err(|e| e.to_string())?;
    match client.agent.head(url).call() {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) => Err(client.told.failed(&error).message),
    }
}

/// Asks a store for an object that need not be there. Ok(status): a store answered, and nothing in between.
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

fn settings(connect: Duration, silence: Duration) -> Config {
    Agent::config_builder()
        // ureq would take the environment's.
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("backup-operator-agent/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .timeout_resolve(Some(connect))
        .timeout_connect(Some(connect))
        .timeout_per_read(Some(silence))
        .timeout_per_write(Some(silence))
        .max_idle_connections(IDLE)
        .max_idle_connections_per_host(IDLE)
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .build()
}

/// PUTs a body of so many bytes; returns the ETag, quotes included, empty where the store gives none.
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
        }
    }

    /// A good answer that is somebody else's.
    fn not_the_stores(&self, response: &Response<Body>, words: String) -> HttpError {
        HttpError {
            hope: Hope::Doubtful,
            message: self.elsewhere(words),
            status: Some(response.status().as_u16()),
        }
    }

    /// What else can be done where a gateway is in between: the operator was answered by the store when it probed.
    fn elsewhere(&self, words: String) -> String {
        if self.relayed {
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
