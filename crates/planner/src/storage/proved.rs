//! What is known of a store from an earlier probe that ended well, so that the next one need not make an object.
use api::BackupStorage;
use api::storage::Capabilities;

use crate::storage::observed::ProbeView;

/// What the store was seen to do with this configuration, by this operator's last probes or, before its first, by what the status says:
/// a restart proves nothing new, nor does a store that was away for a moment, and in a bucket that locks its objects each object of a
/// probe stays for days.
pub fn proved(storage: &BackupStorage, last: &ProbeView, configuration: &str) -> Option<Capabilities> {
    if let ProbeView::Good {
        capabilities,
        configuration: probed,
        ..
    } = last
    {
        return (probed == configuration).then(|| capabilities.clone());
    }
    if matches!(last, ProbeView::Failed { reason, .. } if !reason.keeps_proof()) {
        return None;
    }
    let status = storage.status.as_ref()?;
    let same = status.probed_configuration.as_deref() == Some(configuration);
    status.capabilities.clone().filter(|_| same)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::storage::Reason;

    #[test]
    fn a_good_probe_of_the_same_configuration_is_proof_also_for_the_next_operator() {
        let found: Capabilities = serde_json::from_value(json!({"checksum": "sha256", "metadata": true})).unwrap();
        let at = Timestamp::UNIX_EPOCH;
        let good = |configuration: &str| ProbeView::Good {
            capabilities: found.clone(),
            at,
            configuration: configuration.into(),
        };
        let failed = |reason| ProbeView::Failed {
            reason,
            message: String::new(),
            at,
            configuration: "a Secret that cannot be read has no version".into(),
        };
        for (probed, last, proof) in [
            (Some("1"), ProbeView::NotYet, true),
            (Some("0"), ProbeView::NotYet, false),
            (None, ProbeView::NotYet, false),
            (Some("0"), good("1"), true),
            (Some("1"), good("0"), false),
            (Some("1"), failed(Reason::StoreUnreachable), true),
            (Some("1"), failed(Reason::ProbeTimeout), true),
            (Some("1"), failed(Reason::SecretUnreadable), true),
            (Some("0"), failed(Reason::StoreUnreachable), false),
            (Some("1"), failed(Reason::ProbeFailed), false),
            (Some("1"), failed(Reason::InvalidCredentials), false),
        ] {
            let storage: BackupStorage = serde_json::from_value(json!({
                "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": {"name": "s"},
                "spec": {"type": "s3", "parameters": {"bucket": "b"}},
                "status": {
                    "probedConfiguration": probed, "capabilities": found,
                },
            }))
            .unwrap();
            assert_eq!(proved(&storage, &last, "1").is_some(), proof, "{probed:?} {last:?}");
        }
    }
}
