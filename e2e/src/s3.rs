//! A view of the store from outside the cluster, with other code than the operator's.
use std::io::Read;
use std::time::Duration;

use ring::digest::{Context, SHA256};
use rusty_s3::actions::{ListObjectsV2, S3Action};
use rusty_s3::{Bucket, Credentials, Method, UrlStyle};
use ureq::Agent;

/// A signature is used at once.
const SIGNED: Duration = Duration::from_secs(60);
/// Until one request is answered.
const REQUEST: Duration = Duration::from_secs(60);

/// A bucket.
#[derive(Clone)]
pub struct Store {
    bucket: Bucket,
    credentials: Credentials,
    agent: Agent,
}

/// What HEAD says of an object.
#[derive(Clone, Debug)]
pub struct Head {
    /// Bytes.
    pub size: u64,
    /// Without quotes; with a dash where the object was uploaded in parts.
    pub etag: String,
}

impl Store {
    /// The bucket at an endpoint.
    pub fn new(endpoint: &str, bucket: &str, key: &str, secret: &str) -> Self {
        let endpoint = endpoint.parse().expect("an endpoint");
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(REQUEST))
            .build();
        Self {
            bucket: Bucket::new(endpoint, UrlStyle::Path, bucket.to_string(), "us-east-1").expect("a bucket"),
            credentials: Credentials::new(key, secret),
            agent: config.into(),
        }
    }

    /// Another bucket of the same store.
    pub fn of_bucket(&self, name: &str) -> Self {
        let mut endpoint = self.bucket.base_url().clone();
        endpoint.set_path("/");
        let bucket = Bucket::new(endpoint, UrlStyle::Path, name.to_string(), "us-east-1").expect("a bucket");
        Self { bucket, ..self.clone() }
    }

    /// From now on the bucket keeps what is overwritten or deleted.
    pub fn keep_versions(&self) {
        let url = self.sign(Method::Put, &[("versioning", "")]);
        let body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        let answer = self.agent.put(&url).send(body).expect("the store");
        assert_eq!(answer.status().as_u16(), 200);
    }

    /// Ids of all versions of a key, and whether each is a marker that hides the object.
    pub fn versions(&self, key: &str) -> Vec<(String, bool)> {
        let text = self.get_text(&self.sign(Method::Get, &[("prefix", key), ("versions", "")]));
        let of = |element: &str, marker: bool| {
            let open = format!("<{element}>");
            let ids = text.split(open.as_str()).skip(1).map(move |rest| {
                let (_, id) = rest.split_once("<VersionId>").expect("an id");
                (id.split_once('<').expect("an id").0.to_string(), marker)
            });
            ids.collect::<Vec<_>>()
        };
        [of("Version", false), of("DeleteMarker", true)].concat()
    }

    fn sign(&self, method: Method, query: &[(&str, &str)]) -> String {
        let url = rusty_s3::signing::sign(
            &jiff::Timestamp::now(),
            method,
            self.bucket.base_url().clone(),
            self.credentials.key(),
            self.credentials.secret(),
            None,
            self.bucket.region(),
            SIGNED.as_secs(),
            query.iter().copied(),
            std::iter::empty(),
        );
        url.to_string()
    }

    /// Host and port.
    pub fn host(&self) -> String {
        let url = self.bucket.base_url();
        let port = url.port().map_or_else(String::new, |p| format!(":{p}"));
        format!("{}{port}", url.host_str().expect("a host"))
    }

    /// Access key id and secret access key.
    pub fn keys(&self) -> (&str, &str) {
        (self.credentials.key(), self.credentials.secret())
    }

    /// Makes the bucket; one that is there is fine. An error where the store does not answer (yet).
    pub fn create(&self) -> Result<(), String> {
        let url = self.bucket.create_bucket(&self.credentials).sign(SIGNED);
        let answer = self.agent.put(url.as_str()).send_empty().map_err(|e| e.to_string())?;
        match answer.status().as_u16() {
            200 | 409 => Ok(()),
            other => Err(format!("{other}: {:?}", answer.into_body().read_to_string())),
        }
    }

    /// Makes the bucket, one that can lock objects; one that is there is fine.
    pub fn create_with_lock(&self) {
        let url = self.bucket.create_bucket(&self.credentials).sign(SIGNED);
        let request = self
            .agent
            .put(url.as_str())
            .header("x-amz-bucket-object-lock-enabled", "true");
        let status = request.send_empty().expect("the store").status().as_u16();
        assert!(matches!(status, 200 | 409), "{status}");
    }

    /// Takes the legal hold off a version of an object.
    pub fn release(&self, key: &str, version: &str) {
        let body = "<LegalHold><Status>OFF</Status></LegalHold>";
        let url = self.of_version(Method::Put, key, version);
        // Its MD5, which MinIO wants as S3 does.
        let request = self.agent.put(&url).header("content-md5", "An8G3mv4SfhAibzslQjGDw==");
        let answer = request.send(body).expect("the store");
        assert_eq!(answer.status().as_u16(), 200, "{key} {version}");
    }

    /// A legal hold lies on a version of an object.
    pub fn is_held(&self, key: &str, version: &str) -> bool {
        self.get_text(&self.of_version(Method::Get, key, version))
            .contains(">ON<")
    }

    fn of_version(&self, method: Method, key: &str, version: &str) -> String {
        let url = rusty_s3::signing::sign(
            &jiff::Timestamp::now(),
            method,
            self.bucket.object_url(key),
            self.credentials.key(),
            self.credentials.secret(),
            None,
            self.bucket.region(),
            SIGNED.as_secs(),
            [("legal-hold", ""), ("versionId", version)].into_iter(),
            std::iter::empty(),
        );
        url.to_string()
    }

    /// Keys that begin with a prefix.
    pub fn list(&self, prefix: &str) -> Vec<String> {
        let mut list = self.bucket.list_objects_v2(Some(&self.credentials));
        list.with_prefix(prefix);
        let text = self.get_text(list.sign(SIGNED).as_str());
        let listed = ListObjectsV2::parse_response(&text).unwrap_or_else(|e| panic!("{e} in {text}"));
        listed.contents.into_iter().map(|c| c.key).collect()
    }

    /// Multipart uploads of a key that were neither completed nor aborted. By key, because MinIO lists them in no other way.
    pub fn uploads(&self, key: &str) -> usize {
        let text = self.get_text(&self.sign(Method::Get, &[("prefix", key), ("uploads", "")]));
        assert!(text.contains("<ListMultipartUploadsResult"), "{text}");
        text.matches("<Upload>").count()
    }

    /// Creates an upload and leaves it.
    pub fn begin_upload(&self, key: &str) {
        let url = self
            .bucket
            .create_multipart_upload(Some(&self.credentials), key)
            .sign(SIGNED);
        let answer = self.agent.post(url.as_str()).send_empty().expect("the store");
        assert_eq!(answer.status().as_u16(), 200, "{key}");
    }

    fn get_text(&self, url: &str) -> String {
        let answer = self.agent.get(url).call().expect("the store");
        let status = answer.status();
        let text = answer.into_body().read_to_string().expect("an answer");
        assert_eq!(status.as_u16(), 200, "{text}");
        text
    }

    /// What HEAD says; None where there is no object.
    pub fn head(&self, key: &str) -> Option<Head> {
        let url = self.bucket.head_object(Some(&self.credentials), key).sign(SIGNED);
        let answer = self.agent.head(url.as_str()).call().expect("the store");
        if answer.status().as_u16() == 404 {
            return None;
        }
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .expect(name)
                .to_str()
                .expect(name)
                .to_string()
        };
        Some(Head {
            size: header("content-length").parse().expect("a size"),
            etag: header("etag"),
        })
    }

    /// An object's bytes.
    pub fn get(&self, key: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.reader(key).read_to_end(&mut bytes).expect("a whole object");
        bytes
    }

    /// SHA-256 of an object, in hexadecimal, in bounded memory.
    pub fn sha256(&self, key: &str) -> String {
        let (mut reader, mut context, mut block) = (self.reader(key), Context::new(&SHA256), vec![0; 1 << 20]);
        loop {
            match reader.read(&mut block).expect("a whole object") {
                0 => return context.finish().as_ref().iter().map(|b| format!("{b:02x}")).collect(),
                n => context.update(&block[..n]),
            }
        }
    }

    fn reader(&self, key: &str) -> impl Read {
        let url = self.bucket.get_object(Some(&self.credentials), key).sign(SIGNED);
        let answer = self.agent.get(url.as_str()).call().expect("the store");
        assert_eq!(answer.status().as_u16(), 200, "{key}");
        answer.into_body().into_reader()
    }

    /// Writes an object.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let url = self.bucket.put_object(Some(&self.credentials), key).sign(SIGNED);
        let answer = self.agent.put(url.as_str()).send(bytes).expect("the store");
        assert_eq!(answer.status().as_u16(), 200, "{key}");
    }

    /// Writes an object of these metadata.
    pub fn put_with(&self, key: &str, bytes: &[u8], metadata: &[(&str, &str)]) {
        let mut put = self.bucket.put_object(Some(&self.credentials), key);
        let header = |name: &str| format!("x-amz-meta-{name}");
        for (name, value) in metadata {
            put.headers_mut().insert(header(name), *value);
        }
        let mut request = self.agent.put(put.sign(SIGNED).as_str());
        for (name, value) in metadata {
            request = request.header(header(name), *value);
        }
        let answer = request.send(bytes).expect("the store");
        assert_eq!(answer.status().as_u16(), 200, "{key}");
    }

    /// Removes an object.
    pub fn delete(&self, key: &str) {
        let url = self.bucket.delete_object(Some(&self.credentials), key).sign(SIGNED);
        self.agent.delete(url.as_str()).call().expect("the store");
    }
}
