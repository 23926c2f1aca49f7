//! Probes a storage: opens its store, writes, reads and deletes a small object.
use std::time::Duration;

use api::BackupStorage;
use api::storage::Capabilities;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};
use planner::storage::ProbeView;
use store::Checksum;

use crate::context::Context;
use crate::write::bounded;

/// Until the whole probe has ended.
const PROBE: Duration = Duration::from_secs(60);

/// What a probe depends on: the spec's generation and the version of its Secret. A Secret that cannot be read counts
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
    format!("{generation}/{version}")
}

/// Makes a probe; its result names the step that failed and what would cure it.
pub async fn probe(storage: &BackupStorage, context: &Context, configuration: &str) -> ProbeView {
    let failed = |reason: &str, message: String| ProbeView::Failed {
        reason: reason.into(),
        message,
        at: Timestamp::now(),
        configuration: configuration.into(),
    };
    if let Err(faults) = planner::validate::storage::validate(&storage.spec, store::parameters::faults) {
        return failed("InvalidSpec", planner::validate::sentence(&faults));
    }
    let opened = match context.stores.open_fresh(storage).await {
        Ok(opened) => opened,
        Err(error) => return failed(error.reason(), error.text()),
    };
    // Another operator, or an earlier one that died, may probe at the same time: each has an object of its own.
    let id = format!(
        "{}-{}",
        storage.uid().unwrap_or_default(),
        Timestamp::now().as_millisecond()
    );
    match tokio::time::timeout(
        PROBE,
        opened
            .store
            .probe(&opened.parameters.key(""), &id, opened.parameters.checksum()),
    )
    .await
    {
        Ok(Ok(found)) => {
            let checksum = match found.checksum {
                Checksum::Sha256 => "sha256",
                Checksum::Md5 => "md5",
                Checksum::None => "none",
            };
            let capabilities = Capabilities {
                checksum: checksum.into(),
                checksum_enforced: found.enforced,
                metadata: found.metadata,
                composite_checksum: found.composite_checksum,
                if_none_match: found.if_none_match,
            };
            ProbeView::Good {
                capabilities,
                at: Timestamp::now(),
                configuration: configuration.into(),
            }
        }
        Ok(Err(error)) => failed("ProbeFailed", error.to_string()),
        Err(_) => failed(
            "ProbeTimeout",
            format!("the store did not answer within {} s", PROBE.as_secs()),
        ),
    }
}
