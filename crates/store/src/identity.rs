//! Who asks, where no keys are given: the default chain of AWS (environment, web identity, container, instance), and the role that a
//! storage names. Answers are held until they are due, and asked for once however many wait. Knows no Kubernetes, reads no clock and no
//! environment of its own.
//!
//! What is asked in the name of the operator goes by the operator's environment alone: its proxies, public authorities, and for its web
//! identity token Amazon's own hosts or the one that the environment names. A storage that could turn that aside, by a proxy and a
//! certificate of its own, would have whoever may write storages read the operator's token.
mod ask;
mod chain;
mod container;
mod entra;
mod google;
mod held;
mod instance;
mod sigv4;
mod sts;
mod web;

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::credentials::{Credentials, CredentialsError};
use crate::kind::Kind;
use crate::parameters::{AzureParameters, GcsParameters, Parameters};
use crate::proxy::Proxies;

use chain::{Environment, Source};
use held::Slot;
use sts::{Role, Sts};

/// How the operator calls itself where a role asks for a name.
const SESSION: &str = "backup-operator";

/// Hands out credentials. Cheap to clone; the clones hold the same answers.
#[derive(Clone)]
pub struct Identity {
    environment: Environment,
    slots: Arc<Mutex<Slots>>,
}

type Slots = Vec<(Asked, Arc<Slot>)>;

/// Credentials, and what is to be said with them.
#[derive(Clone, Debug)]
pub struct Obtained {
    /// They are good now.
    pub credentials: Credentials,
    /// They could not be renewed, in words; they are the ones from before.
    pub warning: Option<String>,
}

/// What an answer is held for.
#[derive(Clone, PartialEq, Eq)]
struct Asked {
    kind: Kind,
    /// Keys of a Secret. None: the chain's.
    own: Option<Credentials>,
    /// What is asked of the chain: in S3's case the region, which names the STS that a web identity is taken to, where the environment
    /// does not.
    of: String,
    role: Option<Role>,
}

impl Identity {
    /// One that knows the environment by `variable` (`|name| std::env::var(name).ok()` in a program), and reaches what is not on the
    /// node through these proxies.
    pub fn new(variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static, proxies: Proxies) -> Self {
        Self {
            environment: Environment::new(variable, proxies),
            slots: Arc::default(),
        }
    }

    /// One to which nobody gives anything.
    pub fn none() -> Self {
        Self::new(
            |name| {
                [instance::DISABLED, google::NO_NODE]
                    .contains(&name)
                    .then(|| "true".to_owned())
            },
            Proxies::default(),
        )
    }

    /// Credentials for a store: those of its Secret, else the chain's; with `roleARN`, those of the role that they may take on.
    ///
    /// # Errors
    /// The source that failed, or each that was passed by, and what would make it one.
    pub async fn credentials(
        &self,
        parameters: &Parameters,
        own: Option<Credentials>,
        now: Timestamp,
    ) -> Result<Obtained, CredentialsError> {
        let parameters = match parameters {
            Parameters::S3(parameters) => parameters,
            Parameters::Azure(parameters) => return self.of_azure(parameters, own, now).await,
            Parameters::Gcs(parameters) => return self.of_google(parameters, own, now).await,
            Parameters::Sftp(_) => return Err(CredentialsError::Served),
        };
        let of_secret = own.is_some();
        let base = match own {
            Some(credentials) => Obtained {
                credentials,
                warning: None,
            },
            None => {
                let asked = Asked {
                    kind: Kind::S3,
                    own: None,
                    of: parameters.region.clone(),
                    role: None,
                };
                let fetch = || chain::find(&self.environment, &parameters.region, now);
                self.slot(asked, now).get(now, fetch).await?
            }
        };
        let Some(role) = Role::of(parameters, &self.environment) else {
            return Ok(base);
        };
        let asked = Asked {
            kind: Kind::S3,
            // Those of the chain change by the hour: the role's are not asked for again because of that.
            own: of_secret.then(|| base.credentials.clone()),
            of: parameters.region.clone(),
            role: Some(role.clone()),
        };
        let fetch = || async {
            let sts = match of_secret {
                true => Sts::by_storage(&role.sts, parameters, &self.environment),
                false => Sts::by_environment(&role.sts, &self.environment),
            };
            let taken = async { sts?.assume(&role, &base.credentials, now).await };
            taken.await.map_err(|why| CredentialsError::Role {
                role: role.arn.clone(),
                why,
            })
        };
        let mut obtained = self.slot(asked, now).get(now, fetch).await?;
        obtained.warning = obtained.warning.or(base.warning);
        Ok(obtained)
    }

    /// The account's key of its Secret or of the environment, else a token of Entra's.
    async fn of_azure(
        &self,
        parameters: &AzureParameters,
        own: Option<Credentials>,
        now: Timestamp,
    ) -> Result<Obtained, CredentialsError> {
        if let Some(credentials) = own {
            return Ok(Obtained {
                credentials,
                warning: None,
            });
        }
        entra::may_have(&self.environment, parameters)?;
        let asked = Asked {
            kind: Kind::Azure,
            own: None,
            of: String::new(),
            role: None,
        };
        let fetch = || entra::find(&self.environment, now);
        self.slot(asked, now).get(now, fetch).await
    }

    /// A key of a Secret's is exchanged for a token; without one, the operator's own identity is asked.
    async fn of_google(
        &self,
        parameters: &GcsParameters,
        own: Option<Credentials>,
        now: Timestamp,
    ) -> Result<Obtained, CredentialsError> {
        let account = parameters.service_account.clone().unwrap_or_default();
        let asked = Asked {
            kind: Kind::Gcs,
            own: own.clone(),
            // Where the operator's own token may not go, none is handed out that was obtained for another place.
            of: format!("{account} {:?}", parameters.place()),
            role: None,
        };
        let fetch = || async {
            let found = match own.as_ref().and_then(Credentials::google) {
                Some(own) => google::of_storage(own, parameters, &self.environment, now)
                    .await
                    .map(Source::of),
                None => google::find(&self.environment, parameters, now).await,
            };
            match found {
                Ok(Source::Has(credentials)) => Ok(*credentials),
                Ok(Source::PassedBy(passed)) => Err(CredentialsError::Nowhere {
                    passed,
                    page: "docs/storages/gcs.md",
                }),
                Err(why) => Err(CredentialsError::Source {
                    of: "Google",
                    why,
                    passed: vec![],
                }),
            }
        };
        self.slot(asked, now).get(now, fetch).await
    }

    fn slot(&self, asked: Asked, now: Timestamp) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = slots.iter().find(|(held, _)| *held == asked) {
            return slot.clone();
        }
        slots.retain(|(_, slot)| slot.is_worth_holding(now));
        let slot = Arc::new(Slot::default());
        slots.push((asked, slot.clone()));
        slot
    }
}

#[cfg(test)]
mod tests;
