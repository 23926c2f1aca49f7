//! The operator's own receivers: a folder that a Secret of its namespace is mounted at, with `notifications.yaml` and the keys that it names.
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::notification::Notification;
use planner::validate::{self, notifications};

/// The list, in the form of `spec.notifications`.
const FILE: &str = "notifications.yaml";
/// So long it is not read again.
const FRESH: Duration = Duration::from_secs(30);
/// The largest list, bytes.
const LARGEST: u64 = 256 << 10;

/// The receivers, as they were read last.
pub struct Own {
    folder: Option<PathBuf>,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    at: Option<Instant>,
    fault: Option<String>,
    receivers: Option<Arc<[Notification]>>,
}

impl Own {
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            read: Mutex::default(),
        }
    }

    pub fn folder(&self) -> Option<PathBuf> {
        self.folder.clone()
    }

    /// What they are now. A list that cannot be read, or is wrong, is logged once, and the last good one stays; None: there was none yet.
    pub fn read(&self) -> Option<Arc<[Notification]>> {
        let Some(folder) = &self.folder else {
            return Some(Arc::default());
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.at.is_some_and(|at| at.elapsed() < FRESH) {
            return read.receivers.clone();
        }
        read.at = Some(Instant::now());
        match list(folder) {
            Ok(receivers) => {
                read.fault = None;
                if read.receivers.as_deref() != Some(receivers.as_slice()) {
                    read.receivers = Some(receivers.into());
                }
            }
            Err(fault) => {
                if read.fault.as_ref() != Some(&fault) {
                    tracing::error!(fault, "the operator's own notifications cannot be used");
                }
                read.fault = Some(fault);
            }
        }
        read.receivers.clone()
    }
}

/// Reads the list.
///
/// # Errors
/// All that is wrong with it.
pub fn list(folder: &Path) -> Result<Vec<Notification>, String> {
    let path = folder.join(FILE);
    let wrong = |why: String| format!("{}: {why}", path.display());
    let size = std::fs::metadata(&path).map_err(|e| wrong(e.to_string()))?.len();
    if size > LARGEST {
        return Err(wrong(format!("has {size} bytes, and at most {LARGEST} are read")));
    }
    let text = std::fs::read_to_string(&path).map_err(|e| wrong(e.to_string()))?;
    let receivers: Vec<Notification> = serde_yaml_ng::from_str(&text).map_err(|e| {
        wrong(format!(
            "must be a list in the form of spec.notifications of a BackupSchedule: {e}"
        ))
    })?;
    let faults = notifications::faults("notifications", &receivers);
    if faults.is_empty() {
        Ok(receivers)
    } else {
        Err(wrong(validate::sentence(&faults)))
    }
}
