//! Uploads in parts: begun, taken up again after a restart, their parts written and noted, aborted.
use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use super::fresh;
use super::label::Shown;
use super::notes::{self, MAX_PARTS, Note};
use super::place::{Held, Place, place};
use super::{OPEN, Shelf, UPLOADS, locked};
use crate::fault::{At, Code, Fault};
use crate::files::Files;

/// What an upload is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    pub bucket: String,
    pub key: String,
    /// Seconds since 1970.
    pub begun: i64,
    #[serde(flatten)]
    pub shown: Shown,
}

/// An upload that is open.
pub struct Upload<F: Files> {
    pub(super) id: String,
    pub(super) job: Job,
    pub(super) data: F::File,
    pub(super) notes: F::File,
    /// True: nothing is written to it any more. Held while writing, so that a part that comes too late never changes an object.
    pub(super) closed: RwLock<bool>,
    pub(super) parts: Mutex<BTreeMap<u32, Held>>,
}

/// A part that is being written.
pub struct Part<F: Files> {
    upload: Arc<Upload<F>>,
    number: u32,
    size: u64,
    spot: Spot<F>,
    connected: u64,
}

enum Spot<F: Files> {
    /// It is there already, with this digest.
    There([u8; 32]),
    At(u64),
    Apart {
        id: u64,
        file: F::File,
    },
}

pub(super) fn folder(id: &str) -> String {
    format!("{UPLOADS}/{id}")
}

pub(super) fn apart(upload: &str, id: u64) -> String {
    format!("{UPLOADS}/{upload}/part-{id:016x}")
}

pub(super) fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl<F: Files> Upload<F> {
    pub(super) fn close(&self) -> Result<(), Fault> {
        let mut closed = self.closed.write().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *closed, true) {
            return Err(Fault::no_upload());
        }
        Ok(())
    }

    pub(super) fn open_again(&self) {
        *self.closed.write().unwrap_or_else(PoisonError::into_inner) = false;
    }
}

impl<F: Files> Shelf<F> {
    /// Begins an upload: its id.
    ///
    /// # Errors
    /// No such bucket, no name, no room.
    pub fn begin(&self, bucket: &str, key: &str, shown: Shown, now: i64) -> Result<String, Fault> {
        self.named(bucket, key)?;
        self.room(0)?;
        (self.ours)()?;
        let id = format!("{:032x}", fresh()?);
        let job = Job {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            begun: now,
            shown,
        };
        let made = self.make(&id, &job);
        if made.is_err() {
            let _ = self.files.remove_folder(&folder(&id));
        }
        let (data, notes) = made.at("begin an upload")?;
        self.keep(
            &id,
            Upload {
                id: id.clone(),
                job,
                data,
                notes,
                closed: RwLock::new(false),
                parts: Mutex::default(),
            },
        );
        Ok(id)
    }

    /// The job last: an upload without one was never answered.
    fn make(&self, id: &str, job: &Job) -> io::Result<(F::File, F::File)> {
        let folder = folder(id);
        self.files.new_folder(&folder)?;
        let data = self.files.new_file(&format!("{folder}/data"))?;
        let notes = self.files.new_file(&format!("{folder}/notes"))?;
        let bytes = serde_json::to_vec(job).unwrap_or_default();
        self.files.put_small(&format!("{folder}/job"), &bytes)?;
        Ok((data, notes))
    }

    fn keep(&self, id: &str, upload: Upload<F>) -> Arc<Upload<F>> {
        let upload = Arc::new(upload);
        let mut open = locked(&self.uploads);
        if open.len() >= OPEN {
            // Whoever is not at work is found again on the disk.
            open.retain(|_, upload| Arc::strong_count(upload) > 1);
        }
        match open.entry(id.to_owned()) {
            Entry::Occupied(other) => other.get().clone(),
            Entry::Vacant(free) => free.insert(upload).clone(),
        }
    }

    /// An upload of this key.
    ///
    /// # Errors
    /// There is none.
    pub fn upload(&self, bucket: &str, key: &str, id: &str) -> Result<Arc<Upload<F>>, Fault> {
        self.bucket(bucket)?;
        if !is_id(id) {
            return Err(Fault::no_upload());
        }
        let known = locked(&self.uploads).get(id).cloned();
        let upload = match known {
            Some(upload) => upload,
            None => self.take_up(id)?,
        };
        if upload.job.bucket != bucket || upload.job.key != key {
            return Err(Fault::no_upload());
        }
        Ok(upload)
    }

    pub(super) fn job(&self, id: &str) -> Result<Option<Job>, Fault> {
        match self.files.read_small(&format!("{}/job", folder(id))) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error).at("read an upload"),
        }
    }

    /// An upload that an earlier process has begun, or that was put aside.
    fn take_up(&self, id: &str) -> Result<Arc<Upload<F>>, Fault> {
        let job = self.job(id)?.ok_or_else(Fault::no_upload)?;
        let folder = folder(id);
        let (data, notes) = (format!("{folder}/data"), format!("{folder}/notes"));
        if self.files.stat(&data).at("read an upload")?.is_none() {
            return Err(Fault::no_upload());
        }
        let open = |path: &str| self.files.new_file(path).at("open an upload");
        let (data, file) = (open(&data)?, open(&notes)?);
        let mut bytes = vec![0; usize::try_from(notes::offset(MAX_PARTS + 1)).unwrap_or_default()];
        let read = self.files.read_at(&file, 0, &mut bytes).at("read an upload")?;
        bytes.truncate(read);
        let parts = notes::notes(id, &bytes).into_iter().map(|note| {
            let held = Held {
                size: note.size,
                place: note.place,
                coming: false,
                note: Some(note.sha256),
            };
            (note.number, held)
        });
        Ok(self.keep(
            id,
            Upload {
                id: id.to_owned(),
                job,
                data,
                notes: file,
                closed: RwLock::new(false),
                parts: Mutex::new(parts.collect()),
            },
        ))
    }

    /// Begins a part. `announced` is the SHA-256 that it is said to have: a part that is there already, sent again because its answer was
    /// lost, is compared and not written.
    ///
    /// # Errors
    /// No such upload or number, no room.
    pub fn part(
        &self,
        upload: &Arc<Upload<F>>,
        number: u32,
        size: u64,
        announced: Option<[u8; 32]>,
    ) -> Result<Part<F>, Fault> {
        if !(1..=MAX_PARTS).contains(&number) {
            let words = format!("partNumber {number} is not from 1 to {MAX_PARTS}");
            return Err(Fault::new(Code::InvalidArgument, words));
        }
        self.room(size)?;
        let connected = self.files.connected();
        let mut parts = locked(&upload.parts);
        let spot = match parts.get(&number) {
            Some(held) if held.note.is_some() && held.note == announced && held.size == size => {
                Spot::There(announced.unwrap_or_default())
            }
            // What was answered is never written over; nor is what another request writes just now.
            Some(held) if held.note.is_some() || held.coming => self.beside(upload)?,
            _ => {
                parts.remove(&number);
                let spot = match place(number, size, &parts) {
                    Some(offset) => Spot::At(offset),
                    None => self.beside(upload)?,
                };
                let at = match &spot {
                    Spot::At(offset) => Place::At(*offset),
                    Spot::Apart { id, .. } => Place::Apart(*id),
                    Spot::There(_) => return Err(Fault::no_upload()),
                };
                parts.insert(
                    number,
                    Held {
                        size,
                        place: at,
                        coming: true,
                        note: None,
                    },
                );
                spot
            }
        };
        Ok(Part {
            upload: upload.clone(),
            number,
            size,
            spot,
            connected,
        })
    }

    fn beside(&self, upload: &Upload<F>) -> Result<Spot<F>, Fault> {
        let id = u64::try_from(fresh()? & u128::from(u64::MAX)).unwrap_or_default();
        let closed = upload.closed.read().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(Fault::no_upload());
        }
        let file = self.files.new_file(&format!("{}.new", apart(&upload.id, id)));
        Ok(Spot::Apart {
            id,
            file: file.at("begin a part")?,
        })
    }

    /// Writes bytes of a part.
    ///
    /// # Errors
    /// The upload has ended meanwhile; the disk.
    pub fn write(&self, part: &Part<F>, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        let closed = part.upload.closed.read().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(Fault::no_upload());
        }
        match &part.spot {
            Spot::There(_) => Ok(()),
            Spot::At(start) => self
                .files
                .write_at(&part.upload.data, start.saturating_add(offset), bytes)
                .at("write a part"),
            Spot::Apart { file, .. } => self.files.write_at(file, offset, bytes).at("write a part"),
        }
    }

    /// A part has come whole: settled first, then noted, then answered. Its ETag.
    ///
    /// # Errors
    /// The upload has ended meanwhile; the disk.
    pub fn note(&self, part: &Part<F>, sha256: [u8; 32]) -> Result<String, Fault> {
        let upload = &part.upload;
        let place = match &part.spot {
            Spot::There(known) if *known == sha256 => return Ok(etag(&sha256)),
            Spot::There(_) => return Err(Fault::new(Code::BadDigest, "the part is there with other bytes")),
            Spot::At(offset) => {
                self.files.settle(&upload.data).at("settle a part")?;
                Place::At(*offset)
            }
            Spot::Apart { id, file } => {
                self.files.settle(file).at("settle a part")?;
                Place::Apart(*id)
            }
        };
        self.still(part.connected)?;
        let mut parts = locked(&upload.parts);
        let closed = upload.closed.read().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(Fault::no_upload());
        }
        if let Place::Apart(id) = place {
            let path = apart(&upload.id, id);
            self.files
                .rename_over(&format!("{path}.new"), &path)
                .at("store a part")?;
        }
        let note = Note {
            number: part.number,
            size: part.size,
            place,
            sha256,
        };
        let record = notes::record(&upload.id, &note);
        self.files
            .write_at(&upload.notes, notes::offset(note.number), &record)
            .at("note a part")?;
        self.files.settle(&upload.notes).at("note a part")?;
        self.still(part.connected)?;
        let held = Held {
            size: note.size,
            place: note.place,
            coming: false,
            note: Some(sha256),
        };
        if let Some(Held {
            place: Place::Apart(old),
            ..
        }) = parts.insert(note.number, held.clone())
            && held.place != Place::Apart(old)
        {
            // Whether it goes or stays until the end, nobody reads it.
            let _ = self.files.remove(&apart(&upload.id, old));
        }
        Ok(etag(&sha256))
    }

    /// Drops a part that did not come whole.
    pub fn drop_part(&self, part: &Part<F>) {
        let mut parts = locked(&part.upload.parts);
        let own = |held: &Held| match &part.spot {
            Spot::There(_) => false,
            Spot::At(offset) => held.place == Place::At(*offset),
            Spot::Apart { id, .. } => held.place == Place::Apart(*id),
        };
        if let Some(held) = parts
            .get_mut(&part.number)
            .filter(|held| held.note.is_none() && own(held))
        {
            // Its size is remembered: it tells where the parts after it belong.
            held.coming = false;
        }
        drop(parts);
        if let Spot::Apart { id, .. } = &part.spot {
            let _ = self.files.remove(&format!("{}.new", apart(&part.upload.id, *id)));
        }
    }

    /// Drops an upload and all its parts.
    ///
    /// # Errors
    /// There is none.
    pub fn abort(&self, bucket: &str, key: &str, id: &str) -> Result<(), Fault> {
        let upload = self.upload(bucket, key, id)?;
        let _alone = locked(&upload.parts);
        upload.close()?;
        self.forget(id).inspect_err(|_| upload.open_again())
    }

    /// The job first: what is left without it is no upload, and goes with the next sweep.
    pub(super) fn forget(&self, id: &str) -> Result<(), Fault> {
        (self.ours)()?;
        self.files
            .remove(&format!("{}/job", folder(id)))
            .at("remove an upload")?;
        locked(&self.uploads).remove(id);
        self.files.remove_folder(&folder(id)).at("remove an upload")
    }
}

/// A part's, with its quotes.
pub(super) fn etag(sha256: &[u8; 32]) -> String {
    format!("\"{}\"", super::hex(sha256))
}
