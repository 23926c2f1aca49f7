//! Storages: when to probe, and what their status says.
use api::storage::is_ready;
use api::{BackupStorage, condition};

pub mod access;
pub mod decide;
pub mod observed;
mod proved;
pub mod reason;

pub use decide::{Decision, decide};
pub use observed::{Observed, ProbeView};
pub use proved::proved;
pub use reason::Reason;

/// It is not Ready, and for want of room alone: what is there can be read.
pub fn is_full(storage: &BackupStorage) -> bool {
    let conditions = storage.status.as_ref().map(|s| s.conditions.as_slice());
    let ready = conditions.and_then(|all| condition::find(all, condition::READY));
    ready.is_some_and(|c| c.status != "True" && c.reason == Reason::StoreFull.word())
}

/// What is there can be read.
pub fn is_readable(storage: &BackupStorage) -> bool {
    is_ready(storage) || is_full(storage)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_storage_can_be_read_that_is_ready_or_only_has_no_room() {
        for (status, reason, readable) in [
            ("True", "Probed", true),
            ("False", "StoreFull", true),
            ("False", "StoreUnreachable", false),
            ("False", "ProbeDenied", false),
            ("Unknown", "NotProbed", false),
        ] {
            let ready = json!({"type": "Ready", "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
            let storage: BackupStorage = serde_json::from_value(json!({
                "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": "s"},
                "spec": {"type": "s3", "parameters": {"bucket": "b"}}, "status": {"conditions": [ready]}
            }))
            .unwrap();
            assert_eq!(is_readable(&storage), readable, "{reason}");
            assert_eq!(is_full(&storage), reason == "StoreFull");
        }
    }
}
