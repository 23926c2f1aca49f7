//! Whose turn it is: so many runs at once as the operator and each storage allow, restores first, namespaces in turn.
use std::collections::{BTreeMap, HashMap};

use api::BackupRun;
use jiff::Timestamp;

use crate::run::Ask;
use crate::run::life::{self, Life};

/// How many runs at once; what is not there has no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of all runs (`--max-concurrent-runs`).
    pub operator: Option<u32>,
    /// Of the runs of a storage (`spec.maxConcurrentRuns`), by its name. A storage that is not known has none: its runs wait for the
    /// storage, not for a turn.
    pub storages: BTreeMap<String, u32>,
}

/// A run that has its turn: it was given, an attempt is under way, or a Pod of it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held<'a> {
    /// Its storage.
    pub storage: &'a str,
}

/// A run that waits for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting<'a> {
    /// UID.
    pub uid: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name: of those that came in one second, as on a tick or in one file, the order that people see.
    pub name: &'a str,
    /// Its storage.
    pub storage: &'a str,
    /// It is to be restored.
    pub restore: bool,
    /// Since when: the older one goes first.
    pub since: Timestamp,
}

/// When a run of a namespace was last given its turn; a namespace without one goes first.
pub type Served = HashMap<String, Timestamp>;

/// Whether a run has its turn by its status. It keeps it until its attempt has ended; the pause before the next attempt, and what is
/// left to be removed from a store afterwards, need none.
pub fn holds(run: &BackupRun) -> bool {
    matches!(life::of(run), Life::UnderWay(_))
}

/// What a run that was there before this operator may ask for: as it waits by its status, and as old as it is where nothing was done for it
/// yet. So the first turns go to those whose turn it is, not to those who happen to be looked at first.
pub fn will_ask(run: &BackupRun) -> Option<Ask> {
    let queued = run.status.as_ref().and_then(|s| s.queued.as_ref());
    let told = queued.map(|q| q.since.0);
    let (restore, since) = match life::of(run) {
        Life::New => (
            run.spec.backup.is_none(),
            told.or(Some(run.metadata.creation_timestamp.as_ref()?.0)),
        ),
        Life::Between { .. } => (false, told),
        Life::Finished => (true, told),
        _ => return None,
    };
    since.map(|since| Ask { restore, since })
}

/// When the attempts that a run tells of began, the last one.
pub fn last_began(run: &BackupRun) -> Option<Timestamp> {
    let status = run.status.as_ref()?;
    let attempt = status.transfer.as_ref().map(|t| t.started_at.0);
    let restore = status.restores.last().map(|r| r.start_time.0);
    let first = status.start_time.as_ref().map(|t| t.0);
    [attempt, restore, first].into_iter().flatten().max()
}

/// The run that goes next, by its place in the list; None where none may.
///
/// Restores go before backups: somebody waits for them. Among each, namespaces take turns, so that one with hundreds of runs holds up
/// no other; within one the oldest goes first. A run whose storage has enough is passed over, and keeps up nobody.
pub fn next(waiting: &[Waiting<'_>], held: &[Held<'_>], served: &Served, limits: &Limits) -> Option<usize> {
    let room = Room::of(held, limits);
    let all = waiting.iter().enumerate();
    let may = all.filter(|(_, w)| room.lacks(w.storage).is_none());
    may.min_by(|(_, a), (_, b)| key(a, served).cmp(&key(b, served)))
        .map(|(at, _)| at)
}

/// Restore, turn of the namespace, age; the rest makes the order one and the same each time.
fn key<'a>(w: &Waiting<'a>, served: &Served) -> (bool, Option<Timestamp>, Timestamp, &'a str, &'a str, &'a str) {
    let last = served.get(w.namespace).copied();
    (!w.restore, last, w.since, w.namespace, w.name, w.uid)
}

/// Whether a run has its turn, as a decision about it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It was not asked for.
    NotAsked,
    /// It has it.
    Given,
    /// It waits.
    Waits(Place),
}

/// Where a run stands among those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub place: u32,
    /// How many wait for the same.
    pub of: u32,
    /// What it waits for.
    pub lacks: Lack,
}

/// Which limit is reached, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The operator's.
    Operator(u32),
    /// The storage's.
    Storage(u32),
}

/// Where a run stands if runs go on as they do now: among those of its storage where that has enough, else among all. A run that could
/// go stands first.
pub fn place(who: &Waiting<'_>, waiting: &[Waiting<'_>], held: &[Held<'_>], served: &Served, limits: &Limits) -> Place {
    let room = Room::of(held, limits);
    let lacks = room
        .lacks(who.storage)
        .unwrap_or(Lack::Operator(limits.operator.unwrap_or(u32::MAX)));
    let same = |w: &&Waiting<'_>| !matches!(lacks, Lack::Storage(_)) || w.storage == who.storage;
    let (mut ahead, mut of, mut before_it) = (0, 0, 0);
    // Of its own kind: by namespace, how many wait and which was there first.
    let mut others: HashMap<&str, (usize, Timestamp)> = HashMap::new();
    let mut first = who.since;
    for w in waiting.iter().filter(same) {
        of += 1;
        if w.restore != who.restore {
            ahead += usize::from(w.restore);
        } else if w.namespace == who.namespace {
            before_it += usize::from((w.since, w.name, w.uid) < (who.since, who.name, who.uid));
            first = first.min(w.since);
        } else {
            let (count, since) = others.entry(w.namespace).or_insert((0, w.since));
            *count += 1;
            *since = w.since.min(*since);
        }
    }
    // Each round takes one of each namespace, in the order in which they were served last.
    let own = (served.get(who.namespace), first, who.namespace);
    for (namespace, (count, since)) in &others {
        let earlier = (served.get(*namespace), *since, *namespace) < own;
        ahead += before_it.saturating_add(usize::from(earlier)).min(*count);
    }
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place {
        place: number(ahead + before_it + 1),
        of: number(of).max(1),
        lacks,
    }
}

/// What is left of the limits.
struct Room<'a> {
    operator: Option<Lack>,
    storages: HashMap<&'a str, u32>,
    limits: &'a Limits,
}

impl<'a> Room<'a> {
    fn of(held: &[Held<'a>], limits: &'a Limits) -> Self {
        let all = u32::try_from(held.len()).unwrap_or(u32::MAX);
        let mut storages: HashMap<&str, u32> = HashMap::new();
        for one in held {
            *storages.entry(one.storage).or_default() += 1;
        }
        Self {
            operator: limits.operator.filter(|most| all >= *most).map(Lack::Operator),
            storages,
            limits,
        }
    }

    /// The limit that is reached for a run of that storage. The storage's is said where both are: it is the closer one.
    fn lacks(&self, storage: &str) -> Option<Lack> {
        let there = self.storages.get(storage).copied().unwrap_or(0);
        let most = self.limits.storages.get(storage);
        most.filter(|most| there >= **most)
            .map(|most| Lack::Storage(*most))
            .or(self.operator)
    }
}

#[cfg(test)]
mod tests;
