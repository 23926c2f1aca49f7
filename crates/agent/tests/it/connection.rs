//! Connections that break, race, are replaced, or do not answer.
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Instant;

use super::rig::*;
use super::store::Store;
use protocol::{AgentState, FromAgent, Outcome, ToAgent, UrlRequest, VERSION, encode};
use rustix::process::Signal;

fn hello(run: &str) -> ToAgent {
    ToAgent::Hello {
        version: VERSION,
        run: run.into(),
        attempt: "backup-1".into(),
    }
}

#[test]
fn a_transfer_that_loses_its_connection_is_picked_up_by_the_next() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut first = rig.connect();
    first.say(&ToAgent::Start(Box::new(backup(sh("head -c 20000000 /dev/zero")))));
    for _ in 0..3 {
        let request = first.request();
        first.answer(&request, &store);
    }
    drop(first);
    let mut second = rig.connect();
    assert_eq!(second.state, Some(AgentState::Running));
    // Said again after a broken connection: the agent already has it.
    second.say(&ToAgent::Start(Box::new(backup(sh("echo another")))));
    let report = second.serve(&store);
    done(&report);
    assert_eq!((report.bytes, report.parts.len()), (20_000_000, 20));
    assert_eq!(store.joined(), vec![0; 20_000_000]);
}

#[test]
fn a_report_waits_for_an_operator_that_was_away_at_the_end() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut first = rig.connect();
    let mark = rig.path("go");
    let script = format!("echo x; while [ ! -e {} ]; do sleep 0.02; done; exit 7", mark.display());
    first.say(&ToAgent::Start(Box::new(backup(sh(&script)))));
    while !matches!(first.hear(), FromAgent::Progress { bytes: 2, .. }) {}
    drop(first);
    std::fs::write(&mark, "").unwrap();
    let mut second = rig.connect();
    assert_eq!(second.serve(&store).outcome, Outcome::CommandFailed { code: 7 });
    drop(second);
    // Until it is done, it is said again.
    let mut third = rig.connect();
    assert_eq!(third.state, Some(AgentState::Finished));
    assert_eq!(third.serve(&store).outcome, Outcome::CommandFailed { code: 7 });
    third.say(&ToAgent::Done);
    assert_eq!(third.end().0, 3, "the daemon has closed the connection");
    let until = Instant::now() + LONG;
    while !rig.daemons().is_empty() {
        assert!(Instant::now() < until, "the daemon does not end");
        std::thread::yield_now();
    }
    assert!(!rig.path("backup-1.sock").exists());
}

#[test]
fn two_that_connect_at_once_start_one_daemon() {
    for _ in 0..5 {
        let rig = Rig::new();
        let mut links: Vec<_> = (0..4)
            .map(|_| Link::start(&mut rig.command("backup-1", "uid")))
            .collect();
        // Each says hello; each of them is answered before the next takes its place.
        for link in &mut links {
            link.say(&hello("uid"));
            assert!(matches!(link.hear(), FromAgent::Welcome { .. }));
        }
        assert_eq!(rig.daemons().len(), 1);
    }
}

#[test]
fn the_newest_connection_wins_and_the_older_is_closed() {
    let rig = Rig::new();
    let mut first = rig.connect();
    let mut second = rig.connect();
    assert_eq!(first.end().0, 3);
    second.say(&ToAgent::Ping);
    assert_eq!(second.hear(), FromAgent::Pong);
}

#[test]
fn a_connection_for_another_run_is_closed_and_does_not_take_the_place() {
    let rig = Rig::new();
    let mut right = rig.connect();
    let mut wrong = Link::start(&mut rig.command("backup-1", "other"));
    wrong.say(&hello("other"));
    let (status, words) = wrong.end();
    assert_eq!(status, 6, "{words}");
    assert!(words.contains("another run"), "{words}");
    right.say(&ToAgent::Ping);
    assert_eq!(right.hear(), FromAgent::Pong);
}

#[test]
fn what_is_no_message_closes_the_connection_and_nothing_else() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut right = rig.connect();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0, 0, 0, 2, b'{', b'}'], &[0xff; 64]] {
        let mut raw = UnixStream::connect(rig.path("backup-1.sock")).unwrap();
        raw.set_read_timeout(Some(LONG)).unwrap();
        raw.write_all(bytes).unwrap();
        assert_eq!(raw.read(&mut [0; 1]).unwrap_or(0), 0);
    }
    right.say(&ToAgent::Start(Box::new(backup(sh("echo x")))));
    done(&right.serve(&store));
}

/// Messages that nobody reads fill the socket; the transfer goes on, and a peer that reads is served.
#[test]
fn a_peer_that_does_not_read_holds_nothing_up() {
    let (rig, store) = (Rig::new(), Store::new());
    drop(rig.connect());
    let mut deaf = UnixStream::connect(rig.path("backup-1.sock")).unwrap();
    deaf.set_write_timeout(Some(LONG)).unwrap();
    deaf.write_all(&encode(&hello("uid")).unwrap()).unwrap();
    deaf.write_all(&encode(&ToAgent::Start(Box::new(backup(sh("head -c 2000000 /dev/zero"))))).unwrap())
        .unwrap();
    let pings = encode(&ToAgent::Ping).unwrap().repeat(50_000);
    // The agent reads on: it owes no more than a few answers.
    deaf.write_all(&pings).unwrap();
    let mut right = rig.connect();
    let report = right.serve(&store);
    done(&report);
    assert!(report.peak_memory < 32 << 20);
    drop(deaf);
}

#[test]
fn connect_ends_with_its_input() {
    let rig = Rig::new();
    let mut link = rig.connect();
    drop(link.voice.lock().unwrap().take());
    assert_eq!(link.end().0, 0);
}

#[test]
fn a_daemon_that_does_not_answer_is_said_in_words() {
    let rig = Rig::new();
    // It takes connections, as a stopped process does, and says nothing.
    let _silent = UnixListener::bind(rig.path("backup-1.sock")).unwrap();
    let mut link = Link::start(&mut rig.command("backup-1", "uid"));
    link.say(&hello("uid"));
    let (status, words) = link.end();
    assert_eq!(status, 5);
    assert!(words.contains("does not answer within 5 s"), "{words}");
}

#[test]
fn a_directory_that_cannot_be_used_is_said_in_words() {
    let rig = Rig::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_agent"));
    command
        .args(["connect", "--attempt", "backup-1", "--run", "uid", "--dir"])
        .arg(rig.path("missing"));
    let (status, words) = Link::start(&mut command).end();
    assert_eq!(status, 4);
    assert!(words.contains("is its volume mounted"), "{words}");
}

#[test]
fn a_socket_that_a_killed_daemon_left_behind_does_no_harm() {
    let rig = Rig::new();
    drop(UnixListener::bind(rig.path("backup-1.sock")).unwrap());
    assert_eq!(rig.connect().state, Some(AgentState::Idle));
}

#[test]
fn what_killed_an_agent_is_told_by_the_next_which_begins_when_the_command_is_gone() {
    let rig = Rig::new();
    let mut first = rig.connect();
    assert_eq!((first.started, first.killed.as_deref()), (false, None));
    let named = rig.path("named").display().to_string();
    // In a session of its own, and as a process that names the rig's directory.
    let command = format!("setsid sh -c 'echo yes; sleep 1000 & wait' {named}");
    first.say(&ToAgent::Start(Box::new(backup(sh(&command)))));
    while !matches!(first.hear(), FromAgent::Progress { bytes, .. } if bytes > 0) {}
    let of_the_command = |words: &[String]| words.first().is_some_and(|w| w == "sh");
    assert!(!rig.processes(of_the_command).is_empty());
    // The dead one's guard is slow: the next agent is asked for before it can bury anything.
    let guards = rig.guards();
    signal(&guards, Signal::STOP);
    rig.kill_daemons();
    let mut second = Link::start(&mut rig.command("backup-1", "uid"));
    let until = Instant::now() + LONG;
    while rig.guards().len() < 2 {
        assert!(Instant::now() < until, "another agent is started");
        std::thread::yield_now();
    }
    // An agent that does not wait is there by now.
    std::thread::sleep(std::time::Duration::from_millis(200));
    signal(&guards, Signal::CONT);
    second.greet();
    assert_eq!(rig.processes(of_the_command), Vec::<i32>::new());
    assert_eq!(
        (second.state, second.started, second.killed.as_deref()),
        (Some(AgentState::Idle), true, Some("SIGKILL"))
    );
}

#[test]
fn an_agent_that_is_killed_before_it_has_work_is_followed_by_one_that_says_that_nothing_was_started() {
    let rig = Rig::new();
    drop(rig.connect());
    rig.kill_daemons();
    let next = rig.connect();
    assert_eq!((next.started, next.killed.as_deref()), (false, Some("SIGKILL")));
}

#[test]
fn a_start_that_cannot_be_noted_is_none() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut link = rig.connect();
    std::fs::create_dir(rig.path("backup-1.started")).unwrap();
    let mark = rig.path("mark");
    link.say(&ToAgent::Start(Box::new(backup(sh(&format!(
        "echo x; echo ran > {}",
        mark.display()
    ))))));
    match link.serve(&store).outcome {
        Outcome::TransferFailed { step, message } => {
            assert!(step == "start" && message.contains("backup-1.started"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert!(!mark.exists() && store.log().is_empty());
}

#[test]
fn progress_is_said_at_most_twice_a_second() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut link = rig.connect();
    let begun = Instant::now();
    link.say(&ToAgent::Start(Box::new(backup(sh(
        "for i in 1 2 3 4 5 6 7 8; do head -c 2000000 /dev/zero; sleep 0.2; done",
    )))));
    done(&link.serve(&store));
    let (seconds, said) = (begun.elapsed().as_secs_f64(), link.progress.len());
    assert!(said >= 1 && said as f64 <= 2.0 * seconds + 2.0, "{said} in {seconds} s");
    assert!(link.progress.windows(2).all(|w| w[0].0 <= w[1].0 && w[0].1 <= w[1].1));
}

#[test]
fn an_old_answer_that_comes_again_is_ignored() {
    let (rig, store) = (Rig::new(), Store::new());
    let mut link = rig.connect();
    link.say(&ToAgent::Start(Box::new(backup(sh("head -c 3000000 /dev/zero")))));
    let first = link.request();
    link.answer(&first, &store);
    for number in [1, 99] {
        let request = UrlRequest::Part {
            number,
            size: 1,
            checksum: String::new(),
        };
        link.say(&ToAgent::Url {
            request,
            url: protocol::Secret::new("http://127.0.0.1:1/".into()),
            headers: vec![].into(),
        });
    }
    done(&link.serve(&store));
    assert_eq!(store.joined().len(), 3_000_000);
}
