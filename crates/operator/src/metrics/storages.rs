//! A record of each storage: what its series say.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use api::{BackupStorage, condition};
use jiff::Timestamp;
use kube::ResourceExt;

use super::schedules::{seconds, time};

/// All storages, by name.
#[derive(Default)]
pub struct Storages(Mutex<BTreeMap<Box<str>, Storage>>);

/// What is served of a storage. Times are Unix seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// Its name.
    pub name: Box<str>,
    uid: Box<str>,
    /// `spec.type`.
    pub type_: Box<str>,
    /// When it was made.
    pub created: f64,
    /// Its condition Ready, once there is one.
    pub ready: Option<bool>,
    /// When it was tried out last.
    pub probed: Option<f64>,
    /// What its runs have stored.
    pub size: f64,
    /// Runs that name it.
    pub runs: u32,
    /// Schedules that name it.
    pub schedules: u32,
}

impl Storages {
    /// It was made or changed.
    pub fn seen(&self, storage: &BackupStorage, now: Timestamp) {
        let told = storage.status.clone().unwrap_or_default();
        let uid = storage.uid().unwrap_or_default();
        let name: Box<str> = storage.name_any().into();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(&name).filter(|there| *there.uid == *uid);
        let seen = Storage {
            name: name.clone(),
            // The status tells of it now and then only.
            probed: before
                .and_then(|b| b.probed)
                .or(told.last_probe_time.as_ref().map(time)),
            uid: uid.into(),
            type_: word(storage).into(),
            created: seconds(storage.creation_timestamp().map_or(now, |t| t.0)),
            ready: condition::find(&told.conditions, condition::READY).map(|c| c.status == "True"),
            size: told.size_in_bytes.unwrap_or(0) as f64,
            runs: told.runs.unwrap_or(0),
            schedules: told.schedules.unwrap_or(0),
        };
        all.insert(name, seen);
    }

    /// It was tried out.
    pub fn probed(&self, name: &str, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(storage) = all.get_mut(name) {
            storage.probed = Some(seconds(now));
        }
    }

    /// It is gone. One that was made anew under its name is another one.
    pub fn gone(&self, storage: &BackupStorage) {
        let (name, uid) = (storage.name_any(), storage.uid().unwrap_or_default());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(name.as_str()).is_some_and(|there| *there.uid == *uid) {
            all.remove(name.as_str());
        }
    }

    /// Whether one of that name is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    /// All, as they are now.
    pub fn all(&self) -> Vec<Storage> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().cloned().collect()
    }
}

/// The type, as a manifest has it.
fn word(storage: &BackupStorage) -> String {
    let word = serde_json::to_value(storage.spec.type_).ok();
    word.and_then(|w| w.as_str().map(Into::into)).unwrap_or_default()
}
