//! What has gone through transfers since this process began. What an earlier process followed is not counted again: of a command that was
//! under way, counting begins with the first report.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use api::names::Action;

use crate::metrics::{Counters, action};

/// Bytes and parts.
#[derive(Default)]
pub struct Traffic {
    /// On the command's side: namespace, action.
    pub command: Counters<2>,
    /// Stored by backups: namespace.
    pub stored: Counters<1>,
    /// Read from storages by restores: namespace.
    pub restored: Counters<1>,
    /// Gone through the operator, both ways.
    pub relayed: Arc<AtomicU64>,
    retried: AtomicU64,
}

impl Traffic {
    /// So many more of a transfer.
    pub fn moved(&self, namespace: &str, of: Action, bytes: u64, stored_bytes: u64) {
        if bytes > 0 {
            self.command.add([namespace, action(of)], bytes);
        }
        if stored_bytes > 0 {
            match of {
                Action::Backup => self.stored.add([namespace], stored_bytes),
                Action::Restore => self.restored.add([namespace], stored_bytes),
            }
        }
    }

    /// Another URL was asked for a part.
    pub fn retry(&self) {
        self.retried.fetch_add(1, Ordering::Relaxed);
    }

    /// What has gone through the operator.
    pub fn relayed(&self) -> u64 {
        self.relayed.load(Ordering::Relaxed)
    }

    /// How often another URL was asked for a part.
    pub fn retried(&self) -> u64 {
        self.retried.load(Ordering::Relaxed)
    }

    /// Drops what was counted of other namespaces long ago.
    pub fn keep(&self, namespaces: &BTreeSet<&str>, now: Instant) {
        self.command.keep(namespaces, now);
        self.stored.keep(namespaces, now);
        self.restored.keep(namespaces, now);
    }
}
