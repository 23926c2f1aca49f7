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
}

/// What of a cluster is known to be where: a name that a tenant makes, such as that of a Service without a selector, may lead to any of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The API server's Service, and what the operator itself calls it by.
    pub services: Vec<IpAddr>,
    /// Where API servers themselves listen.
    pub api_servers: Vec<SocketAddr>,
    /// Addresses of nodes.
    pub nodes: Vec<IpAddr>,
}

/// Ports of a node that receivers are behind: of mail, of an Ingress, and those of Services (NodePort).
fn is_of_receivers(port: u16) -> bool {
    matches!(port, 25 | 80 | 443 | 465 | 587 | 30_000..=32_767)
}

/// Whether an address may be connected to. `allowed` is None for the operator's own receivers, which may be in a private network.
///
/// # Errors
/// Why not.
pub fn judge(to: SocketAddr, allowed: Option<Allowed>, cluster: &Cluster) -> Result<(), Refused> {
    let private_too = allowed.is_none_or(|a| a.private);
    let port = to.port();
    for one in meanings(to.ip()) {
        if METADATA.contains(&one) {
            return Err(Refused::Metadata);
        }
        let is = |known: &IpAddr| meanings(*known).contains(&one);
        if cluster.services.iter().any(is) || cluster.api_servers.iter().any(|a| a.port() == port && is(&a.ip())) {
            return Err(Refused::ApiServer);
        }
        let mut nodes = cluster
            .nodes
            .iter()
            .copied()
            .chain(cluster.api_servers.iter().map(SocketAddr::ip));
        if !is_of_receivers(port) && nodes.any(|node| is(&node)) {
            return Err(Refused::Node);
        }
        match one {
            IpAddr::V4(v4) => judge_v4(v4, private_too)?,
            IpAddr::V6(v6) => judge_v6(v6, private_too)?,
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

fn judge_v4(v4: Ipv4Addr, private_too: bool) -> Result<(), Refused> {
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
    if !private_too && (v4.is_private() || shared || special) {
        return Err(Refused::Private);
    }
    Ok(())
}

fn judge_v6(v6: Ipv6Addr, private_too: bool) -> Result<(), Refused> {
    let [first, ..] = v6.segments();
    if v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() {
        return Err(Refused::Local);
    }
    if first & 0xffc0 == 0xfe80 {
        return Err(Refused::LinkLocal);
    }
    // Unique local (fc00::/7), and the site-local ones of before (fec0::/10).
    let private = first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0;
    if !private_too && private {
        return Err(Refused::Private);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_to_the_machine_the_clouds_keys_or_the_api_server_however_it_is_written() {
        let cluster = Cluster {
            services: vec!["10.96.0.1".parse().unwrap(), "fd00:10:96::1".parse().unwrap()],
            ..Cluster::default()
        };
        for (address, wanted) in [
            ("127.0.0.1", Refused::Local),
            ("127.8.9.1", Refused::Local),
            ("::1", Refused::Local),
            ("::ffff:127.0.0.1", Refused::Local),
            ("64:ff9b::7f00:1", Refused::Local),
            ("::7f00:1", Refused::Local),
            ("2002:7f00:1::1", Refused::Local),
            ("0.0.0.0", Refused::Local),
            ("0.1.2.3", Refused::Local),
            ("::", Refused::Local),
            ("255.255.255.255", Refused::Local),
            ("224.0.0.1", Refused::Local),
            ("ff02::1", Refused::Local),
            ("169.254.169.254", Refused::LinkLocal),
            ("::ffff:169.254.169.254", Refused::LinkLocal),
            ("64:ff9b::a9fe:a9fe", Refused::LinkLocal),
            ("fe80::1", Refused::LinkLocal),
            ("febf::1", Refused::LinkLocal),
            ("100.100.100.200", Refused::Metadata),
            ("168.63.129.16", Refused::Metadata),
            ("fd00:ec2::254", Refused::Metadata),
            ("10.96.0.1", Refused::ApiServer),
            ("::ffff:10.96.0.1", Refused::ApiServer),
            ("fd00:10:96::1", Refused::ApiServer),
        ] {
            let address = SocketAddr::new(address.parse().unwrap(), 443);
            for allowed in [None, Some(Allowed { private: true }), Some(Allowed { private: false })] {
                assert_eq!(judge(address, allowed, &cluster), Err(wanted), "{address} {allowed:?}");
            }
        }
    }

    #[test]
    fn of_nodes_and_api_servers_nothing_is_reached_but_what_receivers_are_behind() {
        let cluster = Cluster {
            services: Vec::new(),
            api_servers: vec!["10.0.0.2:6443".parse().unwrap(), "10.9.0.1:443".parse().unwrap()],
            nodes: vec!["10.0.0.2".parse().unwrap(), "10.0.0.3".parse().unwrap()],
        };
        for (to, wanted) in [
            ("10.0.0.2:6443", Err(Refused::ApiServer)),
            ("[::ffff:10.0.0.2]:6443", Err(Refused::ApiServer)),
            ("10.9.0.1:443", Err(Refused::ApiServer)),
            ("10.9.0.1:10250", Err(Refused::Node)),
            ("10.0.0.3:10250", Err(Refused::Node)),
            ("[64:ff9b::a00:3]:10250", Err(Refused::Node)),
            ("10.0.0.2:2379", Err(Refused::Node)),
            // An Ingress on the nodes, and a NodePort.
            ("10.0.0.2:443", Ok(())),
            ("10.0.0.3:30080", Ok(())),
            ("10.0.0.4:10250", Ok(())),
        ] {
            for allowed in [None, Some(Allowed { private: true })] {
                assert_eq!(judge(to.parse().unwrap(), allowed, &cluster), wanted, "{to}");
            }
        }
    }

    #[test]
    fn a_private_address_is_taken_where_that_is_said_and_from_the_operators_own_receivers() {
        for address in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "fd12::1",
            "fec0::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ] {
            let address = SocketAddr::new(address.parse().unwrap(), 443);
            assert_eq!(
                judge(address, Some(Allowed { private: false }), &Cluster::default()),
                Err(Refused::Private),
                "{address}"
            );
            assert_eq!(
                judge(address, Some(Allowed { private: true }), &Cluster::default()),
                Ok(()),
                "{address}"
            );
            assert_eq!(judge(address, None, &Cluster::default()), Ok(()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
        ] {
            let address = SocketAddr::new(address.parse().unwrap(), 443);
            assert_eq!(
                judge(address, Some(Allowed { private: false }), &Cluster::default()),
                Ok(()),
                "{address}"
            );
        }
    }
}
