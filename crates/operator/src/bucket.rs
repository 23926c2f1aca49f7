//! A bucket in memory: S3 as far as whoever looks, reads, writes and removes needs it. It can keep versions.
use std::sync::{Arc, Mutex, MutexGuard};

use api::storage::{DataPath, NamespaceIsolation};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use crate::stores::OpenStore;

/// A version of an object, the newest behind the others.
#[derive(Clone)]
struct Version {
    key: String,
    id: String,
    body: Vec<u8>,
    metadata: Vec<(String, String)>,
}

impl Version {
    /// As many stores have it: of the bytes alone.
    fn etag(&self) -> String {
        let sum = self
            .body
            .iter()
            .fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        format!("\"{sum:x}\"")
    }
}

#[derive(Default)]
struct Held {
    all: Vec<Version>,
    made: usize,
    versions: bool,
}

impl Held {
    fn put(&mut self, key: &str, body: Vec<u8>, metadata: Vec<(String, String)>) -> String {
        if !self.versions {
            self.all.retain(|version| version.key != key);
        }
        self.made += 1;
        let version = Version {
            key: key.into(),
            id: format!("v{}", self.made),
            body,
            metadata,
        };
        let etag = version.etag();
        self.all.push(version);
        etag
    }

    fn find(&self, key: &str, id: Option<&str>) -> Option<&Version> {
        let mut of = self.all.iter().rev().filter(|version| version.key == key);
        of.find(|version| id.is_none_or(|id| version.id == id))
    }
}

#[derive(Clone, Default)]
pub struct Bucket(Arc<Mutex<Held>>);

impl Bucket {
    /// One that keeps versions.
    pub fn with_versions() -> Self {
        let bucket = Self::default();
        bucket.held().versions = true;
        bucket
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }

    /// Puts an object; its ETag.
    pub fn put(&self, key: &str, body: &str, metadata: &[(&str, &str)]) -> String {
        let metadata = metadata
            .iter()
            .map(|(name, value)| ((*name).to_string(), (*value).to_string()));
        let metadata = metadata.collect();
        self.held().put(key, body.as_bytes().to_vec(), metadata)
    }

    /// Removes all versions of an object.
    pub fn clear(&self, key: &str) {
        self.held().all.retain(|version| version.key != key);
    }

    /// How many versions of an object there are.
    pub fn count(&self, key: &str) -> usize {
        self.held().all.iter().filter(|version| version.key == key).count()
    }

    /// What an object has.
    pub fn body(&self, key: &str) -> Option<Vec<u8>> {
        self.held().find(key, None).map(|version| version.body.clone())
    }

    /// Serves it for as long as the test runs, as a storage that wants records.
    pub async fn open(&self) -> OpenStore {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let parameters = [
            ("bucket", "backups"),
            ("endpoint", endpoint.as_str()),
            ("insecure", "true"),
            ("s3ForcePathStyle", "true"),
        ];
        let parameters = parameters.map(|(k, v)| (k.to_string(), v.to_string())).into();
        let parameters = store::Parameters::parse(store::Kind::S3, &parameters).unwrap();
        let credentials = store::Credentials::new("AKIDTEST", store::Secret::new("s3cr3t-k3y"), None);
        OpenStore {
            ends: None,
            records: true,
            isolation: NamespaceIsolation::None,
            store: store::Store::open(&parameters, credentials, &store::Proxies::default()).unwrap(),
            parameters,
            checksum: store::Checksum::None,
            metadata: true,
            composite: false,
            if_none_match: true,
            data_path: DataPath::Direct,
        }
    }
}

const METADATA: &str = "x-amz-meta-";

async fn answer(State(bucket): State<Bucket>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut held = bucket.held();
    let key = uri.path().trim_start_matches("/backups").trim_start_matches('/');
    let mut pairs = uri.query().unwrap_or_default().split('&');
    let is_list = pairs.clone().any(|pair| pair.split('=').next() == Some("versions"));
    let id = pairs.find_map(|pair| pair.strip_prefix("versionId="));
    match method.as_str() {
        "GET" if is_list => {
            let version = |version: &Version| {
                format!(
                    "<Version><Key>{}</Key><VersionId>{}</VersionId><LastModified>2026-01-01T00:00:00Z</LastModified></Version>",
                    version.key, version.id
                )
            };
            let all: String = held.all.iter().rev().map(version).collect();
            format!("<ListVersionsResult>{all}</ListVersionsResult>").into_response()
        }
        "PUT" => {
            let metadata = headers.iter().filter_map(|(name, value)| {
                let name = name.as_str().strip_prefix(METADATA)?;
                Some((name.to_string(), value.to_str().unwrap().to_string()))
            });
            let metadata = metadata.collect();
            [("etag", held.put(key, body.to_vec(), metadata))].into_response()
        }
        "DELETE" => {
            held.all
                .retain(|version| version.key != key || id.is_some_and(|id| version.id != id));
            StatusCode::NO_CONTENT.into_response()
        }
        "GET" | "HEAD" => match held.find(key, id) {
            None => {
                let words = "<Error><Code>NoSuchKey</Code><Message>m</Message></Error>";
                (StatusCode::NOT_FOUND, words).into_response()
            }
            Some(version) => {
                let mut response = version.body.clone().into_response();
                let headers = response.headers_mut();
                headers.insert("content-length", version.body.len().into());
                headers.insert("etag", version.etag().parse().unwrap());
                if held.versions {
                    headers.insert("x-amz-version-id", version.id.parse().unwrap());
                }
                for (name, value) in &version.metadata {
                    let name: HeaderName = format!("{METADATA}{name}").parse().unwrap();
                    headers.insert(name, value.parse().unwrap());
                }
                response
            }
        },
        _ => StatusCode::NOT_IMPLEMENTED.into_response(),
    }
}
