//! How far the operator is: ready while it stands by or once every watch has seen its objects, and, where the webhook is on, once it answers
//! and the API server trusts it.
use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::watch;

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

    /// What it takes to be ready. One that stands by is: a rollout waits for nothing more.
    fn checks(&self) -> Vec<Check> {
        let webhook = *self.webhook.borrow();
        let state = self.state.borrow().clone();
        let check = |name, good, words: String| Check { name, good, words };
        let mut checks = vec![match &state {
            State::Starting => check("lease", false, "the lease has not been seen yet".into()),
            State::StandsBy(leader) => check("lease", true, format!("standing by for {leader}")),
            State::Leads(_) => check("lease", true, "ok".into()),
        }];
        if let State::Leads(missing) = &state {
            checks.push(if missing.is_empty() {
                check("watches", true, "ok".into())
            } else {
                check("watches", false, format!("not seen yet: {}", missing.join(", ")))
            });
        }
        if webhook.wanted {
            let words = if webhook.serves {
                "ok"
            } else {
                "the webhook has no certificate yet"
            };
            checks.push(check("webhook", webhook.serves, words.into()));
        }
        if webhook.wanted && matches!(state, State::Leads(_)) {
            let words = if webhook.trusted {
                "ok"
            } else {
                "the API server does not trust the webhook's certificate yet"
            };
            checks.push(check("webhook-trusted", webhook.trusted, words.into()));
        }
        checks
    }

    /// Whether it is ready, in words: why not, or with `verbose` a line for each check, as Kubernetes' own endpoints have it.
    pub(super) fn answer(&self, verbose: bool) -> (StatusCode, String) {
        let checks = self.checks();
        let (good, bad): (Vec<_>, Vec<_>) = checks.iter().partition(|check| check.good);
        let code = if bad.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        if verbose {
            let ended = if bad.is_empty() { "passed" } else { "failed" };
            let lines: String = checks.iter().map(Check::line).collect();
            return (code, format!("{lines}readyz check {ended}\n"));
        }
        // Where all is good, the lease says whether it works or stands by.
        let said = if bad.is_empty() {
            good.into_iter().take(1).collect()
        } else {
            bad
        };
        let words: Vec<_> = said.iter().map(|check| check.words.as_str()).collect();
        (code, words.join("; "))
    }
}

/// One of the things that it takes to be ready.
struct Check {
    name: &'static str,
    good: bool,
    words: String,
}

impl Check {
    fn line(&self) -> String {
        let mark = if self.good { '+' } else { '-' };
        format!("[{mark}]{} {}\n", self.name, self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_who_stands_by_or_has_seen_every_kind() {
        let ready = Ready::default();
        let told = || {
            let (code, words) = ready.answer(false);
            (code.as_u16(), words)
        };
        assert_eq!(told(), (503, "the lease has not been seen yet".into()));
        ready.stands_by("other");
        assert_eq!(told(), (200, "standing by for other".into()));
        ready.leads(&["Pod", "BackupRun"]);
        assert_eq!(told(), (503, "not seen yet: Pod, BackupRun".into()));
        ready.seen("Pod");
        assert_eq!(told(), (503, "not seen yet: BackupRun".into()));
        ready.seen("BackupRun");
        assert_eq!(told(), (200, "ok".into()));
    }

    #[test]
    fn ready_with_a_webhook_is_who_serves_it_and_leads_only_when_it_is_trusted() {
        let ready = Ready::default();
        ready.wants_webhook();
        let code = || ready.answer(false).0.as_u16();
        ready.stands_by("other");
        assert_eq!(code(), 503);
        ready.serves();
        assert_eq!(code(), 200);
        ready.leads(&[]);
        assert_eq!(code(), 503);
        ready.trusted();
        assert_eq!(code(), 200);
    }

    #[test]
    fn all_that_is_not_ready_is_told_at_once_and_check_by_check() {
        let ready = Ready::default();
        ready.wants_webhook();
        ready.leads(&["Pod"]);
        let words = "not seen yet: Pod; the webhook has no certificate yet; the API server does not trust the webhook's certificate yet";
        assert_eq!(ready.answer(false).1, words);
        ready.serves();
        let lines = [
            "[+]lease ok",
            "[-]watches not seen yet: Pod",
            "[+]webhook ok",
            "[-]webhook-trusted the API server does not trust the webhook's certificate yet",
            "readyz check failed\n",
        ];
        assert_eq!(ready.answer(true).1, lines.join("\n"));
        ready.seen("Pod");
        ready.trusted();
        assert!(ready.answer(true).1.ends_with("readyz check passed\n"));
    }
}
