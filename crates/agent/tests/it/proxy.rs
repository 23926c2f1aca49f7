//! What is between the Pod and the store: proxies that open no tunnel, gateways that answer in the store's place.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use protocol::{Outcome, Secret, ToAgent};
use servers::{Tinyproxy, free_port};

use super::rig::*;
use super::store::{Fault, Store};

/// A backup of a few bytes through a proxy, and how it ends.
fn through(proxy: &str) -> (Rig, Store, Outcome) {
    let (rig, store) = (Rig::new(), Store::new());
    let mut job = backup(sh("echo x"));
    job.retry_seconds = 1;
    job.proxy = Some(proxy.to_owned());
    let outcome = rig.run(&job, &store).outcome;
    (rig, store, outcome)
}

fn failed(outcome: Outcome) -> String {
    match outcome {
        Outcome::TransferFailed { step, message } if step == "upload" => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_backup_goes_through_a_proxy() {
    let proxy = Tinyproxy::start(&[]);
    let (_rig, store, outcome) = through(&proxy.url());
    assert_eq!((outcome, store.object()), (Outcome::Done, Some(b"x\n".to_vec())));
    assert!(proxy.tunnels() > 0);
}

#[test]
fn a_proxy_that_refuses_is_told_with_its_answer_and_the_cure_that_fits() {
    let (filtered, asking) = (Tinyproxy::denying(), Tinyproxy::start(&["BasicAuth ann hunter2"]));
    for (proxy, says) in [
        (&filtered, ["with 403 ", "allow CONNECT"]),
        (&asking, ["(407 ", "spec.dataPath: Relay"]),
    ] {
        let message = failed(through(&proxy.url()).2);
        let name = format!("the proxy 127.0.0.1:{} (of spec.parameters.proxy) ", proxy.port);
        assert!(message.starts_with(&name), "{message}");
        assert!(says.iter().all(|part| message.contains(part)), "{message}");
    }
}

/// A listener that does this to each connection.
fn listener(treat: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().flatten().for_each(treat));
    place
}

#[test]
fn a_proxy_that_is_not_there_hangs_or_cuts_is_named_and_not_the_store() {
    let held = std::sync::Mutex::new(Vec::new());
    let hangs = listener(move |tcp| held.lock().unwrap().push(tcp));
    let cuts = listener(|mut tcp| {
        let _ = tcp.read(&mut [0; 1024]);
    });
    // A tunnel that is cut when the store is spoken to.
    let late = listener(|mut tcp| {
        let _ = tcp.read(&mut [0; 1024]);
        let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let _ = tcp.read(&mut [0; 1024]);
    });
    for (place, says) in [
        (
            format!("127.0.0.1:{}", free_port()),
            "refuses connections; check the port in spec.parameters.proxy",
        ),
        (
            "no-such-proxy.invalid:3128".into(),
            "its name is not found; check the host in spec.parameters.proxy",
        ),
        (hangs, "within 10 s"),
        (cuts, "closed the connection without an answer to CONNECT 127.0.0.1:"),
        (late, "(through the proxy "),
    ] {
        let message = failed(through(&format!("http://{place}")).2);
        let name = format!("the proxy {place} (of spec.parameters.proxy)");
        assert!(message.contains(&name) && message.contains(says), "{message}");
        assert!(!message.contains("store's name"), "{message}");
    }
}

#[test]
fn a_gateways_answer_is_no_stores_and_names_the_other_way() {
    for (status, says) in [
        (200, "answered 200 with a web page"),
        (403, "the access keys were not looked at"),
        (413, "client_max_body_size"),
        (502, "does not reach the store"),
    ] {
        let (rig, store) = (Rig::new(), Store::new());
        store.fail(&vec![Fault::Page(status); 50]);
        let mut job = backup(sh("echo x"));
        job.retry_seconds = 1;
        let message = failed(rig.run(&job, &store).outcome);
        assert!(message.starts_with("this answer is not the store's: "), "{message}");
        assert!(
            message.contains(says) && message.contains("spec.dataPath: Relay"),
            "{message}"
        );
        assert_eq!(store.object(), None);

        let (rig, store) = (Rig::new(), Store::with_object(b"x\n".to_vec()));
        store.fail(&vec![Fault::Page(status); 50]);
        let mut job = restore(sh("cat"), &store);
        job.retry_seconds = 1;
        match rig.run(&job, &store).outcome {
            Outcome::TransferFailed { step, message } => {
                assert!(step == "download at 0" && message.contains(says), "{step}: {message}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_takes_a_part_and_gives_no_etag_is_no_store() {
    let (rig, store) = (Rig::new(), Store::new());
    store.fail(&vec![Fault::Ok; 50]);
    let message = failed(rig.run(&backup(sh("echo x")), &store).outcome);
    assert!(message.starts_with("this answer is not the store's: "), "{message}");
}

#[test]
fn whether_the_store_is_reached_is_told_with_who_was_met_instead() {
    let filtered = Tinyproxy::denying();
    for (proxy, fault, says) in [
        (
            Some(filtered.url()),
            None,
            "opens no tunnel: it answered CONNECT 127.0.0.1:",
        ),
        (None, Some(Fault::Page(502)), "does not reach the store"),
        (None, Some(Fault::Page(200)), "answered 200 with a web page"),
    ] {
        let (rig, store) = (Rig::new(), Store::new());
        store.fail(&fault.into_iter().collect::<Vec<_>>());
        let mut link = rig.connect();
        let url = format!("http://127.0.0.1:{}", store.port());
        link.say(&ToAgent::Probe {
            signed: Some(Secret::new(format!("{url}/object"))),
            url,
            ca_bundle: None,
            proxy,
        });
        match link.hear() {
            protocol::FromAgent::Probed { reachable, message } => {
                assert!(!reachable && message.contains(says), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
}
