//! How a store is reached, and the client that goes this way.
use std::sync::Arc;
use std::time::Duration;

use trust::Bundle;
use ureq::Agent;
use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};

use super::early::EarlyAnswers;
use super::proxy::{ProxyConnector, ProxyResolver, Through};
use super::resolver::{Elsewhere, Remembering};
use super::tls::TlsConnector;
use super::tunnel::{NoResolver, TunnelConnector, Tunnels};
use super::{Client, Told};

/// Until a name is resolved, and until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// The same, where the operator connects: it has a deadline of its own, for a proxy, too, and tells why it failed.
const TUNNEL: Duration = Duration::from_secs(30);
/// The same, where only the way to the store is tried.
const PROBE: Duration = Duration::from_secs(5);
/// Until the next byte: a store may take its time to answer a part.
const SILENCE: Duration = Duration::from_secs(90);
/// Connections that are kept for the next request: a store that is far away is connected to for a round trip or three.
const IDLE: usize = 8;
/// Bytes that are read from or written to a socket at a time.
const BUFFER: usize = 128 << 10;
/// What the logs of a store know a Pod by, and what everybody else.
const AGENT: &str = concat!("backup-operator-agent/", env!("CARGO_PKG_VERSION"));
const OUTSIDE: &str = concat!("kubectl-backup/", env!("CARGO_PKG_VERSION"));

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    /// The caBundle is of no use.
    #[error("caBundle {0}")]
    Bundle(#[from] trust::BundleFault),
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    /// No store can be reached there.
    #[error("{0:?} is no host:port")]
    Endpoint(String),
    /// No proxy can be reached by that URL.
    #[error("spec.parameters.proxy: must be http://host:port, a proxy that opens tunnels (CONNECT)")]
    Proxy,
}

/// How a store is reached. Nothing of it is of the user's environment.
#[derive(Clone, Default)]
pub struct Way<'a> {
    /// Certificates to trust beside the public ones, PEM.
    pub ca_bundle: Option<&'a str>,
    /// An HTTP proxy that opens tunnels: scheme, host and port.
    pub proxy: Option<&'a str>,
    /// The same, where it was found elsewhere; it comes before the other.
    pub behind: Option<between::Reached>,
    /// Through the operator, which knows of the proxy itself.
    pub tunnel: Option<Arc<dyn Tunnels>>,
    /// Where the store is reached, `host:port`, in place of where its URLs say: a port that is forwarded. What is signed and what its
    /// certificate has to name stay as they are.
    pub at: Option<&'a str>,
    /// From somewhere that is no Pod: no error names a cure that is one of Pods.
    pub outside: bool,
}

impl Way<'_> {
    /// A client that goes this way, and follows no redirect, which would carry the bytes to where nobody signed for them.
    ///
    /// # Errors
    /// The caBundle or the proxy cannot be used.
    pub fn client(&self) -> Result<Client, NoClient> {
        let tls = self.tls()?;
        let told = self.told()?;
        let resolver = Remembering::over(self.place()?);
        let config = self.settings(CONNECT, SILENCE);
        let agent = if let Some(tunnels) = &self.tunnel {
            let connector = TunnelConnector(tunnels.clone()).chain(tls);
            Agent::with_parts(self.settings(TUNNEL, SILENCE), connector, NoResolver)
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
    pub(super) fn asking(&self) -> Result<Client, NoClient> {
        let (tls, told) = (self.tls()?, self.told()?);
        let (config, resolver) = (self.settings(PROBE, PROBE), DefaultResolver::default());
        let agent = if let Some(through) = told.through.clone() {
            let connector = ProxyConnector::new(through.clone()).chain(tls);
            Agent::with_parts(config, connector, ProxyResolver::new(resolver, through))
        } else {
            Agent::with_parts(config, ().chain(TcpConnector::default()).chain(tls), resolver)
        };
        Ok(Client { agent, told })
    }

    fn place(&self) -> Result<Elsewhere, NoClient> {
        Elsewhere::to(self.at).map_err(|_| NoClient::Endpoint(self.at.unwrap_or_default().into()))
    }

    fn tls(&self) -> Result<TlsConnector, NoClient> {
        let bundle = self.ca_bundle.map(Bundle::parse).transpose()?.unwrap_or_default();
        Ok(TlsConnector::new(trust::client(&bundle)?))
    }

    fn told(&self) -> Result<Told, NoClient> {
        // What is relayed goes through the operator's proxy, which it names itself.
        let through = match (&self.tunnel, &self.behind, self.proxy) {
            (Some(_), ..) | (None, None, None) => None,
            (None, Some(proxy), _) => Some(Through::of(proxy).ok_or(NoClient::Proxy)?),
            (None, None, Some(url)) => Some(Through::new(url).ok_or(NoClient::Proxy)?),
        };
        Ok(Told {
            bundle: self.ca_bundle.is_some(),
            through,
            relayed: self.tunnel.is_some(),
            outside: self.outside,
        })
    }

    fn settings(&self, connect: Duration, silence: Duration) -> Config {
        let name = if self.outside { OUTSIDE } else { AGENT };
        Agent::config_builder()
            // ureq would take the environment's.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(name)
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
}
