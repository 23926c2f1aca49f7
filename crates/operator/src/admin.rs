//! Health endpoints: alive as long as it answers, ready while it stands by or once every watch has seen its objects.
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::watch;

/// How far the operator is.
#[derive(Clone)]
pub struct Ready {
    state: Arc<watch::Sender<State>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// The lease has not been seen.
    Starting,
    /// That one leads; this one may take over at any time.
    StandsBy(String),
    /// Leads; these kinds have not been seen yet, all of them.
    Leads(Vec<&'static str>),
}

impl Default for Ready {
    fn default() -> Self {
        Self {
            state: Arc::new(watch::Sender::new(State::Starting)),
        }
    }
}

impl Ready {
    /// Another one leads.
    pub fn stands_by(&self, leader: &str) {
        self.state.send_replace(State::StandsBy(leader.into()));
    }

    /// This one leads, and works once these kinds have been seen.
    pub fn leads(&self, kinds: &[&'static str]) {
        self.state.send_replace(State::Leads(kinds.to_vec()));
    }

    /// That kind has been seen, all of it.
    pub fn seen(&self, kind: &str) {
        self.state.send_if_modified(|state| match state {
            State::Leads(missing) => {
                let before = missing.len();
                missing.retain(|k| *k != kind);
                missing.len() != before
            }
            _ => false,
        });
    }

    /// Waits until all have been seen: before that, what is not in a cache is not known to be missing.
    pub async fn wait(&self) {
        // The sender is held here, so that it is never gone.
        let works = |state: &State| matches!(state, State::Leads(missing) if missing.is_empty());
        let _ = self.state.subscribe().wait_for(works).await;
    }

    /// Whether it is ready, in words. One that stands by is: a rollout waits for nothing more.
    fn answer(&self) -> (StatusCode, String) {
        match &*self.state.borrow() {
            State::Starting => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the lease has not been seen yet".into(),
            ),
            State::StandsBy(leader) => (StatusCode::OK, format!("standing by for {leader}")),
            State::Leads(missing) if missing.is_empty() => (StatusCode::OK, "ok".into()),
            State::Leads(missing) => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not seen yet: {}", missing.join(", ")),
            ),
        }
    }
}

/// Serves until the process ends.
pub async fn serve(address: SocketAddr, ready: Ready) -> std::io::Result<()> {
    let readyz = move || {
        let answer = ready.answer();
        async move { answer }
    };
    let router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readyz));
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, router).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_who_stands_by_or_has_seen_every_kind() {
        let ready = Ready::default();
        let code = || ready.answer().0.as_u16();
        assert_eq!(code(), 503);
        ready.stands_by("other");
        assert_eq!(code(), 200);
        ready.leads(&["Pod", "BackupRun"]);
        assert_eq!(code(), 503);
        ready.seen("Pod");
        assert_eq!(code(), 503);
        ready.seen("BackupRun");
        assert_eq!(code(), 200);
    }
}
