//! Certificates that the operator makes, as they lie in their Secret: what serves, what will, and what is to be trusted.
//!
//! Each serving certificate is signed by an authority made for it alone, whose key is forgotten at once: nothing that could
//! sign another one is kept anywhere.
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use zeroize::Zeroizing;

/// How long a certificate is valid.
pub const VALID: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Keys of the Secret; the first three are those of a `kubernetes.io/tls` Secret.
const CHAIN: &str = "tls.crt";
const KEY: &str = "tls.key";
const TRUSTED: &str = "ca.crt";
const NEXT_CHAIN: &str = "next.crt";
const NEXT_KEY: &str = "next.key";
/// Annotations of the Secret: when each was made.
const MADE: &str = "backup-operator.io/made-at";
const NEXT_MADE: &str = "backup-operator.io/next-made-at";
/// On the Secret, by an administrator: make another certificate now. Removed when that has begun.
pub const ROTATE: &str = "backup-operator.io/rotate";

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("a certificate cannot be made: {0}")]
pub struct Error(#[from] rcgen::Error);

/// A certificate, its authority and its key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate and, after it, its authority.
    pub chain: String,
    /// The key of the certificate.
    pub key: Zeroizing<String>,
    /// When it was made.
    pub made: Timestamp,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pair {{ made: {} }}", self.made)
    }
}

impl Pair {
    /// Makes one for a Service of a namespace, and for `local` where its clients come through a `kubectl port-forward`, too.
    pub fn make(service: &str, namespace: &str, local: bool, now: Timestamp) -> Result<Self, Error> {
        let mut authority = CertificateParams::default();
        validity(&mut authority, now);
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        // Two authorities of one name would be told apart by their keys only.
        authority
            .distinguished_name
            .push(DnType::CommonName, format!("{service}.{namespace} authority {now}"));
        let authority_key = KeyPair::generate()?;
        let certificate = authority.self_signed(&authority_key)?;

        let name = format!("{service}.{namespace}.svc");
        let mut names = vec![name.clone(), format!("{name}.cluster.local")];
        if local {
            names.push("localhost".into());
        }
        let mut leaf = CertificateParams::new(names)?;
        validity(&mut leaf, now);
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let signed = leaf.signed_by(&key, &Issuer::from_params(&authority, &authority_key))?;
        Ok(Self {
            chain: signed.pem() + &certificate.pem(),
            key: Zeroizing::new(key.serialize_pem()),
            made: now,
        })
    }

    /// The authority of the chain: its last certificate.
    pub fn authority(&self) -> &str {
        let start = self.chain.rfind("-----BEGIN CERTIFICATE-----").unwrap_or_default();
        self.chain.get(start..).unwrap_or_default()
    }
}

/// From the day before, for clocks that are behind, to the day of the end. rcgen counts in days.
fn validity(parameters: &mut CertificateParams, now: Timestamp) {
    let day = |at: Timestamp| {
        let date = at.to_zoned(TimeZone::UTC).date();
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        date_time_ymd(date.year().into(), month, day)
    };
    let shifted = |by: SignedDuration| now.checked_add(by).unwrap_or(now);
    parameters.not_before = day(shifted(SignedDuration::from_hours(-24)));
    parameters.not_after = day(shifted(VALID));
}

/// What the Secret holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What is served with.
    pub serving: Pair,
    /// What will be served with, once its authority is trusted.
    pub next: Option<Pair>,
    /// Authorities that are to be trusted, as PEM, the oldest first.
    pub trusted: String,
}

impl Held {
    /// Reads a Secret; None where anything is missing or unreadable: then all is made anew.
    pub fn read(secret: &Secret) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let pair = |chain: &str, key: &str, made: &str| {
            Some(Pair {
                chain: text(data, chain)?,
                key: Zeroizing::new(text(data, key)?),
                made: secret.annotations().get(made)?.parse().ok()?,
            })
        };
        let held = Self {
            serving: pair(CHAIN, KEY, MADE)?,
            next: pair(NEXT_CHAIN, NEXT_KEY, NEXT_MADE),
            trusted: text(data, TRUSTED)?,
        };
        // What a hand has changed is not repaired but replaced.
        held.trusted.contains(held.serving.authority()).then_some(held)
    }

    /// What the Secret is to hold.
    pub fn data(&self) -> BTreeMap<String, ByteString> {
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        let mut data = BTreeMap::from([
            (CHAIN.to_string(), bytes(&self.serving.chain)),
            (KEY.to_string(), bytes(&self.serving.key)),
            (TRUSTED.to_string(), bytes(&self.trusted)),
        ]);
        if let Some(next) = &self.next {
            data.insert(NEXT_CHAIN.into(), bytes(&next.chain));
            data.insert(NEXT_KEY.into(), bytes(&next.key));
        }
        data
    }

    /// The annotations that belong to that.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::from([(MADE.to_string(), self.serving.made.to_string())]);
        if let Some(next) = &self.next {
            all.insert(NEXT_MADE.into(), next.made.to_string());
        }
        all
    }
}

fn text(data: &BTreeMap<String, ByteString>, key: &str) -> Option<String> {
    String::from_utf8(data.get(key)?.0.clone()).ok()
}

#[cfg(test)]
mod tests {
    use kube::core::ObjectMeta;

    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_what_a_hand_has_changed_is_not() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let pair = |n: i64| Pair::make("webhook", "ours", false, now + SignedDuration::from_hours(n)).unwrap();
        let (serving, next) = (pair(0), pair(1));
        let trusted = format!("{}{}", serving.authority(), next.authority());
        let held = Held {
            serving,
            next: Some(next),
            trusted,
        };
        let secret = |held: &Held| Secret {
            metadata: ObjectMeta {
                annotations: Some(held.annotations()),
                ..ObjectMeta::default()
            },
            data: Some(held.data()),
            ..Secret::default()
        };
        assert_eq!(Held::read(&secret(&held)), Some(held.clone()));
        let changed = Held {
            trusted: "other".into(),
            ..held.clone()
        };
        assert_eq!(Held::read(&secret(&changed)), None);
        assert_eq!(Held::read(&Secret::default()), None);
        assert!(!format!("{held:?}").contains("PRIVATE"), "{held:?}");
    }

    #[test]
    fn a_certificate_is_two_blocks_and_its_authority_the_last() {
        let pair = Pair::make("webhook", "ours", true, Timestamp::UNIX_EPOCH + VALID).unwrap();
        assert_eq!(pair.chain.matches("BEGIN CERTIFICATE").count(), 2);
        assert_eq!(pair.authority().matches("BEGIN CERTIFICATE").count(), 1);
        assert!(pair.chain.ends_with(pair.authority()));
    }
}
