//! What a request asks for: pure, and with a word for all that this server does not have.
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

use crate::fault::{Code, Fault};
use crate::shelf::{Asked, Class, Shown};
use crate::signature::unescaped;

/// Metadata headers.
const METADATA: &str = "x-amz-meta-";
/// As much metadata is kept with an object, names and values.
const MOST_METADATA: usize = 8 << 10;
/// As many objects are told at once.
const MOST_KEYS: usize = 1000;
/// What decides nothing here: how it was signed, by what.
const SIGNING: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signature",
    "x-amz-signedheaders",
    "x-amz-user-agent",
];

/// A request to a bucket or an object of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// PUT of a bucket.
    MakeBucket,
    /// HEAD of a bucket.
    LookAtBucket,
    /// Objects of a bucket.
    List {
        /// Which.
        asked: Asked,
        /// Keys are escaped in the answer.
        escaped: bool,
    },
    /// Uploads of a bucket.
    Uploads {
        /// Keys begin with it.
        prefix: String,
    },
    /// PUT of an object.
    Put,
    /// GET or HEAD of an object.
    Get {
        /// Without its bytes.
        head: bool,
    },
    /// DELETE of an object.
    Remove,
    /// Begin of an upload.
    Begin,
    /// PUT of a part.
    Part {
        /// Its number.
        number: u32,
        /// Its upload.
        upload: String,
    },
    /// End of an upload.
    Complete {
        /// Which.
        upload: String,
    },
    /// An object is to be brought back from its archive.
    Thaw,
    /// Abort of an upload.
    Abort {
        /// Which.
        upload: String,
    },
}

/// Bucket and key; the key is empty where the bucket itself is asked for.
///
/// # Errors
/// There is no bucket in the path.
pub fn place(path: &str) -> Result<(String, String), Fault> {
    let path = unescaped(path)?;
    let rest = path.strip_prefix('/').unwrap_or(&path);
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(Fault::new(
            Code::NotImplemented,
            "no bucket is named: this store is asked for one bucket at a time, by a path /BUCKET/KEY",
        ));
    }
    Ok((bucket.to_owned(), key.to_owned()))
}

/// What is asked for. `archives`: this server has archives.
///
/// # Errors
/// What this server does not have.
pub fn ask(
    method: &Method,
    key: &str,
    query: &[(String, String)],
    headers: &HeaderMap,
    archives: bool,
) -> Result<Ask, Fault> {
    let of = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    let only = |known: &[&str]| {
        let signing = |name: &str| SIGNING.contains(&name.to_ascii_lowercase().as_str()) || name == "x-id";
        let other = query
            .iter()
            .find(|(name, _)| !signing(name) && !known.contains(&name.as_str()));
        other.map_or(Ok(()), |(name, _)| {
            let words = format!(
                "?{name} is not among what this store has for {method} of {}",
                if key.is_empty() { "a bucket" } else { "an object" }
            );
            Err(Fault::new(Code::NotImplemented, words))
        })
    };
    let has = |name: &str| query.iter().any(|(n, _)| n == name);
    known_headers(headers, archives)?;
    match (method.as_str(), key.is_empty()) {
        ("PUT", true) => only(&[]).map(|()| Ask::MakeBucket),
        ("HEAD", true) => only(&[]).map(|()| Ask::LookAtBucket),
        ("GET", true) if has("uploads") => {
            only(&["uploads", "prefix", "max-uploads"])?;
            Ok(Ask::Uploads {
                prefix: of("prefix").unwrap_or_default(),
            })
        }
        ("GET", true) => {
            if of("list-type").as_deref() != Some("2") {
                only(&["list-type", "prefix", "delimiter", "max-keys", "encoding-type"])?;
                return Err(Fault::new(
                    Code::NotImplemented,
                    "objects are listed by version 2 only (list-type=2)",
                ));
            }
            only(&[
                "list-type",
                "prefix",
                "delimiter",
                "max-keys",
                "start-after",
                "continuation-token",
                "encoding-type",
                "fetch-owner",
            ])?;
            list(of)
        }
        ("PUT", false) if has("partNumber") => {
            only(&["partNumber", "uploadId"])?;
            let number = of("partNumber").and_then(|number| number.parse().ok());
            let number = number.ok_or_else(|| Fault::new(Code::InvalidArgument, "partNumber is no number"))?;
            Ok(Ask::Part {
                number,
                upload: of("uploadId").unwrap_or_default(),
            })
        }
        ("PUT", false) => only(&[]).map(|()| Ask::Put),
        ("GET", false) => only(&[]).map(|()| Ask::Get { head: false }),
        ("HEAD", false) => only(&[]).map(|()| Ask::Get { head: true }),
        ("DELETE", false) if has("uploadId") => {
            only(&["uploadId"])?;
            Ok(Ask::Abort {
                upload: of("uploadId").unwrap_or_default(),
            })
        }
        ("DELETE", false) => only(&[]).map(|()| Ask::Remove),
        ("POST", false) if has("restore") && archives => only(&["restore"]).map(|()| Ask::Thaw),
        ("POST", false) if has("uploads") => only(&["uploads"]).map(|()| Ask::Begin),
        ("POST", false) if has("uploadId") => {
            only(&["uploadId"])?;
            Ok(Ask::Complete {
                upload: of("uploadId").unwrap_or_default(),
            })
        }
        _ => Err(Fault::new(
            Code::MethodNotAllowed,
            format!("this store has no {method} for that"),
        )),
    }
}

fn list(of: impl Fn(&str) -> Option<String>) -> Result<Ask, Fault> {
    let folders = match of("delimiter").as_deref() {
        None | Some("") => false,
        Some("/") => true,
        Some(_) => return Err(Fault::new(Code::NotImplemented, "the delimiter must be `/`")),
    };
    let most = of("max-keys").map_or(Ok(MOST_KEYS), |most| most.parse());
    let most = most.map_err(|_| Fault::new(Code::InvalidArgument, "max-keys is no number"))?;
    let after = match of("continuation-token") {
        Some(token) => percent_decode_str(&token).decode_utf8_lossy().into_owned(),
        None => of("start-after").unwrap_or_default(),
    };
    let asked = Asked {
        prefix: of("prefix").unwrap_or_default(),
        folders,
        after,
        most: most.clamp(1, MOST_KEYS),
    };
    Ok(Ask::List {
        asked,
        escaped: of("encoding-type").as_deref() == Some("url"),
    })
}

/// What would be promised and not kept is refused: encryption, locks, classes.
fn known_headers(headers: &HeaderMap, archives: bool) -> Result<(), Fault> {
    for (name, value) in headers {
        let (name, value) = (name.as_str(), value.to_str().unwrap_or_default());
        let Some(rest) = name.strip_prefix("x-amz-") else {
            continue;
        };
        let known = match rest {
            "checksum-sha256" => true,
            "checksum-algorithm" | "sdk-checksum-algorithm" => value.eq_ignore_ascii_case("SHA256"),
            "checksum-type" => value.eq_ignore_ascii_case("COMPOSITE"),
            "checksum-mode" => value.eq_ignore_ascii_case("ENABLED"),
            "storage-class" => value == "STANDARD" || archives && Class::of(value).is_some(),
            _ => SIGNING.contains(&name) || name.starts_with(METADATA),
        };
        if !known {
            let words = format!("the header {name} asks for what this store does not have");
            return Err(Fault::new(Code::NotImplemented, words));
        }
    }
    Ok(())
}

/// What is to be kept with an object.
///
/// # Errors
/// It is too much, or no text.
pub fn shown(headers: &HeaderMap) -> Result<Shown, Fault> {
    let mut shown = Shown::default();
    let mut bytes = 0;
    for (name, value) in headers {
        let text = |value: &http::HeaderValue| {
            let fault = || {
                Fault::new(
                    Code::InvalidArgument,
                    format!("the header {name} has more than printable ASCII"),
                )
            };
            value.to_str().map(ToOwned::to_owned).map_err(|_| fault())
        };
        if let Some(own) = name.as_str().strip_prefix(METADATA) {
            bytes += own.len() + value.len();
            if shown.metadata.insert(own.to_owned(), text(value)?).is_some() {
                return Err(Fault::new(
                    Code::InvalidArgument,
                    format!("the header {name} is there twice"),
                ));
            }
        } else if name.as_str() == "content-type" {
            bytes += value.len();
            shown.content_type = Some(text(value)?);
        } else if name.as_str() == "x-amz-storage-class" {
            shown.class = Class::of(&text(value)?);
        }
    }
    if bytes > MOST_METADATA {
        let words = format!("{bytes} bytes of metadata; at most {MOST_METADATA} are kept");
        return Err(Fault::new(Code::InvalidArgument, words));
    }
    Ok(shown)
}

/// The bytes that a Range asks for, first and last; None: all.
///
/// # Errors
/// None lies there.
pub fn range(header: Option<&str>, size: u64) -> Result<Option<(u64, u64)>, Fault> {
    let Some(asked) = header.and_then(|header| header.strip_prefix("bytes=")) else {
        return Ok(None);
    };
    let Some((first, last)) = asked.split_once('-') else {
        return Ok(None);
    };
    // What is no range of HTTP's, and more than one, is answered with all.
    let number = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse::<u64>().ok())
            .flatten()
    };
    let range = match (first, last) {
        ("", count) => match number(count) {
            Some(count) => (size.saturating_sub(count), size.saturating_sub(1), count > 0),
            None => return Ok(None),
        },
        (first, "") => match number(first) {
            Some(first) => (first, size.saturating_sub(1), true),
            None => return Ok(None),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => (first, last.min(size.saturating_sub(1)), true),
            _ => return Ok(None),
        },
    };
    match range {
        (first, last, true) if first < size => Ok(Some((first, last))),
        _ => Err(Fault::new(
            Code::InvalidRange,
            format!("the object has {size} bytes, and none of those that were asked for"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::pairs;
    use proptest::prelude::*;

    #[test]
    fn what_this_store_does_not_have_is_refused_by_name() {
        let none = HeaderMap::new();
        for (method, key, query, words) in [
            (Method::GET, "k", "versionId=x", "?versionId"),
            (Method::PUT, "k", "tagging", "?tagging"),
            (Method::PUT, "", "versioning=", "?versioning"),
            (Method::GET, "", "", "list-type=2"),
            (Method::GET, "", "acl", "?acl"),
            (Method::GET, "", "list-type=2&delimiter=x", "delimiter"),
            (Method::POST, "k", "restore", "no POST"),
            (Method::DELETE, "", "", "no DELETE"),
            (Method::PUT, "k", "partNumber=x&uploadId=u", "no number"),
        ] {
            let fault = ask(&method, key, &pairs(query).unwrap(), &none, false).unwrap_err();
            assert!(fault.words.contains(words), "{method} {query}: {fault}");
        }
        for (name, value) in [
            ("x-amz-copy-source", "/other/key"),
            ("x-amz-server-side-encryption", "AES256"),
            ("x-amz-object-lock-mode", "COMPLIANCE"),
            ("x-amz-storage-class", "GLACIER"),
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("x-amz-acl", "public-read"),
        ] {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            let fault = ask(&Method::PUT, "k", &[], &headers, false).unwrap_err();
            assert!(
                fault.code == Code::NotImplemented && fault.words.contains(name),
                "{fault}"
            );
        }
    }

    #[test]
    fn a_range_is_told_from_what_is_none_and_from_what_lies_behind_the_end() {
        for (header, size, expected) in [
            ("bytes=0-0", 10, Ok(Some((0, 0)))),
            ("bytes=7-", 10, Ok(Some((7, 9)))),
            ("bytes=7-99", 10, Ok(Some((7, 9)))),
            ("bytes=-3", 10, Ok(Some((7, 9)))),
            ("bytes=-30", 10, Ok(Some((0, 9)))),
            ("bytes=10-", 10, Err(Code::InvalidRange)),
            ("bytes=0-0", 0, Err(Code::InvalidRange)),
            ("bytes=-0", 10, Err(Code::InvalidRange)),
            ("bytes=5-4", 10, Ok(None)),
            ("bytes=0-1,3-4", 10, Ok(None)),
            ("bytes=+1-2", 10, Ok(None)),
            ("lines=1-2", 10, Ok(None)),
        ] {
            assert_eq!(
                range(Some(header), size).map_err(|fault| fault.code),
                expected,
                "{header} of {size}"
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_an_answer(path in any::<String>(), query in any::<String>(), header in any::<String>(), size in any::<u64>()) {
            if let (Ok((_, key)), Ok(query)) = (place(&path), pairs(&query)) {
                for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::HEAD, Method::PATCH] {
                    let _ = ask(&method, &key, &query, &HeaderMap::new(), true);
                }
            }
            for header in [header.clone(), format!("bytes={header}")] {
                if let Ok(Some((first, last))) = range(Some(&header), size) {
                    prop_assert!(first <= last && last < size);
                }
            }
        }
    }
}
