//! Parameters of `type: azure`.
use url::{Host, Url};

use super::{Common, Given, ParameterFault, Place, value};
use crate::checksum::Checksum;
use crate::credentials::ACCOUNT_KEY;
use crate::wanted::Thaw;

/// Every parameter that is understood, in the order in which it is documented.
pub(crate) const KNOWN: [&str; 13] = [
    "container",
    "account",
    "endpoint",
    "accountKey",
    "prefix",
    "partSize",
    "retrySeconds",
    "caBundle",
    "proxy",
    "accessTier",
    "thawTier",
    "bandwidth",
    "checksum",
];

/// What is brought back stays, until somebody moves it again.
const DAYS: u32 = u32::MAX;
/// Bytes of a block, at most.
const LARGEST_BLOCK: u64 = 4000 << 20;

/// A container, as its parameters describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureParameters {
    pub(crate) place: Place,
    pub(crate) account: String,
    /// Of backups; None: the account's own.
    pub(crate) tier: Option<String>,
    /// How what lies in Archive is brought back, where there is such.
    pub(crate) thaw: Option<Thaw>,
    /// Where the account's key is inside the Secret. Default `AZURE_STORAGE_KEY`.
    pub(crate) account_key: String,
}

impl AzureParameters {
    pub(super) fn read(mut given: Given<'_>) -> Result<Self, Vec<ParameterFault>> {
        let container = given.required("container", "name the container that backups are stored in", container);
        let account = given.required("account", "name the storage account", account);
        let endpoint = given.optional("endpoint", |text| value::endpoint(text, false));
        let account_key = given.key_name("accountKey", ACCOUNT_KEY);
        let tier = given.optional("accessTier", tier);
        let thaw = given.optional("thawTier", thaw_tier);
        let archives = tier.as_deref() == Some("Archive");
        let thaw = thaw.or_else(|| archives.then_some("Standard"));
        let common = Common::read(&mut given);
        if common.part_size.is_some_and(|size| size > LARGEST_BLOCK) {
            given.fault("partSize", "must be at most 4000Mi: Azure takes no larger blocks");
        }
        if common.checksum.is_some_and(|checksum| checksum != Checksum::Md5) {
            given.fault(
                "checksum",
                "must be auto or md5: Azure compares nothing else with what it was sent",
            );
        }
        if let (Some(url), Some(account)) = (&endpoint, &account)
            && let Some(fault) = of_another(url, account)
        {
            given.fault("endpoint", fault);
        }
        let endpoint = endpoint.or_else(|| public(account.as_deref()?));
        match (container, account, endpoint) {
            (Some(container), Some(account), Some(endpoint)) if given.faults.is_empty() => Ok(Self {
                place: common.at(container, endpoint),
                account,
                tier,
                thaw: thaw.map(|tier| Thaw { days: DAYS, tier }),
                account_key,
            }),
            _ => Err(given.faults),
        }
    }
}

/// The account's own endpoint in Azure's public cloud.
fn public(account: &str) -> Option<Url> {
    Url::parse(&format!("https://{account}.blob.core.windows.net")).ok()
}

/// Where the endpoint does not name the account, in its host or its path; a domain of one's own need not.
fn of_another(endpoint: &Url, account: &str) -> Option<String> {
    let path = endpoint.path().trim_matches('/');
    let wanted =
        format!("must be https://{account}.blob.core.windows.net, or http(s)://host[:port]/{account} for Azurite");
    let unnamed = || Some(format!("{wanted}; it does not name the account"));
    match endpoint.host() {
        Some(Host::Domain(name)) if name.contains(".blob.core.") && !name.starts_with(&format!("{account}.")) => Some(
            format!("{wanted}; it is another account's than that of spec.parameters.account"),
        ),
        Some(Host::Domain(name)) if path.is_empty() && !name.contains('.') => unnamed(),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) if path.is_empty() => unnamed(),
        _ if !path.is_empty() && path != account => Some(format!(
            "{wanted}; its path is not the account of spec.parameters.account"
        )),
        _ => None,
    }
}

fn container(text: &str) -> Result<String, String> {
    if text.contains('/') {
        // Not repeated: it may be a whole URL, with a secret in it.
        return Err("holds a slash: give the container alone, and the folder in it as prefix".to_owned());
    }
    let letters = text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let hyphens = !text.starts_with('-') && !text.ends_with('-') && !text.contains("--");
    if letters && hyphens && (3..=63).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is not a container's name: 3 to 63 lower-case letters, digits and single hyphens, as in my-backups"
    ))
}

fn account(text: &str) -> Result<String, String> {
    let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if letters && (3..=24).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    // Not repeated: it may be a connection string.
    Err("is not a storage account's name: 3 to 24 lower-case letters and digits, as in mybackups".to_owned())
}

fn tier(text: &str) -> Result<String, String> {
    match text {
        "Hot" | "Cool" | "Cold" | "Archive" => Ok(text.to_owned()),
        _ => Err(format!("must be Hot, Cool, Cold or Archive, it is {text:?}")),
    }
}

/// In the words that all kinds share.
fn thaw_tier(text: &str) -> Result<&'static str, String> {
    match text {
        "Standard" => Ok("Standard"),
        "High" => Ok("Expedited"),
        _ => Err(format!(
            "must be Standard (up to 15 hours) or High (mostly less than one, and dearer), it is {text:?}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Parameters;
    use super::*;
    use crate::kind::Kind;

    fn map(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn parse(more: &[(&str, &str)]) -> Result<AzureParameters, Vec<String>> {
        let mut all = map(&[("container", "backups"), ("account", "mybackups")]);
        all.extend(map(more));
        let read = AzureParameters::read(Given::new(Kind::Azure, &all));
        read.map_err(|all| all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_account_and_a_container_are_enough() {
        let read = parse(&[]).unwrap();
        assert_eq!(read.place.endpoint.as_str(), "https://mybackups.blob.core.windows.net/");
        assert_eq!((read.account_key.as_str(), read.tier), ("AZURE_STORAGE_KEY", None));
    }

    #[test]
    fn everything_that_can_be_said_is_kept() {
        let read = parse(&[
            ("endpoint", "http://azurite.azurite.svc:10000/mybackups"),
            ("accountKey", "key"),
            ("prefix", "team"),
            ("partSize", "16Mi"),
            ("retrySeconds", "60"),
            ("proxy", "http://proxy.example:3128"),
            ("accessTier", "Cool"),
            ("checksum", "md5"),
            ("caBundle", ""),
        ])
        .unwrap();
        assert_eq!(read.place.endpoint.path(), "/mybackups");
        assert_eq!((read.account_key.as_str(), read.tier.as_deref()), ("key", Some("Cool")));
        assert_eq!(
            (read.place.part_size, read.place.checksum),
            (Some(16 << 20), Some(Checksum::Md5))
        );
        assert_eq!(KNOWN.len(), 13, "a new parameter belongs into this test");
    }

    #[test]
    fn what_is_put_into_the_archive_can_be_brought_back() {
        let tier = |more: &[(&str, &str)]| parse(more).unwrap().thaw.map(|thaw| thaw.tier);
        assert_eq!(tier(&[]), None);
        assert_eq!(tier(&[("accessTier", "Archive")]), Some("Standard"));
        assert_eq!(tier(&[("thawTier", "High")]), Some("Expedited"));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        for (name, value, says) in [
            ("container", "Backups", "lower-case"),
            ("container", "a--b", "single hyphens"),
            ("container", "https://x/backups?sig=hunter2", "the container alone"),
            (
                "account",
                "DefaultEndpointsProtocol=https;AccountKey=hunter2",
                "storage account's name",
            ),
            ("endpoint", "https://other.blob.core.windows.net", "another account's"),
            ("endpoint", "http://127.0.0.1:10000", "does not name the account"),
            ("endpoint", "http://azurite:10000", "does not name the account"),
            ("endpoint", "http://azurite:10000/other", "its path is not the account"),
            ("endpoint", "https://u:hunter2@x.example", "spec.credentials"),
            ("accountKey", "hunter2==", "not the credential itself"),
            ("partSize", "5Gi", "4000Mi"),
            ("checksum", "sha256", "auto or md5"),
            ("checksum", "none", "auto or md5"),
            ("accessTier", "cool", "Hot, Cool, Cold or Archive"),
            ("thawTier", "Bulk", "Standard (up to 15 hours) or High"),
            ("bucket", "b", "is not known"),
        ] {
            let text = parse(&[(name, value)]).unwrap_err().join("\n");
            assert!(
                text.starts_with(&format!("spec.parameters.{name}: ")) && text.contains(says),
                "{name}: {text}"
            );
            assert!(!text.contains("hunter2"), "{text}");
        }
        let missing = Parameters::parse(Kind::Azure, &map(&[("bucket", "b")])).unwrap_err();
        assert_eq!(missing.len(), 3, "{missing:?}");
        for (name, good) in [
            ("endpoint", "https://backups.example.com"),
            ("endpoint", "https://mybackups.blob.core.chinacloudapi.cn"),
            ("checksum", "auto"),
        ] {
            assert!(parse(&[(name, good)]).is_ok(), "{good}");
        }
    }
}
