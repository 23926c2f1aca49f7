//! What the watches have seen of a kind: packed, and found by name, by what an object belongs to, or counted.
//!
//! A cluster has tens of thousands of runs that are over. Held as they are used, each takes 15 KiB, most of it the Pod template that it
//! shares with its schedule's other runs; packed, less than one. Whoever is worked on is unpacked for that, whole: nothing that decides sees
//! less of an object than there is.
mod kinds;
mod packed;

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;
use kube::Resource;
use kube::runtime::reflector::ObjectRef;
use serde::de::DeserializeOwned;
use smallvec::SmallVec;

pub use self::kinds::keys;
pub use self::packed::{LAST_APPLIED, Packed, name};

/// A kind that is cached.
pub trait Kind: Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static {
    /// What this object is looked for by.
    fn groups(&self) -> Vec<Group<'_>>;

    /// Makes of an object as it was read what everybody is to see of it.
    fn settled(&mut self) {}

    /// When there is something to do for it, as far as it tells by itself.
    fn due(&self) -> Due {
        Due::Now
    }

    /// The least that is a spec of this kind.
    const EMPTY_SPEC: &str = "{}";

    /// What stands for this object's spec where only its metadata and status are read.
    fn head_spec(&self) -> &'static str {
        Self::EMPTY_SPEC
    }

    /// The storage that counts it, and what it takes there, bytes.
    fn counted(&self) -> Option<(&str, u64)> {
        None
    }
}

/// When there is something to do for an object that nothing has changed: what comes first is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// It is under way, or nobody knows.
    Now,
    /// At that time.
    At(Timestamp),
    /// It is at rest.
    Never,
}

/// What objects are looked for by. Kept as a hash: who is found so is asked again.
#[derive(Clone, Copy, Hash)]
pub enum Group<'a> {
    /// Children of the object of this UID.
    ControlledBy(&'a str),
    /// Runs that carry the label of the schedule of this namespace and name.
    Labelled(&'a str, &'a str),
    /// Runs that name this key of a store in their status.
    Naming(&'a str),
    /// Runs that name this storage and begin as soon as it is ready.
    WaitingFor(&'a str),
    /// Drills that wait for a good backup of the schedule of this namespace and name.
    Lacking(&'a str, &'a str),
    /// Runs that restore, or have restored, the backup of the run of this UID.
    RestoresFrom(&'a str),
}

/// How many objects a storage has, and the bytes that they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Objects.
    pub objects: u32,
    /// Their bytes together; no further than a number goes.
    pub bytes: u64,
}

/// Of one process: who knows it could make names that fall into one place.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

fn hash(of: impl Hash) -> u64 {
    HASHER.hash_one(of)
}

/// The objects of a kind.
pub struct Cache<K>(Arc<RwLock<Table<K>>>);

struct Table<K> {
    by_name: HashSet<Named<K>>,
    by_group: HashMap<u64, SmallVec<[Packed<K>; 2]>>,
    /// By the hash of the storage's name. Sums of bytes, so that what is taken away leaves what was there.
    by_storage: HashMap<u64, (u32, u128)>,
}

impl<K> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K> Default for Cache<K> {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Table {
            by_name: HashSet::new(),
            by_group: HashMap::new(),
            by_storage: HashMap::new(),
        })))
    }
}

impl<K: Kind> Cache<K> {
    /// An object, unpacked; None where none of that name was seen.
    pub fn get(&self, name: &ObjectRef<K>) -> Option<Arc<K>> {
        self.packed(&name_of(name))?.open()
    }

    /// An object as it is kept.
    pub fn packed(&self, name: &str) -> Option<Packed<K>> {
        self.read().by_name.get(name).map(|one| one.0.clone())
    }

    /// The objects of a group, unpacked, and maybe some that are none of it.
    pub fn of(&self, group: Group<'_>) -> Vec<Arc<K>> {
        let packed = self.read().by_group.get(&hash(group)).cloned();
        packed.into_iter().flatten().filter_map(|one| one.open()).collect()
    }

    /// The objects of these groups, each once, with an empty spec in place of theirs: for who decides by metadata and status of many, which
    /// is two thirds of the work of unpacking.
    pub fn heads(&self, groups: &[Group<'_>]) -> Vec<Arc<K>> {
        let table = self.read();
        let members = groups
            .iter()
            .filter_map(|group| table.by_group.get(&hash(group)))
            .flatten();
        let mut seen = HashSet::new();
        let packed: Vec<_> = members.filter(|one| seen.insert(one.identity())).cloned().collect();
        drop(table);
        packed.iter().filter_map(Packed::head).collect()
    }

    /// The names of a group's objects, and maybe of some that are none of it.
    pub fn names_of(&self, group: Group<'_>) -> Vec<ObjectRef<K>> {
        let table = self.read();
        let packed = table.by_group.get(&hash(group)).into_iter().flatten();
        packed.map(|one| reference(one.name())).collect()
    }

    /// All names, as they are kept.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.read().by_name.iter().map(|one| one.0.name().clone()).collect()
    }

    /// All names, and when there is something to do for them.
    pub fn dues(&self) -> Vec<(Due, Arc<str>)> {
        let table = self.read();
        table
            .by_name
            .iter()
            .map(|one| (one.0.due(), one.0.name().clone()))
            .collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.read().by_name.len()
    }

    /// What a storage counts.
    pub fn tally(&self, storage: &str) -> Tally {
        let (objects, bytes) = self.read().by_storage.get(&hash(storage)).copied().unwrap_or_default();
        Tally {
            objects,
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
        }
    }

    /// Takes an object in; what was there under its name.
    pub fn put(&self, object: Packed<K>) -> Option<Packed<K>> {
        self.write().put(object)
    }

    /// Drops an object.
    pub fn remove(&self, name: &str) -> Option<Packed<K>> {
        self.write().remove(name)
    }

    fn read(&self) -> RwLockReadGuard<'_, Table<K>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table<K>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Table<K> {
    fn put(&mut self, object: Packed<K>) -> Option<Packed<K>> {
        let old = self.remove(object.name());
        for group in object.groups() {
            self.by_group.entry(*group).or_default().push(object.clone());
        }
        if let Some((storage, bytes)) = object.counted() {
            let (objects, sum) = self.by_storage.entry(storage).or_default();
            *objects = objects.saturating_add(1);
            *sum = sum.saturating_add(bytes.into());
        }
        self.by_name.insert(Named(object));
        old
    }

    fn remove(&mut self, name: &str) -> Option<Packed<K>> {
        let Named(old) = self.by_name.take(name)?;
        for group in old.groups() {
            if let Some(all) = self.by_group.get_mut(group) {
                all.retain(|one| !one.is(&old));
                if all.is_empty() {
                    self.by_group.remove(group);
                }
            }
        }
        if let Some((storage, bytes)) = old.counted()
            && let Some((objects, sum)) = self.by_storage.get_mut(&storage)
        {
            *objects = objects.saturating_sub(1);
            *sum = sum.saturating_sub(bytes.into());
            if *objects == 0 {
                self.by_storage.remove(&storage);
            }
        }
        Some(old)
    }
}

/// An object in the set of those that are there: by its name.
struct Named<K>(Packed<K>);

impl<K> Borrow<str> for Named<K> {
    fn borrow(&self) -> &str {
        self.0.name()
    }
}

impl<K> Hash for Named<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name().as_ref().hash(state);
    }
}

impl<K> PartialEq for Named<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0.name() == other.0.name()
    }
}

impl<K> Eq for Named<K> {}

/// `namespace/name`; of what has no namespace, `/name`.
pub fn name_of<K: Resource<DynamicType = ()>>(object: &ObjectRef<K>) -> String {
    format!("{}/{}", object.namespace.as_deref().unwrap_or_default(), object.name)
}

/// The object of such a name.
pub fn reference<K: Resource<DynamicType = ()>>(name: &str) -> ObjectRef<K> {
    let (namespace, name) = name.split_once('/').unwrap_or_default();
    let object = ObjectRef::new(name);
    if namespace.is_empty() {
        object
    } else {
        object.within(namespace)
    }
}

#[cfg(test)]
mod tests;
