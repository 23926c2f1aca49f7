//! A store in memory that says what was asked of it: S3 as far as a transfer needs it.
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// The first upload that it creates.
pub const UPLOAD: &str = "up-1";

#[derive(Default)]
pub struct Held {
    /// Every request: its method and what it is about.
    pub asked: Vec<String>,
    /// Bytes of parts, by number.
    pub parts: BTreeMap<u32, usize>,
    /// Bytes and metadata of the object.
    pub object: Option<(usize, HashMap<String, String>)>,
    /// Metadata of the upload.
    pub begun: HashMap<String, String>,
    /// Uploads that are neither completed nor aborted.
    pub uploads: Vec<String>,
    /// Uploads cannot be created.
    pub down: bool,
    /// Somebody writes an object of these metadata right after the next look.
    pub intruder: Option<HashMap<String, String>>,
    /// The next completion is done, and its answer lost.
    pub loses_an_answer: bool,
    /// How it answers the completion of an upload that it has completed, where it does not know `NoSuchUpload`.
    pub completed_again: Option<(StatusCode, &'static str)>,
    /// A completion that a dead operator asked for is at work: so often its parts are missing to another one, then it
    /// is done.
    pub completing: Option<u32>,
}

#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Held>>);

impl MemoryStore {
    /// Serves it for as long as the test runs; gives its endpoint.
    pub async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        endpoint
    }

    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }

    /// How often that was asked for.
    pub fn count(&self, what: &str) -> usize {
        self.held().asked.iter().filter(|a| *a == what).count()
    }
}

pub fn query(uri: &Uri) -> HashMap<String, String> {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

fn refuse(status: StatusCode, code: &str) -> Response {
    (
        status,
        format!("<Error><Code>{code}</Code><Message>m</Message></Error>"),
    )
        .into_response()
}

fn etag(number: u32) -> String {
    format!("\"etag-{number}\"")
}

async fn answer(
    State(store): State<MemoryStore>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut held = store.held();
    let query = query(&uri);
    let number = query.get("partNumber").and_then(|n| n.parse::<u32>().ok());
    let upload = query.get("uploadId");
    let what = match (method.as_str(), query.contains_key("uploads"), upload, number) {
        ("POST", true, ..) => "create",
        ("GET", true, ..) => "list",
        ("PUT", _, Some(_), Some(_)) => "part",
        ("POST", _, Some(_), _) => "complete",
        ("DELETE", _, Some(_), _) => "abort",
        ("PUT", ..) => "put",
        ("DELETE", ..) => "delete",
        ("HEAD", ..) => "head",
        ("GET", ..) => "get",
        _ => "else",
    };
    held.asked.push(what.into());
    let metadata = || {
        headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("x-amz-meta-"))
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_string()))
            .collect::<HashMap<_, _>>()
    };
    // What it says of one that it has completed differs from store to store.
    let is_known = |id: &String| held.uploads.contains(id) || (what == "complete" && id == UPLOAD);
    if !upload.is_none_or(is_known) {
        return refuse(StatusCode::NOT_FOUND, "NoSuchUpload");
    }
    match what {
        "create" | "head" if held.down => refuse(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        "create" => {
            held.begun = metadata();
            let id = format!("up-{}", held.uploads.len() + 1);
            held.uploads.push(id.clone());
            format!("<R><UploadId>{id}</UploadId></R>").into_response()
        }
        "list" => {
            let now = jiff::Timestamp::now();
            let listed = |id: &String| {
                format!("<Upload><Key>db.sql</Key><UploadId>{id}</UploadId><Initiated>{now}</Initiated></Upload>")
            };
            let listed: String = held.uploads.iter().map(listed).collect();
            format!("<R>{listed}</R>").into_response()
        }
        "part" => {
            held.parts.insert(number.unwrap(), body.len());
            [("etag", etag(number.unwrap()))].into_response()
        }
        "complete" if held.object.is_some() && held.completed_again.is_some() => {
            let (status, code) = held.completed_again.unwrap();
            refuse(status, code)
        }
        "complete" if held.object.is_some() && headers.contains_key("if-none-match") => {
            refuse(StatusCode::PRECONDITION_FAILED, "PreconditionFailed")
        }
        "complete" if held.completing.is_some_and(|left| left > 0) => {
            held.completing = held.completing.map(|left| left - 1);
            refuse(StatusCode::BAD_REQUEST, "InvalidPart")
        }
        "complete" if held.completing.is_some() => {
            held.object = Some((held.parts.values().sum(), held.begun.clone()));
            refuse(StatusCode::NOT_FOUND, "NoSuchUpload")
        }
        "complete" => {
            let body = String::from_utf8(body.to_vec()).unwrap();
            let wanted = |n: &u32| format!("<PartNumber>{n}</PartNumber><ETag>&quot;etag-{n}&quot;</ETag>");
            let listed = body.matches("<PartNumber>").count();
            let known: Vec<_> = held.parts.iter().filter(|(n, _)| body.contains(&wanted(n))).collect();
            if listed == 0 || known.len() != listed {
                return refuse(StatusCode::BAD_REQUEST, "InvalidPart");
            }
            let size = known.iter().map(|(_, size)| **size).sum();
            held.uploads.retain(|id| Some(id) != upload);
            held.object = Some((size, held.begun.clone()));
            if std::mem::take(&mut held.loses_an_answer) {
                return refuse(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
            }
            "<R><ETag>e</ETag></R>".into_response()
        }
        "abort" => {
            held.parts.clear();
            held.uploads.retain(|id| Some(id) != upload);
            StatusCode::NO_CONTENT.into_response()
        }
        "delete" => {
            held.object = None;
            StatusCode::NO_CONTENT.into_response()
        }
        "put" if held.object.is_some() && headers.contains_key("if-none-match") => {
            refuse(StatusCode::PRECONDITION_FAILED, "PreconditionFailed")
        }
        "put" => {
            held.object = Some((body.len(), metadata()));
            [("etag", etag(0))].into_response()
        }
        "head" => match &held.object {
            None => StatusCode::NOT_FOUND.into_response(),
            Some((size, metadata)) => {
                let mut response = StatusCode::OK.into_response();
                let headers = response.headers_mut();
                headers.insert("content-length", (*size).into());
                headers.insert("etag", etag(0).parse().unwrap());
                for (name, value) in metadata {
                    let name: axum::http::HeaderName = name.parse().unwrap();
                    headers.insert(name, value.parse().unwrap());
                }
                response
            }
        },
        // A HEAD's 404 has no code: it is asked for again.
        "get" if held.object.is_none() => {
            held.object = held.intruder.take().map(|metadata| (3, metadata));
            refuse(StatusCode::NOT_FOUND, "NoSuchKey")
        }
        _ => StatusCode::NOT_IMPLEMENTED.into_response(),
    }
}
