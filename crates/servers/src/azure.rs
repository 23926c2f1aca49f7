//! Azure's Shared Key, for what tests do straight: nothing of the product's own signer.
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac;

use crate::exchange::{Answer, exchange};
use crate::running::{Running, SECRET_KEY};

/// A secret as the key of an account.
pub fn account_key(secret: &str) -> String {
    BASE64_STANDARD.encode(secret)
}

/// A signature by that secret, base64.
pub fn azure_signature(text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET_KEY.as_bytes());
    BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

impl Running {
    /// The same of the server's account.
    pub fn azure(
        &self,
        verb: &str,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        azure_request(&self.address, self.server.access_key, verb, path, query, headers, body)
    }
}

/// A request of the account's owner to a path below the account; query in the order of its names.
pub fn azure_request(
    address: &str,
    account: &str,
    verb: &str,
    path: &str,
    query: &[(&str, &str)],
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let path = format!("/{account}{path}");
    let own = [("x-ms-date", date.as_str()), ("x-ms-version", "2021-12-02")];
    let mut named: Vec<_> = headers.iter().copied().chain(own).collect();
    named.sort_unstable();
    let value = |name: &str| headers.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value);
    let length = body.len().to_string();
    let length = if body.is_empty() { "" } else { &length };
    let (md5, kind) = (value("content-md5"), value("content-type"));
    let mut text = format!("{verb}\n\n\n{length}\n{md5}\n{kind}\n");
    for name in [
        "date",
        "if-modified-since",
        "if-match",
        "if-none-match",
        "if-unmodified-since",
        "range",
    ] {
        text.push_str(&format!("{}\n", value(name)));
    }
    let of_azure = named.iter().filter(|(name, _)| name.starts_with("x-ms-"));
    text.extend(of_azure.map(|(name, value)| format!("{name}:{value}\n")));
    text.push_str(&format!("/{account}{path}"));
    text.extend(query.iter().map(|(name, value)| format!("\n{name}:{value}")));
    let authorization = format!("SharedKey {account}:{}", azure_signature(&text));
    let length = body.len().to_string();
    let more = [("content-length", length.as_str()), ("authorization", &authorization)];
    let all = named.iter().copied().chain(more);
    let all: Vec<_> = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let query: Vec<_> = query
        .iter()
        .map(|(name, value)| format!("{name}={}", value.replace('+', "%2B")))
        .collect();
    let url = format!("http://{address}{path}?{}", query.join("&"));
    exchange(verb, &url, &all, body)
}
