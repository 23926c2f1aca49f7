//! Notifications are sent here, by what the schedules' statuses say is still to be told. A try is a task of its own with a deadline; between tries there
//! is none, only a time: whoever hangs holds nobody's run up, and of other namespaces no delivery.
//!
//! Crash window: what was delivered is marked in the status by the next pass. An operator that dies between the two sends that one again, under the same id.
mod channel;
mod cluster;
mod counts;
mod http;
mod own;
mod pace;
mod ping;
mod secrets;
mod slack;
mod smtp;
mod turns;
mod way;
mod webhook;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::BackupSchedule;
use api::notification::{Notification, Notifications, Transition};
use futures::channel::mpsc::UnboundedSender;
use jiff::{SignedDuration, Timestamp};
use kube::runtime::reflector::ObjectRef;
use kube::{Client, Resource, ResourceExt};
use planner::notify::text::About;
use planner::notify::{Hosts, Message};
use planner::run::Event;
use planner::schedule::Reason;
use planner::schedule::notify::{Ended, next, receivers};
use store::Proxies;

use self::channel::{Order, Sender};
pub use self::counts::Counts;
use self::own::Own;
use self::turns::Turns;
use self::way::Way;
use crate::{events, runtime};

/// One try, all of it: the Secret, the name, the connection, the answer.
const TRY: Duration = Duration::from_secs(10);
/// Tries after which what might pass is told as well: a minute and a quarter.
const PASSING: u32 = 4;
/// So long it is tried.
const TRIES_SECONDS: i64 = 3600;
const TRIES: Duration = Duration::from_secs(TRIES_SECONDS.unsigned_abs());
/// The first pause, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Who waits for a turn looks again after this in any case.
const WAITING: Duration = Duration::from_secs(300);
/// A status that is older than this, and knows of less than was sent, is no old one of a cache: it was lost, and counts anew.
const OLD: Duration = Duration::from_secs(300);
/// The longest reason that is told, bytes.
const WHY: usize = 400;

/// Where notifications may go, and the operator's own.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Hosts of the receivers of schedules.
    pub hosts: Hosts,
    /// A folder with `notifications.yaml` and the keys that it names: the receivers of schedules that have none.
    pub own: Option<PathBuf>,
    /// Through which receivers are reached.
    pub proxies: Proxies,
}

/// Why a notification was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What it was sent by is wrong, which somebody has to put right: told at once.
    #[error("{0}")]
    Wrong(String),
    /// The receiver did not take it, which may pass.
    #[error("{0}")]
    Failed(String),
    /// The receiver asked for less: not before then.
    #[error("{why}")]
    Busy {
        /// In words.
        why: String,
        /// The turn of this one.
        turn: Instant,
        /// It was asked; else others were, and told so.
        sent: bool,
    },
}

/// Sends what is to be told. Cheap to clone.
#[derive(Clone)]
pub struct Notifier(Arc<Inner>);

struct Inner {
    client: Client,
    sender: Sender,
    own: Own,
    counts: Arc<Counts>,
    wake: UnboundedSender<ObjectRef<BackupSchedule>>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// By the UID of the schedule.
    schedules: HashMap<String, HashMap<String, Delivery>>,
    turns: Turns,
}

/// What one receiver of one schedule is told.
#[derive(Default)]
struct Delivery {
    /// The transition that is tried, or was last.
    number: u64,
    tries: u32,
    /// When it was tried first.
    began: Option<Instant>,
    /// Not before.
    wait: Option<Wait>,
    under_way: bool,
    /// How it ended, until the status says so. What has ended is not begun again by a status that is old.
    ended: Option<Ended>,
    /// When the last try ended.
    settled: Option<Instant>,
    /// The one before was given up: who was away for an hour is not waited for an hour again.
    away: bool,
    /// It was told of an obstacle that somebody has to remove.
    told: bool,
}

/// What the next try waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// The last one failed.
    Pause(Instant),
    /// A turn, given at a receiver that asked for less.
    Turn(Instant),
}

impl Wait {
    fn until(self) -> Instant {
        match self {
            Self::Pause(until) | Self::Turn(until) => until,
        }
    }

    fn turn(self) -> Option<Instant> {
        match self {
            Self::Pause(_) => None,
            Self::Turn(turn) => Some(turn),
        }
    }
}

impl Notifier {
    /// Nothing is under way. Schedules are woken by `wake` when a try has ended.
    pub fn new(
        client: Client,
        settings: Settings,
        counts: Arc<Counts>,
        wake: UnboundedSender<ObjectRef<BackupSchedule>>,
    ) -> Self {
        let way = Way::new(settings.hosts, settings.proxies);
        Self::by_way(client, settings.own, way, counts, wake)
    }

    fn by_way(
        client: Client,
        own: Option<PathBuf>,
        way: Way,
        counts: Arc<Counts>,
        wake: UnboundedSender<ObjectRef<BackupSchedule>>,
    ) -> Self {
        let own = Own::new(own);
        Self(Arc::new(Inner {
            sender: Sender::new(client.clone(), way, own.folder()),
            client,
            own,
            counts,
            wake,
            held: Mutex::default(),
        }))
    }

    /// Looks up what of the cluster nothing is sent to, where anything is sent; whether all is known that has to be.
    pub async fn learn_cluster(&self) -> bool {
        !self.0.sender.sends() || self.0.sender.way.learn_cluster(&self.0.client).await
    }

    /// The operator's own receivers; None: they are not known.
    pub fn own(&self) -> Option<Arc<[Notification]>> {
        self.0.own.read()
    }

    /// Deliveries of a schedule that have come to an end, and that its status does not tell of yet.
    pub fn ended(&self, uid: &str) -> Vec<Ended> {
        let held = self.held();
        let all = held.schedules.get(uid).into_iter().flat_map(HashMap::values);
        all.filter_map(|d| d.ended.clone()).collect()
    }

    /// A schedule is gone: nothing more is tried.
    pub fn forget(&self, uid: &str) {
        self.held().schedules.remove(uid);
    }

    /// Sends what the status, which has been written, says is still to be told; when to come again.
    pub fn deliver(&self, schedule: &BackupSchedule, kept: Option<&Notifications>, cluster: &str) -> Option<Duration> {
        let kept = kept?;
        let own = self.own().unwrap_or_default();
        let uid = schedule.uid().unwrap_or_default();
        let namespace = schedule.namespace().unwrap_or_default();
        let now = Instant::now();
        let mut look: Option<Instant> = None;
        for receiver in receivers(&schedule.spec.notifications, &own) {
            let Some(told) = next(kept, &receiver) else { continue };
            let tenant = if receiver.default {
                turns::OPERATOR
            } else {
                namespace.as_str()
            };
            let mut held = self.held();
            let held = &mut *held;
            let delivery = held
                .schedules
                .entry(uid.clone())
                .or_default()
                .entry(receiver.name.clone())
                .or_default();
            if delivery.under_way {
                continue;
            }
            let lost = kept.transitions < delivery.number && delivery.settled.is_some_and(|at| at.elapsed() > OLD);
            if delivery.number < told.number || lost {
                *delivery = Delivery {
                    number: told.number,
                    away: delivery.ended.as_ref().is_some_and(|e| e.failed.is_some()),
                    ..Delivery::default()
                };
            }
            if delivery.number > told.number || delivery.ended.is_some() {
                continue;
            }
            let until = delivery.wait.map(Wait::until);
            if let Some(until) = until.filter(|until| *until > now) {
                sooner(&mut look, until);
                continue;
            }
            let object = ObjectRef::from_obj(schedule);
            if !held.turns.take(tenant, &object) {
                // It is woken with a turn; unless whoever was woken before it did not take his.
                sooner(&mut look, now + WAITING);
                continue;
            }
            delivery.under_way = true;
            delivery.began.get_or_insert(now);
            let about = about(schedule, cluster);
            let order = Order {
                namespace: about.namespace.clone(),
                default: receiver.default,
                message: Message::new(&about, told),
                what: told.what,
                to: receiver.to.clone(),
                turn: delivery.wait.and_then(Wait::turn),
            };
            self.begin(schedule, &receiver.name, tenant, told, order);
        }
        look.map(|at| at.duration_since(now))
    }

    /// Begins one try.
    fn begin(&self, schedule: &BackupSchedule, name: &str, tenant: &str, told: &Transition, order: Order) {
        let (this, name, tenant) = (self.clone(), name.to_string(), tenant.to_string());
        let (object, reference) = (ObjectRef::from_obj(schedule), schedule.object_ref(&()));
        let (uid, number, at) = (schedule.uid().unwrap_or_default(), told.number, told.at.0);
        runtime::spawn(async move {
            let late = || Fault::Failed(format!("no answer within {} s", TRY.as_secs()));
            let sent = tokio::time::timeout(TRY, this.0.sender.send(&order)).await;
            let sent = sent.unwrap_or_else(|_| Err(late()));
            let event = this.settle(&uid, &name, (number, at), channel::kind(&order.to), sent);
            for next in this.held().turns.give_back(&tenant) {
                this.wake(next);
            }
            if let Some(event) = event {
                events::publish(&this.0.client, reference, &event).await;
            }
            this.wake(object);
        });
    }

    /// Notes how a try ended; what people should hear of at once.
    fn settle(
        &self,
        uid: &str,
        name: &str,
        (number, at): (u64, Timestamp),
        kind: &'static str,
        sent: Result<(), Fault>,
    ) -> Option<Event> {
        let mut held = self.held();
        // None: the schedule is gone.
        let delivery = held.schedules.get_mut(uid)?.get_mut(name)?;
        if delivery.number != number {
            return None;
        }
        delivery.under_way = false;
        delivery.settled = Some(Instant::now());
        let turn = match sent {
            Err(Fault::Busy { turn, .. }) => Some(Wait::Turn(turn)),
            _ => None,
        };
        delivery.wait = turn;
        if !matches!(sent, Err(Fault::Busy { sent: false, .. })) {
            delivery.tries = delivery.tries.saturating_add(1);
        } else if delivery.tries == 0 {
            // Its hour begins when it is sent first.
            delivery.began = None;
            return None;
        }
        let fault = match sent {
            Ok(()) => {
                self.0.counts.delivered(kind);
                delivery.ended = Some(ended(name, number, None));
                return None;
            }
            Err(fault) => fault,
        };
        let text = fault.to_string();
        let text = text[..text.floor_char_boundary(WHY)].to_string();
        tracing::debug!(
            uid,
            name,
            number,
            tries = delivery.tries,
            why = text,
            "a notification was not delivered"
        );
        let long_ago = delivery.away && Timestamp::now().duration_since(at) >= SignedDuration::from_secs(TRIES_SECONDS);
        if long_ago || delivery.began.is_none_or(|began| began.elapsed() >= TRIES) {
            self.0.counts.failed(kind);
            delivery.ended = Some(ended(name, number, Some(text)));
            return None;
        }
        let pause = || Instant::now().checked_add(pause(delivery.tries)).map(Wait::Pause);
        delivery.wait = turn.or_else(pause);
        let lasts = matches!(fault, Fault::Wrong(_)) || delivery.tries >= PASSING;
        let news = lasts && !std::mem::replace(&mut delivery.told, true);
        news.then(|| Event {
            warning: true,
            reason: Reason::NotificationFailed.word(),
            action: "Notify",
            note: format!("notification {name} is not delivered yet, and tried again for an hour: {text}"),
        })
    }

    fn wake(&self, object: ObjectRef<BackupSchedule>) {
        // The receiver lives as long as the process.
        let _ = self.0.wake.unbounded_send(object);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ended(name: &str, number: u64, failed: Option<String>) -> Ended {
    Ended {
        name: name.into(),
        number,
        failed,
    }
}

fn about(schedule: &BackupSchedule, cluster: &str) -> About {
    About {
        cluster: cluster.into(),
        namespace: schedule.namespace().unwrap_or_default(),
        schedule: schedule.name_any(),
        uid: schedule.uid().unwrap_or_default(),
        storage: schedule.spec.template.spec.storage.name.clone(),
    }
}

fn sooner(look: &mut Option<Instant>, at: Instant) {
    *look = Some(look.map_or(at, |look| look.min(at)));
}

fn pause(tries: u32) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;
