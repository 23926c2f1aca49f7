//! What of the cluster no notification may reach: the API server's Service, the API servers themselves, the nodes. Looked up again and again.
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Api, Client};
use planner::notify::address::{Cluster, Unknown};
use tokio::time::timeout;

use crate::write::{WriteError, bounded};
use crate::{events, nodes};

/// Until a name of the API server is found.
const LOOK_UP: Duration = Duration::from_secs(2);
/// Until something of the cluster is known; work waits for it at the start.
const LEARN: Duration = Duration::from_secs(15);
/// Names of the API server inside a cluster.
const API_SERVER: &str = "kubernetes.default.svc";

/// What was found out. Cheap to clone.
#[derive(Clone, Default)]
pub struct Known(Arc<Mutex<Learned>>);

#[derive(Default)]
struct Learned {
    cluster: Cluster,
    /// What could not be looked up, in words: each is logged once.
    faults: Vec<String>,
}

impl Known {
    /// As it is known now.
    pub fn cluster(&self) -> Cluster {
        self.learned().cluster.clone()
    }

    /// Looks all of it up; whether it is known now. `services` is what the API server is called by.
    pub async fn learn(&self, client: &Client, services: impl Future<Output = Vec<IpAddr>>) -> bool {
        let (services, api_servers, nodes) = futures::join!(
            services,
            in_time("read where the API servers are", |what| api_servers(client, what)),
            in_time("read the addresses of the nodes", |what| addresses_of_nodes(
                client, what
            )),
        );
        let faults = [api_servers.as_ref().err(), nodes.as_ref().err()];
        let faults: Vec<_> = faults.into_iter().flatten().map(|e| events::causes(e)).collect();
        let mut learned = self.learned();
        learned.cluster.learn(Cluster {
            services,
            api_servers: api_servers.map_err(|e| why(&e)),
            nodes: nodes.map_err(|e| why(&e)),
        });
        if learned.faults != faults {
            for error in &faults {
                tracing::warn!(
                    error,
                    "what of the cluster no notification may reach cannot be looked up: what was known before stays, unless it may not be read"
                );
            }
            learned.faults = faults;
        }
        learned.cluster.is_known()
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The API server's Service, and what the client was configured with.
pub async fn services() -> Vec<IpAddr> {
    let mut names = vec![API_SERVER.to_string()];
    names.extend(std::env::var("KUBERNETES_SERVICE_HOST"));
    if let Ok(config) = kube::Config::infer().await {
        names.extend(config.cluster_url.host().map(ToString::to_string));
    }
    let each = names.iter().map(|name| async move {
        let name = name.trim_matches(['[', ']']);
        let found = timeout(LOOK_UP, tokio::net::lookup_host((name, 443))).await;
        let found = found.ok().and_then(Result::ok)?;
        Some(found.map(|a| a.ip()).collect::<Vec<_>>())
    });
    futures::future::join_all(each)
        .await
        .into_iter()
        .flatten()
        .flatten()
        .collect()
}

/// Looks something up, but not for ever.
async fn in_time<T, F>(what: &'static str, look: impl FnOnce(&'static str) -> F) -> Result<T, WriteError>
where
    F: Future<Output = Result<T, WriteError>>,
{
    timeout(LEARN, look(what))
        .await
        .unwrap_or(Err(WriteError::Timeout(what)))
}

/// Why something is not known.
fn why(error: &WriteError) -> Unknown {
    match error {
        WriteError::Refused(_, kube::Error::Api(status)) if status.code == 403 => Unknown::Forbidden,
        _ => Unknown::NoAnswer,
    }
}

/// Where the API servers listen, as they say themselves.
async fn api_servers(client: &Client, what: &'static str) -> Result<Vec<SocketAddr>, WriteError> {
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), "default");
    // None in a cluster whose API servers are told not to say it (--endpoint-reconciler-type=none): nobody there can know.
    let Some(slice) = bounded(what, slices.get_opt("kubernetes")).await? else {
        return Ok(Vec::new());
    };
    let ports: Vec<_> = slice
        .ports
        .iter()
        .flatten()
        .filter_map(|p| u16::try_from(p.port?).ok())
        .collect();
    let addresses = slice
        .endpoints
        .iter()
        .flat_map(|e| &e.addresses)
        .filter_map(|a| a.parse().ok());
    Ok(addresses
        .flat_map(|ip: IpAddr| ports.iter().map(move |port| SocketAddr::new(ip, *port)))
        .collect())
}

async fn addresses_of_nodes(client: &Client, what: &'static str) -> Result<Vec<IpAddr>, WriteError> {
    let mut all = Vec::new();
    let see = |node: &Node| {
        let addresses = node.status.iter().flat_map(|s| s.addresses.iter().flatten());
        all.extend(addresses.filter_map(|a| a.address.parse::<IpAddr>().ok()));
    };
    nodes::each(client, what, see).await?;
    Ok(all)
}
