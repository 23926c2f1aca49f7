//! The way to a store's socket: straight, or through a proxy. Its client and the relay take the same.
use std::error::Error;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use between::{Heard, NoTunnel, Why};
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use crate::error::innermost;
use crate::proxy::Proxy;

/// Until a connection is there, and, once more, until a proxy has passed it on.
const CONNECT: Duration = Duration::from_secs(10);

/// Makes connections. Cheap to clone.
#[derive(Clone)]
pub struct Dial {
    tcp: HttpConnector,
    proxy: Option<Proxy>,
}

/// No connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoConnection {
    /// To the store itself, in the system's words.
    #[error("{0}")]
    Straight(String),
    /// Through a proxy. It names its cure.
    #[error(transparent)]
    Tunnel(Box<NoTunnel>),
}

impl Dial {
    pub(crate) fn new(proxy: Option<Proxy>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        // A request's end must not wait for the store's acknowledgement of its beginning.
        tcp.set_nodelay(true);
        Self { tcp, proxy }
    }

    /// Straight to wherever is asked for.
    pub fn direct() -> Self {
        Self::new(None)
    }

    /// A connection to that host (an IPv6 address without brackets) and port.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let place = format!("http://{host}:{port}")
            .parse::<Uri>()
            .map_err(|e| e.to_string())?;
        self.to(&place)
            .await
            .map(TokioIo::into_inner)
            .map_err(|e| e.to_string())
    }

    /// ` (through the proxy …)`, for errors of a connection that stood; empty where there is no proxy.
    pub fn through(&self) -> String {
        self.proxy.as_ref().map(|p| p.told.carries()).unwrap_or_default()
    }

    /// The proxy that stands before the store, for whoever reads signed URLs by a client of its own.
    pub fn proxy(&self) -> Option<between::Reached> {
        self.proxy.as_ref().map(|proxy| between::Reached {
            url: proxy.uri.to_string().trim_end_matches('/').to_owned(),
            authorization: proxy.authorization.as_ref().map(|value| value.as_bytes().to_vec()),
            told: proxy.told.clone(),
        })
    }

    async fn to(&self, place: &Uri) -> Result<TokioIo<TcpStream>, NoConnection> {
        let Some(proxy) = &self.proxy else {
            let straight = self.tcp.clone().call(place.clone()).await;
            return straight.map_err(|e| NoConnection::Straight(straightly(place, &e)));
        };
        let place = with_port(place);
        let to = place.authority().map_or("", |a| a.as_str());
        self.tunnel(proxy, to).await.map_err(|why| {
            NoConnection::Tunnel(Box::new(NoTunnel {
                proxy: proxy.told.clone(),
                to: to.to_owned(),
                why,
            }))
        })
    }

    async fn tunnel(&self, proxy: &Proxy, to: &str) -> Result<TokioIo<TcpStream>, Why> {
        let connection = self.tcp.clone().call(proxy.uri.clone()).await;
        let mut tcp = connection.map_err(|e| unconnected(&e))?.into_inner();
        let authorization = proxy.authorization.as_ref().map(|value| value.as_bytes());
        let question = between::question(to, authorization);
        let asked = async {
            tcp.write_all(&question).await.map_err(|e| Why::Cuts(e.to_string()))?;
            let mut head = Vec::new();
            let mut piece = [0; 1024];
            loop {
                let n = tcp.read(&mut piece).await.map_err(|e| Why::Cuts(e.to_string()))?;
                head.extend_from_slice(piece.get(..n).unwrap_or_default());
                match between::heard(&head) {
                    Heard::Opened => return Ok(()),
                    Heard::Refused(status, words) => return Err(Why::Answered(status, words)),
                    Heard::Nonsense => return Err(Why::Nonsense),
                    Heard::More if n == 0 => return Err(Why::Cuts(String::new())),
                    Heard::More => {}
                }
            }
        };
        timeout(CONNECT, asked).await.map_err(|_| Why::Hangs(CONNECT))??;
        Ok(TokioIo::new(tcp))
    }
}

/// Why a proxy itself is not connected to.
fn unconnected(error: &(dyn Error + 'static)) -> Why {
    let mut next = Some(error);
    while let Some(error) = next {
        // The resolver's errors have no kind of their own.
        if error.to_string().starts_with("dns error") {
            return Why::NotFound;
        }
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(ErrorKind::ConnectionRefused) => return Why::Refuses,
            Some(ErrorKind::TimedOut) => return Why::Silent(CONNECT),
            _ => next = error.source(),
        }
    }
    Why::Unconnected(innermost(error))
}

/// Why there is no connection to a place itself. Of a name that is not found the system says "temporary failure" for as long as it
/// does not exist.
fn straightly(place: &Uri, error: &(dyn Error + 'static)) -> String {
    match unconnected(error) {
        Why::NotFound => format!("the name {} is not found", place.host().unwrap_or_default()),
        _ => innermost(error),
    }
}

/// The same place with its port written out: a tunnel does not know a scheme.
fn with_port(place: &Uri) -> Uri {
    let port = match (place.port_u16(), place.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("http")) => 80,
        (None, _) => 443,
    };
    let host = place.host().unwrap_or_default();
    format!("http://{host}:{port}")
        .parse()
        .unwrap_or_else(|_| place.clone())
}

impl Service<Uri> for Dial {
    type Response = TokioIo<TcpStream>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, place: Uri) -> Self::Future {
        let dial = self.clone();
        Box::pin(async move { Ok(dial.to(&place).await?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_is_not_found_is_named() {
        let error = Dial::direct().connect("nowhere.invalid", 9000).await.unwrap_err();
        assert_eq!(error, "the name nowhere.invalid is not found");
    }

    #[test]
    fn a_tunnel_goes_to_a_port() {
        for (place, expected) in [
            ("https://s3.example", "http://s3.example:443/"),
            ("http://s3.example", "http://s3.example:80/"),
            ("https://s3.example:9000", "http://s3.example:9000/"),
            ("https://[fd00::1]", "http://[fd00::1]:443/"),
        ] {
            assert_eq!(with_port(&place.parse().unwrap()).to_string(), expected);
        }
    }
}
