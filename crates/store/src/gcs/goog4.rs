//! Google's signature of a request in its URL (`GOOG4-RSA-SHA256`, "V4 signing process").
use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::digest;
use url::Url;

use crate::signing::Pairs;

const ALGORITHM: &str = "GOOG4-RSA-SHA256";
/// Google takes no longer life.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is signed.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// Without a query, its path escaped.
    pub(crate) target: &'a Url,
    pub(crate) query: &'a Pairs,
    /// Names in small letters; without the host's.
    pub(crate) headers: &'a Pairs,
    pub(crate) account: &'a str,
    pub(crate) expires: Duration,
    pub(crate) now: Timestamp,
}

/// A request that lacks its signature.
pub(crate) struct Draft {
    base: String,
    query: String,
    /// What is to be signed.
    pub(crate) text: String,
}

impl Request<'_> {
    pub(crate) fn draft(&self) -> Draft {
        let time = self.now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{}/auto/storage/goog4_request", self.now.strftime("%Y%m%d"));
        let mut headers = self.headers.clone();
        // Without its port, as Google's vectors have it.
        let host = self.target.host_str().unwrap_or_default();
        headers.insert("host".to_owned(), host.to_owned());
        let names = headers.keys().map(String::as_str).collect::<Vec<_>>().join(";");
        let mut query = self.query.clone();
        for (name, value) in [
            ("X-Goog-Algorithm", ALGORITHM.to_owned()),
            ("X-Goog-Credential", format!("{}/{scope}", self.account)),
            ("X-Goog-Date", time.clone()),
            (
                "X-Goog-Expires",
                self.expires
                    .clamp(Duration::from_secs(1), LONGEST)
                    .as_secs()
                    .to_string(),
            ),
            ("X-Goog-SignedHeaders", names.clone()),
        ] {
            query.insert(name.to_owned(), value);
        }
        let query = self::query(query.iter());
        let mut lines = String::new();
        for (name, value) in &headers {
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(lines, "{name}:{value}");
        }
        let payload = headers
            .get("x-goog-content-sha256")
            .map_or("UNSIGNED-PAYLOAD", String::as_str);
        let canonical = format!(
            "{}\n{}\n{query}\n{lines}\n{names}\n{payload}",
            self.method,
            self.target.path()
        );
        let mut base = self.target.clone();
        base.set_query(None);
        Draft {
            base: base.into(),
            query,
            text: format!(
                "{ALGORITHM}\n{time}\n{scope}\n{}",
                hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
            ),
        }
    }
}

impl Draft {
    pub(crate) fn url(&self, signature: &[u8]) -> String {
        format!("{}?{}&X-Goog-Signature={}", self.base, self.query, hex(signature))
    }
}

/// Escaped, and in the order of what comes of that.
pub(crate) fn query<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let escaped = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let mut all: Vec<_> = pairs.map(|(k, v)| (escaped(k), escaped(v))).collect();
    all.sort();
    let all: Vec<_> = all.into_iter().map(|(k, v)| format!("{k}={v}")).collect();
    all.join("&")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
