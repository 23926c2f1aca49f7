//! Azure's Shared Key, as far as a container is made with it: nothing of the product's own signer.
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac;

use crate::exchange::{Answer, exchange};

/// A secret as the key of an account.
pub fn account_key(secret: &str) -> String {
    BASE64_STANDARD.encode(secret)
}

/// Makes a container.
pub(crate) fn make_container(address: &str, account: &str, secret: &str, name: &str) -> Option<Answer> {
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let path = format!("/{account}/{name}");
    let headers = format!("x-ms-date:{date}\nx-ms-version:2021-12-02\n");
    let text = format!("PUT\n\n\n\n\n\n\n\n\n\n\n\n{headers}/{account}{path}\nrestype:container");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    let headers = [
        ("x-ms-date", date),
        ("x-ms-version", "2021-12-02".to_owned()),
        ("content-length", "0".to_owned()),
        ("authorization", format!("SharedKey {account}:{signature}")),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value));
    exchange(
        "PUT",
        &format!("http://{address}{path}?restype=container"),
        &headers,
        b"",
    )
}
