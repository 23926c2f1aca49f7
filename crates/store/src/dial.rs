//! The way to a store's socket: straight, or through a proxy. Its client and the relay take the same.
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::error::innermost;
use crate::proxy::Proxy;

/// Until a connection is there, and until a proxy has passed it on.
const CONNECT: Duration = Duration::from_secs(10);

/// Makes connections. Cheap to clone.
#[derive(Clone)]
pub struct Dial {
    tcp: HttpConnector,
    proxy: Option<Proxy>,
}

/// No connection, in words that name the proxy where there is one.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoConnection(String);

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

    async fn to(&self, place: &Uri) -> Result<TokioIo<TcpStream>, NoConnection> {
        let Some(proxy) = &self.proxy else {
            let straight = self.tcp.clone().call(place.clone()).await;
            return straight.map_err(|e| NoConnection(innermost(&e)));
        };
        let mut tunnel = Tunnel::new(proxy.uri.clone(), self.tcp.clone());
        if let Some(authorization) = &proxy.authorization {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let through = tokio::time::timeout(CONNECT * 2, tunnel.call(with_port(place))).await;
        let words = match through {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => innermost(&error),
            Err(_) => format!("no tunnel within {} s", CONNECT.as_secs() * 2),
        };
        Err(NoConnection(format!(
            "the proxy {} ({}) opens no tunnel to {}: {words}; it has to allow CONNECT to this host and port, and to take its user and password",
            proxy.uri.authority().map_or("", |a| a.as_str()),
            proxy.named_by,
            place.authority().map_or("", |a| a.as_str()),
        )))
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
