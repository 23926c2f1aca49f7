//! What an account does without its keys: the operator's requests carry Entra's token, and a user delegation key, which that token is
//! given, signs for Pods. Such a SAS binds headers and query from this version on: with MD5, `comp` and `blockid` in it, it is good for
//! one block. Not tried on the real service; emulators know no bound headers.
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::signer::{self, AccountKey, Target};
use super::{Container, without_mark};
use crate::error::{StoreError, StoreErrorKind};
use crate::secret::Secret;
use crate::signing::{Pairs, Signed};
use crate::xml;

/// The first version whose SAS bind headers and query; what binds neither has an older one, whose form emulators know, too.
const BINDS: &str = "2026-04-06";
/// How long a key is asked for. The service takes seven days at most.
const LIFE: SignedDuration = SignedDuration::from_hours(6);
/// What is left of it when the next one is asked for.
const LEFT: SignedDuration = SignedDuration::from_hours(1);
/// It is good from a little before now on: clocks differ.
const BEFORE: SignedDuration = SignedDuration::from_mins(15);
const STEP: &str = "get a delegation key";

/// A token, and the delegation key that it was given. Clones hold the same.
#[derive(Clone)]
pub(super) struct Token {
    bearer: Secret,
    held: Arc<Mutex<Option<Arc<Delegation>>>>,
}

/// A user delegation key: whose it is, and how long.
pub(super) struct Delegation {
    object: String,
    tenant: String,
    start: String,
    expiry: String,
    service: String,
    version: String,
    key: AccountKey,
}

/// What a SAS opens.
pub(super) struct Opens<'a> {
    pub(super) key: &'a str,
    /// One version of it.
    pub(super) version: Option<&'a str>,
    /// Letters of rights.
    pub(super) rights: &'static str,
    /// All of it has to be sent.
    pub(super) query: Pairs,
    /// Of these all but the length, which the client makes by itself.
    pub(super) headers: Pairs,
}

impl Opens<'_> {
    /// The version of its SAS.
    fn form(&self) -> &'static str {
        match self.headers.is_empty() && self.query.is_empty() {
            true => signer::VERSION,
            false => BINDS,
        }
    }
}

impl Token {
    pub(super) fn new(bearer: Secret) -> Self {
        Self {
            bearer,
            held: Arc::default(),
        }
    }

    /// A request of the operator's own.
    pub(super) fn request(&self, url: String, mut headers: Pairs, version: &str, now: Timestamp) -> Signed {
        headers.insert("x-ms-date".into(), signer::date(signer::LONGEST, now));
        headers.insert("x-ms-version".into(), version.into());
        headers.insert("authorization".into(), format!("Bearer {}", self.bearer.reveal()));
        Signed {
            url: Secret::new(url),
            headers: headers.into_iter().collect(),
        }
    }
}

impl Container {
    /// The key that is held, or a new one. One asks for all that wait.
    pub(super) async fn delegation(&self, token: &Token, now: Timestamp) -> Result<Arc<Delegation>, StoreError> {
        let mut held = token.held.lock().await;
        if let Some(found) = held.as_ref().filter(|found| !found.is_due(now)) {
            return Ok(found.clone());
        }
        let at = |span: SignedDuration| signer::second(now.checked_add(span).unwrap_or(now));
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><KeyInfo><Start>{}</Start><Expiry>{}</Expiry></KeyInfo>",
            at(-BEFORE),
            at(LIFE)
        );
        let url = format!(
            "{}{}/?comp=userdelegationkey&restype=service",
            self.target.origin, self.target.path
        );
        let headers = Pairs::from([
            ("content-length".to_string(), body.len().to_string()),
            ("content-type".to_string(), "application/xml".to_string()),
        ]);
        let request = token.request(url, headers, signer::VERSION, now);
        let body = Bytes::from(body);
        let answer = self
            .exchange(STEP, http::Method::POST, &request, body, super::ANSWER)
            .await?;
        let given = Arc::new(Delegation::read(without_mark(&answer.body)).ok_or_else(|| {
            let why = "the store's answer has no user delegation key";
            StoreError::new(STEP, StoreErrorKind::Refused, why)
        })?);
        *held = Some(given.clone());
        Ok(given)
    }
}

impl Delegation {
    fn read(body: &[u8]) -> Option<Self> {
        let named = |name: &str| xml::text_of(body, name).filter(|text| !text.is_empty());
        Some(Self {
            object: named("SignedOid")?,
            tenant: named("SignedTid")?,
            start: named("SignedStart")?,
            expiry: named("SignedExpiry")?,
            service: named("SignedService")?,
            version: named("SignedVersion")?,
            key: AccountKey::new(&named("Value")?)?,
        })
    }

    fn ends(&self) -> Timestamp {
        self.expiry.parse().unwrap_or(Timestamp::MIN)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.ends().duration_since(now) < LEFT
    }

    /// A URL of a user delegation SAS. It does not outlive the key.
    pub(super) fn sign(&self, target: &Target, opens: Opens<'_>, expires: Duration, now: Timestamp) -> Signed {
        let until = SignedDuration::try_from(expires).unwrap_or(SignedDuration::ZERO);
        let until = signer::second(now.checked_add(until).unwrap_or(now).min(self.ends()));
        let protocol = if target.is_https() { "https" } else { "https,http" };
        let resource = if opens.version.is_some() { "bv" } else { "b" };
        let text = self.string_to_sign(target, &opens, &until, protocol, resource);
        let version = opens.form();
        let names = |pairs: &Pairs| {
            pairs
                .keys()
                .map(|name| signer::encoded(name))
                .collect::<Vec<_>>()
                .join(",")
        };
        let (headers, query) = (names(&bound(&opens.headers)), names(&opens.query));
        let mut all: Vec<(String, String)> = opens.query.into_iter().collect();
        all.extend(opens.version.map(|id| ("versionid".into(), id.into())));
        let told = [
            ("sv", version),
            ("sr", resource),
            ("sp", opens.rights),
            ("se", &until),
            ("spr", protocol),
            ("skoid", &self.object),
            ("sktid", &self.tenant),
            ("skt", &self.start),
            ("ske", &self.expiry),
            ("sks", &self.service),
            ("skv", &self.version),
        ];
        all.extend(told.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let signature = signer::encoded(&self.key.sign(&text));
        let mut url = target.url(opens.key, &all);
        // Names between commas that are no part of them.
        for (name, value) in [("srh", headers), ("srq", query), ("sig", signature)] {
            if !value.is_empty() {
                url.push_str(&format!("&{name}={value}"));
            }
        }
        Signed {
            url: Secret::new(url),
            headers: opens.headers.into_iter().collect(),
        }
    }

    fn string_to_sign(
        &self,
        target: &Target,
        opens: &Opens<'_>,
        until: &str,
        protocol: &str,
        resource: &str,
    ) -> String {
        let headers: String = bound(&opens.headers)
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let query: String = opens
            .query
            .iter()
            .map(|(name, value)| format!("\n{name}:{value}"))
            .collect();
        let name = target.name_of(opens.key);
        let version = opens.form();
        let mut all = vec![
            opens.rights,
            "",
            until,
            &name,
            &self.object,
            &self.tenant,
            &self.start,
            &self.expiry,
            &self.service,
            &self.version,
            // Who else may use it, or must not; what it is called.
            "",
            "",
            "",
        ];
        if version == BINDS {
            // Whom the key was delegated to.
            all.extend(["", ""]);
        }
        // From where; and, behind the version of the blob, the scope of encryption.
        all.extend(["", protocol, version, resource, opens.version.unwrap_or_default(), ""]);
        if version == BINDS {
            all.extend([headers.as_str(), &query]);
        }
        // Headers of the answer.
        all.extend([""; 5]);
        all.join("\n")
    }
}

fn bound(headers: &Pairs) -> Pairs {
    let mut bound = headers.clone();
    bound.remove("content-length");
    bound
}

#[cfg(test)]
mod azurite;
#[cfg(test)]
mod tests;
