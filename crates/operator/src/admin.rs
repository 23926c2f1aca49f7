//! Health endpoints: alive as long as it answers, ready once every watch has seen its objects.
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::watch;

/// Which watches have seen their objects, by kind.
#[derive(Clone)]
pub struct Ready {
    missing: Arc<watch::Sender<Vec<&'static str>>>,
}

impl Ready {
    /// None of these kinds has been seen yet.
    pub fn new(kinds: &[&'static str]) -> Self {
        Self {
            missing: Arc::new(watch::Sender::new(kinds.to_vec())),
        }
    }

    /// That kind has been seen, all of it.
    pub fn seen(&self, kind: &str) {
        self.missing.send_if_modified(|missing| {
            let before = missing.len();
            missing.retain(|k| *k != kind);
            missing.len() != before
        });
    }

    /// Waits until all have been seen: before that, what is not in a cache is not known to be missing.
    pub async fn wait(&self) {
        // The sender is held here, so that it is never gone.
        let _ = self.missing.subscribe().wait_for(Vec::is_empty).await;
    }

    fn missing(&self) -> String {
        self.missing.borrow().join(", ")
    }
}

/// Serves until the process ends.
pub async fn serve(address: SocketAddr, ready: Ready) -> std::io::Result<()> {
    let readyz = move || {
        let missing = ready.missing();
        async move {
            if missing.is_empty() {
                (StatusCode::OK, "ok".to_string())
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, format!("not seen yet: {missing}"))
            }
        }
    };
    let router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readyz));
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, router).await
}
