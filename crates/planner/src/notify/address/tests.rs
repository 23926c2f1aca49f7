//! What is refused, of whom, and what it says.
use super::*;

const TENANT: Option<Allowed> = Some(Allowed { private: true });
const PUBLIC: Option<Allowed> = Some(Allowed { private: false });
const OWN: Option<Allowed> = None;

/// One whose nodes and API servers were read, and are elsewhere.
fn known() -> Cluster {
    Cluster {
        services: Vec::new(),
        api_servers: Ok(Vec::new()),
        nodes: Ok(Vec::new()),
    }
}

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
        for allowed in [OWN, TENANT, PUBLIC] {
            assert_eq!(judge(address, allowed, &cluster), Err(wanted), "{address} {allowed:?}");
        }
    }
}

#[test]
fn of_nodes_and_api_servers_nothing_is_reached_but_what_receivers_are_behind() {
    let cluster = Cluster {
        services: Vec::new(),
        api_servers: Ok(vec!["10.0.0.2:6443".parse().unwrap(), "10.9.0.1:443".parse().unwrap()]),
        nodes: Ok(vec!["10.0.0.2".parse().unwrap(), "10.0.0.3".parse().unwrap()]),
    };
    let (api_server, node) = (Err(Refused::ApiServer), Err(Refused::Node));
    // Of a schedule, and of the operator's own.
    for (to, tenants, own) in [
        ("10.0.0.2:6443", api_server, api_server),
        ("[::ffff:10.0.0.2]:6443", api_server, api_server),
        ("10.9.0.1:443", api_server, api_server),
        ("10.9.0.1:10250", node, Ok(())),
        ("10.0.0.3:10250", node, Ok(())),
        ("[64:ff9b::a00:3]:10250", node, Ok(())),
        ("10.0.0.2:2379", node, Ok(())),
        // An Ingress of the nodes' own network, at whatever port.
        ("10.0.0.3:8443", node, Ok(())),
        ("10.0.0.2:443", Ok(()), Ok(())),
        ("10.0.0.3:30080", Ok(()), Ok(())),
        ("10.0.0.4:10250", Ok(()), Ok(())),
    ] {
        assert_eq!(judge(to.parse().unwrap(), TENANT, &cluster), tenants, "{to}");
        assert_eq!(judge(to.parse().unwrap(), OWN, &cluster), own, "{to}");
    }
}

#[test]
fn where_the_cluster_is_not_known_no_tenants_private_receiver_is_told_and_the_right_is_named() {
    let (forbidden, away) = (Unknown::Forbidden, Unknown::NoAnswer);
    let lacks = |why, right| Err(Refused::Unknown(why, right));
    let of = |api_servers: Option<Unknown>, nodes: Option<Unknown>| Cluster {
        services: Vec::new(),
        api_servers: api_servers.map_or(Ok(Vec::new()), Err),
        nodes: nodes.map_or(Ok(Vec::new()), Err),
    };
    for (cluster, to, allowed, wanted) in [
        (of(None, None), "10.0.0.7:8080", TENANT, Ok(())),
        (
            of(Some(forbidden), None),
            "10.0.0.7:443",
            TENANT,
            lacks(forbidden, Right::EndpointSlices),
        ),
        (
            of(Some(away), None),
            "10.0.0.7:443",
            TENANT,
            lacks(away, Right::EndpointSlices),
        ),
        (
            of(Some(forbidden), None),
            "[fd12::7]:443",
            TENANT,
            lacks(forbidden, Right::EndpointSlices),
        ),
        (
            of(Some(forbidden), None),
            "[64:ff9b::a00:7]:443",
            TENANT,
            lacks(forbidden, Right::EndpointSlices),
        ),
        (
            of(None, Some(forbidden)),
            "10.0.0.7:8080",
            TENANT,
            lacks(forbidden, Right::Nodes),
        ),
        (of(None, Some(away)), "10.0.0.7:8080", TENANT, lacks(away, Right::Nodes)),
        // Whether it is a node's makes no difference at these.
        (of(None, Some(forbidden)), "10.0.0.7:443", TENANT, Ok(())),
        // What is not listed so is told that first, and what is public is nobody's of the cluster.
        (
            of(Some(forbidden), Some(away)),
            "10.0.0.7:443",
            PUBLIC,
            Err(Refused::Private),
        ),
        (of(Some(forbidden), Some(away)), "1.1.1.1:8080", PUBLIC, Ok(())),
        (of(Some(forbidden), Some(away)), "1.1.1.1:8080", TENANT, Ok(())),
        (of(Some(forbidden), Some(away)), "10.0.0.7:8080", OWN, Ok(())),
        (
            Cluster::default(),
            "10.0.0.7:443",
            TENANT,
            lacks(away, Right::EndpointSlices),
        ),
    ] {
        assert_eq!(
            judge(to.parse().unwrap(), allowed, &cluster),
            wanted,
            "{to} {allowed:?} {cluster:?}"
        );
    }
    for (refused, says) in [
        (
            Refused::Unknown(forbidden, Right::EndpointSlices),
            [
                "get endpointslices in namespace default",
                "give it to its service account",
            ],
        ),
        (
            Refused::Unknown(forbidden, Right::Nodes),
            ["list nodes", "give it to its service account"],
        ),
        (
            Refused::Unknown(away, Right::Nodes),
            ["list nodes", "asks again within a minute"],
        ),
    ] {
        let text = refused.to_string();
        assert!(says.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[test]
fn a_look_without_an_answer_forgets_nothing_and_a_refused_one_does() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let seen = |nodes| Cluster {
        services: vec![ip("10.96.0.1")],
        api_servers: Ok(Vec::new()),
        nodes,
    };
    let (one, two) = (Ok(vec![ip("10.0.0.1")]), Ok(vec![ip("10.0.0.2")]));
    let (forbidden, away) = (Err(Unknown::Forbidden), Err(Unknown::NoAnswer));
    for (known, found, wanted) in [
        (&away, &one, &one),
        (&one, &two, &two),
        (&one, &away, &one),
        (&one, &forbidden, &forbidden),
        (&away, &forbidden, &forbidden),
        (&forbidden, &away, &away),
        (&forbidden, &one, &one),
    ] {
        let mut cluster = seen(known.clone());
        cluster.learn(Cluster {
            services: Vec::new(),
            ..seen(found.clone())
        });
        assert_eq!(cluster, seen(wanted.clone()), "{known:?} {found:?}");
        assert_eq!(cluster.is_known(), wanted.is_ok());
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
        assert_eq!(judge(address, PUBLIC, &known()), Err(Refused::Private), "{address}");
        assert_eq!(judge(address, TENANT, &known()), Ok(()), "{address}");
        assert_eq!(judge(address, OWN, &known()), Ok(()), "{address}");
    }
    for address in [
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "64:ff9b::101:101",
    ] {
        let address = SocketAddr::new(address.parse().unwrap(), 443);
        assert_eq!(judge(address, PUBLIC, &known()), Ok(()), "{address}");
    }
}
