//! The bytes' route: as the storage says, or as the Pod can, which is asked for before the command starts.
use std::time::Duration;

use api::storage::DataPath;
use jiff::Timestamp;
use planner::run::{Chosen, Route};
use protocol::{FromAgent, Secret, ToAgent};
use tokio::time::Instant;

use super::{Ended, Session};
use crate::transfer::link::{Incoming, Link};
use crate::transfer::{limits, text};
use store::Wanted;

/// Until the agent has told whether it reaches the store: it gives its name, the connection, a proxy and the answer 5 s each.
const PROBED: Duration = Duration::from_secs(25);
/// How long the URL is good that is asked for.
const SIGNED: Duration = Duration::from_secs(120);
/// An object that nobody writes, so that there is nothing to read from the answer.
const NO_OBJECT: &str = ".backup-operator/no-object";

/// Whether the Pod gets an answer from the store, in the agent's words.
pub(super) struct Probed {
    pub reachable: bool,
    pub message: String,
}

/// The pause before a Pod without an answer is asked again; None: it has none. What may pass within seconds (network policies,
/// a mesh and DNS are set up while a Pod starts) does not send all its bytes a longer way: it is asked for about 10 s, three to
/// five times.
fn again(asked: u32, since_first: Duration) -> Option<Duration> {
    let enough = asked >= 5 || (asked >= 3 && since_first >= Duration::from_secs(10));
    (!enough).then(|| Duration::from_secs(u64::from(asked)))
}

impl Session {
    /// How the bytes are to travel. Each attempt chooses anew.
    pub(super) async fn choose(&mut self, link: &mut Link) -> Result<Chosen, Ended> {
        let (route, why) = match self.store.data_path {
            DataPath::Direct => (Route::Direct, None),
            DataPath::Relay => (Route::Relay, None),
            DataPath::Auto => match self.ask(link).await? {
                Some(words) => (Route::Relay, Some(words)),
                None => (Route::Direct, None),
            },
        };
        Ok(Chosen { route, why })
    }

    /// Why the Pod does not reach the store; None where it does.
    async fn ask(&mut self, link: &mut Link) -> Result<Option<String>, Ended> {
        let first = Instant::now();
        let mut asked = 0;
        loop {
            let probed = self.probe(link).await?;
            if probed.reachable {
                return Ok(None);
            }
            asked += 1;
            let Some(pause) = again(asked, first.elapsed()) else {
                return Ok(Some(format!("asked {asked} times: {}", probed.message)));
            };
            self.hear(link, pause).await?;
        }
    }

    /// Asks the agent once whether it reaches the store.
    pub(super) async fn probe(&mut self, link: &mut Link) -> Result<Probed, Ended> {
        let store = self.keys.renewed(&self.store).await.store;
        let none = self.store.parameters.key(NO_OBJECT);
        // Without, the agent asks for the store's door only.
        let signed = store
            .sign(&Wanted::read(&none, None), SIGNED, Timestamp::now())
            .await
            .ok();
        let asked = ToAgent::Probe {
            url: store.origin(),
            ca_bundle: self.store.parameters.ca_bundle().map(ToString::to_string),
            proxy: self.store.parameters.proxy().map(ToString::to_string),
            signed: signed.map(|signed| Secret::new(signed.url.reveal().to_string())),
        };
        if !link.send(asked).await {
            return Err(Ended::Broken(String::new()));
        }
        let told = self.hear(link, PROBED).await?;
        Ok(told.unwrap_or_else(|| Probed {
            reachable: false,
            message: format!("the agent did not tell within {} s", PROBED.as_secs()),
        }))
    }

    /// What the agent tells of the store within a time; a connection that ends and a cancel end the waiting.
    async fn hear(&mut self, link: &mut Link, within: Duration) -> Result<Option<Probed>, Ended> {
        let deadline = Instant::now() + within;
        loop {
            let incoming = tokio::select! {
                incoming = link.next() => incoming,
                _ = self.handle.until(|o| o.cancel.is_some()) => {
                    return Err(Ended::Broken("cancelled before the command was started".into()));
                }
                () = tokio::time::sleep_until(deadline) => return Ok(None),
            };
            match incoming {
                Incoming::Closed { words } => return Err(Ended::Broken(words)),
                Incoming::Message(message, _) => {
                    if let FromAgent::Probed { reachable, message } = *message {
                        let message = text::line(&message, limits::PROBE);
                        return Ok(Some(Probed { reachable, message }));
                    }
                }
                Incoming::Data(..) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a Pod is asked that has no answer each time after so many seconds, and for how long.
    fn asked(each: u64) -> (u32, u64) {
        let (mut asked, mut elapsed) = (0, 0);
        loop {
            asked += 1;
            elapsed += each;
            match again(asked, Duration::from_secs(elapsed)) {
                Some(pause) => elapsed += pause.as_secs(),
                None => return (asked, elapsed),
            }
        }
    }

    #[test]
    fn a_pod_without_an_answer_is_asked_three_to_five_times_for_some_ten_seconds() {
        // Refused at once; no answer to a connection; nothing at all from the agent.
        assert_eq!((asked(0), asked(5), asked(25)), ((5, 10), (3, 18), (3, 78)));
    }
}
