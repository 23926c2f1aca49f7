//! Signs single requests by the account's key (Shared Key), and reads by a service SAS. A SAS to write would open more than one thing:
//! its holder could put a blob whole where a block was meant, and the blob would be visible.
use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

use crate::error::{StoreError, StoreErrorKind};
use crate::secret::Secret;
use crate::signing::{Pairs, Signed};

/// Of the requests; it knows blocks of 4,000 MiB, versions and the tier Cold.
pub(super) const VERSION: &str = "2021-12-02";
/// Azure takes requests whose date is 15 minutes old at most; a minute is for clocks that differ.
pub(super) const LONGEST: Duration = Duration::from_secs(14 * 60);

/// RFC 3986's unreserved characters stay as they are.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// And a path's slashes.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// Headers that Shared Key signs in this order, beside those that begin with `x-ms-`.
const SIGNED: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// Where requests go.
#[derive(Clone)]
pub(super) struct Target {
    /// Scheme, host and port.
    pub(super) origin: String,
    /// What the endpoint has behind it: nothing, or the account.
    pub(super) path: String,
    pub(super) account: String,
    pub(super) container: String,
}

impl Target {
    /// The path of a blob; of the container where `key` is empty.
    fn path_of(&self, key: &str) -> String {
        let key = utf8_percent_encode(key, PATH).to_string();
        let slash = if key.is_empty() { "" } else { "/" };
        format!("{}/{}{slash}{key}", self.path, self.container)
    }

    /// Its URL.
    pub(super) fn url(&self, key: &str, query: &[(String, String)]) -> String {
        let mut url = format!("{}{}", self.origin, self.path_of(key));
        for (i, (name, value)) in query.iter().enumerate() {
            let mark = if i == 0 { '?' } else { '&' };
            url.push_str(&format!("{mark}{name}={}", encoded(value)));
        }
        url
    }

    /// As a SAS names it, whatever the endpoint's path is.
    pub(super) fn name_of(&self, key: &str) -> String {
        format!("/blob/{}/{}/{key}", self.account, self.container)
    }

    /// Over TLS.
    pub(super) fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }
}

/// A value in a query.
pub(super) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, QUERY).to_string()
}

/// As SAS have their times.
pub(super) fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The Date of a request that is good for so long: Azure counts from there, so that it lies behind for what is to be good for less.
pub(super) fn date(expires: Duration, now: Timestamp) -> String {
    let behind = LONGEST.saturating_sub(expires);
    let behind = SignedDuration::try_from(behind).unwrap_or_default();
    let at = now.checked_sub(behind).unwrap_or(now);
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A segment that a server resolves leads to another blob, or another container. Paths with such are refused long before; this is the
/// last wall.
pub(super) fn confined(key: &str) -> Result<(), StoreError> {
    if key.split('/').all(|segment| segment != "." && segment != "..") {
        return Ok(());
    }
    let why = format!("the key {key:?} has a . or .. segment");
    Err(StoreError::new("sign", StoreErrorKind::Configuration, why))
}

/// One request.
pub(super) struct Request<'a> {
    pub(super) verb: &'a str,
    /// Of the blob; empty for the container.
    pub(super) key: &'a str,
    pub(super) query: Pairs,
    pub(super) headers: Pairs,
}

/// The account's key.
#[derive(Clone)]
pub(super) struct AccountKey(hmac::Key);

impl AccountKey {
    /// None: it is not base64, as account keys are.
    pub(super) fn new(base64: &str) -> Option<Self> {
        let key = BASE64_STANDARD.decode(base64).ok().filter(|key| !key.is_empty())?;
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// A signature, base64.
    pub(super) fn sign(&self, text: &str) -> String {
        BASE64_STANDARD.encode(hmac::sign(&self.0, text.as_bytes()))
    }

    /// A request that can be sent as it is and in no other way.
    pub(super) fn request(&self, target: &Target, asked: Request<'_>, expires: Duration, now: Timestamp) -> Signed {
        let mut headers = asked.headers;
        headers.insert("x-ms-date".into(), date(expires, now));
        headers.insert("x-ms-version".into(), VERSION.into());
        let text = string_to_sign(target, asked.verb, asked.key, &asked.query, &headers);
        let authorization = format!("SharedKey {}:{}", target.account, self.sign(&text));
        headers.insert("authorization".into(), authorization);
        let query: Vec<_> = asked.query.into_iter().collect();
        Signed {
            url: Secret::new(target.url(asked.key, &query)),
            headers: headers.into_iter().collect(),
        }
    }

    /// A URL that reads one blob, or one version of it.
    pub(super) fn read(
        &self,
        target: &Target,
        key: &str,
        version: Option<&str>,
        expires: Duration,
        now: Timestamp,
    ) -> Signed {
        let until = SignedDuration::try_from(expires).unwrap_or(SignedDuration::ZERO);
        let until = second(now.checked_add(until).unwrap_or(now));
        let protocol = if target.is_https() { "https" } else { "https,http" };
        let resource = if version.is_some() { "bv" } else { "b" };
        let name = target.name_of(key);
        let text = [
            "r",
            "",
            &until,
            &name,
            "",
            "",
            protocol,
            VERSION,
            resource,
            version.unwrap_or_default(),
            "",
            "",
            "",
            "",
            "",
            "",
        ]
        .join("\n");
        let mut query: Vec<(String, String)> = version.map(|id| ("versionid".into(), id.into())).into_iter().collect();
        let told = [
            ("sv", VERSION),
            ("sr", resource),
            ("sp", "r"),
            ("se", until.as_str()),
            ("spr", protocol),
        ];
        query.extend(told.map(|(name, value)| (name.to_owned(), value.to_owned())));
        query.push(("sig".into(), self.sign(&text)));
        Signed {
            url: Secret::new(target.url(key, &query)),
            headers: Vec::new(),
        }
    }
}

fn string_to_sign(target: &Target, verb: &str, key: &str, query: &Pairs, headers: &Pairs) -> String {
    let mut text = verb.to_owned();
    for name in SIGNED {
        let value = headers.get(name).map_or("", String::as_str);
        // A length of nothing is signed as none.
        let value = if name == "content-length" && value == "0" {
            ""
        } else {
            value
        };
        text.push('\n');
        text.push_str(value);
    }
    text.push('\n');
    for (name, value) in headers.iter().filter(|(name, _)| name.starts_with("x-ms-")) {
        text.push_str(&format!("{name}:{value}\n"));
    }
    text.push_str(&format!("/{}{}", target.account, target.path_of(key)));
    for (name, value) in query {
        text.push_str(&format!("\n{name}:{value}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Target {
        Target {
            origin: "https://acct.blob.core.windows.net".into(),
            path: path.into(),
            account: "acct".into(),
            container: "c".into(),
        }
    }

    fn pairs(all: &[(&str, &str)]) -> Pairs {
        all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn everything_that_could_be_changed_is_in_the_string_to_sign() {
        let query = pairs(&[("comp", "block"), ("blockid", "AA==")]);
        let headers = pairs(&[
            ("content-length", "5"),
            ("content-md5", "bWQ1"),
            ("x-ms-date", "d"),
            ("x-ms-version", "v"),
        ]);
        let text = string_to_sign(&target(""), "PUT", "a b/ü", &query, &headers);
        assert_eq!(
            text,
            "PUT\n\n\n5\nbWQ1\n\n\n\n\n\n\n\nx-ms-date:d\nx-ms-version:v\n/acct/c/a%20b/%C3%BC\nblockid:AA==\ncomp:block"
        );
        let nothing = pairs(&[("content-length", "0"), ("range", "bytes=0-1"), ("if-match", "\"e\"")]);
        let text = string_to_sign(&target("/acct"), "PUT", "", &Pairs::new(), &nothing);
        assert_eq!(text, "PUT\n\n\n\n\n\n\n\n\"e\"\n\n\nbytes=0-1\n/acct/acct/c");
    }

    #[test]
    fn a_request_that_is_good_for_less_is_dated_back() {
        let now = Timestamp::from_second(1_000_000_000).unwrap();
        for (seconds, expected) in [
            (14 * 60, "Sun, 09 Sep 2001 01:46:40 GMT"),
            (15 * 60, "Sun, 09 Sep 2001 01:46:40 GMT"),
            (4 * 60, "Sun, 09 Sep 2001 01:36:40 GMT"),
            (0, "Sun, 09 Sep 2001 01:32:40 GMT"),
        ] {
            assert_eq!(date(Duration::from_secs(seconds), now), expected, "{seconds}");
        }
    }

    #[test]
    fn a_url_to_read_names_one_blob_one_right_and_one_end() {
        let key = AccountKey::new("a2V5").unwrap();
        let now = Timestamp::from_second(1_000_000_000).unwrap();
        let read = |version| key.read(&target(""), "a/b+c", version, Duration::from_secs(60), now);
        let url = read(None).url.reveal().to_owned();
        let begins = "https://acct.blob.core.windows.net/c/a/b%2Bc?sv=2021-12-02&sr=b&sp=r&se=2001-09-09T01%3A47%3A40Z&spr=https&sig=";
        assert!(url.starts_with(begins), "{url}");
        let url = read(Some("2026-01-01T00:00:00.0000000Z")).url.reveal().to_owned();
        assert!(
            url.contains("?versionid=2026-01-01T00%3A00%3A00.0000000Z&") && url.contains("&sr=bv&"),
            "{url}"
        );
        assert!(read(None).headers.is_empty());
    }

    #[test]
    fn a_key_that_a_server_would_resolve_is_not_signed() {
        for (key, good) in [
            ("a/b", true),
            ("a/..b/.c", true),
            ("..", false),
            ("a/../b", false),
            ("a/./b", false),
            ("a/..", false),
        ] {
            assert_eq!(confined(key).is_ok(), good, "{key}");
        }
    }

    #[test]
    fn what_is_no_account_key_makes_no_signer() {
        assert!(AccountKey::new("").is_none() && AccountKey::new("not base64!").is_none());
    }
}
