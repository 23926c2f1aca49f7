//! What an EC2 instance is told of itself: the metadata service, version 2 (a token first), never version 1.
use bytes::Bytes;
use http::Method;
use url::Url;

use super::ask;
use super::chain::{Environment, Source};
use crate::dial::Dial;
use crate::http::Http;

pub(super) const DISABLED: &str = "AWS_EC2_METADATA_DISABLED";
const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const MODE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
const ROLES: &str = "latest/meta-data/iam/security-credentials/";
/// How long the token of these three requests is good.
const SECONDS: &str = "60";

pub(super) async fn find(environment: &Environment) -> Result<Source, String> {
    if environment
        .get(DISABLED)
        .is_some_and(|said| said.eq_ignore_ascii_case("true"))
    {
        return Ok(Source::PassedBy(format!("{DISABLED} is true")));
    }
    let base = match environment.get(ENDPOINT) {
        Some(named) => named,
        None if environment
            .get(MODE)
            .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6")) =>
        {
            "http://[fd00:ec2::254]".to_owned()
        }
        None => "http://169.254.169.254".to_owned(),
    };
    let base = format!("{}/", base.trim_end_matches('/'));
    let base = Url::parse(&base).map_err(|_| format!("{ENDPOINT} is no URL: it must be http://host[:port]"))?;
    let place = base.origin().ascii_serialization();
    let service = Service {
        // What hands out credentials on the node is never reached through a proxy.
        http: ask::client(None, Dial::direct())?,
        base,
    };
    // Without an answer this is most likely no EC2 instance at all.
    match service.token().await {
        Err(why) => Ok(Source::PassedBy(format!(
            "the metadata service of EC2 ({place}): {why}"
        ))),
        Ok(token) => match service.credentials(&token).await {
            Ok(credentials) => Ok(Source::of(credentials)),
            Err(why) => Err(format!("the metadata service of EC2 ({place}): {why}")),
        },
    }
}

struct Service {
    http: Http,
    base: Url,
}

impl Service {
    async fn token(&self) -> Result<String, String> {
        let ttl = ("x-aws-ec2-metadata-token-ttl-seconds".to_owned(), SECONDS.to_owned());
        let length = ("content-length".to_owned(), "0".to_owned());
        let url = self.url("latest/api/token")?;
        let answer = ask::ask(
            &self.http,
            Method::PUT,
            &url,
            vec![ttl, length],
            Bytes::new(),
            ask::NEAR,
        );
        let answer = answer.await.map_err(|why| {
            format!(
                "{why} to the request for a token; on EC2 the answer reaches Pods only where the instance's hop limit is 2 (aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2)"
            )
        })?;
        if answer.status != 200 {
            let hint = match answer.status {
                403 => ": the instance's metadata service is switched off",
                _ => ": it is not EC2's, or knows no version 2, and version 1 is not asked",
            };
            return Err(format!(
                "it answered {} to the request for a token{hint}",
                answer.status
            ));
        }
        let token = String::from_utf8_lossy(&answer.body).trim().to_owned();
        match token.is_empty() || token.chars().any(|c| !c.is_ascii_graphic()) {
            true => Err("what it gave is no token".to_owned()),
            false => Ok(token),
        }
    }

    async fn credentials(&self, token: &str) -> Result<crate::Credentials, String> {
        let roles = self.get(ROLES, token).await?.ok_or(
            "the instance has no role: give it an instance profile, or the operator's ServiceAccount an identity",
        )?;
        let roles = String::from_utf8_lossy(&roles).into_owned();
        let role = roles.lines().next().unwrap_or_default().trim();
        let named = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
        if role.is_empty() || !role.chars().all(named) {
            return Err(format!("it names no role but {:?}", ask::shown(&roles)));
        }
        let found = self.get(&format!("{ROLES}{role}"), token).await?;
        let found = found.ok_or_else(|| format!("it has no credentials of the role {role}, which it names"))?;
        ask::credentials(&found).map_err(|why| format!("role {role}: {why}"))
    }

    /// None: 404.
    async fn get(&self, path: &str, token: &str) -> Result<Option<Bytes>, String> {
        let headers = vec![("x-aws-ec2-metadata-token".to_owned(), token.to_owned())];
        let url = self.url(path)?;
        let answer = ask::ask(&self.http, Method::GET, &url, headers, Bytes::new(), ask::NEAR).await?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            status => Err(format!("it answered {status} for {path}")),
        }
    }

    fn url(&self, path: &str) -> Result<String, String> {
        let url = self.base.join(path).map_err(|e| e.to_string())?;
        Ok(url.into())
    }
}
