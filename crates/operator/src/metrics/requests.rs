//! Requests to the API server, counted by verb and code, whoever makes them.
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tower::{BoxError, Layer, Service};

use super::Metrics;
use crate::lease::Tenure;

/// A client of the cluster that is configured, whose requests are counted, and sent for as long as the tenure lasts.
///
/// # Errors
/// No cluster is configured, or not in a way that can be used.
pub async fn connect(metrics: &Arc<Metrics>, tenure: Tenure) -> kube::Result<Client> {
    let config = Config::infer().await.map_err(kube::Error::InferConfig)?;
    Ok(ClientBuilder::try_from(config)?
        .with_layer(&Counts(metrics.clone(), tenure))
        .build())
}

/// Makes a client count.
struct Counts(Arc<Metrics>, Tenure);

impl<S> Layer<S> for Counts {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            metrics: self.0.clone(),
            tenure: self.1.clone(),
        }
    }
}

/// A client that counts.
struct Counted<S> {
    inner: S,
    metrics: Arc<Metrics>,
    tenure: Tenure,
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let verb = verb(&request);
        let metrics = self.metrics.clone();
        let answer = self.tenure.check().map(|()| self.inner.call(request));
        Box::pin(async move {
            let answer = answer?.await.map_err(Into::into);
            let code = answer.as_ref().map_or(0, |a| a.status().as_u16());
            metrics.api_requests.add([verb, &code.to_string()], 1);
            answer
        })
    }
}

/// As the API server's own metrics have it.
fn verb(request: &Request<Body>) -> &'static str {
    let watches = |query: &str| query.split('&').any(|word| word == "watch=true" || word == "watch=1");
    match *request.method() {
        Method::GET if request.uri().query().is_some_and(watches) => "WATCH",
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use kube::Api;

    use super::*;
    use crate::mocked;

    #[tokio::test]
    async fn a_request_counts_by_its_verb_and_the_code_of_its_answer() {
        let metrics = Arc::new(Metrics::default());
        let (service, mut server) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
        let client = Client::new(Counts(metrics.clone(), Tenure::default()).layer(service), "team");
        let runs: Api<api::BackupRun> = Api::namespaced(client, "team");
        for code in [404, 200] {
            let (_, _) = tokio::join!(
                runs.get("a"),
                mocked::answer(
                    &mut server,
                    code,
                    serde_json::json!({"code": code, "status": "Failure", "message": "", "reason": ""})
                )
            );
        }
        drop(server);
        assert!(runs.delete("a", &Default::default()).await.is_err());
        let seen: Vec<_> = metrics
            .api_requests
            .all()
            .into_iter()
            .map(|(l, n)| (l.join(" "), n))
            .collect();
        assert!(
            seen.contains(&("GET 200".into(), 1)) && seen.contains(&("GET 404".into(), 1)),
            "{seen:?}"
        );
    }

    #[test]
    fn a_watch_is_told_from_a_look() {
        let verb_of = |uri: &str| verb(&Request::get(uri).body(Body::empty()).unwrap());
        assert_eq!(verb_of("/apis/x/v1/runs?&watch=true&resourceVersion=1"), "WATCH");
        assert_eq!(verb_of("/apis/x/v1/runs?labelSelector=watch%3Dtrue"), "GET");
        assert_eq!(verb_of("/apis/x/v1/runs"), "GET");
    }

    #[tokio::test(start_paused = true)]
    async fn who_leads_no_more_sends_the_api_server_nothing() {
        let tenure = Tenure::default();
        let (service, mut server) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
        let client = Client::new(Counts(Arc::default(), tenure.clone()).layer(service), "team");
        let runs: Api<api::BackupRun> = Api::namespaced(client, "team");
        tenure.renewed(tokio::time::Instant::now());
        let answer = serde_json::json!({"code": 404, "status": "Failure", "message": "", "reason": ""});
        let (seen, _) = tokio::join!(runs.get("a"), mocked::answer(&mut server, 404, answer));
        assert!(seen.is_err());
        tokio::time::advance(std::time::Duration::from_secs(10)).await;
        tokio::select! {
            biased;
            _ = server.next_request() => panic!("it was sent"),
            answer = runs.get("a") => {
                let words = crate::events::causes(&answer.unwrap_err());
                assert!(words.contains("the lease was not renewed within 10 s"), "{words}");
            }
        }
    }
}
