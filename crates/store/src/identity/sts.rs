//! Amazon's Security Token Service, and what speaks its protocol: takes a token or keys for temporary keys of a role.
use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use url::{Host, Url, form_urlencoded};

use super::chain::Environment;
use super::sigv4::{self, Request};
use super::{SESSION, ask};
use crate::credentials::Credentials;
use crate::dial::Dial;
use crate::http::{Answer, Http};
use crate::parameters::S3Parameters;
use crate::xml;

/// The variable that names another STS, as for Amazon's own tools.
pub(super) const ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";
const VERSION: &str = "2011-06-15";
const KEYS: &str =
    "check the keys that are to take it on: those of the Secret that spec.credentials names, if it names one";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A role that a storage names.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    external_id: Option<String>,
    /// The STS that is asked.
    pub(super) sts: String,
    region: String,
}

impl Role {
    pub(super) fn of(parameters: &S3Parameters, environment: &Environment) -> Option<Self> {
        let region = environment.region().unwrap_or_else(|| parameters.region.clone());
        let sts = parameters.sts_endpoint.as_ref().map(ToString::to_string);
        Some(Self {
            arn: parameters.role_arn.clone()?,
            external_id: parameters.external_id.clone(),
            sts: sts
                .or_else(|| environment.get(ENDPOINT))
                .unwrap_or_else(|| of_region(&region)),
            region,
        })
    }
}

/// Amazon's own of a region.
pub(super) fn of_region(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://sts.{region}.amazonaws.com{suffix}")
}

/// One of them.
pub(super) struct Sts {
    http: Http,
    url: Url,
}

impl Sts {
    /// Reached as the operator's environment says.
    pub(super) fn by_environment(endpoint: &str, environment: &Environment) -> Result<Self, String> {
        let url = read(endpoint)?;
        let dial = Dial::new(environment.proxies.of(&url, None));
        let http = ask::client(None, dial)?;
        Ok(Self { http, url })
    }

    /// Reached as the storage is, for keys of its own.
    pub(super) fn by_storage(
        endpoint: &str,
        parameters: &S3Parameters,
        environment: &Environment,
    ) -> Result<Self, String> {
        let url = read(endpoint)?;
        let dial = Dial::new(environment.proxies.of(&url, parameters.place.proxy.as_deref()));
        let http = ask::client(parameters.place.ca_bundle.as_deref(), dial)?;
        Ok(Self { http, url })
    }

    /// A token is sent, and nothing is signed: whoever reads it on its way has it, and so it goes by TLS or stays on this machine.
    pub(super) async fn by_web_identity(
        &self,
        role: &str,
        session: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Credentials, String> {
        let near = match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            _ => false,
        };
        if self.url.scheme() != "https" && !near {
            return Err(format!(
                "{ENDPOINT} must be https: the operator's token would be readable on its way"
            ));
        }
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", VERSION),
            ("RoleArn", role),
            ("RoleSessionName", session),
            ("WebIdentityToken", token),
        ];
        let headers = vec![("content-type".to_owned(), FORM.to_owned())];
        let answer = self.post(encoded(&form), headers).await?;
        self.taken(&answer, now).map_err(|refused| {
            let cure = match refused.code.as_str() {
                "InvalidIdentityToken" => {
                    "is the cluster's issuer an identity provider of the account, and the token's audience one that it takes (sts.amazonaws.com)?"
                }
                "ExpiredTokenException" => "the projected token is old: does the kubelet renew it, and is the clock right?",
                "AccessDenied" => {
                    "the role's trust policy has to name the cluster's identity provider and the operator's ServiceAccount, for sts:AssumeRoleWithWebIdentity"
                }
                _ => "",
            };
            format!("role {role}: {}", refused.said(cure)).replace(token, "***")
        })
    }

    /// A role, by keys that may take it on.
    pub(super) async fn assume(&self, role: &Role, by: &Credentials, now: Timestamp) -> Result<Credentials, String> {
        let mut form = vec![
            ("Action", "AssumeRole"),
            ("Version", VERSION),
            ("RoleArn", role.arn.as_str()),
            ("RoleSessionName", SESSION),
        ];
        form.extend(role.external_id.as_deref().map(|id| ("ExternalId", id)));
        let body = encoded(&form);
        let request = Request {
            method: "POST",
            url: &self.url,
            content_type: FORM,
            body: &body,
            region: &role.region,
            service: "sts",
        };
        let answer = self.post(body.clone(), sigv4::headers(&request, by, now)).await?;
        self.taken(&answer, now).map_err(|refused| {
            let cure = match refused.code.as_str() {
                "SignatureDoesNotMatch" | "InvalidClientTokenId" => KEYS,
                // MinIO denies it.
                "AccessDenied" if refused.message.contains("signature") => KEYS,
                "AccessDenied" => {
                    "the role's trust policy has to let the operator's identity take it on (sts:AssumeRole, with this externalID if it asks for one), and so has a policy of that identity"
                }
                "RegionDisabledException" => "enable the region in the account, or name another STS as spec.parameters.stsEndpoint",
                _ => "",
            };
            by.redact(&refused.said(cure))
        })
    }

    async fn post(&self, body: Bytes, headers: Vec<(String, String)>) -> Result<Answer, String> {
        let answer = ask::ask(&self.http, Method::POST, self.url.as_str(), headers, body, ask::FAR).await;
        answer.map_err(|why| format!("{}: {why}", self.place()))
    }

    fn place(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn taken(&self, answer: &Answer, now: Timestamp) -> Result<Credentials, Refused> {
        let word = |name: &str| xml::text_of(&answer.body, name).unwrap_or_default();
        let refused = |code: String, message: String| Refused {
            place: self.place(),
            status: answer.status,
            code,
            message,
        };
        if answer.status != 200 {
            return Err(refused(word("Code"), word("Message")));
        }
        let found = ask::made(
            &word("AccessKeyId"),
            &word("SecretAccessKey"),
            &word("SessionToken"),
            &word("Expiration"),
        );
        match found {
            Ok(credentials) if credentials.expires().is_some_and(|end| end <= now) => {
                let words = "with keys that have ended: the clocks differ".to_owned();
                Err(refused(String::new(), words))
            }
            found => found.map_err(|why| refused(String::new(), format!("and {why}"))),
        }
    }
}

/// Why there are no keys.
struct Refused {
    place: String,
    status: u16,
    code: String,
    message: String,
}

impl Refused {
    fn said(self, cure: &str) -> String {
        let Self {
            place,
            status,
            code,
            message,
        } = self;
        let said = ask::shown(&format!("{code} {message}"));
        let cure = match cure {
            "" => String::new(),
            cure => format!(" ({cure})"),
        };
        format!("{place} answered {status} {}{cure}", said.trim_end_matches('.'))
    }
}

fn encoded(form: &[(&str, &str)]) -> Bytes {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(form);
    text.finish().into()
}

fn read(endpoint: &str) -> Result<Url, String> {
    let wanted = format!("{ENDPOINT} must be https://host[:port]");
    let url = Url::parse(endpoint).map_err(|e| format!("{wanted}: {e}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() && url.username().is_empty() && url.password().is_none() => Ok(url),
        _ => Err(wanted),
    }
}
