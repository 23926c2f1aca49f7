//! S3 and what speaks its protocol.
mod lock;
mod look;
mod small;
mod thaw;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use between::Answered;
use bytes::Bytes;
use jiff::Timestamp;
use rusty_s3::Method;

use crate::credentials::Credentials;
use crate::dial::Dial;
use crate::error::{StoreError, StoreErrorKind};
use crate::fence::Fence;
use crate::gcs;
use crate::http::{Answer, Http, LARGEST};
use crate::parameters::S3Parameters;
use crate::proxy::Proxies;
use crate::signing::{LONGEST, Pairs, Signed, Signer};
use crate::wanted::{Dropped, Removed, Terms, Wanted};
use crate::xml;
use look::version_of;
pub use look::{Archived, ObjectInfo};
pub use small::{Listed, Page};
pub use uploads::{Completed, CompletedPart, Upload};

/// Until a request of the operator's own is answered.
const ANSWER: Duration = Duration::from_secs(30);
/// Until an upload is completed: a store may put thousands of parts together meanwhile.
const COMPLETE: Duration = Duration::from_secs(300);
/// How long the operator's own signatures are good.
const OWN: Duration = Duration::from_secs(600);

/// One bucket, with the credentials to use it. Cheap to clone.
#[derive(Clone)]
pub struct Bucket {
    signer: Arc<Signer>,
    /// Signs in its place.
    google: Option<Arc<gcs::Signer>>,
    http: Http,
    dial: Dial,
    /// For messages: the bucket and where it is.
    place: Arc<str>,
}

/// A version of an object, or the marker of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Object key.
    pub key: String,
    /// Which version.
    pub id: String,
    /// When it was made, by the store's clock; None where the store does not say.
    pub modified: Option<Timestamp>,
}

impl Bucket {
    /// A bucket, reached through the proxy of its parameters, or one of `proxies` where they name none.
    pub(crate) fn open(
        parameters: &S3Parameters,
        credentials: Credentials,
        proxies: &Proxies,
    ) -> Result<Self, StoreError> {
        let google = credentials.google().cloned();
        let google = google.map(|google| gcs::Signer::new(google, proxies)).transpose()?;
        let at = &parameters.place;
        let dial = Dial::new(proxies.of(&at.endpoint, at.proxy.as_deref()));
        let http = Http::new(at.ca_bundle.as_deref(), dial.clone())?;
        let place = place(parameters).into();
        let signer = Signer::new(parameters, credentials).map_err(|e| {
            StoreError::new(
                "configure",
                StoreErrorKind::Configuration,
                format!("spec.parameters.endpoint: {e}"),
            )
        })?;
        Ok(Self {
            signer: Arc::new(signer),
            google: google.map(Arc::new),
            http,
            dial,
            place,
        })
    }

    /// S3's own limits; a store of its protocol may have others.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            // Where each URL is a question to somebody else, there are to be fewer.
            smallest_part: if self.google.as_ref().is_some_and(|g| g.asks()) {
                16 << 20
            } else {
                5 << 20
            },
            largest_part: 5 << 30,
            parts: 10_000,
            longest_url: LONGEST,
            dropped: Dropped::Gone,
        }
    }

    /// The same, whose requests are sent for as long as that holds.
    pub(crate) fn fenced(self, fence: Fence) -> Self {
        Self {
            http: self.http.fenced(fence),
            ..self
        }
    }

    /// The same, making objects of the bucket's own class, and none that is locked.
    pub(crate) fn for_canaries(&self) -> Self {
        Self {
            signer: Arc::new(self.signer.without_class_and_lock()),
            ..self.clone()
        }
    }

    /// The same, making objects of the bucket's own class.
    pub(crate) fn without_class(&self) -> Self {
        Self {
            signer: Arc::new(self.signer.without_class()),
            ..self.clone()
        }
    }

    /// It is spoken to in Google's words.
    pub(crate) fn is_googles(&self) -> bool {
        self.google.is_some()
    }

    /// Where its signed URLs go, without anything signed: scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        self.signer.base_url().origin().ascii_serialization()
    }

    /// The way there.
    pub(crate) fn dial(&self) -> &Dial {
        &self.dial
    }

    /// Host and port of the same, to connect to. None where the endpoint has neither, which its parameters refuse.
    pub(crate) fn address(&self) -> Option<(String, u16)> {
        let url = self.signer.base_url();
        let host = match url.host()? {
            url::Host::Domain(name) => name.to_string(),
            url::Host::Ipv4(address) => address.to_string(),
            url::Host::Ipv6(address) => address.to_string(),
        };
        Some((host, url.port_or_known_default()?))
    }

    async fn request(
        &self,
        step: &'static str,
        method: Method,
        key: &str,
        query: Pairs,
        headers: Pairs,
        body: Bytes,
    ) -> Result<Answer, StoreError> {
        let now = Timestamp::now();
        let verb = match method {
            Method::Head => http::Method::HEAD,
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Delete => http::Method::DELETE,
        };
        let signed = match &self.google {
            Some(google) => google.own(&self.signer.target(key), &query, headers),
            None => self.signer.sign(method, key, &query, headers, OWN, now),
        };
        let limit = if step == "complete" { COMPLETE } else { ANSWER };
        self.exchange(step, verb, &signed, body, limit).await
    }

    async fn exchange(
        &self,
        step: &'static str,
        verb: http::Method,
        signed: &Signed,
        body: Bytes,
        limit: Duration,
    ) -> Result<Answer, StoreError> {
        let is_head = verb == http::Method::HEAD;
        let answer = self.http.send(step, verb, signed, body, limit).await;
        let answer = match self.google {
            Some(_) => answer.map(gcs::Signer::heard),
            None => answer,
        };
        let judged = answer.and_then(|a| self.judge(step, is_head, a, Timestamp::now()));
        judged.map_err(|e| match self.google {
            Some(_) if e.kind() == StoreErrorKind::AccessDenied => e.with_cure(gcs::RIGHT),
            _ => e.placed(&self.place),
        })
    }

    /// A failed answer as an error. A store may answer 200 to a complete, and say in the body that it failed.
    /// A HEAD's 404 never has a code: whoever asked by HEAD asks again by GET.
    fn judge(&self, step: &'static str, is_head: bool, answer: Answer, ours: Timestamp) -> Result<Answer, StoreError> {
        let kind = answer.header("content-type").unwrap_or_default();
        let names = answer.headers.keys().map(|name| name.as_str());
        let seen = Answered::new(answer.status, names, &kind, Some(&answer.body));
        let stranger = match step {
            "write" | "write a part" => between::stranger_to_put(&seen, answer.headers.contains_key("etag")),
            _ => between::stranger(&seen),
        };
        if let Some(words) = stranger {
            return Err(StoreError::of_a_stranger(step, answer.status, words));
        }
        // A gateway without a route answers 404 with nothing else.
        let is_anybodys = !answer.body.is_empty() || (!is_head && !seen.marked);
        let code = xml::text_of(&answer.body, "Code").unwrap_or_default();
        if answer.status < 300 && code.is_empty() {
            return Ok(answer);
        }
        if answer.status < 300 && step != "complete" {
            return Ok(answer);
        }
        let message = xml::text_of(&answer.body, "Message").unwrap_or_default();
        let theirs = answer.time("date");
        if answer.status == 404 && code.is_empty() && is_anybodys {
            let words = "the store answered 404 without an S3 error code, which says nothing of the object";
            return Err(StoreError::new(step, StoreErrorKind::Refused, words));
        }
        if (300..400).contains(&answer.status) {
            return Err(StoreError::new(step, StoreErrorKind::Refused, sent_on(&answer, &code)));
        }
        let status = if answer.status < 300 { 500 } else { answer.status };
        let message = match &self.google {
            Some(google) => google.redact(&message),
            None => self.signer.credentials().redact(&message),
        };
        Err(StoreError::of_answer(step, status, &code, &message, theirs, ours))
    }

    /// Sends a part of any size to its signed URL.
    pub(crate) async fn send(&self, signed: &Signed, body: Bytes) -> Result<Answer, StoreError> {
        self.exchange("write a part", http::Method::PUT, signed, body, COMPLETE)
            .await
    }

    /// Sends a body to a signed URL, as an agent does.
    pub(crate) async fn put_signed(
        &self,
        step: &'static str,
        signed: &Signed,
        body: &[u8],
    ) -> Result<Answer, StoreError> {
        let body = Bytes::copy_from_slice(body);
        self.exchange(step, http::Method::PUT, signed, body, ANSWER).await
    }

    /// A URL that does one thing.
    pub(crate) async fn sign(
        &self,
        wanted: &Wanted<'_>,
        expires: Duration,
        now: Timestamp,
    ) -> Result<Signed, StoreError> {
        let (method, key, query, headers) = match *wanted {
            Wanted::Part {
                key,
                upload,
                number,
                size,
                checksum,
                digest,
            } => {
                let query = Pairs::from([
                    ("partNumber".to_string(), number.to_string()),
                    ("uploadId".to_string(), upload.to_string()),
                ]);
                (Method::Put, key, query, Signer::body_headers(size, checksum, digest))
            }
            Wanted::Whole {
                key,
                size,
                checksum,
                digest,
                label,
                only_new,
            } => {
                let mut headers = Signer::body_headers(size, checksum, digest);
                headers.extend(only_new.then(|| ("if-none-match".to_string(), "*".to_string())));
                headers.extend(self.signer.creation_headers(label, now));
                (Method::Put, key, Pairs::new(), headers)
            }
            Wanted::Read { key, version } => (Method::Get, key, of_version(version), Pairs::new()),
        };
        match &self.google {
            Some(google) => {
                let target = self.signer.target(key);
                google.lent(method, &target, &query, headers, expires, now).await
            }
            None => Ok(self.signer.sign(method, key, &query, headers, expires, now)),
        }
    }

    /// Reads an object, or the bytes from the first to the last of a range; at most 16 MiB.
    pub(crate) async fn get(
        &self,
        key: &str,
        version: Option<&str>,
        range: Option<(u64, u64)>,
    ) -> Result<Vec<u8>, StoreError> {
        const STEP: &str = "read";
        if range.is_some_and(|(first, last)| last.saturating_sub(first) >= LARGEST as u64) {
            return Err(StoreError::new(
                STEP,
                StoreErrorKind::Configuration,
                "at most 16 MiB are read at once",
            ));
        }
        let range = range.map(|(first, last)| ("range".to_string(), format!("bytes={first}-{last}")));
        let answer = self
            .request(
                STEP,
                Method::Get,
                key,
                of_version(version),
                range.into_iter().collect(),
                Bytes::new(),
            )
            .await?;
        Ok(answer.body.to_vec())
    }

    /// Reads a small object if its ETag is this one, as a restore asks for it.
    pub(crate) async fn get_if_match(&self, key: &str, etag: &str) -> Result<Vec<u8>, StoreError> {
        let only = Pairs::from([("if-match".to_string(), etag.to_string())]);
        let answer = self.request("read", Method::Get, key, Pairs::new(), only, Bytes::new());
        Ok(answer.await?.body.to_vec())
    }

    /// Removes an object, or one version of it.
    pub(crate) async fn remove(&self, key: &str, version: Option<&str>) -> Result<Removed, StoreError> {
        let now = Timestamp::now();
        let Some(version) = version else {
            // A plain deletion of a locked object would hide it, and free nothing. Who may not look may still delete.
            return match self.head(key, None).await {
                Ok(None) => Ok(Removed::Gone),
                Ok(Some(object)) if object.held.holds(now) => Ok(Removed::Held(object.held)),
                _ => self.delete(key).await.map(|()| Removed::Gone),
            };
        };
        match self.delete_version(key, version).await {
            Ok(()) => Ok(Removed::Gone),
            // Stores say it by a 403, and some by a 400.
            Err(error) if matches!(error.kind(), StoreErrorKind::AccessDenied | StoreErrorKind::Refused) => {
                match self.head(key, Some(version)).await {
                    Ok(Some(object)) if object.held.holds(now) => Ok(Removed::Held(object.held)),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Removes an object; one that is not there is fine.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), StoreError> {
        gone(
            self.request("delete", Method::Delete, key, Pairs::new(), Pairs::new(), Bytes::new())
                .await,
        )
    }

    /// Removes one version of an object for good; one that is not there is fine. A plain delete of a bucket that keeps
    /// versions only hides the object, and keeps its bytes.
    pub(crate) async fn delete_version(&self, key: &str, version_id: &str) -> Result<(), StoreError> {
        let query = of_version(Some(version_id));
        let deleted = gone(
            self.request("delete", Method::Delete, key, query, Pairs::new(), Bytes::new())
                .await,
        );
        match deleted {
            // versitygw and LocalStack call the id of a version that is gone an invalid one. What a gateway refuses twice, or sends on,
            // says nothing of the version.
            Err(error) if error.says_no_version() => match self.why_not(key, Some(version_id)).await {
                Some(why) if why.says_no_version() => Ok(()),
                _ => Err(error),
            },
            other => other,
        }
    }

    /// Versions below a prefix, markers of deletions too, the first thousand.
    pub(crate) async fn list_versions(&self, prefix: &str) -> Result<Vec<Version>, StoreError> {
        let query = Pairs::from([
            ("prefix".to_string(), prefix.to_string()),
            ("versions".to_string(), String::new()),
        ]);
        let answer = self
            .request("list versions", Method::Get, "", query, Pairs::new(), Bytes::new())
            .await?;
        let id = if self.google.is_some() {
            "Generation"
        } else {
            "VersionId"
        };
        let groups = xml::all_of(&answer.body, &["Key", id, "LastModified"]);
        let version = |group: Vec<String>| {
            let [key, id, modified] = group.try_into().ok()?;
            let modified = modified.parse().ok();
            Some(Version { key, id, modified })
        };
        Ok(groups.into_iter().filter_map(version).collect())
    }

    /// Keys below a prefix, the first thousand.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let query = Pairs::from([
            ("list-type".to_string(), "2".to_string()),
            ("prefix".to_string(), prefix.to_string()),
        ]);
        let answer = self
            .request("list", Method::Get, "", query, Pairs::new(), Bytes::new())
            .await?;
        Ok(xml::all_of(&answer.body, &["Key"]).into_iter().flatten().collect())
    }
}

/// A redirect, which is not followed: a request is signed for one place. Of where it points to only the place is said; the rest of
/// the URL may be the signed one.
fn sent_on(answer: &Answer, code: &str) -> String {
    let location = answer.header("location").and_then(|to| url::Url::parse(&to).ok());
    let origin = location.map(|to| to.origin().ascii_serialization());
    let to = origin.or_else(|| xml::text_of(&answer.body, "Endpoint"));
    let to = to.map(|to| format!(" to {to}")).unwrap_or_default();
    let said = if code.is_empty() {
        String::new()
    } else {
        format!(" {code}")
    };
    let cure = match answer.header("x-amz-bucket-region") {
        Some(region) => format!("set spec.parameters.region to {region}, and spec.parameters.endpoint if it names a region"),
        None => "set spec.parameters.endpoint to the store's own address (scheme, host and port; not that of a console or a proxy)".to_string(),
    };
    format!(
        "the store answered {}{said}: it sends requests on{to}, and none is followed; {cure}",
        answer.status
    )
}

fn of_version(version_id: Option<&str>) -> Pairs {
    version_id
        .map(|id| ("versionId".to_string(), id.to_string()))
        .into_iter()
        .collect()
}

fn gone(answer: Result<Answer, StoreError>) -> Result<(), StoreError> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            // What was in a bucket that is gone is gone with it.
            StoreErrorKind::NotFound | StoreErrorKind::NoSuchUpload | StoreErrorKind::NoSuchBucket => Ok(()),
            _ => Err(error),
        },
    }
}

/// For messages: the bucket and where it is. Where its name becomes part of the host's, which few stores but Amazon's are set up
/// for, that is said: a host that is not found is not the one that was written.
fn place(parameters: &S3Parameters) -> String {
    let endpoint = parameters.place.endpoint.as_str().trim_end_matches('/');
    let place = format!("bucket {:?} at {endpoint}", parameters.place.bucket);
    let host = parameters.place.endpoint.host_str().unwrap_or_default();
    if parameters.path_style || host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn") {
        return place;
    }
    format!(
        "{place} (asked for as {}.{host}; s3ForcePathStyle: \"true\" puts the bucket into the path, as MinIO and most others want it)",
        parameters.place.bucket
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_redirect_points_to_is_said_with_the_parameter_to_change_and_without_the_signed_url() {
        let answer = |status: u16, headers: &[(&str, &str)], body: &str| Answer {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| {
                    let name: http::HeaderName = name.parse().unwrap();
                    (name, value.parse().unwrap())
                })
                .collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        let moved = answer(
            301,
            &[("x-amz-bucket-region", "eu-west-1")],
            "<Error><Code>PermanentRedirect</Code><Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint></Error>",
        );
        let words = sent_on(&moved, "PermanentRedirect");
        for part in [
            "301 PermanentRedirect",
            "to b.s3.eu-west-1.amazonaws.com",
            "spec.parameters.region to eu-west-1",
        ] {
            assert!(words.contains(part), "{words}");
        }
        let secure = answer(308, &[("location", "https://minio:9001/b/k?X-Amz-Signature=abc")], "");
        let words = sent_on(&secure, "");
        assert!(
            words.contains("308: it sends requests on to https://minio:9001,"),
            "{words}"
        );
        assert!(
            words.contains("spec.parameters.endpoint") && !words.contains("Signature"),
            "{words}"
        );
    }

    #[test]
    fn what_was_in_a_bucket_that_is_gone_is_gone_with_it() {
        for (status, code, is_gone) in [
            (404, "NoSuchUpload", true),
            (404, "NoSuchBucket", true),
            (404, "", true),
            (403, "AccessDenied", false),
            (503, "SlowDown", false),
        ] {
            let error = StoreError::of_answer("abort upload", status, code, "", None, Timestamp::UNIX_EPOCH);
            assert_eq!(gone(Err(error)).is_ok(), is_gone, "{status} {code}");
        }
    }

    #[test]
    fn a_bucket_that_becomes_part_of_the_host_is_told_of() {
        for (endpoint, style, told) in [
            ("https://minio.storage.svc:9000", "", true),
            ("https://minio.storage.svc:9000", "true", false),
            ("https://10.0.0.7:9000", "", false),
            ("", "", false),
        ] {
            let parameters = [
                ("bucket", "backups"),
                ("endpoint", endpoint),
                ("s3ForcePathStyle", style),
            ];
            let parameters = parameters.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
            let place = place(&S3Parameters::of(&parameters).unwrap());
            assert_eq!(
                place.contains("backups.minio.storage.svc; s3ForcePathStyle"),
                told,
                "{place}"
            );
        }
    }
}
