//! The addresses of the page, what each request has to bring, and what each answer says of itself.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use api::{BackupRun, BackupSchedule, BackupStorage, labels};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use kube::ResourceExt;
use maud::Markup;
use serde::Deserialize;

use crate::commands::{describe, status};
use crate::read::connect::Session;
use crate::read::fault::Fault;
use crate::read::objects::Where;
use crate::stored::flags::Reached;
use crate::ui::checks::Checks;
use crate::ui::door::{Caller, Door};
use crate::ui::pages::{self, Frame};
use crate::ui::rights::Rights;
use crate::ui::{forms, live};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/page.js");
/// No form of ours has more.
const BODY: usize = 16 * 1024;
/// A page loads what comes from here, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What all requests share.
#[derive(Clone)]
pub struct Site {
    /// Who asks which cluster.
    pub session: Arc<Session>,
    /// Who comes in.
    pub door: Arc<Door>,
    /// What is read whole.
    pub checks: Arc<Checks>,
    /// What may be changed.
    pub rights: Arc<Rights>,
    /// How stores are reached from here.
    pub reached: Arc<Reached>,
    port: u16,
    began: Instant,
    /// Milliseconds after the begin: the last request.
    last: Arc<AtomicU64>,
}

impl Site {
    /// A page with tokens of its own.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(session: Arc<Session>, port: u16, reached: Reached) -> Result<Self, String> {
        Ok(Self {
            session,
            door: Arc::new(Door::new(port)?),
            checks: Arc::default(),
            rights: Arc::default(),
            reached: Arc::new(reached),
            port,
            began: Instant::now(),
            last: Arc::default(),
        })
    }

    /// The address that lets a browser in.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.port, self.door.token)
    }

    /// Somebody looks.
    pub fn touch(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(now, Ordering::Relaxed);
    }

    /// What is the same on all pages.
    pub fn frame(&self) -> Frame<'_> {
        Frame { csrf: &self.door.csrf }
    }
}

/// Serves until nobody has asked for anything for that long.
///
/// # Errors
/// The port cannot be listened at any more.
pub async fn serve(listener: tokio::net::TcpListener, site: Site, idle: Duration) -> Result<(), String> {
    let served = axum::serve(listener, router(site.clone()));
    let quiet = async {
        loop {
            let until = site.began + Duration::from_millis(site.last.load(Ordering::Relaxed)) + idle;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until.into()).await;
        }
    };
    // Streams that are open do not hold up the end.
    tokio::select! {
        ended = served.into_future() => ended.map_err(|e| e.to_string()),
        () = quiet => Ok(()),
    }
}

/// All addresses, behind the door; what each answer says of itself goes around that.
pub fn router(site: Site) -> axum::Router {
    axum::Router::new()
        .route("/", get(fleet))
        .route("/storages", get(storages))
        .route("/schedules/{namespace}/{name}", get(schedule))
        .route("/schedules/{namespace}/{name}/events", get(live::schedule))
        .route("/schedules/{namespace}/{name}/run", post(forms::run_now))
        .route("/runs/{namespace}/{name}", get(run))
        .route("/runs/{namespace}/{name}/events", get(live::run))
        .route(
            "/runs/{namespace}/{name}/restore",
            get(forms::confirm).post(forms::restore),
        )
        .route("/runs/{namespace}/{name}/cancel", post(forms::cancel))
        .route("/runs/{namespace}/{name}/keep", post(forms::keep))
        .route("/runs/{namespace}/{name}/verify", post(forms::verify))
        .route("/assets/style.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route(
            "/assets/page.js",
            get(|| asset("text/javascript; charset=utf-8", SCRIPT)),
        )
        .fallback(|| async { pages::refusal(StatusCode::NOT_FOUND, "There is no such page.") })
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(site.clone(), admit))
        .layer(from_fn(tell))
        .with_state(site)
}

async fn asset(type_: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, type_)], text)
}

/// Of each answer, also of a refusal.
async fn tell(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[derive(Deserialize)]
struct Invitation {
    token: Option<String>,
}

/// Lets in, or not.
async fn admit(
    State(site): State<Site>,
    Query(invitation): Query<Invitation>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers().clone();
    let caller = caller(&headers);
    let refuse = |words| pages::refusal(StatusCode::FORBIDDEN, words);
    if !site.door.is_named(&caller) {
        return refuse("This page answers to 127.0.0.1 and localhost at its own port only.");
    }
    let is_safe = request.method().is_safe();
    if let Some(token) = invitation.token.filter(|_| is_safe) {
        if !site.door.is_invited(&token) {
            return refuse("The token is not the one of this page: open the address that the terminal shows now.");
        }
        site.touch();
        // An address that begins with two slashes would be one of another host.
        let path = format!("/{}", request.uri().path().trim_start_matches('/'));
        let cookie = [(header::SET_COOKIE, site.door.cookie())];
        return (cookie, Redirect::to(&path)).into_response();
    }
    if !site.door.is_known(&caller) {
        return pages::refusal(
            StatusCode::UNAUTHORIZED,
            "Open the address that the terminal shows: it has the token that lets you in.",
        );
    }
    if !is_safe && !site.door.is_own(&caller) {
        return refuse("Only a page of this program may change something.");
    }
    site.touch();
    next.run(request).await
}

fn caller(headers: &HeaderMap) -> Caller<'_> {
    let of = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Caller {
        host: of("host"),
        cookie: of("cookie"),
        origin: of("origin"),
        site: of("sec-fetch-site"),
    }
}

/// A page, or why there is none, as a page.
pub type Answer = Result<Response, Refused>;

/// What could not be done.
pub struct Refused(pub StatusCode, pub String);

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        let code = if fault.is_forbidden() {
            StatusCode::FORBIDDEN
        } else if fault.is_missing() {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::BAD_GATEWAY
        };
        Self(code, fault.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        pages::refusal(self.0, &self.1)
    }
}

/// The page itself.
pub fn page(markup: Markup) -> Answer {
    Ok(axum::response::Html(markup.into_string()).into_response())
}

/// The namespace and the name of an object: what is none never becomes part of a request to the API server.
pub fn named((namespace, name): (String, String)) -> Result<(String, String), Refused> {
    if is_name(&namespace) && is_name(&name) {
        return Ok((namespace, name));
    }
    Err(Refused(StatusCode::NOT_FOUND, "There is no such page.".into()))
}

/// As Kubernetes names objects: letters, digits, `-` and `.`.
fn is_name(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 253 && text.chars().all(is_inner) && is_edge(text.chars().next()) && is_edge(text.chars().last())
}

async fn fleet(State(site): State<Site>) -> Answer {
    let read = status::read(&site.session, site.session.asked.is_some(), false).await?;
    let namespaces: BTreeSet<_> = read.schedules.iter().filter_map(ResourceExt::namespace).collect();
    let denied = site.rights.denied::<BackupSchedule>(&site.session, namespaces).await;
    page(pages::fleet(&site.frame(), &read, &denied, Timestamp::now()))
}

async fn storages(State(site): State<Site>) -> Answer {
    let storages = site.session.list::<BackupStorage>(&Where::All, None).await?.objects;
    let place = Where::of(site.session.asked.is_none(), &site.session.namespace);
    let runs = match site.session.list::<BackupRun>(&place, None).await {
        Err(fault) if fault.is_forbidden() && place == Where::All => {
            let own = Where::Namespace(site.session.namespace.clone());
            site.session.list::<BackupRun>(&own, None).await
        }
        other => other,
    };
    page(pages::storages(&storages, &runs?.objects, Timestamp::now()))
}

async fn schedule(State(site): State<Site>, Path(which): Path<(String, String)>) -> Answer {
    let (namespace, name) = named(which)?;
    let schedule: BackupSchedule = site.session.get(&namespace, &name).await?;
    let label = format!("{}={name}", labels::SCHEDULE);
    let may = site
        .rights
        .may_change::<BackupSchedule>(&site.session, &namespace)
        .await;
    let place = Where::Namespace(namespace);
    let runs = site.session.list::<BackupRun>(&place, Some(&label)).await?.objects;
    page(pages::schedule(&site.frame(), &schedule, runs, may, Timestamp::now()))
}

async fn run(State(site): State<Site>, Path(which): Path<(String, String)>) -> Answer {
    let (namespace, name) = named(which)?;
    let mut notes = Vec::new();
    let (run, pod, events) = describe::read(&site.session, &namespace, &name, &mut notes).await?;
    let check = site.checks.of(&run.uid().unwrap_or_default());
    let may = site.rights.may_change::<BackupRun>(&site.session, &namespace).await;
    page(pages::run(
        &site.frame(),
        &pages::Told {
            run: &run,
            pod: pod.as_ref(),
            events: &events,
            notes: &notes,
            check: check.as_ref(),
            may,
        },
        Timestamp::now(),
    ))
}

#[cfg(test)]
mod tests;
