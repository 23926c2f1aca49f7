//! How many tries are under way at once, in all and of one namespace: who hangs fills his own share only.
use std::collections::{HashMap, HashSet, VecDeque};

use api::BackupSchedule;
use kube::runtime::reflector::ObjectRef;

/// Of all together.
const ALL: usize = 64;
/// Of one namespace.
const EACH: usize = 4;
/// Of the operator's own receivers, which all namespaces may have to be told of.
const OWN: usize = 32;
/// What they are called here: no namespace is.
pub const OPERATOR: &str = "";

fn most(tenant: &str) -> usize {
    if tenant == OPERATOR { OWN } else { EACH }
}

/// Who tries now, and who waits for that.
#[derive(Default)]
pub struct Turns {
    tries: HashMap<String, usize>,
    all: usize,
    /// Of each namespace those that came first; and the namespaces, in the order of their turns.
    waiting: HashMap<String, VecDeque<ObjectRef<BackupSchedule>>>,
    order: VecDeque<String>,
    /// Schedules wait once, however often they ask.
    known: HashSet<(String, ObjectRef<BackupSchedule>)>,
}

impl Turns {
    /// A turn; or the schedule is woken when there is one.
    pub fn take(&mut self, tenant: &str, schedule: &ObjectRef<BackupSchedule>) -> bool {
        let tries = self.tries.get(tenant).copied().unwrap_or(0);
        if self.all < ALL && tries < most(tenant) {
            self.all += 1;
            *self.tries.entry(tenant.into()).or_default() += 1;
            return true;
        }
        if self.known.insert((tenant.into(), schedule.clone())) {
            let line = self.waiting.entry(tenant.into()).or_default();
            if line.is_empty() {
                self.order.push_back(tenant.into());
            }
            line.push_back(schedule.clone());
        }
        false
    }

    /// A try has ended: whom to wake, one of each namespace after the other.
    pub fn give_back(&mut self, tenant: &str) -> Vec<ObjectRef<BackupSchedule>> {
        self.all = self.all.saturating_sub(1);
        if let Some(tries) = self.tries.get_mut(tenant) {
            *tries = tries.saturating_sub(1);
            if *tries == 0 {
                self.tries.remove(tenant);
            }
        }
        let mut woken = Vec::new();
        // The one whose turn came back, and the namespace that waits longest: each of them may be the one that there is room for.
        if let Some(own) = self.first_of(tenant) {
            woken.push(own);
        }
        for _ in 0..self.order.len() {
            let Some(next) = self.order.pop_front() else { break };
            let has_room = self.tries.get(&next).copied().unwrap_or(0) < most(&next);
            let first = if has_room { self.first_of(&next) } else { None };
            if self.waiting.contains_key(&next) {
                self.order.push_back(next);
            }
            if let Some(first) = first {
                woken.push(first);
                break;
            }
        }
        woken
    }

    fn first_of(&mut self, tenant: &str) -> Option<ObjectRef<BackupSchedule>> {
        let line = self.waiting.get_mut(tenant)?;
        let first = line.pop_front();
        if line.is_empty() {
            self.waiting.remove(tenant);
            self.order.retain(|other| other != tenant);
        }
        let first = first?;
        self.known.remove(&(tenant.to_string(), first.clone()));
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(namespace: &str, n: usize) -> ObjectRef<BackupSchedule> {
        ObjectRef::new(&format!("s{n}")).within(namespace)
    }

    #[test]
    fn who_hangs_fills_his_own_share_only() {
        let mut turns = Turns::default();
        let given = (0..10).filter(|n| turns.take("bad", &of("bad", *n))).count();
        assert_eq!(given, EACH);
        assert!(turns.take("good", &of("good", 0)));
        assert_eq!(turns.give_back("bad"), [of("bad", 4), of("bad", 5)]);
    }

    #[test]
    fn namespaces_take_turns_and_a_schedule_waits_once() {
        let mut turns = Turns::default();
        for n in 0..ALL {
            assert!(turns.take(&format!("n{}", n / EACH), &of("x", n)));
        }
        for _ in 0..3 {
            for n in 0..2 {
                assert!(!turns.take("a", &of("a", n)));
                assert!(!turns.take("b", &of("b", n)));
            }
        }
        let woken: Vec<_> = (0..5).flat_map(|_| turns.give_back("n0")).collect();
        assert_eq!(woken, [of("a", 0), of("b", 0), of("a", 1), of("b", 1)]);
        assert!(turns.waiting.is_empty() && turns.known.is_empty() && turns.order.is_empty());
    }

    #[test]
    fn what_is_given_back_is_held_no_more() {
        let mut turns = Turns::default();
        for n in 0..1000 {
            let tenant = format!("n{n}");
            assert!(turns.take(&tenant, &of(&tenant, 0)));
            turns.give_back(&tenant);
        }
        assert!(turns.tries.is_empty() && turns.all == 0);
    }
}
