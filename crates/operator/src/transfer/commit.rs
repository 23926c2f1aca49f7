//! The end of a backup: the agent's report is checked against the store, and only then the object becomes visible.
use std::time::Duration;

use api::BackupRun;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use planner::run::life::Attempt;
use planner::run::taken::{self, Maker, Verdict};
use planner::run::{End, Reason, Recorded, Route, TransferOrder};
use protocol::{PartReceipt, Report, parts};
use store::{Checksum, Completed, CompletedPart, Finish, ObjectInfo, StoreError, StoreErrorKind};
use tokio::time::{Instant, sleep};

use crate::claims;
use crate::records::{self, Facts};
use crate::stores::OpenStore;
use crate::transfer::keys::Keys;
use crate::transfer::signed::SignedFor;
use crate::transfer::{limits, uploads};

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(3);
/// How often a completion whose parts are missing is asked for again.
const TAKEN: u32 = 5;

/// Why parts may be missing that were there.
const LOST: &str = "; or an operator was killed while the store completed the upload, which costs some stores its parts: the backup has to be made again, as spec.backoffLimit does by itself";

/// How much older than the attempt an object may look where the store keeps no metadata: clocks, and how long a request
/// is under way.
const OLDER: SignedDuration = SignedDuration::from_secs(60);

/// What an agent's report is held against before the store is asked.
pub struct Claim<'a> {
    /// The upload, where one was created.
    pub upload: Option<&'a str>,
    /// All that was signed, where it is known.
    pub signed: Option<&'a SignedFor>,
}

/// Completes the upload, or looks at the object that was put whole, and proves it.
pub async fn commit(
    store: &OpenStore,
    keys: &Keys,
    run: &BackupRun,
    order: &TransferOrder,
    claim: &Claim<'_>,
    report: Report,
) -> End {
    match prove(store, keys, run, order, claim, &report).await {
        Ok(object) => End::Stored {
            record: Box::new(record(store, keys, run, order, &report, &object).await),
            bytes: report.bytes,
            stored_bytes: report.stored_bytes,
            sha256: report.sha256,
            etag: object.etag,
            version_id: object.version_id.map(Into::into),
            lock: uploads::lock_of(&object.held).map(Box::new),
            log: report.stderr,
        },
        Err((reason, message)) => End::Failed {
            reason,
            message,
            bytes: report.bytes,
            log: report.stderr,
        },
    }
}

/// The object is proved, and the run does not say so before its record was tried.
async fn record(
    store: &OpenStore,
    keys: &Keys,
    run: &BackupRun,
    order: &TransferOrder,
    report: &Report,
    object: &ObjectInfo,
) -> Recorded {
    let facts = Facts {
        attempt: &order.attempt,
        cluster: &order.cluster,
        key: &order.key,
        etag: &object.etag,
        version_id: object.version_id.as_deref(),
        bytes: Some(report.bytes),
        stored_bytes: report.stored_bytes,
        sha256: Some(&report.sha256),
    };
    let written = records::write(store, || keys.renewed(store), run, &facts).await;
    if let Some(old) = &order.replaces {
        records::replaced(&keys.renewed(store).await, run, old, &order.key).await;
    }
    written
}

async fn prove(
    store: &OpenStore,
    keys: &Keys,
    run: &BackupRun,
    order: &TransferOrder,
    claim: &Claim<'_>,
    report: &Report,
) -> Result<ObjectInfo, (Reason, String)> {
    check(claim, report, store.checksum)
        .map_err(|e| (Reason::AgentReport, format!("the agent's report does not add up: {e}")))?;
    let mut stored = Completion::default();
    let checksum = if let Some(upload) = claim.upload {
        stored = complete(store, keys, run, order, upload, report).await?;
        (store.composite && store.checksum == Checksum::Sha256)
            .then(|| store::composite_sha256(report.parts.iter().map(|p| p.checksum.as_str())))
    } else {
        stored.kept = report.object_etag.as_deref() == Some("");
        store::sha256_of_hex(&report.sha256)
    };
    // Where versions are kept, somebody may have written another one since.
    let version = stored.version_id.as_deref();
    let head = || async { keys.renewed(store).await.store.look(&order.key, version).await };
    let object = patiently(within(store.parameters.retry()), head)
        .await
        .map_err(|e| (unseen(&e), format!("the stored object cannot be looked at: {e}")))?;
    let object = object.ok_or_else(|| {
        (
            Reason::ObjectMissing,
            format!(
                "the store took the backup, but has no {}{}",
                store.parameters.object(&order.key),
                elsewhere(order)
            ),
        )
    })?;
    let differs = |what: &str, want: &str, seen: &str| {
        let message = format!(
            "the stored object {} is not what was sent: its {what} is {seen}, expected {want}",
            order.key
        );
        (Reason::StoredObjectDiffers, message)
    };
    if stored.kept && store.metadata && !uploads::is_made_by(&object, run, &order.attempt) {
        let by = object.metadata.get(uploads::NAME).map_or("somebody", String::as_str);
        let message = format!(
            "object {} was written by {by} while this backup was made, and is not replaced",
            order.key
        );
        return Err((Reason::PathTaken, message));
    }
    if object.size != report.stored_bytes {
        return Err(differs(
            "size",
            &report.stored_bytes.to_string(),
            &object.size.to_string(),
        ));
    }
    let uid = run.uid().unwrap_or_default();
    if store.metadata {
        for (what, name, want) in [
            ("run", uploads::RUN, &uid),
            ("attempt", uploads::ATTEMPT, &order.attempt),
        ] {
            let seen = object.metadata.get(name).map_or("", String::as_str);
            if seen != want {
                return Err(differs(what, want, seen));
            }
        }
    } else if let (Some(age), Some(begun)) = (object.age, begun(run))
        && is_older(
            age,
            keys.context
                .ages
                .one(&uid, begun, Timestamp::now(), Instant::now().into_std()),
        )
    {
        return Err((
            Reason::StoredObjectDiffers,
            format!("the stored object {} was there before this attempt began", order.key),
        ));
    }
    if let (Some(want), Some(seen)) = (&checksum, &object.checksum_sha256)
        && want != seen
    {
        return Err(differs("checksum", want, seen));
    }
    Ok(object)
}

/// What the Pod has uploaded straight, and the operator does not find, may have gone to something else that answered it well.
fn elsewhere(order: &TransferOrder) -> &'static str {
    match order.route {
        Route::Relay => "",
        Route::Direct => {
            "; does the Pod reach the same store as the operator, or a gateway, another one of that name? With spec.dataPath: Relay in the storage all goes through the operator"
        }
    }
}

fn begun(run: &BackupRun) -> Option<Timestamp> {
    Some(run.status.as_ref()?.transfer.as_ref()?.started_at.0)
}

/// Whether an object of that age, by the store's own clock, was there before the attempt of this one began, by ours.
fn is_older(object: SignedDuration, attempt: Duration) -> bool {
    let attempt = SignedDuration::try_from(attempt).unwrap_or(SignedDuration::MAX);
    object > attempt.saturating_add(OLDER)
}

/// An agent's word is not taken: what it says has to be what it was given URLs for, all there, in order, and to add up.
fn check(claim: &Claim<'_>, report: &Report, checksum: Checksum) -> Result<(), String> {
    if report.sha256.is_empty() {
        return Err("it has no SHA-256 of 64 hexadecimal digits".into());
    }
    match (claim.upload, &report.object_etag) {
        (Some(_), None) => check_parts(claim.signed, report, checksum),
        (Some(_), Some(_)) => Err("the object was put whole, and parts of it were uploaded".into()),
        (None, _) if !report.parts.is_empty() => {
            Err(format!("it has {} parts and there is no upload", report.parts.len()))
        }
        (None, None) => Err("nothing was stored".into()),
        (None, Some(_)) if claim.signed.is_some_and(|signed| !signed.object()) => {
            Err("the object was put whole, which nothing was signed for".into())
        }
        (None, Some(_)) => Ok(()),
    }
}

fn check_parts(signed: Option<&SignedFor>, report: &Report, checksum: Checksum) -> Result<(), String> {
    let parts = &report.parts;
    let in_order = parts.iter().zip(1u32..).all(|(part, number)| part.number == number);
    let total: u64 = parts.iter().fold(0, |sum, p| sum.saturating_add(p.size));
    let count = parts.len();
    if parts.is_empty() || count > parts::MAX_PARTS as usize || !in_order || total != report.stored_bytes {
        let stored = report.stored_bytes;
        return Err(format!("{count} parts of {total} bytes for {stored} stored bytes"));
    }
    if let Some(part) = parts.iter().find(|p| !is_receipt(p, checksum)) {
        return Err(format!(
            "part {} has no ETag or checksum as a store gives them",
            part.number
        ));
    }
    if let Some(part) = signed.and_then(|signed| signed.stranger(parts)) {
        return Err(format!(
            "part {} of {} bytes, which nothing was signed for",
            part.number, part.size
        ));
    }
    Ok(())
}

fn is_receipt(part: &PartReceipt, checksum: Checksum) -> bool {
    let etag = part.etag.as_bytes();
    etag.len() <= limits::ETAG && etag.iter().all(u8::is_ascii_graphic) && checksum.is_digest(&part.checksum)
}

/// How an upload was completed.
#[derive(Default)]
struct Completion {
    /// The version that it became, where the store tells.
    version_id: Option<String>,
    /// The store kept what was there: somebody else's, or this one's own of a lost reply. Or it gave no ETag.
    kept: bool,
}

/// Crash window: after a lost reply, or an operator that died between complete and status, the store answers
/// NoSuchUpload for one's own success, or that an object is there. The object's metadata decide, by the checks that follow.
async fn complete(
    store: &OpenStore,
    keys: &Keys,
    run: &BackupRun,
    order: &TransferOrder,
    upload: &str,
    report: &Report,
) -> Result<Completion, (Reason, String)> {
    let found = clear(store, keys, run, order).await?;
    let is_there = |object: &ObjectInfo| {
        store.metadata && uploads::is_made_by(object, run, &order.attempt) && object.size == report.stored_bytes
    };
    if found.as_ref().is_some_and(is_there) {
        return Ok(Completion::default());
    }
    let only_new = found.is_none() && store.metadata && store.if_none_match;
    let parts: Vec<_> = report
        .parts
        .iter()
        .map(|p| CompletedPart {
            number: p.number,
            etag: p.etag.clone(),
            digest: p.checksum.clone(),
        })
        .collect();
    let label = uploads::metadata(run, order);
    let finish = Finish {
        sha256: Some(&report.sha256),
        ..Finish::new(&order.key, upload, &parts, store.checksum, &label, only_new)
    };
    let ask = || async {
        let now = keys.renewed(store).await.store;
        let under_way = keys.context.completions.begin().await;
        let done = now.finish(&finish).await;
        drop(under_way);
        let Err(error) = done else { return done };
        // Stores differ in what they say of an upload that they have completed: NoSuchKey, AccessDenied, an error of their own.
        match now.look(&order.key, None).await {
            Ok(Some(object)) if is_there(&object) => Ok(Completed::default()),
            _ => Err(error),
        }
    };
    // A dead operator's request may still be at work: while it takes the parts, they are missing to another one.
    let (mut passes, mut taken) = (within(store.parameters.retry()), 0);
    let may_pass = |error: &StoreError| {
        let missing = error.kind() == StoreErrorKind::InvalidPart;
        taken += u32::from(missing);
        if missing { taken <= TAKEN } else { passes(error) }
    };
    match patiently(may_pass, ask).await {
        Ok(done) => Ok(Completion {
            version_id: done.version_id,
            kept: false,
        }),
        Err(error) if error.kind() == StoreErrorKind::NoSuchUpload => Ok(Completion::default()),
        Err(error) if error.kind() == StoreErrorKind::Exists => Ok(Completion {
            version_id: None,
            kept: true,
        }),
        Err(error) => {
            let missing = error.kind() == StoreErrorKind::InvalidPart;
            let hint = match missing {
                true => format!("{}{LOST}", elsewhere(order)),
                false => String::new(),
            };
            Err((
                Reason::CompleteFailed,
                format!("the upload could not be completed: {error}{hint}"),
            ))
        }
    }
}

/// Looks once more at what lies under the key: the command may have taken hours.
async fn clear(
    store: &OpenStore,
    keys: &Keys,
    run: &BackupRun,
    order: &TransferOrder,
) -> Result<Option<ObjectInfo>, (Reason, String)> {
    let head = || async { keys.renewed(store).await.store.look(&order.key, None).await };
    let there = match patiently(within(store.parameters.retry()), head).await {
        Ok(there) => there,
        Err(error) if error.may_pass() => {
            return Err((
                Reason::StoreUnreachable,
                format!("what is stored cannot be looked at: {error}"),
            ));
        }
        // The access keys may do all but look.
        Err(_) => return Ok(None),
    };
    let seen = there.as_ref();
    let seen = seen.map(|object| uploads::stored(&order.key, object, Timestamp::now()));
    let transfer = run.status.as_ref().and_then(|s| s.transfer.as_ref());
    if let Some(transfer) = transfer {
        let claims = claims::on(&order.key, run, &keys.context);
        let maker = Maker {
            run,
            cluster: &order.cluster,
            attempt: &Attempt::of(transfer),
            claims: &claims,
        };
        if let Verdict::Taken(message) = taken::judge(&maker, seen.as_ref()) {
            return Err((Reason::PathTaken, message));
        }
    }
    Ok(there)
}

/// Asks again for as long as what the store answers may pass.
pub async fn patiently<T, F>(
    mut may_pass: impl FnMut(&StoreError) -> bool,
    mut ask: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        match ask().await {
            Err(error) if may_pass(&error) => sleep(PAUSE).await,
            other => return other,
        }
    }
}

/// The reason of an end for which the store did not let its object be looked at.
pub fn unseen(error: &StoreError) -> Reason {
    if error.may_pass() {
        Reason::StoreUnreachable
    } else {
        Reason::StoreRefused
    }
}

/// Failures that may pass while the work waits, for that long from now on.
pub fn within(limit: Duration) -> impl FnMut(&StoreError) -> bool {
    let until = Instant::now() + limit;
    move |error| error.may_pass() && Instant::now() + PAUSE < until
}

#[cfg(test)]
mod tests;
