//! The end of a transfer: commit or abort, and what can be said of why it failed.
use std::time::Duration;

use api::names::Action;
use kube::ResourceExt;
use planner::run::{Contact, End, Route};
use protocol::{Outcome, Report, ToAgent};
use tokio::time::{sleep, timeout};

use super::Session;
use crate::transfer::link::Link;
use crate::transfer::{commit, outcome};

/// How long the reported end may take to be recorded before the agent is left to itself.
const RECORDED: Duration = Duration::from_secs(60);

impl Session {
    /// The agent has finished: commit or abort, report, and let the agent go once the report is recorded.
    pub(super) async fn conclude(mut self, mut link: Link, report: Report, upload: Option<String>) {
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
            _ => {
                let cure = self.cure(&mut link, &report.outcome).await;
                outcome::with_cure(outcome::failure(report), cure)
            }
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
        let probed = self.probe(link).await.ok()??;
        if probed.reachable {
            return None;
        }
        self.endpoint()?.connect().await.ok()?;
        Some(format!(
            "the Pod cannot reach the store ({}), but the operator can: set spec.dataPath of BackupStorage {} to Relay or Auto",
            probed.message, self.order.storage
        ))
    }

    pub(super) async fn fail(self, end: End, upload: Option<String>) {
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
