//! Probes a storage: opens its store, writes, reads and deletes a small object.
use std::time::Duration;

use api::BackupStorage;
use api::storage::{Capabilities, SecretReference};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};
use planner::storage::{ProbeView, Reason, proved};
use store::Checksum;

use crate::context::Context;
use crate::write::bounded;

/// Until the whole probe has ended.
const PROBE: Duration = Duration::from_secs(60);

/// Raised when a probe looks for something new: what an earlier version found is then no proof.
const LOOKS: u32 = 4;

/// What a probe depends on: what it looks for, the spec's generation and the version of its Secret. A Secret that cannot be read counts
/// as one that is not there: the probe says why.
pub async fn configuration(storage: &BackupStorage, context: &Context) -> String {
    let generation = storage.metadata.generation.unwrap_or_default();
    let version = match &storage.spec.credentials {
        Some(reference) => {
            let secrets: Api<Secret> = Api::namespaced(context.client.clone(), &reference.namespace);
            let found = bounded("read the Secret", secrets.get_metadata_opt(&reference.name)).await;
            found
                .ok()
                .flatten()
                .and_then(|s| s.resource_version())
                .unwrap_or_default()
        }
        None => String::new(),
    };
    format!("{LOOKS}/{generation}/{version}")
}

/// Makes a probe; its result names the step that failed and what would cure it. A store that was well the last time is looked at
/// without making an object.
pub async fn probe(storage: &BackupStorage, context: &Context, configuration: &str, last: &ProbeView) -> ProbeView {
    let failed = |reason: Reason, message: String| ProbeView::Failed {
        reason,
        message,
        at: Timestamp::now(),
        configuration: configuration.into(),
    };
    if let Err(faults) = planner::validate::storage::validate(&storage.spec, store::parameters::faults) {
        return failed(Reason::InvalidSpec, planner::validate::sentence(&faults));
    }
    let opened = match context.stores.open_fresh(storage).await {
        Ok(opened) => opened,
        Err(error) => return failed(error.reason(), error.text()),
    };
    // One key for all probes of a storage: what one that died has left, the next one finds. A leader that is just losing its lease may
    // probe beside this one; what one of them is told wrongly then is told right seconds later.
    let id = storage.uid().unwrap_or_default();
    let (store, prefix) = (&opened.store, opened.parameters.key(""));
    let tried = async {
        match proved(storage, last, configuration) {
            Some(capabilities) => {
                store.probe_again(&prefix, &id, known(&capabilities)).await?;
                Ok(capabilities)
            }
            None => store.probe(&prefix, &id, opened.parameters.checksum()).await.map(told),
        }
    };
    match tokio::time::timeout(PROBE, tried).await {
        Ok(Ok(capabilities)) => ProbeView::Good {
            capabilities,
            at: Timestamp::now(),
            configuration: configuration.into(),
        },
        Ok(Err(error)) if error.is_of_keys() => {
            let keys = opened.parameters.secret_keys();
            failed(
                Reason::ProbeFailed,
                format!("{error}{}", secret(storage.spec.credentials.as_ref(), &keys)),
            )
        }
        Ok(Err(error)) if error.is_full() => failed(Reason::StoreFull, error.to_string()),
        Ok(Err(error)) if error.passes() => failed(Reason::StoreUnreachable, error.to_string()),
        Ok(Err(error)) if error.is_denial() => failed(Reason::ProbeDenied, error.to_string()),
        Ok(Err(error)) => failed(Reason::ProbeFailed, error.to_string()),
        Err(_) => failed(
            Reason::ProbeTimeout,
            format!(
                "the store did not answer within {} s{}",
                PROBE.as_secs(),
                store.dial().through()
            ),
        ),
    }
}

/// As the status has it.
fn told(found: store::Capabilities) -> Capabilities {
    Capabilities {
        checksum: match found.checksum {
            Checksum::Sha256 => "sha256",
            Checksum::Md5 => "md5",
            Checksum::None => "none",
        }
        .into(),
        checksum_enforced: found.enforced,
        deletable: found.deletable,
        listable: found.listable,
        locks: found.locks,
        metadata: found.metadata,
        composite_checksum: found.composite_checksum,
        if_none_match: found.if_none_match,
    }
}

/// The opposite.
fn known(told: &Capabilities) -> store::Capabilities {
    store::Capabilities {
        checksum: match told.checksum.as_str() {
            "sha256" => Checksum::Sha256,
            "md5" => Checksum::Md5,
            _ => Checksum::None,
        },
        enforced: told.checksum_enforced,
        deletable: told.deletable,
        listable: told.listable,
        locks: told.locks,
        metadata: told.metadata,
        composite_checksum: told.composite_checksum,
        if_none_match: told.if_none_match,
    }
}

/// Which Secret that is and under which names it has the keys, behind the store's words, which end with it; never what they are.
fn secret(reference: Option<&SecretReference>, keys: &[String]) -> String {
    match reference {
        Some(reference) => format!(
            " ({}/{}: {} {})",
            reference.namespace,
            reference.name,
            if keys.len() > 1 { "keys" } else { "key" },
            keys.join(" and ")
        ),
        None => " (it names none: the keys are of the operator's environment)".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_keys_are_told_by_the_place_where_they_are() {
        let parameters = [("bucket", "b"), ("accessKey", "user")].map(|(k, v)| (k.to_string(), v.to_string()));
        let keys = store::Parameters::parse(store::Kind::S3, &parameters.into())
            .unwrap()
            .secret_keys();
        let reference = SecretReference {
            namespace: "minio".into(),
            name: "minio-credentials".into(),
        };
        assert_eq!(
            secret(Some(&reference), &keys),
            " (minio/minio-credentials: keys user and AWS_SECRET_ACCESS_KEY)"
        );
        assert!(secret(None, &keys).contains("environment"));
    }

    #[test]
    fn what_a_store_can_do_is_the_same_when_it_is_read_back() {
        for checksum in [Checksum::Sha256, Checksum::Md5, Checksum::None] {
            let found = store::Capabilities {
                checksum,
                enforced: checksum != Checksum::None,
                metadata: true,
                composite_checksum: false,
                if_none_match: true,
                deletable: false,
                listable: true,
                locks: true,
            };
            assert_eq!(known(&told(found)), found);
        }
    }
}
