//! One request: verified, understood, done, answered.
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request};
use hyper::body::Incoming;
use jiff::Timestamp;

use crate::answer::{self, Answer, Sent};
use crate::body::{self, Announced};
use crate::fault::{Code, Fault};
use crate::files::Files;
use crate::request::{self, Ask};
use crate::shelf::{Brought, Done, Label, Part, Shelf, State};
use crate::signature::{self, Keys};
use crate::xml;

/// S3: a part, or an object that is put whole, has at most 5 GiB.
const MOST: u64 = 5 << 30;
/// The list of 10,000 parts.
const MOST_XML: usize = 4 << 20;
/// As much of an object is read at a time.
const PIECE: u64 = 256 << 10;
/// As many uploads are told at once.
const MOST_UPLOADS: usize = 1000;

/// What serves requests.
pub struct Server<F: Files> {
    /// Objects and uploads.
    pub shelf: Arc<Shelf<F>>,
    /// Who may ask.
    pub keys: Keys,
    /// Seconds that bringing an object back from an archive takes. None: there are no archives.
    pub thaw: Option<u32>,
}

/// Runs what waits for the disk.
async fn on_disk<F: Files, T: Send + 'static>(
    shelf: &Arc<Shelf<F>>,
    step: impl FnOnce(&Shelf<F>) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let shelf = shelf.clone();
    let done = tokio::task::spawn_blocking(move || step(&shelf)).await;
    done.unwrap_or_else(|_| Err(Fault::new(Code::InternalError, "the request was given up")))
}

/// Where a request goes.
#[derive(Clone)]
struct Target {
    bucket: String,
    key: String,
}

impl<F: Files> Server<F> {
    /// Answers a request.
    pub async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let (parts, mut body) = request.into_parts();
        let id = request_id();
        let head = parts.method == http::Method::HEAD;
        let done = self.done(&parts, &mut body).await;
        let mut answer = match done {
            Ok(answer) => answer,
            Err(fault) => {
                if fault.code.status() >= 500 && fault.code != Code::NotImplemented {
                    tracing::warn!(method = %parts.method, path = parts.uri.path(), request = id, error = %fault, "a request failed");
                } else {
                    tracing::debug!(method = %parts.method, path = parts.uri.path(), request = id, error = %fault, "a request was refused");
                }
                if !matches!(fault.code, Code::IncompleteBody | Code::RequestTimeout) {
                    body::drain(&mut body).await;
                }
                answer::of_fault(&fault, parts.uri.path(), &id, head)
            }
        };
        answer::set(&mut answer, "x-amz-request-id", &id);
        answer::set(&mut answer, "server", "backup-operator-store");
        answer
    }

    async fn done(&self, parts: &http::request::Parts, body: &mut Incoming) -> Result<Answer, Fault> {
        let now = Timestamp::now();
        let path = signature::unescaped(parts.uri.path())?;
        let query = signature::pairs(parts.uri.query().unwrap_or_default())?;
        let headers = &parts.headers;
        let asked = signature::Asked {
            method: &parts.method,
            path: &path,
            query: &query,
            headers,
        };
        let payload = signature::verify(&asked, &self.keys, now)?;
        let (bucket, key) = request::place(parts.uri.path())?;
        let ask = request::ask(&parts.method, &key, &query, headers, self.thaw.is_some())?;
        let to = Target { bucket, key };
        match ask {
            Ask::Put | Ask::Part { .. } => {
                let announced = Announced::of(headers, payload, MOST)?;
                match ask {
                    Ask::Part { number, upload } => self.part(to, number, upload, announced, body).await,
                    _ => self.put(to, announced, headers, body, now.as_second()).await,
                }
            }
            Ask::Complete { upload } => {
                let only_new = only_new(headers)?;
                let claims = xml::claims(&body::small(body, MOST_XML).await?)?;
                let Target { bucket, key } = to.clone();
                let now = now.as_second();
                let done = on_disk(&self.shelf, move |shelf| {
                    shelf.complete(&bucket, &key, &upload, &claims, only_new, now)
                });
                Ok(completed(&to, &done.await?))
            }
            Ask::Thaw => {
                let asking = xml::asking(&body::small(body, MOST_XML).await?)?;
                let (now, takes) = (now.as_second(), self.thaw.unwrap_or_default());
                let brought = on_disk(&self.shelf, move |shelf| {
                    shelf.thaw(&to.bucket, &to.key, &asking, takes, now)
                });
                let status = match brought.await? {
                    Brought::Begun => 202,
                    Brought::There => 200,
                };
                Ok(answer::of(status, Sent::Whole(Bytes::new())))
            }
            Ask::Get { head } => self.get(to, head, headers, now.as_second()).await,
            other => {
                // Whatever comes along means nothing.
                body::small(body, MOST_XML).await?;
                self.simple(to, other, headers, now.as_second()).await
            }
        }
    }

    async fn simple(&self, to: Target, ask: Ask, headers: &HeaderMap, now: i64) -> Result<Answer, Fault> {
        let shown = request::shown(headers)?;
        on_disk(&self.shelf, move |shelf| {
            let Target { bucket, key } = &to;
            Ok(match ask {
                Ask::MakeBucket => {
                    shelf.make_bucket(bucket)?;
                    answer::of(200, Sent::Whole(Bytes::new()))
                }
                Ask::LookAtBucket => {
                    shelf.bucket(bucket)?;
                    answer::of(200, Sent::Whole(Bytes::new()))
                }
                Ask::List { asked, escaped } => {
                    let page = shelf.page(bucket, &asked)?;
                    answer::in_xml(200, xml::objects(bucket, &asked, &page, escaped))
                }
                Ask::Uploads { prefix } => {
                    let found = shelf.unfinished(bucket, &prefix)?;
                    answer::in_xml(200, xml::uploads(bucket, &prefix, &found, MOST_UPLOADS))
                }
                Ask::Remove => {
                    shelf.remove(bucket, key)?;
                    answer::of(204, Sent::Whole(Bytes::new()))
                }
                Ask::Begin => {
                    let id = shelf.begin(bucket, key, shown, now)?;
                    answer::in_xml(200, xml::begun(bucket, key, &id))
                }
                Ask::Abort { upload } => {
                    shelf.abort(bucket, key, &upload)?;
                    answer::of(204, Sent::Whole(Bytes::new()))
                }
                Ask::Put | Ask::Part { .. } | Ask::Complete { .. } | Ask::Thaw | Ask::Get { .. } => {
                    return Err(Fault::new(Code::InternalError, "asked elsewhere"));
                }
            })
        })
        .await
    }

    async fn put(
        &self,
        to: Target,
        announced: Announced,
        headers: &HeaderMap,
        body: &mut Incoming,
        now: i64,
    ) -> Result<Answer, Fault> {
        let (only_new, shown, size) = (only_new(headers)?, request::shown(headers)?, announced.size);
        let place = to.clone();
        let incoming = Arc::new(
            on_disk(&self.shelf, move |shelf| {
                shelf.incoming(&place.bucket, &place.key, size)
            })
            .await?,
        );
        let (shelf, file) = (self.shelf.clone(), incoming.clone());
        let sink = Arc::new(move |offset, bytes: &[u8]| shelf.fill(&file, offset, bytes));
        let received = body::receive(body, &announced, sink).await;
        let put = on_disk(&self.shelf, move |shelf| {
            let label = received
                .and_then(|sha256| shelf.put(&to.bucket, &to.key, &incoming, size, sha256, shown, only_new, now));
            label.inspect_err(|_| shelf.refuse(&incoming))
        });
        let label = put.await?;
        let mut answer = answer::of(200, Sent::Whole(Bytes::new()));
        answer::set(&mut answer, "etag", &label.etag());
        answer::set(
            &mut answer,
            "x-amz-checksum-sha256",
            &label.checksum().unwrap_or_default(),
        );
        Ok(answer)
    }

    async fn part(
        &self,
        to: Target,
        number: u32,
        upload: String,
        announced: Announced,
        body: &mut Incoming,
    ) -> Result<Answer, Fault> {
        let part: Part<F> = on_disk(&self.shelf, move |shelf| {
            let upload = shelf.upload(&to.bucket, &to.key, &upload)?;
            shelf.part(&upload, number, announced.size, announced.sha256)
        })
        .await?;
        let part = Arc::new(part);
        let (shelf, own) = (self.shelf.clone(), part.clone());
        let sink = Arc::new(move |offset, bytes: &[u8]| shelf.write(&own, offset, bytes));
        let received = body::receive(body, &announced, sink).await;
        let noted = on_disk(&self.shelf, move |shelf| {
            let etag = received.and_then(|sha256| Ok((shelf.note(&part, sha256)?, sha256)));
            etag.inspect_err(|_| shelf.drop_part(&part))
        });
        let (etag, sha256) = noted.await?;
        let mut answer = answer::of(200, Sent::Whole(Bytes::new()));
        answer::set(&mut answer, "etag", &etag);
        let checksum = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, sha256);
        answer::set(&mut answer, "x-amz-checksum-sha256", &checksum);
        Ok(answer)
    }

    async fn get(&self, to: Target, head: bool, headers: &HeaderMap, now: i64) -> Result<Answer, Fault> {
        let object = on_disk(&self.shelf, move |shelf| shelf.object(&to.bucket, &to.key)).await?;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let etag = object.label.etag();
        let names = |list: &str| {
            list.split(',')
                .any(|one| matches!(one.trim(), one if one == "*" || one.trim_matches('"') == etag.trim_matches('"')))
        };
        if header("if-match").is_some_and(|list| !names(list)) {
            return Err(Fault::new(Code::PreconditionFailed, "the object has another ETag"));
        }
        if header("if-none-match").is_some_and(names) {
            let mut answer = answer::of(304, Sent::Whole(Bytes::new()));
            answer::set(&mut answer, "etag", &etag);
            return Ok(answer);
        }
        if !head {
            object.label.readable(now)?;
        }
        let size = object.label.size;
        let range = request::range(header("range"), size)?;
        let (first, count) = range.map_or((0, size), |(first, last)| (first, last - first + 1));
        let label = object.label.clone();
        let body = if head {
            Sent::Only(count)
        } else {
            self.reading(object.file, first, count)
        };
        let mut answer = answer::of(if range.is_some() { 206 } else { 200 }, body);
        describe(&mut answer, &label, now);
        if let Some((first, last)) = range {
            answer::set(&mut answer, "content-range", &format!("bytes {first}-{last}/{size}"));
        } else if header("x-amz-checksum-mode").is_some() {
            answer::set(
                &mut answer,
                "x-amz-checksum-sha256",
                &label.checksum().unwrap_or_default(),
            );
            let whole = if label.upload.is_some() {
                "COMPOSITE"
            } else {
                "FULL_OBJECT"
            };
            answer::set(&mut answer, "x-amz-checksum-type", whole);
        }
        if head {
            answer::set(&mut answer, "content-length", &count.to_string());
        }
        Ok(answer)
    }

    /// The bytes of a file, read as they are sent. Whoever takes none loses its connection, and this ends with it.
    fn reading(&self, file: F::File, first: u64, count: u64) -> Sent {
        let (sender, receiver) = tokio::sync::mpsc::channel(2);
        let (shelf, file) = (self.shelf.clone(), Arc::new(file));
        tokio::spawn(async move {
            let mut done = 0;
            while done < count {
                let wanted = PIECE.min(count - done);
                let file = file.clone();
                let piece = on_disk(&shelf, move |shelf| shelf.read(&file, first + done, wanted)).await;
                let piece = piece.map_err(std::io::Error::other);
                let read = piece.as_ref().map_or(0, |bytes| bytes.len() as u64);
                // One that is shorter than it should be ends here, and the connection with it.
                if sender.send(piece).await.is_err() || read < wanted {
                    return;
                }
                done += read;
            }
        });
        Sent::Comes(receiver, count)
    }
}

fn describe(answer: &mut Answer, label: &Label, now: i64) {
    answer::set(answer, "etag", &label.etag());
    answer::set(answer, "last-modified", &answer::http_date(label.modified));
    answer::set(answer, "accept-ranges", "bytes");
    answer::set(
        answer,
        "content-type",
        label.shown.content_type.as_deref().unwrap_or("binary/octet-stream"),
    );
    if let Some(class) = label.shown.class {
        answer::set(answer, "x-amz-storage-class", class.word());
    }
    let restore = match label.state(now) {
        State::Readable | State::Archived => None,
        State::Coming => Some("ongoing-request=\"true\"".to_owned()),
        State::There { until } => Some(format!(
            "ongoing-request=\"false\", expiry-date=\"{}\"",
            answer::http_date(until)
        )),
    };
    if let Some(restore) = restore {
        answer::set(answer, "x-amz-restore", &restore);
    }
    for (name, value) in &label.shown.metadata {
        let name = http::HeaderName::try_from(format!("x-amz-meta-{name}"));
        if let (Ok(name), Ok(value)) = (name, value.parse()) {
            answer.headers_mut().insert(name, value);
        }
    }
}

fn completed(to: &Target, done: &Done) -> Answer {
    answer::in_xml(200, xml::completed(&to.bucket, &to.key, done))
}

fn only_new(headers: &HeaderMap) -> Result<bool, Fault> {
    if headers.contains_key("if-match") {
        return Err(Fault::new(
            Code::NotImplemented,
            "If-Match is not taken with what is written",
        ));
    }
    match headers.get("if-none-match").map(http::HeaderValue::as_bytes) {
        None => Ok(false),
        Some(b"*") => Ok(true),
        Some(_) => Err(Fault::new(
            Code::NotImplemented,
            "If-None-Match must be * with what is written",
        )),
    }
}

fn request_id() -> String {
    let mut bytes = [0; 8];
    // An id that is not random serves as well.
    let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    crate::shelf::hex(&bytes).to_uppercase()
}
