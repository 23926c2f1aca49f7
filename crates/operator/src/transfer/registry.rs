//! The transfers that this operator holds: what reconcile sees of them, and what it tells them.
//!
//! A transfer never writes to the cluster. What has to outlive the operator (the upload, the start of the command) it
//! asks to have recorded; reconcile writes it into the run's status and says so here.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use api::BackupRun;
use api::names::Action;
use futures::channel::mpsc::UnboundedSender;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use planner::run::life::parse;
use planner::run::{Chosen, Contact, End, Reason, Route, TransferView};
use tokio::sync::watch;

use crate::transfer::traffic::Traffic;
use crate::transfer::{limits, text};

/// All transfers, by the UID of their run.
pub struct Registry {
    entries: Mutex<HashMap<String, Entry>>,
    wake: UnboundedSender<ObjectRef<BackupRun>>,
    /// What has gone through them.
    pub traffic: Traffic,
}

struct Entry {
    attempt: String,
    /// None: not connected (yet, or again), or what the command needs is looked at.
    contact: Option<Contact>,
    /// The latter, with or without a connection.
    prepares: bool,
    /// Since when it is so, and why it is not connected.
    away_since: Instant,
    away_why: Option<String>,
    upload: Option<String>,
    route: Option<Chosen>,
    bytes: u64,
    stored_bytes: u64,
    /// When they became more.
    moved: Instant,
    /// An earlier process has seen some of them, and none was reported to this one.
    resumed: bool,
    end: Option<End>,
    /// Why it was asked to stop, as an end: its own says no more than that it was.
    because: Option<End>,
    orders: watch::Sender<Orders>,
}

/// A transfer that has not ended, for who measures.
#[derive(Clone, Copy, Debug)]
pub struct Moving {
    /// How its bytes travel, once that is chosen.
    pub route: Option<Route>,
    moved: Instant,
}

impl Moving {
    /// When its bytes became more; when it was taken up, where none has.
    pub fn moved(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.moved.elapsed()).unwrap_or(now)
    }
}

/// What reconcile tells a transfer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// The upload that is recorded in the status.
    pub upload_recorded: Option<String>,
    /// The start of the command is recorded in the status.
    pub start_recorded: bool,
    /// Stop, and why.
    pub cancel: Option<String>,
    /// The end is reported; nothing more is needed.
    pub forget: bool,
}

impl Entry {
    /// As a decision sees it: since when nobody is connected, by the monotonic clock.
    fn contact(&self) -> Contact {
        self.contact.clone().unwrap_or_else(|| {
            let now = Timestamp::now();
            let since = now.checked_sub(self.away_since.elapsed()).unwrap_or(now);
            let why = self.away_why.clone();
            if self.prepares {
                Contact::Preparing { since, why }
            } else {
                Contact::Connecting { since, why }
            }
        })
    }

    /// How it ended. One that was stopped for a reason ended for that.
    fn ended(&self) -> Option<&End> {
        let end = self.end.as_ref()?;
        let stopped = matches!(
            end,
            End::Failed {
                reason: Reason::Cancelled,
                ..
            }
        );
        Some(self.because.as_ref().filter(|_| stopped).unwrap_or(end))
    }
}

impl Registry {
    /// Wakes reconcile through the channel.
    pub fn new(wake: UnboundedSender<ObjectRef<BackupRun>>) -> Arc<Self> {
        Arc::new(Self {
            entries: Mutex::default(),
            wake,
            traffic: Traffic::default(),
        })
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a new transfer in; None where the run has one.
    pub fn open(self: &Arc<Self>, run: &BackupRun, uid: &str, attempt: &str, now: Instant) -> Option<Handle> {
        let mut entries = self.entries();
        if entries.contains_key(uid) {
            return None;
        }
        let (orders, seen) = watch::channel(Orders::default());
        let transfer = run.status.as_ref().and_then(|s| s.transfer.as_ref());
        let entry = Entry {
            attempt: attempt.into(),
            contact: None,
            prepares: false,
            away_since: now,
            away_why: None,
            upload: None,
            route: None,
            bytes: 0,
            stored_bytes: 0,
            moved: now,
            resumed: transfer.is_some_and(|t| t.attempt == attempt && t.command_started_at.is_some()),
            end: None,
            because: None,
            orders,
        };
        entries.insert(uid.into(), entry);
        Some(Handle {
            registry: self.clone(),
            uid: uid.into(),
            run: ObjectRef::from_obj(run),
            namespace: run.namespace().unwrap_or_default(),
            action: parse(attempt).0,
            orders: seen,
        })
    }

    /// What reconcile sees.
    pub fn view(&self, uid: &str) -> TransferView {
        let entries = self.entries();
        let Some(entry) = entries.get(uid) else {
            return TransferView::None;
        };
        let attempt = entry.attempt.clone();
        match entry.ended() {
            Some(end) => TransferView::Ended {
                attempt,
                end: Box::new(end.clone()),
            },
            None => TransferView::Active {
                attempt,
                contact: entry.contact(),
                upload: entry.upload.clone(),
                route: entry.route.clone(),
                bytes: entry.bytes,
                stored_bytes: entry.stored_bytes,
                cancelling: entry.orders.borrow().cancel.is_some(),
            },
        }
    }

    /// Those that have not ended, by the UID of their run.
    pub fn moving(&self) -> HashMap<String, Moving> {
        let entries = self.entries();
        let moving = entries.iter().filter(|(_, entry)| entry.end.is_none());
        let of = |entry: &Entry| Moving {
            route: entry.route.as_ref().map(|chosen| chosen.route),
            moved: entry.moved,
        };
        moving.map(|(uid, entry)| (uid.clone(), of(entry))).collect()
    }

    /// Has reconcile look at a run.
    pub fn wake(&self, run: ObjectRef<BackupRun>) {
        // Without a receiver the process is ending.
        let _ = self.wake.unbounded_send(run);
    }

    /// What was asked for is recorded.
    pub fn recorded(&self, uid: &str, upload_id: Option<String>, command_started: bool) {
        if let Some(entry) = self.entries().get(uid) {
            entry.orders.send_if_modified(|o| {
                let before = o.clone();
                o.upload_recorded = upload_id.or(o.upload_recorded.take());
                o.start_recorded |= command_started;
                *o != before
            });
        }
    }

    /// Asks a transfer to stop, and keeps why. False where it has ended or is committing: what the agent has finished is not taken back.
    ///
    /// Crash window: it has stopped, and the report of why could not be written.
    pub fn cancel(&self, uid: &str, reason: &str, because: Option<End>) -> bool {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(uid) else { return true };
        if entry.end.is_some() || entry.contact == Some(Contact::Committing) {
            return false;
        }
        let first = entry.orders.send_if_modified(|o| {
            o.cancel.is_none() && {
                o.cancel = Some(reason.into());
                true
            }
        });
        if first {
            entry.because = because;
        }
        true
    }

    /// Drops a transfer whose end is reported. One that is still under way is asked to stop first.
    pub fn forget(&self, uid: &str) {
        let mut entries = self.entries();
        if let Some(entry) = entries.remove(uid) {
            entry.orders.send_modify(|o| {
                o.forget = true;
                if entry.end.is_none() && o.cancel.is_none() {
                    o.cancel = Some("the operator gave the attempt up".into());
                }
            });
        }
    }
}

/// A transfer's own end of the registry.
pub struct Handle {
    registry: Arc<Registry>,
    uid: String,
    run: ObjectRef<BackupRun>,
    namespace: String,
    action: Action,
    orders: watch::Receiver<Orders>,
}

impl Handle {
    fn change(&self, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.registry.entries();
        // One that was forgotten has not seen it yet, and the run may have the next by now. Looked at under the lock that it is forgotten under.
        if self.orders.borrow().forget {
            return;
        }
        if let Some(entry) = entries.get_mut(&self.uid) {
            change(entry);
        }
    }

    fn wake(&self) {
        // The receiver lives as long as the operator; without it there is nobody to wake.
        let _ = self.registry.wake.unbounded_send(self.run.clone());
    }

    /// Says how far the talk with the agent has come.
    pub fn contact(&self, contact: Contact) {
        self.change(|e| {
            e.contact = Some(contact);
            e.prepares = false;
        });
    }

    /// Says that what the command needs is looked at. A connection that breaks meanwhile does not change that.
    pub fn prepares(&self, now: Instant) {
        self.change(|e| {
            if !e.prepares || e.contact.is_some() {
                e.away_since = now;
            }
            e.contact = None;
            e.prepares = true;
            e.away_why = None;
        });
    }

    /// Says that it was looked at.
    pub fn prepared(&self, now: Instant) {
        self.change(|e| {
            if std::mem::take(&mut e.prepares) {
                e.away_since = now;
                e.away_why = None;
            }
        });
    }

    /// Says that the agent was not reached, and in which words. How long that has been so counts from the first time.
    pub fn unreached(&self, words: &str, now: Instant) {
        let words = text::line(words, limits::TEXT);
        self.change(|e| {
            if e.contact.take().is_some() {
                e.away_since = now;
            }
            e.away_why = (!words.is_empty()).then_some(words);
        });
    }

    /// Asks to have the start of the command recorded, and the route with it.
    pub fn awaits_start(&self, chosen: &Chosen) {
        self.change(|e| {
            e.contact = Some(Contact::AwaitsStart);
            e.prepares = false;
            e.route = Some(chosen.clone());
        });
        self.wake();
    }

    /// Says how many bytes have passed; reconcile looks by itself. What has passed never becomes less, whatever the
    /// agent says.
    pub fn progress(&self, bytes: u64, stored_bytes: u64) {
        self.change(|e| self.grow(e, bytes, stored_bytes));
    }

    fn grow(&self, e: &mut Entry, bytes: u64, stored_bytes: u64) {
        let (bytes, stored) = (bytes.min(limits::BYTES), stored_bytes.min(limits::STORED_BYTES));
        let more = (bytes.saturating_sub(e.bytes), stored.saturating_sub(e.stored_bytes));
        if more == (0, 0) {
            return;
        }
        (e.bytes, e.stored_bytes) = (e.bytes.saturating_add(more.0), e.stored_bytes.saturating_add(more.1));
        e.moved = Instant::now();
        if !std::mem::take(&mut e.resumed) {
            let traffic = &self.registry.traffic;
            traffic.moved(&self.namespace, self.action, more.0, more.1);
        }
    }

    /// Where it is counted what goes through.
    pub fn traffic(&self) -> &Traffic {
        &self.registry.traffic
    }

    /// Asks to have an upload recorded.
    pub fn upload(&self, upload_id: &str) {
        self.change(|e| e.upload = Some(upload_id.into()));
        self.wake();
    }

    /// The end.
    pub fn end(&self, end: End) {
        self.change(|e| {
            // What came after the last report.
            match &end {
                End::Stored {
                    bytes, stored_bytes, ..
                } => self.grow(e, *bytes, *stored_bytes),
                End::Restored { .. } | End::Adopted(_) | End::Failed { .. } | End::Interrupted { .. } => {}
            }
            e.end = Some(end);
        });
        self.wake();
    }

    /// What reconcile has said so far.
    pub fn orders(&self) -> Orders {
        self.orders.borrow().clone()
    }

    /// Waits until reconcile says what the predicate asks for. False where the registry is gone.
    pub async fn until(&mut self, wanted: impl FnMut(&Orders) -> bool) -> bool {
        self.orders.wait_for(wanted).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_transfer_that_was_forgotten_says_nothing_of_the_next_one() {
        let (wake, _woken) = futures::channel::mpsc::unbounded();
        let registry = Registry::new(wake);
        let run = testing::backup_run();
        let open = || registry.open(&run, "uid-1", "backup-1", Instant::now()).unwrap();
        let first = open();
        registry.forget("uid-1");
        let _second = open();
        first.progress(5, 3);
        first.end(End::Interrupted { message: "old".into() });
        assert!(
            matches!(
                registry.view("uid-1"),
                TransferView::Active {
                    bytes: 0,
                    cancelling: false,
                    ..
                }
            ),
            "{:?}",
            registry.view("uid-1")
        );
    }

    /// Crash window: the report of why it was stopped met a conflict, and it has stopped meanwhile.
    #[test]
    fn a_transfer_that_was_stopped_ended_for_the_reason_that_it_was_stopped_for() {
        let failed = |reason| End::Failed {
            reason,
            message: String::new(),
            bytes: 0,
            log: String::new(),
        };
        let late = || Some(failed(Reason::StartDeadlineExceeded));
        for (because, ended, told) in [
            (late(), Reason::Cancelled, Reason::StartDeadlineExceeded),
            (None, Reason::Cancelled, Reason::Cancelled),
            // It ended by itself before it heard.
            (late(), Reason::CommandFailed, Reason::CommandFailed),
        ] {
            let (wake, _woken) = futures::channel::mpsc::unbounded();
            let registry = Registry::new(wake);
            let handle = registry
                .open(&testing::backup_run(), "uid-1", "backup-1", Instant::now())
                .unwrap();
            assert!(registry.cancel("uid-1", "late", because));
            // The first reason is the one that it was stopped for.
            assert!(registry.cancel("uid-1", "deleted", Some(failed(Reason::PodNameTaken))));
            handle.end(failed(ended));
            let TransferView::Ended { end, .. } = registry.view("uid-1") else {
                panic!()
            };
            assert_eq!(*end, failed(told));
        }
    }

    #[test]
    fn what_is_looked_at_before_a_command_is_no_time_without_its_agent() {
        let (wake, _woken) = futures::channel::mpsc::unbounded();
        let registry = Registry::new(wake);
        let began = Instant::now().checked_sub(Duration::from_secs(100)).unwrap();
        let handle = registry
            .open(&testing::backup_run(), "uid-1", "backup-1", began)
            .unwrap();
        let at = |seconds| began + Duration::from_secs(seconds);
        let seen = || {
            let TransferView::Active { contact, .. } = registry.view("uid-1") else {
                panic!()
            };
            let (prepares, since, why) = match contact {
                Contact::Connecting { since, why } => (false, since, why),
                Contact::Preparing { since, why } => (true, since, why),
                other => panic!("{other:?}"),
            };
            let ago = Timestamp::now().duration_since(since).as_secs();
            (prepares, 100 - ago, why)
        };
        let words = |words: &str| Some(words.to_string());
        handle.unreached("not yet", at(5));
        assert_eq!(seen(), (false, 0, words("not yet")));
        handle.prepares(at(10));
        assert_eq!(seen(), (true, 10, None));
        // The connection breaks meanwhile, and comes back.
        handle.unreached("broken", at(20));
        assert_eq!(seen(), (true, 10, words("broken")));
        handle.prepares(at(30));
        assert_eq!(seen(), (true, 10, None));
        handle.prepared(at(40));
        assert_eq!(seen(), (false, 40, None));
        // Nothing was looked at: nothing begins anew.
        handle.unreached("nobody stands by", at(50));
        handle.prepared(at(60));
        assert_eq!(seen(), (false, 40, words("nobody stands by")));
        handle.contact(Contact::Working);
        handle.unreached("gone", at(70));
        assert_eq!(seen(), (false, 70, words("gone")));
    }

    #[test]
    fn bytes_are_counted_once_and_none_that_an_earlier_process_has_counted() {
        let counted = |mut run: BackupRun, started: bool| {
            let (wake, _woken) = futures::channel::mpsc::unbounded();
            let registry = Registry::new(wake);
            run.metadata.namespace = Some("team".into());
            let mut transfer =
                serde_json::json!({"attempt": "backup-1", "startedAt": "2026-01-01T00:00:00Z", "route": "Direct"});
            if started {
                transfer["commandStartedAt"] = "2026-01-01T00:00:00Z".into();
            }
            run.status = serde_json::from_value(serde_json::json!({"transfer": transfer})).unwrap();
            let handle = registry.open(&run, "uid-1", "backup-1", Instant::now()).unwrap();
            for (bytes, stored) in [(10, 4), (10, 4), (30, 9)] {
                handle.progress(bytes, stored);
            }
            handle.end(End::Stored {
                bytes: 35,
                stored_bytes: 11,
                sha256: String::new(),
                etag: String::new(),
                version_id: None,
                lock: None,
                record: Default::default(),
                log: String::new(),
            });
            let number = |all: Vec<u64>| all.into_iter().sum::<u64>();
            let command = registry.traffic.command.all().into_iter().map(|(_, n)| n).collect();
            let stored = registry.traffic.stored.all().into_iter().map(|(_, n)| n).collect();
            assert!(registry.traffic.restored.all().is_empty());
            (number(command), number(stored))
        };
        assert_eq!(counted(testing::backup_run(), false), (35, 11));
        assert_eq!(counted(testing::backup_run(), true), (25, 7));
    }

    #[test]
    fn progress_never_goes_backwards_and_fits_into_a_status() {
        let (wake, _woken) = futures::channel::mpsc::unbounded();
        let registry = Registry::new(wake);
        let handle = registry
            .open(&testing::backup_run(), "uid-1", "backup-1", Instant::now())
            .unwrap();
        let seen = || match registry.view("uid-1") {
            TransferView::Active {
                bytes, stored_bytes, ..
            } => (bytes, stored_bytes),
            other => panic!("{other:?}"),
        };
        for (said, shown) in [
            ((5, 3), (5, 3)),
            ((4, 9), (5, 9)),
            ((0, 0), (5, 9)),
            ((u64::MAX, u64::MAX), (limits::BYTES, limits::STORED_BYTES)),
        ] {
            handle.progress(said.0, said.1);
            assert_eq!(seen(), shown, "{said:?}");
        }
        assert!(i64::try_from(limits::BYTES).is_ok() && i64::try_from(limits::STORED_BYTES).is_ok());
    }
}
