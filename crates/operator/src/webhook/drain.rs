//! The end of a webhook that loses no request: it serves on until none comes any more, and lets go of its connections one
//! by one.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::{Instant, sleep};

/// For the routes to this Pod to be taken away: until then new connections come in. On a node with much to do kube-proxy
/// takes seconds.
const ROUTES: Duration = Duration::from_secs(5);
/// Without a request for so long, none is expected any more.
const QUIET: Duration = Duration::from_secs(3);
/// However many come: less than the Pod's grace period of 30 s, with time for what else has to end.
const LONGEST: Duration = Duration::from_secs(18);

/// When the last request came, and whether the end has begun.
#[derive(Clone, Default)]
pub struct Drain(Arc<Mutex<Times>>);

#[derive(Clone, Copy, Default)]
struct Times {
    told: Option<Instant>,
    last: Option<Instant>,
}

impl Drain {
    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the end; returns when it may be made.
    pub async fn wait(&self) {
        self.times().told = Some(Instant::now());
        loop {
            let times = *self.times();
            let Some(wait) = times.left(Instant::now()) else { return };
            sleep(wait).await;
        }
    }
}

impl Times {
    /// How long to serve on at least; nothing if it is over.
    fn left(&self, now: Instant) -> Option<Duration> {
        let told = self.told?;
        let quiet = self.last.map_or(told, |last| last + QUIET);
        let end = quiet.max(told + ROUTES).min(told + LONGEST);
        end.checked_duration_since(now).filter(|left| !left.is_zero())
    }
}

/// Notes each request and its end. Once the end has begun each answer closes its connection: the API server keeps connections open and
/// sends on them whatever the routes say, and one that is closed while a request is on its way is a request that fails.
pub async fn note(State(drain): State<Drain>, request: Request, next: Next) -> Response {
    drain.times().last = Some(Instant::now());
    let mut response = next.run(request).await;
    drain.times().last = Some(Instant::now());
    if drain.times().told.is_some() {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::post;
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn it_serves_on_until_the_routes_are_gone_and_no_request_comes_but_not_for_ever() {
        let told = Instant::now();
        let at = |seconds: f64| told + Duration::from_secs_f64(seconds);
        for (last, now, left) in [
            // None ever came, or the last came before.
            (None, 0.0, Some(5.0)),
            (None, 4.5, Some(0.5)),
            (None, 5.0, None),
            (Some(-60.0), 0.0, Some(5.0)),
            (Some(1.0), 1.0, Some(4.0)),
            (Some(4.0), 5.0, Some(2.0)),
            (Some(4.0), 7.0, None),
            (Some(17.0), 17.0, Some(1.0)),
            (Some(18.0), 18.0, None),
        ] {
            let last = last.map(|s: f64| {
                if s < 0.0 {
                    told - Duration::from_secs_f64(-s)
                } else {
                    at(s)
                }
            });
            let times = Times { told: Some(told), last };
            assert_eq!(times.left(at(now)), left.map(Duration::from_secs_f64), "{last:?} {now}");
        }
        assert_eq!(Times::default().left(told), None, "nobody told it");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_closes_its_connection_once_the_end_has_begun() {
        let drain = Drain::default();
        let router = Router::new()
            .route("/validate", post(async || "{}"))
            .layer(axum::middleware::from_fn_with_state(drain.clone(), note));
        let ask = async || {
            let request = Request::post("/validate").body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            response.headers().get(CONNECTION).cloned()
        };
        assert_eq!(ask().await, None);
        let begun = Instant::now();
        let asking = async {
            for _ in 0..6 {
                sleep(Duration::from_secs(1)).await;
                assert_eq!(ask().await.unwrap(), "close");
            }
        };
        tokio::join!(drain.wait(), asking);
        assert_eq!(
            begun.elapsed().as_secs(),
            9,
            "three quiet seconds after the last request"
        );
    }
}
