//! Objects and uploads, as files. Every call here blocks, and what it answers has reached the disk.
//!
//! `<bucket>/<key>` is an object, a plain file. `.labels/<bucket>/<SHA-256 of the key>` says what the object is, and names size and time of
//! the file that it belongs to: file and label change by two renames, and between them `...next` is the label of the new file. A file that no
//! label fits is no object. `.uploads/<id>/` is an upload: `job`, `data`, `notes`, and parts that could not be put to their place yet.
mod archive;
mod complete;
mod label;
mod lists;
mod notes;
mod objects;
mod place;
mod sweep;
mod uploads;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fault::{At, Code, Fault};
use crate::files::Files;
use crate::names;

pub use archive::{Asking, Brought, Class, State, Thaw};
pub use complete::{Claim, Done};
pub use label::{Label, Shown, digest_of_hex, hex, sha256};
pub use lists::{Asked, Listed, Page, Unfinished};
pub(crate) use objects::fresh;
pub use objects::{Incoming, Object};
pub use uploads::{Part, Upload};

/// Folder of uploads.
const UPLOADS: &str = ".uploads";
/// Folder of labels.
const LABELS: &str = ".labels";
/// Locks of keys: as many requests can change objects at the same time.
const STRIPES: usize = 64;
/// Uploads that are kept open, each with two files.
const OPEN: usize = 128;

/// Says whether this process may still write here.
type Ours = Box<dyn Fn() -> Result<(), Fault> + Send + Sync>;

/// All objects and uploads of a disk.
pub struct Shelf<F: Files> {
    files: F,
    ours: Ours,
    stripes: Vec<Mutex<()>>,
    uploads: Mutex<HashMap<String, Arc<Upload<F>>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left behind is judged by what is on the disk.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<F: Files> Shelf<F> {
    /// The shelf of a disk. `ours` is asked before anything becomes visible.
    pub fn new(files: F, ours: impl Fn() -> Result<(), Fault> + Send + Sync + 'static) -> Self {
        Self {
            files,
            ours: Box::new(ours),
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            uploads: Mutex::default(),
        }
    }

    /// The disk below.
    pub fn files(&self) -> &F {
        &self.files
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// It is there, or its name is none.
    pub fn make_bucket(&self, bucket: &str) -> Result<(), Fault> {
        if let Some(words) = names::bucket_fault(bucket) {
            return Err(Fault::new(Code::InvalidRequest, words));
        }
        if self.files.stat(bucket).at("look at the bucket")?.is_some() {
            return Err(Fault::new(Code::BucketAlreadyOwnedByYou, "the bucket is there"));
        }
        self.files.new_folder(bucket).at("make the bucket")
    }

    /// Whether the bucket is there.
    ///
    /// # Errors
    /// It is not.
    pub fn bucket(&self, bucket: &str) -> Result<(), Fault> {
        if names::bucket_fault(bucket).is_some() {
            return Err(Fault::no_bucket(bucket));
        }
        match self.files.stat(bucket).at("look at the bucket")? {
            Some(stat) if stat.folder => Ok(()),
            _ => Err(Fault::no_bucket(bucket)),
        }
    }

    /// Bucket and key can be those of an object.
    fn named(&self, bucket: &str, key: &str) -> Result<(), Fault> {
        self.bucket(bucket)?;
        names::key_fault(key).map_or(Ok(()), |words| {
            let code = if words.contains("bytes;") {
                Code::KeyTooLongError
            } else {
                Code::InvalidRequest
            };
            Err(Fault::new(code, words))
        })
    }

    /// There is room for so many bytes, and for what the disk needs itself.
    fn room(&self, bytes: u64) -> Result<(), Fault> {
        let room = self.files.room().at("ask for room")?;
        // Two in a hundred are left for labels, notes and removals.
        if room.free < room.total / 50 || room.free < bytes {
            let words = format!("{} of {} bytes are free", room.free, room.total);
            return Err(Fault::full(&words));
        }
        Ok(())
    }

    /// All that was written since `connected` was asked for is among what was settled.
    fn still(&self, connected: u64) -> Result<(), Fault> {
        if self.files.connected() == connected {
            return Ok(());
        }
        let words = "the connection to what keeps the files broke meanwhile, and what was written before may be lost: send it again";
        Err(Fault::new(Code::ServiceUnavailable, words))
    }

    /// Keeps others from changing the object under a key.
    fn stripe(&self, bucket: &str, key: &str) -> Option<MutexGuard<'_, ()>> {
        let digest = sha256(&[bucket.as_bytes(), b"/", key.as_bytes()]);
        let number = usize::from(digest[0]) % STRIPES;
        self.stripes.get(number).map(locked)
    }
}

#[cfg(test)]
mod tests;
