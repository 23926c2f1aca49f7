//! Makes one copy: reads the object, proves it by its SHA-256, writes it bound part by part, and looks at what became visible.
use std::sync::Arc;

use api::names::Action;
use api::{BackupRun, BackupRunStatus};
use bytes::Bytes;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use pipeline::Sha256;
use planner::run::Recorded;
use planner::run::observed::MadeCopy;
use store::{Checksum, CompletedPart, Finish, Label, ObjectInfo};

use super::begun::Begun;
use super::pace::Pace;
use super::{plan, whose};
use crate::context::Context;
use crate::log::about_run;
use crate::records::{self, Facts};
use crate::stores::OpenStore;
use crate::transfer::commit::{patiently, within};
use crate::transfer::keys::Keys;
use crate::transfer::uploads;

/// Why something ended that was to stop.
pub(super) const STOPPED: &str = "it was stopped: the run is being deleted, or may not do it any more";

/// What is to be copied where.
pub struct Order<'a> {
    /// The further storage.
    pub storage: &'a str,
    /// The copy's key there.
    pub key: &'a str,
    /// The upload that an earlier try left, as the status has it.
    pub left: Option<String>,
    /// How far it is, for whoever looks.
    pub begun: &'a Begun,
}

/// One copy, from a store to a store.
pub(super) struct Work<'a> {
    pub(super) run: &'a BackupRun,
    pub(super) context: &'a Arc<Context>,
    pub(super) from: OpenStore,
    pub(super) to: OpenStore,
    /// The access keys of both, as they are now: a copy may take longer than they last.
    pub(super) from_keys: Keys,
    pub(super) to_keys: Keys,
    /// Of the original.
    pub(super) source: &'a str,
    pub(super) version: Option<&'a str>,
    pub(super) size: u64,
    /// Bytes of each part but the last.
    pub(super) part: u64,
    /// What the original was proved by.
    pub(super) sha256: Option<&'a str>,
    /// Of the copy.
    pub(super) key: &'a str,
    pub(super) label: Label,
    /// The upload that an earlier try left.
    pub(super) left: Option<&'a str>,
    pub(super) begun: &'a Begun,
}

/// Copies the object of a good run to a further storage.
///
/// # Errors
/// In words: what failed, and the cure.
pub async fn copy(run: &BackupRun, context: &Arc<Context>, order: &Order<'_>) -> Result<MadeCopy, String> {
    let (storage, key) = (order.storage, order.key);
    let none = BackupRunStatus::default();
    let status = run.status.as_ref().unwrap_or(&none);
    let stores = &context.stores;
    let from = stores.open_named(&run.spec.storage.name, &context.storages).await?;
    let to = stores.open_named(storage, &context.storages).await?;
    if !to.metadata {
        return Err("the storage does not give back what objects are labelled with, so that nobody knows whose a copy is; use another one for copies".into());
    }
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
    let keys = |name: &str| Keys {
        context: context.clone(),
        storage: name.to_owned(),
    };
    let attempt = original.metadata.get(uploads::ATTEMPT).cloned();
    let attempt = attempt.unwrap_or_else(|| api::names::attempt(Action::Backup, 1));
    let part = plan::part_size(original.size, &to.store.terms())?;
    let work = Work {
        run,
        context,
        from_keys: keys(&run.spec.storage.name),
        to_keys: keys(storage),
        from,
        to,
        source,
        version,
        size: original.size,
        part,
        sha256: status.sha256.as_deref(),
        key,
        left: order.left.as_deref(),
        begun: order.begun,
        label: uploads::label(run, &attempt, context.cluster()),
    };
    let _room = context.copies.room(plan::room(part)).await;
    let (object, sha256) = tokio::select! {
        made = work.run(storage) => made?,
        () = order.begun.stopped() => {
            work.drop_upload().await;
            return Err(STOPPED.into());
        }
    };
    let to = work.target_now().await;
    let facts = Facts {
        attempt: &attempt,
        cluster: context.cluster(),
        key,
        etag: &object.etag,
        version_id: object.version_id.as_deref(),
        bytes: status.bytes,
        stored_bytes: object.size,
        sha256: Some(&sha256),
    };
    // A copy that is to outlive this cluster is found by its own record. One that was written for just this copy, by an operator that died before
    // the status said so, is not written or removed again: its bucket may hold it. What a rewrap leaves below it goes with the object of before.
    let path = path_of(key, &to.folder(&run.namespace().unwrap_or_default()));
    let described = as_if_there(run, storage, path);
    let renewed = || async { work.to_keys.renewed(&to).await };
    if let Recorded::Failed(words) = records::renew(&to, renewed, &described, &facts).await {
        return Err(format!(
            "the copy is whole, and the record beside it, by which it is found without this cluster, was not written: {words}"
        ));
    }
    Ok(MadeCopy {
        key: key.into(),
        etag: object.etag,
        version_id: object.version_id,
        lock: uploads::lock_of(&object.held),
        sha256,
        size: object.size,
    })
}

/// The run as its record in another storage has it: what is made of that looks for the copy, and not for the original.
fn as_if_there(run: &BackupRun, storage: &str, path: String) -> BackupRun {
    let mut there = run.clone();
    storage.clone_into(&mut there.spec.storage.name);
    there.status.get_or_insert_default().path = Some(path);
    there
}

/// The path whose key this is, in a storage that puts a folder before each.
fn path_of(key: &str, folder: &str) -> String {
    format!("/{}", key.strip_prefix(folder).unwrap_or(key))
}

impl Work<'_> {
    /// A run of that name is there whose backup ended later than this one's: its copy is the newer one.
    fn newer(&self, name: &str) -> bool {
        let ended = |run: &BackupRun| run.status.as_ref()?.completion_time.as_ref().map(|t| t.0);
        let other = name.split_once('/').and_then(|(namespace, name)| {
            let other = ObjectRef::new(name).within(namespace);
            self.context.runs.get(&other)
        });
        other.is_some_and(|other| ended(&other) > ended(self.run))
    }

    /// Where it is read from, with the keys of now.
    pub(super) async fn source_now(&self) -> OpenStore {
        self.from_keys.renewed(&self.from).await
    }

    /// Where it is written to, with the keys of now.
    pub(super) async fn target_now(&self) -> OpenStore {
        self.to_keys.renewed(&self.to).await
    }

    async fn run(&self, storage: &str) -> Result<(ObjectInfo, String), String> {
        let there = patiently(within(self.to.parameters.retry()), || async {
            self.target_now().await.store.look(self.key, None).await
        })
        .await;
        let there = there.map_err(|e| format!("what lies there cannot be looked at: {e}"))?;
        if let Some(object) = &there {
            // Crash window: it was finished, and its operator died before the status said so. It is read to be proved.
            if whose::is_ours(object, &self.label) {
                let sha256 = self.hash_copy(object).await?;
                if self.sha256.is_none_or(|want| want == sha256) && object.size == self.size {
                    return Ok((object.clone(), sha256));
                }
            } else if let Err(by) = whose::may_be_replaced(object, &self.label, |name| self.newer(name)) {
                return Err(format!(
                    "{} was written by {by}, and is not replaced; give the copies of this run a path of their own",
                    self.to.parameters.object(self.key)
                ));
            }
        }
        let upload = self.begin().await?;
        let made = self.upload(storage, &upload, there.is_none()).await;
        if made.is_err() {
            self.drop_upload().await;
        }
        made
    }

    /// Drops the upload that an earlier try left, and begins another, which the status names before anything is sent.
    pub(super) async fn begin(&self) -> Result<String, String> {
        if let Some(left) = self.left {
            // Of an operator that died in this work.
            let dropped = self.target_now().await.store.drop_upload(self.key, left).await;
            dropped.map_err(|e| format!("the upload that an earlier try left cannot be dropped: {e}"))?;
        }
        let begin = || async {
            let to = self.target_now().await;
            to.store.begin(self.key, &self.label, to.checksum).await
        };
        let upload = patiently(within(self.to.parameters.retry()), begin).await;
        let upload = upload.map_err(|e| format!("the upload cannot be created: {e}"))?;
        self.begun.set(upload.clone());
        // Nothing is sent before the status names it: a crash would leave it behind unknown. It does when the run is looked at.
        self.context.registry.wake(ObjectRef::from_obj(self.run));
        self.begun.noted().await;
        Ok(upload)
    }

    /// What was begun and did not come to its end. The first error is the one to tell.
    pub(super) async fn drop_upload(&self) {
        if let Some(upload) = self.begun.get()
            && let Err(error) = self.target_now().await.store.drop_upload(self.key, &upload).await
        {
            about_run!(warn, self.run, key = self.key, %error, "the upload of a copy that failed is left");
        }
    }

    /// Keeps to the bandwidth of both storages, beside their other transfers.
    pub(super) fn pace(&self, storage: &str) -> Pace {
        let of = |open: &OpenStore, name: &str, action| {
            let limit = open.parameters.bandwidth()?;
            Some((self.context.lanes.join(name, action), limit))
        };
        let own = &self.run.spec.storage.name;
        let lanes = [
            of(&self.from, own, Action::Restore),
            of(&self.to, storage, Action::Backup),
        ];
        Pace::of(lanes.into_iter().flatten().collect())
    }

    /// Reads and writes, the next part being read while one is written.
    async fn upload(&self, storage: &str, upload: &str, only_new: bool) -> Result<(ObjectInfo, String), String> {
        let part = self.part;
        let (mut hash, mut parts) = (Sha256::default(), Vec::new());
        let mut pace = self.pace(storage);
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
        let object = self.finish(&finish, self.size).await?;
        Ok((object, sha256))
    }

    /// Makes it visible, and holds it against what was sent.
    pub(super) async fn finish(&self, finish: &Finish<'_>, size: u64) -> Result<ObjectInfo, String> {
        let done = patiently(within(self.to.parameters.retry()), || async {
            self.target_now().await.store.finish(finish).await
        })
        .await;
        let version = done.as_ref().ok().and_then(|done| done.version_id.clone());
        let looked = patiently(within(self.to.parameters.retry()), || async {
            self.target_now().await.store.look(self.key, version.as_deref()).await
        });
        let object = match (looked.await, done) {
            (Ok(Some(object)), Ok(_)) if whose::is_ours(&object, &self.label) => object,
            // After a lost answer the object decides, and what lies there may be an earlier try's: it is read.
            (Ok(Some(object)), Err(_))
                if whose::is_ours(&object, &self.label)
                    && finish.sha256 == Some(self.hash_copy(&object).await?.as_str()) =>
            {
                object
            }
            (_, Err(error)) => return Err(format!("the upload could not be completed: {error}")),
            (Ok(_), Ok(_)) => return Err("the store took what was sent, and has no such object".into()),
            (Err(error), Ok(_)) => return Err(format!("what was stored cannot be looked at: {error}")),
        };
        if object.size != size {
            return Err(format!("what was stored has {} bytes, expected {size}", object.size));
        }
        let composite = (self.to.composite && self.to.checksum == Checksum::Sha256)
            .then(|| store::composite_sha256(finish.parts.iter().map(|p| p.digest.as_str())));
        match (&composite, &object.checksum_sha256) {
            (Some(want), Some(seen)) if want != seen => Err(format!(
                "what was stored is not what was sent: its checksum is {seen}, expected {want}"
            )),
            _ => Ok(object),
        }
    }

    pub(super) async fn send(&self, upload: &str, number: u32, body: Bytes) -> Result<CompletedPart, String> {
        let send = || {
            let body = body.clone();
            async move {
                let to = self.target_now().await;
                to.store.send_part(self.key, upload, number, body, to.checksum).await
            }
        };
        let sent = patiently(within(self.to.parameters.retry()), send).await;
        sent.map_err(|e| format!("part {number} cannot be written: {e}"))
    }

    pub(super) async fn read(&self, from: u64, to: u64) -> Result<Bytes, String> {
        let mut all = Vec::with_capacity(usize::try_from(to - from).unwrap_or(0));
        for (first, last) in plan::pieces(from, to) {
            let get = || async {
                let store = self.source_now().await.store;
                store.read_version(self.source, self.version, Some((first, last))).await
            };
            let got = patiently(within(self.from.parameters.retry()), get).await;
            let got = got.map_err(|e| format!("the backup cannot be read: {e}"))?;
            all.extend_from_slice(whole(&got, first, last)?);
        }
        Ok(all.into())
    }

    async fn hash_copy(&self, object: &ObjectInfo) -> Result<String, String> {
        let (mut hash, version) = (Sha256::default(), object.version_id.as_deref());
        for (first, last) in plan::pieces(0, object.size) {
            let get = || async {
                let store = self.target_now().await.store;
                store.read_version(self.key, version, Some((first, last))).await
            };
            let got = patiently(within(self.to.parameters.retry()), get).await;
            let got = got.map_err(|e| format!("what lies there cannot be read: {e}"))?;
            hash.update(whole(&got, first, last)?);
        }
        Ok(hash.hex())
    }
}

/// All that was asked for.
pub(super) fn whole(got: &[u8], first: u64, last: u64) -> Result<&[u8], String> {
    let wanted = last + 1 - first;
    match got.len() as u64 == wanted {
        true => Ok(got),
        false => Err(format!(
            "the store gave {} bytes where {wanted} were asked for",
            got.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copys_record_leads_to_the_copy() {
        for (key, folder, path) in [
            ("a/b", "", "/a/b"),
            ("far/team/a/b", "far/team/", "/a/b"),
            ("elsewhere/a", "far/", "/elsewhere/a"),
        ] {
            assert_eq!(path_of(key, folder), path);
            let there = as_if_there(&testing::backup_run(), "far", path.into());
            assert_eq!(there.spec.storage.name, "far");
            assert_eq!(there.status.unwrap().path.as_deref(), Some(path));
        }
    }
}
