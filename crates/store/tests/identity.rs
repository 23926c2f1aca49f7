//! Who the operator is, told by a server that others have written: moto's STS, which looks at no token and gives keys in Amazon's form.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
use std::collections::BTreeMap;

use jiff::Timestamp;
use servers::{Running, server};
use store::{Identity, Kind, Parameters, Proxies};

#[test]
fn a_projected_token_and_the_role_after_it_are_taken_in_amazons_form() {
    let running = Running::start(server("moto"));
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "a.projected.token").unwrap();
    let endpoint = running.endpoint();
    let variables: BTreeMap<&str, String> = [
        (
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            token.path().to_str().unwrap().to_string(),
        ),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/operator".to_string()),
        ("AWS_ENDPOINT_URL_STS", endpoint),
    ]
    .into();
    let identity = Identity::new(move |name| variables.get(name).cloned(), Proxies::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ask = |more: &[(&str, &str)]| {
        let all = [("bucket", "any")].iter().chain(more);
        let all = all.map(|(name, value)| ((*name).to_string(), (*value).to_string()));
        let parameters = Parameters::parse(Kind::S3, &all.collect()).unwrap();
        let now = Timestamp::now();
        let told = runtime.block_on(identity.credentials(&parameters, None, now)).unwrap();
        assert!(told.warning.is_none() && told.credentials.expires().is_some_and(|end| end > now));
        told.credentials
    };
    let operators = ask(&[]);
    let roles = ask(&[("roleARN", "arn:aws:iam::123456789012:role/backups")]);
    assert!(operators != roles);
}
