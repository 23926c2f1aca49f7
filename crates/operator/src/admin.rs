//! The admin port: metrics, and health: alive as long as it answers, ready while it stands by or once every watch has seen its objects, and, where
//! the webhook is on, once it answers and the API server trusts it.
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use tokio::sync::watch;

use crate::metrics::{self, Metrics};

/// How far the operator is.
#[derive(Clone)]
pub struct Ready {
    state: Arc<watch::Sender<State>>,
    webhook: Arc<watch::Sender<Webhook>>,
}

/// How far the webhook is.
#[derive(Clone, Copy, Debug, Default)]
struct Webhook {
    /// It is to be served.
    wanted: bool,
    /// It answers.
    serves: bool,
    /// The leader has seen that the API server trusts it.
    trusted: bool,
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
            webhook: Arc::default(),
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

    /// The webhook is to be served: it is not ready without.
    pub fn wants_webhook(&self) {
        self.webhook.send_modify(|w| w.wanted = true);
    }

    /// The webhook answers.
    pub fn serves(&self) {
        self.webhook.send_modify(|w| w.serves = true);
    }

    /// The API server trusts the webhook's certificate.
    pub fn trusted(&self) {
        self.webhook
            .send_if_modified(|w| !std::mem::replace(&mut w.trusted, true));
    }

    /// Whether all have been seen.
    pub fn works(&self) -> bool {
        matches!(&*self.state.borrow(), State::Leads(missing) if missing.is_empty())
    }

    /// Waits until all have been seen: before that, what is not in a cache is not known to be missing.
    pub async fn wait(&self) {
        // The sender is held here, so that it is never gone.
        let works = |state: &State| matches!(state, State::Leads(missing) if missing.is_empty());
        let _ = self.state.subscribe().wait_for(works).await;
    }

    /// Whether it is ready, in words. One that stands by is: a rollout waits for nothing more.
    fn answer(&self) -> (StatusCode, String) {
        let not_yet = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why);
        let webhook = *self.webhook.borrow();
        let state = self.state.borrow();
        match &*state {
            State::Starting => not_yet("the lease has not been seen yet".into()),
            State::Leads(missing) if !missing.is_empty() => not_yet(format!("not seen yet: {}", missing.join(", "))),
            _ if webhook.wanted && !webhook.serves => not_yet("the webhook has no certificate yet".into()),
            State::StandsBy(leader) => (StatusCode::OK, format!("standing by for {leader}")),
            State::Leads(_) if webhook.wanted && !webhook.trusted => {
                not_yet("the API server does not trust the webhook's certificate yet".into())
            }
            State::Leads(_) => (StatusCode::OK, "ok".into()),
        }
    }
}

/// Serves until the process ends.
pub async fn serve(address: SocketAddr, ready: Ready, metrics: Arc<Metrics>) -> std::io::Result<()> {
    let measured = metrics::serve(metrics);
    let readyz = move || {
        let answer = ready.answer();
        async move { answer }
    };
    let router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .route(
            "/metrics",
            get(move |headers: HeaderMap| async move { measured.answer(&headers).await }),
        );
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

    #[test]
    fn ready_with_a_webhook_is_who_serves_it_and_leads_only_when_it_is_trusted() {
        let ready = Ready::default();
        ready.wants_webhook();
        let code = || ready.answer().0.as_u16();
        ready.stands_by("other");
        assert_eq!(code(), 503);
        ready.serves();
        assert_eq!(code(), 200);
        ready.leads(&[]);
        assert_eq!(code(), 503);
        ready.trusted();
        assert_eq!(code(), 200);
    }
}
