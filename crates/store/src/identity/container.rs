//! What a container is told of itself: EKS Pod Identity and ECS, by AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::ask;
use super::chain::{Environment, Source};
use crate::dial::Dial;

const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// ECS, and the agents of EKS Pod Identity.
const V4: [Ipv4Addr; 2] = [Ipv4Addr::new(169, 254, 170, 2), Ipv4Addr::new(169, 254, 170, 23)];
const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23);

pub(super) async fn find(environment: &Environment) -> Result<Source, String> {
    let url = match (environment.get(RELATIVE), environment.get(FULL)) {
        (Some(path), _) if path.starts_with('/') => format!("http://169.254.170.2{path}"),
        (Some(_), _) => return Err(format!("{RELATIVE} must be a path, as in /v2/credentials/ID")),
        (None, Some(url)) => url,
        (None, None) => {
            return Ok(Source::PassedBy(format!(
                "no {FULL} (for EKS Pod Identity: is there an association of the operator's ServiceAccount, older than its Pod?)"
            )));
        }
    };
    let url = allowed(&url)?;
    let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
    let token = match (environment.get(TOKEN_FILE), environment.get(TOKEN)) {
        (Some(file), _) => Some(ask::token(&file)?),
        (None, token) => token.map(Zeroizing::new),
    };
    headers.extend(
        token
            .as_ref()
            .map(|token| ("authorization".to_owned(), token.to_string())),
    );
    // What hands out credentials on the node is never reached through a proxy.
    let http = ask::client(None, Dial::direct())?;
    let place = url.origin().ascii_serialization();
    let answer = ask::ask(&http, http::Method::GET, url.as_str(), headers, Bytes::new(), ask::NEAR);
    let answer = answer.await.map_err(|why| {
        format!("{place} does not answer: {why} (for EKS Pod Identity: does its agent, the add-on eks-pod-identity-agent, run on this node?)")
    })?;
    if answer.status != 200 {
        let mut said = ask::shown(&String::from_utf8_lossy(&answer.body));
        if let Some(token) = &token {
            said = said.replace(token.as_str(), "***");
        }
        return Err(format!("{place} answered {} {said}", answer.status));
    }
    let found = ask::credentials(&answer.body);
    found.map(Source::of).map_err(|why| format!("{place}: {why}"))
}

/// The token that goes there is as good as what comes back: to a host of the net only by TLS.
fn allowed(text: &str) -> Result<Url, String> {
    let wanted =
        format!("{FULL} must be https, or http to 127.0.0.1, 169.254.170.2, 169.254.170.23, [::1] or [fd00:ec2::23]");
    let url = Url::parse(text).map_err(|_| format!("{wanted}; it is no URL"))?;
    let near = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback() || V4.contains(&address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback() || address == V6,
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => {
            Err(format!("{wanted}, without user and password"))
        }
        "https" => Ok(url),
        "http" if near => Ok(url),
        scheme => Err(format!(
            "{wanted}; it is {scheme} to {}",
            url.host_str().unwrap_or("no host")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn a_containers_token_goes_to_its_node_or_by_tls() {
        for (url, good) in [
            ("http://169.254.170.23/v1/credentials", true),
            ("http://169.254.170.2/v2/credentials/x", true),
            ("http://[fd00:ec2::23]/v1/credentials", true),
            ("http://127.0.0.1:1338/x", true),
            ("http://localhost:1338/x", true),
            ("http://[::1]:1338/x", true),
            ("https://credentials.example/x", true),
            ("http://169.254.169.254/x", false),
            ("http://169.254.170.20/x", false),
            ("http://credentials.example/x", false),
            ("http://localhost.example/x", false),
            ("http://[fd00:ec2::24]/x", false),
            ("http://[::ffff:169.254.170.3]/x", false),
            ("https://u:p@credentials.example/x", false),
            ("ftp://127.0.0.1/x", false),
            ("file:///etc/passwd", false),
            ("x", false),
        ] {
            assert_eq!(allowed(url).is_ok(), good, "{url}");
        }
    }
}
