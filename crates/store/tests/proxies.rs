//! A store behind a real HTTP proxy: tinyproxy, which wants a name and a password.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use servers::{Running, Tinyproxy, free_port};
use store::{Credentials, Kind, Parameters, Proxies, Secret, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One that wants a user and a password.
fn asking() -> Tinyproxy {
    Tinyproxy::start(&["BasicAuth ann hunter2"])
}

fn with_password(proxy: &Tinyproxy, password: &str) -> Proxies {
    environment(&format!("http://ann:{password}@127.0.0.1:{}", proxy.port))
}

/// As an operator has it in its environment.
fn environment(proxy: &str) -> Proxies {
    Proxies::from_environment(|name| (name == "HTTP_PROXY").then(|| proxy.to_owned()), "").unwrap()
}

/// A MinIO with the bucket `test`.
fn minio() -> Running {
    let running = Running::start(servers::server("minio"));
    running.bucket("test");
    running
}

fn open(proxies: &Proxies, endpoint: &str) -> Store {
    open_by(proxies, endpoint, "")
}

/// The same, with a proxy of its parameters.
fn open_by(proxies: &Proxies, endpoint: &str, proxy: &str) -> Store {
    let parameters = [
        ("bucket", "test"),
        ("endpoint", endpoint),
        ("s3ForcePathStyle", "true"),
        ("proxy", proxy),
    ];
    let parameters: BTreeMap<_, _> = parameters.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let credentials = Credentials::new(
        servers::server("minio").access_key,
        Secret::new(servers::SECRET_KEY),
        None,
    );
    Store::open(&Parameters::parse(Kind::S3, &parameters).unwrap(), credentials, proxies).unwrap()
}

#[tokio::test]
async fn a_proxy_of_the_environment_carries_all_requests_and_what_is_relayed() {
    let (server, proxy) = (minio(), asking());
    let store = open(&with_password(&proxy, "hunter2"), &server.endpoint());
    store.probe("", "1", None).await.unwrap();
    let probed = proxy.tunnels();
    assert!(probed > 0);
    let (host, port) = store.address().unwrap();
    let mut stream = store.dial().connect(&host, port).await.unwrap();
    assert!(proxy.tunnels() > probed);
    let hello = b"GET /test HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(hello).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("AccessDenied"), "{answer}");
}

/// What a probe and the relay say.
async fn said(store: &Store) -> [String; 2] {
    let probed = store.probe("", "1", None).await.unwrap_err().to_string();
    let (host, port) = store.address().unwrap();
    let relayed = store.dial().connect(&host, port).await.unwrap_err();
    [probed, relayed]
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_with_its_answer_and_the_cure_that_fits() {
    let server = minio();
    let (filtered, asking, plain) = (Tinyproxy::denying(), asking(), Tinyproxy::start(&[]));
    let at = |port: u16| format!("http://127.0.0.1:{port}");
    let nowhere = at(free_port());
    for (proxies, endpoint, parameter, port, says) in [
        (
            environment(&at(filtered.port)),
            server.endpoint(),
            String::new(),
            filtered.port,
            ["with 403 ", "allow CONNECT"],
        ),
        (
            with_password(&asking, "wrong-one"),
            server.endpoint(),
            String::new(),
            asking.port,
            ["(401 ", "does not take those of HTTP_PROXY"],
        ),
        (
            environment(&at(asking.port)),
            server.endpoint(),
            String::new(),
            asking.port,
            ["(407 ", "give them in HTTP_PROXY"],
        ),
        (
            Proxies::default(),
            server.endpoint(),
            at(asking.port),
            asking.port,
            ["(407 ", "spec.dataPath: Relay"],
        ),
        // The proxy is there, and the store is not.
        (
            environment(&at(plain.port)),
            nowhere,
            String::new(),
            plain.port,
            ["with 500 ", "does not reach the store"],
        ),
    ] {
        let store = open_by(&proxies, &endpoint, &parameter);
        let by = if parameter.is_empty() {
            "HTTP_PROXY in the operator's environment"
        } else {
            "spec.parameters.proxy"
        };
        let name = format!("the proxy 127.0.0.1:{port} (of {by}) ");
        for words in said(&store).await {
            assert!(words.contains(&name), "{words}");
            assert!(says.iter().all(|part| words.contains(part)), "{words}");
            assert!(
                !words.contains("wrong-one") && !words.contains("that the store runs"),
                "{words}"
            );
        }
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_told_apart_from_a_store_that_is_not() {
    let endpoint = "http://127.0.0.1:9";
    let dead = format!("http://127.0.0.1:{}", free_port());
    for (proxy, says) in [
        (
            dead.as_str(),
            "refuses connections; check the port in spec.parameters.proxy",
        ),
        (
            "http://no-such-proxy.invalid:3128",
            "its name is not found; check the host in spec.parameters.proxy",
        ),
    ] {
        for words in said(&open_by(&Proxies::default(), endpoint, proxy)).await {
            assert!(words.contains("the proxy ") && words.contains(says), "{words}");
            assert!(
                !words.contains("CONNECT") && !words.contains("the store runs"),
                "{words}"
            );
        }
    }
    for words in said(&open(&Proxies::default(), endpoint)).await {
        assert!(!words.contains("proxy"), "{words}");
    }
}

/// A listener that does this to each connection.
fn listener(treat: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().flatten().for_each(treat));
    place
}

#[tokio::test]
async fn a_proxy_that_hangs_cuts_or_is_none_is_named() {
    let held = std::sync::Mutex::new(Vec::new());
    let hangs = listener(move |tcp| held.lock().unwrap().push(tcp));
    let cuts = listener(|mut tcp| {
        let _ = tcp.read(&mut [0; 1024]);
    });
    let other = listener(|mut tcp| {
        let _ = tcp.write_all(b"SSH-2.0-OpenSSH_9.9\r\n");
        let _ = tcp.read(&mut [0; 1024]);
    });
    // A tunnel that is cut when the store is spoken to.
    let late = listener(|mut tcp| {
        let _ = tcp.read(&mut [0; 1024]);
        let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let _ = tcp.read(&mut [0; 1024]);
    });
    for (place, says) in [
        (hangs, "did not answer CONNECT 127.0.0.1:9 within 10 s"),
        (cuts, "closed the connection without an answer to CONNECT 127.0.0.1:9"),
        (other, "does not speak HTTP to CONNECT 127.0.0.1:9"),
        (late, "no connection: "),
    ] {
        let store = open(&environment(&format!("http://{place}")), "http://127.0.0.1:9");
        let words = store.probe("", "1", None).await.unwrap_err().to_string();
        let named = format!("the proxy {place} (of HTTP_PROXY in the operator's environment)");
        assert!(words.contains(says) && words.contains(&named), "{words}");
    }
}
