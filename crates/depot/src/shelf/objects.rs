//! Objects: put whole, looked at, read, removed.
use super::label::{Label, Shown, hex, paths};
use super::{Shelf, UPLOADS};
use crate::fault::{At, Code, Fault};
use crate::files::Files;

/// An object, open.
pub struct Object<F: Files> {
    /// What is said of it.
    pub label: Label,
    /// Its bytes, whatever takes its place meanwhile.
    pub file: F::File,
}

/// An object that is being put whole.
pub struct Incoming<F: Files> {
    file: F::File,
    path: String,
    connected: u64,
}

/// A new name that nobody else has.
pub(crate) fn fresh() -> Result<u128, Fault> {
    let mut bytes = [0; 16];
    let filled = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    filled.map_err(|_| Fault::new(Code::InternalError, "the system gives no random bytes"))?;
    Ok(u128::from_le_bytes(bytes))
}

impl<F: Files> Shelf<F> {
    /// Begins an object of that size.
    ///
    /// # Errors
    /// No such bucket, no name, no room.
    pub fn incoming(&self, bucket: &str, key: &str, size: u64) -> Result<Incoming<F>, Fault> {
        self.named(bucket, key)?;
        self.room(size)?;
        let path = format!("{UPLOADS}/{:032x}.put", fresh()?);
        let connected = self.files.connected();
        let file = self.files.new_file(&path).at("begin an object")?;
        Ok(Incoming { file, path, connected })
    }

    /// Writes bytes of it.
    ///
    /// # Errors
    /// The disk.
    pub fn fill(&self, incoming: &Incoming<F>, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.files.write_at(&incoming.file, offset, bytes).at("write an object")
    }

    /// Reads bytes of an object that is open.
    ///
    /// # Errors
    /// The disk.
    pub fn read(&self, file: &F::File, offset: u64, count: u64) -> Result<bytes::Bytes, Fault> {
        let mut bytes = vec![0; usize::try_from(count).unwrap_or_default()];
        let read = self.files.read_at(file, offset, &mut bytes).at("read an object")?;
        bytes.truncate(read);
        Ok(bytes.into())
    }

    /// Drops what was begun.
    pub fn refuse(&self, incoming: &Incoming<F>) {
        // What stays is removed by the next sweep.
        let _ = self.files.remove(&incoming.path);
    }

    /// Makes it the object under the key.
    ///
    /// # Errors
    /// Something lies there and only a new one was wanted; the disk.
    #[allow(clippy::too_many_arguments)] // Each is of the object.
    pub fn put(
        &self,
        bucket: &str,
        key: &str,
        incoming: &Incoming<F>,
        size: u64,
        sha256: [u8; 32],
        shown: Shown,
        only_new: bool,
        now: i64,
    ) -> Result<Label, Fault> {
        let label = Label {
            key: key.to_owned(),
            size,
            modified: now,
            sha256: hex(&sha256),
            upload: None,
            thaw: None,
            shown,
        };
        let from = (&incoming.file, incoming.path.as_str());
        self.publish(bucket, key, from, label, only_new, incoming.connected)
    }

    /// A file becomes the object under a key. Power may go at any moment: until the rename what lay there before is there with its own
    /// label; from then on the new file, whose label is in either of two places. `connected` is what it was when the file was begun.
    pub(super) fn publish(
        &self,
        bucket: &str,
        key: &str,
        (file, from): (&F::File, &str),
        mut label: Label,
        only_new: bool,
        connected: u64,
    ) -> Result<Label, Fault> {
        let _alone = self.stripe(bucket, key);
        (self.ours)()?;
        let (path, next) = paths(bucket, key);
        let (known, there) = self.look_at(bucket, key)?;
        if there.is_some() && only_new {
            return Err(Fault::new(
                Code::PreconditionFailed,
                "an object is there, and only a new one was wanted",
            ));
        }
        if let Some(there) = there {
            if there.folder {
                return Err(Fault::disk(
                    "store the object",
                    &std::io::ErrorKind::IsADirectory.into(),
                ));
            }
            if known.is_none() {
                let words = "a file that this server did not write, or that was changed, lies where the object belongs; nothing is written over it: move it away";
                return Err(Fault::new(Code::InvalidRequest, words));
            }
        }
        let old = self.label(&path)?;
        if known.is_some() && known != old {
            // Power went after the rename: the place of the next label is needed.
            self.files.rename_over(&next, &path).at("store the label")?;
        }
        // No two files of one key have the same time, or the old label could fit the new file.
        let old = known.or(old);
        let before = old.map(|label| label.modified).max(there.map(|there| there.modified));
        label.modified = before.map_or(label.modified, |before| label.modified.max(before.saturating_add(1)));
        self.files
            .seal(file, label.size, label.modified)
            .at("settle the object")?;
        self.still(connected)?;
        let bytes = serde_json::to_vec(&label).unwrap_or_default();
        self.files.put_small(&next, &bytes).at("write the label")?;
        self.files
            .rename_over(from, &format!("{bucket}/{key}"))
            .at("store the object")?;
        self.files.rename_over(&next, &path).at("store the label")?;
        Ok(label)
    }

    /// Goes on where `publish` failed after its rename: settles the object's name, and its label in its place. Another object that has taken its
    /// place meanwhile was settled itself.
    pub(super) fn settle_again(&self, bucket: &str, key: &str, label: &Label) -> Result<(), Fault> {
        let _alone = self.stripe(bucket, key);
        (self.ours)()?;
        if self.look_at(bucket, key)?.0.as_ref() != Some(label) {
            return Ok(());
        }
        self.files
            .settle_name(&format!("{bucket}/{key}"))
            .at("store the object")?;
        let (path, next) = paths(bucket, key);
        let settled = if self.label(&path)?.as_ref() == Some(label) {
            self.files.settle_name(&path)
        } else {
            self.files.rename_over(&next, &path)
        };
        settled.at("store the label")
    }

    /// What is said of an object.
    ///
    /// # Errors
    /// There is none.
    pub fn look(&self, bucket: &str, key: &str) -> Result<Label, Fault> {
        self.named_for_reading(bucket, key)?;
        let _alone = self.stripe(bucket, key);
        self.look_at(bucket, key)?.0.ok_or_else(Fault::no_key)
    }

    /// An object to read.
    ///
    /// # Errors
    /// There is none.
    pub fn object(&self, bucket: &str, key: &str) -> Result<Object<F>, Fault> {
        self.named_for_reading(bucket, key)?;
        let _alone = self.stripe(bucket, key);
        let label = self.look_at(bucket, key)?.0.ok_or_else(Fault::no_key)?;
        let file = self.files.open(&format!("{bucket}/{key}")).at("open the object")?;
        Ok(Object { label, file })
    }

    /// Removes an object; none is fine. What is no object stays.
    ///
    /// # Errors
    /// The disk.
    pub fn remove(&self, bucket: &str, key: &str) -> Result<(), Fault> {
        match self.named_for_reading(bucket, key) {
            Err(fault) if fault.code == Code::NoSuchKey => return Ok(()),
            named => named?,
        }
        let _alone = self.stripe(bucket, key);
        (self.ours)()?;
        if self.look_at(bucket, key)?.0.is_none() {
            return Ok(());
        }
        let object = format!("{bucket}/{key}");
        // The label goes last: without it the file would be nobody's.
        self.files.remove(&object).at("remove the object")?;
        let (path, next) = paths(bucket, key);
        for label in [path, next] {
            self.files.remove(&label).at("remove the label")?;
        }
        self.files.prune(&object);
        Ok(())
    }

    /// Of a key that no object can have, there is none.
    pub(super) fn named_for_reading(&self, bucket: &str, key: &str) -> Result<(), Fault> {
        self.bucket(bucket)?;
        self.named(bucket, key).map_err(|_| Fault::no_key())
    }
}
