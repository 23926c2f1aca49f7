//! The way to a receiver: a host that is allowed, its name looked up once, an address that may be connected to, and a connection to just that one.
//! Through a proxy of the operator's environment the proxy looks the name up, and decides what it connects to.
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client};
use planner::notify::address::{self, Cluster};
use planner::notify::hosts::Allowed;
use planner::notify::{Hosts, Refused};
use planner::validate::notifications::not_listed;
use store::Proxies;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Fault;
use crate::write::{WriteError, bounded};

/// Until one address has answered; a host may have several, and a try has ten seconds.
const CONNECT: Duration = Duration::from_secs(4);
/// Until a name of the API server is found.
const LOOK_UP: Duration = Duration::from_secs(2);
/// Until the cluster is known; work waits for it at the start.
const LEARN: Duration = Duration::from_secs(15);
/// Nodes of one answer.
const PAGE: u32 = 100;
/// Names of the API server inside a cluster.
const API_SERVER: &str = "kubernetes.default.svc";

/// May an address be connected to?
type Judge = fn(SocketAddr, Option<Allowed>, &Cluster) -> Result<(), Refused>;

/// Where receivers may be. Cheap to clone.
#[derive(Clone)]
pub struct Way {
    hosts: Hosts,
    proxies: Proxies,
    cluster: Arc<Mutex<Cluster>>,
    judge: Judge,
}

impl Way {
    pub fn new(hosts: Hosts, proxies: Proxies) -> Self {
        Self {
            hosts,
            proxies,
            cluster: Arc::default(),
            judge: address::judge,
        }
    }

    /// With other judgement: receivers of tests are on this machine.
    #[cfg(test)]
    pub fn judging(self, judge: Judge) -> Self {
        Self { judge, ..self }
    }

    /// Whether any host is allowed.
    pub fn leads_somewhere(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// Looks up where the API server and the nodes are. What cannot be looked up stays as it was known.
    pub async fn learn_cluster(&self, client: &Client) {
        let learned = async { futures::join!(services(), api_servers(client), nodes(client)) };
        let Ok((services, api_servers, nodes)) = timeout(LEARN, learned).await else {
            tracing::warn!(
                "notifications may reach what is not known to be of the cluster: it could not be looked up in time"
            );
            return;
        };
        let mut known = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        if !services.is_empty() {
            known.services = services;
        }
        known.api_servers = api_servers.unwrap_or(std::mem::take(&mut known.api_servers));
        known.nodes = nodes.unwrap_or(std::mem::take(&mut known.nodes));
    }

    /// What a host is listed as; of the operator's own receivers None, which any host may be.
    fn allowed(&self, host: &str, default: bool) -> Result<Option<Allowed>, Fault> {
        if default {
            return Ok(None);
        }
        let allowed = self.hosts.allow(host);
        allowed
            .map(Some)
            .ok_or_else(|| Fault::Wrong(not_listed(host, &self.hosts)))
    }

    /// Addresses of a host that may be connected to, in the order of the answer.
    pub async fn addresses(&self, host: &str, port: u16, default: bool) -> Result<Vec<SocketAddr>, Fault> {
        let allowed = self.allowed(host, default)?;
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => {
                let found = tokio::net::lookup_host((host, port)).await;
                let found = found.map_err(|_| Fault::Failed(format!("the name {host} is not found")))?;
                found.collect()
            }
        };
        let cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut refused = None;
        let mut good = Vec::new();
        for one in found {
            match (self.judge)(one, allowed, &cluster) {
                Ok(()) => good.push(one),
                Err(why) => refused = Some((one.ip(), why)),
            }
        }
        match (good.is_empty(), refused) {
            (false, _) => Ok(good),
            (true, Some((ip, why))) => Err(Fault::Wrong(format!("nothing is sent to {host}: {ip} {why}"))),
            (true, None) => Err(Fault::Failed(format!("the name {host} is not found"))),
        }
    }

    /// A connection to a host and port, for a scheme; through a proxy where the environment names one for it.
    pub async fn connect(&self, secure: bool, host: &str, port: u16, default: bool) -> Result<TcpStream, Fault> {
        if let Some(dial) = self.proxies.dial(secure, host, port) {
            // An address is judged here all the same.
            if host.parse::<IpAddr>().is_ok() {
                self.addresses(host, port, default).await?;
            }
            self.allowed(host, default)?;
            return dial.connect(host, port).await.map_err(Fault::Failed);
        }
        let mut last = String::new();
        for address in self.addresses(host, port, default).await? {
            match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = format!("no connection to {host}: {error}"),
                Err(_) => last = format!("no connection to {host} within {} s", CONNECT.as_secs()),
            }
        }
        Err(Fault::Failed(last))
    }
}

/// The API server's Service, and what the client was configured with.
async fn services() -> Vec<IpAddr> {
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

/// Where the API servers listen, as they say themselves.
async fn api_servers(client: &Client) -> Option<Vec<SocketAddr>> {
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), "default");
    let slice = bounded("read where the API servers are", slices.get("kubernetes")).await;
    let slice = slice.inspect_err(tell).ok()?;
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
    Some(
        addresses
            .flat_map(|ip: IpAddr| ports.iter().map(move |port| SocketAddr::new(ip, *port)))
            .collect(),
    )
}

async fn nodes(client: &Client) -> Option<Vec<IpAddr>> {
    let api: Api<Node> = Api::all(client.clone());
    let mut page = ListParams::default().limit(PAGE);
    let mut all = Vec::new();
    loop {
        let nodes = bounded("read the addresses of the nodes", api.list(&page)).await;
        let nodes = nodes.inspect_err(tell).ok()?;
        let status = nodes.items.iter().filter_map(|node| node.status.as_ref());
        let addresses = status.flat_map(|s| s.addresses.iter().flatten());
        all.extend(addresses.filter_map(|a| a.address.parse::<IpAddr>().ok()));
        match nodes.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Some(all),
        }
    }
}

fn tell(error: &WriteError) {
    let error = crate::events::causes(error);
    tracing::warn!(error, "notifications may reach what is not known to be of the cluster");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_leads_to() {
        let way = Way::new(
            "localhost+private,169.254.169.254,10.9.8.7".parse().unwrap(),
            Proxies::default(),
        );
        for (host, default, says) in [
            ("localhost", false, "own machine"),
            ("localhost", true, "own machine"),
            ("169.254.169.254", false, "link-local"),
            ("169.254.169.254", true, "link-local"),
            ("10.9.8.7", false, "+private"),
            ("elsewhere.example", false, "--notification-hosts"),
        ] {
            let fault = way.connect(true, host, 443, default).await.unwrap_err();
            assert!(
                matches!(&fault, Fault::Wrong(text) if text.contains(says)),
                "{host}: {fault:?}"
            );
        }
    }

    #[tokio::test]
    async fn an_address_is_judged_before_a_proxy_is_asked_for_it() {
        let variables = |name: &str| (name == "HTTPS_PROXY").then(|| "http://127.0.0.1:1".to_string());
        let proxies = Proxies::from_environment(variables, "").unwrap();
        let way = Way::new("169.254.169.254,a.example".parse().unwrap(), proxies);
        let fault = way.connect(true, "169.254.169.254", 443, false).await.unwrap_err();
        assert!(fault.to_string().contains("link-local"), "{fault}");
        let fault = way.connect(true, "b.example", 443, false).await.unwrap_err();
        assert!(fault.to_string().contains("--notification-hosts"), "{fault}");
        let fault = way.connect(true, "a.example", 443, false).await.unwrap_err();
        assert!(fault.to_string().contains("proxy 127.0.0.1:1"), "{fault}");
    }
}
