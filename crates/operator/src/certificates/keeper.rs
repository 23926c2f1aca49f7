//! Keeps the Secret of a certificate and what the API server trusts of it (`caBundle`) right and in step. Only the leader does.
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

use super::certificate::{Held, Pair, ROTATE};
use super::rotation::{Overlap, STORE, Step, WEBHOOK, after, decide};
use crate::events::causes;

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

/// Whose certificate it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What it is called when something is told of it.
    pub what: &'static str,
    /// The operator's namespace.
    pub namespace: String,
    /// The Service there that it is served at.
    pub service: String,
    /// The Secret there with the certificate.
    pub secret: String,
    /// The `ValidatingWebhookConfiguration` whose caBundle is kept right.
    pub configuration: Option<String>,
    /// Before anything is served with what was announced.
    pub overlap: Overlap,
}

impl Subject {
    /// The webhook, whose Secret has its Service's name.
    pub fn webhook(namespace: &str, service: &str, configuration: &str) -> Self {
        Self {
            what: "the webhook",
            namespace: namespace.into(),
            service: service.into(),
            secret: service.into(),
            configuration: Some(configuration.into()),
            overlap: WEBHOOK,
        }
    }

    /// The operator's own store; whom its clients are to trust, they read in the Secret.
    pub fn store(namespace: &str, service: &str) -> Self {
        Self {
            what: "the store",
            namespace: namespace.into(),
            service: service.into(),
            secret: super::store_secret(service),
            configuration: None,
            overlap: STORE,
        }
    }
}

/// Does so for as long as it is polled; `trusted` is told when what asks the service trusts it.
pub async fn keep(client: Client, subject: Subject, trusted_now: impl Fn()) {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &subject.namespace);
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(client);
    let mut secret_stream = std::pin::pin!(watch_object(secrets.clone(), &subject.secret).default_backoff());
    let watched = subject.configuration.as_deref();
    let mut configuration_stream = std::pin::pin!(match watched {
        Some(name) => watch_object(configurations.clone(), name)
            .default_backoff()
            .left_stream(),
        None => futures::stream::pending().right_stream(),
    });
    let (mut secret, mut configuration) = (None, watched.is_none().then_some(None));
    // Since when what the Secret says has been trusted, and which version of the Secret that was.
    let mut trusted: Option<(Option<String>, Instant)> = None;
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            Some(seen) = secret_stream.next() => match seen {
                Ok(seen) => secret = Some(seen),
                Err(error) => tracing::warn!(of = subject.what, error = causes(&error), "the Secret of the certificate cannot be watched; trying again"),
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
            subject: &subject,
            secrets: &secrets,
            configurations: &configurations,
            secret: secret.as_ref(),
            configuration: configuration.as_ref(),
            held: secret.as_ref().and_then(Held::read),
        };
        if pass.bundle_is_right() {
            trusted_now();
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
                of = subject.what,
                error = causes(&error),
                "the certificate is not as it should be; trying again"
            );
            AGAIN
        });
    }
}

/// What one look has seen.
struct Pass<'a> {
    subject: &'a Subject,
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
        let left = match &self.held {
            Some(held) => self.subject.overlap.left(now, held, settled),
            None => Duration::ZERO,
        };
        let step = decide(now, self.held.as_ref(), asked, settled.is_some() && left.is_zero());
        match step {
            Step::Wait(until) => Ok(Duration::try_from(until.duration_since(now))
                .unwrap_or(LOOK)
                .clamp(AGAIN, LOOK)),
            Step::Settle => Ok(left.clamp(Duration::from_millis(100), LOOK)),
            step => {
                let local = self.subject.configuration.is_none();
                let fresh = || Pair::make(&self.subject.service, &self.subject.namespace, local, now);
                if let Some(held) = after(&step, self.held.clone(), fresh)? {
                    // What was asked for has begun with the announcement, and only with it.
                    self.write(&held, asked && step != Step::Announce).await?;
                    tracing::info!(of = self.subject.what, ?step, "the certificate");
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
                name: Some(self.subject.secret.clone()),
                namespace: Some(self.subject.namespace.clone()),
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
            Some(_) => timeout(API, self.secrets.replace(&self.subject.secret, &parameters, &secret)).await?,
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
            "metadata": { "name": configuration.name_any() },
            "webhooks": webhooks,
        });
        let parameters = PatchParams::apply(api::labels::FIELD_MANAGER).force();
        timeout(
            API,
            self.configurations
                .patch(&configuration.name_any(), &parameters, &Patch::Apply(&change)),
        )
        .await?
        .map_err(Error::Bundle)?;
        tracing::info!("the API server trusts the webhook's certificate");
        Ok(())
    }
}
