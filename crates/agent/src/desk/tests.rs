//! The desk's rules, without a socket.
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use proof::http::Tunnels;
use protocol::{Action, Outcome, Secret};

use super::*;

const LONG: Duration = Duration::from_secs(20);

fn desk() -> Arc<Desk> {
    Arc::new(Desk::new("uid".into(), "backup-1".into(), Past::default()))
}

/// The next message; these tests have no streams.
fn next(desk: &Desk, connection: u64) -> Option<FromAgent> {
    match desk.next(connection)? {
        Frame::Message(message) => Some(message),
        Frame::Data(piece) => panic!("{piece:?}"),
    }
}

fn job() -> Box<Job> {
    Box::new(Job {
        command: vec!["true".into()],
        deadline_seconds: None,
        grace_seconds: 1,
        retry_seconds: 1,
        absence_seconds: 1,
        compression: None,
        ca_bundle: None,
        proxy: None,
        relay: false,
        bandwidth: None,
        check: None,
        action: Action::Restore {
            identity: None,
            window_log: None,
            passphrase: false,
            size: 0,
            sha256: None,
            etag: None,
        },
    })
}

fn report() -> Report {
    Report {
        outcome: Outcome::Done,
        bytes: 1,
        stored_bytes: 2,
        sha256: "s".into(),
        parts: vec![],
        object_etag: None,
        stderr: String::new(),
        peak_memory: 0,
        packed: None,
    }
}

fn patience(absence: Duration) -> Patience {
    Patience {
        absence,
        store: Duration::ZERO,
    }
}

fn get(number: u32) -> UrlRequest {
    UrlRequest::Get { number }
}

fn url(request: UrlRequest, text: &str) -> ToAgent {
    ToAgent::Url {
        request,
        url: Secret::new(text.into()),
        headers: vec![].into(),
    }
}

/// Asks on a thread and waits until the request is said.
fn ask(desk: &Arc<Desk>, connection: u64, request: UrlRequest) -> thread::JoinHandle<Result<SignedUrl, NoUrl>> {
    let (asking, wanted) = (desk.clone(), request.clone());
    let asked = thread::spawn(move || asking.url(&wanted, patience(LONG)));
    assert_eq!(next(desk, connection), Some(FromAgent::NeedUrl(request)));
    asked
}

fn greet(desk: &Desk, state: AgentState) -> u64 {
    let connection = desk.hello("uid", "backup-1", VERSION).unwrap();
    assert_eq!(
        next(desk, connection),
        Some(FromAgent::Welcome {
            version: VERSION,
            state,
            started: state != AgentState::Idle,
            killed: None,
            window: None,
        })
    );
    connection
}

#[test]
fn a_connection_for_another_run_or_attempt_is_not_taken() {
    let desk = desk();
    assert_eq!(
        (
            desk.hello("other", "backup-1", VERSION),
            desk.hello("uid", "backup-2", VERSION)
        ),
        (None, None)
    );
    assert!(desk.hello("uid", "backup-1", VERSION).is_some());
}

#[test]
fn the_newest_connection_wins_and_is_told_all_that_is_open() {
    let desk = desk();
    let first = greet(&desk, AgentState::Idle);
    assert!(desk.take(first, ToAgent::Start(job())));
    assert!(desk.wait_for_job(LONG).is_some());
    let asked = ask(&desk, first, get(1));
    desk.progress(10, 5);

    let second = greet(&desk, AgentState::Running);
    assert_eq!(next(&desk, first), None);
    assert!(!desk.take(first, url(get(1), "stale")));
    assert_eq!(next(&desk, second), Some(FromAgent::NeedUrl(get(1))));
    assert_eq!(
        next(&desk, second),
        Some(FromAgent::Progress {
            bytes: 10,
            stored_bytes: 5
        })
    );
    assert!(desk.take(second, url(get(1), "fresh")));
    assert_eq!(asked.join().unwrap().ok().unwrap().url.reveal(), "fresh");
}

#[test]
fn a_second_start_is_ignored() {
    let desk = desk();
    let connection = greet(&desk, AgentState::Idle);
    desk.take(connection, ToAgent::Start(job()));
    assert!(desk.wait_for_job(LONG).is_some());
    desk.take(connection, ToAgent::Start(job()));
    assert!(desk.wait_for_job(Duration::ZERO).is_none());
}

#[test]
fn an_answer_that_nobody_waits_for_is_dropped() {
    let desk = desk();
    let connection = greet(&desk, AgentState::Idle);
    desk.take(connection, url(get(1), "early"));
    let asked = ask(&desk, connection, get(1));
    desk.take(connection, url(get(1), "right"));
    assert_eq!(asked.join().unwrap().ok().unwrap().url.reveal(), "right");
}

/// It waits for the store, for as long as its storage says. Its pings say that it is there.
#[test]
fn an_operator_that_is_there_is_waited_for_as_long_as_it_tries_the_store() {
    let start = Instant::now();
    let patience = Patience {
        absence: Duration::from_secs(900),
        store: Duration::from_secs(7200),
    };
    let at = |seconds| start + Duration::from_secs(seconds);
    for (asked, heard, now, left) in [
        (0, 0, 0, 900),
        // Away since before it was asked, and since then.
        (100, 0, 999, 1),
        (0, 100, 1000, 0),
        (0, 7190, 7200, 890),
        // One operator after the other, each of which begins anew.
        (0, 7900, 8000, 100),
        (0, 8100, 8100, 0),
    ] {
        let seen = patience.left(at(asked), at(heard), at(now));
        assert_eq!(seen.as_secs(), left, "asked at {asked}, heard at {heard}, at {now}");
    }
    let desk = desk();
    let connection = greet(&desk, AgentState::Idle);
    let greeted = desk.lock().heard;
    desk.take(connection, ToAgent::Ping);
    assert!(desk.lock().heard > greeted);
}

#[test]
fn waiting_for_a_url_ends_with_a_refusal_with_the_patience_and_with_the_job() {
    let desk = desk();
    let connection = greet(&desk, AgentState::Idle);
    let asked = ask(&desk, connection, get(1));
    desk.take(
        connection,
        ToAgent::Refuse {
            request: get(1),
            message: "no bucket".into(),
        },
    );
    assert!(matches!(asked.join().unwrap(), Err(NoUrl::Refused(m)) if m == "no bucket"));
    assert!(matches!(
        desk.url(&get(2), patience(Duration::ZERO)),
        Err(NoUrl::Unanswered(_))
    ));
    let asked = ask(&desk, connection, get(3));
    desk.stop();
    assert!(matches!(asked.join().unwrap(), Err(NoUrl::Stopped)));
    assert!(!desk.pause(LONG));
}

#[test]
fn the_report_is_said_on_every_connection_until_it_is_done() {
    let desk = desk();
    let first = greet(&desk, AgentState::Idle);
    desk.take(first, ToAgent::Start(job()));
    desk.finish(report());
    assert_eq!(next(&desk, first), Some(FromAgent::Finished(Box::new(report()))));
    let second = greet(&desk, AgentState::Finished);
    assert_eq!(next(&desk, second), Some(FromAgent::Finished(Box::new(report()))));
    desk.take(second, ToAgent::Done);
    desk.wait_for_done(LONG);
}

#[test]
fn a_job_that_runs_is_not_ended_by_done() {
    let desk = desk();
    let connection = greet(&desk, AgentState::Idle);
    desk.take(connection, ToAgent::Start(job()));
    desk.take(connection, ToAgent::Done);
    assert!(desk.wait_for_job(LONG).is_some());
}

#[test]
fn a_peer_that_does_not_read_makes_nothing_grow() {
    let desk = desk();
    let connection = greet(&desk, AgentState::Idle);
    for n in 0..10_000 {
        desk.take(connection, ToAgent::Ping);
        desk.progress(n, n);
    }
    let mut pongs = 0;
    loop {
        match next(&desk, connection) {
            Some(FromAgent::Pong) => pongs += 1,
            Some(FromAgent::Progress { bytes, .. }) => break assert_eq!(bytes, 9_999),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(pongs, PONGS);
}

#[test]
fn a_cancel_reaches_a_job_that_listens_late() {
    let desk = desk();
    let connection = greet(&desk, AgentState::Idle);
    desk.take(
        connection,
        ToAgent::Cancel {
            reason: "replaced".into(),
            grace_seconds: 1,
        },
    );
    let (events, inbox) = channel();
    desk.listen(move |cancel| drop(events.send(cancel)));
    assert!(matches!(inbox.recv_timeout(LONG), Ok(c) if c.reason == "replaced"));
}

#[test]
fn an_idle_daemon_ends() {
    assert!(desk().wait_for_job(Duration::ZERO).is_none());
}

#[test]
fn a_stream_is_not_opened_without_an_operator_and_ends_with_its_connection() {
    let desk = desk();
    let error = desk.open_stream(Some(Duration::ZERO)).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (std::io::ErrorKind::TimedOut, "no operator is connected")
    );
    let first = greet(&desk, AgentState::Idle);
    let opening = desk.clone();
    let opened = thread::spawn(move || opening.open_stream(Some(LONG)));
    let Some(FromAgent::Open { stream, .. }) = next(&desk, first) else {
        panic!()
    };
    desk.take(first, ToAgent::Opened { stream, credit: 0 });
    assert_eq!(opened.join().unwrap().unwrap(), stream);
    let reading = desk.clone();
    let read = thread::spawn(move || reading.receive_stream(stream, &mut [0; 9], Some(LONG)));
    greet(&desk, AgentState::Idle);
    assert_eq!(read.join().unwrap().unwrap_err().to_string(), LOST);
    assert!(!desk.is_stream_quiet(stream));
}

#[test]
fn an_operator_that_gives_no_credit_does_not_hold_messages_up() {
    let desk = desk();
    let connection = greet(&desk, AgentState::Idle);
    let opening = desk.clone();
    let opened = thread::spawn(move || opening.open_stream(Some(LONG)));
    let Some(FromAgent::Open { stream, .. }) = next(&desk, connection) else {
        panic!()
    };
    desk.take(connection, ToAgent::Opened { stream, credit: 0 });
    assert_eq!(opened.join().unwrap().unwrap(), stream);
    let sending = desk.clone();
    let sent = thread::spawn(move || sending.send_stream(stream, &vec![0; 10 << 20], Some(LONG)));
    for _ in 0..3 {
        desk.take(connection, ToAgent::Ping);
        assert_eq!(next(&desk, connection), Some(FromAgent::Pong));
    }
    desk.stop();
    assert_eq!(
        sent.join().unwrap().unwrap_err().to_string(),
        "the transfer was stopped"
    );
}

#[test]
fn the_store_is_asked_once_at_a_time_and_the_newest_connection_gets_the_answer() {
    let desk = desk();
    let first = greet(&desk, AgentState::Idle);
    assert!(desk.begin_probe(first) && !desk.begin_probe(first));
    let second = greet(&desk, AgentState::Idle);
    assert!(!desk.begin_probe(first) && !desk.begin_probe(second));
    desk.probed(false, "no route".into());
    let said = FromAgent::Probed {
        reachable: false,
        message: "no route".into(),
    };
    assert_eq!(next(&desk, second), Some(said));
    assert!(desk.begin_probe(second));
}

#[test]
fn an_older_operator_hears_the_end_in_words_that_it_knows() {
    let desk = desk();
    let mut report = report();
    report.outcome = Outcome::OutOfMemory;
    desk.finish(report);
    for (version, killed) in [(2, true), (VERSION, false)] {
        let connection = desk.hello("uid", "backup-1", version).unwrap();
        assert!(matches!(next(&desk, connection), Some(FromAgent::Welcome { .. })));
        let Some(FromAgent::Finished(report)) = next(&desk, connection) else {
            panic!("no report for version {version}")
        };
        assert_eq!(
            matches!(report.outcome, Outcome::CommandKilled { .. }),
            killed,
            "{:?}",
            report.outcome
        );
    }
}

#[test]
fn an_operator_that_is_too_old_gets_no_work_done_and_hears_why_at_once() {
    let (desk, old) = (desk(), protocol::OLDEST - 1);
    let connection = desk.hello("uid", "backup-1", old).unwrap();
    let Some(FromAgent::Welcome { state, .. }) = next(&desk, connection) else {
        panic!("it is greeted")
    };
    assert_eq!(state, AgentState::Finished);
    let Some(FromAgent::Finished(report)) = next(&desk, connection) else {
        panic!("it hears of an end")
    };
    let Outcome::TransferFailed { message, .. } = report.outcome else {
        panic!("{report:?}")
    };
    assert!(
        message.contains(&format!("the operator speaks version {old} ")) && message.contains("make a new run"),
        "{message}"
    );
    desk.take(connection, ToAgent::Start(job()));
    desk.take(connection, ToAgent::Done);
    assert!(desk.wait_for_job(LONG).is_none(), "nothing is begun");
}

#[test]
fn an_operator_that_is_too_old_for_what_runs_stops_it_in_words() {
    let desk = desk();
    let first = greet(&desk, AgentState::Idle);
    desk.take(first, ToAgent::Start(job()));
    assert!(desk.wait_for_job(LONG).is_some());
    let (told, cancelled) = std::sync::mpsc::channel();
    desk.listen(move |cancel| told.send(cancel.reason).unwrap());
    desk.hello("uid", "backup-1", protocol::OLDEST - 1).unwrap();
    let reason = cancelled.recv_timeout(LONG).unwrap();
    assert!(reason.contains("too far apart"), "{reason}");
}
