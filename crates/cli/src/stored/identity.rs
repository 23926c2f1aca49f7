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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use store::Kind;

    use super::*;

    fn parameters(sts: &str) -> Parameters {
        let all = [
            ("bucket", "backups"),
            ("roleARN", "arn:aws:iam::123456789012:role/backups"),
            ("stsEndpoint", sts),
            ("insecure", "true"),
        ];
        let all: BTreeMap<_, _> = all.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        Parameters::parse(Kind::S3, &all).unwrap()
    }

    #[test]
    fn the_role_of_a_storage_is_taken_on_by_this_machines_keys_and_nobody_is_asked_without() {
        let cloud = servers::Cloud::default().start();
        let parameters = parameters(&cloud.url("/"));
        let keys = [
            ("AWS_ACCESS_KEY_ID", "AKIDSTATIC"),
            ("AWS_SECRET_ACCESS_KEY", "static-secret"),
        ];
        let variable = |name: &str| keys.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let taken = waited_for(&parameters, None, &Proxies::default(), variable).unwrap();
        assert!(taken.expires().is_some());
        assert_eq!(cloud.asked(), ["AssumeRole"]);
        let nobody = waited_for(&parameters, None, &Proxies::default(), |_| None);
        assert!(matches!(nobody, Err(CredentialsError::Nowhere { .. })), "{nobody:?}");
        assert_eq!(cloud.asked().len(), 1);
    }
}
