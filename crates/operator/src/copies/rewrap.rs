//! Makes one rewrap: reads the object, proves it by its SHA-256, encrypts what is inside for others, stores that under its own key, and reads
//! it back.
//!
//! What encrypts has a thread of its own, between what is read and what is written; each side waits for the other, so that no more than some
//! parts are held.
use std::io::{self, Read, Write};
use std::sync::Arc;

use api::names::Action;
use api::{BackupRun, BackupRunStatus};
use bytes::Bytes;
use kube::ResourceExt;
use pipeline::encrypt::{Rewrapped, inner, rewrap as encrypt};
use pipeline::{Identities, Recipients, Sha256, Sink};
use planner::run::observed::MadeCopy;
use store::{CompletedPart, Finish, ObjectInfo};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::plan;
use super::whose::is_ours;
use super::work::{Order, STOPPED, Work, whole};
use crate::context::Context;
use crate::log::about_run;
use crate::transfer::commit::{patiently, within};
use crate::transfer::job;
use crate::transfer::keys::Keys;
use crate::transfer::uploads;

/// The most bytes that the new object is larger by: a recipient takes some hundred in its head.
const MORE: u64 = 64 << 10;

/// Encrypts the backup of a good run for others, under a new key of its own storage.
///
/// # Errors
/// In words: what failed, and the cure. Nothing is left of it then, as far as the store lets it be removed.
pub async fn rewrap(
    run: &BackupRun,
    context: &Arc<Context>,
    order: &Order<'_>,
    recipients: &[String],
) -> Result<MadeCopy, String> {
    let none = BackupRunStatus::default();
    let status = run.status.as_ref().unwrap_or(&none);
    let open = || context.stores.open_named(&run.spec.storage.name, &context.storages);
    let (from, to) = (open().await?, open().await?);
    if !to.metadata {
        return Err("the storage does not give back what objects are labelled with, so that nobody would know whose the new object is".into());
    }
    let encryption = run.spec.encryption.as_ref();
    let key = encryption.and_then(|e| e.decryption_key.as_ref());
    let key = key.ok_or("spec.encryption.decryptionKey is not set; add it to the run")?;
    let namespace = run.namespace().unwrap_or_default();
    let secret = job::identity(&context.client, &namespace, key).await;
    let secret = secret.map_err(|no| no.message)?;
    let identities = Identities::parse(secret.reveal()).map_err(|e| format!("spec.encryption.decryptionKey: {e}"))?;
    drop(secret);
    let recipients = Recipients::parse(recipients).map_err(|e| e.to_string())?;
    let recipients = recipients.ok_or("nobody would be left who can decrypt the backup")?;
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
    if let Some(archived) = &original.archived {
        return Err(format!(
            "the object lies in an archive ({}); bring it back first, as a restore does, and ask again",
            archived.class
        ));
    }
    let attempt = original.metadata.get(uploads::ATTEMPT).cloned();
    let attempt = attempt.unwrap_or_else(|| api::names::attempt(Action::Backup, 1));
    let part = plan::part_size(original.size.saturating_add(MORE), &to.store.terms())?;
    let keys = || Keys {
        context: context.clone(),
        storage: run.spec.storage.name.clone(),
    };
    let work = Work {
        run,
        context,
        from_keys: keys(),
        to_keys: keys(),
        from,
        to,
        source,
        version,
        size: original.size,
        part,
        sha256: status.sha256.as_deref(),
        key: order.key,
        left: order.left.as_deref(),
        begun: order.begun,
        label: uploads::label(run, &attempt, context.cluster()),
    };
    let _room = context.copies.room(plan::room_to_rewrap(part)).await;
    let made = tokio::select! {
        made = async {
            let made = make(&work, identities, recipients).await?;
            // It took its time: what the Secret grants may have been taken back meanwhile.
            job::identity(&context.client, &namespace, key).await.map_err(|no| no.message)?;
            Ok(made)
        } => made,
        () = order.begun.stopped() => Err(STOPPED.into()),
    };
    // What an earlier try has stored is not this one's to remove: it may be whole, and what it was made of damaged.
    if made.is_err() && order.begun.get().is_some() {
        work.drop_upload().await;
        if let Err(error) = take_away(&work).await {
            about_run!(
                warn,
                run,
                key = order.key,
                error,
                "what a rewrap has stored that failed is left"
            );
        }
    }
    made
}

async fn make(work: &Work<'_>, identities: Identities, recipients: Recipients) -> Result<MadeCopy, String> {
    let look = || async { work.target_now().await.store.look(work.key, None).await };
    let there = patiently(within(work.to.parameters.retry()), look).await;
    if there
        .map_err(|e| format!("what lies under the new key cannot be looked at: {e}"))?
        .is_some()
    {
        // It may be the only whole one.
        proved(work).await?;
        take_away(work).await?;
    }
    let upload = work.begin().await?;
    let Encrypted {
        rewrapped,
        parts,
        sha256,
        size,
    } = through(work, &upload, identities, recipients).await?;
    let only_new = work.to.if_none_match;
    let finish = Finish {
        sha256: Some(&sha256),
        ..Finish::new(work.key, &upload, &parts, work.to.checksum, &work.label, only_new)
    };
    let object = work.finish(&finish, size).await?;
    read_back(work, &object, &sha256, rewrapped).await?;
    Ok(MadeCopy {
        key: work.key.into(),
        etag: object.etag,
        version_id: object.version_id,
        lock: uploads::lock_of(&object.held),
        sha256,
        size,
    })
}

/// Reads the backup whole before what an earlier try has made of it is removed.
async fn proved(work: &Work<'_>) -> Result<(), String> {
    let (pieces, mut read) = channel(1);
    let (sha256, ()) = tokio::join!(feed(work, pieces), async { while read.recv().await.is_some() {} });
    let sha256 = match sha256 {
        Ok(sha256) => sha256,
        Err(Failed::Own(why)) => return Err(why),
        Err(Failed::Other) => return Err("what reads the backup was ended".into()),
    };
    match work.sha256.filter(|want| **want != sha256) {
        Some(want) => Err(damaged(&sha256, want)),
        None => Ok(()),
    }
}

fn damaged(read: &str, want: &str) -> String {
    format!(
        "the backup itself is damaged in its storage: what was read has the SHA-256 {read}, expected {want}; nothing was changed"
    )
}

/// Removes what lies under the new key: no status names it, and it is encrypted under a key that nobody knows, so it cannot be proved again.
///
/// Crash window: it was finished, and its operator died before the status said so; or what was stored was not what was sent.
async fn take_away(work: &Work<'_>) -> Result<(), String> {
    let look = || async { work.target_now().await.store.look(work.key, None).await };
    let there = patiently(within(work.to.parameters.retry()), look).await;
    let Some(object) = there.map_err(|e| format!("what lies under the new key cannot be looked at: {e}"))? else {
        return Ok(());
    };
    if !is_ours(&object, &work.label) {
        let by = object
            .metadata
            .get(uploads::NAME)
            .map_or("somebody else", String::as_str);
        return Err(format!(
            "{} was written by {by}, and is not replaced; ask for the rewrap once more, and it gets another key",
            work.to.parameters.object(work.key)
        ));
    }
    let removed = work
        .target_now()
        .await
        .store
        .remove(work.key, object.version_id.as_deref())
        .await;
    let removed = removed.map_err(|e| format!("what an earlier try stored cannot be removed: {e}"))?;
    removed
        .gone(work.key)
        .map_err(|e| format!("what an earlier try stored cannot be removed: {e}"))
}

/// What has gone through.
struct Encrypted {
    rewrapped: Rewrapped,
    parts: Vec<CompletedPart>,
    sha256: String,
    size: u64,
}

async fn through(
    work: &Work<'_>,
    upload: &str,
    identities: Identities,
    recipients: Recipients,
) -> Result<Encrypted, String> {
    let (pieces, source) = channel(1);
    let (sink, parts) = channel(1);
    let part = usize::try_from(work.part).map_err(|e| e.to_string())?;
    let encrypts = tokio::task::spawn_blocking(move || {
        encrypt(
            Box::new(Source::of(source)),
            identities,
            recipients,
            Box::new(Parts::of(part, sink)),
        )
    });
    let (read, made, sent) = tokio::join!(feed(work, pieces), encrypts, drain(work, upload, parts));
    // The first that failed is the one to tell: the others then see a side that is gone.
    let (sent, read) = match (sent, read) {
        (Err(Failed::Own(why)), _) | (_, Err(Failed::Own(why))) => return Err(why),
        (sent, read) => (sent, read),
    };
    let rewrapped = match made {
        Ok(Ok(rewrapped)) => rewrapped,
        Ok(Err(error)) => {
            return Err(format!(
                "the backup cannot be opened: {}",
                crate::events::causes(&error)
            ));
        }
        Err(_) => return Err("what encrypts was ended".into()),
    };
    let (Ok((parts, sha256, size)), Ok(read)) = (sent, read) else {
        return Err("what encrypts was ended".into());
    };
    if let Some(want) = work.sha256.filter(|want| *want != read) {
        return Err(damaged(&read, want));
    }
    Ok(Encrypted {
        rewrapped,
        parts,
        sha256,
        size,
    })
}

/// Why a side of it ended.
enum Failed {
    Own(String),
    /// What encrypts has gone, and says why.
    Other,
}

/// Reads the object, all of it, in order; its SHA-256.
async fn feed(work: &Work<'_>, to: Sender<Bytes>) -> Result<String, Failed> {
    let mut hash = Sha256::default();
    for (first, last) in plan::pieces(0, work.size) {
        let piece = work.read(first, last + 1).await.map_err(Failed::Own)?;
        hash.update(&piece);
        to.send(piece).await.map_err(|_| Failed::Other)?;
    }
    Ok(hash.hex())
}

/// Writes what comes, part by part, at the pace of the storage.
async fn drain(
    work: &Work<'_>,
    upload: &str,
    mut from: Receiver<Bytes>,
) -> Result<(Vec<CompletedPart>, String, u64), Failed> {
    let (mut hash, mut parts, mut pace) = (Sha256::default(), Vec::new(), work.pace(&work.run.spec.storage.name));
    let mut number = 1;
    while let Some(part) = from.recv().await {
        hash.update(&part);
        pace.wait(part.len() as u64).await;
        parts.push(work.send(upload, number, part).await.map_err(Failed::Own)?);
        number += 1;
    }
    if parts.is_empty() {
        return Err(Failed::Other);
    }
    Ok((parts, hash.hex(), hash.bytes()))
}

/// Reads back what was stored: the same bytes, and inside the same as before.
async fn read_back(work: &Work<'_>, object: &ObjectInfo, sha256: &str, made: Rewrapped) -> Result<(), String> {
    let (pieces, source) = channel(1);
    let opens = tokio::task::spawn_blocking(move || inner(Box::new(Source::of(source)), made.opener));
    let read = async {
        let (mut hash, version) = (Sha256::default(), object.version_id.as_deref());
        for (first, last) in plan::pieces(0, object.size) {
            let get = || async {
                let store = work.target_now().await.store;
                store.read_version(work.key, version, Some((first, last))).await
            };
            let got = patiently(within(work.to.parameters.retry()), get).await;
            let got = got.map_err(|e| format!("what was stored cannot be read back: {e}"))?;
            let piece = Bytes::copy_from_slice(whole(&got, first, last)?);
            hash.update(&piece);
            if pieces.send(piece).await.is_err() {
                break;
            }
        }
        drop(pieces);
        Ok::<_, String>(hash.hex())
    };
    let (read, opened) = tokio::join!(read, opens);
    let read = read?;
    let opened = opened.map_err(|_| "what reads back was ended".to_owned())?;
    let opened = opened.map_err(|e| format!("what was stored cannot be opened: {}", crate::events::causes(&e)))?;
    if read != sha256 {
        return Err(format!(
            "what was stored is not what was sent: it has the SHA-256 {read}, expected {sha256}"
        ));
    }
    match opened == made.inner {
        true => Ok(()),
        false => Err(format!(
            "what is inside of the new object is not what was inside of the old one (SHA-256 {opened}, expected {})",
            made.inner
        )),
    }
}

/// What is read, for a thread that waits for it. That it ends early is no end: the last chunk of an age file says that it is the last.
struct Source {
    from: Receiver<Bytes>,
    piece: Bytes,
}

impl Source {
    fn of(from: Receiver<Bytes>) -> Self {
        Self {
            from,
            piece: Bytes::new(),
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.from.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let n = buffer.len().min(self.piece.len());
        let piece = self.piece.split_to(n);
        buffer.iter_mut().zip(piece.iter()).for_each(|(to, from)| *to = *from);
        Ok(n)
    }
}

/// Cuts what is written into parts of one size.
struct Parts {
    size: usize,
    part: Vec<u8>,
    to: Sender<Bytes>,
}

impl Parts {
    fn of(size: usize, to: Sender<Bytes>) -> Self {
        Self {
            size,
            part: Vec::new(),
            to,
        }
    }

    fn send(&mut self) -> io::Result<()> {
        let part = std::mem::take(&mut self.part);
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody writes any more");
        self.to.blocking_send(part.into()).map_err(gone)
    }
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.part.capacity() == 0 {
            self.part.reserve_exact(self.size);
        }
        let n = bytes.len().min(self.size - self.part.len());
        self.part.extend_from_slice(bytes.get(..n).unwrap_or_default());
        if self.part.len() == self.size {
            self.send()?;
        }
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Parts {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        match self.part.is_empty() {
            true => Ok(()),
            false => self.send(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_read_in_pieces_comes_out_in_parts_of_one_size_but_the_last() {
        for (pieces, size, parts) in [
            (vec![3, 4, 3], 4, vec![4, 4, 2]),
            (vec![8], 4, vec![4, 4]),
            (vec![], 4, vec![]),
        ] {
            let (to, source) = channel(1);
            let (sink, mut from) = channel(1);
            let copies = tokio::task::spawn_blocking(move || {
                let (mut source, mut sink) = (Source::of(source), Box::new(Parts::of(size, sink)));
                io::copy(&mut source, &mut sink).unwrap();
                sink.finish().unwrap();
            });
            let feed = async move {
                for (n, length) in pieces.into_iter().enumerate() {
                    to.send(Bytes::from(vec![u8::try_from(n).unwrap(); length]))
                        .await
                        .unwrap();
                }
            };
            let drain = async {
                let mut all = Vec::new();
                while let Some(part) = from.recv().await {
                    all.push(part.len());
                }
                all
            };
            let (done, (), seen) = tokio::join!(copies, feed, drain);
            done.unwrap();
            assert_eq!(seen, parts);
        }
    }

    #[tokio::test]
    async fn whoever_encrypts_ends_when_nobody_writes_any_more() {
        let (sink, from) = channel(1);
        drop(from);
        let ends = tokio::task::spawn_blocking(move || Parts::of(1, sink).write(b"x"));
        assert_eq!(ends.await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
