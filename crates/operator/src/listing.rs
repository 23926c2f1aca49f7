//! What a watch makes of its events: a cache that holds what is there, and whom to tell of what changed.
//!
//! A list that comes again, after a watch was lost for too long, becomes the changes and deletions that it stands for: by a list alone
//! nobody learns of a deletion, and what is as it was concerns nobody. Several watches, each of its own namespace, fill one cache.
use std::collections::HashSet;
use std::sync::Arc;

use kube::runtime::watcher::Event;

use crate::cache::{Cache, Kind, Packed, name};
use crate::readable::{Arrived, Read, Unreadable};

/// How far a watch is.
pub struct Listing {
    /// `namespace/`; of one watch over all namespaces, nothing.
    prefix: String,
    /// What the list that has begun has brought so far.
    listed: HashSet<Arc<str>>,
    /// Its first list has ended.
    ended: bool,
}

/// What has changed, after the cache has it.
pub enum Change<K> {
    /// It was made or changed.
    Seen(Box<K>),
    /// It is gone; as it was last.
    Gone(Arc<K>),
    /// It cannot be read: what was known of it is gone, for it is old and would only be acted upon in vain.
    Unreadable(Box<Unreadable>),
}

impl Listing {
    /// Of a watch on that namespace, or on all.
    pub fn new(namespace: Option<&str>) -> Self {
        Self {
            prefix: namespace.map(|n| format!("{n}/")).unwrap_or_default(),
            listed: HashSet::new(),
            ended: false,
        }
    }

    /// Whether all was seen that was there when the watch began.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes an event into the cache; what changed by it.
    pub fn take<K: Kind>(&mut self, event: Event<Read<K>>, cache: &Cache<K>) -> Vec<Change<K>> {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(Read(Ok(arrived))) => {
                self.listed.insert(arrived.packed.name().clone());
                return put(arrived, cache);
            }
            // What it is not told of, a list tells to be gone.
            Event::InitApply(Read(Err(unreadable))) => return vec![Change::Unreadable(Box::new(unreadable))],
            Event::InitDone => {
                self.ended = true;
                let listed = std::mem::take(&mut self.listed);
                let mine = cache.names().into_iter().filter(|name| name.starts_with(&self.prefix));
                let gone = mine.filter(|name| !listed.contains(name));
                return gone.filter_map(|name| gone_from(cache.remove(&name))).collect();
            }
            Event::Apply(Read(Ok(arrived))) => return put(arrived, cache),
            Event::Delete(Read(Ok(arrived))) => {
                let there = cache.packed(arrived.packed.name());
                if there.is_some_and(|there| there.uid() == arrived.packed.uid()) {
                    cache.remove(arrived.packed.name());
                }
                return vec![Change::Gone(Arc::new(*arrived.object))];
            }
            Event::Apply(Read(Err(unreadable))) | Event::Delete(Read(Err(unreadable))) => {
                let old = cache.remove(&name(&unreadable.metadata));
                return gone_from(old)
                    .into_iter()
                    .chain([Change::Unreadable(Box::new(unreadable))])
                    .collect();
            }
        }
        Vec::new()
    }
}

fn put<K: Kind>(arrived: Arrived<K>, cache: &Cache<K>) -> Vec<Change<K>> {
    let Arrived { object, packed } = arrived;
    let old = cache.packed(packed.name());
    if old.as_ref().is_some_and(|old| old.is_as(&packed)) {
        return Vec::new();
    }
    // One that was made anew under its name is another one: what is known of the old one goes with it.
    let another = old.as_ref().filter(|old| old.uid() != packed.uid()).cloned();
    // Our own note of how far a transfer is comes back by the watch: nobody waits for it.
    let says_more = old.is_none_or(|old| !old.says_as(&packed));
    cache.put(packed);
    let seen = says_more.then_some(Change::Seen(object));
    gone_from(another).into_iter().chain(seen).collect()
}

fn gone_from<K: Kind>(old: Option<Packed<K>>) -> Option<Change<K>> {
    Some(Change::Gone(old?.open()?))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use kube::ResourceExt;
    use serde_json::json;

    use super::*;

    fn pod(namespace: &str, name: &str, uid: &str, version: u32) -> Read<Pod> {
        let metadata = json!({"name": name, "namespace": namespace, "uid": uid, "resourceVersion": version.to_string(),
            "labels": {"version": version.to_string()}});
        serde_json::from_value(json!({"metadata": metadata, "spec": {"containers": []}})).unwrap()
    }

    fn one(namespace: &str, name: &str) -> Read<Pod> {
        pod(namespace, name, name, 1)
    }

    fn unreadable(namespace: &str, name: &str) -> Read<Pod> {
        let metadata = json!({"name": name, "namespace": namespace, "uid": name, "resourceVersion": "9"});
        serde_json::from_value(json!({"metadata": metadata, "spec": 1})).unwrap()
    }

    /// Watches, and their cache.
    struct Rig {
        watches: Vec<Listing>,
        cache: Cache<Pod>,
    }

    impl Rig {
        fn of(namespaces: &[Option<&str>]) -> Self {
            Self {
                watches: namespaces.iter().map(|n| Listing::new(*n)).collect(),
                cache: Cache::default(),
            }
        }

        fn take(&mut self, number: usize, event: Event<Read<Pod>>) -> Vec<String> {
            let changes = self.watches[number].take(event, &self.cache);
            let word = |change: Change<Pod>| match change {
                Change::Seen(pod) => format!("seen {}", pod.name_any()),
                Change::Gone(pod) => format!("gone {}", pod.name_any()),
                Change::Unreadable(u) => format!("unreadable {}", u.metadata.name.unwrap()),
            };
            changes.into_iter().map(word).collect()
        }

        fn list(&mut self, number: usize, pods: &[Read<Pod>]) -> Vec<String> {
            let mut told = self.take(number, Event::Init);
            for pod in pods {
                told.extend(self.take(number, Event::InitApply(pod.clone())));
            }
            told.extend(self.take(number, Event::InitDone));
            told.sort();
            told
        }

        fn there(&self) -> Vec<String> {
            let mut names: Vec<_> = self.cache.names().iter().map(ToString::to_string).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn a_watch_has_seen_all_when_its_first_list_has_ended() {
        let mut rig = Rig::of(&[Some("a")]);
        rig.take(0, Event::Init);
        assert_eq!(rig.take(0, Event::InitApply(one("a", "1"))), ["seen 1"]);
        assert!(!rig.watches[0].has_ended());
        assert!(rig.take(0, Event::InitDone).is_empty());
        assert!(rig.watches[0].has_ended());
        assert_eq!(rig.there(), ["a/1"]);
    }

    #[test]
    fn a_list_that_comes_again_tells_what_changed_and_nothing_else() {
        let mut rig = Rig::of(&[None]);
        rig.list(0, &[one("a", "same"), one("a", "changed"), one("b", "gone")]);
        let again = [one("a", "same"), pod("a", "changed", "changed", 2), one("c", "new")];
        assert_eq!(rig.list(0, &again), ["gone gone", "seen changed", "seen new"]);
        assert_eq!(rig.there(), ["a/changed", "a/same", "c/new"]);
        assert!(rig.list(0, &again).is_empty(), "nobody is woken for what is as it was");
    }

    #[test]
    fn how_far_a_transfer_is_concerns_nobody_and_is_known() {
        let run = |version: u32, status: serde_json::Value| -> Read<api::BackupRun> {
            let mut run = serde_json::to_value(testing::backup_run()).unwrap();
            run["metadata"] =
                json!({"name": "r", "namespace": "a", "uid": "r", "resourceVersion": version.to_string()});
            run["status"] = status;
            serde_json::from_value(run).unwrap()
        };
        let progress = |bytes: u32| json!({"bytes": bytes, "storedBytes": 0, "updatedAt": "2026-01-01T00:00:00Z"});
        let (mut watch, cache) = (Listing::new(None), Cache::default());
        let mut changes = |read| watch.take(Event::Apply(read), &cache).len();
        assert_eq!(changes(run(1, json!({"progress": progress(1)}))), 1);
        assert_eq!(changes(run(2, json!({"progress": progress(2)}))), 0);
        assert_eq!(changes(run(3, json!({"progress": progress(2), "message": "m"}))), 1);
        let kept = cache.packed("a/r").unwrap().open().unwrap();
        assert_eq!(kept.metadata.resource_version.as_deref(), Some("3"));
        let bytes = kept.status.as_ref().unwrap().progress.as_ref().unwrap().bytes;
        assert_eq!(bytes, 2, "what is written next is written to what is there");
    }

    #[test]
    fn a_list_touches_its_own_namespace_only() {
        let mut rig = Rig::of(&[Some("a"), Some("b")]);
        rig.list(0, &[one("a", "1"), one("a", "2")]);
        rig.list(1, &[one("b", "1")]);
        assert_eq!(rig.list(0, &[one("a", "2")]), ["gone 1"]);
        assert_eq!(rig.list(0, &[]), ["gone 2"]);
        assert_eq!(rig.there(), ["b/1"]);
    }

    #[test]
    fn a_list_that_is_interrupted_tells_of_nothing_that_it_were_gone() {
        let mut rig = Rig::of(&[Some("a")]);
        rig.list(0, &[one("a", "1"), one("a", "2")]);
        rig.take(0, Event::Init);
        rig.take(0, Event::InitApply(one("a", "2")));
        rig.take(0, Event::Init);
        assert_eq!(rig.there(), ["a/1", "a/2"]);
        assert!(rig.take(0, Event::InitApply(one("a", "1"))).is_empty());
        assert_eq!(rig.take(0, Event::InitDone), ["gone 2"]);
    }

    #[test]
    fn what_is_deleted_is_gone_and_nothing_that_was_made_anew_under_its_name() {
        let mut rig = Rig::of(&[None]);
        rig.list(0, &[one("a", "1")]);
        let anew = || pod("a", "1", "anew", 5);
        assert_eq!(rig.take(0, Event::Apply(anew())), ["gone 1", "seen 1"], "in this order");
        assert_eq!(rig.take(0, Event::Delete(one("a", "1"))), ["gone 1"]);
        assert_eq!(rig.there(), ["a/1"], "the new one is there");
        assert_eq!(rig.take(0, Event::Delete(anew())), ["gone 1"]);
        assert!(rig.there().is_empty());
    }

    #[test]
    fn what_can_no_longer_be_read_is_taken_for_gone() {
        let mut rig = Rig::of(&[None]);
        rig.list(0, &[one("a", "1"), one("a", "2")]);
        assert_eq!(
            rig.take(0, Event::Apply(unreadable("a", "1"))),
            ["gone 1", "unreadable 1"]
        );
        assert_eq!(rig.list(0, &[unreadable("a", "2")]), ["gone 2", "unreadable 2"]);
        assert_eq!(rig.take(0, Event::Apply(unreadable("a", "3"))), ["unreadable 3"]);
        assert!(rig.there().is_empty());
    }
}
