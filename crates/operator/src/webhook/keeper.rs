//! Keeps the webhook's Secret and what the API server trusts (`caBundle`) right and in step. Only the leader does.
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::ObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::Names;
use super::certificate::{Held, Pair, ROTATE};
use super::rotation::{Step, after, decide};
use crate::admin::Ready;
use crate::events::causes;

/// How long a state stands before the next step: each replica and each API server watches, and has seen it by then.
const SETTLE: Duration = Duration::from_secs(30);
/// The longest pause: the clock may be set, a write may have been lost.
const LOOK: Duration = Duration::from_secs(3600);
/// Until something that failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// Until the API server has answered.
const API: Duration = Duration::from_secs(10);

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Make(#[from] super::certificate::Error),
    #[error("the Secret cannot be written: {0}")]
    Secret(#[source] kube::Error),
    #[error("the caBundle cannot be written: {0}")]
    Bundle(#[source] kube::Error),
    #[error("the API server did not answer within {} s", API.as_secs())]
    Timeout(#[from] tokio::time::error::Elapsed),
}

/// Does so for as long as it is polled.
pub async fn keep(client: Client, names: Names, ready: Ready) {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &names.namespace);
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(client);
    let mut secret_stream = std::pin::pin!(watch_object(secrets.clone(), &names.service).default_backoff());
    let mut configuration_stream =
        std::pin::pin!(watch_object(configurations.clone(), &names.configuration).default_backoff());
    let (mut secret, mut configuration) = (None, None);
    // Since when the API server has trusted what the Secret says, and which version of the Secret that was.
    let mut trusted: Option<(Option<String>, Instant)> = None;
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            Some(seen) = secret_stream.next() => match seen {
                Ok(seen) => secret = Some(seen),
                Err(error) => tracing::warn!(error = causes(&error), "the webhook's Secret cannot be watched; trying again"),
            },
            Some(seen) = configuration_stream.next() => match seen {
                Ok(seen) => configuration = Some(seen),
                Err(error) => tracing::warn!(error = causes(&error), "the webhook's configuration cannot be watched; trying again"),
            },
            () = sleep(pause), if !pause.is_zero() => {}
        }
        let (Some(secret), Some(configuration)) = (&secret, &configuration) else {
            continue;
        };
        let pass = Pass {
            names: &names,
            secrets: &secrets,
            configurations: &configurations,
            secret: secret.as_ref(),
            configuration: configuration.as_ref(),
            held: secret.as_ref().and_then(Held::read),
        };
        if pass.bundle_is_right() {
            ready.trusted();
            let version = secret.as_ref().and_then(ResourceExt::resource_version);
            if trusted.as_ref().is_none_or(|(seen, _)| *seen != version) {
                trusted = Some((version, Instant::now()));
            }
        } else {
            trusted = None;
        }
        let settled = trusted.as_ref().map(|(_, since)| since.elapsed());
        pause = pass.act(settled).await.unwrap_or_else(|error| {
            tracing::warn!(
                error = causes(&error),
                "the webhook's certificate is not as it should be; trying again"
            );
            AGAIN
        });
    }
}

/// What one look has seen.
struct Pass<'a> {
    names: &'a Names,
    secrets: &'a Api<Secret>,
    configurations: &'a Api<ValidatingWebhookConfiguration>,
    secret: Option<&'a Secret>,
    configuration: Option<&'a ValidatingWebhookConfiguration>,
    held: Option<Held>,
}

impl Pass<'_> {
    /// Where no configuration is installed, nobody calls: then it is right, too.
    fn bundle_is_right(&self) -> bool {
        let Some(held) = &self.held else { return false };
        let webhooks = self
            .configuration
            .and_then(|c| c.webhooks.as_ref())
            .into_iter()
            .flatten();
        webhooks
            .map(|w| w.client_config.ca_bundle.as_ref())
            .all(|bundle| bundle.is_some_and(|b| b.0 == held.trusted.as_bytes()))
    }

    /// One step; how long to wait for the next, unless a watch says something first.
    async fn act(&self, settled: Option<Duration>) -> Result<Duration, Error> {
        if self.held.is_some() && !self.bundle_is_right() {
            self.publish().await?;
            return Ok(AGAIN);
        }
        let asked = self.secret.is_some_and(|s| s.annotations().contains_key(ROTATE));
        let now = Timestamp::now();
        let step = decide(now, self.held.as_ref(), asked, settled.is_some_and(|s| s >= SETTLE));
        match step {
            Step::Wait(until) => Ok(Duration::try_from(until.duration_since(now))
                .unwrap_or(LOOK)
                .clamp(AGAIN, LOOK)),
            Step::Settle => Ok(SETTLE
                .saturating_sub(settled.unwrap_or_default())
                .max(Duration::from_millis(100))),
            step => {
                let fresh = || Pair::make(&self.names.service, &self.names.namespace, now);
                if let Some(held) = after(&step, self.held.clone(), fresh)? {
                    // What was asked for has begun with the announcement, and only with it.
                    self.write(&held, asked && step != Step::Announce).await?;
                    tracing::info!(?step, "the webhook's certificate");
                }
                Ok(AGAIN)
            }
        }
    }

    /// Guarded by the version that was looked at: of two leaders in a split second one has to look again.
    async fn write(&self, held: &Held, asked: bool) -> Result<(), Error> {
        let mut annotations = held.annotations();
        if asked {
            annotations.insert(ROTATE.into(), String::new());
        }
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(self.names.service.clone()),
                namespace: Some(self.names.namespace.clone()),
                labels: Some([("app.kubernetes.io/name".to_string(), "backup-operator".to_string())].into()),
                annotations: Some(annotations),
                resource_version: self.secret.and_then(ResourceExt::resource_version),
                ..ObjectMeta::default()
            },
            type_: Some("kubernetes.io/tls".into()),
            data: Some(held.data()),
            ..Secret::default()
        };
        let parameters = PostParams {
            field_manager: Some(api::labels::FIELD_MANAGER.into()),
            ..PostParams::default()
        };
        let written = match self.secret {
            None => timeout(API, self.secrets.create(&parameters, &secret)).await?,
            Some(_) => timeout(API, self.secrets.replace(&self.names.service, &parameters, &secret)).await?,
        };
        written.map(drop).map_err(Error::Secret)
    }

    async fn publish(&self) -> Result<(), Error> {
        let (Some(held), Some(configuration)) = (&self.held, self.configuration) else {
            return Ok(());
        };
        let bundle = serde_json::to_value(ByteString(held.trusted.clone().into_bytes())).unwrap_or_default();
        let webhooks: Vec<_> = configuration
            .webhooks
            .iter()
            .flatten()
            .map(|w| json!({ "name": w.name, "clientConfig": { "caBundle": bundle } }))
            .collect();
        let change = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": { "name": self.names.configuration },
            "webhooks": webhooks,
        });
        let parameters = PatchParams::apply(api::labels::FIELD_MANAGER).force();
        timeout(
            API,
            self.configurations
                .patch(&self.names.configuration, &parameters, &Patch::Apply(&change)),
        )
        .await?
        .map_err(Error::Bundle)?;
        tracing::info!("the API server trusts the webhook's certificate");
        Ok(())
    }
}
