//! `--notification-hosts`: where the notifications of schedules may go.
use std::fmt;
use std::str::FromStr;

/// What marks a host that may have private addresses.
const PRIVATE: &str = "+private";

/// The hosts that an installation allows; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Vec<Pattern>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// In small letters, without the `*.` of a wildcard.
    host: String,
    /// Every name below it, and not itself.
    below: bool,
    private: bool,
}

/// What a listed host may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Also an address of a private network.
    pub private: bool,
}

/// A text that is no list of hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no host: each of the list is a name (hooks.slack.com), all names below one (*.example.com) or an IP address, without scheme, port and path; with {PRIVATE} after it where it is in a private network"
)]
pub struct NoHost(String);

impl FromStr for Hosts {
    type Err = NoHost;

    /// Hosts with commas between them; nothing is none.
    fn from_str(text: &str) -> Result<Self, NoHost> {
        let each = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        each.map(pattern).collect::<Result<_, _>>().map(Self)
    }
}

fn pattern(text: &str) -> Result<Pattern, NoHost> {
    let wrong = || NoHost(text.to_string());
    let (host, private) = match text.strip_suffix(PRIVATE) {
        Some(host) => (host, true),
        None => (text, false),
    };
    let (host, below) = match host.strip_prefix("*.") {
        Some(host) => (host, true),
        None => (host, false),
    };
    let host = plain(host);
    if !(is_name(&host) || !below && is_address(&host)) {
        return Err(wrong());
    }
    Ok(Pattern { host, below, private })
}

/// A host as it is compared: small letters, no dot at its end, no brackets.
fn plain(host: &str) -> String {
    let host = host.strip_suffix('.').unwrap_or(host);
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    host.to_ascii_lowercase()
}

fn is_address(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_ok()
}

/// Whether a host is a name: labels of letters, digits and dashes, of which the last is no number. A number there is read as an IPv4
/// address by some resolvers (`127.1`, `2130706433`, `0x7f.1`).
pub fn is_name(host: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let number = last.chars().next().is_some_and(|c| c.is_ascii_digit());
    host.len() <= 253 && host.split('.').all(label) && !number
}

/// Whether a host can be asked for at all: a name, or an IP address as it is usually written.
pub fn is_host(host: &str) -> bool {
    let host = plain(host);
    is_name(&host) || is_address(&host)
}

impl Hosts {
    /// Whether there are none: then schedules tell nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a host is listed, and as what. A name that is listed itself counts before one above it.
    pub fn allow(&self, host: &str) -> Option<Allowed> {
        let host = plain(host);
        let exact = self.0.iter().find(|p| !p.below && p.host == host);
        let below = |p: &&Pattern| {
            let rest = host.strip_suffix(p.host.as_str());
            p.below && rest.is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        };
        let found = exact.or_else(|| self.0.iter().filter(below).max_by_key(|p| p.host.len()))?;
        Some(Allowed { private: found.private })
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, p) in self.0.iter().enumerate() {
            let comma = if n > 0 { ", " } else { "" };
            let below = if p.below { "*." } else { "" };
            let private = if p.private { PRIVATE } else { "" };
            write!(f, "{comma}{below}{}{private}", p.host)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_listed_by_itself_or_by_a_name_above_it() {
        let hosts: Hosts = "hooks.slack.com, *.Example.com,*.corp.example.com+private, 10.0.0.7+private,[fd00::7]"
            .parse()
            .unwrap();
        let (open, private) = (Some(Allowed { private: false }), Some(Allowed { private: true }));
        for (host, wanted) in [
            ("hooks.slack.com", open),
            ("HOOKS.slack.com.", open),
            ("a.hooks.slack.com", None),
            ("evilhooks.slack.com", None),
            ("example.com", None),
            ("evilexample.com", None),
            ("a.example.com", open),
            ("a.b.example.com", open),
            (".example.com", None),
            ("alerts.corp.example.com", private),
            ("corp.example.com", open),
            ("10.0.0.7", private),
            ("10.0.0.8", None),
            ("[fd00::7]", open),
            ("", None),
        ] {
            assert_eq!(hosts.allow(host), wanted, "{host}");
        }
        assert!(Hosts::default().allow("a").is_none() && Hosts::default().is_empty());
        assert_eq!("".parse::<Hosts>().unwrap(), Hosts::default());
        assert!(hosts.to_string().contains("*.corp.example.com+private"), "{hosts}");
    }

    #[test]
    fn what_is_no_host_is_refused_with_what_would_be_one() {
        for text in [
            "https://hooks.slack.com",
            "a.example:443",
            "*",
            "*.",
            "*.10.0.0.1",
            "a..b",
            "a b",
            "127.1",
            "2130706433",
            "0x7f.0x1",
            "a+public",
        ] {
            let fault = text.parse::<Hosts>().unwrap_err().to_string();
            assert!(fault.contains("*.example.com") && fault.contains(text), "{fault}");
        }
    }

    #[test]
    fn an_address_that_is_written_oddly_is_no_host() {
        for (host, good) in [
            ("a.example", true),
            ("192.0.2.1", true),
            ("[2001:db8::1]", true),
            ("127.1", false),
            ("0177.0.0.1", false),
            ("0x7f000001", false),
            ("2130706433", false),
            ("a.1", false),
            ("a/b", false),
            ("", false),
        ] {
            assert_eq!(is_host(host), good, "{host}");
        }
    }
}
