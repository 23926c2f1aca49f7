//! A service account's key file, as Google gives it out, and what is signed with the key in it.
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Reading and writing objects, and nothing else of Google's.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// Where keys are exchanged for tokens, unless the file says it.
const TOKENS: &str = "https://oauth2.googleapis.com/token";
/// How long a token is asked for, seconds: the longest.
const LIFE: i64 = 3600;

/// A private key. Prints as `***`.
#[derive(Clone)]
pub(crate) struct Key {
    pair: Arc<RsaKeyPair>,
    text: Secret,
    id: String,
    /// Where it is exchanged for a token.
    pub(crate) tokens: Url,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.id == other.id && self.tokens == other.tokens
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What of the file is needed.
#[derive(Debug)]
pub(crate) struct KeyFile {
    pub(crate) account: String,
    pub(crate) key: Key,
}

impl KeyFile {
    /// Understands a file. The error does not repeat any of it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let wanted = "must be a service account's key file (gcloud iam service-accounts keys create)";
        let file: Value = serde_json::from_slice(bytes).map_err(|_| format!("{wanted}; it is no JSON"))?;
        let word = |name: &str| file.get(name).and_then(Value::as_str).filter(|word| !word.is_empty());
        match word("type") {
            Some("service_account") => {}
            Some("external_account") => {
                return Err(format!(
                    "{wanted}; it is the configuration of a federated identity, which is not served"
                ));
            }
            _ => return Err(format!("{wanted}; its type is not service_account")),
        }
        let needed = |name: &str| word(name).ok_or_else(|| format!("{wanted}; it has no {name}"));
        let account = needed("client_email")?;
        if !is_account(account) {
            return Err(format!("{wanted}; its client_email is no address of a service account"));
        }
        let tokens = Url::parse(word("token_uri").unwrap_or(TOKENS)).ok();
        let tokens = tokens.filter(|url| url.scheme() == "https" || is_near(url));
        let tokens = tokens.ok_or_else(|| format!("{wanted}; its token_uri is not https"))?;
        let text = Secret::new(needed("private_key")?);
        let pair =
            pair(text.reveal()).ok_or_else(|| format!("{wanted}; its private_key is no RSA key in PEM (PKCS #8)"))?;
        Ok(Self {
            account: account.to_owned(),
            key: Key {
                pair: Arc::new(pair),
                text,
                id: needed("private_key_id")?.to_owned(),
                tokens,
            },
        })
    }
}

/// `name@project.iam.gserviceaccount.com` and its kin: it becomes part of a URL.
pub(crate) fn is_account(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"@.-_".contains(&b);
    text.len() <= 256 && text.contains('@') && text.bytes().all(plain)
}

fn is_near(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    }
}

fn pair(pem: &str) -> Option<RsaKeyPair> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    let der = Zeroizing::new(BASE64_STANDARD.decode(body.as_bytes()).ok()?);
    RsaKeyPair::from_pkcs8(&der).ok()
}

impl Key {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub(crate) fn sign(&self, text: &[u8]) -> Result<Vec<u8>, String> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)
            .map_err(|_| "the key of the service account cannot sign".to_owned())?;
        Ok(signature)
    }

    /// What is exchanged for a token: a JWT that says whose the key is.
    pub(crate) fn assertion(&self, account: &str, now: Timestamp) -> Result<String, String> {
        let now = now.as_second();
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.id });
        let claims = json!({
            "iss": account, "scope": SCOPE, "aud": self.tokens.as_str(), "iat": now, "exp": now.saturating_add(LIFE),
        });
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = self.sign(text.as_bytes())?;
        Ok(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_key_is_refused_in_words_that_repeat_none_of_it() {
        let all: Value = serde_json::from_str(include_str!("goog4/vectors.json")).unwrap();
        let with = |name: &str, value: Value| {
            let mut file = all["key"].clone();
            file[name] = value;
            file.to_string()
        };
        assert!(KeyFile::parse(with("comment", Value::Null).as_bytes()).is_ok());
        for (file, says) in [
            ("hunter2".to_owned(), "no JSON"),
            (with("type", "authorized_user".into()), "type is not service_account"),
            (with("type", "external_account".into()), "federated identity"),
            (with("client_email", "a/../b@c".into()), "client_email is no address"),
            (with("client_email", Value::Null), "has no client_email"),
            (with("private_key", "hunter2".into()), "no RSA key in PEM"),
            (with("private_key_id", "".into()), "has no private_key_id"),
            (
                with("token_uri", "http://hunter2.example/token".into()),
                "token_uri is not https",
            ),
        ] {
            let refused = KeyFile::parse(file.as_bytes()).unwrap_err();
            assert!(refused.contains(says) && !refused.contains("hunter2"), "{refused}");
        }
        let file = KeyFile::parse(all["key"].to_string().as_bytes()).unwrap();
        assert!(!format!("{file:?}").contains("PRIVATE"));
    }
}
