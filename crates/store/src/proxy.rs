//! HTTP proxies: which of them a store is reached through. Bytes go through a tunnel (CONNECT, RFC 9110 9.3.6) in any case: a proxy
//! sees the name of the store, and of what is encrypted nothing else.
use std::fmt;
use std::sync::Arc;

use between::Credentials;
use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::dial::Dial;

/// What is right.
const WANTED: &str = "must be http://host:port, a proxy that opens tunnels (CONNECT)";

/// The proxies that an environment names. None by default.
#[derive(Clone, Default)]
pub struct Proxies {
    environment: Option<Arc<Environment>>,
    /// For words.
    whose: &'static str,
}

/// What the variables say, and which of them speaks for a scheme.
struct Environment {
    matcher: Matcher,
    https: &'static str,
    http: &'static str,
}

impl fmt::Debug for Proxies {
    /// Without their addresses, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.environment.is_some() {
            "Proxies(some)"
        } else {
            "Proxies(none)"
        })
    }
}

/// A variable of the environment that names no proxy. The value is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {WANTED}, optionally with user:password@ before the host")]
pub struct ProxyFault {
    variable: &'static str,
}

/// One proxy, and where it was named.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) uri: Uri,
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) told: between::Proxy,
}

impl Proxy {
    fn new(uri: Uri, authorization: Option<HeaderValue>, named_by: String, credentials: Credentials) -> Self {
        let place = format!("{}:{}", uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
        Self {
            uri,
            authorization,
            told: between::Proxy {
                place,
                named_by,
                credentials,
            },
        }
    }
}

impl Proxies {
    /// Those of `HTTPS_PROXY` and `HTTP_PROXY`, one for each scheme of a store, else `ALL_PROXY`, unless `NO_PROXY` or `direct`
    /// (in the same form) names the host. As curl does it, the small letters count, too, and first.
    ///
    /// # Errors
    /// A variable that names no HTTP proxy: nothing is silently reached another way than was wanted.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>, direct: &str) -> Result<Self, ProxyFault> {
        let either = |name: &str| {
            let small = variable(&name.to_ascii_lowercase()).filter(|v| !v.is_empty());
            small.or_else(|| variable(name).filter(|v| !v.is_empty()))
        };
        let proxy = |name: &'static str| match either(name) {
            Some(value) if parse(&value).is_none() => Err(ProxyFault { variable: name }),
            value => Ok(value),
        };
        let (https, http, all) = (proxy("HTTPS_PROXY")?, proxy("HTTP_PROXY")?, proxy("ALL_PROXY")?);
        if https.is_none() && http.is_none() && all.is_none() {
            return Ok(Self::default());
        }
        let excepted = [either("NO_PROXY").unwrap_or_default(), direct.to_owned()].join(",");
        let of = |own: &Option<String>, name| if own.is_some() { name } else { "ALL_PROXY" };
        let (by_https, by_http) = (of(&https, "HTTPS_PROXY"), of(&http, "HTTP_PROXY"));
        let matcher = Matcher::builder()
            .all(all.unwrap_or_default())
            .https(https.unwrap_or_default())
            .http(http.unwrap_or_default())
            .no(excepted)
            .build();
        let environment = Environment {
            matcher,
            https: by_https,
            http: by_http,
        };
        Ok(Self {
            environment: Some(Arc::new(environment)),
            whose: "the operator's",
        })
    }

    /// The same, of a program that is not the operator, as `this machine's`.
    #[must_use]
    pub fn of_environment(self, whose: &'static str) -> Self {
        Self { whose, ..self }
    }

    /// What connects to another place than a store through the proxy that the environment names for it; None where it names none.
    pub fn dial(&self, secure: bool, host: &str, port: u16) -> Option<Dial> {
        let scheme = if secure { "https" } else { "http" };
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let place = Url::parse(&format!("{scheme}://{host}:{port}/")).ok()?;
        self.of(&place, None).map(|proxy| Dial::new(Some(proxy)))
    }

    /// The one for a store: of its parameters, else of the environment.
    pub(crate) fn of(&self, store: &Url, parameter: Option<&str>) -> Option<Proxy> {
        if let Some(uri) = parameter.and_then(|text| text.parse().ok()) {
            let named_by = "spec.parameters.proxy".to_owned();
            return Some(Proxy::new(uri, None, named_by, Credentials::Impossible));
        }
        let environment = self.environment.as_ref()?;
        let found = environment.matcher.intercept(&store.as_str().parse().ok()?)?;
        let variable = match store.scheme() {
            "https" => environment.https,
            _ => environment.http,
        };
        let authorization = found.basic_auth().cloned();
        let credentials = match &authorization {
            Some(_) => Credentials::Given,
            None => Credentials::None,
        };
        let named_by = format!("{variable} in {} environment", self.whose);
        Some(Proxy::new(found.uri().clone(), authorization, named_by, credentials))
    }
}

/// A proxy's URL; without a scheme it is http, as everywhere.
fn parse(text: &str) -> Option<Url> {
    let url = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&format!("http://{text}"))
    };
    url.ok().filter(|url| url.scheme() == "http" && url.has_host())
}

/// The parameter `proxy`: a URL with scheme and port, as the agent wants it.
pub(crate) fn parameter(text: &str) -> Result<String, String> {
    let Some(url) = parse(text).filter(|url| matches!(url.path(), "/" | "") && url.query().is_none()) else {
        return Err(format!("{WANTED}, as in http://proxy.example:3128"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        // The value is not repeated: it holds a secret.
        return Err(format!(
            "{WANTED}, without user and password: it is read inside of users' Pods; where a proxy wants them, give them to the operator as HTTPS_PROXY and relay (dataPath: Relay)"
        ));
    }
    let host = url.host_str().unwrap_or_default();
    Ok(format!("http://{host}:{}", url.port_or_known_default().unwrap_or(80)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, ProxyFault> {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Proxies::from_environment(variable, ".svc,.cluster.local")
    }

    #[test]
    fn a_proxy_of_the_environment_is_used_by_scheme_and_but_for_what_is_excepted() {
        let all = [
            ("HTTPS_PROXY", "http://a%40b:c@secure:3128"),
            ("http_proxy", "plain:8080"),
            ("NO_PROXY", "s3.example,10.0.0.0/8"),
        ];
        let proxies = proxies(&all).unwrap();
        let through = |store: &str| {
            let found = proxies.of(&store.parse().unwrap(), None)?;
            Some((found.uri.to_string(), found.authorization.is_some()))
        };
        let (secure, plain) = (
            Some(("http://secure:3128/".into(), true)),
            Some(("http://plain:8080/".into(), false)),
        );
        for (store, expected) in [
            ("https://other.example", secure),
            ("http://other.example", plain),
            ("https://s3.example", None),
            ("https://bucket.s3.example:9000", None),
            ("https://10.1.2.3", None),
            // Names of the cluster mean nothing to a proxy outside of it.
            ("https://minio.storage.svc:9000", None),
            ("http://minio.storage.svc.cluster.local", None),
        ] {
            assert_eq!(through(store), expected, "{store}");
        }
    }

    #[test]
    fn without_variables_nothing_is_proxied_and_a_parameter_comes_first() {
        let none = proxies(&[("NO_PROXY", "x")]).unwrap();
        let store: Url = "https://minio.storage.svc".parse().unwrap();
        assert!(none.of(&store, None).is_none());
        let all = proxies(&[("ALL_PROXY", "http://any:1")]).unwrap();
        let found = all.of(&store, Some("http://own:3128")).unwrap();
        assert_eq!(
            (found.uri.to_string().as_str(), found.told.to_string().as_str()),
            ("http://own:3128/", "the proxy own:3128 (of spec.parameters.proxy)")
        );
        let found = all.of(&"https://s3.example".parse().unwrap(), None).unwrap();
        assert_eq!(
            found.told.to_string(),
            "the proxy any:1 (of ALL_PROXY in the operator's environment)"
        );
    }

    #[test]
    fn a_variable_that_names_no_http_proxy_is_an_error_that_does_not_repeat_it() {
        for value in ["socks5://u:hunter2@proxy:1080", "https://u:hunter2@proxy", "http://"] {
            let fault = proxies(&[("HTTPS_PROXY", value)]).unwrap_err().to_string();
            assert!(
                fault.starts_with("HTTPS_PROXY: must be http://") && !fault.contains("hunter2"),
                "{fault}"
            );
        }
    }

    #[test]
    fn a_parameter_is_a_url_without_secrets() {
        assert_eq!(
            parameter("http://proxy.example:3128/").unwrap(),
            "http://proxy.example:3128"
        );
        assert_eq!(parameter("http://proxy.example").unwrap(), "http://proxy.example:80");
        assert_eq!(parameter("[::1]:3128").unwrap(), "http://[::1]:3128");
        for (text, says) in [
            ("socks5://proxy", "CONNECT"),
            ("https://proxy", "CONNECT"),
            ("http://proxy/path", "CONNECT"),
            ("http://u:hunter2@proxy", "HTTPS_PROXY"),
        ] {
            let fault = parameter(text).unwrap_err();
            assert!(fault.contains(says) && !fault.contains("hunter2"), "{fault}");
        }
    }
}
