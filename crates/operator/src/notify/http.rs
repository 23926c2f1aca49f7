//! One request over HTTP: to an address that was judged, believed by the same certificates as stores, and no redirect is followed.
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use planner::validate::notifications::target;
use store::Secret;
use tokio::net::TcpStream;
use tower::Service;
use trust::Bundle;

use super::Fault;
use super::channel::{Order, Sender};
use super::pace;
use super::way::Way;

/// Of an answer's body; nothing of it is told, as it may be of something that only the operator reaches.
const BODY: usize = 64 << 10;

/// What is sent.
pub struct Sent<'a> {
    pub url: &'a Secret,
    pub media_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// Posts, and takes 2xx for an answer.
pub async fn post(sender: &Sender, order: &Order, sent: Sent<'_>) -> Result<(), Fault> {
    let wrong = |why: &str| Fault::Wrong(format!("the URL {why}"));
    let target = target(sent.url.reveal()).map_err(|why| wrong(&why))?;
    let uri: Uri = sent.url.reveal().parse().map_err(|_| wrong("cannot be read"))?;
    // Two readers of one URL: they have to mean the same.
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    if host != target.host || uri.port_u16().unwrap_or(target.port) != target.port {
        return Err(wrong("cannot be read"));
    }
    let busy = |turn, sent| Fault::Busy {
        why: format!("{} asks for fewer requests", target.host),
        turn,
        sent,
    };
    let url = sent.url.reveal();
    let may = sender.paces.ask(url, order.turn, Instant::now());
    may.map_err(|turn| busy(turn, false))?;
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(http::header::CONTENT_TYPE, sent.media_type)
        .header(
            http::header::USER_AGENT,
            concat!("backup-operator/", env!("CARGO_PKG_VERSION")),
        );
    for (name, value) in sent.headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Full::new(Bytes::from(sent.body)))
        .map_err(|_| wrong("cannot be sent to"))?;

    let bundle = order.to.ca_bundle.as_deref().map(Bundle::parse).transpose();
    let bundle = bundle
        .map_err(|e| Fault::Wrong(format!("caBundle {e}")))?
        .unwrap_or_default();
    let tls = trust::client(&bundle).map_err(|e| Fault::Wrong(e.to_string()))?;
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(Judged {
            way: sender.way.clone(),
            default: order.default,
        });
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector);
    let answer = client
        .request(request)
        .await
        .map_err(|e| unreachable(&e, &target.host))?;
    let status = answer.status();
    let later = answer.headers().get(http::header::RETRY_AFTER);
    let asked = pace::asked(status.as_u16(), later.and_then(|v| v.to_str().ok()), Timestamp::now());
    // Read, so that the receiver sees its answer taken.
    let _ = Limited::new(answer.into_body(), BODY).collect().await;
    if let Some(wait) = asked {
        return Err(busy(sender.paces.refused(url, wait, Instant::now()), true));
    }
    match status.as_u16() {
        200..=299 => Ok(()),
        300..=399 => Err(Fault::Wrong(format!(
            "{} answered {}, and no redirect is followed: name the URL that it leads to",
            target.host,
            status.as_u16()
        ))),
        // It will say so again: a wrong path, key or body. But for what asks to come again.
        code @ 400..=499 if !matches!(code, 408 | 425) => Err(Fault::Wrong(format!("{} answered {code}", target.host))),
        code => Err(Fault::Failed(format!("{} answered {code}", target.host))),
    }
}

/// Why nothing came back, in words that hold no URL.
fn unreachable(error: &(dyn Error + 'static), host: &str) -> Fault {
    if let Some(found) = trust::found_in(error) {
        return Fault::Wrong(format!(
            "TLS with {host}: {found} (caBundle of the notification takes the certificate of an authority of your own)"
        ));
    }
    let mut next = Some(error);
    let mut last = error;
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return fault.clone();
        }
        (last, next) = (error, error.source());
    }
    Fault::Failed(format!("no answer of {host}: {last}"))
}

/// Connects to places that are judged.
#[derive(Clone)]
struct Judged {
    way: Way,
    default: bool,
}

impl Service<Uri> for Judged {
    type Response = TokioIo<TcpStream>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, place: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let secure = place.scheme_str() == Some("https");
            let host = place.host().unwrap_or_default().trim_matches(['[', ']']);
            let port = place.port_u16().unwrap_or(if secure { 443 } else { 80 });
            let stream = this.way.connect(secure, host, port, this.default).await?;
            Ok(TokioIo::new(stream))
        })
    }
}
