//! Whether bytes and signed URLs go over somebody else's network in the clear.
use std::collections::BTreeMap;
use std::net::IpAddr;

use super::say;
use crate::validate::{Fault, notifications};

/// An endpoint inside the cluster is not told of, not even mildly: its names are those of the cluster's own network, where
/// MinIO speaks plain HTTP as it comes, and a warning that everybody gets is read by nobody. Nor is loopback. An address
/// says nothing about where it is: it counts as outside.
pub(super) fn advise(parameters: &BTreeMap<String, String>, said: &mut Vec<Fault>) {
    let get = |name: &str| parameters.get(name).map(String::as_str).filter(|v| !v.is_empty());
    let insecure = get("insecure").is_some_and(is_true);
    let endpoint = get("endpoint");
    let (scheme, rest) = match endpoint.map(|e| (e.split_once("://"), e)) {
        Some((Some((scheme, rest)), _)) => (scheme, rest),
        Some((None, rest)) => (if insecure { "http" } else { "https" }, rest),
        None => (if insecure { "http" } else { "https" }, "Amazon S3"),
    };
    let field = if endpoint.is_some() { "endpoint" } else { "insecure" };
    let host = host(rest);
    if scheme.eq_ignore_ascii_case("http") && !is_inside(host) {
        say(
            said,
            &format!("spec.parameters.{field}"),
            format!(
                "plain http to {host}, which is not inside the cluster: whoever is on the way reads the backups and can use their signed URLs; use https, with caBundle for a certificate of your own"
            ),
        );
    }
    if scheme.eq_ignore_ascii_case("https") && insecure {
        say(
            said,
            "spec.parameters.insecure",
            "does nothing beside an endpoint that says https://, which wins; take it out",
        );
    }
    let path = rest.split(['?', '#']).next().and_then(|rest| rest.split_once('/'));
    let last = path.and_then(|(_, path)| path.trim_end_matches('/').rsplit('/').next());
    if endpoint.is_some() && last.is_some() && last == get("bucket") {
        say(
            said,
            "spec.parameters.endpoint",
            "ends with the bucket's name, which follows it by itself: objects lie in a folder of that name in the bucket; leave it out",
        );
    }
    if scheme.eq_ignore_ascii_case("http") && get("caBundle").is_some() {
        say(
            said,
            "spec.parameters.caBundle",
            "does nothing over plain http, where there is no certificate; use https, or take it out",
        );
    }
}

/// As the store reads it.
fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

/// The host of what follows the scheme.
fn host(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    match place.strip_prefix('[').and_then(|p| p.split_once(']')) {
        Some((address, _)) => address,
        None => place.split_once(':').map_or(place, |(host, _)| host),
    }
}

/// The same of where a notification is posted to.
pub(super) fn of_webhook(url: &str, field: &str, said: &mut Vec<Fault>) {
    if let Ok(target) = notifications::target(url)
        && !target.secure
        && !is_inside(&target.host)
    {
        say(
            said,
            field,
            format!(
                "plain http to {}, which is not inside the cluster: whoever is on the way reads what is told; use https, with caBundle for a certificate of your own",
                target.host
            ),
        );
    }
}

fn is_inside(host: &str) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.is_loopback();
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.ends_with(".svc")
        || name.ends_with(".svc.cluster.local")
        // `minio`, and `minio.shop` without .svc: no name of the internet has one label; two cannot be told apart.
        || !name.contains(['.', ' '])
}
