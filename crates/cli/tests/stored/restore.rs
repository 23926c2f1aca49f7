//! `restore-offline`: whole backups arrive, and no command takes one that is not whole for one that is.
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use servers::{Cut, Line, Shape};

use super::bucket::*;

/// Copies its input and says so when that ended cleanly. Killed, it says nothing.
const TAKER: [&str; 4] = ["--", "sh", "-c", "cat > out; echo clean > eof"];
/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn restore(bucket: &Bucket, path: &str, flags: &[&str]) -> Ran {
    bucket.run("restore-offline", &[&["--path", path], flags, &TAKER[..]].concat())
}

#[test]
fn what_was_stored_is_restored_with_every_kind_of_stages_and_the_command_keeps_its_words() {
    let bucket = Bucket::new();
    let bytes = noise(3_000_000);
    for (name, compression) in [("none", None), ("gzip", GZIP), ("zstd", ZSTD)] {
        for encrypted in [false, true] {
            let object = stored(&bytes, compression, encrypted);
            bucket.put("db", &object);
            let hash = sha256(&object);
            let mut flags = vec!["--compression", name, "--sha256", &hash];
            if encrypted {
                flags.extend(["--identity", IDENTITY]);
            }
            let ran = restore(&bucket, "db", &flags);
            let said = ran.err.clone();
            assert!(ran.good().is_empty(), "standard output is the command's");
            assert!(said.contains(&hash) && said.contains("daily/db"), "{said}");
            assert!(fs::read(bucket.path("out")).unwrap() == bytes, "{name} {encrypted}");
            assert_eq!(bucket.text("eof").as_deref(), Some("clean\n"));
            fs::remove_file(bucket.path("eof")).unwrap();
        }
    }
    let words = ["--path", "db", "--compression", "zstd", "--identity", IDENTITY];
    let command = ["--", "sh", "-c", "cat >/dev/null; echo printed; echo erred >&2"];
    let ran = bucket.run("restore-offline", &[&words[..], &command].concat());
    assert!(ran.err.contains("erred"), "{ran:?}");
    assert_eq!(ran.good(), "printed\n");
}

#[test]
fn an_object_that_is_cut_or_flipped_kills_the_command_before_its_input_can_end() {
    let bucket = Bucket::new();
    let bytes = noise(3_000_000);
    for (name, compression) in [("none", None), ("gzip", GZIP), ("zstd", ZSTD)] {
        let whole = stored(&bytes, compression, false);
        let hash = sha256(&whole);
        let mut flipped = whole.clone();
        let at = flipped.len() - 10;
        flipped[at] ^= 1;
        let cut = whole[..whole.len() - 1].to_vec();
        for (how, object) in [("flipped", flipped), ("cut", cut)] {
            bucket.put("db", &object);
            let err = restore(&bucket, "db", &["--compression", name, "--sha256", &hash]).bad();
            assert!(
                err.contains("no command has taken it for complete"),
                "{how} {name}: {err}"
            );
            assert!(err.contains("\ntry: "), "{err}");
            assert_eq!(bucket.text("eof"), None, "a clean end was seen: {how} {name}");
        }
    }
    // Where nobody knows a hash, the formats see it.
    let whole = stored(&bytes, ZSTD, true);
    bucket.put_without_hash("db", &whole[..whole.len() / 2]);
    let err = restore(&bucket, "db", &["--compression", "zstd", "--identity", IDENTITY]).bad();
    assert!(err.contains("no command has taken it for complete"), "{err}");
    assert_eq!(bucket.text("eof"), None);
}

#[test]
fn what_cannot_be_opened_never_starts_the_command_and_names_the_cure() {
    let bucket = Bucket::new();
    let object = stored(b"secret", ZSTD, true);
    bucket.put("db", &object);
    bucket.put("gz", &stored(b"hello", GZIP, false));
    let other = "0".repeat(64);
    for (path, flags, words) in [
        (
            "db",
            &["--compression", "zstd", "--identity", OTHER][..],
            "none of those",
        ),
        ("db", &[], "--identity"),
        ("db", &["--identity", IDENTITY], "--compression zstd"),
        ("db", &["--identity", "storage.yaml"], "not an age identity"),
        ("gz", &[], "add --compression gzip where the operator did"),
        ("gz", &["--compression", "zstd"], "(here it is --compression)"),
        ("none", &[], "there is no object \"daily/none\""),
        (
            "gz",
            &["--version-id", "3f0c4a5e-1111-2222-3333-444455556666"],
            "of version",
        ),
    ] {
        let err = restore(&bucket, path, flags).bad();
        assert!(
            err.contains(words) && err.contains("\ntry: "),
            "{path} {flags:?}: {err}"
        );
        assert_eq!(bucket.files(), [""; 0], "the command ran: {path} {flags:?}");
    }
    // Known to be another one, by its last byte: the command has run, and has seen no end.
    let err = restore(&bucket, "gz", &["--compression", "gzip", "--sha256", &other]).bad();
    assert!(err.contains("(hash)") && bucket.text("eof").is_none(), "{err}");
    // What the command itself has packed it gets back.
    restore(&bucket, "gz", &["--compression", "none"]).good();
    assert_eq!(fs::read(bucket.path("out")).unwrap(), stored(b"hello", GZIP, false));
}

#[test]
fn a_version_that_was_overwritten_since_is_restored_by_its_id() {
    let bucket = Bucket::new();
    assert!(bucket.running.keep_versions("backups"));
    bucket.put("db", b"first");
    let version = bucket.version("db");
    bucket.put("db", b"second");
    restore(&bucket, "db", &["--version-id", &version]).good();
    assert_eq!(bucket.text("out").as_deref(), Some("first"));
    restore(&bucket, "db", &[]).good();
    assert_eq!(bucket.text("out").as_deref(), Some("second"));
}

#[test]
fn a_record_says_all_of_an_object_and_proves_nothing_by_itself() {
    let bucket = Bucket::new();
    let bytes = noise(1_000_000);
    let object = stored(&bytes, ZSTD, true);
    bucket.put_without_hash("db", &object);
    let key = bucket.record("db", &object, Some("zstd"), true);
    let run = |record: &str, more: &[&str]| {
        let words = [&["--record", record], more, &TAKER[..]].concat();
        bucket.run("restore-offline", &words)
    };
    for record in ["record.json", &key] {
        run(record, &["--identity", IDENTITY]).good();
        assert!(fs::read(bucket.path("out")).unwrap() == bytes, "{record}");
        fs::remove_file(bucket.path("eof")).unwrap();
    }
    fs::remove_file(bucket.path("out")).unwrap();
    let err = run("record.json", &[]).bad();
    assert!(err.contains("--identity"), "{err}");
    let err = run("storage.yaml", &[]).bad();
    assert!(err.contains("the record cannot be read"), "{err}");
    let err = run("no.json", &[]).bad();
    assert!(err.contains(".backup-operator/records/NAMESPACE"), "{err}");
    // Another object of the same size, which its format takes for whole.
    let mut forged = stored(&bytes, None, false);
    bucket.put_without_hash("db", &forged);
    bucket.record("db", &forged, None, false);
    forged[7] ^= 1;
    bucket.put_without_hash("db", &forged);
    let err = run("record.json", &[]).bad();
    assert!(err.contains("(hash)") && bucket.text("eof").is_none(), "{err}");
    bucket.put_without_hash("db", &forged[1..]);
    let err = run("record.json", &[]).bad();
    assert!(err.contains("it was replaced or cut"), "{err}");
}

#[test]
fn a_connection_that_breaks_is_taken_up_again_where_it_was() {
    let bucket = Bucket::new();
    let bytes = noise(6_000_000);
    bucket.put("db", &bytes);
    // The look at the object goes over the first connection.
    let cut = Cut::of(&bucket.running.address, 1, 2_000_000);
    bucket.lead_to(&cut.address);
    restore(&bucket, "db", &["--sha256", &sha256(&bytes)]).good();
    assert!(fs::read(bucket.path("out")).unwrap() == bytes);
    assert!(cut.connections() > 2, "nothing was cut");
}

#[test]
fn a_command_that_does_not_take_all_or_ends_badly_is_no_restore() {
    let bucket = Bucket::new();
    bucket.put("db", &noise(3_000_000));
    let run = |words: &[&str]| {
        bucket
            .run("restore-offline", &[&["--path", "db", "--"], words].concat())
            .bad()
    };
    for (script, words) in [
        ("exit 0", "unread"),
        ("head -c 1000 >/dev/null", "unread"),
        ("cat >/dev/null; exit 5", "ended with status 5"),
        ("cat >/dev/null; kill -9 $$", "killed by SIGKILL"),
    ] {
        let err = run(&["sh", "-c", script]);
        assert!(err.contains(words), "{script}: {err}");
    }
    let err = run(&["/no/such/program"]);
    assert!(err.contains("is not found here"), "{err}");
    let err = bucket
        .run(
            "restore-offline",
            &[
                "--path",
                "db",
                "--deadline",
                "1",
                "--",
                "sh",
                "-c",
                "cat >/dev/null; sleep 60",
            ],
        )
        .bad();
    assert!(err.contains("stopped after 1 s"), "{err}");
}

/// Whatever ends the program in the middle, no command sees an end: the signal of whoever waits for it, and the kernel's for either of its
/// two processes.
#[test]
fn a_program_that_is_ended_in_the_middle_kills_the_command_first() {
    let bucket = Bucket::new();
    bucket.put("db", &noise(20_000_000));
    // So slow that it lasts: 20 MB take 40 s.
    let shape = Shape {
        delay: Duration::ZERO,
        rate: 500_000,
        each: 500_000,
    };
    let line = Line::to(&bucket.running.address, shape);
    bucket.lead_to(&line.address);
    let mark = bucket.dir.path().to_string_lossy().into_owned();
    for (whom, signal) in [
        ("first", Signal::TERM),
        ("first", Signal::INT),
        ("second", Signal::KILL),
        ("first", Signal::KILL),
        ("first", Signal::ALARM),
        // As a terminal's keys and `timeout` do.
        ("group", Signal::KILL),
        ("group", Signal::ALARM),
        ("group", Signal::INT),
        ("group", Signal::USR1),
    ] {
        let mut child = bucket
            .command("restore-offline", &[&["--path", "db"], &TAKER[..]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        until("the command takes something", || {
            fs::metadata(bucket.path("out")).is_ok_and(|out| out.len() > 0)
        });
        let pid = match whom {
            "first" | "group" => Pid::from_child(&child),
            _ => {
                let of = processes(&mark)
                    .into_iter()
                    .find(|(_, words)| words.iter().any(|w| w == "--guarded"));
                Pid::from_raw(of.unwrap().0).unwrap()
            }
        };
        match whom {
            "group" => kill_process_group(pid, signal).unwrap(),
            _ => kill_process(pid, signal).unwrap(),
        }
        let status = child.wait().unwrap();
        assert!(!status.success(), "{whom} {signal:?}");
        until("all that was started is gone", || {
            processes(&mark).is_empty() && takers(&bucket) == 0
        });
        assert_eq!(bucket.text("eof"), None, "a clean end was seen: {whom} {signal:?}");
        fs::remove_file(bucket.path("out")).unwrap();
    }
}

fn until(what: &str, seen: impl Fn() -> bool) {
    let end = Instant::now() + LONG;
    while !seen() {
        assert!(Instant::now() < end, "not seen in time: {what}");
        std::thread::yield_now();
    }
}

/// Living processes with that word among their arguments.
fn processes(mark: &str) -> Vec<(i32, Vec<String>)> {
    let of = |entry: fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<_> = line
            .split(|b| *b == 0)
            .map(|w| String::from_utf8_lossy(w).into_owned())
            .collect();
        words.iter().any(|w| w.contains(mark)).then_some((pid, words))
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(of).collect()
}

/// Living processes that work in the bucket's folder.
fn takers(bucket: &Bucket) -> usize {
    let here = bucket.dir.path().canonicalize().unwrap();
    let works = |entry: fs::DirEntry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == here);
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|e| e.file_name().to_str() != Some(&own))
        .filter_map(|e| works(e).then_some(()))
        .count()
}
