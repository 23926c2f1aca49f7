//! The talk while the agent works: its requests for URLs, the streams that it tunnels, a cancel.
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use planner::run::Route;
use protocol::{FromAgent, ToAgent, UrlRequest};
use store::StoreError;
use tokio::time::Instant;

use super::{Ended, Session};
use crate::transfer::link::{Incoming, Link};
use crate::transfer::relay::{Endpoint, Refused, Relay};
use crate::transfer::{job, outcome, uploads};

/// Between two tries to create the upload while the store fails.
const STORE_PAUSE: Duration = Duration::from_secs(3);
/// How long a cancelled agent gets to report, beyond its grace.
const CANCEL: Duration = Duration::from_secs(10);

impl Session {
    /// The streams of this connection, where the transfer is relayed.
    fn relay(&self, link: &Link) -> Option<Relay> {
        let route = self.chosen.as_ref().map_or(self.order.route, |c| c.route);
        if route == Route::Direct {
            return None;
        }
        Some(Relay::new(self.endpoint()?, link.streams()))
    }

    /// Where the store is.
    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        let (host, port) = self.store.store.address()?;
        Some(Endpoint { host, port })
    }

    pub(super) async fn talk(&mut self, link: &mut Link, upload: &mut Option<String>) -> Ended {
        let mut cancelling: Option<Instant> = None;
        // Requests that wait for an upload that the store does not create yet.
        let mut waiting: Vec<UrlRequest> = Vec::new();
        let mut retry = Instant::now();
        let mut relay = self.relay(link);
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
                () = tokio::time::sleep_until(retry), if !waiting.is_empty() => {
                    let again = std::mem::take(&mut waiting);
                    for request in again {
                        self.answer(link, request, upload, &mut waiting).await;
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
                Incoming::Data(piece) => {
                    if let Some(relay) = &mut relay
                        && let Err(refused) = relay.take(&piece)
                    {
                        refuse(link, piece.stream, refused).await;
                    }
                }
                Incoming::Message(message) => match *message {
                    FromAgent::NeedUrl(request) => {
                        self.answer(link, request, upload, &mut waiting).await;
                        retry = Instant::now() + STORE_PAUSE;
                    }
                    FromAgent::Progress { bytes, stored_bytes } => self.handle.progress(bytes, stored_bytes),
                    FromAgent::Finished(report) => return Ended::Reported(report),
                    FromAgent::Open { stream, credit } => {
                        let opened = match &mut relay {
                            Some(relay) => relay.open(stream, credit),
                            None => Err(Refused("this transfer is not relayed".into())),
                        };
                        if let Err(refused) = opened {
                            refuse(link, stream, refused).await;
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

    /// Answers a request for a URL, or keeps it where the store does not create the upload yet.
    async fn answer(
        &mut self,
        link: &Link,
        request: UrlRequest,
        upload: &mut Option<String>,
        waiting: &mut Vec<UrlRequest>,
    ) {
        if let Err(message) = outcome::plausible(&request, self.order.action) {
            link.send(ToAgent::Refuse { request, message }).await;
            return;
        }
        self.store = self.keys.renewed(&self.store).await;
        if matches!(request, UrlRequest::Part { .. }) && upload.is_none() {
            let since = *self.failing.get_or_insert_with(Instant::now);
            match self.create_upload().await {
                Ok(id) => {
                    self.failing = None;
                    self.handle.upload(&id);
                    *upload = Some(id.clone());
                    // No URL is signed before the upload is in the status: a crash would leave it behind unknown.
                    self.handle
                        .until(|o| o.upload_recorded.as_ref() == Some(&id) || o.cancel.is_some())
                        .await;
                }
                Err(error) if error.may_pass() && since.elapsed() < self.store.parameters.retry() => {
                    // The store may have created it all the same.
                    self.may_stray = true;
                    tracing::warn!(run = %self.run.name_any(), %error, "the upload cannot be created yet");
                    waiting.push(request);
                    return;
                }
                Err(error) => {
                    let message = format!("the upload cannot be created: {error}");
                    link.send(ToAgent::Refuse { request, message }).await;
                    return;
                }
            }
        }
        let signed = uploads::sign(
            &self.store,
            &self.run,
            &self.order,
            upload.as_deref(),
            request.clone(),
            Timestamp::now(),
        );
        let answer = signed.unwrap_or_else(|message| ToAgent::Refuse { request, message });
        link.send(answer).await;
    }

    /// Creates the upload, where no earlier one is left of this attempt that nobody knows of.
    async fn create_upload(&mut self) -> Result<String, StoreError> {
        if self.may_stray {
            self.abort_strays().await?;
        }
        uploads::create(&self.store, &self.run, &self.order).await
    }

    pub(super) async fn abort_strays(&self) -> Result<(), StoreError> {
        match uploads::abort_strays(&self.store, &self.run, &self.order.key, &self.runs).await {
            Err(error) if error.passes() => Err(error),
            Err(error) => {
                // A store that does not let uploads be listed shall not fail a backup.
                tracing::warn!(run = %self.run.name_any(), %error, "strayed uploads cannot be looked for");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

async fn refuse(link: &Link, stream: u32, Refused(words): Refused) {
    let error = Some(words);
    link.send(ToAgent::Close { stream, error }).await;
}
