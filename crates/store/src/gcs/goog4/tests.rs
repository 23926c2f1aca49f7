//! Google's own vectors; `vectors.json` says whose they are.
use rusty_s3::{Bucket, UrlStyle};
use serde_json::Value;

use super::*;
use crate::gcs::key::KeyFile;

#[test]
fn urls_are_those_of_googles_published_vectors() {
    let all: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let file = KeyFile::parse(all["key"].to_string().as_bytes()).unwrap();
    let tests = all["tests"].as_array().unwrap();
    let mut seen = 0;
    for test in tests {
        let word = |name: &str| test[name].as_str().unwrap_or_default().to_owned();
        let pairs = |name: &str| -> Pairs {
            let map = test[name].as_object().into_iter().flatten();
            map.map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect()
        };
        // One of them is told with the port of its scheme, which a URL leaves out.
        let expected = word("expectedUrl").replace(":443/", "/");
        let origin = Url::parse(&expected).unwrap();
        let target = match word("urlStyle").as_str() {
            // A name of the bucket's own, which storages do not have.
            "BUCKET_BOUND_HOSTNAME" => continue,
            "VIRTUAL_HOSTED_STYLE" => {
                let (_, host) = origin.host_str().unwrap().split_once('.').unwrap();
                let endpoint = format!("{}://{host}", origin.scheme()).parse().unwrap();
                let bucket = Bucket::new(endpoint, UrlStyle::VirtualHost, word("bucket"), "auto").unwrap();
                bucket.object_url(&word("object"))
            }
            _ => {
                let endpoint = origin.origin().ascii_serialization().parse().unwrap();
                let bucket = Bucket::new(endpoint, UrlStyle::Path, word("bucket"), "auto").unwrap();
                match word("object").as_str() {
                    // Buckets are not lent; the operator's own requests are not signed.
                    "" => bucket.base_url().as_str().trim_end_matches('/').parse().unwrap(),
                    object => bucket.object_url(object),
                }
            }
        };
        let headers = pairs("headers").into_iter();
        let request = Request {
            method: &word("method"),
            target: &target,
            query: &pairs("queryParameters"),
            headers: &headers.map(|(name, value)| (name.to_lowercase(), value)).collect(),
            account: &file.account,
            expires: Duration::from_secs(test["expiration"].as_u64().unwrap()),
            now: word("timestamp").parse().unwrap(),
        };
        let draft = request.draft();
        let signature = file.key.sign(draft.text.as_bytes()).unwrap();
        assert_eq!(draft.url(&signature), expected, "{}", word("description"));
        seen += 1;
    }
    assert_eq!(seen, 27);
}
