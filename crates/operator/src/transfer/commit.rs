//! The end of a backup: the agent's report is checked against the store, and only then the object becomes visible.
use std::time::Duration;

use api::BackupRun;
use kube::ResourceExt;
use planner::run::{End, TransferOrder};
use protocol::Report;
use store::{CompletedPart, ObjectInfo, StoreErrorKind};
use tokio::time::{Instant, sleep};

use crate::stores::OpenStore;
use crate::transfer::keys::Keys;
use crate::transfer::uploads;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(3);

/// Completes the upload, or looks at the object that was put whole, and proves it.
pub async fn commit(
    store: &OpenStore,
    keys: &Keys,
    run: &BackupRun,
    order: &TransferOrder,
    upload_id: Option<&str>,
    report: Report,
) -> End {
    match prove(store, keys, run, order, upload_id, &report).await {
        Ok(object) => End::Stored {
            bytes: report.bytes,
            stored_bytes: report.stored_bytes,
            sha256: report.sha256,
            etag: object.etag,
            version_id: object.version_id,
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

async fn prove(
    store: &OpenStore,
    keys: &Keys,
    run: &BackupRun,
    order: &TransferOrder,
    upload_id: Option<&str>,
    report: &Report,
) -> Result<ObjectInfo, (&'static str, String)> {
    let composite = match upload_id {
        Some(upload) if report.object_etag.is_none() => {
            check_parts(report).map_err(|e| ("AgentReport", e))?;
            complete(store, keys, order, upload, report).await?;
            (store.composite && store.checksum == store::Checksum::Sha256)
                .then(|| store::composite_sha256(report.parts.iter().map(|p| p.checksum.as_str())))
        }
        _ => None,
    };
    let head = || async { keys.renewed(store).await.store.head(&order.key).await };
    let object = patiently(store.parameters.retry(), head).await.map_err(|e| {
        (
            "StoreUnreachable",
            format!("the stored object cannot be looked at: {e}"),
        )
    })?;
    let object = object.ok_or_else(|| {
        (
            "ObjectMissing",
            format!("the store took the backup, but has no object {}", order.key),
        )
    })?;
    let differs = |what: &str, want: &str, seen: &str| {
        let message = format!(
            "the stored object {} is not what was sent: its {what} is {seen}, expected {want}",
            order.key
        );
        ("StoredObjectDiffers", message)
    };
    if object.size != report.stored_bytes {
        return Err(differs(
            "size",
            &report.stored_bytes.to_string(),
            &object.size.to_string(),
        ));
    }
    let uid = run.uid().unwrap_or_default();
    if store.metadata {
        let seen = object.metadata.get(uploads::RUN).map_or("", String::as_str);
        if seen != uid {
            return Err(differs("run", &uid, seen));
        }
    }
    if let (Some(want), Some(seen)) = (&composite, &object.checksum_sha256)
        && want != seen
    {
        return Err(differs("checksum", want, seen));
    }
    Ok(object)
}

/// An agent's word is not taken: the parts have to be all there, in order, and add up.
fn check_parts(report: &Report) -> Result<(), String> {
    let in_order = report
        .parts
        .iter()
        .zip(1u32..)
        .all(|(part, number)| part.number == number);
    let total: u64 = report.parts.iter().fold(0, |sum, p| sum.saturating_add(p.size));
    if report.parts.is_empty() || !in_order || total != report.stored_bytes {
        return Err(format!(
            "the agent's report does not add up: {} parts of {total} bytes for {} stored bytes",
            report.parts.len(),
            report.stored_bytes
        ));
    }
    Ok(())
}

/// Crash window: after a lost reply, or an operator that died between complete and status, the store answers
/// NoSuchUpload for one's own success. The object's metadata decide, by the checks that follow.
async fn complete(
    store: &OpenStore,
    keys: &Keys,
    order: &TransferOrder,
    upload: &str,
    report: &Report,
) -> Result<(), (&'static str, String)> {
    let parts: Vec<_> = report
        .parts
        .iter()
        .map(|p| CompletedPart {
            number: p.number,
            etag: p.etag.clone(),
            digest: p.checksum.clone(),
        })
        .collect();
    let ask = || async {
        let now = keys.renewed(store).await;
        now.store.complete(&order.key, upload, &parts, store.checksum).await
    };
    match patiently(store.parameters.retry(), ask).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == StoreErrorKind::NoSuchUpload => Ok(()),
        Err(error) => Err(("CompleteFailed", format!("the upload could not be completed: {error}"))),
    }
}

/// Asks again while the store fails in a way that may pass, for that long.
pub async fn patiently<T, F>(limit: Duration, mut ask: impl FnMut() -> F) -> Result<T, store::StoreError>
where
    F: Future<Output = Result<T, store::StoreError>>,
{
    let until = Instant::now() + limit;
    loop {
        match ask().await {
            Err(error) if error.may_pass() && Instant::now() + PAUSE < until => sleep(PAUSE).await,
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Outcome, PartReceipt};

    use super::*;

    fn report(parts: &[(u32, u64)], stored_bytes: u64) -> Report {
        let parts = parts
            .iter()
            .map(|(number, size)| PartReceipt {
                number: *number,
                size: *size,
                checksum: String::new(),
                etag: "e".into(),
            })
            .collect();
        Report {
            outcome: Outcome::Done,
            bytes: 0,
            stored_bytes,
            sha256: String::new(),
            parts,
            object_etag: None,
            stderr: String::new(),
            peak_memory: 0,
        }
    }

    #[test]
    fn a_report_whose_parts_do_not_add_up_is_refused() {
        type Case<'a> = (&'a [(u32, u64)], u64, bool);
        let cases: [Case<'_>; 6] = [
            (&[(1, 5), (2, 3)], 8, true),
            (&[], 0, false),
            (&[(1, 5), (2, 3)], 9, false),
            (&[(1, 5), (3, 3)], 8, false),
            (&[(2, 3), (1, 5)], 8, false),
            (&[(1, u64::MAX), (2, 9)], 8, false),
        ];
        for (parts, stored, good) in cases {
            assert_eq!(check_parts(&report(parts, stored)).is_ok(), good, "{parts:?} {stored}");
        }
    }
}
