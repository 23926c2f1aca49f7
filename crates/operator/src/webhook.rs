//! The validating webhook: answers `kubectl apply` before anything is stored. Every replica serves it; the leader keeps its
//! certificate.
mod asks;
mod drain;
mod expiry;
mod neighbours;
mod requester;
mod review;
mod tls;
mod trial;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use kube::core::Status;
use kube::core::admission::AdmissionResponse;
use kube::core::response::StatusSummary;
use kube::{Api, Client};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::volumes::Volumes;
use drain::Drain;
use review::{Answer, Asked, Reviewer};

use crate::admin::Ready;
use crate::listen::listen;
use crate::metrics::Metrics;

/// The API server waits for 10 s (`timeoutSeconds`); an answer that says why is better than none.
const ANSWER: Duration = Duration::from_secs(8);
/// Requests that are looked at side by side; more wait. Together they may have [`BODY`]: read as its kind, an object takes
/// many times its bytes.
const SIDE_BY_SIDE: usize = 16;
/// The largest review, bytes: an object and, when it is changed, its predecessor, each with what kubectl keeps of it.
const BODY: usize = 1024 * 1024;
/// Until something that failed is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// The code of an answer that something could not be looked at.
const LATER: u16 = 503;
/// For requests that are under way once none is expected any more.
const LAST: Duration = Duration::from_secs(2);

/// How it is served.
pub struct Settings {
    /// Where.
    pub address: SocketAddr,
    /// The operator's namespace.
    pub namespace: String,
    /// The Secret there with its certificate.
    pub secret: String,
    /// Somebody else keeps `tls.crt` and `tls.key` there.
    pub folder: Option<PathBuf>,
    /// How the agent is put into Pods.
    pub agent: planner::run::pod::AgentSettings,
    /// Whether image volumes are served.
    pub volumes: Arc<Volumes>,
    /// Whether who asks has to have the rights that the operator uses for him.
    pub check_requester: bool,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Where notifications of schedules may go.
    pub notification_hosts: planner::notify::Hosts,
}

impl Settings {
    /// With the operator's namespace, which the client knows.
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        self.namespace = namespace.into();
        self
    }
}

/// A webhook that can be told to end.
#[derive(Clone, Default)]
pub struct Server {
    handle: Handle<SocketAddr>,
    drain: Drain,
}

impl Server {
    /// Serves until it is told to end.
    ///
    /// # Errors
    /// The address is not to be had.
    pub async fn serve(&self, client: Client, settings: Settings, ready: Ready) -> std::io::Result<()> {
        let (served, mut configs) = watch::channel(None);
        let follow = async {
            match &settings.folder {
                Some(folder) => tls::follow_folder(folder, &served, &settings.metrics).await,
                None => tls::follow_secret(client.clone(), &settings, &served, &settings.metrics).await,
            }
            std::future::pending().await
        };
        let serve = async {
            let own = own_name(&client).await;
            let reviewer = Reviewer {
                client: client.clone(),
                agent: settings.agent.clone(),
                volumes: settings.volumes.clone(),
                check_requester: settings.check_requester,
                notification_hosts: settings.notification_hosts.clone(),
            };
            let shared = Arc::new(Shared {
                reviewer,
                own,
                turns: Semaphore::new(SIDE_BY_SIDE),
                metrics: settings.metrics.clone(),
            });
            let router = Router::new()
                .route("/validate", post(validate))
                .layer(from_fn_with_state(self.drain.clone(), drain::note))
                .with_state(shared);
            // The sender lives as long as this.
            let Ok(Some(first)) = configs.wait_for(Option::is_some).await.map(|c| c.clone()) else {
                return Ok(());
            };
            let config = RustlsConfig::from_config(first);
            let listener = listen(settings.address)?.into_std()?;
            let server = axum_server::from_tcp_rustls(listener, config.clone())?
                .handle(self.handle.clone())
                .http1_only();
            let reload = async {
                while configs.changed().await.is_ok() {
                    if let Some(newer) = configs.borrow_and_update().clone() {
                        config.reload_from_config(newer);
                        tracing::info!("the webhook serves with another certificate");
                    }
                }
            };
            let listening = async {
                if self.handle.listening().await.is_some() {
                    ready.serves();
                }
                reload.await;
                std::future::pending::<()>().await
            };
            tokio::select! {
                ended = server.serve(router.into_make_service()) => ended,
                () = listening => Ok(()),
            }
        };
        tokio::select! {
            ended = serve => ended,
            () = follow => Ok(()),
        }
    }

    /// Serves on while requests may still come, then ends.
    pub async fn drain(self) {
        self.drain.wait().await;
        self.handle.graceful_shutdown(Some(LAST));
        let none_is_left = async {
            while self.handle.connection_count() > 0 {
                sleep(Duration::from_millis(50)).await;
            }
        };
        // The API server keeps its connections open; they end with the process.
        let _ = timeout(LAST, none_is_left).await;
    }
}

/// What every request is answered with.
struct Shared {
    reviewer: Reviewer,
    /// The operator itself, as the API server names it.
    own: Option<String>,
    turns: Semaphore,
    metrics: Arc<Metrics>,
}

/// Who the operator is: what it makes itself was looked at when its parent was made.
async fn own_name(client: &Client) -> Option<String> {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let (parameters, question) = (PostParams::default(), SelfSubjectReview::default());
    loop {
        match timeout(ANSWER, reviews.create(&parameters, &question)).await {
            Ok(Ok(answer)) => return answer.status?.user_info?.username,
            Ok(Err(error)) => tracing::warn!(
                error = crate::events::causes(&error),
                "the operator cannot learn its own name; trying again"
            ),
            Err(_) => tracing::warn!("the operator cannot learn its own name in time; trying again"),
        }
        sleep(AGAIN).await;
    }
}

async fn validate(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let began = Instant::now();
    let (kind, answer, response) = match look(&shared, request).await {
        Ok((kind, answer)) => {
            let word = match &answer.result {
                _ if answer.allowed => "Allowed",
                result if result.code == LATER => "Failed",
                _ => "Refused",
            };
            (kind, word, Json(answer.into_review()).into_response())
        }
        Err(response) => (String::new(), "Failed", response),
    };
    shared.metrics.answered(&kind, answer, began.elapsed());
    response
}

/// The answer, and the kind that it is about; else what is said of a request that is none.
async fn look(shared: &Shared, request: Request) -> Result<(String, AdmissionResponse), Response> {
    let told = request.headers().get(CONTENT_LENGTH);
    let bytes = told.and_then(|l| l.to_str().ok()?.parse().ok()).unwrap_or(BODY);
    if bytes > BODY {
        return Err(too_large());
    }
    let deadline = Instant::now() + ANSWER;
    // Before a byte is read: what waits holds nothing.
    let Ok(_turn) = timeout_at(deadline, shared.turns.acquire_many(turns(bytes))).await else {
        let words = "too many requests for admission at once; try again";
        return Err((StatusCode::SERVICE_UNAVAILABLE, words).into_response());
    };
    let Ok(Ok(body)) = timeout_at(deadline, to_bytes(request.into_body(), bytes)).await else {
        return Err((StatusCode::BAD_REQUEST, "the request did not come in whole").into_response());
    };
    match serde_json::from_slice(&body) {
        Ok(asks::Review { request: Some(asked) }) => {
            let kind = asked.kind.kind.clone();
            Ok((kind, shared.answer(asked, deadline).await))
        }
        Ok(asks::Review { request: None }) => {
            let none = AdmissionResponse::invalid("there is no request in the review");
            Ok((String::new(), none))
        }
        Err(error) => Err((StatusCode::BAD_REQUEST, format!("this is no AdmissionReview: {error}")).into_response()),
    }
}

fn too_large() -> Response {
    let words = format!(
        "the object is too large: with its predecessor it may have {} KiB as JSON",
        BODY / 1024
    );
    (StatusCode::PAYLOAD_TOO_LARGE, words).into_response()
}

/// How many of the turns a request of that many bytes takes: at least one, of the largest all.
fn turns(bytes: usize) -> u32 {
    let share = bytes.div_ceil(BODY / SIDE_BY_SIDE).clamp(1, SIDE_BY_SIDE);
    u32::try_from(share).unwrap_or(u32::MAX)
}

impl Shared {
    async fn answer(&self, request: asks::Request, deadline: Instant) -> AdmissionResponse {
        let mut response = AdmissionResponse::invalid("");
        (response.uid, response.allowed, response.result) = (request.uid, true, Status::default());
        if self.own.is_some() && request.user_info.username == self.own {
            return response;
        }
        let asked = Asked {
            kind: request.kind.kind,
            namespace: request.namespace,
            object: request.object,
            user: request.user_info,
        };
        match timeout_at(deadline, self.reviewer.review(asked)).await {
            Ok(Ok(answer)) => respond(response, answer),
            Ok(Err(error)) => later(response, crate::events::causes(&error)),
            Err(_) => later(
                response,
                format!("the API server did not answer within {} s", ANSWER.as_secs()),
            ),
        }
    }
}

fn respond(mut response: AdmissionResponse, answer: Answer) -> AdmissionResponse {
    if !answer.faults.is_empty() {
        response.allowed = false;
        response.result.status = Some(StatusSummary::Failure);
        response.result.message = answer.message();
        (response.result.code, response.result.reason) = if answer.forbidden {
            (403, "Forbidden".into())
        } else {
            (422, "Invalid".into())
        };
    } else if !answer.warnings.is_empty() {
        response.warnings = Some(answer.warnings);
    }
    response
}

/// Not now: nothing is admitted that was not looked at.
fn later(mut response: AdmissionResponse, why: String) -> AdmissionResponse {
    tracing::warn!(why, "a request for admission could not be looked at");
    response.allowed = false;
    response.result.status = Some(StatusSummary::Failure);
    response.result.message = format!("it cannot be checked now, try again: {why}");
    response.result.code = LATER;
    response.result.reason = "ServiceUnavailable".into();
    response
}

#[cfg(test)]
mod tests;
