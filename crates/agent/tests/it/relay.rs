//! Transfers whose bytes go through the operator, because the Pod cannot reach the store.
use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::rig::*;
use super::store::{Fault, Store};
use super::tunnel::{Tunnel, relayed, sign};
use protocol::{AgentState, Compression, Data, Frame, FromAgent, Outcome, ToAgent, WINDOW};

const ZSTD: Compression = Compression::Zstd { level: 3 };
const MEMORY: u64 = 32 << 20;

#[test]
fn a_backup_and_a_restore_go_through_the_operator_with_the_same_proof() {
    let (public, secret) = (include_str!("keys/ed25519.pub"), include_str!("keys/ed25519"));
    let bytes = [noise(4_000_000), vec![b'a'; 3_000_000]].concat();
    let (rig, store) = (Rig::new(), Store::new());
    fs::write(rig.path("in"), &bytes).unwrap();
    let mut job = with_compression(backup(words(&["cat", rig.path("in").to_str().unwrap()])), ZSTD);
    job = with_recipients(job, &[public]);
    let (report, opened) = rig.run_relayed(job, &store);
    done(&report);
    assert_eq!(
        (report.bytes, report.sha256.clone()),
        (bytes.len() as u64, sha256(&store.joined()))
    );
    // Connections are used again: two parts go at a time.
    assert!(
        (1..=2).contains(&opened),
        "{opened} streams for {} parts",
        report.parts.len()
    );

    let (rig, store) = (Rig::new(), Store::with_object(store.joined()));
    let script = format!("cat > {}", rig.path("out").display());
    let job = with_identity(with_compression(restore(sh(&script), &store), ZSTD), secret);
    let (report, opened) = rig.run_relayed(job, &store);
    done(&report);
    assert!(fs::read(rig.path("out")).unwrap() == bytes);
    assert_eq!(opened, 1);
    assert!(report.peak_memory < MEMORY, "{}", report.peak_memory);
}

#[test]
fn a_connection_that_is_lost_in_mid_part_is_picked_up_by_the_next() {
    let bytes = noise(20_000_000);
    let (rig, store) = (Rig::new(), Store::new());
    fs::write(rig.path("in"), &bytes).unwrap();
    let mut first = rig.connect();
    let job = backup(words(&["cat", rig.path("in").to_str().unwrap()]));
    first.say(&ToAgent::Start(Box::new(relayed(job))));
    assert!(Tunnel::new(&store).serve(&mut first, 5_300_000).is_none());
    drop(first);
    let mut second = rig.connect();
    assert_eq!(second.state, Some(AgentState::Running));
    let mut tunnel = Tunnel::new(&store);
    assert!(tunnel.serve(&mut second, 3_300_000).is_none());
    // What was stored is not sent again, what was under way is, with a URL of its own.
    assert!(
        tunnel
            .requests
            .iter()
            .all(|r| !matches!(r, protocol::UrlRequest::Part { number: 1, .. }))
    );
    drop((tunnel, second));
    let mut third = rig.connect();
    let report = Tunnel::new(&store).serve(&mut third, u64::MAX).unwrap();
    done(&report);
    assert_eq!((report.parts.len(), report.sha256), (20, sha256(&bytes)));
    assert!(store.joined() == bytes);
    assert!(report.peak_memory < MEMORY, "{}", report.peak_memory);
}

#[test]
fn a_restore_whose_connection_is_lost_goes_on_where_it_was() {
    let bytes = noise(9_000_000);
    let (rig, store) = (Rig::new(), Store::with_object(bytes.clone()));
    let script = format!(
        "cat > {}; echo clean > {}",
        rig.path("out").display(),
        rig.path("eof").display()
    );
    let mut first = rig.connect();
    first.say(&ToAgent::Start(Box::new(relayed(restore(sh(&script), &store)))));
    let mut tunnel = Tunnel::new(&store);
    while tunnel.credits < 6 {
        assert_eq!(tunnel.step(&mut first), None);
    }
    drop((tunnel, first));
    assert_eq!(rig.text("eof"), None);
    let mut second = rig.connect();
    done(&Tunnel::new(&store).serve(&mut second, u64::MAX).unwrap());
    assert!(fs::read(rig.path("out")).unwrap() == bytes);
    let log = store.log();
    assert!(log.len() >= 2 && !log.last().unwrap().ends_with("bytes=0-"), "{log:?}");
}

#[test]
fn an_operator_that_gives_no_credit_holds_the_command_back_and_nothing_else() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut link = rig.connect();
    link.say(&ToAgent::Start(Box::new(relayed(backup(sh("cat /dev/zero"))))));
    let mut opened = 0;
    let mut pieces = 0;
    while opened < 2 {
        match link.frame() {
            Frame::Message(FromAgent::NeedUrl(request)) => link.say(&sign(&store, &request)),
            Frame::Message(FromAgent::Open { stream, .. }) => {
                opened += 1;
                link.say(&ToAgent::Opened { stream, credit: 0 });
            }
            Frame::Message(_) => {}
            Frame::Data(_) => pieces += 1,
        }
    }
    // Messages still go both ways.
    for _ in 0..3 {
        link.say(&ToAgent::Ping);
        loop {
            match link.frame() {
                Frame::Message(FromAgent::Pong) => break,
                Frame::Message(_) => {}
                Frame::Data(_) => pieces += 1,
            }
        }
    }
    let asked = Instant::now();
    link.say(&ToAgent::Cancel {
        reason: "enough".into(),
        grace_seconds: 1,
    });
    let report = loop {
        match link.frame() {
            Frame::Message(FromAgent::Finished(report)) => break report,
            Frame::Message(_) => {}
            Frame::Data(_) => pieces += 1,
        }
    };
    assert_eq!(
        report.outcome,
        Outcome::Cancelled {
            reason: "enough".into()
        }
    );
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert!(report.peak_memory < MEMORY, "{}", report.peak_memory);
    assert_eq!(pieces, 0);
}

#[test]
fn hostile_streams_change_nothing_and_make_nothing_grow() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut link = rig.connect();
    let hostile = |link: &mut Link, stream: u32| {
        let piece = Frame::Data(Data {
            stream,
            bytes: vec![0x55; 60_000],
        });
        for _ in 0..50 {
            say(&link.voice, &piece);
        }
        link.say(&ToAgent::Opened {
            stream,
            credit: u32::MAX,
        });
        link.say(&ToAgent::Credit {
            stream,
            bytes: u32::MAX,
        });
        link.say(&ToAgent::Close {
            stream,
            error: Some("x".repeat(100_000)),
        });
    };
    for stream in [0, 1, 2, 77, u32::MAX] {
        hostile(&mut link, stream);
    }
    link.say(&ToAgent::Start(Box::new(relayed(backup(sh(
        "head -c 3000000 /dev/zero",
    ))))));
    // More than was granted, on the first stream that is open: it ends, and the part is sent again on another.
    let mut tunnel = Tunnel::new(&store);
    while tunnel.sent == 0 {
        assert_eq!(tunnel.step(&mut link), None);
    }
    for stream in 1..=2 {
        let piece = Frame::Data(Data {
            stream,
            bytes: vec![0x55; 64 << 10],
        });
        for _ in 0..(3 * WINDOW as usize) / (64 << 10) {
            say(&link.voice, &piece);
        }
    }
    let report = tunnel.serve(&mut link, u64::MAX).unwrap();
    done(&report);
    assert_eq!(store.joined(), vec![0; 3_000_000]);
    assert!(report.peak_memory < MEMORY, "{}", report.peak_memory);
}

#[test]
fn a_store_that_fails_behind_the_operator_is_retried_and_one_that_it_cannot_reach_is_told_in_its_words() {
    let (rig, store) = (Rig::new(), Store::new());
    store.fail(&[
        Fault::Drop,
        Fault::LoseAnswer,
        Fault::Answer(503, "SlowDown", ""),
        Fault::Answer(403, "AccessDenied", "Request has expired"),
    ]);
    done(&rig.run_relayed(backup(sh("head -c 3000000 /dev/zero")), &store).0);
    assert_eq!(store.joined(), vec![0; 3_000_000]);

    let rig = Rig::new();
    let mut job = relayed(backup(sh("echo x")));
    job.retry_seconds = 1;
    let mut link = rig.connect();
    link.say(&ToAgent::Start(Box::new(job)));
    let report = loop {
        match link.hear() {
            FromAgent::NeedUrl(request) => link.say(&sign(&store, &request)),
            FromAgent::Open { stream, .. } => link.say(&ToAgent::Close {
                stream,
                error: Some("the operator cannot reach the store".into()),
            }),
            FromAgent::Finished(report) => break report,
            FromAgent::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        report.outcome,
        Outcome::TransferFailed {
            step: "upload".into(),
            message: "the operator cannot reach the store".into()
        }
    );
}

#[test]
fn whether_the_store_can_be_reached_is_told_by_any_answer() {
    let store = Store::new();
    store.fail(&[Fault::Answer(403, "AccessDenied", "")]);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (rig, mut seen) = (Rig::new(), Vec::new());
    let mut link = rig.connect();
    for url in [
        format!("http://127.0.0.1:{}", store.port()),
        format!("http://{nobody}"),
        "http://store.invalid:9000".into(),
        format!("https://127.0.0.1:{}", store.port()),
        format!("http://{}", silent.local_addr().unwrap()),
    ] {
        link.say(&ToAgent::Probe {
            url: url.clone(),
            ca_bundle: None,
            proxy: None,
            signed: None,
        });
        // The connection is not held up meanwhile.
        link.say(&ToAgent::Ping);
        let mut pong = false;
        let (reachable, message) = loop {
            match link.hear() {
                FromAgent::Pong => pong = true,
                FromAgent::Probed { reachable, message } => break (reachable, message),
                other => panic!("{other:?}"),
            }
        };
        if !pong {
            assert_eq!(link.hear(), FromAgent::Pong);
        }
        assert!(message.contains(&url), "{message}");
        seen.push(reachable);
    }
    assert_eq!(seen, [true, false, false, false, false]);
    // And then the work begins as usual.
    link.say(&ToAgent::Start(Box::new(backup(sh("echo x")))));
    done(&link.serve(&store));
}
