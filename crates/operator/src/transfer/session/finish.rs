//! The end of a transfer: commit or abort, and what can be said of why it failed.
use std::time::Duration;

use api::names::Action;
use planner::run::shrunk::{Judged, judge};
use planner::run::{Contact, End, Reason, Route};
use protocol::{Outcome, Report, ToAgent};
use store::ObjectInfo;
use tokio::time::{sleep, timeout};

use super::Session;
use crate::log::about_run;
use crate::run::siblings::good_sizes;
use crate::transfer::budget::Held;
use crate::transfer::commit::Claim;
use crate::transfer::link::Link;
use crate::transfer::{commit, outcome, uploads};

/// How long the reported end may take to be recorded before the agent is left to itself.
const RECORDED: Duration = Duration::from_secs(60);

impl Session {
    /// The agent has finished: commit or abort, report, and let the agent go once the report is recorded.
    pub(super) async fn conclude(
        mut self,
        mut link: Link,
        report: Report,
        held: Option<Held>,
        object: Option<ObjectInfo>,
        upload: Option<String>,
    ) {
        let report = outcome::bounded(report);
        let (outcome, bytes, stored, peak) = (
            match &report.outcome {
                Outcome::Done => "Done",
                failed => outcome::words(failed).0.word(),
            },
            report.bytes,
            report.stored_bytes,
            report.peak_memory,
        );
        let given_up = self.handle.orders().cancel;
        let end = match (&report.outcome, self.order.action) {
            // Crash window: reconcile may have told the end of this attempt already. Nothing of it becomes visible after that.
            (Outcome::Done, Action::Backup) if given_up.is_some() => End::Failed {
                reason: Reason::Cancelled,
                message: given_up.clone().unwrap_or_default(),
                bytes: report.bytes,
                log: report.stderr,
            },
            (Outcome::Done, Action::Backup) => {
                self.handle.contact(Contact::Committing);
                commit::commit(
                    &self.store,
                    &self.keys,
                    &self.run,
                    &self.order,
                    &Claim {
                        upload: upload.as_deref(),
                        signed: self.all_signed(),
                    },
                    report,
                )
                .await
            }
            (Outcome::Done, Action::Restore) => self.restored(object, report).await,
            (Outcome::TooSmall, Action::Backup) => self.too_small(report),
            _ => {
                let cure = match outcome::packed(&report) {
                    Some(cure) => Some(cure),
                    None => self.cure(&mut link, &report.outcome).await,
                };
                outcome::with_cure(outcome::failure(report), cure)
            }
        };
        // The report is used up.
        drop(held);
        let seconds = self.started.map_or(0.0, |s| s.elapsed().as_secs_f64());
        let attempt = &self.order.attempt;
        about_run!(
            info,
            self.run.as_ref(),
            attempt,
            outcome,
            bytes,
            stored,
            seconds,
            agent_peak_memory = peak,
            "the transfer has ended"
        );
        let stored = matches!(end, End::Stored { .. });
        if stored {
            self.sweep().await;
        } else {
            self.abort(upload).await;
            self.take_back().await;
        }
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

    /// The sizes that this backup's is measured by.
    pub(super) fn sizes_before(&self) -> Vec<u64> {
        good_sizes(&self.run, &self.keys.context.runs)
    }

    /// In numbers, which the agent has no words for.
    fn too_small(&self, report: Report) -> End {
        let judged = self.run.spec.backup.as_ref();
        let judged = judged.map(|backup| judge(backup, report.bytes, &self.sizes_before()));
        match judged {
            Some(Judged::TooSmall(message)) => End::Failed {
                reason: Reason::TooSmall,
                message,
                bytes: report.bytes,
                log: report.stderr,
            },
            // Measured by others than when it began, or the agent invents it.
            _ => outcome::failure(report),
        }
    }

    /// A restore is done when all of the object was read, and it was the one that was stored.
    async fn restored(&self, object: Option<ObjectInfo>, report: Report) -> End {
        let status = self.run.status.as_ref();
        let known = object.as_ref().map(|o| o.size);
        // An operator that came in mid-restore has not looked: what the run recorded is enough, where it has a hash.
        let recorded = status.and_then(|s| s.sha256.as_ref().and(s.size_in_bytes));
        let size = match known.or(recorded) {
            Some(size) => size,
            None => match self.find_object().await {
                Ok(found) => found.map_or(0, |o| o.size),
                Err(end) => return end,
            },
        };
        match self.has_read(size, &report) {
            Ok(()) => {
                // What was read after the last word of progress; of a quick restore all.
                self.handle.progress(report.bytes, report.stored_bytes);
                End::Restored {
                    bytes: report.bytes,
                    log: report.stderr,
                }
            }
            Err(message) => End::Failed {
                reason: Reason::AgentReport,
                message,
                bytes: report.bytes,
                log: report.stderr,
            },
        }
    }

    fn has_read(&self, size: u64, report: &Report) -> Result<(), String> {
        if report.stored_bytes != size {
            return Err(format!(
                "the agent's report does not add up: {} bytes were read of an object of {size}",
                report.stored_bytes
            ));
        }
        if size > 0 && self.all_signed().is_some_and(|signed| !signed.reading()) {
            return Err("the agent's report does not add up: it never asked for the object".into());
        }
        let stored = self.run.status.as_ref().and_then(|s| s.sha256.as_ref());
        match stored {
            Some(hash) if !hash.eq_ignore_ascii_case(&report.sha256) => Err(format!(
                "the agent's report does not add up: the SHA-256 of what it read is {:?}, expected {hash}",
                report.sha256
            )),
            _ => Ok(()),
        }
    }

    /// What would help where the Pod has no way to the store and this operator has: looked at when it is too late, so
    /// that a Pod that reaches the store is not asked before each transfer.
    async fn cure(&mut self, link: &mut Link, outcome: &Outcome) -> Option<String> {
        let route = self.chosen.as_ref().map_or(self.order.route, |c| c.route);
        if route == Route::Relay
            || !matches!(
                outcome,
                Outcome::TransferFailed { .. } | Outcome::DeadlineExceeded { .. }
            )
        {
            return None;
        }
        let probed = self.probe(link).await.ok()?;
        if probed.reachable {
            return None;
        }
        if let Err(error) = self.endpoint()?.connect().await {
            return Some(format!(
                "the store is away: the Pod does not reach it ({}), and {error}",
                probed.message
            ));
        }
        Some(format!(
            "the Pod cannot reach the store ({}), but the operator can: set spec.dataPath of BackupStorage {} to Relay or Auto",
            probed.message, self.order.storage
        ))
    }

    pub(super) async fn fail(self, end: End, upload: Option<String>) {
        self.abort(upload).await;
        self.take_back().await;
        self.handle.end(end);
    }

    /// What was put whole became visible before the attempt failed: it goes again, where the store says whose it is. Where it
    /// cannot be done now, and whatever else may have become visible, reconcile sees to.
    ///
    /// Crash window: an attempt that was given up may be the good backup by now. Its agent stored the object and could not say so, reconcile found
    /// it and told of it. Only who has told the end knows whether the object goes.
    async fn take_back(&self) {
        let store = self.keys.renewed(&self.store).await;
        if !self.signed.object() || !store.metadata || self.handle.orders().cancel.is_some() {
            return;
        }
        if let Err(error) = uploads::take_back(
            &store,
            &self.run,
            &self.order.key,
            &self.order.attempt,
            &self.order.cluster,
        )
        .await
        {
            let attempt = &self.order.attempt;
            about_run!(warn, self.run.as_ref(), attempt, %error, "the object of a failed backup cannot be removed yet");
        }
    }

    /// Aborts the upload if it can be done now; where it cannot, the status still has it and reconcile goes on. Strays of what has failed are
    /// looked for by who has told the end: an operator that was replaced while it hung would take the upload of the other one for its own.
    async fn abort(&self, upload: Option<String>) {
        let Some(upload) = upload else { return };
        let store = self.keys.renewed(&self.store).await;
        let dropped = store.store.drop_upload(&self.order.key, &upload).await;
        let attempt = &self.order.attempt;
        match dropped {
            Ok(store::Dropped::Gone) => {}
            Ok(store::Dropped::Later { days }) => about_run!(
                info,
                self.run.as_ref(),
                attempt,
                days,
                "the store keeps what was uploaded for so long: something else is under the key"
            ),
            Err(error) => about_run!(warn, self.run.as_ref(), attempt, %error, "an upload cannot be aborted yet"),
        }
    }

    /// Aborts what strayed of a good backup, whose own upload is no more.
    ///
    /// Crash window: what a dying operator had asked the store to create may appear after strays were looked for.
    async fn sweep(&self) {
        // Of an attempt that was given up this session does not know when it ended: the next one's upload would look like a stray of it.
        if self.may_stray
            && self.handle.orders().cancel.is_none()
            && let Err(error) = self.abort_strays(None).await
        {
            let attempt = &self.order.attempt;
            about_run!(warn, self.run.as_ref(), attempt, %error, "strayed uploads cannot be looked for");
        }
    }
}
