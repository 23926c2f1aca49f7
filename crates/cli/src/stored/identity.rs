//! Who asks a store from here: the keys of a Secret or of this machine, and the role that they may take on.
use jiff::Timestamp;
use store::{Credentials, CredentialsError, Identity, Parameters, Proxies};

/// Of a machine that is no node of a cluster the metadata service is not asked: where there is none, its silence takes seconds.
const INSTANCE: [&str; 2] = ["AWS_EC2_METADATA_DISABLED", "NO_GCE_CHECK"];

/// Credentials for a store: its own, else this machine's by the same variables as the operator's.
///
/// # Errors
/// `Nowhere` or `None` where nobody gives any; the words of who refuses otherwise.
pub async fn credentials(
    parameters: &Parameters,
    own: Option<Credentials>,
    proxies: &Proxies,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Credentials, CredentialsError> {
    // It outlives nothing: what it knows of the environment is looked up now.
    let known = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ENDPOINT_URL_STS",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AZURE_STORAGE_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "STORAGE_EMULATOR_HOST",
    ]
    .map(|name| (name, variable(name)));
    let known = move |name: &str| match name {
        name if INSTANCE.contains(&name) => Some("true".to_owned()),
        name => known.iter().find(|(known, _)| *known == name)?.1.clone(),
    };
    let identity = Identity::new(known, proxies.clone());
    let obtained = identity.credentials(parameters, own, Timestamp::now()).await?;
    Ok(obtained.credentials)
}

/// The same, for who does not wait; from whatever thread.
///
/// # Errors
/// As above.
pub fn waited_for(
    parameters: &Parameters,
    own: Option<Credentials>,
    proxies: &Proxies,
    variable: impl Fn(&str) -> Option<String> + Send,
) -> Result<Credentials, CredentialsError> {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| nothing(&error.to_string()))?;
        runtime.block_on(credentials(parameters, own, proxies, variable))
    };
    let worked = std::thread::scope(|scope| scope.spawn(work).join());
    worked.unwrap_or_else(|_| Err(nothing("asking for them ended early")))
}

fn nothing(why: &str) -> CredentialsError {
    CredentialsError::Source {
        of: "this machine",
        why: why.to_owned(),
        passed: vec![],
    }
}
