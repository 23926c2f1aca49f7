//! The end of an upload: its parts become an object, once, however often that is asked for.
use std::collections::BTreeMap;

use super::label::{Label, digest_of_hex, hex, sha256};
use super::place::{Held, Place};
use super::uploads::{Upload, apart, folder};
use super::{Shelf, locked};
use crate::fault::{At, Code, Fault};
use crate::files::Files;

/// Bytes that are copied at a time.
const COPIED: usize = 1 << 20;

/// A part, as whoever completes says that it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// From 1.
    pub number: u32,
    /// With its quotes or without.
    pub etag: String,
    /// SHA-256 in base64, where it is said.
    pub checksum: Option<String>,
}

/// A completed upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Of the object, with its quotes.
    pub etag: String,
    /// SHA-256 of its parts' digests.
    pub checksum: Option<String>,
}

impl Done {
    fn of(label: &Label) -> Self {
        Self {
            etag: label.etag(),
            checksum: label.checksum(),
        }
    }
}

/// A part that is claimed, and where it belongs.
struct Piece {
    offset: u64,
    size: u64,
    place: Place,
    sha256: [u8; 32],
}

fn pieces(claims: &[Claim], parts: &BTreeMap<u32, Held>) -> Result<Vec<Piece>, Fault> {
    if claims.is_empty() {
        return Err(Fault::new(
            Code::MalformedXML,
            "no part is named: an upload is completed of one at least",
        ));
    }
    let mut pieces: Vec<Piece> = Vec::with_capacity(claims.len());
    let mut last = 0;
    for claim in claims {
        let number = claim.number;
        if number <= last {
            return Err(Fault::new(
                Code::InvalidPartOrder,
                format!("part {number} comes after part {last}"),
            ));
        }
        last = number;
        let wrong = |words: &str| Fault::new(Code::InvalidPart, format!("part {number} {words}"));
        let held = parts.get(&number).and_then(|held| Some((held, held.note?)));
        let (held, digest) = held.ok_or_else(|| wrong("is not there"))?;
        if digest_of_hex(claim.etag.trim_matches('"')) != Some(digest) {
            return Err(wrong("has another ETag than the one that is claimed"));
        }
        let label = |digest: &[u8; 32]| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, digest);
        if claim
            .checksum
            .as_ref()
            .is_some_and(|claimed| *claimed != label(&digest))
        {
            return Err(wrong("has another SHA-256 than the one that is claimed"));
        }
        let offset = pieces
            .last()
            .map_or(Some(0), |piece| piece.offset.checked_add(piece.size));
        pieces.push(Piece {
            offset: offset.ok_or_else(|| wrong("ends too far from the beginning"))?,
            size: held.size,
            place: held.place.clone(),
            sha256: digest,
        });
    }
    Ok(pieces)
}

/// Whether the upload's own file can become the object: whatever was answered stays readable at its place if power goes meanwhile.
fn fits(pieces: &[Piece], parts: &BTreeMap<u32, Held>) -> bool {
    let noted = || parts.values().filter(|held| held.note.is_some());
    let in_place = pieces.iter().all(|piece| match piece.place {
        Place::At(at) => at == piece.offset,
        Place::Apart(_) => noted().all(|held| match held.place {
            Place::At(at) => {
                at >= piece.offset.saturating_add(piece.size) || piece.offset >= at.saturating_add(held.size)
            }
            Place::Apart(_) => true,
        }),
    });
    in_place && noted().count() == pieces.len()
}

impl<F: Files> Shelf<F> {
    /// Makes the object of an upload's parts.
    ///
    /// # Errors
    /// No such upload, parts that are not there, a condition that does not hold, the disk. The upload stays as it was.
    pub fn complete(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        claims: &[Claim],
        only_new: bool,
        now: i64,
    ) -> Result<Done, Fault> {
        let upload = match self.upload(bucket, key, id) {
            Ok(upload) => upload,
            Err(fault) if fault.code == Code::NoSuchUpload => return self.was_completed(bucket, key, id)?.ok_or(fault),
            Err(fault) => return Err(fault),
        };
        let parts = locked(&upload.parts);
        if let Some(done) = self.was_completed(bucket, key, id)? {
            // Power went, or the disk failed, before it was removed.
            let _ = self.forget(id);
            return Ok(done);
        }
        let pieces = pieces(claims, &parts)?;
        upload.close()?;
        let label = self.join(&upload, &pieces, fits(&pieces, &parts), only_new, now);
        let label = label.inspect_err(|_| self.leave(&upload))?;
        // The object is there: what is left of the upload is not worth an error.
        let _ = self.forget(id);
        Ok(Done::of(&label))
    }

    /// After a failure. Where the upload's file is under its name no more, or that cannot be told, it may be the object by now, which no part may
    /// change: this upload stays closed, and whoever asks for it next finds on the disk what became of it.
    fn leave(&self, upload: &Upload<F>) {
        match self.files.stat(&format!("{}/data", folder(&upload.id))) {
            Ok(Some(_)) => upload.open_again(),
            _ => drop(locked(&self.uploads).remove(&upload.id)),
        }
    }

    /// The rename may be all that was done, and a power cut may take it: it is settled before it is answered.
    fn was_completed(&self, bucket: &str, key: &str, id: &str) -> Result<Option<Done>, Fault> {
        match self.look(bucket, key) {
            Ok(label) if label.upload.as_deref() == Some(id) => {
                self.settle_again(bucket, key, &label)?;
                Ok(Some(Done::of(&label)))
            }
            Ok(_) => Ok(None),
            Err(fault) if fault.code == Code::NoSuchKey => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn join(
        &self,
        upload: &Upload<F>,
        pieces: &[Piece],
        in_place: bool,
        only_new: bool,
        now: i64,
    ) -> Result<Label, Fault> {
        let digests: Vec<&[u8]> = pieces.iter().map(|piece| piece.sha256.as_slice()).collect();
        let label = Label {
            key: upload.job.key.clone(),
            size: pieces.last().map_or(0, |piece| piece.offset.saturating_add(piece.size)),
            modified: now,
            sha256: format!("{}-{}", hex(&sha256(&digests)), pieces.len()),
            upload: Some(upload.id.clone()),
            thaw: None,
            shown: upload.job.shown.clone(),
        };
        let folder = folder(&upload.id);
        let connected = self.files.connected();
        let (bucket, key) = (&upload.job.bucket, &upload.job.key);
        if in_place {
            for piece in pieces {
                if let Place::Apart(_) = piece.place {
                    self.copy(upload, piece, &upload.data)?;
                }
            }
            let from = format!("{folder}/data");
            return self.publish(bucket, key, (&upload.data, &from), label, only_new, connected);
        }
        let path = format!("{folder}/joined");
        let joined = self.files.new_file(&path).at("join the parts")?;
        let published = pieces
            .iter()
            .try_for_each(|piece| self.copy(upload, piece, &joined))
            .and_then(|()| self.publish(bucket, key, (&joined, &path), label, only_new, connected));
        if published.is_err() {
            let _ = self.files.remove(&path);
        }
        published
    }

    fn copy(&self, upload: &Upload<F>, piece: &Piece, to: &F::File) -> Result<(), Fault> {
        let own = match piece.place {
            Place::At(_) => None,
            Place::Apart(id) => Some(self.files.open(&apart(&upload.id, id)).at("join the parts")?),
        };
        let (from, start) = match (&own, &piece.place) {
            (None, Place::At(at)) => (&upload.data, *at),
            (Some(own), _) => (own, 0),
            (None, Place::Apart(_)) => return Ok(()),
        };
        let mut buffer = vec![0; COPIED];
        let mut done = 0;
        while done < piece.size {
            let wanted = usize::try_from(piece.size - done).unwrap_or(COPIED).min(COPIED);
            let into = buffer.get_mut(..wanted).unwrap_or_default();
            let read = self
                .files
                .read_at(from, start.saturating_add(done), into)
                .at("join the parts")?;
            if read < wanted {
                return Err(Fault::new(
                    Code::InternalError,
                    "a part is shorter than it was noted: something else writes into the store's folder",
                ));
            }
            self.files
                .write_at(to, piece.offset.saturating_add(done), into)
                .at("join the parts")?;
            done = done.saturating_add(read as u64);
        }
        Ok(())
    }
}
