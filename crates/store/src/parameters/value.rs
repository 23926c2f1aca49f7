//! Reads the value of one parameter each; the error says what would be right.
use std::ops::RangeInclusive;
use std::time::Duration;

use url::{Host, Url};

use crate::checksum::Checksum;

/// S3: a part other than the last has at least 5 MiB.
const SMALLEST_PART: u64 = 5 << 20;
/// S3: a part has at most 5 GiB.
const LARGEST_PART: u64 = 5 << 30;
/// Slower, a part takes longer than its URL is good.
const SLOWEST: u64 = 64 << 10;
const FASTEST: u64 = 100 << 30;
/// The longest that a store is tried again.
const SECONDS_OF_A_WEEK: u64 = 7 * 24 * 3600;
/// Bytes of a prefix. S3 takes keys of 1,024 bytes, and paths have up to 1,000; long paths need short prefixes.
const LONGEST_PREFIX: usize = 512;

/// As Go's `strconv.ParseBool`, which the Go operator used.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

pub(super) fn bucket(text: &str) -> Result<String, String> {
    if text.contains('/') {
        // Not repeated: it may be a whole URL, with a secret in it.
        return Err("holds a slash: give the bucket alone, and the folder in it as prefix".to_owned());
    }
    let letters = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    if !letters || text.starts_with('.') || !(1..=255).contains(&text.len()) {
        return Err(format!(
            "{text:?} is not a bucket's name: letters, digits, dots and hyphens, as in my-backups"
        ));
    }
    Ok(text.to_owned())
}

pub(super) fn region(text: &str) -> Result<String, String> {
    if text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is not a region: letters, digits and hyphens, as in eu-central-1"
    ))
}

/// A path is kept, as aws-sdk-go kept it: some stores are served below one (Supabase), and sign it. An explicit scheme wins over `insecure`, as in aws-sdk-go v1 (`endpoints.AddScheme`).
pub(super) fn endpoint(text: &str, insecure: bool) -> Result<Url, String> {
    let wanted = "must be http(s)://host[:port][/path], as in https://s3.example.org or http://minio.minio.svc:9000";
    let with_scheme = match text.contains("://") {
        true => text.to_owned(),
        false => format!("{}://{text}", if insecure { "http" } else { "https" }),
    };
    let url = Url::parse(&with_scheme).map_err(|error| format!("{wanted}: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        // The value is not repeated: it holds a secret.
        return Err(format!(
            "{wanted}; credentials belong into the Secret that spec.credentials names"
        ));
    }
    // None of it is repeated but the scheme: a query may hold a token.
    let wrong = match &url {
        url if !matches!(url.scheme(), "http" | "https") => format!("it begins with {}:", url.scheme()),
        url if url.host_str().is_none_or(str::is_empty) => "it has no host".to_owned(),
        url if url.query().is_some() => "it has a query (a question mark and what follows)".to_owned(),
        url if url.fragment().is_some() => "it has a fragment (a # and what follows)".to_owned(),
        _ => return Ok(url),
    };
    Err(format!("{wanted}; {wrong}"))
}

/// Amazon's own endpoint of a region.
pub(super) fn aws_endpoint(region: &str, insecure: bool) -> Option<Url> {
    let scheme = if insecure { "http" } else { "https" };
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    Url::parse(&format!("{scheme}://s3.{region}.amazonaws.com{suffix}")).ok()
}

/// Whether the bucket cannot stand in the host name: an address has no names below it, the names of the certificate
/// end at the first dot, and not every bucket's name is a host name. aws-sdk-go v1 did the same.
pub(super) fn needs_path_style(bucket: &str, endpoint: &Url) -> bool {
    let dns = bucket
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && bucket
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
        && (3..=63).contains(&bucket.len());
    let dotted = endpoint.scheme() == "https" && bucket.contains('.');
    !dns || dotted || !matches!(endpoint.host(), Some(Host::Domain(_)))
}

pub(super) fn secret_key_name(text: &str) -> Result<String, String> {
    let valid = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if valid && text.len() <= 253 {
        return Ok(text.to_owned());
    }
    // Not repeated: the usual slip is the credential itself.
    Err("is the name of a key inside the Secret (letters, digits, -, _ and .), not the credential itself".to_owned())
}

/// A folder, whether written `a/b`, `/a/b` or `a/b/`.
pub(super) fn prefix(text: &str) -> Result<String, String> {
    let folder = text.trim_matches('/');
    if folder.is_empty() {
        return Ok(String::new());
    }
    if folder.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(format!("{text:?} has an empty, . or .. segment"));
    }
    if folder.chars().any(char::is_control) {
        return Err(format!("{text:?} has a control character"));
    }
    if folder.len() > LONGEST_PREFIX {
        return Err(format!(
            "has {} bytes, at most {LONGEST_PREFIX} are possible",
            folder.len()
        ));
    }
    Ok(format!("{folder}/"))
}

pub(super) fn part_size(text: &str) -> Result<u64, String> {
    size(text, SMALLEST_PART..=LARGEST_PART, "must be 5Mi to 5Gi, as in 16Mi")
}

/// Bytes a second.
pub(super) fn bandwidth(text: &str) -> Result<u64, String> {
    let wanted = "bytes a second, must be 64Ki to 100Gi, as in 20Mi";
    size(text, SLOWEST..=FASTEST, wanted)
}

/// A Kubernetes quantity of whole bytes: `16Mi`, `64M`, `1Gi`, `8388608`.
fn size(text: &str, bounds: RangeInclusive<u64>, wanted: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match text.strip_prefix(digits) {
        Some("") => 1,
        Some("k") => 1_000,
        Some("M") => 1_000_000,
        Some("G") => 1_000_000_000,
        Some("Ki") => 1 << 10,
        Some("Mi") => 1 << 20,
        Some("Gi") => 1 << 30,
        _ => return Err(format!("{wanted}, {text:?} is not a size")),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("{wanted}, {text:?} is not a size"))?;
    match number.checked_mul(unit) {
        Some(bytes) if bounds.contains(&bytes) => Ok(bytes),
        _ => Err(format!("{wanted}, it is {text:?}")),
    }
}

pub(super) fn lock_mode(text: &str) -> Result<&'static str, String> {
    match text {
        "GOVERNANCE" => Ok("GOVERNANCE"),
        "COMPLIANCE" => Ok("COMPLIANCE"),
        _ => Err(format!(
            "{text:?} is not a mode: GOVERNANCE (who has a right of its own may remove objects) or COMPLIANCE (nobody may)"
        )),
    }
}

pub(super) fn thaw_tier(text: &str) -> Result<&'static str, String> {
    match text {
        "Standard" => Ok("Standard"),
        "Bulk" => Ok("Bulk"),
        "Expedited" => Ok("Expedited"),
        _ => Err(format!(
            "{text:?} is not a tier: Standard (hours), Bulk (longer and cheaper) or Expedited (minutes, not of DEEP_ARCHIVE)"
        )),
    }
}

/// Whole days, from 1.
pub(super) fn days(text: &str, most: u32) -> Result<u32, String> {
    match text.parse() {
        Ok(days) if (1..=most).contains(&days) => Ok(days),
        _ => Err(format!("must be whole days from 1 to {most}, as in 30; it is {text:?}")),
    }
}

/// Below ten seconds a store that is only restarted would fail every backup.
pub(super) fn retry(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 10..=SECONDS_OF_A_WEEK) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!(
            "must be whole seconds from 10 to {SECONDS_OF_A_WEEK}, as in 900; it is {text:?}"
        )),
    }
}

pub(super) fn ca_bundle(text: &str) -> Result<String, String> {
    match trust::Bundle::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

pub(super) fn storage_class(text: &str) -> Result<String, String> {
    if text
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is not a storage class: capitals and underscores, as in STANDARD_IA"
    ))
}

pub(super) fn server_side_encryption(text: &str) -> Result<String, String> {
    match text {
        "AES256" | "aws:kms" => Ok(text.to_owned()),
        _ => Err(format!("must be AES256 or aws:kms, it is {text:?}")),
    }
}

pub(super) fn kms_key_id(text: &str) -> Result<String, String> {
    if text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is not a key's id, alias or ARN: it holds a space or a special character"
    ))
}

/// A role in one of Amazon's partitions, or what another STS takes for one.
pub(super) fn role_arn(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|b| b.is_ascii_graphic());
    if plain && text.starts_with("arn:") && text.split(':').count() >= 6 && (20..=2048).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is not a role's ARN, as in arn:aws:iam::123456789012:role/backups"
    ))
}

/// Amazon's own rule for it.
pub(super) fn external_id(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b);
    if text.bytes().all(plain) && (2..=1224).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err("must be 2 to 1224 letters, digits and any of _+=,.@:/-".to_owned())
}

/// Keys come back from there, so that plain HTTP is to be asked for twice: by its scheme, and by `insecure`.
pub(super) fn sts_endpoint(text: &str, insecure: bool) -> Result<Url, String> {
    let url = endpoint(text, false)?;
    match url.scheme() {
        "http" if !insecure => Err(
            "must be https: keys would come back readable on their way (insecure: \"true\" allows it all the same)"
                .to_owned(),
        ),
        _ => Ok(url),
    }
}

/// None is `auto`.
pub(super) fn checksum(text: &str) -> Result<Option<Checksum>, String> {
    match (text, Checksum::from_name(text)) {
        ("auto", _) => Ok(None),
        (_, Some(checksum)) => Ok(Some(checksum)),
        _ => Err(format!("must be auto, sha256, md5 or none, it is {text:?}")),
    }
}
