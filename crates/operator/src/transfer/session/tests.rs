//! The agent as a stranger who sends what he likes: each case is something that he tries, and how it has to end.
mod rig;
mod store;

use api::names::Action;
use api::storage::DataPath;
use planner::run::{End, Route};
use protocol::{AgentState, Data, FromAgent, Outcome, PartReceipt, Report, ToAgent, UrlRequest, encode, encode_data};
use rig::{Peer, Rig, rig, rig_of};

fn part(number: u32, size: u64) -> FromAgent {
    FromAgent::NeedUrl(UrlRequest::Part {
        number,
        size,
        checksum: String::new(),
    })
}

fn receipt(number: u32, size: u64) -> PartReceipt {
    PartReceipt {
        number,
        size,
        checksum: String::new(),
        etag: format!("\"etag-{number}\""),
    }
}

/// A backup of two parts that ended well.
fn report() -> Report {
    Report {
        outcome: Outcome::Done,
        bytes: 8,
        stored_bytes: 8,
        sha256: "ab".repeat(32),
        parts: vec![receipt(1, 5), receipt(2, 3)],
        object_etag: None,
        stderr: String::new(),
        peak_memory: 1,
    }
}

/// What went wrong, in the words of a stranger who wants them to act.
fn foul() -> String {
    "\u{1b}[2J\u{1b}]0;pwned\u{7}\r\n\u{202e}\u{0}".repeat(10_000)
}

fn finished(report: Report) -> FromAgent {
    FromAgent::Finished(Box::new(report))
}

/// Asks for a URL and stores that many bytes there, as an agent does.
async fn store(rig: &Rig, peer: &mut Peer, number: u32, size: u64) {
    peer.say(&part(number, size)).await;
    let Some(ToAgent::Url { request, .. }) = peer.heard().await else {
        panic!()
    };
    assert!(matches!(request, UrlRequest::Part { number: n, size: s, .. } if (n, s) == (number, size)));
    rig.store.held().parts.insert(number, usize::try_from(size).unwrap());
}

/// Two parts are stored.
async fn stored() -> (Rig, Peer) {
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    let (mut peer, _) = rig.started().await;
    store(&rig, &mut peer, 1, 5).await;
    store(&rig, &mut peer, 2, 3).await;
    (rig, peer)
}

#[tokio::test]
async fn what_was_signed_for_and_stored_is_completed() {
    let (mut rig, mut peer) = stored().await;
    peer.say(&finished(report())).await;
    let end = rig.end().await;
    assert!(
        matches!(
            end,
            End::Stored {
                bytes: 8,
                stored_bytes: 8,
                ..
            }
        ),
        "{end:?}"
    );
    assert_eq!(peer.heard().await, Some(ToAgent::Done));
    assert_eq!(rig.store.held().asked, ["create", "complete", "head"]);
}

#[tokio::test]
async fn a_report_that_lies_ends_in_failed_and_nothing_is_visible() {
    type Lie = (&'static str, fn(&mut Report), &'static str);
    let lies: [Lie; 18] = [
        (
            "a part that nothing was signed for",
            |r| r.parts.push(receipt(3, 0)),
            "part 3",
        ),
        (
            "a part of another size",
            |r| r.parts = vec![receipt(1, 4), receipt(2, 4)],
            "part 1 of 4",
        ),
        (
            "a part twice",
            |r| r.parts = vec![receipt(1, 5), receipt(1, 3)],
            "2 parts",
        ),
        ("part 0", |r| r.parts.insert(0, receipt(0, 0)), "3 parts"),
        ("parts out of order", |r| r.parts.reverse(), "2 parts"),
        ("a part left out", |r| drop(r.parts.remove(0)), "1 parts"),
        ("no parts", |r| r.parts.clear(), "0 parts"),
        (
            "more bytes than the parts have",
            |r| r.stored_bytes = u64::MAX,
            "8 bytes",
        ),
        (
            "parts whose sum overflows",
            |r| r.parts = vec![receipt(1, u64::MAX), receipt(2, u64::MAX)],
            "add up",
        ),
        (
            "an object put whole beside parts",
            |r| r.object_etag = Some("\"e\"".into()),
            "put whole",
        ),
        (
            "only an object put whole",
            |r| (r.parts, r.object_etag) = (vec![], Some("\"e\"".into())),
            "put whole",
        ),
        ("no hash", |r| r.sha256.clear(), "SHA-256"),
        (
            "a hash that is torn where it is cut",
            |r| r.sha256 = format!("a{}", "ä".repeat(100)),
            "SHA-256",
        ),
        (
            "an ETag that is no ETag",
            |r| r.parts[0].etag = "\0</ETag>".into(),
            "ETag",
        ),
        (
            "an ETag of a megabyte",
            |r| r.parts[0].etag = "e".repeat(1 << 20),
            "ETag",
        ),
        (
            "a checksum that was not asked for",
            |r| r.parts[0].checksum = "c".into(),
            "checksum",
        ),
        (
            "a standard error that acts",
            |r| (r.stderr, r.sha256) = (foul(), String::new()),
            "SHA-256",
        ),
        (
            "10,000 parts",
            |r| r.parts = (1..=10_000).map(|n| receipt(n, 1)).collect(),
            "10000 parts",
        ),
    ];
    for (lie, tell, words) in lies {
        let (mut rig, mut peer) = stored().await;
        let mut report = report();
        tell(&mut report);
        peer.say(&finished(report)).await;
        let (reason, message) = rig.failed().await;
        assert_eq!(reason, "AgentReport", "{lie}");
        assert!(message.contains(words), "{lie}: {message}");
        assert_eq!(rig.store.count("complete"), 0, "{lie}");
    }
}

#[tokio::test]
async fn a_part_that_was_signed_for_and_never_stored_is_refused_by_the_store() {
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    let (mut peer, _) = rig.started().await;
    peer.say(&part(1, 8)).await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Url { .. })));
    let parts = vec![receipt(1, 8)];
    peer.say(&finished(Report { parts, ..report() })).await;
    let (reason, message) = rig.failed().await;
    assert_eq!(reason, "CompleteFailed");
    assert!(message.contains("InvalidPart"), "{message}");
}

#[tokio::test]
async fn another_runs_object_is_not_taken_for_ones_own() {
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    rig.store.held().object = Some((8, Default::default()));
    let (mut peer, _) = rig.started().await;
    // Nothing was asked for, and the object of that size is somebody else's.
    let (parts, object_etag) = (vec![], Some("\"etag-0\"".to_string()));
    peer.say(&finished(Report {
        parts,
        object_etag,
        ..report()
    }))
    .await;
    let end = rig.end().await;
    assert!(
        matches!(&end, End::Failed { reason: "AgentReport", message, .. } if message.contains("nothing was signed for")),
        "{end:?}"
    );
}

#[tokio::test]
async fn what_a_failed_agent_has_put_whole_is_removed_and_what_is_anothers_is_not() {
    for (own, left) in [(true, false), (false, true)] {
        let mut rig = rig(Action::Backup, DataPath::Direct).await;
        let (mut peer, _) = rig.started().await;
        let checksum = String::new();
        peer.say(&FromAgent::NeedUrl(UrlRequest::Object { size: 5, checksum }))
            .await;
        let Some(ToAgent::Url { headers, .. }) = peer.heard().await else {
            panic!()
        };
        let metadata = headers
            .into_iter()
            .filter(|(name, _)| own && name.starts_with("x-amz-meta-"));
        rig.store.held().object = Some((5, metadata.collect()));
        let outcome = Outcome::CommandFailed { code: 1 };
        peer.say(&finished(Report {
            outcome,
            parts: vec![],
            ..report()
        }))
        .await;
        let end = rig.end().await;
        assert!(
            matches!(
                end,
                End::Failed {
                    reason: "CommandFailed",
                    ..
                }
            ),
            "{end:?}"
        );
        assert_eq!(rig.store.held().object.is_some(), left);
    }
}

#[tokio::test]
async fn a_failure_is_told_in_words_that_do_nothing() {
    let outcomes = [
        Outcome::CommandNotStarted { message: foul() },
        Outcome::CommandKilled { signal: foul() },
        Outcome::TransferFailed {
            step: foul(),
            message: foul(),
        },
        Outcome::BadObject {
            step: foul(),
            message: foul(),
        },
        Outcome::Cancelled { reason: foul() },
        Outcome::DeadlineExceeded { seconds: u64::MAX },
        Outcome::InputNotRead { left: u64::MAX },
        Outcome::CommandFailed { code: i32::MIN },
    ];
    for outcome in outcomes {
        let (mut rig, mut peer) = stored().await;
        let report = Report {
            outcome: outcome.clone(),
            stderr: foul(),
            bytes: u64::MAX,
            stored_bytes: u64::MAX,
            peak_memory: u64::MAX,
            ..report()
        };
        peer.say(&finished(report)).await;
        // The operator asks whether the store is reached: that is nothing to be held up by.
        if matches!(
            outcome,
            Outcome::TransferFailed { .. } | Outcome::DeadlineExceeded { .. }
        ) {
            assert!(matches!(peer.heard().await, Some(ToAgent::Probe { .. })));
            peer.say(&FromAgent::Probed {
                reachable: false,
                message: foul(),
            })
            .await;
        }
        rig.failed().await;
    }
}

#[tokio::test]
async fn what_is_not_the_protocol_ends_the_connection_and_another_one_is_made() {
    let frame = |body: &[u8]| [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat();
    let huge = FromAgent::Probed {
        reachable: true,
        message: "x".repeat(64 << 10),
    };
    let hostile: [(&str, Vec<u8>); 12] = [
        ("a frame of 4 GiB", vec![0xff; 4]),
        (
            "a frame a little too long",
            (u32::try_from(protocol::MAX_FRAME).unwrap() + 1).to_be_bytes().to_vec(),
        ),
        ("an empty frame", frame(b"")),
        ("no JSON", frame(b"{]")),
        (
            "no UTF-8",
            frame(b"{\"type\":\"probed\",\"reachable\":true,\"message\":\"\xff\xfe\"}"),
        ),
        (
            "half a surrogate",
            frame(br#"{"type":"probed","reachable":true,"message":"\ud800"}"#),
        ),
        ("a message of the operator", encode(&ToAgent::Done).unwrap()),
        (
            "negative bytes",
            frame(br#"{"type":"progress","bytes":-5,"storedBytes":0}"#),
        ),
        (
            "more bytes than there are numbers",
            frame(br#"{"type":"progress","bytes":99999999999999999999,"storedBytes":0}"#),
        ),
        ("a piece that is too long", frame(&vec![1; protocol::MAX_DATA + 6])),
        ("a message that is as long as a report", encode(&huge).unwrap()),
        (
            "a list without end",
            frame(&[br#"{"type":"finished","parts":["#.as_slice(), &b"[".repeat(200)].concat()),
        ),
    ];
    for (what, bytes) in hostile {
        let mut rig = rig(Action::Backup, DataPath::Direct).await;
        let (mut peer, _) = rig.started().await;
        peer.raw(&bytes).await;
        peer.dropped().await;
        let mut peer = rig.connected().await;
        peer.welcome(AgentState::Running).await;
        rig.cancel();
        peer.cancelled().await;
        assert_eq!(rig.failed().await.0, "Cancelled", "{what}");
        assert!(
            rig.store.held().asked.is_empty(),
            "{what}: {:?}",
            rig.store.held().asked
        );
    }
}

#[tokio::test]
async fn who_does_not_greet_as_an_agent_does_gets_no_work() {
    let welcome = |version| FromAgent::Welcome {
        version,
        state: AgentState::Idle,
    };
    for first in [finished(report()), part(1, 5), FromAgent::Pong, welcome(0)] {
        let mut rig = rig(Action::Backup, DataPath::Direct).await;
        let mut peer = rig.connected().await;
        assert!(matches!(peer.heard().await, Some(ToAgent::Hello { .. })));
        peer.say(&first).await;
        peer.dropped().await;
        let mut peer = rig.connected().await;
        assert!(matches!(peer.heard().await, Some(ToAgent::Hello { .. })));
        rig.cancel();
        drop(peer);
        assert_eq!(rig.failed().await.0, "Cancelled", "{first:?}");
        assert!(rig.store.held().asked.is_empty(), "{first:?}");
    }
}

#[tokio::test]
async fn an_agent_of_a_later_version_is_spoken_to_in_this_one() {
    let mut rig = rig(Action::Backup, DataPath::Relay).await;
    let mut peer = rig.connected().await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Hello { .. })));
    let (version, state) = (u32::MAX, AgentState::Idle);
    peer.say(&FromAgent::Welcome { version, state }).await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Start(job)) if job.relay));
    rig.cancel();
    peer.cancelled().await;
    rig.failed().await;
}

#[tokio::test]
async fn an_agent_that_has_lost_its_work_again_and_again_gets_no_second_upload() {
    let (mut rig, peer) = stored().await;
    drop(peer);
    let mut peer = rig.connected().await;
    peer.welcome(AgentState::Idle).await;
    assert_eq!(rig.failed().await.0, "Interrupted");
    assert_eq!(rig.store.count("create"), 1);
}

#[tokio::test]
async fn a_command_that_kills_its_agent_is_not_run_for_ever() {
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    for _ in 0..crate::transfer::limits::STARTS {
        drop(rig.started().await);
    }
    let mut peer = rig.connected().await;
    peer.welcome(AgentState::Idle).await;
    let (reason, message) = rig.failed().await;
    assert_eq!(reason, "Interrupted");
    assert!(message.contains("it was killed"), "{message}");
}

#[tokio::test]
async fn what_is_not_part_of_the_work_is_not_signed() {
    let long = "A".repeat(10 << 10);
    let request = |number, size, checksum: &str| UrlRequest::Part {
        number,
        size,
        checksum: checksum.into(),
    };
    let refused = [
        request(0, 5, ""),
        request(10_001, 5, ""),
        request(u32::MAX, 5, ""),
        request(1, 0, ""),
        request(1, u64::MAX, ""),
        request(1, 5, &long),
        request(1, 5, "\r\nx-amz-acl: public-read"),
        UrlRequest::Object {
            size: u64::MAX,
            checksum: String::new(),
        },
        UrlRequest::Object {
            size: 5,
            checksum: long.clone(),
        },
        UrlRequest::Get { number: 1 },
    ];
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    let (mut peer, _) = rig.started().await;
    for request in refused {
        peer.say(&FromAgent::NeedUrl(request.clone())).await;
        let answer = peer.heard().await;
        assert!(
            matches!(&answer, Some(ToAgent::Refuse { .. })),
            "{request:?}: {answer:?}"
        );
        assert!(
            encode(&answer).unwrap().len() < 1024,
            "what is refused is not sent back"
        );
    }
    assert!(rig.store.held().asked.is_empty());
    rig.cancel();
    peer.cancelled().await;
    rig.failed().await;
}

#[tokio::test]
async fn a_restore_signs_reading_and_nothing_else() {
    let mut rig = rig(Action::Restore, DataPath::Direct).await;
    let (mut peer, _) = rig.started().await;
    let digest = String::new;
    for request in [
        UrlRequest::Part {
            number: 1,
            size: 5,
            checksum: digest(),
        },
        UrlRequest::Object {
            size: 5,
            checksum: digest(),
        },
    ] {
        peer.say(&FromAgent::NeedUrl(request)).await;
        assert!(matches!(peer.heard().await, Some(ToAgent::Refuse { .. })));
    }
    peer.say(&FromAgent::NeedUrl(UrlRequest::Get { number: u32::MAX }))
        .await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Url { .. })));
    rig.cancel();
    peer.cancelled().await;
    rig.end().await;
    assert_eq!(rig.store.held().asked, ["head"]);
}

#[tokio::test]
async fn a_restore_is_done_when_all_of_the_object_was_read() {
    let hash = "ab".repeat(32);
    let cases = [
        // URLs, bytes that were read, SHA-256, whether that is a restore.
        (1, 10, hash.as_str(), true),
        (0, 10, &hash, false),
        (1, 9, &hash, false),
        (1, u64::MAX, &hash, false),
        (1, 10, "", false),
        (1, 10, &foul(), false),
    ];
    for (urls, stored_bytes, sha256, good) in cases {
        let mut run = testing::backup_run();
        run.status = Some(api::BackupRunStatus {
            sha256: Some(hash.clone()),
            ..Default::default()
        });
        let mut rig = rig_of(Action::Restore, DataPath::Direct, run).await;
        let (mut peer, _) = rig.started().await;
        for number in 0..urls {
            peer.say(&FromAgent::NeedUrl(UrlRequest::Get { number })).await;
            assert!(matches!(peer.heard().await, Some(ToAgent::Url { .. })));
        }
        let (parts, sha256) = (vec![], sha256.to_string());
        peer.say(&finished(Report {
            stored_bytes,
            sha256,
            parts,
            ..report()
        }))
        .await;
        let end = rig.end().await;
        assert_eq!(matches!(end, End::Restored { .. }), good, "{end:?}");
        assert!(
            good || matches!(
                end,
                End::Failed {
                    reason: "AgentReport",
                    ..
                }
            ),
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn one_report_is_enough() {
    let (mut rig, mut peer) = stored().await;
    for n in 0..20 {
        let outcome = if n == 0 { Outcome::Empty } else { Outcome::Done };
        peer.say(&finished(Report { outcome, ..report() })).await;
    }
    assert_eq!(rig.failed().await.0, "EmptyBackup");
    assert_eq!(rig.store.count("complete"), 0);
}

#[tokio::test]
async fn an_upload_that_cannot_be_created_is_not_asked_for_by_each_request_and_few_wait() {
    let mut rig = rig(Action::Backup, DataPath::Direct).await;
    rig.store.held().down = true;
    let (mut peer, _) = rig.started().await;
    for _ in 0..200 {
        peer.say(&part(1, 5)).await;
    }
    // The same one waits once. Others, more than an agent has, are too many.
    for number in 2..200 {
        peer.say(&part(number, 5)).await;
    }
    peer.dropped().await;
    let tries = rig.store.count("create");
    assert!((1..=3).contains(&tries), "{tries} tries");
    let mut peer = rig.connected().await;
    peer.welcome(AgentState::Running).await;
    rig.cancel();
    peer.cancelled().await;
    rig.failed().await;
}

#[tokio::test]
async fn a_flood_of_requests_is_signed_at_a_pace_and_a_cancel_comes_through() {
    let (mut rig, peer) = stored().await;
    let (mut peer, begun) = (peer, std::time::Instant::now());
    let mut answers = 0;
    // Asks and reads as fast as it can; three seconds beyond the burst.
    while begun.elapsed().as_secs() < 5 {
        for _ in 0..50 {
            peer.say(&part(1, 5)).await;
        }
        for _ in 0..50 {
            assert!(matches!(peer.heard().await, Some(ToAgent::Url { .. })));
        }
        answers += 50;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let most = (seconds + 3.0) * f64::from(crate::transfer::limits::URLS);
    assert!(f64::from(answers) <= most, "{answers} in {seconds} s");
    rig.cancel();
    peer.cancelled().await;
    assert_eq!(rig.failed().await.0, "Cancelled");
}

#[tokio::test]
async fn progress_that_jumps_about_only_grows_and_fits() {
    let (mut rig, mut peer) = stored().await;
    for (bytes, stored_bytes) in [(5, 7), (3, 9), (u64::MAX, 0), (0, 0)] {
        peer.say(&FromAgent::Progress { bytes, stored_bytes }).await;
    }
    store(&rig, &mut peer, 3, 1).await;
    assert_eq!(rig.progress(), (crate::transfer::limits::BYTES, 9));
    rig.cancel();
    peer.cancelled().await;
    rig.failed().await;
}

#[tokio::test]
async fn a_tunnel_is_there_where_the_transfer_is_relayed_and_leads_to_the_store_only() {
    let open = |stream| FromAgent::Open {
        stream,
        credit: u32::MAX,
    };
    let mut direct = rig(Action::Backup, DataPath::Direct).await;
    let (mut peer, _) = direct.started().await;
    let piece = Data {
        stream: 1,
        bytes: b"GET http://169.254.169.254/ HTTP/1.1\r\n\r\n".to_vec(),
    };
    peer.raw(&encode_data(&piece).unwrap()).await;
    peer.say(&FromAgent::Credit {
        stream: 1,
        bytes: u32::MAX,
    })
    .await;
    peer.say(&open(1)).await;
    let Some(ToAgent::Close {
        stream: 1,
        error: Some(words),
    }) = peer.heard().await
    else {
        panic!()
    };
    assert!(words.contains("not relayed"), "{words}");
    direct.cancel();
    peer.cancelled().await;
    direct.failed().await;

    let mut relayed = rig(Action::Backup, DataPath::Relay).await;
    let (mut peer, _) = relayed.started().await;
    // A message with an address has it skipped: there is no field for one.
    let body =
        br#"{"type":"open","stream":1,"credit":0,"host":"169.254.169.254","port":80,"url":"http://169.254.169.254/"}"#;
    peer.raw(&[&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat())
        .await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Opened { stream: 1, .. })));
    peer.raw(
        &encode_data(&Data {
            stream: 1,
            bytes: b"HEAD /backups/db.sql HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        })
        .unwrap(),
    )
    .await;
    while relayed.store.count("head") == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // More than a handful are refused, and so are more bytes than were granted.
    for stream in 2..=40 {
        peer.say(&open(stream)).await;
    }
    let mut refused = 0;
    for _ in 2..=40 {
        refused += u32::from(matches!(peer.heard().await, Some(ToAgent::Close { .. })));
    }
    assert_eq!(refused, 40 - u32::try_from(protocol::MAX_STREAMS).unwrap());
    relayed.cancel();
    peer.cancelled().await;
    relayed.failed().await;
}

#[tokio::test]
async fn why_a_pod_does_not_reach_the_store_is_told_in_words_that_do_nothing() {
    let mut rig = rig(Action::Backup, DataPath::Auto).await;
    let mut peer = rig.connected().await;
    peer.welcome(AgentState::Idle).await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Probe { .. })));
    peer.say(&FromAgent::Probed {
        reachable: false,
        message: foul().chars().take(3000).collect(),
    })
    .await;
    assert!(matches!(peer.heard().await, Some(ToAgent::Start(_))));
    let chosen = rig.chosen().unwrap();
    assert_eq!(chosen.route, Route::Relay);
    let why = chosen.why.unwrap();
    assert!(
        why.chars().count() <= crate::transfer::limits::PROBE && !why.contains(char::is_control),
        "{why:?}"
    );
    rig.cancel();
    peer.cancelled().await;
    rig.failed().await;
}
