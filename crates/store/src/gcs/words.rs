//! Google's names for what S3 has, in both directions: of headers and parameters of a query.
use http::{HeaderMap, HeaderName};

use crate::http::Answer;
use crate::signing::Pairs;

/// What a query's parameters are called there.
pub(super) fn asked(query: &Pairs) -> Pairs {
    let name = |name: &str| match name {
        "versionId" => "generation".to_owned(),
        other => other.to_owned(),
    };
    query.iter().map(|(k, v)| (name(k), v.clone())).collect()
}

/// What headers are called there; without those that it does not know.
pub(super) fn sent(headers: Pairs) -> Pairs {
    let name = |name: &str| match name.strip_prefix("x-amz-") {
        None => Some(name.to_owned()),
        Some(rest) if rest.starts_with("meta-") || rest == "storage-class" => Some(format!("x-goog-{rest}")),
        Some(_) => None,
    };
    headers.into_iter().filter_map(|(k, v)| Some((name(&k)?, v))).collect()
}

/// An answer's headers as S3 has them. Each object there has a generation, also where the bucket keeps only the last one: a URL that names it
/// reads that object or none.
pub(super) fn heard(answer: Answer) -> Answer {
    let mut headers = HeaderMap::with_capacity(answer.headers.len());
    for (name, value) in &answer.headers {
        let theirs = match name.as_str() {
            "x-goog-generation" => Some("x-amz-version-id".to_owned()),
            other => other
                .strip_prefix("x-goog-")
                .filter(|rest| rest.starts_with("meta-") || *rest == "storage-class")
                .map(|rest| format!("x-amz-{rest}")),
        };
        let name = theirs
            .and_then(|text| text.parse::<HeaderName>().ok())
            .unwrap_or_else(|| name.clone());
        headers.append(name, value.clone());
    }
    Answer { headers, ..answer }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Pairs {
        all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn what_s3_has_is_said_in_googles_words_and_what_it_alone_has_is_left_out() {
        let headers = pairs(&[
            ("x-amz-meta-backup-operator-run", "u"),
            ("x-amz-storage-class", "NEARLINE"),
            ("x-amz-checksum-mode", "ENABLED"),
            ("content-md5", "d"),
        ]);
        let expected = pairs(&[
            ("x-goog-meta-backup-operator-run", "u"),
            ("x-goog-storage-class", "NEARLINE"),
            ("content-md5", "d"),
        ]);
        assert_eq!(sent(headers), expected);
        assert_eq!(asked(&pairs(&[("versionId", "7")])), pairs(&[("generation", "7")]));
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-goog-meta-backup-operator-run", "u"),
            ("x-goog-generation", "7"),
            ("x-goog-hash", "md5=x"),
            ("etag", "e"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let heard = heard(Answer {
            status: 200,
            headers,
            body: Bytes::new(),
        });
        let names: Vec<_> = heard.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(
            names,
            [
                "x-amz-meta-backup-operator-run",
                "x-amz-version-id",
                "x-goog-hash",
                "etag"
            ]
        );
    }
}
