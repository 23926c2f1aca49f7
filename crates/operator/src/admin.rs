//! Health endpoints: alive as long as it answers, ready once every watch has seen its objects.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

/// Set once every watch has seen its objects.
#[derive(Clone, Default)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    /// All watches have seen their objects.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Serves until the process ends.
pub async fn serve(address: SocketAddr, ready: Ready) -> std::io::Result<()> {
    let readyz = move || {
        let ready = ready.0.load(Ordering::Relaxed);
        async move { if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "watches are not synced") } }
    };
    let router = Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(readyz));
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, router).await
}
