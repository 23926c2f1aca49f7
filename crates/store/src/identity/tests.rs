use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use servers::Cloud;

use super::*;
use crate::Secret;

const ROLE: &str = "arn:aws:iam::123456789012:role/backups";

fn parameters(more: &[(&str, &str)]) -> Parameters {
    let mut all = BTreeMap::from([("bucket".to_owned(), "backups".to_owned())]);
    all.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    Parameters::parse(crate::Kind::S3, &all).unwrap()
}

/// An identity of these variables and no others.
fn identity(variables: &[(&str, &str)]) -> Identity {
    let variables: BTreeMap<String, String> = variables
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Identity::new(move |name| variables.get(name).cloned(), Proxies::default())
}

/// A file with a token in it, and its path.
fn file(token: &str) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), token).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    (file, path)
}

fn static_keys() -> Credentials {
    Credentials::new("AKIDSTATIC", Secret::new("static-secret"), None)
}

async fn why(identity: &Identity, parameters: &Parameters, own: Option<Credentials>) -> String {
    let refused = identity.credentials(parameters, own, Timestamp::now()).await;
    refused.unwrap_err().to_string()
}

#[tokio::test]
async fn keys_of_the_environment_come_first_and_never_alone() {
    let all = [
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere"),
    ];
    let found = identity(&all)
        .credentials(&parameters(&[]), None, Timestamp::now())
        .await;
    assert_eq!(
        found.unwrap().credentials,
        Credentials::new("AKID", Secret::new("s"), None)
    );
    let one = identity(&[("AWS_SECRET_ACCESS_KEY", "hunter2")]);
    let said = why(&one, &parameters(&[]), None).await;
    assert!(
        said.contains("AWS_ACCESS_KEY_ID is missing") && !said.contains("hunter2"),
        "{said}"
    );
}

#[tokio::test]
async fn where_nobody_gives_any_each_source_is_told_with_what_would_make_it_one() {
    let cloud = Cloud::default().start();
    let (address, disabled) = (cloud.url(""), identity(&[("AWS_EC2_METADATA_DISABLED", "true")]));
    let said = why(&disabled, &parameters(&[]), None).await;
    for word in [
        "no AWS_ACCESS_KEY_ID",
        "no AWS_WEB_IDENTITY_TOKEN_FILE (for IRSA: is the operator's ServiceAccount annotated with eks.amazonaws.com/role-arn",
        "no AWS_CONTAINER_CREDENTIALS_FULL_URI (for EKS Pod Identity",
        "AWS_EC2_METADATA_DISABLED is true",
        "docs/storages/aws.md",
    ] {
        assert!(said.contains(word), "{said}");
    }
    // Somebody else's metadata service, or none.
    cloud.change(|c| c.refuses = Some((404, "NotFound")));
    let elsewhere = identity(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &address)]);
    let said = why(&elsewhere, &parameters(&[]), None).await;
    assert!(said.contains("version 1 is not asked"), "{said}");
    assert_eq!(cloud.asked(), ["/latest/api/token"]);
}

#[tokio::test]
async fn a_projected_token_is_taken_to_the_sts_as_it_is_each_time() {
    let cloud = Cloud::default().start();
    let (file, path) = file("old.token\n");
    let address = cloud.url("/");
    let identity = identity(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &path),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_ENDPOINT_URL_STS", &address),
    ]);
    let said = why(&identity, &parameters(&[]), None).await;
    for word in [
        "web identity",
        "InvalidIdentityToken",
        "identity provider",
        "before it: the environment",
    ] {
        assert!(said.contains(word), "{said}");
    }
    assert!(!said.contains("old.token"), "{said}");
    std::fs::write(file.path(), "projected.web.token").unwrap();
    let later = Timestamp::now() + SignedDuration::from_secs(30);
    let found = identity.credentials(&parameters(&[]), None, later).await.unwrap();
    assert!(found.credentials.session_token().is_some() && found.credentials.expires().is_some());
    assert_eq!(cloud.asked(), ["AssumeRoleWithWebIdentity"; 2]);
}

#[tokio::test]
async fn a_web_identity_token_leaves_this_machine_by_tls_only_and_where_no_storage_says() {
    let cloud = Cloud::default().start();
    let (_file, path) = file("projected.web.token");
    let plain = identity(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &path),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_ENDPOINT_URL_STS", "http://sts.example"),
    ]);
    let said = why(&plain, &parameters(&[]), None).await;
    assert!(said.contains("AWS_ENDPOINT_URL_STS must be https"), "{said}");
    // Of the storage's own STS, proxy and authorities nothing is used.
    let proxy = cloud.url("");
    let amazons = identity(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &path),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_REGION", "nowhere.invalid/"),
    ]);
    let aside = parameters(&[
        ("roleARN", ROLE),
        ("stsEndpoint", &proxy),
        ("insecure", "true"),
        ("proxy", &proxy),
    ]);
    let said = why(&amazons, &aside, None).await;
    assert!(said.contains("web identity gives no credentials"), "{said}");
    assert!(cloud.asked().is_empty(), "{:?}", cloud.asked());
}

#[tokio::test]
async fn a_container_is_known_by_its_token() {
    let cloud = Cloud::default().start();
    let (_file, path) = file("Bearer-of-a-container\n");
    let address = cloud.url("/v1/credentials");
    let known = identity(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &address),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &path),
    ]);
    let found = known
        .credentials(&parameters(&[]), None, Timestamp::now())
        .await
        .unwrap();
    assert!(found.credentials.expires().is_some());
    let stranger = identity(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &address),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "wrong"),
    ]);
    let said = why(&stranger, &parameters(&[]), None).await;
    assert!(
        said.contains("the container's identity") && said.contains("answered 401"),
        "{said}"
    );
    let away = identity(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/x")]);
    let said = why(&away, &parameters(&[]), None).await;
    assert!(said.contains("eks-pod-identity-agent"), "{said}");
}

#[tokio::test]
async fn an_instance_is_asked_by_version_two_and_a_hop_limit_is_told() {
    let cloud = Cloud::default().start();
    let address = cloud.url("");
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", address.as_str())];
    let found = identity(&variables)
        .credentials(&parameters(&[]), None, Timestamp::now())
        .await;
    assert!(found.unwrap().credentials.session_token().is_some());
    let roles = "/latest/meta-data/iam/security-credentials/";
    assert_eq!(
        cloud.asked(),
        [
            "/latest/api/token".to_owned(),
            roles.to_owned(),
            format!("{roles}node-role")
        ]
    );
    cloud.change(|c| c.role = None);
    let said = why(&identity(&variables), &parameters(&[]), None).await;
    assert!(said.contains("the instance has no role"), "{said}");
    cloud.change(|c| c.hop_limit = true);
    let said = why(&identity(&variables), &parameters(&[]), None).await;
    assert!(said.contains("--http-put-response-hop-limit 2"), "{said}");
}

#[tokio::test]
async fn a_role_is_taken_on_by_whatever_keys_there_are() {
    let cloud = Cloud {
        external_id: Some("tenant-7".into()),
        ..Cloud::default()
    }
    .start();
    let sts = cloud.url("/");
    let given = [("roleARN", ROLE), ("stsEndpoint", &sts), ("insecure", "true")];
    let with = parameters(&[&given[..], &[("externalID", "tenant-7")]].concat());
    let now = Timestamp::now();
    // Of a Secret.
    let nobody = identity(&[("AWS_EC2_METADATA_DISABLED", "true")]);
    let found = nobody.credentials(&with, Some(static_keys()), now).await.unwrap();
    assert!(found.credentials.session_token().is_some());
    // Of the chain, which are temporary themselves.
    let (_file, path) = file("projected.web.token");
    let chained = identity(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &path),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_ENDPOINT_URL_STS", &sts),
    ]);
    chained.credentials(&with, None, now).await.unwrap();
    let asked = ["AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRole"];
    assert_eq!(cloud.asked(), asked);
    // What is refused is told with its cure, and no key.
    let said = why(&nobody, &parameters(&given), Some(static_keys())).await;
    for word in ["AccessDenied", "trust policy", "externalID", ROLE] {
        assert!(said.contains(word), "{said}");
    }
    let wrong = Credentials::new("AKIDSTATIC", Secret::new("hunter2"), None);
    let said = why(&nobody, &with, Some(wrong)).await;
    assert!(
        said.contains("SignatureDoesNotMatch") && !said.contains("hunter2"),
        "{said}"
    );
}

#[tokio::test]
async fn many_who_ask_are_one_request_and_answers_are_asked_for_again_when_they_are_due() {
    let cloud = Cloud::default().start();
    let (_file, path) = file("projected.web.token");
    let address = cloud.url("/");
    let identity = identity(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &path),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_ENDPOINT_URL_STS", &address),
    ]);
    let (plain, now) = (parameters(&[]), Timestamp::now());
    let good = AtomicUsize::new(0);
    let ask = async || {
        identity.credentials(&plain, None, now).await.unwrap();
        good.fetch_add(1, Ordering::SeqCst);
    };
    tokio::join!(ask(), ask(), ask(), ask());
    assert_eq!((good.load(Ordering::SeqCst), cloud.asked().len()), (4, 1));
    let minutes = |minutes| now + SignedDuration::from_mins(minutes);
    identity.credentials(&plain, None, minutes(49)).await.unwrap();
    assert_eq!(cloud.asked().len(), 1);
    // Nine minutes before their end they are renewed; where that fails, they are used, and it is said.
    cloud.change(|c| c.refuses = Some((503, "ServiceUnavailable")));
    let old = identity.credentials(&plain, None, minutes(51)).await.unwrap();
    assert!(old.warning.is_some_and(|w| w.contains("ServiceUnavailable")));
    let at_once = identity.credentials(&plain, None, minutes(51)).await.unwrap();
    assert!(at_once.warning.is_some());
    assert_eq!(cloud.asked().len(), 2, "a failure stands for some seconds");
    let over = identity.credentials(&plain, None, minutes(61)).await;
    assert!(over.unwrap_err().to_string().contains("ServiceUnavailable"));
    cloud.change(|c| c.refuses = None);
    let new = identity.credentials(&plain, None, minutes(52)).await.unwrap();
    assert!(new.warning.is_none() && new.credentials != old.credentials);
}
