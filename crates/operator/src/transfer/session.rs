//! One transfer from the operator's side: connect to the agent, hand over the work, sign its URLs, take its report.
//!
//! A broken connection is nothing but a reason to connect again. The session ends with the agent's report, with a
//! cancel, or with something that can never work; reconcile ends it when the Pod is gone.
mod finish;
mod route;
mod standing;
mod start;
mod talk;

use std::sync::Arc;
use std::time::Duration;

use api::BackupRun;
use api::names::Action;
use kube::{Client, ResourceExt};
use planner::run::{Chosen, End, Reason, TransferOrder, pod};
use protocol::Report;
use tokio::time::{Instant, timeout};

use crate::context::Context;
use crate::log::about_run;
use crate::stores::OpenStore;
use crate::transfer::budget::Held;
use crate::transfer::exec::Exec;
use crate::transfer::keys::Keys;
use crate::transfer::lanes::Lane;
use crate::transfer::link::{Link, LinkError, Target};
use crate::transfer::pace::Pace;
use crate::transfer::registry::Handle;
use crate::transfer::signed::SignedFor;
use crate::transfer::{limits, outcome};

/// After a broken connection: the first pause, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Between two tries to reach a container that is just being started.
const FIRST_CONTACT: Duration = Duration::from_millis(100);
const FIRST_CONTACT_LONGEST: Duration = Duration::from_secs(1);
/// How long a node says that it cannot execute the agent before it is believed: a container that is just being started
/// may say so too.
const UNABLE: Duration = Duration::from_secs(5);

/// Everything that a session works with.
pub struct Session {
    /// To reach the API server.
    pub client: Client,
    /// To reach agents.
    pub exec: Exec,
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
    /// Uploads may exist that are not recorded: another operator was at work on this attempt before, or the store did
    /// not answer.
    pub may_stray: bool,
    /// Another operator's upload is the recorded one, and URLs for it may be that one's.
    pub others: bool,
    /// When the command was handed over, where this session did it.
    pub started: Option<Instant>,
    /// How often it was.
    pub handed: u32,
    /// Since when the upload could not be created.
    pub failing: Option<Instant>,
    /// How the bytes travel, where this session has chosen it; else the order says it.
    pub chosen: Option<Chosen>,
    /// The protocol that the agent speaks.
    pub agent_version: u32,
    /// What was before the agent, in its words.
    pub past: Past,
    /// What its URLs were signed for.
    pub signed: SignedFor,
    /// How fast they are, and connections to the store opened.
    pub pace: Pace,
    /// When the access keys were looked at.
    pub renewed: Option<Instant>,
    /// Its part of the storage's bandwidth, where that has a limit.
    pub lane: Option<Lane>,
}

impl Session {
    /// A session that has not begun.
    pub fn new(
        context: &Arc<Context>,
        run: &Arc<BackupRun>,
        order: TransferOrder,
        store: OpenStore,
        handle: Handle,
    ) -> Self {
        let storage = order.storage.clone();
        let limited = store.parameters.bandwidth().is_some();
        let lane = limited.then(|| context.lanes.join(&order.storage, order.action));
        Self {
            client: context.client.clone(),
            exec: context.exec.clone(),
            run: run.clone(),
            may_stray: order.command_started && order.action == Action::Backup,
            others: false,
            order,
            store,
            keys: Keys {
                context: context.clone(),
                storage,
            },
            handle,
            started: None,
            handed: 0,
            failing: None,
            chosen: None,
            agent_version: 0,
            past: Past::default(),
            signed: SignedFor::default(),
            pace: Pace::new(limits::URLS, Instant::now()),
            renewed: None,
            lane,
        }
    }

    /// How fast the agent may be now; None: as fast as it can.
    fn bandwidth(&mut self) -> Option<u64> {
        let all = self.store.parameters.bandwidth()?;
        Some(self.lane.as_mut()?.of(all))
    }

    /// What was signed, where all of it was signed here: by the session that handed the command over, if no other came between.
    fn all_signed(&self) -> Option<&SignedFor> {
        (self.started.is_some() && !self.others).then_some(&self.signed)
    }
}

/// What was in a Pod before the agent that is connected.
#[derive(Default)]
pub struct Past {
    /// A command was started.
    started: bool,
    /// The signal that killed the agent before.
    killed: Option<String>,
    /// The large window that it held, bytes.
    window: Option<u64>,
}

/// How one connection ended.
enum Ended {
    /// It broke; the words are `agent connect`'s, if it had any.
    Broken(String),
    /// The agent reported.
    Reported(Box<Report>, Option<Held>),
    /// It can never work.
    Over(End),
}

impl Session {
    /// Serves the transfer to its end.
    pub async fn run(mut self) {
        // A command that runs already reads the object by itself: what this operator cannot reach is no reason to end it.
        let found = if self.order.command_started {
            Ok(None)
        } else {
            self.prepare().await
        };
        let mut object = match found {
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
                    reason: Reason::Cancelled,
                    message: reason,
                    bytes: 0,
                    log: String::new(),
                };
                return self.fail(end, upload).await;
            }
            let connected = Instant::now();
            let context = self.keys.context.clone();
            let turn = tokio::select! {
                turn = context.trickle.turn() => turn,
                _ = self.handle.until(|o| o.cancel.is_some()) => continue,
            };
            let words = match turn.open(self.connect()).await {
                Ok(mut link) => match self.serve(&mut link, &mut object, &mut upload).await {
                    Ended::Reported(report, held) => return self.conclude(link, *report, held, object, upload).await,
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
                let attempt = &self.order.attempt;
                about_run!(
                    info,
                    self.run.as_ref(),
                    attempt,
                    words,
                    "the connection to the agent is lost"
                );
                reached = true;
            }
            // An agent that was reached is there: what is away now is the runtime, as when its package is upgraded.
            let cure = outcome::cannot_execute(&words).filter(|_| !reached);
            unable = if cure.is_some() { unable + 1 } else { 0 };
            // A node that cannot execute the agent says so at once and for ever; anything else may pass.
            if unable >= 3
                && begun.elapsed() > UNABLE
                && let Some(cure) = cure
            {
                let end = End::Failed {
                    reason: Reason::AgentCannotStart,
                    message: cure,
                    bytes: 0,
                    log: String::new(),
                };
                return self.fail(end, upload).await;
            }
            self.handle.unreached(&words, Instant::now().into_std());
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
        let share = self.keys.context.budget.share(&target.namespace);
        Link::open(&self.exec, &target, share).await
    }
}

#[cfg(test)]
mod tests;
