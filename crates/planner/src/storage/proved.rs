//! What is known of a store from an earlier probe that ended well, so that the next one need not make an object.
use api::BackupStorage;
use api::storage::{Capabilities, is_ready};

use crate::storage::observed::ProbeView;

/// What the store was seen to do with this configuration, by this operator's last probe or, before its first, by what the status says:
/// a restart proves nothing new, and in a bucket that locks its objects each object of a probe stays for days.
pub fn proved(storage: &BackupStorage, last: &ProbeView, configuration: &str) -> Option<Capabilities> {
    match last {
        ProbeView::Good {
            capabilities,
            configuration: probed,
            ..
        } => (probed == configuration).then(|| capabilities.clone()),
        ProbeView::NotYet if is_ready(storage) => {
            let status = storage.status.as_ref()?;
            let same = status.probed_configuration.as_deref() == Some(configuration);
            status.capabilities.clone().filter(|_| same)
        }
        ProbeView::NotYet | ProbeView::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_good_probe_of_the_same_configuration_is_proof_also_for_the_next_operator() {
        let found: Capabilities = serde_json::from_value(json!({"checksum": "sha256", "metadata": true})).unwrap();
        let at = Timestamp::UNIX_EPOCH;
        let good = |configuration: &str| ProbeView::Good {
            capabilities: found.clone(),
            at,
            configuration: configuration.into(),
        };
        let failed = ProbeView::Failed {
            reason: "ProbeFailed".into(),
            message: String::new(),
            at,
            configuration: "1".into(),
        };
        for (ready, probed, last, proof) in [
            ("True", "1", ProbeView::NotYet, true),
            ("True", "0", ProbeView::NotYet, false),
            ("False", "1", ProbeView::NotYet, false),
            ("True", "0", good("1"), true),
            ("True", "1", good("0"), false),
            ("True", "1", failed, false),
        ] {
            let storage: BackupStorage = serde_json::from_value(json!({
                "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": "s"},
                "spec": {"type": "s3", "parameters": {"bucket": "b"}},
                "status": {
                    "probedConfiguration": probed, "capabilities": found,
                    "conditions": [{"type": "Ready", "status": ready, "reason": "x", "message": "", "lastTransitionTime": at.to_string()}],
                },
            }))
            .unwrap();
            assert_eq!(
                proved(&storage, &last, "1").is_some(),
                proof,
                "{ready} {probed} {last:?}"
            );
        }
    }
}
