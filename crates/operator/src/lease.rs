//! Leadership: of all operators one acts, and a Lease says which; the others stand by.
//!
//! Who leads renews, and who cannot renew ends its process before the time is over after which another may take the lease.
//! That time is counted on each candidate's own monotonic clock from the moment when it saw the lease change last, so that
//! clocks that differ do no harm. Every write is guarded by the resource version (the algorithm is that of client-go's
//! leaderelection). What a leader had sent before it ended may still be carried out by the API server after another has
//! begun: names and resource versions guard that, not the lease.
mod tenure;
mod term;

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::events::causes;
pub use tenure::Tenure;
use term::Move;

/// The lease's name in the operator's namespace.
pub const NAME: &str = "backup-operator";
/// A lease that was not renewed for this long may be taken.
pub const DURATION: Duration = Duration::from_secs(15);
/// Who could not renew for this long stops.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// Between two renewals, and between two looks of one that stands by.
const RETRY: Duration = Duration::from_secs(2);
/// Until the API server has answered.
const API: Duration = Duration::from_secs(5);
/// To give the lease back; a successor that waits for its end otherwise waits for `DURATION`.
const RELEASE: Duration = Duration::from_secs(3);

/// One that wants to lead.
pub struct Candidate {
    leases: Api<Lease>,
    me: String,
}

/// Why one that led does not any more.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// Somebody else has the lease.
    #[error("{0} leads now")]
    Taken(String),
    /// The API server could not be reached in time; another may lead soon.
    #[error("the lease could not be renewed within {} s: {words}", RENEW_DEADLINE.as_secs())]
    NotRenewed {
        /// The last trouble.
        words: String,
    },
}

/// The lease, as this leader wrote it last.
pub struct Held {
    candidate: Candidate,
    lease: Lease,
    /// When the last write that succeeded was sent.
    renewed: Instant,
    tenure: Tenure,
}

impl Candidate {
    /// A candidate in a namespace. `me` names this Pod, so that a container that was restarted in it goes on at once: its
    /// predecessor in the same Pod is dead.
    pub fn new(client: Client, namespace: &str, me: String) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            me,
        }
    }

    /// Stands by until the lease can be had. Tells each holder that it sees, once.
    pub async fn acquire(self, mut standing_by: impl FnMut(&str)) -> Held {
        let mut seen: Option<(Option<String>, Instant)> = None;
        let (mut holder, mut trouble) = (String::new(), false);
        loop {
            let result = self.look(&mut seen).await;
            match result {
                Ok(Look::Mine(lease, renewed)) => {
                    let tenure = Tenure::default();
                    tenure.renewed(renewed);
                    return Held {
                        candidate: self,
                        lease: *lease,
                        renewed,
                        tenure,
                    };
                }
                Ok(Look::Others(name)) => {
                    trouble = false;
                    if name != holder {
                        tracing::info!(leader = name, "standing by");
                        standing_by(&name);
                        holder = name;
                    }
                }
                Ok(Look::Again) => continue,
                Err(words) => {
                    if !trouble {
                        tracing::warn!(error = words, "the lease cannot be had; trying again");
                        trouble = true;
                    }
                }
            }
            sleep(RETRY).await;
        }
    }

    async fn look(&self, seen: &mut Option<(Option<String>, Instant)>) -> Result<Look, String> {
        let lease = answered(self.leases.get_opt(NAME)).await.map_err(|e| causes(&e))?;
        let version = lease.as_ref().and_then(ResourceExt::resource_version);
        let since = match seen {
            Some((known, since)) if *known == version => *since,
            _ => seen.insert((version, Instant::now())).1,
        };
        let now = Timestamp::now();
        let (sent, written) = (Instant::now(), term::taken(lease.as_ref(), &self.me, now));
        let result = match term::decide(lease.as_ref(), &self.me, since.elapsed()) {
            Move::Wait(holder) => return Ok(Look::Others(holder)),
            Move::Create => answered(self.leases.create(&PostParams::default(), &written)).await,
            Move::Take => answered(self.leases.replace(NAME, &PostParams::default(), &written)).await,
        };
        match result {
            Ok(lease) => Ok(Look::Mine(Box::new(lease), sent)),
            Err(Unanswered::Kube(kube::Error::Api(status))) if status.code == 409 => Ok(Look::Again),
            Err(error) => Err(causes(&error)),
        }
    }
}

enum Look {
    Mine(Box<Lease>, Instant),
    Others(String),
    /// Somebody was faster.
    Again,
}

impl Held {
    /// Follows the renewals.
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Renews for as long as it can. When this returns, nothing may be done any more.
    pub async fn keep(&mut self) -> Lost {
        let mut next = self.renewed + RETRY;
        let mut words = "the API server does not answer".to_string();
        loop {
            let until = self.renewed + RENEW_DEADLINE;
            tokio::time::sleep_until(next.min(until)).await;
            match timeout_at(until, self.renew()).await {
                Err(_) => return Lost::NotRenewed { words },
                Ok(Renewed::Yes) => {}
                Ok(Renewed::Taken(by)) => return Lost::Taken(by),
                Ok(Renewed::No(_)) if Instant::now() >= until => return Lost::NotRenewed { words },
                Ok(Renewed::No(why)) => words = why,
            }
            next = Instant::now() + RETRY;
        }
    }

    async fn renew(&mut self) -> Renewed {
        let leases = &self.candidate.leases;
        let (sent, written) = (Instant::now(), term::renewed(&self.lease, Timestamp::now()));
        match answered(leases.replace(NAME, &PostParams::default(), &written)).await {
            Ok(lease) => {
                (self.lease, self.renewed) = (lease, sent);
                self.tenure.renewed(sent);
                Renewed::Yes
            }
            // Somebody wrote to it: another candidate, or a person who put a label on it.
            Err(Unanswered::Kube(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => {
                match answered(leases.get_opt(NAME)).await {
                    Ok(lease) => match term::holder(lease.as_ref()) {
                        Some(me) if me == self.candidate.me => {
                            self.lease = lease.unwrap_or_default();
                            Renewed::No(status.message.clone())
                        }
                        other => Renewed::Taken(other.unwrap_or_else(|| "nobody".into())),
                    },
                    Err(error) => Renewed::No(causes(&error)),
                }
            }
            Err(error) => Renewed::No(causes(&error)),
        }
    }

    /// Gives the lease back, so that the next one does not wait. Only after everything that acts has ended.
    pub async fn release(self) {
        let written = term::released(&self.lease, Timestamp::now());
        let parameters = PostParams::default();
        let sent = self.candidate.leases.replace(NAME, &parameters, &written);
        if !matches!(timeout(RELEASE, sent).await, Ok(Ok(_))) {
            tracing::info!("the lease could not be given back; it ends by itself");
        }
    }
}

enum Renewed {
    Yes,
    Taken(String),
    No(String),
}

#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("the API server did not take the lease")]
    Kube(#[source] kube::Error),
    #[error("the API server did not answer within {} s", API.as_secs())]
    Timeout,
}

async fn answered<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, Unanswered> {
    match timeout(API, call).await {
        Ok(result) => result.map_err(Unanswered::Kube),
        Err(_) => Err(Unanswered::Timeout),
    }
}

#[cfg(test)]
mod tests;
