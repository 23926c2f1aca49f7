//! The client for exec. The usual one leaves Nagle's algorithm on: a piece of a tunnelled stream then waits for the
//! acknowledgement of the one before, and a message for that of a piece. It also has retries and timeouts of its own,
//! where a link keeps its own deadlines.
use std::sync::Arc;

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
use tokio::sync::OnceCell;
use tower::{BoxError, ServiceBuilder};

use crate::lease::Tenure;

/// Made when it is first needed; clones are the same.
#[derive(Clone, Default)]
pub struct Exec(Arc<OnceCell<Client>>, Tenure);

impl Exec {
    /// One that reaches the API server which is configured so.
    #[cfg(test)]
    pub fn of(config: &Config) -> Self {
        Self(Arc::new(OnceCell::new_with(make(config).ok())), Tenure::default())
    }

    /// One that agents are reached by for as long as that lasts: an agent listens to who came last.
    pub fn during(tenure: Tenure) -> Self {
        Self(Arc::default(), tenure)
    }

    /// The client.
    ///
    /// # Errors
    /// No cluster is configured, or not in a way that can be used. Another operator may lead.
    pub async fn client(&self) -> Result<&Client, kube::Error> {
        self.1.check().map_err(|over| kube::Error::Service(over.into()))?;
        self.0
            .get_or_try_init(|| async { make(&Config::infer().await.map_err(kube::Error::InferConfig)?) })
            .await
    }
}

fn make(config: &Config) -> Result<Client, kube::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let tls = config.rustls_https_connector_with_connector(tcp)?;
    let http: HttpClient<_, Body> = HttpClient::builder(TokioExecutor::new()).build(tls);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace.clone()))
}
