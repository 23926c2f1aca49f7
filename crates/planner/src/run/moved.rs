//! Whether a storage still names the place where something was stored: whoever edits its bucket or its endpoint moves nothing.
use api::run::Location;

use crate::run::observed::StorageView;

/// A storage names another place than the one in which something was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Where it was stored.
    pub from: Location,
    /// What the storage names now.
    pub to: Location,
}

impl Moved {
    /// What was stored there is nowhere else: another bucket. Another endpoint may be another name of the same store.
    pub fn is_elsewhere(&self) -> bool {
        self.from.bucket != self.to.bucket
    }

    /// Where it was stored, and what the storage names now.
    pub fn words(&self) -> String {
        let Self { from, to } = self;
        format!(
            "was stored in bucket {:?} at {}, and the storage now names bucket {:?} at {}",
            from.bucket, from.endpoint, to.bucket, to.endpoint
        )
    }
}

/// Compares where something was stored with what its storage names. Runs of before it was recorded do not say, and a storage that is gone or
/// cannot be read names nothing.
pub fn moved(storage: &StorageView, from: Option<&Location>) -> Option<Moved> {
    let (StorageView::Ready(place) | StorageView::NotReady { place: Some(place), .. }) = storage else {
        return None;
    };
    let (from, to) = (from?, &place.location);
    (!is_same(from, to, &place.home)).then(|| Moved {
        from: from.clone(),
        to: to.clone(),
    })
}

/// One bucket of one store, however its endpoint is written: a store that is served by TLS since is no other one, and a Service has four names.
/// What is read or removed there is proved all the same. `home`: the operator's own namespace.
pub fn is_same(one: &Location, other: &Location, home: &str) -> bool {
    one.bucket == other.bucket && (one.endpoint == other.endpoint || same_host(&one.endpoint, &other.endpoint, home))
}

fn same_host(one: &str, other: &str, home: &str) -> bool {
    let (Some(one), Some(other)) = (Host::of(one, home), Host::of(other, home)) else {
        return false;
    };
    let names = match (&one.service, &other.service) {
        _ if one.name == other.name => true,
        // A name of another domain is another cluster's.
        (Some(one), Some(other)) => {
            let agree = |one: &Option<String>, other: &Option<String>| one.is_none() || other.is_none() || one == other;
            one.name == other.name && agree(&one.namespace, &other.namespace) && agree(&one.domain, &other.domain)
        }
        _ => false,
    };
    names && one.port == other.port && one.below == other.below
}

struct Host<'a> {
    name: String,
    /// As a Service.
    service: Option<Service>,
    /// None: the scheme's own.
    port: Option<&'a str>,
    /// The path that the store is served below.
    below: &'a str,
}

struct Service {
    name: String,
    /// A name without one is of the operator's own; None: that is not known.
    namespace: Option<String>,
    /// The cluster's, where it is said.
    domain: Option<String>,
}

impl<'a> Host<'a> {
    fn of(endpoint: &'a str, home: &str) -> Option<Self> {
        let (scheme, rest) = endpoint.split_once("://")?;
        let usual = match scheme {
            "http" => "80",
            "https" => "443",
            _ => return None,
        };
        let (authority, below) = rest.split_once('/').unwrap_or((rest, ""));
        // An address of six groups has colons of its own.
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (name, Some(port)),
            _ => (authority, None),
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let parts: Vec<_> = name.split('.').collect();
        let of = |name: &str, namespace: Option<&&str>, domain: &[&str]| Service {
            name: name.into(),
            namespace: namespace.map(ToString::to_string),
            domain: Some(domain.join(".")).filter(|domain| !domain.is_empty()),
        };
        let service = match parts.as_slice() {
            [service] => Some(of(service, Some(&home).filter(|home| !home.is_empty()), &[])),
            [service, namespace] => Some(of(service, Some(namespace), &[])),
            [service, namespace, "svc", domain @ ..] => Some(of(service, Some(namespace), domain)),
            _ => None,
        };
        let service = service.filter(|service| !service.name.starts_with('['));
        Some(Self {
            service,
            name,
            port: port.filter(|port| *port != usual),
            below: below.trim_end_matches('/'),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(endpoint: &str) -> Location {
        Location {
            bucket: "backups".into(),
            endpoint: endpoint.into(),
        }
    }

    #[test]
    fn a_store_that_is_served_by_tls_since_or_named_by_another_of_its_services_names_is_the_same_place() {
        for (one, other) in [
            ("http://store:9000", "https://store:9000"),
            ("http://store.ops.svc:9000", "https://store.ops.svc.cluster.local:9000"),
            ("http://store:9000", "https://store.ops.svc.cluster.local.:9000"),
            ("http://store.ops.svc:9000", "http://STORE.ops.svc.example:9000/"),
            ("http://s3.example.com", "https://s3.example.com:443"),
            ("http://[::1]:9000", "https://[::1]:9000"),
        ] {
            assert!(
                is_same(&at(one), &at(other), "ops") && is_same(&at(other), &at(one), "ops"),
                "{one} {other}"
            );
        }
    }

    #[test]
    fn another_host_port_path_bucket_or_namespace_of_a_service_is_another_place() {
        for (one, other) in [
            ("http://store:9000", "http://store:9001"),
            ("http://store.ops.svc:9000", "http://store.dev.svc:9000"),
            ("http://store.ops:9000", "http://minio.ops:9000"),
            ("http://store:9000", "https://store.dev.svc.cluster.local:9000"),
            (
                "http://store.ops.svc.cluster.local:9000",
                "http://store.ops.svc.clusterset.local:9000",
            ),
            ("https://s3.example.com", "https://s3.example.org"),
            ("https://s3.example.com", "https://s3"),
            ("https://s3.example.com/a", "https://s3.example.com/b"),
            ("sftp://store:22", "sftp://store.ops:22"),
            ("http://[::1]:9000", "http://[::2]:9000"),
        ] {
            assert!(!is_same(&at(one), &at(other), "ops"), "{one} {other}");
        }
        let (short, long) = (at("http://store:9000"), at("http://store.dev.svc:9000"));
        assert!(
            is_same(&short, &long, "dev") && is_same(&short, &long, ""),
            "or nobody knows"
        );
        let elsewhere = Location {
            bucket: "other".into(),
            ..at("http://store:9000")
        };
        assert!(!is_same(&at("http://store:9000"), &elsewhere, "ops"));
    }
}
