//! The sources in their order. The first that is set up is the one: that it fails is said, not got round by the next.
use std::sync::Arc;

use jiff::Timestamp;

use super::{container, instance, web};
use crate::credentials::{Credentials, CredentialsError};
use crate::proxy::Proxies;

type Variable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What the operator's process was told.
#[derive(Clone)]
pub(super) struct Environment {
    variable: Variable,
    pub(super) proxies: Proxies,
}

impl Environment {
    pub(super) fn new(variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static, proxies: Proxies) -> Self {
        Self {
            variable: Arc::new(variable),
            proxies,
        }
    }

    /// A variable; an empty one counts as unset.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// The region that the process is in.
    pub(super) fn region(&self) -> Option<String> {
        self.get("AWS_REGION").or_else(|| self.get("AWS_DEFAULT_REGION"))
    }
}

/// What a source has.
pub(super) enum Source {
    Has(Box<Credentials>),
    /// It is not set up; what would set it up.
    PassedBy(String),
}

impl Source {
    pub(super) fn of(credentials: Credentials) -> Self {
        Self::Has(Box::new(credentials))
    }
}

/// The first source that has some.
pub(super) async fn find(
    environment: &Environment,
    region: &str,
    now: Timestamp,
) -> Result<Credentials, CredentialsError> {
    let mut passed = Vec::new();
    let mut told = |of: &'static str, source: Result<Source, String>| match source {
        Ok(Source::Has(credentials)) => Some(Ok(*credentials)),
        Ok(Source::PassedBy(why)) => {
            passed.push(why);
            None
        }
        Err(why) => {
            let passed = std::mem::take(&mut passed);
            Some(Err(CredentialsError::Source { of, why, passed }))
        }
    };
    if let Some(found) = told("the environment", keys(environment)) {
        return found;
    }
    if let Some(found) = told("web identity", web::find(environment, region, now).await) {
        return found;
    }
    if let Some(found) = told("the container's identity", container::find(environment).await) {
        return found;
    }
    if let Some(found) = told("the instance's identity", instance::find(environment).await) {
        return found;
    }
    Err(CredentialsError::Nowhere {
        passed: passed.join("; "),
        page: "docs/storages/aws.md",
    })
}

fn keys(environment: &Environment) -> Result<Source, String> {
    if environment.get("AWS_ACCESS_KEY_ID").is_none() && environment.get("AWS_SECRET_ACCESS_KEY").is_none() {
        return Ok(Source::PassedBy("the environment has no AWS_ACCESS_KEY_ID".to_owned()));
    }
    let found = Credentials::from_environment(|name| environment.get(name));
    found.map(Source::of).map_err(|error| match error {
        CredentialsError::None { missing } => format!("{missing} is missing, and goes with the other one"),
        other => other.to_string(),
    })
}
