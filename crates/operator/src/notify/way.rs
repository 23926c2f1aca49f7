//! The way to a receiver: a host that is allowed, its name looked up once, an address that may be connected to, and a connection to just that one.
//! Through a proxy of the operator's environment the proxy looks the name up, and decides what it connects to.
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use kube::Client;
use planner::notify::address::{self, Cluster, Unknown};
use planner::notify::hosts::Allowed;
use planner::notify::{Hosts, Refused};
use planner::validate::notifications::not_listed;
use store::Proxies;
use tokio::net::TcpStream;

use super::Fault;
use super::cluster::{self, Known};

/// Until one address has answered; a host may have several, and a try has ten seconds.
const CONNECT: Duration = Duration::from_secs(4);

/// May an address be connected to?
type Judge = fn(SocketAddr, Option<Allowed>, &Cluster) -> Result<(), Refused>;

/// Where receivers may be. Cheap to clone.
#[derive(Clone)]
pub struct Way {
    hosts: Hosts,
    proxies: Proxies,
    known: Known,
    judge: Judge,
}

impl Way {
    pub fn new(hosts: Hosts, proxies: Proxies) -> Self {
        Self {
            hosts,
            proxies,
            known: Known::default(),
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

    /// Looks up where the API server and the nodes are; whether that is known now.
    pub async fn learn_cluster(&self, client: &Client) -> bool {
        self.known.learn(client, cluster::services()).await
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
        let cluster = self.known.cluster();
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
            (true, Some((ip, why))) => {
                let text = format!("nothing is sent to {host}: {ip} {why}");
                // It is asked again meanwhile.
                let passes = matches!(why, Refused::Unknown(Unknown::NoAnswer, _));
                let fault = if passes { Fault::Failed } else { Fault::Wrong };
                Err(fault(text))
            }
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

#[cfg(test)]
mod tests;
