//! Several watches of one kind, and one cache of what they see. A cache's writer takes a list for the whole world and drops
//! what is not in it: so the lists of several watches are made into one, and a list that comes again (a watch that was lost
//! for too long) into what has changed and what is gone.
use std::collections::HashMap;
use std::sync::Arc;

use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};

/// What one list has brought so far.
type List<K> = HashMap<ObjectRef<K>, K>;

/// The events of several watches as those of one. There is one list, when every watch has ended its first.
pub struct Merge<K: Resource<DynamicType = ()>> {
    watches: Vec<Watch<K>>,
    seen: bool,
}

/// How far a watch is.
struct Watch<K: Resource<DynamicType = ()>> {
    /// Its namespace; of one watch over all namespaces, none.
    namespace: Option<String>,
    /// Before every watch has ended its first list: what this one has seen. Afterwards: a list that has begun again.
    list: List<K>,
    /// Its first list has ended.
    ended: bool,
}

impl<K> Merge<K>
where
    K: Resource<DynamicType = ()> + Clone,
{
    /// Of watches on these namespaces.
    pub fn new(namespaces: impl IntoIterator<Item = Option<String>>) -> Self {
        let watch = |namespace| Watch {
            namespace,
            list: HashMap::new(),
            ended: false,
        };
        Self {
            watches: namespaces.into_iter().map(watch).collect(),
            seen: false,
        }
    }

    /// What the cache is to be told of an event of the watch of that number. `cached` is what it holds now.
    pub fn take(&mut self, number: usize, event: Event<K>, cached: impl FnOnce() -> Vec<Arc<K>>) -> Vec<Event<K>> {
        let Some(watch) = self.watches.get_mut(number) else {
            return Vec::new();
        };
        match event {
            Event::Init => watch.list.clear(),
            Event::InitApply(object) => watch.put(object),
            Event::InitDone if self.seen => return watch.listed_again(&cached()),
            Event::InitDone => watch.ended = true,
            Event::Apply(_) | Event::Delete(_) if self.seen => return vec![event],
            // The others have not listed yet: this belongs into the first list.
            Event::Apply(object) => watch.put(object),
            Event::Delete(object) => {
                watch.list.remove(&ObjectRef::from_obj(&object));
            }
        }
        if self.seen || !self.watches.iter().all(|w| w.ended) {
            return Vec::new();
        }
        self.seen = true;
        let objects = self
            .watches
            .iter_mut()
            .flat_map(|w| std::mem::take(&mut w.list).into_values());
        [Event::Init]
            .into_iter()
            .chain(objects.map(Event::InitApply))
            .chain([Event::InitDone])
            .collect()
    }
}

impl<K> Watch<K>
where
    K: Resource<DynamicType = ()> + Clone,
{
    fn put(&mut self, object: K) {
        self.list.insert(ObjectRef::from_obj(&object), object);
    }

    /// What is there, and what of this watch's namespace is there no more. An event for each, so that whom it concerns is woken
    /// after the cache has it: by a list alone nobody learns of a deletion.
    fn listed_again(&mut self, cached: &[Arc<K>]) -> Vec<Event<K>> {
        let list = std::mem::take(&mut self.list);
        let mine = |object: &K| self.namespace.is_none() || object.namespace() == self.namespace;
        // One that was made anew under its name is another one: what is known of the old one goes with it.
        let is_there = |object: &K| {
            let now = list.get(&ObjectRef::from_obj(object));
            now.is_some_and(|now| now.meta().uid == object.meta().uid)
        };
        let mut all: Vec<_> = cached
            .iter()
            .filter(|object| mine(object) && !is_there(object))
            .map(|object| Event::Delete(object.as_ref().clone()))
            .collect();
        all.extend(list.into_values().map(Event::Apply));
        all
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use kube::core::ObjectMeta;
    use kube::runtime::reflector::{self, Store};

    use super::*;

    fn pod(namespace: &str, name: &str) -> Pod {
        Pod {
            metadata: ObjectMeta {
                name: Some(name.into()),
                namespace: Some(namespace.into()),
                ..ObjectMeta::default()
            },
            ..Pod::default()
        }
    }

    fn named(pods: &[Arc<Pod>]) -> Vec<String> {
        let mut names: Vec<_> = pods
            .iter()
            .map(|p| format!("{}/{}", p.namespace().unwrap(), p.name_any()))
            .collect();
        names.sort();
        names
    }

    /// Watches, their cache, and the events that reach it.
    struct Rig {
        merge: Merge<Pod>,
        writer: reflector::store::Writer<Pod>,
        cache: Store<Pod>,
    }

    impl Rig {
        fn of(namespaces: &[Option<&str>]) -> Self {
            let (cache, writer) = reflector::store();
            let merge = Merge::new(namespaces.iter().map(|n| n.map(Into::into)));
            Self { merge, writer, cache }
        }

        fn take(&mut self, number: usize, event: Event<Pod>) -> Vec<String> {
            let told = self.merge.take(number, event, || self.cache.state());
            told.iter()
                .map(|event| {
                    self.writer.apply_watcher_event(event);
                    match event {
                        Event::Init => "init".into(),
                        Event::InitDone => "done".into(),
                        Event::InitApply(p) => format!("list {}", p.name_any()),
                        Event::Apply(p) => format!("apply {}", p.name_any()),
                        Event::Delete(p) => format!("delete {}", p.name_any()),
                    }
                })
                .collect()
        }

        fn list(&mut self, number: usize, pods: &[Pod]) -> Vec<String> {
            let mut told = self.take(number, Event::Init);
            for pod in pods {
                told.extend(self.take(number, Event::InitApply(pod.clone())));
            }
            told.extend(self.take(number, Event::InitDone));
            told.sort();
            told
        }
    }

    #[test]
    fn there_is_one_list_when_every_watch_has_ended_its_own() {
        let mut rig = Rig::of(&[Some("a"), Some("b")]);
        assert!(rig.list(0, &[pod("a", "1"), pod("a", "2")]).is_empty());
        assert!(rig.take(0, Event::Apply(pod("a", "3"))).is_empty());
        assert!(rig.take(0, Event::Delete(pod("a", "1"))).is_empty());
        assert_eq!(
            rig.list(1, &[pod("b", "4")]),
            ["done", "init", "list 2", "list 3", "list 4"]
        );
        assert_eq!(named(&rig.cache.state()), ["a/2", "a/3", "b/4"]);
    }

    #[test]
    fn a_first_list_that_begins_again_brings_nothing_that_is_gone() {
        let mut rig = Rig::of(&[Some("a"), Some("b")]);
        rig.take(0, Event::Init);
        rig.take(0, Event::InitApply(pod("a", "gone")));
        rig.list(0, &[pod("a", "1")]);
        rig.list(1, &[]);
        assert_eq!(named(&rig.cache.state()), ["a/1"]);
    }

    #[test]
    fn a_list_that_comes_again_touches_its_own_namespace_only() {
        let mut rig = Rig::of(&[Some("a"), Some("b")]);
        rig.list(0, &[pod("a", "1"), pod("a", "2")]);
        rig.list(1, &[pod("b", "1")]);
        assert_eq!(
            rig.list(0, &[pod("a", "2"), pod("a", "3")]),
            ["apply 2", "apply 3", "delete 1"]
        );
        assert_eq!(named(&rig.cache.state()), ["a/2", "a/3", "b/1"]);
        assert_eq!(rig.list(0, &[]), ["delete 2", "delete 3"]);
        assert_eq!(named(&rig.cache.state()), ["b/1"]);
    }

    #[test]
    fn one_watch_over_all_namespaces_is_told_of_as_it_is_and_of_what_is_gone_too() {
        let mut rig = Rig::of(&[None]);
        assert_eq!(
            rig.list(0, &[pod("a", "1"), pod("b", "2")]),
            ["done", "init", "list 1", "list 2"]
        );
        assert_eq!(rig.take(0, Event::Apply(pod("c", "3"))), ["apply 3"]);
        assert_eq!(rig.take(0, Event::Delete(pod("a", "1"))), ["delete 1"]);
        assert_eq!(rig.list(0, &[pod("c", "3")]), ["apply 3", "delete 2"]);
        assert_eq!(named(&rig.cache.state()), ["c/3"]);
    }

    #[test]
    fn one_that_was_made_anew_under_its_name_while_a_watch_was_lost_is_gone_and_there() {
        let with_uid = |uid: &str| {
            let mut pod = pod("a", "1");
            pod.metadata.uid = Some(uid.into());
            pod
        };
        let mut rig = Rig::of(&[None]);
        rig.list(0, &[with_uid("old")]);
        rig.take(0, Event::Init);
        rig.take(0, Event::InitApply(with_uid("new")));
        assert_eq!(rig.take(0, Event::InitDone), ["delete 1", "apply 1"], "in this order");
        assert_eq!(rig.cache.state()[0].metadata.uid.as_deref(), Some("new"));
    }

    #[test]
    fn an_interrupted_list_changes_nothing() {
        let mut rig = Rig::of(&[Some("a")]);
        rig.list(0, &[pod("a", "1")]);
        assert!(rig.take(0, Event::Init).is_empty());
        assert!(rig.take(0, Event::InitApply(pod("a", "2"))).is_empty());
        assert_eq!(named(&rig.cache.state()), ["a/1"]);
        assert_eq!(rig.list(0, &[pod("a", "1")]), ["apply 1"]);
    }
}
