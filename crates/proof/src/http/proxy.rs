//! A tunnel through an HTTP proxy. ureq's own forgets what the proxy answered, and tells a proxy that is not there as the store.
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use between::{Credentials, Heard, NoTunnel, Proxy, Reached, Why};
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout, TcpConnector, TransportAdapter};

/// The proxy of a storage.
#[derive(Clone)]
pub struct Through {
    uri: Uri,
    /// For the proxy alone.
    authorization: Option<Arc<[u8]>>,
    told: Proxy,
}

impl Through {
    /// Of a URL with scheme, host and port; None where it is none.
    pub fn new(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let place = uri.authority()?.to_string();
        Self::of(&Reached {
            url: url.to_owned(),
            authorization: None,
            told: Proxy {
                place,
                named_by: "spec.parameters.proxy".into(),
                credentials: Credentials::Impossible,
            },
        })
    }

    /// Of a proxy that was found elsewhere; None where its URL is none.
    pub fn of(proxy: &Reached) -> Option<Self> {
        let uri: Uri = proxy.url.parse().ok()?;
        let is_one = uri.scheme_str() == Some("http") && uri.authority().is_some();
        is_one.then(|| Self {
            uri,
            authorization: proxy.authorization.as_deref().map(Into::into),
            told: proxy.told.clone(),
        })
    }

    /// For errors of a connection that it carries.
    pub fn carries(&self) -> String {
        self.told.carries()
    }

    fn fails(&self, to: &str, why: Why) -> Error {
        let (proxy, to) = (self.told.clone(), to.to_owned());
        Error::Io(io::Error::other(NoTunnel { proxy, to, why }))
    }
}

impl fmt::Debug for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told.fmt(f)
    }
}

/// Opens tunnels in place of sockets.
#[derive(Debug)]
pub struct ProxyConnector {
    tcp: TcpConnector,
    through: Through,
}

impl ProxyConnector {
    pub fn new(through: Through) -> Self {
        let tcp = TcpConnector::default();
        Self { tcp, through }
    }

    /// Why a socket was not had, or not spoken through.
    fn failed(&self, to: &str, error: Error, limit: NextTimeout, is_connected: bool) -> Error {
        let limit = limit.not_zero().map_or_else(Default::default, |after| *after);
        let why = match error {
            Error::Timeout(_) if is_connected => Why::Hangs(limit),
            Error::Timeout(_) => Why::Silent(limit),
            Error::Io(e) if is_connected => Why::Cuts(e.to_string()),
            Error::Io(e) if e.kind() == ErrorKind::ConnectionRefused => Why::Refuses,
            Error::Io(e) => Why::Unconnected(e.to_string()),
            other => return other,
        };
        self.through.fails(to, why)
    }
}

impl Connector<()> for ProxyConnector {
    type Out = <TcpConnector as Connector<()>>::Out;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        let to = place(details.uri);
        let tcp = self.tcp.connect(details, None::<()>);
        let Some(tcp) = tcp.map_err(|e| self.failed(&to, e, details.timeout, false))? else {
            return Ok(None);
        };
        let mut socket = TransportAdapter::new(tcp, details.current_time.clone());
        // From now on, for the whole answer.
        socket.set_timeout(details.timeout);
        let failed = |e: io::Error| self.failed(&to, e.into(), details.timeout, true);
        socket
            .write_all(&between::question(&to, self.through.authorization.as_deref()))
            .map_err(failed)?;
        let mut head = Vec::new();
        let mut piece = [0; 1024];
        loop {
            let n = socket.read(&mut piece).map_err(failed)?;
            head.extend_from_slice(piece.get(..n).unwrap_or_default());
            let why = match between::heard(&head) {
                Heard::Opened => return Ok(Some(socket.into_inner())),
                Heard::Refused(status, words) => Why::Answered(status, words),
                Heard::Nonsense => Why::Nonsense,
                Heard::More if n == 0 => Why::Cuts(String::new()),
                Heard::More => continue,
            };
            return Err(self.through.fails(&to, why));
        }
    }
}

/// Host and port: a tunnel knows no scheme.
fn place(uri: &Uri) -> String {
    let port = match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("http")) => 80,
        (None, _) => 443,
    };
    format!("{}:{port}", uri.host().unwrap_or_default())
}

/// Looks up the proxy in place of the store, whose name this Pod may not know.
#[derive(Debug)]
pub struct ProxyResolver<R> {
    inner: R,
    through: Through,
}

impl<R> ProxyResolver<R> {
    pub fn new(inner: R, through: Through) -> Self {
        Self { inner, through }
    }
}

impl<R: Resolver> Resolver for ProxyResolver<R> {
    fn resolve(&self, store: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.inner.resolve(&self.through.uri, config, timeout);
        found.map_err(|error| {
            let why = match error {
                Error::Timeout(_) => Why::Unconnected("its name was not looked up in time".into()),
                // The system's resolver says of all that it does not find that it is an error of input or output.
                _ => Why::NotFound,
            };
            self.through.fails(&place(store), why)
        })
    }
}

/// What hope a proxy's refusal leaves: what is not there may come, what says no mostly goes on saying it.
pub fn passes(why: &Why) -> bool {
    !matches!(why, Why::Nonsense | Why::Answered(..500, _))
}
