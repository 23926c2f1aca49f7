//! One transfer from the operator's side: connect to the agent, hand over the work, sign its URLs, take its report.
//!
//! A broken connection is nothing but a reason to connect again. The session ends with the agent's report, with a
//! cancel, or with something that can never work; reconcile ends it when the Pod is gone.
use std::sync::Arc;
use std::time::Duration;

use api::BackupRun;
use api::names::Action;
use jiff::Timestamp;
use kube::runtime::reflector::Store as Cache;
use kube::{Api, Client, ResourceExt};
use planner::run::{Contact, End, TransferOrder, pod};
use protocol::{AgentState, FromAgent, Outcome, Report, ToAgent, UrlRequest};
use store::{ObjectInfo, StoreError};
use tokio::time::{Instant, sleep, timeout};

use crate::stores::OpenStore;
use crate::transfer::keys::Keys;
use crate::transfer::link::{Incoming, Link, LinkError, Target};
use crate::transfer::registry::Handle;
use crate::transfer::{commit, job, outcome, uploads};
use crate::write::bounded;

/// Until the agent has answered `Hello`.
const WELCOME: Duration = Duration::from_secs(15);
/// After a broken connection: the first pause, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Between two tries to reach a container that is just being started.
const FIRST_CONTACT: Duration = Duration::from_millis(100);
const FIRST_CONTACT_LONGEST: Duration = Duration::from_secs(1);
/// How long a node says that it cannot execute the agent before it is believed: a container that is just being started
/// may say so too.
const UNABLE: Duration = Duration::from_secs(5);
/// Between two tries to create the upload while the store fails.
const STORE_PAUSE: Duration = Duration::from_secs(3);
/// How long a store that fails is asked for the object that a restore reads.
const FIND: Duration = Duration::from_secs(120);
/// How long a cancelled agent gets to report, beyond its grace.
const CANCEL: Duration = Duration::from_secs(10);
/// How long the reported end may take to be recorded before the agent is left to itself.
const RECORDED: Duration = Duration::from_secs(60);

/// Everything that a session works with.
pub struct Session {
    /// To reach the API server.
    pub client: Client,
    /// The run as it was when the transfer was started.
    pub run: Arc<BackupRun>,
    /// What to transfer.
    pub order: TransferOrder,
    /// Where from or to.
    pub store: OpenStore,
    /// Its access keys, as they are now.
    pub keys: Keys,
    /// To reconcile and back.
    pub handle: Handle,
    /// Who else is at work.
    pub runs: Cache<BackupRun>,
    /// Uploads may exist that are not recorded: another operator was at work on this attempt before, or the store did
    /// not answer.
    pub may_stray: bool,
    /// When the command was handed over, where this session did it.
    pub started: Option<Instant>,
    /// Since when the upload could not be created.
    pub failing: Option<Instant>,
}

/// How one connection ended.
enum Ended {
    /// It broke; the words are `agent connect`'s, if it had any.
    Broken(String),
    /// The agent reported.
    Reported(Box<Report>),
    /// It can never work.
    Over(End),
}

impl Session {
    /// Serves the transfer to its end.
    pub async fn run(mut self) {
        let object = match self.find_object().await {
            Ok(object) => object,
            Err(end) => return self.handle.end(end),
        };
        let mut upload = self.order.upload_id.clone();
        let mut pause = if self.order.command_started {
            FIRST_PAUSE
        } else {
            FIRST_CONTACT
        };
        let (begun, mut unable) = (Instant::now(), 0u32);
        let mut reached = self.order.command_started;
        loop {
            if let Some(reason) = self.handle.orders().cancel {
                let end = End::Failed {
                    reason: "Cancelled",
                    message: reason,
                    bytes: 0,
                    log: String::new(),
                };
                return self.fail(end, upload).await;
            }
            let connected = Instant::now();
            let words = match self.connect().await {
                Ok(mut link) => match self.serve(&mut link, object.as_ref(), &mut upload).await {
                    Ended::Reported(report) => return self.conclude(link, *report, upload).await,
                    Ended::Over(end) => return self.fail(end, upload).await,
                    Ended::Broken(words) => words,
                },
                Err(LinkError::Refused(error)) => crate::events::causes(&error),
                Err(error) => error.to_string(),
            };
            if connected.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            if reached || self.started.is_some() {
                let (run, attempt) = (self.run.name_any(), &self.order.attempt);
                tracing::info!(run, attempt, words, "the connection to the agent is lost");
                reached = true;
            }
            let cure = outcome::cannot_execute(&words);
            unable = if cure.is_some() { unable + 1 } else { 0 };
            // A node that cannot execute the agent says so at once and for ever; anything else may pass.
            if unable >= 3
                && begun.elapsed() > UNABLE
                && let Some(cure) = cure
            {
                let end = End::Failed {
                    reason: "AgentCannotStart",
                    message: cure,
                    bytes: 0,
                    log: String::new(),
                };
                return self.fail(end, upload).await;
            }
            self.handle.contact(Contact::Connecting(Timestamp::now()));
            let cancelled = self.handle.until(|o| o.cancel.is_some());
            let _ = timeout(pause, cancelled).await;
            // A container that is just being started is worth asking often; one that was reached before is not.
            pause = if reached {
                (pause * 2).min(LONGEST_PAUSE)
            } else {
                (pause + pause / 8).min(FIRST_CONTACT_LONGEST)
            };
        }
    }

    /// A restore reads an object: it has to be there, and to be the one that this run stored.
    async fn find_object(&self) -> Result<Option<ObjectInfo>, End> {
        if self.order.action == Action::Backup {
            return Ok(None);
        }
        let fail = |reason, message| End::Failed {
            reason,
            message,
            bytes: 0,
            log: String::new(),
        };
        let found = commit::patiently(FIND.min(self.store.parameters.retry()), || async {
            self.keys.renewed(&self.store).await.store.head(&self.order.key).await
        })
        .await;
        let found = found.map_err(|e| fail("StoreUnreachable", format!("the backup cannot be looked at: {e}")))?;
        let object = found.ok_or_else(|| {
            fail(
                "ObjectMissing",
                format!("there is no object {} in the storage", self.order.key),
            )
        })?;
        let status = self.run.status.clone().unwrap_or_default();
        let changed = |what: &str, want: String, seen: String| {
            let message = format!(
                "object {} is not the one that this run stored: its {what} is {seen}, expected {want}",
                self.order.key
            );
            Err(fail("ObjectChanged", message))
        };
        match (status.size_in_bytes, &status.etag) {
            (Some(size), _) if size != object.size => changed("size", size.to_string(), object.size.to_string()),
            (_, Some(etag)) if *etag != object.etag => changed("ETag", etag.clone(), object.etag.clone()),
            _ => Ok(Some(object)),
        }
    }

    async fn connect(&self) -> Result<Link, LinkError> {
        let uid = self.run.uid().unwrap_or_default();
        let command = [
            pod::AGENT,
            "connect",
            "--run",
            &uid,
            "--attempt",
            &self.order.attempt,
            "--dir",
            pod::SOCKETS,
        ];
        let target = Target {
            namespace: self.run.namespace().unwrap_or_default(),
            pod: self.order.pod.clone(),
            container: self.order.container.clone(),
            command: command.map(ToString::to_string).to_vec(),
        };
        Link::open(&self.client, &target).await
    }

    async fn serve(&mut self, link: &mut Link, object: Option<&ObjectInfo>, upload: &mut Option<String>) -> Ended {
        let hello = ToAgent::Hello {
            version: protocol::VERSION,
            run: self.run.uid().unwrap_or_default(),
            attempt: self.order.attempt.clone(),
        };
        if !link.send(hello).await {
            return Ended::Broken(String::new());
        }
        let state = match timeout(WELCOME, link.next()).await {
            Ok(Incoming::Message(message)) => match *message {
                FromAgent::Welcome { state, .. } => state,
                other => return Ended::Broken(format!("the agent did not answer Hello but said {}", name_of(&other))),
            },
            Ok(Incoming::Closed { words }) => return Ended::Broken(words),
            Err(_) => return Ended::Broken("the agent did not answer Hello".into()),
        };
        if self.may_stray && upload.is_none() {
            match self.recorded_upload().await {
                Ok(recorded) => *upload = recorded,
                Err(words) => return Ended::Broken(words),
            }
        }
        if state == AgentState::Idle
            && let Err(ended) = self.start(link, object, upload.as_deref()).await
        {
            return ended;
        }
        self.handle.contact(Contact::Working);
        self.talk(link, upload).await
    }

    /// The upload that is in the status by now. An earlier operator may have recorded one after this session's run was
    /// read; from the moment that the agent has welcomed this one, the other hands out no URL for it.
    async fn recorded_upload(&self) -> Result<Option<String>, String> {
        let runs: Api<BackupRun> = Api::namespaced(self.client.clone(), &self.run.namespace().unwrap_or_default());
        let run = bounded("read the run", runs.get(&self.run.name_any()))
            .await
            .map_err(|e| crate::events::causes(&e))?;
        let transfer = run.status.and_then(|s| s.transfer);
        Ok(transfer
            .filter(|t| t.attempt == self.order.attempt)
            .and_then(|t| t.upload_id))
    }

    /// Hands the command over, once, after its start is recorded.
    async fn start(&mut self, link: &Link, object: Option<&ObjectInfo>, upload: Option<&str>) -> Result<(), Ended> {
        // Crash window: the start was recorded, the command perhaps not handed over. A backup of which nothing was
        // uploaded may be run again; a restore never is.
        if self.order.command_started && (self.order.action == Action::Restore || upload.is_some()) {
            let message = "the agent has lost its work: the container was restarted, or the operator died as it handed the command over".into();
            return Err(Ended::Over(End::Interrupted { message }));
        }
        let job = job::make(&self.client, &self.run, &self.order, &self.store, object)
            .await
            .map_err(|no| {
                Ended::Over(End::Failed {
                    reason: no.reason,
                    message: no.message,
                    bytes: 0,
                    log: String::new(),
                })
            })?;
        self.handle.contact(Contact::AwaitsStart);
        if !self.handle.until(|o| o.start_recorded || o.cancel.is_some()).await || self.handle.orders().cancel.is_some()
        {
            return Err(Ended::Broken("cancelled before the command was started".into()));
        }
        self.order.command_started = true;
        self.started = Some(Instant::now());
        if link.send(ToAgent::Start(Box::new(job))).await {
            Ok(())
        } else {
            Err(Ended::Broken(String::new()))
        }
    }

    async fn talk(&mut self, link: &mut Link, upload: &mut Option<String>) -> Ended {
        let mut cancelling: Option<Instant> = None;
        // Requests that wait for an upload that the store does not create yet.
        let mut waiting: Vec<UrlRequest> = Vec::new();
        let mut retry = Instant::now();
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
                Incoming::Message(message) => match *message {
                    FromAgent::NeedUrl(request) => {
                        self.answer(link, request, upload, &mut waiting).await;
                        retry = Instant::now() + STORE_PAUSE;
                    }
                    FromAgent::Progress { bytes, stored_bytes } => self.handle.progress(bytes, stored_bytes),
                    FromAgent::Finished(report) => return Ended::Reported(report),
                    FromAgent::Welcome { .. } | FromAgent::Pong => {}
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

    async fn abort_strays(&self) -> Result<(), StoreError> {
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

    /// The agent has finished: commit or abort, report, and let the agent go once the report is recorded.
    async fn conclude(mut self, link: Link, report: Report, upload: Option<String>) {
        let (outcome, bytes, stored, peak) = (
            report.outcome.clone(),
            report.bytes,
            report.stored_bytes,
            report.peak_memory,
        );
        let report = outcome::bounded(report);
        let end = match (&report.outcome, self.order.action) {
            (Outcome::Done, Action::Backup) => {
                self.handle.contact(Contact::Committing);
                commit::commit(
                    &self.store,
                    &self.keys,
                    &self.run,
                    &self.order,
                    upload.as_deref(),
                    report,
                )
                .await
            }
            (Outcome::Done, Action::Restore) => End::Restored {
                bytes: report.bytes,
                log: report.stderr,
            },
            _ => outcome::failure(report),
        };
        let seconds = self.started.map_or(0.0, |s| s.elapsed().as_secs_f64());
        tracing::info!(
            run = %self.run.name_any(), attempt = self.order.attempt, ?outcome, bytes, stored, seconds,
            agent_peak_memory = peak, "the transfer has ended"
        );
        let left = upload.filter(|_| !matches!(end, End::Stored { .. }));
        self.abort(left).await;
        self.handle.end(end);
        if timeout(RECORDED, self.handle.until(|o| o.forget))
            .await
            .is_ok_and(|forgotten| forgotten)
        {
            link.send(ToAgent::Done).await;
            // Let the frame leave before the socket is closed under it.
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn fail(self, end: End, upload: Option<String>) {
        self.abort(upload).await;
        self.handle.end(end);
    }

    /// Aborts the upload if it can be done now; where it cannot, the status still has it and reconcile goes on.
    ///
    /// Crash window: what a dying operator had asked the store to create may appear after strays were looked for.
    async fn abort(&self, upload: Option<String>) {
        let store = self.keys.renewed(&self.store).await;
        let aborted = match upload {
            Some(upload) => store.store.abort(&self.order.key, &upload).await,
            None => Ok(()),
        };
        let swept = if self.may_stray {
            self.abort_strays().await
        } else {
            Ok(())
        };
        if let Err(error) = aborted.and(swept) {
            tracing::warn!(run = %self.run.name_any(), %error, "an upload cannot be aborted yet");
        }
    }
}

fn name_of(message: &FromAgent) -> &'static str {
    match message {
        FromAgent::Welcome { .. } => "Welcome",
        FromAgent::NeedUrl(_) => "NeedUrl",
        FromAgent::Progress { .. } => "Progress",
        FromAgent::Finished(_) => "Finished",
        FromAgent::Pong => "Pong",
    }
}
