//! Who the operator is to Google: a service account's key, exchanged for an access token, or what the metadata service says.
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::ask;
use super::chain::{Environment, Source};
use crate::credentials::{Credentials, KEY_FILE};
use crate::dial::Dial;
use crate::gcs::key::{Key, KeyFile, is_account};
use crate::gcs::{By, Google};
use crate::http::{Answer, Http};
use crate::parameters::GcsParameters;
use crate::secret::Secret;

/// Variables of Google's own tools.
/// As Google's own tools understand it: there is no metadata service here.
pub(super) const NO_NODE: &str = "NO_GCE_CHECK";
const METADATA: &str = "GCE_METADATA_HOST";
const IAM: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS";
const STORE: &str = "STORAGE_EMULATOR_HOST";

/// A key that came with the storage, exchanged as the storage is reached.
pub(super) async fn of_storage(
    google: &Google,
    parameters: &GcsParameters,
    environment: &Environment,
    now: Timestamp,
) -> Result<Credentials, String> {
    let place = parameters.place();
    let By::Key(key) = &google.by else {
        return Err("there is no key to exchange".to_owned());
    };
    let dial = Dial::new(environment.proxies.of(&key.tokens, place.proxy.as_deref()));
    let http = ask::client(place.ca_bundle.as_deref(), dial)?;
    exchanged(&google.account, key, &http, now).await
}

/// The operator's own: a key file on its disk, or the metadata service.
pub(super) async fn find(
    environment: &Environment,
    parameters: &GcsParameters,
    now: Timestamp,
) -> Result<Source, String> {
    may_go_there(environment, parameters)?;
    if let Some(path) = environment.get(KEY_FILE) {
        let bytes = ask::file(&path)?;
        let file = KeyFile::parse(&bytes).map_err(|why| format!("{KEY_FILE} ({path}) {why}"))?;
        let dial = Dial::new(environment.proxies.of(&file.key.tokens, None));
        let http = ask::client(None, dial)?;
        return exchanged(&file.account, &file.key, &http, now).await.map(Source::of);
    }
    if environment
        .get(NO_NODE)
        .is_some_and(|said| said.eq_ignore_ascii_case("true"))
    {
        return Ok(Source::PassedBy(format!("no {KEY_FILE}, and {NO_NODE} is true")));
    }
    of_node(environment, parameters, now).await
}

/// The operator's token opens whatever the operator may: it goes to Google, and nowhere else that a storage names.
fn may_go_there(environment: &Environment, parameters: &GcsParameters) -> Result<(), String> {
    let place = parameters.place();
    let named = environment.get(STORE).and_then(|text| Url::parse(&text).ok());
    if named.is_some_and(|named| named.origin() == place.endpoint.origin()) {
        return Ok(());
    }
    let host = place.endpoint.host_str().unwrap_or_default();
    let theirs = place.endpoint.scheme() == "https" && host.ends_with(".googleapis.com");
    match theirs && place.ca_bundle.is_none() && place.proxy.is_none() {
        true => Ok(()),
        false => Err(
            "the operator's own access token goes to https://storage.googleapis.com (or another host below googleapis.com), not through a storage's proxy and by no certificate of its caBundle: name a Secret in spec.credentials, or take endpoint, proxy and caBundle out"
                .to_owned(),
        ),
    }
}

async fn of_node(environment: &Environment, parameters: &GcsParameters, now: Timestamp) -> Result<Source, String> {
    let host = environment
        .get(METADATA)
        .unwrap_or_else(|| "169.254.169.254".to_owned());
    let base = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/");
    let base = Url::parse(&base).map_err(|_| format!("{METADATA} must be host[:port]"))?;
    // What hands out credentials on the node is never reached through a proxy.
    let http = ask::client(None, Dial::direct())?;
    let asked = async |what: &str| {
        let url = base.join(what).map_err(|e| e.to_string())?;
        let flavor = vec![("metadata-flavor".to_owned(), "Google".to_owned())];
        let answer = ask::ask(&http, Method::GET, url.as_str(), flavor, Bytes::new(), ask::NEAR).await?;
        match answer.header("metadata-flavor").as_deref() {
            Some("Google") => Ok(answer),
            _ => Err("what answers there is not Google's".to_owned()),
        }
    };
    let place = format!("the metadata service of Google ({host})");
    let email = match asked("email").await {
        Ok(answer) if answer.status == 200 => String::from_utf8_lossy(&answer.body).trim().to_owned(),
        Ok(answer) => {
            return Err(format!(
                "{place} answered {} for the account: has the node a service account, or on GKE the operator's ServiceAccount one (iam.gke.io/gcp-service-account)?",
                answer.status
            ));
        }
        Err(why) => {
            return Ok(Source::PassedBy(format!(
                "{place}: {why} (on GKE: is Workload Identity on, and the operator's ServiceAccount annotated with iam.gke.io/gcp-service-account?)"
            )));
        }
    };
    let account = parameters.service_account.clone().unwrap_or(email);
    if !account.ends_with("gserviceaccount.com") || !is_account(&account) {
        return Err(format!(
            "{place} knows no service account, but {:?}: URLs are signed in a service account's name; name one as spec.parameters.serviceAccount",
            ask::shown(&account)
        ));
    }
    let answer = asked("token").await.map_err(|why| format!("{place}: {why}"))?;
    let (token, life) = token(&answer).map_err(|why| format!("{place}: {why}"))?;
    let iam = environment
        .get(IAM)
        .unwrap_or_else(|| "https://iamcredentials.googleapis.com".to_owned());
    let iam = Url::parse(&iam).map_err(|_| format!("{IAM} is no URL"))?;
    Ok(Source::of(Credentials::of_google(
        Google {
            account,
            by: By::Asking(iam),
            token: Some(token),
        },
        now.checked_add(life).ok(),
    )))
}

async fn exchanged(account: &str, key: &Key, http: &Http, now: Timestamp) -> Result<Credentials, String> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("assertion", &key.assertion(account, now)?)
        .finish();
    let body = Bytes::from(form);
    let headers = vec![(
        "content-type".to_owned(),
        "application/x-www-form-urlencoded".to_owned(),
    )];
    let place = key.tokens.origin().ascii_serialization();
    let answer = ask::ask(http, Method::POST, key.tokens.as_str(), headers, body, ask::FAR).await;
    let answer = answer.map_err(|why| format!("{place}: {why}"))?;
    let (token, life) = token(&answer).map_err(|why| format!("{place}, for the key of {account}: {why}"))?;
    Ok(Credentials::of_google(
        Google {
            account: account.to_owned(),
            by: By::Key(key.clone()),
            token: Some(token),
        },
        now.checked_add(life).ok(),
    ))
}

/// A token, and how long it is good.
fn token(answer: &Answer) -> Result<(Secret, SignedDuration), String> {
    let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let word = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
    if answer.status != 200 {
        let said = ask::shown(&format!("{} {}", word("error"), word("error_description")));
        let cure = match word("error") {
            "invalid_grant" => " (is the key deleted or its account disabled, or is the clock wrong?)",
            _ => "",
        };
        return Err(format!("it answered {} {said}{cure}", answer.status));
    }
    let text = word("access_token");
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err("the answer has no access_token".to_owned());
    }
    let life = told
        .get("expires_in")
        .and_then(Value::as_u64)
        .unwrap_or(0)
        .min(24 * 3600);
    let life = SignedDuration::try_from(Duration::from_secs(life)).unwrap_or_default();
    Ok((Secret::new(text), life))
}
