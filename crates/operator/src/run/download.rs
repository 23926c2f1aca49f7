//! Signs the URL that a run is asked for, and encrypts it for the one who asks.
use api::download::{Lent, POLICY};
use api::{BackupRun, labels};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use kube::{Api, Client};
use pipeline::Recipients;
use planner::run::download::{Asked, EXPIRES, asked};
use planner::run::{DownloadView, StorageView};

use crate::context::Context;
use crate::events::causes;
use crate::write::{WriteError, bounded};
use store::Wanted;

/// What becomes of a run's request, if there is one. A store that cannot be opened is no reason to try again: who asks is told, and may.
///
/// # Errors
/// The API server did not answer: looked at again.
pub async fn view(
    run: &BackupRun,
    storage: &StorageView,
    context: &Context,
    now: Timestamp,
) -> Result<DownloadView, WriteError> {
    let asked = match asked(run, storage) {
        None => return Ok(DownloadView::None),
        Some(Err(why)) => return Ok(DownloadView::Refused(why)),
        Some(Ok(asked)) => asked,
    };
    if !is_guarded(&context.client).await? {
        return Ok(DownloadView::Refused(format!(
            "nothing asks who may: the ValidatingAdmissionPolicy {POLICY} or its binding is not there, or does not deny (deploy/install.yaml and the chart's downloads.enabled have it)"
        )));
    }
    let signed = sign(run, &asked, context, now).await;
    Ok(
        signed.map_or_else(DownloadView::Refused, |(text, ends)| DownloadView::Sealed {
            text,
            ends,
        }),
    )
}

/// Requests are kept to those who have the right. Checked each time: an image may be newer than the manifests around it, and a policy may
/// have been removed.
async fn is_guarded(client: &Client) -> Result<bool, WriteError> {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    let policy = bounded("read the policy of downloads", policies.get_opt(POLICY)).await?;
    let binding = bounded("read the policy of downloads", bindings.get_opt(POLICY)).await?;
    let fails = |p: ValidatingAdmissionPolicy| p.spec.is_some_and(|s| s.failure_policy.as_deref() != Some("Ignore"));
    let denies = |b: ValidatingAdmissionPolicyBinding| {
        b.spec.is_some_and(|s| {
            let denies = s.validation_actions.iter().flatten().any(|action| action == "Deny");
            denies && s.policy_name.as_deref() == Some(POLICY) && s.match_resources.is_none()
        })
    };
    Ok(policy.is_some_and(fails) && binding.is_some_and(denies))
}

/// With the end of the credentials. Err: why not, in words.
async fn sign(
    run: &BackupRun,
    asked: &Asked,
    context: &Context,
    now: Timestamp,
) -> Result<(String, Option<Timestamp>), String> {
    let recipients = Recipients::parse(&[&asked.recipient])
        .map_err(|e| format!("annotation {}: {e}", labels::DOWNLOAD))?
        .ok_or_else(|| format!("annotation {}: names no recipient", labels::DOWNLOAD))?;
    let open = context
        .stores
        .open_named(&run.spec.storage.name, &context.storages)
        .await?;
    let signed = open
        .store
        .sign(&Wanted::read(&asked.key, asked.version_id.as_deref()), EXPIRES, now)
        .await
        .map_err(|e| causes(&e))?;
    let lent = Lent {
        url: signed.url.reveal().to_owned(),
        headers: signed.headers,
        ca_bundle: open.parameters.ca_bundle().map(ToOwned::to_owned),
    };
    let text = serde_json::to_vec(&lent).map_err(|e| e.to_string())?;
    let sealed = recipients.seal(&zeroize::Zeroizing::new(text));
    let sealed = sealed.map_err(|e| format!("annotation {}: {e}", labels::DOWNLOAD))?;
    Ok((sealed, open.ends))
}
