//! The admin port: metrics, and health: alive as long as it answers, ready as `ready.rs` says. What changes the process, or tells how it was
//! started, is for who is in its Pod: every other Pod of the cluster reaches the port, too.
mod ready;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::rejection::StringRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, RawQuery, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

pub use self::ready::Ready;
use crate::listen::listen;
use crate::log::Level;
use crate::metrics::{self, Metrics};

/// The longest filter for the log, bytes.
const FILTER: usize = 1024;

/// What the port tells and does.
pub struct Served {
    /// How far the operator is.
    pub ready: Ready,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// What is logged.
    pub level: Level,
    /// How the process was started.
    pub config: Value,
}

/// Serves until the process ends.
pub async fn serve(address: SocketAddr, served: Served) -> std::io::Result<()> {
    let listener = listen(address)?;
    let router = router(served).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, router).await
}

fn router(served: Served) -> Router {
    let Served {
        ready,
        metrics,
        level,
        config,
    } = served;
    let alive = |path: &'static str| {
        get(move |RawQuery(query): RawQuery| async move {
            if is_verbose(query.as_deref()) {
                format!("[+]ping ok\n{path} check passed\n")
            } else {
                "ok".into()
            }
        })
    };
    let readyz = move |RawQuery(query): RawQuery| async move { ready.answer(is_verbose(query.as_deref())) };
    let measured = metrics::serve(metrics);
    let metrics = move |headers: HeaderMap| async move { measured.answer(&headers).await };
    let now = level.clone();
    let set = move |wanted: Result<String, StringRejection>| async move { change(&level, wanted) };
    let own = Router::new()
        .route(
            "/log-level",
            get(move || async move { format!("{}\n", now.now()) }).put(set),
        )
        .route("/configz", get(move || async move { Json(config) }))
        .layer(DefaultBodyLimit::max(FILTER))
        .layer(middleware::from_fn(own_pod));
    Router::new()
        .route("/livez", alive("livez"))
        .route("/healthz", alive("healthz"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .merge(own)
}

/// Whether a line for each check is asked for; as with Kubernetes' own endpoints, the word is enough.
fn is_verbose(query: Option<&str>) -> bool {
    let mut words = query.unwrap_or_default().split('&');
    words.any(|word| word.split('=').next() == Some("verbose"))
}

fn change(level: &Level, wanted: Result<String, StringRejection>) -> (StatusCode, String) {
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(fault) => {
            let words = format!("the filter is not taken: {fault}; it is text of at most {FILTER} bytes\n");
            return (fault.status(), words);
        }
    };
    match level.set(&wanted) {
        Ok(now) => (StatusCode::OK, format!("{now}\n")),
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")),
    }
}

/// Lets nobody in but who is in the Pod itself: by port-forward, which begins there, or by exec. Just these two addresses: a service mesh's
/// sidecar has others of the loopback interface for what it lets in from elsewhere.
async fn own_pod(ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request, next: Next) -> Response {
    let own = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    if own.contains(&peer.ip().to_canonical()) {
        return next.run(request).await;
    }
    let words = format!(
        "{} answers only who asks from inside the operator's Pod, by localhost: kubectl port-forward POD 8081, and ask localhost:8081\n",
        request.uri().path()
    );
    (StatusCode::FORBIDDEN, words).into_response()
}

#[cfg(test)]
mod tests;
