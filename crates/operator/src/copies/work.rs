//! Makes one copy: reads the object, proves it by its SHA-256, writes it bound part by part, and looks at what became visible.
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::names::Action;
use api::{BackupRun, BackupRunStatus};
use bytes::Bytes;
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use pipeline::Sha256;
use planner::run::observed::MadeCopy;
use store::{Checksum, CompletedPart, Finish, Label, ObjectInfo, StoreError};

use super::plan;
use crate::context::Context;
use crate::log::about_run;
use crate::records::{self, Facts};
use crate::stores::OpenStore;
use crate::transfer::commit::{patiently, within};
use crate::transfer::lanes::Lane;
use crate::transfer::uploads;

/// One copy, from a store to a store.
struct Work<'a> {
    run: &'a BackupRun,
    context: &'a Arc<Context>,
    from: &'a OpenStore,
    to: &'a OpenStore,
    /// Of the original.
    source: &'a str,
    version: Option<&'a str>,
    size: u64,
    /// What the original was proved by.
    sha256: Option<&'a str>,
    /// Of the copy.
    key: &'a str,
    label: Label,
}

/// Copies the object of a good run to a further storage.
///
/// # Errors
/// In words: what failed, and the cure.
pub async fn copy(run: &BackupRun, context: &Arc<Context>, storage: &str, key: &str) -> Result<MadeCopy, String> {
    let none = BackupRunStatus::default();
    let status = run.status.as_ref().unwrap_or(&none);
    let from = open(context, &run.spec.storage.name).await?;
    let to = open(context, storage).await?;
    let source = status.key.as_deref().ok_or("where the backup lies is not known")?;
    let version = status.version_id.as_deref();
    let looked = patiently(within(from.parameters.retry()), || from.store.look(source, version)).await;
    let original = looked.map_err(|e| format!("the backup cannot be looked at: {e}"))?;
    let original = original.ok_or_else(|| format!("there is no {} any more", from.parameters.object(source)))?;
    if version.is_none() && status.etag.as_ref().is_some_and(|etag| *etag != original.etag) {
        return Err(format!(
            "{} is not the one that this run stored any more: its ETag is {}",
            from.parameters.object(source),
            original.etag
        ));
    }
    let work = Work {
        run,
        context,
        from: &from,
        to: &to,
        source,
        version,
        size: original.size,
        sha256: status.sha256.as_deref(),
        key,
        label: original.metadata.clone(),
    };
    let (object, sha256) = work.run(storage).await?;
    let attempt = original.metadata.get(uploads::ATTEMPT).map_or("", String::as_str);
    let facts = Facts {
        attempt,
        cluster: context.cluster(),
        key,
        etag: &object.etag,
        version_id: object.version_id.as_deref(),
        bytes: status.bytes,
        stored_bytes: object.size,
        sha256: Some(&sha256),
    };
    // A copy that is to outlive this cluster is found by its own record.
    let described = as_if_there(run, storage);
    if let planner::run::Recorded::Failed(words) =
        records::write(&to, || async { to.clone() }, &described, &facts).await
    {
        about_run!(warn, run, storage, words, "the copy's record was not written");
    }
    Ok(MadeCopy {
        key: key.into(),
        etag: object.etag,
        version_id: object.version_id,
        lock: uploads::lock_of(&object.held),
        sha256,
    })
}

/// The run as its record in another storage has it.
fn as_if_there(run: &BackupRun, storage: &str) -> BackupRun {
    let mut there = run.clone();
    storage.clone_into(&mut there.spec.storage.name);
    there
}

async fn open(context: &Context, name: &str) -> Result<OpenStore, String> {
    let storage = context.storages.get(&ObjectRef::new(name));
    let storage = storage.ok_or_else(|| format!("there is no BackupStorage {name:?}"))?;
    let opened = context.stores.open(&storage).await;
    opened.map_err(|e| format!("storage {name} cannot be used: {}", e.text()))
}

impl Work<'_> {
    async fn run(&self, storage: &str) -> Result<(ObjectInfo, String), String> {
        let there = patiently(within(self.to.parameters.retry()), || {
            self.to.store.look(self.key, None)
        })
        .await;
        let there = there.map_err(|e| format!("what lies there cannot be looked at: {e}"))?;
        if let Some(object) = &there {
            // Crash window: it was finished, and its operator died before the status said so. It is read to be proved.
            if self.is_ours(object) {
                let sha256 = self
                    .hash(self.to, self.key, object.version_id.as_deref(), object.size)
                    .await?;
                if self.sha256.is_none_or(|want| want == sha256) && object.size == self.size {
                    return Ok((object.clone(), sha256));
                }
            } else if !self.may_replace(object) {
                let by = object
                    .metadata
                    .get(uploads::NAME)
                    .map_or("somebody else", String::as_str);
                return Err(format!(
                    "{} was written by {by}, and is not replaced; give the copies of this run a path of their own",
                    self.to.parameters.object(self.key)
                ));
            }
        }
        self.drop_strays().await;
        let begin = || self.to.store.begin(self.key, &self.label, self.to.checksum);
        let upload = patiently(within(self.to.parameters.retry()), begin).await;
        let upload = upload.map_err(|e| format!("the upload cannot be created: {e}"))?;
        let made = self.upload(storage, &upload, there.is_none()).await;
        if made.is_err() {
            // The first error is the one to tell.
            let _ = self.to.store.drop_upload(self.key, &upload).await;
        }
        made
    }

    /// Reads and writes, the next part being read while one is written.
    async fn upload(&self, storage: &str, upload: &str, only_new: bool) -> Result<(ObjectInfo, String), String> {
        let part = plan::part_size(self.size, &self.to.store.terms(), self.to.parameters.part_size())?;
        let (mut hash, mut parts) = (Sha256::default(), Vec::new());
        let mut pace = Pace::new(self, storage);
        let (mut at, mut number) = (0, 1);
        let mut next = self.read(0, part.min(self.size)).await?;
        loop {
            let body = next;
            hash.update(&body);
            let end = at + body.len() as u64;
            pace.wait(body.len() as u64).await;
            let more = end < self.size;
            let send = self.send(upload, number, body);
            if more {
                let (sent, read) = tokio::join!(send, self.read(end, (end + part).min(self.size)));
                parts.push(sent?);
                next = read?;
            } else {
                parts.push(send.await?);
                break;
            }
            (at, number) = (end, number + 1);
        }
        let sha256 = hash.hex();
        if let Some(want) = self.sha256.filter(|want| *want != sha256) {
            return Err(format!(
                "the backup itself is damaged in its storage: what was read has the SHA-256 {sha256}, expected {want}; nothing was copied"
            ));
        }
        let finish = Finish {
            sha256: Some(&sha256),
            ..Finish::new(
                self.key,
                upload,
                &parts,
                self.to.checksum,
                &self.label,
                only_new && self.to.if_none_match,
            )
        };
        let object = self.finish(&finish).await?;
        Ok((object, sha256))
    }

    /// Makes it visible, and holds it against what was sent.
    async fn finish(&self, finish: &Finish<'_>) -> Result<ObjectInfo, String> {
        let done = patiently(within(self.to.parameters.retry()), || self.to.store.finish(finish)).await;
        let version = done.as_ref().ok().and_then(|done| done.version_id.clone());
        let looked = patiently(within(self.to.parameters.retry()), || {
            self.to.store.look(self.key, version.as_deref())
        });
        // After a lost answer the object decides.
        let object = match (looked.await, done) {
            (Ok(Some(object)), _) if self.is_ours(&object) => object,
            (_, Err(error)) => return Err(format!("the upload could not be completed: {error}")),
            (Ok(_), Ok(_)) => return Err("the store took the copy, and has no such object".into()),
            (Err(error), Ok(_)) => return Err(format!("the copy cannot be looked at: {error}")),
        };
        if object.size != self.size {
            return Err(format!("the copy has {} bytes, expected {}", object.size, self.size));
        }
        let composite = (self.to.composite && self.to.checksum == Checksum::Sha256)
            .then(|| store::composite_sha256(finish.parts.iter().map(|p| p.digest.as_str())));
        match (&composite, &object.checksum_sha256) {
            (Some(want), Some(seen)) if want != seen => Err(format!(
                "the copy is not what was sent: its checksum is {seen}, expected {want}"
            )),
            _ => Ok(object),
        }
    }

    async fn send(&self, upload: &str, number: u32, body: Bytes) -> Result<CompletedPart, String> {
        let send = || {
            self.to
                .store
                .send_part(self.key, upload, number, body.clone(), self.to.checksum)
        };
        let sent = patiently(within(self.to.parameters.retry()), send).await;
        sent.map_err(|e| format!("part {number} cannot be written: {e}"))
    }

    async fn read(&self, from: u64, to: u64) -> Result<Bytes, String> {
        read(self.from, self.source, self.version, from, to).await
    }

    async fn hash(&self, at: &OpenStore, key: &str, version: Option<&str>, size: u64) -> Result<String, String> {
        let mut hash = Sha256::default();
        for (first, last) in plan::pieces(0, size) {
            hash.update(&read(at, key, version, first, last + 1).await?);
        }
        Ok(hash.hex())
    }

    /// Its label names this run, and the attempt that made the original.
    fn is_ours(&self, object: &ObjectInfo) -> bool {
        let same = |name: &str| object.metadata.get(name) == self.label.get(name);
        !self.to.metadata || same(uploads::RUN) && same(uploads::ATTEMPT)
    }

    /// A path that each run of a schedule writes anew holds the copy of the one before. Where versions are kept, nothing is lost by it.
    fn may_replace(&self, object: &ObjectInfo) -> bool {
        let same = |name: &str| {
            let theirs = object.metadata.get(name);
            theirs.is_some() && theirs == self.label.get(name)
        };
        object.version_id.is_some() || same(uploads::SCHEDULE) && same(uploads::CLUSTER)
    }

    /// Uploads of just this key that were begun since the backup ended: of an operator that died in this copy. What cannot be listed stays.
    async fn drop_strays(&self) {
        let ended = self
            .run
            .status
            .as_ref()
            .and_then(|s| s.completion_time.as_ref())
            .map(|t| t.0);
        let Some(ended) = ended else { return };
        let since = Timestamp::now().duration_since(ended);
        let Ok(listed) = self.to.store.uploads(self.key).await else {
            return;
        };
        for stray in listed
            .iter()
            .filter(|u| u.key == self.key && u.age.is_some_and(|age| age < since))
        {
            about_run!(info, self.run, key = self.key, "an upload that a copy left is dropped");
            let _ = self.to.store.drop_upload(self.key, &stray.id).await;
        }
    }
}

/// From the first byte up to another, in pieces.
async fn read(at: &OpenStore, key: &str, version: Option<&str>, from: u64, to: u64) -> Result<Bytes, String> {
    let mut all = Vec::with_capacity(usize::try_from(to - from).unwrap_or(0));
    for (first, last) in plan::pieces(from, to) {
        let get = || at.store.read_version(key, version, Some((first, last)));
        let got: Result<Vec<u8>, StoreError> = patiently(within(at.parameters.retry()), get).await;
        let got = got.map_err(|e| format!("the backup cannot be read: {e}"))?;
        if got.len() as u64 != last + 1 - first {
            return Err(format!(
                "the store gave {} bytes of {key} where {} were asked for",
                got.len(),
                last + 1 - first
            ));
        }
        all.extend_from_slice(&got);
    }
    Ok(all.into())
}

/// Keeps to the bandwidth of both storages, beside their other transfers.
struct Pace {
    lanes: Vec<(Lane, u64)>,
    until: Instant,
}

impl Pace {
    fn new(work: &Work<'_>, storage: &str) -> Self {
        let of = |open: &OpenStore, name: &str, action| {
            let limit = open.parameters.bandwidth()?;
            Some((work.context.lanes.join(name, action), limit))
        };
        let own = &work.run.spec.storage.name;
        let lanes = [
            of(work.from, own, Action::Restore),
            of(work.to, storage, Action::Backup),
        ];
        Self {
            lanes: lanes.into_iter().flatten().collect(),
            until: Instant::now(),
        }
    }

    async fn wait(&mut self, bytes: u64) {
        let shares = self.lanes.iter_mut().map(|(lane, limit)| lane.of(*limit));
        let Some(limit) = shares.min() else { return };
        let now = Instant::now();
        let lasts = Duration::from_secs_f64(bytes as f64 / limit.max(1) as f64);
        let from = self.until.max(now);
        self.until = from + lasts;
        tokio::time::sleep_until((from).into()).await;
    }
}
