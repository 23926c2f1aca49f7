//! A ServiceAccount's projected token, taken to Entra for one of the storage service (Azure workload identity): AZURE_FEDERATED_TOKEN_FILE,
//! AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_AUTHORITY_HOST, as its webhook sets them.
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::{Host, Url, form_urlencoded};
use zeroize::Zeroize;

use super::ask;
use super::chain::Environment;
use crate::credentials::{ACCOUNT_KEY, Credentials, CredentialsError};
use crate::dial::Dial;
use crate::kind::Kind;
use crate::parameters::AzureParameters;
use crate::secret::Secret;

const FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
const CLIENT: &str = "AZURE_CLIENT_ID";
const TENANT: &str = "AZURE_TENANT_ID";
const AUTHORITY: &str = "AZURE_AUTHORITY_HOST";
/// Further hosts that the operator's token is sent to, and what is below them: of a cloud of one's own.
const HOSTS: &str = "AZURE_STORAGE_HOSTS";
const PUBLIC: &str = "https://login.microsoftonline.com/";
/// What the token is for.
const SCOPE: &str = "https://storage.azure.com/.default";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Microsoft's own: accounts of each cloud, and those of DNS zones.
const OWN: [&str; 4] = [
    ".blob.core.windows.net",
    ".blob.storage.azure.net",
    ".blob.core.chinacloudapi.cn",
    ".blob.core.usgovcloudapi.net",
];

/// The account's key of the environment, else a token.
pub(super) async fn find(environment: &Environment, now: Timestamp) -> Result<Credentials, CredentialsError> {
    if environment.get(ACCOUNT_KEY).is_some() {
        return Credentials::of_environment(Kind::Azure, |name| environment.get(name));
    }
    let Some(file) = environment.get(FILE) else {
        return Err(CredentialsError::NoAccount {
            passed: format!(
                "no {ACCOUNT_KEY}; no {FILE} (for a workload identity: has the operator's Pod the label azure.workload.identity/use: \"true\", and its ServiceAccount the annotation azure.workload.identity/client-id?)"
            ),
        });
    };
    token(environment, &file, now).await.map_err(failed)
}

fn failed(why: String) -> CredentialsError {
    CredentialsError::Source {
        of: "workload identity",
        why,
        passed: Vec::new(),
    }
}

/// The token opens what the operator may open, and goes to the storage's endpoint: whoever may write storages must not have it sent to a
/// host of theirs.
pub(super) fn may_have(environment: &Environment, parameters: &AzureParameters) -> Result<(), CredentialsError> {
    let at = &parameters.place;
    let host = at.endpoint.host_str().unwrap_or_default().to_ascii_lowercase();
    let own = environment.get(HOSTS).unwrap_or_default().to_ascii_lowercase();
    let named = |name: &str| host == name || host.ends_with(&format!(".{name}"));
    let is_named = own
        .split(',')
        .map(str::trim)
        .any(|name| !name.is_empty() && named(name));
    // A key signs, and is sent to nobody.
    if is_named || environment.get(FILE).is_none() || environment.get(ACCOUNT_KEY).is_some() {
        return Ok(());
    }
    let cure = format!("name a Secret in spec.credentials, or that host in the operator's environment ({HOSTS})");
    if at.endpoint.scheme() != "https" || !OWN.iter().any(|own| host.ends_with(own)) {
        return Err(failed(format!(
            "the operator's token is not sent to {host}, which spec.parameters.endpoint names: that is no host of Azure's over https; {cure}"
        )));
    }
    if at.ca_bundle.is_some() {
        return Err(failed(format!(
            "the operator's token is not sent where spec.parameters.caBundle says who Azure is; leave it out, {cure}"
        )));
    }
    Ok(())
}

async fn token(environment: &Environment, file: &str, now: Timestamp) -> Result<Credentials, String> {
    let needed = |name: &str| {
        let lacks = || format!("{FILE} is set, and no {name}: the webhook of Azure workload identity sets all of them");
        environment.get(name).ok_or_else(lacks)
    };
    let (client, tenant) = (needed(CLIENT)?, needed(TENANT)?);
    let plain = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
    };
    if !plain(&tenant) {
        return Err(format!("{TENANT} is no tenant: an id or a domain"));
    }
    let authority = environment.get(AUTHORITY).unwrap_or_else(|| PUBLIC.to_owned());
    let url = endpoint(&authority, &tenant)?;
    let http = ask::client(None, Dial::new(environment.proxies.of(&url, None)))?;
    let assertion = ask::token(file)?;
    let mut form = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &client)
        .append_pair("scope", SCOPE)
        .append_pair("client_assertion_type", ASSERTION)
        .append_pair("client_assertion", &assertion)
        .append_pair("grant_type", "client_credentials")
        .finish();
    let body = Bytes::copy_from_slice(form.as_bytes());
    form.zeroize();
    let headers = vec![(
        "content-type".to_owned(),
        "application/x-www-form-urlencoded".to_owned(),
    )];
    let answer = ask::ask(&http, http::Method::POST, url.as_str(), headers, body, ask::FAR).await?;
    taken(answer.status, &answer.body, now)
}

/// A token is sent: whoever reads it on its way has it, and so it goes by TLS or stays on this machine.
fn endpoint(authority: &str, tenant: &str) -> Result<Url, String> {
    let base = authority.trim_end_matches('/');
    let url =
        Url::parse(&format!("{base}/{tenant}/oauth2/v2.0/token")).map_err(|e| format!("{AUTHORITY} is no URL: {e}"))?;
    let near = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    match url.scheme() == "https" || near {
        true => Ok(url),
        false => Err(format!(
            "{AUTHORITY} must be https: the operator's token would be readable on its way"
        )),
    }
}

fn taken(status: u16, body: &[u8], now: Timestamp) -> Result<Credentials, String> {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let word = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
    if status != 200 {
        let said = word("error_description").lines().next().unwrap_or_default();
        let said = ask::shown(&format!("{} {said}", word("error")));
        return Err(format!("Entra answered {status} {said}{}", cure(&said)));
    }
    let token = word("access_token");
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("Entra's answer has no access_token".to_owned());
    }
    // A number, or a text that is one.
    let life = told.get("expires_in");
    let life = life.and_then(|life| life.as_i64().or_else(|| life.as_str()?.parse().ok()));
    let life = life.filter(|seconds| (1..=7 * 24 * 3600).contains(seconds));
    let life = life.ok_or("Entra's answer does not say how long its token is good (expires_in)")?;
    let end = now.checked_add(SignedDuration::from_secs(life)).unwrap_or(now);
    Ok(Credentials::of_token(Secret::new(token), end))
}

/// By the codes of Entra that workload identities meet.
fn cure(said: &str) -> &'static str {
    for (code, cure) in [
        (
            "AADSTS700213",
            "; the identity's federated credential names another subject: system:serviceaccount:NAMESPACE:NAME of the operator's ServiceAccount",
        ),
        (
            "AADSTS700211",
            "; the identity's federated credential names another issuer: the cluster's OIDC issuer URL",
        ),
        (
            "AADSTS70021",
            "; the identity has no federated credential for the operator's ServiceAccount: its issuer, subject and audience must match",
        ),
        (
            "AADSTS700016",
            "; check the annotation azure.workload.identity/client-id",
        ),
        ("AADSTS90002", "; check AZURE_TENANT_ID"),
    ] {
        if said.contains(code) {
            return cure;
        }
    }
    ""
}

#[cfg(test)]
mod tests;
