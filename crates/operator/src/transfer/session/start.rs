//! The beginning of a transfer: what a restore reads, greeting the agent, the command's start.
use std::time::Duration;

use api::names::Action;
use api::{BackupRun, BackupRunStatus};
use futures::FutureExt;
use kube::{Api, ResourceExt};
use planner::run::{Contact, End, Reason};
use protocol::{AgentState, FromAgent, ToAgent};
use store::ObjectInfo;
use tokio::time::{Instant, timeout};

use super::{Ended, Past, Session};
use crate::run::siblings::newest_stored;
use crate::runtime::spawn_held;
use crate::transfer::link::{Incoming, Link};
use crate::transfer::{commit, job, limits, outcome, uploads};
use crate::write::bounded;

/// Until the agent has answered `Hello`.
const WELCOME: Duration = Duration::from_secs(15);
/// How long a store that fails is asked for the object that a restore reads.
const FIND: Duration = Duration::from_secs(120);

impl Session {
    /// A restore reads an object: it has to be there, and to be the one that this run stored.
    pub(super) async fn find_object(&self) -> Result<Option<ObjectInfo>, End> {
        if self.order.action == Action::Backup {
            return Ok(None);
        }
        let fail = |reason, message| End::Failed {
            reason,
            message,
            bytes: 0,
            log: String::new(),
        };
        let found = commit::patiently(commit::within(FIND.min(self.store.parameters.retry())), || async {
            let version = uploads::version_of(&self.run, &self.order);
            self.keys
                .renewed(&self.store)
                .await
                .store
                .look(&self.order.key, version)
                .await
        })
        .await;
        let found = found.map_err(|e| fail(commit::unseen(&e), format!("the backup cannot be looked at: {e}")))?;
        let object = found.ok_or_else(|| {
            fail(
                Reason::ObjectMissing,
                missing(
                    &self.store.parameters.object(&self.order.key),
                    self.run.spec.backup.is_some(),
                ),
            )
        })?;
        if let Some(archived) = &object.archived {
            let cure = if archived.coming {
                "it is being brought back: ask for the restore again when it is there"
            } else {
                "have the store bring it back for some days (RestoreObject of S3), which takes hours, and then ask for the restore again"
            };
            let message = format!(
                "object {} lies in an archive ({}) and cannot be read: {cure}",
                self.order.key, archived.class
            );
            return Err(fail(Reason::ObjectArchived, message));
        }
        let status = self.run.status.clone().unwrap_or_default();
        match differs(&status, &object, self.order.moved) {
            Some(how) => {
                let message = format!("object {} is not the one that this run stored: {how}", self.order.key);
                Err(fail(Reason::ObjectChanged, message))
            }
            None => Ok(Some(object)),
        }
    }

    /// The same before a command that was not begun: meanwhile nobody waits for the agent.
    pub(super) async fn prepare(&self) -> Result<Option<ObjectInfo>, End> {
        if self.order.action == Action::Backup {
            return Ok(None);
        }
        self.prepares();
        let found = self.find_object().await;
        self.handle.prepared(Instant::now().into_std());
        found
    }

    /// Of a command that was begun before, it is the time without an agent that counts.
    fn prepares(&self) {
        if !self.order.command_started {
            self.handle.prepares(Instant::now().into_std());
        }
    }

    pub(super) async fn serve(
        &mut self,
        link: &mut Link,
        object: &mut Option<ObjectInfo>,
        upload: &mut Option<String>,
    ) -> Ended {
        let hello = ToAgent::Hello {
            version: protocol::VERSION,
            run: self.run.uid().unwrap_or_default(),
            attempt: self.order.attempt.clone(),
        };
        if !link.send(hello).await {
            return Ended::Broken(String::new());
        }
        let state = match timeout(WELCOME, link.next()).await {
            Ok(Incoming::Message(message, _)) => match *message {
                FromAgent::Welcome {
                    state,
                    version,
                    started,
                    killed,
                    window,
                } => {
                    self.past = Past {
                        started,
                        killed,
                        window,
                    };
                    if let Some(words) = protocol::apart(protocol::VERSION, version) {
                        return Ended::Over(apart(words));
                    }
                    // A newer agent speaks this operator's too: it was greeted in it.
                    self.agent_version = version.min(protocol::VERSION);
                    link.speaks(self.agent_version);
                    state
                }
                other => return Ended::Broken(format!("the agent did not answer Hello but said {}", name_of(&other))),
            },
            Ok(Incoming::Data(..)) => return Ended::Broken("the agent did not answer Hello".into()),
            Ok(Incoming::Closed { words }) => return Ended::Broken(words),
            Err(_) => return Ended::Broken("the agent did not answer Hello".into()),
        };
        if self.may_stray && upload.is_none() {
            match self.recorded_upload().await {
                Ok(recorded) => *upload = recorded,
                Err(words) => return Ended::Broken(words),
            }
        }
        if state == AgentState::Idle {
            if object.is_none() && !self.past.started {
                match self.prepare().await {
                    Ok(found) => *object = found,
                    Err(end) => return Ended::Over(end),
                }
            }
            if let Err(ended) = self.start(link, object.as_ref(), upload.as_deref()).await {
                return ended;
            }
        }
        self.handle.contact(Contact::Working);
        // The check's container may have been restarted meanwhile. Where that cannot be cured, the agent says so when it gets there.
        let standing = self.stand_by().filter(|_| state == AgentState::Running);
        let _standing = standing.map(|ask| spawn_held(ask.map(drop)));
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
    async fn start(&mut self, link: &mut Link, object: Option<&ObjectInfo>, upload: Option<&str>) -> Result<(), Ended> {
        // Crash window: the start was recorded, the command perhaps not handed over. The agent tells whether it was: what never
        // began is begun now. What was begun and is lost is run again where it is a backup of which nothing was uploaded; a
        // restore never is. Nor is anything that loses its agent each time.
        let harmless = self.order.action == Action::Backup || !self.past.started;
        let again = harmless && upload.is_none() && self.handed < limits::STARTS;
        if self.order.command_started && !again {
            let message = outcome::lost_work(self.past.killed.as_deref(), self.past.window);
            return Err(Ended::Over(End::Interrupted { message }));
        }
        let chosen = match self.chosen.take() {
            Some(chosen) => chosen,
            None => {
                self.prepares();
                let chosen = self.choose(link).await?;
                self.handle.prepared(Instant::now().into_std());
                chosen
            }
        };
        self.chosen = Some(chosen.clone());
        let route = chosen.route;
        self.order.route = route;
        let before = job::Before {
            bytes: self.sizes_before(),
            stored: newest_stored(&self.run, &self.keys.context.runs),
        };
        let job = job::make(
            &self.client,
            &self.run,
            &self.order,
            &self.store,
            object,
            route,
            &before,
        )
        .await
        .map_err(|no| {
            Ended::Over(End::Failed {
                reason: no.reason,
                message: no.message,
                bytes: 0,
                log: String::new(),
            })
        })?;
        let job = job::for_version(
            protocol::Job {
                bandwidth: self.bandwidth(),
                ..job
            },
            self.agent_version,
        );
        if let Some(words) = job.need().and_then(|need| need.unmet(self.agent_version)) {
            return Err(Ended::Over(apart(words)));
        }
        if let Some(ask) = self.stand_by() {
            // Nothing is begun that could not be checked. What is in the way may pass: the container may just be starting.
            tokio::select! {
                stands = ask => stands.map_err(Ended::Broken)?,
                _ = self.handle.until(|o| o.cancel.is_some()) => {
                    return Err(Ended::Broken("cancelled before the command was started".into()));
                }
            }
        }
        self.handle.awaits_start(&chosen);
        if !self.handle.until(|o| o.start_recorded || o.cancel.is_some()).await || self.handle.orders().cancel.is_some()
        {
            return Err(Ended::Broken("cancelled before the command was started".into()));
        }
        self.order.command_started = true;
        self.started = Some(Instant::now());
        self.handed += 1;
        if link.send(ToAgent::Start(Box::new(job))).await {
            Ok(())
        } else {
            Err(Ended::Broken(String::new()))
        }
    }
}

/// The end of a transfer whose two sides do not understand each other.
fn apart(words: String) -> End {
    End::Failed {
        reason: Reason::AgentVersion,
        message: words,
        bytes: 0,
        log: String::new(),
    }
}

/// In what an object is not the one that was stored. Whoever copied it to where the storage points by now may have done so in other parts, which
/// gives it another ETag: there its hash proves it, before the input of the command ends.
fn differs(status: &BackupRunStatus, object: &ObjectInfo, moved: bool) -> Option<String> {
    let words = |what: &str, want: &str, seen: &str| Some(format!("its {what} is {seen}, expected {want}"));
    let etag = status.etag.as_ref().filter(|_| !moved || status.sha256.is_none());
    match (status.size_in_bytes, etag) {
        (Some(size), _) if size != object.size => words("size", &size.to_string(), &object.size.to_string()),
        (_, Some(etag)) if *etag != object.etag => words("ETag", etag, &object.etag),
        _ => None,
    }
}

fn name_of(message: &FromAgent) -> &'static str {
    match message {
        FromAgent::Welcome { .. } => "Welcome",
        FromAgent::NeedUrl(_) => "NeedUrl",
        FromAgent::Progress { .. } => "Progress",
        FromAgent::Finished(_) => "Finished",
        FromAgent::Pong => "Pong",
        FromAgent::Probed { .. } => "Probed",
        FromAgent::Open { .. } => "Open",
        FromAgent::Credit { .. } => "Credit",
        FromAgent::Close { .. } => "Close",
    }
}

/// What is said of an object that is not there: it was, if this run has stored it.
fn missing(object: &str, stored: bool) -> String {
    let why = if stored {
        "was it removed, by hand or by a life-cycle rule of the bucket?"
    } else {
        "spec.storage.path may name another one (the storage's prefix stands before it and, with namespaceIsolation: Prefix, the namespace), or it was removed"
    };
    format!("there is no {object}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_was_copied_to_another_bucket_is_held_to_its_size_and_its_hash_alone() {
        let stored = |sha256: Option<&str>| BackupRunStatus {
            size_in_bytes: Some(7),
            etag: Some("\"e-3\"".into()),
            sha256: sha256.map(Into::into),
            ..BackupRunStatus::default()
        };
        for (hash, moved, size, etag, why) in [
            (Some("ab"), false, 7, "\"e-3\"", None),
            (Some("ab"), false, 7, "\"f-2\"", Some("ETag")),
            (Some("ab"), true, 7, "\"f-2\"", None),
            (Some("ab"), true, 8, "\"f-2\"", Some("size")),
            // Nothing else would prove it.
            (None, true, 7, "\"f-2\"", Some("ETag")),
        ] {
            let object = ObjectInfo {
                size,
                etag: etag.into(),
                metadata: Default::default(),
                checksum_sha256: None,
                version_id: None,
                age: None,
                archived: None,
                held: Default::default(),
            };
            let how = differs(&stored(hash), &object, moved);
            assert_eq!(how.is_some(), why.is_some(), "{how:?}");
            assert!(how.unwrap_or_default().contains(why.unwrap_or_default()));
        }
    }

    #[test]
    fn an_object_that_this_run_never_stored_is_not_said_to_be_removed() {
        assert!(missing("object \"a\"", true).contains("life-cycle rule"));
        let other = missing("object \"a\"", false);
        assert!(
            other.contains("spec.storage.path") && !other.contains("life-cycle"),
            "{other}"
        );
    }
}
