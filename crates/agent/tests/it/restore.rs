//! Restores: whole ones arrive, and no command takes a stream that is not whole for one that is.
use std::fs;

use super::rig::*;
use super::store::{Fault, Store};
use protocol::{Compression, Outcome, Report, UrlRequest};

const ZSTD: Compression = Compression::Zstd { level: 3 };
const GZIP: Compression = Compression::Gzip { level: 1 };

/// Copies its input and says so when that ended cleanly. Killed, it says nothing.
fn taker(rig: &Rig) -> Vec<String> {
    sh(&format!(
        "cat > {}; echo clean > {}",
        rig.path("out").display(),
        rig.path("eof").display()
    ))
}

fn taken(rig: &Rig) -> Vec<u8> {
    fs::read(rig.path("out")).unwrap_or_default()
}

/// The command must have died without seeing an end.
fn never_clean(rig: &Rig, report: &Report) {
    assert_eq!(rig.text("eof"), None, "a clean end was seen: {:?}", report.outcome);
}

fn bad(report: &Report) -> (&str, &str) {
    match &report.outcome {
        Outcome::BadObject { step, message } => (step, message),
        other => panic!("{other:?}"),
    }
}

/// Bytes as a backup with these stages stores them.
fn stored(bytes: &[u8], compression: Option<Compression>, recipients: &[&str]) -> Vec<u8> {
    let (rig, store) = (Rig::new(), Store::new());
    fs::write(rig.path("in"), bytes).unwrap();
    let mut job = with_recipients(backup(words(&["cat", rig.path("in").to_str().unwrap()])), recipients);
    job.compression = compression;
    let report = rig.run(&job, &store);
    done(&report);
    assert_eq!(report.bytes, bytes.len() as u64);
    let object = store.object().unwrap_or_else(|| store.joined());
    assert_eq!(report.sha256, sha256(&object));
    object
}

#[test]
fn what_was_backed_up_is_restored_with_every_kind_of_stages() {
    let bytes = [noise(2_000_000), vec![b'a'; 3_000_000]].concat();
    let (public, secret) = (include_str!("keys/ed25519.pub"), include_str!("keys/ed25519"));
    for compression in [None, Some(GZIP), Some(ZSTD)] {
        for encrypted in [false, true] {
            let recipients = if encrypted { vec![public] } else { vec![] };
            let (rig, store) = (Rig::new(), Store::with_object(stored(&bytes, compression, &recipients)));
            let mut job = restore(taker(&rig), &store);
            job.compression = compression;
            if encrypted {
                job = with_identity(job, secret);
            }
            let report = rig.run(&job, &store);
            done(&report);
            assert!(taken(&rig) == bytes, "{compression:?} {encrypted}");
            assert_eq!(
                (report.bytes, rig.text("eof").as_deref()),
                (bytes.len() as u64, Some("clean\n"))
            );
            assert_eq!(report.sha256, sha256(&store.object().unwrap()));
        }
    }
}

#[test]
fn a_download_that_breaks_goes_on_where_it_was() {
    let bytes = noise(3_000_000);
    let (rig, store) = (Rig::new(), Store::with_object(bytes.clone()));
    store.fail(&[
        Fault::Answer(503, "SlowDown", ""),
        Fault::CutAfter(1_000_000),
        Fault::Drop,
        Fault::Answer(403, "AccessDenied", "Request has expired"),
        Fault::CutAfter(1_000_000),
        Fault::RangeAs200,
    ]);
    let mut link = rig.connect();
    link.say(&protocol::ToAgent::Start(Box::new(restore(taker(&rig), &store))));
    done(&link.serve(&store));
    assert!(taken(&rig) == bytes);
    let numbers: Vec<_> = link
        .requests
        .iter()
        .map(|r| matches!(r, UrlRequest::Get { .. }))
        .collect();
    assert!(
        numbers.len() >= 3 && numbers.iter().all(|get| *get),
        "{:?}",
        link.requests
    );
    let ranges: Vec<_> = store
        .log()
        .iter()
        .filter_map(|l| l.split(' ').nth(2).map(ToString::to_string))
        .collect();
    assert_eq!(ranges.first().map(String::as_str), Some("bytes=0-"));
    assert_eq!(ranges.last().map(String::as_str), Some("bytes=2000000-"));
}

#[test]
fn an_object_that_is_cut_flipped_or_longer_never_ends_cleanly() {
    let bytes = [noise(1_500_000), vec![b'a'; 4_000_000]].concat();
    for compression in [None, Some(GZIP), Some(ZSTD)] {
        let whole = stored(&bytes, compression, &[]);
        let mut flipped = whole.clone();
        let at = flipped.len() - 10;
        flipped[at] ^= 1;
        let cut = whole[..whole.len() - 1].to_vec();
        let longer = [&whole[..], b"x"].concat();
        for (name, object) in [("flipped", flipped), ("cut", cut), ("longer", longer)] {
            let (rig, store) = (Rig::new(), Store::with_object(whole.clone()));
            let mut job = restore(taker(&rig), &store);
            job.compression = compression;
            store.set_object(object);
            let report = rig.run(&job, &store);
            let (step, message) = bad(&report);
            assert!(
                ["hash", "size", "decompress"].contains(&step),
                "{name}: {step} {message}"
            );
            never_clean(&rig, &report);
        }
    }
}

/// Where neither size nor hash are known from before (a restore of a foreign object), the formats still see it.
#[test]
fn a_foreign_object_that_is_cut_is_seen_by_its_format() {
    let whole = stored(&noise(2_000_000), Some(ZSTD), &[]);
    let (rig, store) = (Rig::new(), Store::with_object(whole[..1_000_000].to_vec()));
    let mut job = with_compression(restore(taker(&rig), &store), ZSTD);
    if let protocol::Action::Restore { sha256, .. } = &mut job.action {
        *sha256 = None;
    }
    let report = rig.run(&job, &store);
    assert_eq!(bad(&report).0, "decompress");
    never_clean(&rig, &report);
}

#[test]
fn a_cut_between_two_gzip_members_is_seen_by_the_hash() {
    let whole = stored(&noise(2_000_000), Some(GZIP), &[]);
    let mut first = flate_member(&whole);
    first.truncate(first.len());
    let (rig, store) = (Rig::new(), Store::with_object(first));
    let mut job = with_compression(restore(taker(&rig), &store), GZIP);
    if let protocol::Action::Restore { sha256: want, .. } = &mut job.action {
        *want = Some(sha256(&whole));
    }
    let report = rig.run(&job, &store);
    assert_eq!(bad(&report).0, "hash");
    never_clean(&rig, &report);
}

/// The first member: up to where the second one's header is.
fn flate_member(whole: &[u8]) -> Vec<u8> {
    let header = &whole[..10];
    let at = (1..whole.len() - 10).find(|at| &whole[*at..at + 10] == header).unwrap();
    whole[..at].to_vec()
}

/// What `zstd --long=31` made of a pipe.
const LONG_WINDOW: &[u8] = include_bytes!("../../../pipeline/tests/foreign/zstd-long-31");

#[test]
fn a_window_is_taken_where_the_run_allows_it_and_else_told_before_the_command_starts() {
    for (allowed, taken_whole) in [(27, false), (31, true)] {
        let (rig, store) = (Rig::new(), Store::with_object(LONG_WINDOW.to_vec()));
        let mut job = with_compression(restore(taker(&rig), &store), ZSTD);
        if let protocol::Action::Restore { window_log, .. } = &mut job.action {
            *window_log = Some(allowed);
        }
        let report = rig.run(&job, &store);
        if taken_whole {
            done(&report);
            assert_eq!(taken(&rig).len(), 3_000_000);
            // 2 GiB are allowed, and nothing of them is touched that is not used.
            assert!(report.peak_memory < 64 << 20, "{}", report.peak_memory);
        } else {
            let (step, message) = bad(&report);
            assert_eq!(step, "decompress");
            assert!(message.contains("set spec.compression.windowLog: 31"), "{message}");
            assert_eq!(rig.text("out"), None, "the command was started");
        }
    }
}

/// What `age -a -p` made, with the passphrase beside it.
const TYPED: (&[u8], &str) = (
    include_bytes!("../../../pipeline/tests/foreign/age-passphrase-armored"),
    include_str!("../../../pipeline/tests/foreign/keys/passphrase"),
);

#[test]
fn a_passphrase_opens_what_was_encrypted_with_it_and_is_no_identity() {
    for said in [true, false] {
        let (rig, store) = (Rig::new(), Store::with_object(TYPED.0.to_vec()));
        let mut job = with_identity(with_compression(restore(taker(&rig), &store), ZSTD), TYPED.1);
        if let protocol::Action::Restore { passphrase, .. } = &mut job.action {
            *passphrase = said;
        }
        let report = rig.run(&job, &store);
        if said {
            done(&report);
            assert_eq!(taken(&rig).len(), 3_000_000);
        } else {
            let (step, message) = bad(&report);
            assert!(step == "decrypt" && message.contains("type: Passphrase"), "{message}");
            assert!(!message.contains("horse"), "{message}");
        }
    }
}

#[test]
fn a_wrong_passphrase_says_nothing_of_the_object_and_never_starts_the_command() {
    let (rig, store) = (Rig::new(), Store::with_object(TYPED.0.to_vec()));
    let mut job = with_identity(with_compression(restore(taker(&rig), &store), ZSTD), "incorrect horse");
    if let protocol::Action::Restore { passphrase, .. } = &mut job.action {
        *passphrase = true;
    }
    let report = rig.run(&job, &store);
    let (step, message) = bad(&report);
    assert!(
        step == "decrypt" && message.starts_with("the passphrase is not the one"),
        "{message}"
    );
    assert!(report.outcome.is_closed(), "{message}");
    assert!(!rig.path("out").exists(), "the command ran");
}

#[test]
fn a_command_that_gets_a_packed_object_as_it_is_has_it_named() {
    let zstd = stored(b"hello", Some(ZSTD), &[]);
    for (object, compression, packed) in [
        (zstd.clone(), None, Some("zstd")),
        (b"age-encryption.org/v1\n".to_vec(), None, Some("age")),
        (zstd, Some(ZSTD), None),
        (b"hello".to_vec(), None, None),
    ] {
        let (rig, store) = (Rig::new(), Store::with_object(object));
        let mut job = restore(taker(&rig), &store);
        job.compression = compression;
        let report = rig.run(&job, &store);
        // A command that takes it is none the worse for it: the operator tells of it where one failed.
        done(&report);
        assert_eq!(report.packed.as_deref(), packed);
    }
}

#[test]
fn a_wrong_key_never_starts_the_command() {
    let object = stored(b"secret", None, &[include_str!("keys/ed25519.pub")]);
    for (identity, word) in [
        (
            "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33",
            "none of those",
        ),
        ("hello", "line 1: not an age identity"),
        ("", "the key is empty"),
    ] {
        let (rig, store) = (Rig::new(), Store::with_object(object.clone()));
        let report = rig.run(&with_identity(restore(taker(&rig), &store), identity), &store);
        let (step, message) = bad(&report);
        assert!(step == "decrypt" && message.contains(word), "{step}: {message}");
        assert!(!rig.path("out").exists(), "the command ran");
    }
}

#[test]
fn a_header_that_has_rotted_is_no_wrong_key_where_the_hash_is_known_and_never_starts_the_command() {
    let object = stored(&noise(2_000_000), None, &[include_str!("keys/ed25519.pub")]);
    let mut rotten = object.clone();
    // In the tag that says whose key the stanza is for, or in the share behind it: either way the key does not fit.
    let line = b"-> ssh-ed25519 ";
    let tag = rotten.windows(line.len()).position(|found| found == line).unwrap() + line.len();
    let at = (tag..).find(|at| (rotten[*at] ^ 1).is_ascii_alphanumeric()).unwrap();
    rotten[at] ^= 1;
    for (known, step, words) in [
        (true, "hash", "the stored object is damaged: its SHA-256 differs"),
        (false, "decrypt", "or its header is damaged: no SHA-256"),
    ] {
        let (rig, store) = (Rig::new(), Store::with_object(object.clone()));
        let mut job = with_identity(restore(taker(&rig), &store), include_str!("keys/ed25519"));
        if let protocol::Action::Restore { sha256, .. } = &mut job.action {
            *sha256 = sha256.take().filter(|_| known);
        }
        store.set_object(rotten.clone());
        let report = rig.run(&job, &store);
        let (seen, message) = bad(&report);
        assert!(seen == step && message.contains(words), "{seen}: {message}");
        assert_eq!(report.outcome.is_closed(), !known, "{message}");
        assert!(!rig.path("out").exists(), "the command ran");
    }
}

#[test]
fn an_object_that_was_replaced_or_is_gone_is_said_in_words() {
    let object = noise(100_000);
    for (fault, step, word) in [
        (Fault::Answer(412, "PreconditionFailed", ""), "etag", "replaced"),
        (Fault::Etag("another"), "etag", "replaced"),
        (Fault::Answer(416, "InvalidRange", ""), "size", "shorter"),
    ] {
        let (rig, store) = (Rig::new(), Store::with_object(object.clone()));
        store.fail(&[fault]);
        let report = rig.run(&restore(taker(&rig), &store), &store);
        let (seen, message) = bad(&report);
        assert!(seen == step && message.contains(word), "{seen}: {message}");
    }
    let (rig, store) = (Rig::new(), Store::with_object(object));
    store.fail(&[Fault::Answer(404, "NoSuchKey", "not here")]);
    match rig.run(&restore(taker(&rig), &store), &store).outcome {
        Outcome::TransferFailed { step, message } => {
            assert_eq!(
                (step.as_str(), message.contains("NoSuchKey: not here")),
                ("download at 0", true)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_object_that_is_replaced_in_mid_restore_kills_the_command() {
    let (rig, store) = (Rig::new(), Store::with_object(noise(3_000_000)));
    store.fail(&[Fault::CutAfter(2_000_000), Fault::Etag("another")]);
    let report = rig.run(&restore(taker(&rig), &store), &store);
    assert_eq!(bad(&report).0, "etag");
    never_clean(&rig, &report);
}

#[test]
fn a_command_that_reads_nothing_or_not_all_is_told_from_one_that_fails() {
    let object = noise(3_000_000);
    let run = |script: &str| {
        let (rig, store) = (Rig::new(), Store::with_object(object.clone()));
        rig.run(&restore(sh(script), &store), &store).outcome
    };
    assert!(matches!(run("exit 0"), Outcome::InputNotRead { left } if left > 0));
    assert!(matches!(run("head -c 1000000 >/dev/null"), Outcome::InputNotRead { left } if left > 0));
    assert_eq!(run("head -c 10 >/dev/null; exit 4"), Outcome::CommandFailed { code: 4 });
    assert_eq!(run("cat >/dev/null; exit 5"), Outcome::CommandFailed { code: 5 });
    assert_eq!(run("cat >/dev/null"), Outcome::Done);
    // All that is needed was read, the rest of the work takes its time.
    assert_eq!(run("cat >/dev/null; sleep 1"), Outcome::Done);
}

#[test]
fn a_small_object_that_stays_in_the_pipe_was_not_read() {
    let (rig, store) = (Rig::new(), Store::with_object(b"hello".to_vec()));
    let report = rig.run(&restore(sh("exit 0"), &store), &store);
    assert_eq!(report.outcome, Outcome::InputNotRead { left: 5 });
}

#[test]
fn a_command_that_exits_at_once_is_fine_where_there_is_nothing_to_read() {
    for compression in [None, Some(ZSTD)] {
        let rig = Rig::new();
        let store = Store::with_object(match compression {
            None => vec![],
            Some(_) => stored_empty(),
        });
        let mut job = restore(sh("exit 0"), &store);
        job.compression = compression;
        done(&rig.run(&job, &store));
    }
}

fn stored_empty() -> Vec<u8> {
    let (rig, store) = (Rig::new(), Store::new());
    let mut job = with_compression(backup(words(&["true"])), ZSTD);
    if let protocol::Action::Backup { allow_empty, .. } = &mut job.action {
        *allow_empty = true;
    }
    done(&rig.run(&job, &store));
    store.object().unwrap()
}

#[test]
fn a_restore_is_good_only_when_all_that_it_started_has_ended() {
    let object = noise(3_000_000);
    for script in [
        // Reads on after the leader's end, and for longer than its output would be waited for in a backup.
        "exec 3<&0; (sleep 6; cat <&3 > OUT) & exit 0",
        // Everything was read, but not yet applied.
        "cat > OUT.read; (sleep 1; cat OUT.read > OUT) & exit 0",
        // In a session of its own, and without a parent.
        "cat > OUT.read; (setsid sh -c 'sleep 1; cat OUT.read > OUT' &) ; exit 0",
    ] {
        let (rig, store) = (Rig::new(), Store::with_object(object.clone()));
        let script = script.replace("OUT", rig.path("out").to_str().unwrap());
        done(&rig.run(&restore(sh(&script), &store), &store));
        assert!(taken(&rig) == object, "{script}: it was not waited for");
    }
}

#[test]
fn a_restore_whose_command_leaves_something_that_never_ends_fails_at_its_deadline_and_names_it() {
    let (rig, store) = (Rig::new(), Store::with_object(noise(3_000_000)));
    let script = format!(
        "cat >/dev/null; (cat {}; exec sleep 600) & exit 0",
        rig.path("none").display()
    );
    let mut job = restore(sh(&script), &store);
    job.deadline_seconds = Some(10);
    let report = rig.run(&job, &store);
    let Outcome::LeftRunning { processes, seconds } = &report.outcome else {
        panic!("{:?}", report.outcome)
    };
    assert!(
        processes.starts_with("sleep (pid ") && !processes.contains(','),
        "{processes}"
    );
    // A moment is given even where the deadline is over before.
    assert!((5..60).contains(seconds), "{seconds}");
    let pid = processes.trim_start_matches("sleep (pid ").trim_end_matches(')');
    assert!(
        !fs::exists(format!("/proc/{pid}/cwd")).unwrap_or(false),
        "{pid} lives on"
    );
}

#[test]
fn a_descendant_in_a_session_of_its_own_sees_no_clean_end_either() {
    let (rig, store) = (Rig::new(), Store::with_object(noise(3_000_000)));
    store.fail(&[Fault::CutAfter(2_000_000), Fault::Answer(404, "NoSuchKey", "")]);
    let eof = rig.path("eof");
    let script = format!(
        "setsid sh -c 'cat > {}; echo clean > {}'",
        rig.path("out").display(),
        eof.display()
    );
    let report = rig.run(&restore(sh(&script), &store), &store);
    assert!(
        matches!(report.outcome, Outcome::TransferFailed { .. }),
        "{:?}",
        report.outcome
    );
    never_clean(&rig, &report);
}

#[test]
fn a_deadline_and_a_cancel_never_end_the_input_cleanly() {
    let slow = |rig: &Rig| {
        // Ignores TERM and reads on: only its death keeps it from the end.
        let (out, eof) = (rig.path("out"), rig.path("eof"));
        sh(&format!(
            "trap '' TERM; sleep 3; cat > {}; echo clean > {}",
            out.display(),
            eof.display()
        ))
    };
    let (rig, store) = (Rig::new(), Store::with_object(noise(3_000_000)));
    let mut job = restore(slow(&rig), &store);
    job.deadline_seconds = Some(1);
    let report = rig.run(&job, &store);
    assert_eq!(report.outcome, Outcome::DeadlineExceeded { seconds: 1 });
    never_clean(&rig, &report);

    let (rig, store) = (Rig::new(), Store::with_object(noise(3_000_000)));
    let mut link = rig.connect();
    link.say(&protocol::ToAgent::Start(Box::new(restore(slow(&rig), &store))));
    let request = link.request();
    link.answer(&request, &store);
    link.say(&protocol::ToAgent::Cancel {
        reason: "deleted".into(),
        grace_seconds: 1,
    });
    let report = link.serve(&store);
    assert_eq!(
        report.outcome,
        Outcome::Cancelled {
            reason: "deleted".into()
        }
    );
    never_clean(&rig, &report);
}

#[test]
fn what_a_restore_prints_goes_to_the_log_and_the_report() {
    let (rig, store) = (Rig::new(), Store::with_object(b"x".to_vec()));
    let report = rig.run(&restore(sh("cat >/dev/null; echo out; echo err >&2"), &store), &store);
    done(&report);
    assert_eq!(
        (report.stderr.as_str(), rig.text("log").as_deref()),
        ("out\nerr\n", Some("out\nerr\n"))
    );
}

#[test]
fn an_agent_that_is_killed_ends_no_input_and_its_command_dies_with_it() {
    let (rig, store) = (Rig::new(), Store::with_object(noise(3_000_000)));
    store.fail(&[Fault::CutAfter(2_000_000), Fault::Answer(503, "SlowDown", "")]);
    // It reads in a session of its own. A shell gives what it runs in the background an empty input, unless told another.
    let away = format!("exec 3<&0; setsid sh -c '{}' <&3 & wait", taker(&rig).remove(2));
    let mut link = rig.connect();
    link.say(&protocol::ToAgent::Start(Box::new(restore(sh(&away), &store))));
    let request = link.request();
    link.answer(&request, &store);
    // The next one waits for its answer, and the command, which has read something, for the rest.
    link.request();
    let until = std::time::Instant::now() + LONG;
    while taken(&rig).len() < 1_000_000 {
        assert!(std::time::Instant::now() < until, "the command reads its input");
        std::thread::yield_now();
    }
    rig.kill_daemons();
    let until = std::time::Instant::now() + LONG;
    let mine = link.child.id() as i32;
    while rig.processes(|_| true).iter().any(|pid| *pid != mine) {
        assert!(
            std::time::Instant::now() < until && rig.text("eof").is_none(),
            "what the command started lives on: {:?}",
            rig.text("eof")
        );
        std::thread::yield_now();
    }
    assert_eq!(rig.text("eof"), None, "a clean end was seen");
}

#[test]
fn an_agent_that_is_killed_with_a_large_window_leaves_word_of_it() {
    let long = include_bytes!("../../../pipeline/tests/foreign/zstd-long-27");
    for (object, window) in [
        (long.to_vec(), Some(128 << 20)),
        (stored(&noise(3_000_000), Some(ZSTD), &[]), None),
    ] {
        let (rig, store) = (Rig::new(), Store::with_object(object));
        let job = with_compression(
            restore(sh("head -c 1 >/dev/null; echo begun; sleep 1000"), &store),
            ZSTD,
        );
        let mut link = rig.connect();
        link.say(&protocol::ToAgent::Start(Box::new(job)));
        let request = link.request();
        link.answer(&request, &store);
        let until = std::time::Instant::now() + LONG;
        while !rig.text("log").is_some_and(|log| log.contains("begun")) {
            assert!(std::time::Instant::now() < until, "the command has read something");
            std::thread::yield_now();
        }
        rig.kill_daemons();
        let next = rig.connect();
        assert_eq!((next.killed.as_deref(), next.window), (Some("SIGKILL"), window));
    }
}
