//! The talk while the agent works: its requests for URLs, the streams that it tunnels, a cancel.
use std::time::Duration;

use jiff::Timestamp;
use planner::run::{End, Reason, Route};
use protocol::{FromAgent, ToAgent, UrlRequest};
use store::StoreError;
use tokio::time::{Instant, sleep, timeout};

use super::{Ended, Session};
use crate::claims;
use crate::log::about_run;
use crate::transfer::lanes::Lane;
use crate::transfer::link::{Incoming, Link};
use crate::transfer::relay::{Endpoint, Refused, Relay};
use crate::transfer::{job, limits, outcome, uploads};

/// Between two tries to create the upload while the store fails.
const STORE_PAUSE: Duration = Duration::from_secs(3);
/// How long the API server may take to note an upload, without which nothing is uploaded: as long as an agent does without its operator.
const NOTED: Duration = Duration::from_secs(15 * 60);
/// How long a cancelled agent gets to report, beyond its grace.
const CANCEL: Duration = Duration::from_secs(10);

impl Session {
    /// The streams of this connection, where the transfer is relayed.
    fn relay(&self, link: &Link) -> Option<Relay> {
        let route = self.chosen.as_ref().map_or(self.order.route, |c| c.route);
        if route == Route::Direct {
            return None;
        }
        let relayed = self.handle.traffic().relayed.clone();
        Some(Relay::new(self.endpoint()?, link.streams(), relayed))
    }

    /// Where the store is.
    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        let (host, port) = self.store.store.address()?;
        let dial = self.store.store.dial().clone();
        Some(Endpoint { host, port, dial })
    }

    pub(super) async fn talk(&mut self, link: &mut Link, upload: &mut Option<String>) -> Ended {
        let mut cancelling: Option<Instant> = None;
        // Requests that wait for an upload that the store does not create yet.
        let mut waiting: Vec<UrlRequest> = Vec::new();
        let mut retry = Instant::now();
        let mut relay = self.relay(link);
        self.tell_pace(link).await;
        loop {
            if let (None, Some(reason)) = (cancelling, self.handle.orders().cancel) {
                cancelling = Some(Instant::now() + Duration::from_secs(job::GRACE_SECONDS) + CANCEL);
                link.send(ToAgent::Cancel {
                    reason,
                    grace_seconds: job::GRACE_SECONDS,
                })
                .await;
            }
            let deadline = cancelling.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            let is_cancelling = cancelling.is_some();
            let message = tokio::select! {
                message = link.next() => message,
                _ = self.handle.until(|o| o.cancel.is_some()), if !is_cancelling => continue,
                () = changed(&mut self.lane) => {
                    self.tell_pace(link).await;
                    continue;
                }
                () = tokio::time::sleep_until(retry), if !waiting.is_empty() => {
                    let again = std::mem::take(&mut waiting);
                    for request in again {
                        if let Err(ended) = self.answer(link, request, upload, &mut waiting).await {
                            return ended;
                        }
                    }
                    retry = Instant::now() + STORE_PAUSE;
                    continue;
                }
                () = tokio::time::sleep_until(deadline) => {
                    if is_cancelling {
                        return Ended::Broken("the agent did not report its cancel in time".into());
                    }
                    continue;
                }
            };
            match message {
                Incoming::Closed { words } => return Ended::Broken(words),
                Incoming::Data(piece, held) => {
                    if let Some(relay) = &mut relay
                        && let Err(refused) = relay.take(&piece, held)
                        && let Err(ended) = refuse(link, piece.stream, refused).await
                    {
                        return ended;
                    }
                }
                Incoming::Message(message, held) => match *message {
                    FromAgent::NeedUrl(request) => {
                        self.slow_down(1).await;
                        let asked = waiting.len();
                        if let Err(ended) = self.answer(link, request, upload, &mut waiting).await {
                            return ended;
                        }
                        if asked == 0 {
                            retry = Instant::now() + STORE_PAUSE;
                        }
                    }
                    FromAgent::Progress { bytes, stored_bytes } => self.handle.progress(bytes, stored_bytes),
                    FromAgent::Finished(report) => return Ended::Reported(report, held),
                    FromAgent::Open { stream, credit } => {
                        self.slow_down(limits::OPEN).await;
                        let opened = match &mut relay {
                            Some(relay) => relay.open(stream, credit),
                            None => Err(Refused("this transfer is not relayed".into())),
                        };
                        if let Err(refused) = opened
                            && let Err(ended) = refuse(link, stream, refused).await
                        {
                            return ended;
                        }
                    }
                    FromAgent::Credit { stream, bytes } => {
                        if let Some(relay) = &mut relay {
                            relay.credit(stream, bytes);
                        }
                    }
                    FromAgent::Close { stream } => {
                        if let Some(relay) = &mut relay {
                            relay.close(stream);
                        }
                    }
                    FromAgent::Welcome { .. } | FromAgent::Pong | FromAgent::Probed { .. } => {}
                },
            }
        }
    }

    /// Its part of the storage's bandwidth: other transfers have come or gone, or this one goes on with another operator.
    async fn tell_pace(&mut self, link: &mut Link) {
        let bandwidth = self.bandwidth();
        if bandwidth.is_some() {
            link.send(ToAgent::Pace { bandwidth }).await;
        }
    }

    /// What costs the operator or the store something is done at a pace, whatever the agent asks.
    async fn slow_down(&mut self, cost: u32) {
        let wait = self.pace.take(cost, Instant::now());
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    /// Answers a request for a URL, or keeps it where the store does not create the upload yet. Err where the agent
    /// takes no answers, or has more open requests than an agent has.
    async fn answer(
        &mut self,
        link: &Link,
        request: UrlRequest,
        upload: &mut Option<String>,
        waiting: &mut Vec<UrlRequest>,
    ) -> Result<(), Ended> {
        if let Err(message) = outcome::plausible(&request, self.order.action, self.store.checksum) {
            let request = outcome::anonymous(request);
            return tell(link, ToAgent::Refuse { request, message }).await;
        }
        if matches!(request, UrlRequest::Part { .. }) && upload.is_none() {
            // The store is asked again in a while, not by each request.
            if !waiting.is_empty() {
                return wait_too(waiting, request);
            }
            self.renew().await;
            let since = *self.failing.get_or_insert_with(Instant::now);
            match uploads::create(&self.store, &self.run, &self.order).await {
                Ok(id) => {
                    self.failing = None;
                    *upload = Some(id.clone());
                    *upload = Some(self.recorded(id).await?);
                }
                Err(error) if error.may_pass() && since.elapsed() < self.store.parameters.retry() => {
                    // The store may have created it all the same.
                    self.may_stray = true;
                    let attempt = &self.order.attempt;
                    about_run!(warn, self.run.as_ref(), attempt, %error, "the upload cannot be created yet");
                    return wait_too(waiting, request);
                }
                Err(error) => {
                    let message = format!("the upload cannot be created: {error}");
                    return tell(link, ToAgent::Refuse { request, message }).await;
                }
            }
        }
        self.renew().await;
        let signed = uploads::sign(
            &self.store,
            &self.run,
            &self.order,
            upload.as_deref(),
            self.only_new(),
            request.clone(),
            Timestamp::now(),
        )
        .await;
        if let Err(unsigned) = &signed
            && unsigned.may_pass()
        {
            let since = *self.failing.get_or_insert_with(Instant::now);
            if since.elapsed() < self.store.parameters.retry() {
                let attempt = &self.order.attempt;
                about_run!(warn, self.run.as_ref(), attempt, error = %unsigned, "a URL cannot be signed yet");
                return wait_too(waiting, request);
            }
        }
        self.failing = self.failing.filter(|_| signed.is_err());
        if signed.is_ok() && self.signed.add(&request) {
            self.handle.traffic().retry();
        }
        let answer = signed.unwrap_or_else(|unsigned| ToAgent::Refuse {
            request,
            message: unsigned.to_string(),
        });
        tell(link, answer).await
    }

    /// A new object only: the agent has to know what the store's refusal means, and the store to say whose the object is.
    fn only_new(&self) -> bool {
        self.order.only_new
            && self.agent_version >= protocol::ONLY_NEW
            && self.store.if_none_match
            && self.store.metadata
    }

    /// Takes the access keys as they are now, unless they were just looked at.
    async fn renew(&mut self) {
        if self.renewed.is_none_or(|at| at.elapsed() >= limits::KEYS) {
            self.store = self.keys.renewed(&self.store).await;
            self.renewed = Some(Instant::now());
        }
    }

    /// Has an upload recorded, and gives the one that is. No URL is signed before: a crash would leave it behind unknown.
    ///
    /// Crash window: another operator that is at work on this attempt still, because it hung and does not know yet that it was replaced, may
    /// have created one as well. The version of the status lets one of them in; the other one's is a stray. None is taken for a stray
    /// before that: it may be the one that is recorded in the next moment.
    async fn recorded(&mut self, created: String) -> Result<String, Ended> {
        self.handle.upload(&created);
        let is_there = self.handle.until(|o| o.upload_recorded.is_some() || o.cancel.is_some());
        if timeout(NOTED, is_there).await.is_err() {
            let minutes = NOTED.as_secs() / 60;
            return Err(Ended::Over(End::Failed {
                reason: Reason::TransferFailed,
                message: format!("the upload could not be noted in the run's status for {minutes} minutes"),
                bytes: 0,
                log: String::new(),
            }));
        }
        let Some(recorded) = self.handle.orders().upload_recorded else {
            // Cancelled; what was created is aborted with it.
            return Ok(created);
        };
        if recorded != created {
            (self.others, self.may_stray) = (true, true);
            // Where uploads cannot be listed, nobody else would find it. Where it stays, what looks for strays has it.
            let _ = self.store.store.drop_upload(&self.order.key, &created).await;
        }
        if self.may_stray
            && let Err(error) = self.abort_strays(Some(&recorded)).await
        {
            // Its end looks for them again.
            let attempt = &self.order.attempt;
            about_run!(warn, self.run.as_ref(), attempt, %error, "strayed uploads cannot be looked for yet");
        }
        Ok(recorded)
    }

    /// `recorded`: the upload that is in use.
    pub(super) async fn abort_strays(&self, recorded: Option<&str>) -> Result<(), StoreError> {
        let context = &self.keys.context;
        let others = claims::others(&self.order.key, &self.run, &context.runs, &context.storages);
        let key = &self.order.key;
        match uploads::abort_strays(&self.store, &self.run, key, recorded, &others, &context.ages).await {
            Err(error) if error.passes() => Err(error),
            Err(error) => {
                // A store that does not let uploads be listed shall not fail a backup.
                let attempt = &self.order.attempt;
                about_run!(warn, self.run.as_ref(), attempt, %error, "strayed uploads cannot be looked for");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

async fn refuse(link: &Link, stream: u32, Refused(words): Refused) -> Result<(), Ended> {
    let error = Some(words);
    tell(link, ToAgent::Close { stream, error }).await
}

/// An agent that does not read is as good as gone: nothing is done for it.
async fn tell(link: &Link, message: ToAgent) -> Result<(), Ended> {
    if link.send(message).await {
        Ok(())
    } else {
        Err(Ended::Broken("the agent takes no answers".into()))
    }
}

/// Keeps a request until the upload is there. It is said again on each connection, and kept once.
async fn changed(lane: &mut Option<Lane>) {
    match lane {
        Some(lane) => lane.changed().await,
        None => std::future::pending().await,
    }
}

fn wait_too(waiting: &mut Vec<UrlRequest>, request: UrlRequest) -> Result<(), Ended> {
    if waiting.contains(&request) {
        return Ok(());
    }
    if waiting.len() >= limits::WAITING {
        return Err(Ended::Broken(
            "the agent asks for more parts at a time than it can hold".into(),
        ));
    }
    waiting.push(request);
    Ok(())
}
