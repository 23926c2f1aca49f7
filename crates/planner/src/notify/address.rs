//! Which addresses a notification may be sent to: a name that somebody else's resolver answers must not lead into the cluster.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::notify::hosts::Allowed;

/// Where clouds keep what a machine may know of itself, keys included, beside the link-local ones.
const METADATA: [IpAddr; 4] = [
    // Alibaba Cloud.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Oracle Cloud.
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // Azure's WireServer.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // AWS over IPv6.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
];

/// Why nothing is sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody, everybody, or this machine.
    #[error("is an address of the operator's own machine, or of no single one")]
    Local,
    /// 169.254.0.0/16, fe80::/10.
    #[error("is a link-local address, as those are that clouds answer with keys at")]
    LinkLocal,
    /// A cloud's own.
    #[error("is an address that a cloud answers with keys at")]
    Metadata,
    /// Of the cluster's API server.
    #[error("is the address of the API server")]
    ApiServer,
    /// Of a node: kubelet, etcd and others listen there.
    #[error("is the address of a node, where nothing is sent to but ports 25, 80, 443, 465, 587 and 30000 to 32767")]
    Node,
    /// Of a private network, and the host is not listed as such.
    #[error("is an address of a private network: list the host with +private after it where that is meant")]
    Private,
    /// Of a private network, and whether it is one of the cluster's own is not known.
    #[error("is an address of a private network, and {whose}, as the operator {0}", whose = .1.whose())]
    Unknown(Unknown, Right),
}

/// What the operator has to read before it sends to private addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Where API servers listen.
    EndpointSlices,
    /// Addresses of nodes.
    Nodes,
}

impl Right {
    fn whose(self) -> &'static str {
        match self {
            Self::EndpointSlices => {
                "may be that of an API server: they are not known (get endpointslices in namespace default)"
            }
            Self::Nodes => "its port may be one of a node's own: the nodes are not known (list nodes)",
        }
    }
}

/// Why something of the cluster is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The API server said that the operator may not ask.
    #[error(
        "has no right to ask for them: give it to its service account, as the chart and deploy/install.yaml do, and it asks again within a minute"
    )]
    Forbidden,
    /// Nothing that helps came back, or not in time; so it is before the first answer.
    #[default]
    #[error("had no answer of the API server: it asks again within a minute, and its log says what came back")]
    NoAnswer,
}

/// What of a cluster is known to be where: a name that a tenant makes, such as that of a Service without a selector, may lead to any of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The API server's Service, and what the operator itself calls it by.
    pub services: Vec<IpAddr>,
    /// Where API servers themselves listen.
    pub api_servers: Result<Vec<SocketAddr>, Unknown>,
    /// Addresses of nodes.
    pub nodes: Result<Vec<IpAddr>, Unknown>,
}

impl Default for Cluster {
    /// Nobody has asked yet.
    fn default() -> Self {
        Self {
            services: Vec::new(),
            api_servers: Err(Unknown::default()),
            nodes: Err(Unknown::default()),
        }
    }
}

impl Cluster {
    /// Whether all of it is known.
    pub fn is_known(&self) -> bool {
        self.api_servers.is_ok() && self.nodes.is_ok()
    }

    /// Takes what a look has found. A look without an answer leaves what was known, so that receivers are told when the API server is away;
    /// one that was refused does not: nobody would see any more which nodes came since.
    pub fn learn(&mut self, found: Self) {
        if !found.services.is_empty() {
            self.services = found.services;
        }
        learn(&mut self.api_servers, found.api_servers);
        learn(&mut self.nodes, found.nodes);
    }

    /// What would have to be known before anything is sent to a port of a private address.
    fn lacks(&self, port: u16) -> Result<(), Refused> {
        self.api_servers
            .as_ref()
            .map_err(|why| Refused::Unknown(*why, Right::EndpointSlices))?;
        match &self.nodes {
            Err(why) if !is_of_receivers(port) => Err(Refused::Unknown(*why, Right::Nodes)),
            _ => Ok(()),
        }
    }
}

fn learn<T>(known: &mut Result<Vec<T>, Unknown>, found: Result<Vec<T>, Unknown>) {
    if known.is_err() || !matches!(found, Err(Unknown::NoAnswer)) {
        *known = found;
    }
}

/// Ports of a node that receivers are behind: of mail, of an Ingress, and those of Services (NodePort).
fn is_of_receivers(port: u16) -> bool {
    matches!(port, 25 | 80 | 443 | 465 | 587 | 30_000..=32_767)
}

/// Whether an address may be connected to. `allowed` is None for the operator's own receivers: they may be in a private network and at any port of a
/// node, as whoever runs the operator names them, but never at an API server.
///
/// # Errors
/// Why not.
pub fn judge(to: SocketAddr, allowed: Option<Allowed>, cluster: &Cluster) -> Result<(), Refused> {
    let private_too = allowed.is_none_or(|a| a.private);
    let port = to.port();
    let api_servers = cluster.api_servers.as_deref().unwrap_or_default();
    let nodes = cluster.nodes.as_deref().unwrap_or_default();
    for one in meanings(to.ip()) {
        if METADATA.contains(&one) {
            return Err(Refused::Metadata);
        }
        let is = |known: &IpAddr| meanings(*known).contains(&one);
        if cluster.services.iter().any(is) || api_servers.iter().any(|a| a.port() == port && is(&a.ip())) {
            return Err(Refused::ApiServer);
        }
        let of_a_node = || nodes.iter().any(is) || api_servers.iter().any(|a| is(&a.ip()));
        if allowed.is_some() && !is_of_receivers(port) && of_a_node() {
            return Err(Refused::Node);
        }
        let private = match one {
            IpAddr::V4(v4) => is_private_v4(v4)?,
            IpAddr::V6(v6) => is_private_v6(v6)?,
        };
        if private && !private_too {
            return Err(Refused::Private);
        }
        if private && allowed.is_some() {
            cluster.lacks(port)?;
        }
    }
    Ok(())
}

/// The address itself and the IPv4 address inside it: mapped, compatible, NAT64 and 6to4.
fn meanings(address: IpAddr) -> Vec<IpAddr> {
    let IpAddr::V6(v6) = address else {
        return vec![address];
    };
    let v4 = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        // Not an address of its own: what is connected to is the IPv4 address.
        [0, 0, 0, 0, 0, 0xffff, high, low] => vec![v4(high, low)],
        [0, 0, 0, 0, 0, 0, high, low] if high > 0 => vec![v4(high, low)],
        [0x0064, 0xff9b, _, _, _, _, high, low] => vec![v4(high, low)],
        [0x2002, high, low, ..] => vec![address, v4(high, low)],
        _ => vec![address],
    }
}

/// Whether an address is of a private network; where nobody's receiver is, an error.
fn is_private_v4(v4: Ipv4Addr) -> Result<bool, Refused> {
    let [a, b, c, _] = v4.octets();
    if v4.is_loopback() || a == 0 || a >= 224 {
        return Err(Refused::Local);
    }
    if v4.is_link_local() {
        return Err(Refused::LinkLocal);
    }
    // Shared (100.64/10), of protocols (192.0.0/24) and of benchmarks (198.18/15): nowhere on the public network.
    let shared = a == 100 && (64..128).contains(&b);
    let special = (a, b, c) == (192, 0, 0) || a == 198 && (b == 18 || b == 19);
    Ok(v4.is_private() || shared || special)
}

fn is_private_v6(v6: Ipv6Addr) -> Result<bool, Refused> {
    let [first, ..] = v6.segments();
    if v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() {
        return Err(Refused::Local);
    }
    if first & 0xffc0 == 0xfe80 {
        return Err(Refused::LinkLocal);
    }
    // Unique local (fc00::/7), and the site-local ones of before (fec0::/10).
    Ok(first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0)
}

#[cfg(test)]
mod tests;
