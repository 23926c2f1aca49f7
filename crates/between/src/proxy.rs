//! A proxy, and why it opens no tunnel: who it is, what it did, and what would be right. Never its password.
use std::fmt;
use std::time::Duration;

/// Whether a proxy is told a user and a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Where it is named they cannot be: users' Pods read that.
    Impossible,
    /// None are given.
    None,
    /// They are.
    Given,
}

/// A proxy, as it is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Host and port.
    pub place: String,
    /// Where it was named: a field, or a variable of an environment.
    pub named_by: String,
    /// What it is told.
    pub credentials: Credentials,
}

/// A proxy, as it is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Reached {
    /// Scheme (http), host and port.
    pub url: String,
    /// What it wants to hear (`Proxy-Authorization`): a secret.
    pub authorization: Option<Vec<u8>>,
    /// As it is told of.
    pub told: Proxy,
}

impl fmt::Debug for Reached {
    /// Without what it wants to hear.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told.fmt(f)
    }
}

/// No tunnel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{proxy} {}", why.told(to, proxy))]
pub struct NoTunnel {
    /// Of this proxy.
    pub proxy: Proxy,
    /// To this host and port.
    pub to: String,
    /// What happened.
    pub why: Why,
}

/// What a proxy did instead of opening a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its name is not found.
    NotFound,
    /// Nobody listens at its port.
    Refuses,
    /// It takes no connection in time.
    Silent(Duration),
    /// It cannot be connected to, in the system's words.
    Unconnected(String),
    /// It answered with this status and these words.
    Answered(u16, String),
    /// It took the question and did not answer it in time.
    Hangs(Duration),
    /// It closed the connection, in the system's words, if any.
    Cuts(String),
    /// It said something that is no answer.
    Nonsense,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {} (of {})", self.place, self.named_by)
    }
}

impl Proxy {
    /// For errors of the connection that it carries: the proxy may have caused them as well as the store.
    pub fn carries(&self) -> String {
        format!(" (through {self})")
    }
}

impl Why {
    /// It reads on from the proxy's name.
    fn told(&self, to: &str, proxy: &Proxy) -> String {
        let named_by = &proxy.named_by;
        match self {
            Self::NotFound => format!("cannot be reached: its name is not found; check the host in {named_by}"),
            Self::Refuses => format!(
                "cannot be reached: it refuses connections; check the port in {named_by}, and that the proxy runs"
            ),
            Self::Silent(limit) => format!(
                "cannot be reached: it took no connection within {} s; check {named_by}, and that no firewall or network policy keeps it away",
                seconds(*limit)
            ),
            Self::Unconnected(words) => format!("cannot be reached: {words}; check {named_by}"),
            // tinyproxy says 401 of a wrong password.
            Self::Answered(status @ (401 | 407), words) => format!(
                "asks for a user and a password ({status}{}); {}",
                spaced(words),
                credentials(proxy)
            ),
            Self::Answered(status, words) => format!(
                "opens no tunnel: it answered CONNECT {to} with {status}{}; {}",
                spaced(words),
                cure(*status)
            ),
            Self::Hangs(limit) => format!(
                "opens no tunnel: it did not answer CONNECT {to} within {} s; does it reach the store, and is it an HTTP proxy?",
                seconds(*limit)
            ),
            Self::Cuts(words) => {
                let words = if words.is_empty() {
                    String::new()
                } else {
                    format!(" ({words})")
                };
                format!(
                    "opens no tunnel: it closed the connection without an answer to CONNECT {to}{words}; is it an HTTP proxy (http://, not https:// or SOCKS), and does it run well?"
                )
            }
            Self::Nonsense => format!(
                "opens no tunnel: what answers there does not speak HTTP to CONNECT {to}; check host and port in {named_by}"
            ),
        }
    }
}

/// As people say it: what is left of ten seconds after a moment is ten seconds.
fn seconds(limit: Duration) -> u128 {
    (limit.as_millis() + 500) / 1000
}

fn spaced(words: &str) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!(" {words}")
    }
}

fn credentials(proxy: &Proxy) -> String {
    let named_by = &proxy.named_by;
    match proxy.credentials {
        Credentials::Given => format!("it does not take those of {named_by}: correct them"),
        Credentials::None => format!("give them in {named_by}, as in http://user:password@{}", proxy.place),
        Credentials::Impossible => format!(
            "{named_by} takes none, because it is read inside of users' Pods: take it out, give the operator HTTPS_PROXY with http://user:password@{} (the chart's env, better from a Secret), and set spec.dataPath: Relay",
            proxy.place
        ),
    }
}

fn cure(status: u16) -> &'static str {
    match status {
        403 => "it has to allow CONNECT to this host and port",
        // tinyproxy says 500 of a host that it does not reach, others 502 to 504.
        500.. => "it does not reach the store: check spec.parameters.endpoint, and the way from the proxy to it",
        _ => "it has to be a proxy that opens tunnels (CONNECT), and to allow one to this host and port",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(credentials: Credentials, why: Why) -> String {
        NoTunnel {
            proxy: Proxy {
                place: "proxy:3128".into(),
                named_by: "HTTPS_PROXY".into(),
                credentials,
            },
            to: "s3:443".into(),
            why,
        }
        .to_string()
    }

    #[test]
    fn each_refusal_names_the_proxy_what_it_did_and_the_cure_that_fits() {
        let limit = Duration::from_millis(19_980);
        for (why, says, cure) in [
            (Why::NotFound, "its name is not found", "check the host in HTTPS_PROXY"),
            (Why::Refuses, "refuses connections", "check the port in HTTPS_PROXY"),
            (Why::Silent(limit), "within 20 s", "firewall or network policy"),
            (Why::Unconnected("no route".into()), "no route", "check HTTPS_PROXY"),
            (
                Why::Answered(403, "Filtered".into()),
                "CONNECT s3:443 with 403 Filtered",
                "allow CONNECT",
            ),
            (
                Why::Answered(502, String::new()),
                "with 502;",
                "does not reach the store",
            ),
            (Why::Answered(405, String::new()), "with 405;", "opens tunnels"),
            (
                Why::Hangs(limit),
                "did not answer CONNECT s3:443 within 20 s",
                "reach the store",
            ),
            (Why::Cuts(String::new()), "closed the connection", "is it an HTTP proxy"),
            (Why::Nonsense, "does not speak HTTP", "host and port in HTTPS_PROXY"),
        ] {
            let words = told(Credentials::None, why);
            assert!(words.starts_with("the proxy proxy:3128 (of HTTPS_PROXY) "), "{words}");
            assert!(words.contains(says) && words.contains(cure), "{words}");
            let refuses = says.contains("403") || says.contains("405");
            assert_eq!(words.contains("allow"), refuses, "{words}");
        }
    }

    #[test]
    fn a_proxy_that_wants_credentials_is_told_how_to_get_them() {
        let asks = Why::Answered(407, "Proxy Authentication Required".into());
        for (credentials, cure) in [
            (Credentials::Given, "does not take those of HTTPS_PROXY: correct them"),
            (Credentials::None, "as in http://user:password@proxy:3128"),
            (Credentials::Impossible, "spec.dataPath: Relay"),
        ] {
            let words = told(credentials, asks.clone());
            assert!(
                words.contains("asks for a user and a password (407 Proxy") && words.contains(cure),
                "{words}"
            );
        }
    }
}
