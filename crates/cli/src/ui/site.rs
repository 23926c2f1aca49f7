//! The addresses of the page, what each request has to bring, and what each answer says of itself.
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use api::{BackupRun, BackupSchedule, BackupStorage, labels};
use axum::extract::{DefaultBodyLimit, Form, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use kube::ResourceExt;
use maud::Markup;
use planner::schedule::observed::is_being_restored;
use serde::Deserialize;

use crate::act;
use crate::commands::restore::{choose, plan};
use crate::commands::{describe, status};
use crate::follow::doing::{Doing, of as doing_of};
use crate::follow::stop;
use crate::follow::watch::{News, one as watch};
use crate::read::connect::Session;
use crate::read::fault::Fault;
use crate::read::objects::Where;
use crate::ui::door::{Caller, Door};
use crate::ui::pages::{self, Frame};

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
    session: Arc<Session>,
    door: Arc<Door>,
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
    pub fn new(session: Arc<Session>, port: u16) -> Result<Self, String> {
        Ok(Self {
            session,
            door: Arc::new(Door::new(port)?),
            port,
            began: Instant::now(),
            last: Arc::default(),
        })
    }

    /// The address that lets a browser in.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.port, self.door.token)
    }

    fn touch(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.fetch_max(now, Ordering::Relaxed);
    }

    fn frame(&self) -> Frame<'_> {
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
        .route("/schedules/{namespace}/{name}/run", post(run_now))
        .route("/runs/{namespace}/{name}", get(run))
        .route("/runs/{namespace}/{name}/events", get(events))
        .route("/runs/{namespace}/{name}/restore", get(confirm).post(restore))
        .route("/runs/{namespace}/{name}/cancel", post(cancel))
        .route("/runs/{namespace}/{name}/keep", post(keep))
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
type Answer = Result<Response, Refused>;

/// What could not be done.
struct Refused(StatusCode, String);

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

fn page(markup: Markup) -> Answer {
    Ok(markup_of(markup))
}

fn markup_of(markup: Markup) -> Response {
    axum::response::Html(markup.into_string()).into_response()
}

/// The namespace and the name of an object: what is none never becomes part of a request to the API server.
fn named((namespace, name): (String, String)) -> Result<(String, String), Refused> {
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
    page(pages::fleet(&site.frame(), &read, Timestamp::now()))
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
    page(pages::storages(
        &site.frame(),
        &storages,
        &runs?.objects,
        Timestamp::now(),
    ))
}

async fn schedule(State(site): State<Site>, Path(which): Path<(String, String)>) -> Answer {
    let (namespace, name) = named(which)?;
    let schedule: BackupSchedule = site.session.get(&namespace, &name).await?;
    let label = format!("{}={name}", labels::SCHEDULE);
    let place = Where::Namespace(namespace);
    let runs = site.session.list::<BackupRun>(&place, Some(&label)).await?.objects;
    page(pages::schedule(&site.frame(), &schedule, runs, Timestamp::now()))
}

async fn run(State(site): State<Site>, Path(which): Path<(String, String)>) -> Answer {
    let (namespace, name) = named(which)?;
    let mut notes = Vec::new();
    let (run, pod, events) = describe::read(&site.session, &namespace, &name, &mut notes).await?;
    page(pages::run(
        &site.frame(),
        &pages::Told {
            run: &run,
            pod: pod.as_ref(),
            events: &events,
            notes: &notes,
        },
        Timestamp::now(),
    ))
}

/// What a run does, each time that it changes.
async fn events(
    State(site): State<Site>,
    Path(which): Path<(String, String)>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let (namespace, name) = named(which)?;
    let news = watch::<BackupRun>(&site.session, &namespace, &name).map(move |news| {
        site.touch();
        Ok(match news {
            News::Is(run) if doing_of(&run) == Doing::Nothing => Event::default().event("ended").data("ended"),
            News::Is(run) => {
                let live = pages::progress(&run).into_string();
                Event::default().event("progress").data(live)
            }
            News::Gone => Event::default().event("ended").data("gone"),
            News::Broken(why) => Event::default().event("broken").data(crate::plain::clean(&why)),
            News::Refused(fault) => {
                let words = crate::plain::clean(&fault.to_string());
                Event::default().event("broken").data(words)
            }
        })
    });
    Ok(Sse::new(news).keep_alive(KeepAlive::default()))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    on: bool,
}

fn given(site: &Site, asked: &Asked) -> Result<(), Refused> {
    if site.door.is_given(&asked.csrf) {
        return Ok(());
    }
    let words = "The form is not one of this page: load the page before it again.";
    Err(Refused(StatusCode::FORBIDDEN, words.into()))
}

async fn run_now(State(site): State<Site>, Path(which): Path<(String, String)>, Form(asked): Form<Asked>) -> Answer {
    given(&site, &asked)?;
    let (namespace, name) = named(which)?;
    act::trigger(&site.session, &namespace, &name).await?;
    Ok(Redirect::to(&format!("/schedules/{namespace}/{name}")).into_response())
}

/// The run, where a restore of it may be asked for.
async fn restorable(site: &Site, namespace: &str, name: &str) -> Result<BackupRun, Refused> {
    let run: BackupRun = site.session.get(namespace, name).await?;
    let why = match choose::unrestorable(&run) {
        Some((why, _)) => why,
        None if is_being_restored(&run) => "a restore of it is under way or waits already".into(),
        None => return Ok(run),
    };
    Err(Refused(
        StatusCode::CONFLICT,
        format!("cannot restore run {name}: {why}"),
    ))
}

async fn confirm(State(site): State<Site>, Path(which): Path<(String, String)>) -> Answer {
    let (namespace, name) = named(which)?;
    let run = restorable(&site, &namespace, &name).await?;
    let shown = plan::shown(&run, &run, &namespace, Timestamp::now());
    page(pages::confirm(&site.frame(), &run, &shown))
}

async fn restore(State(site): State<Site>, Path(which): Path<(String, String)>, Form(asked): Form<Asked>) -> Answer {
    given(&site, &asked)?;
    let (namespace, name) = named(which)?;
    let run = restorable(&site, &namespace, &name).await?;
    // What was shown is what is restored.
    if run.resource_version().as_deref() != Some(asked.version.as_str()) {
        let words = format!(
            "cannot restore run {name}: it was changed after it was shown. Go back, look again, and confirm again."
        );
        return Err(Refused(StatusCode::CONFLICT, words));
    }
    act::restore(&site.session, &namespace, &name, Some(&asked.version)).await?;
    Ok(to_run(&namespace, &name))
}

async fn cancel(State(site): State<Site>, Path(which): Path<(String, String)>, Form(asked): Form<Asked>) -> Answer {
    given(&site, &asked)?;
    let (namespace, name) = named(which)?;
    let run: BackupRun = site.session.get(&namespace, &name).await?;
    if doing_of(&run) == Doing::Nothing {
        let words = format!("cannot cancel run {name}: nothing is under way: it has ended");
        return Err(Refused(StatusCode::CONFLICT, words));
    }
    stop::cancel(&site.session, &namespace, &name).await?;
    Ok(to_run(&namespace, &name))
}

async fn keep(State(site): State<Site>, Path(which): Path<(String, String)>, Form(asked): Form<Asked>) -> Answer {
    given(&site, &asked)?;
    let (namespace, name) = named(which)?;
    act::keep(&site.session, &namespace, &name, asked.on).await?;
    Ok(to_run(&namespace, &name))
}

fn to_run(namespace: &str, name: &str) -> Response {
    Redirect::to(&format!("/runs/{namespace}/{name}")).into_response()
}

#[cfg(test)]
mod tests;
