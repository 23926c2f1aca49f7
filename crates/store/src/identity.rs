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
mod held;
mod instance;
mod sigv4;
mod sts;
mod web;

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::credentials::{Credentials, CredentialsError};
use crate::parameters::Parameters;
use crate::proxy::Proxies;

use chain::Environment;
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
    /// Keys of a Secret. None: the chain's.
    own: Option<Credentials>,
    /// Names the STS that a web identity is taken to, where the environment does not.
    region: String,
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
            |name| (name == instance::DISABLED).then(|| "true".to_owned()),
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
        let parameters = match (parameters, own) {
            (Parameters::Azure(_), Some(credentials)) => {
                return Ok(Obtained {
                    credentials,
                    warning: None,
                });
            }
            (Parameters::Azure(_), None) => {
                let credentials =
                    Credentials::of_environment(crate::kind::Kind::Azure, |name| self.environment.get(name))?;
                return Ok(Obtained {
                    credentials,
                    warning: None,
                });
            }
            (Parameters::Sftp(_), _) => return Err(CredentialsError::Served),
            (Parameters::S3(parameters), own) => (parameters, own),
        };
        let (parameters, own) = parameters;
        let of_secret = own.is_some();
        let base = match own {
            Some(credentials) => Obtained {
                credentials,
                warning: None,
            },
            None => {
                let asked = Asked {
                    own: None,
                    region: parameters.region.clone(),
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
            // Those of the chain change by the hour: the role's are not asked for again because of that.
            own: of_secret.then(|| base.credentials.clone()),
            region: parameters.region.clone(),
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
