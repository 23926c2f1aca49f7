//! Go's `net/url`, as far as `urlParse`, `urlJoin` and `urlquery` show it.
use std::net::Ipv6Addr;

/// Where a piece of an address stands; each has its own characters that stand for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The path.
    Path,
    /// Host and port.
    Host,
    /// User and password.
    User,
    /// A query's key or value.
    Query,
    /// Behind `#`.
    Fragment,
}

fn stands(byte: u8, place: Place) -> bool {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => true,
        b'!' | b'(' | b')' | b'*' => matches!(place, Place::Host | Place::Fragment),
        b'"' | b'\'' | b'<' | b'>' | b'[' | b']' => place == Place::Host,
        b'$' | b'&' | b'+' | b',' | b';' | b'=' => place != Place::Query,
        b':' => matches!(place, Place::Path | Place::Host | Place::Fragment),
        b'@' => matches!(place, Place::Path | Place::Fragment),
        b'/' => matches!(place, Place::Path | Place::Fragment),
        b'?' => place == Place::Fragment,
        _ => false,
    }
}

/// Escapes what does not stand for itself.
pub fn escape(text: &str, place: Place) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if stands(byte, place) {
            out.push(char::from(byte));
        } else if byte == b' ' && place == Place::Query {
            out.push('+');
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn unescape(text: &str, place: Place) -> Result<String, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let digit = |index: usize| after.get(index).and_then(|b| char::from(*b).to_digit(16));
            let code = digit(0).zip(digit(1)).and_then(|(a, b)| u8::try_from(a * 16 + b).ok());
            let Some(code) = code else {
                return Err("an escape %XX with two hexadecimal digits is wanted".into());
            };
            if place == Place::Host && code < 0x80 && code != b'%' {
                return Err("a host has an escape for what is ASCII".into());
            }
            rest = after.get(2..).unwrap_or_default();
            out.push(code);
        } else if place == Place::Host && byte < 0x80 && !stands(byte, place) {
            return Err(format!("the character {:?} cannot stand in a host", char::from(byte)));
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).map_err(|_| "what is escaped is not UTF-8".into())
}

/// User and password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    name: String,
    password: Option<String>,
}

impl User {
    /// As it stands in an address.
    pub fn text(&self) -> String {
        let name = escape(&self.name, Place::User);
        match &self.password {
            Some(password) => format!("{name}:{}", escape(password, Place::User)),
            None => name,
        }
    }
}

/// An address in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    pub scheme: String,
    pub opaque: String,
    pub user: Option<User>,
    pub host: String,
    pub path: String,
    pub query: String,
    pub fragment: String,
}

impl Url {
    /// Reads an address.
    ///
    /// # Errors
    /// What Go would not take.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        let mut url = Self {
            fragment: unescape(fragment, Place::Fragment)?,
            ..Self::default()
        };
        if text.bytes().any(|b| b < b' ' || b == 0x7f) {
            return Err("an address has no control characters".into());
        }
        if text == "*" {
            url.path = "*".into();
            return Ok(url);
        }
        let (scheme, rest) = scheme(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (mut rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        url.query = query.into();
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                url.opaque = rest.into();
                return Ok(url);
            }
            if rest.split('/').next().is_some_and(|first| first.contains(':')) {
                return Err("the first piece of a path without a scheme has a colon".into());
            }
        }
        if (!url.scheme.is_empty() || !rest.starts_with("///"))
            && let Some(after) = rest.strip_prefix("//")
        {
            let end = after.find('/').unwrap_or(after.len());
            let (authority, path) = after.split_at_checked(end).unwrap_or((after, ""));
            rest = path;
            let host = match authority.rsplit_once('@') {
                Some((user, host)) => {
                    url.user = Some(parse_user(user)?);
                    host
                }
                None => authority,
            };
            url.host = parse_host(&url.scheme, host)?;
        }
        url.path = unescape(rest, Place::Path)?;
        Ok(url)
    }

    /// The host without its port and brackets.
    pub fn hostname(&self) -> &str {
        let host = match self.host.rfind(':') {
            Some(colon) if is_port(self.host.get(colon..).unwrap_or_default()) => {
                self.host.get(..colon).unwrap_or_default()
            }
            _ => &self.host,
        };
        host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
    }

    /// The address as a text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if !self.scheme.is_empty() {
            out.push_str(&self.scheme);
            out.push(':');
        }
        if self.opaque.is_empty() {
            if !self.scheme.is_empty() || !self.host.is_empty() || self.user.is_some() {
                if !self.host.is_empty() || !self.path.is_empty() || self.user.is_some() {
                    out.push_str("//");
                }
                if let Some(user) = &self.user {
                    out.push_str(&user.text());
                    out.push('@');
                }
                out.push_str(&escape(&self.host, Place::Host));
            }
            let path = if self.path == "*" {
                "*".into()
            } else {
                escape(&self.path, Place::Path)
            };
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                out.push('/');
            }
            if out.is_empty() && path.split('/').next().is_some_and(|first| first.contains(':')) {
                out.push_str("./");
            }
            out.push_str(&path);
        } else {
            out.push_str(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push('?');
            out.push_str(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push('#');
            out.push_str(&escape(&self.fragment, Place::Fragment));
        }
        out
    }
}

fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if index > 0 => {}
            b':' if index == 0 => return Err("the scheme before the colon is missing".into()),
            b':' => {
                let (scheme, rest) = text.split_at_checked(index).unwrap_or(("", text));
                return Ok((scheme, rest.strip_prefix(':').unwrap_or(rest)));
            }
            _ => break,
        }
    }
    Ok(("", text))
}

/// Reads user and password.
fn parse_user(text: &str) -> Result<User, String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b);
    if !text.bytes().all(good) {
        return Err("the user has a character that has to be escaped".into());
    }
    Ok(match text.split_once(':') {
        None => User {
            name: unescape(text, Place::User)?,
            password: None,
        },
        Some((name, password)) => User {
            name: unescape(name, Place::User)?,
            password: Some(unescape(password, Place::User)?),
        },
    })
}

fn is_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
}

fn parse_host(scheme: &str, host: &str) -> Result<String, String> {
    let port = |text: &str| {
        if is_port(text) {
            Ok(())
        } else {
            Err(format!("{text:?} is no port"))
        }
    };
    if let Some(inner) = host.strip_prefix('[') {
        let (address, behind) = inner.rsplit_once(']').ok_or("the ] of an address is missing")?;
        port(behind)?;
        // Zones of addresses, and escapes in them, are nobody's path.
        if address.parse::<Ipv6Addr>().is_err() {
            return Err(format!("{address:?} is no IPv6 address"));
        }
        return Ok(host.into());
    }
    if host.contains('[') {
        return Err("a [ stands within the host".into());
    }
    let colon = match scheme {
        "http" | "https" => host.find(':'),
        _ => host.rfind(':'),
    };
    if let Some(colon) = colon {
        port(host.get(colon..).unwrap_or_default())?;
    }
    unescape(host, Place::Host)
}
