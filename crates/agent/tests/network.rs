//! How fast the agent is over a network: `make bench-network` prints the table of docs/reference/performance.md. Nothing is asserted.
//!
//! The store is a real MinIO behind a line of `servers::Line`; the operator is played. With another build of the agent both are
//! measured in turns, so that whatever else the machine does meets both.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unused_imports
)]
#[path = "it/real.rs"]
mod real;
#[path = "it/rig.rs"]
mod rig;
#[path = "it/store.rs"]
mod store;

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use protocol::{Action, Compression, Job, Outcome};
use real::{Real, back, real_parts};
use rig::{Rig, backup, noise, sh, with_identity, with_recipients, words};
use servers::{Line, Shape};

const MIB: u64 = 1 << 20;
const DELAY: Duration = Duration::from_millis(25);
const MEGABYTES: u64 = 1_000_000;
/// The lines to the store; None: the loopback.
const LINES: [(&str, Option<Shape>); 3] = [
    ("loopback", None),
    (
        "50 ms, 1 Gbit/s",
        Some(Shape {
            delay: DELAY,
            rate: 125 * MEGABYTES,
            each: 125 * MEGABYTES,
        }),
    ),
    (
        "50 ms, 60 MB/s a connection",
        Some(Shape {
            delay: DELAY,
            rate: 625 * MEGABYTES,
            each: 60 * MEGABYTES,
        }),
    ),
];

/// What is stored, and how.
struct Work {
    name: &'static str,
    sql: bool,
    compression: Option<Compression>,
    encrypted: bool,
}

const ZSTD: Option<Compression> = Some(Compression::Zstd { level: 3 });
const WORKS: [Work; 3] = [
    Work {
        name: "random bytes",
        sql: false,
        compression: None,
        encrypted: false,
    },
    Work {
        name: "SQL text, zstd 3",
        sql: true,
        compression: ZSTD,
        encrypted: false,
    },
    Work {
        name: "SQL text, zstd 3, age",
        sql: true,
        compression: ZSTD,
        encrypted: true,
    },
];

/// A number of the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Text like a dump's: names and numbers in rows, which zstd makes some four times smaller.
fn sql(path: &Path, bytes: u64) {
    const NAMES: [&str; 8] = [
        "Ada", "Grace", "Edsger", "Barbara", "Donald", "Frances", "Alan", "Radia",
    ];
    let mut file = BufWriter::new(File::create(path).unwrap());
    let (mut written, mut row, mut seed) = (0u64, 0u64, 0x9e37_79b9_7f4a_7c15_u64);
    while written < bytes {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        row += 1;
        let line = format!(
            "INSERT INTO orders VALUES ({row},'{}','{:08x}@example.org',{}.{:02},'2026-{:02}-{:02} {:02}:{:02}:00','open');\n",
            NAMES[(seed % 8) as usize],
            seed >> 32,
            seed % 5000,
            (seed >> 13) % 100,
            1 + (seed >> 20) % 12,
            1 + (seed >> 24) % 28,
            (seed >> 29) % 24,
            (seed >> 34) % 60
        );
        file.write_all(line.as_bytes()).unwrap();
        written += line.len() as u64;
    }
}

/// Bytes a second that a line carries when nothing but the line is in the way, over so many connections.
fn line_alone(connections: usize) -> f64 {
    const BYTES: usize = 512 << 20;
    let sink = TcpListener::bind("127.0.0.1:0").unwrap();
    let shape = Shape {
        delay: DELAY,
        rate: u64::MAX / 2,
        each: u64::MAX / 2,
    };
    let line = Line::to(&sink.local_addr().unwrap().to_string(), shape);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut near = TcpStream::connect(&line.address).unwrap();
                let piece = vec![7; 256 << 10];
                for _ in 0..BYTES / connections / piece.len() {
                    near.write_all(&piece).unwrap();
                }
            });
            scope.spawn(|| {
                let (mut far, _) = sink.accept().unwrap();
                let mut piece = vec![0; 256 << 10];
                while far.read(&mut piece).unwrap() > 0 {}
            });
        }
    });
    BYTES as f64 / begun.elapsed().as_secs_f64()
}

/// One transfer: megabytes of the command a second, and the agent's peak in MiB.
#[derive(Clone, Copy)]
struct Seen {
    speed: f64,
    peak: u64,
}

fn measure(real: &Real, program: &Path, job: Job) -> (Seen, protocol::Report) {
    let rig = Rig::of(program);
    let begun = Instant::now();
    let (report, upload) = real.serve(&rig, job, None);
    let seconds = begun.elapsed().as_secs_f64();
    assert_eq!(report.outcome, Outcome::Done, "{}", report.stderr);
    if let Some(upload) = upload {
        real.complete(&upload, &report);
    }
    let seen = Seen {
        speed: report.bytes as f64 / MEGABYTES as f64 / seconds,
        peak: report.peak_memory / MIB,
    };
    (seen, report)
}

/// The median by speed, and the slowest and the fastest.
fn middle(mut all: Vec<Seen>) -> (Seen, f64, f64) {
    all.sort_by(|a, b| a.speed.total_cmp(&b.speed));
    let peak = all.iter().map(|seen| seen.peak).max().unwrap();
    let speed = all[all.len() / 2].speed;
    (Seen { speed, peak }, all[0].speed, all[all.len() - 1].speed)
}

/// Measures all builds in turns, and prints a row.
fn row(name: &str, line: &str, programs: &[PathBuf], mut once: impl FnMut(&Path) -> Seen) {
    let mut seen: Vec<Vec<Seen>> = programs.iter().map(|_| Vec::new()).collect();
    for _ in 0..number("BENCH_ROUNDS", 5) {
        for (program, seen) in programs.iter().zip(&mut seen) {
            seen.push(once(program));
        }
    }
    let mut cells = format!("| {name} | {line} |");
    let medians: Vec<_> = seen.into_iter().map(middle).collect();
    for (seen, slowest, fastest) in &medians {
        cells += &format!(" {:.0} ({slowest:.0} to {fastest:.0}) | {} |", seen.speed, seen.peak);
    }
    if let [(this, ..), (before, ..)] = medians[..] {
        cells += &format!(" {:.2} |", this.speed / before.speed);
    }
    println!("{cells}");
}

fn main() {
    let this = std::env::var_os("BENCH_AGENT").unwrap_or_else(|| env!("CARGO_BIN_EXE_agent").into());
    let before = std::env::var_os("BENCH_BASELINE");
    let programs: Vec<PathBuf> = std::iter::once(this).chain(before).map(PathBuf::from).collect();
    let bytes = number("BENCH_MIB", 1024) * MIB;
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let wanted = |name: &str, line: &str| only.split('+').all(|word| format!("{name} {line}").contains(word));
    let folder = tempfile::tempdir().unwrap();
    let (random, text) = (folder.path().join("random"), folder.path().join("sql"));
    let mut from = File::open("/dev/urandom").unwrap().take(bytes);
    std::io::copy(&mut from, &mut File::create(&random).unwrap()).unwrap();
    sql(&text, bytes);

    let gigabits = |connections| line_alone(connections) * 8.0 / 1e9;
    println!(
        "The line alone, 50 ms, without a limit: {:.1} Gbit/s over one connection, {:.1} over four\n",
        gigabits(1),
        gigabits(4)
    );
    let head: String = programs
        .iter()
        .zip(["this build", "the build before"])
        .map(|(_, of)| format!(" MB/s of {of} (from to) | peak MiB |"))
        .collect();
    let ratio = if programs.len() > 1 { " ratio |" } else { "" };
    println!("| work | line |{head}{ratio}");
    println!(
        "|---|---|{}",
        "---|".repeat(head.matches('|').count() + ratio.matches('|').count())
    );

    let (public, secret) = (include_str!("it/keys/ed25519.pub"), include_str!("it/keys/ed25519"));
    let mut real = Real::start("minio");
    let straight = real.running.address.clone();
    for work in &WORKS {
        let source = if work.sql { &text } else { &random };
        let mut saving = real_parts(backup(words(&["cat", source.to_str().unwrap()])));
        saving.compression = work.compression;
        if work.encrypted {
            saving = with_recipients(saving, &[public]);
        }
        let (saved, restored) = (format!("backup, {}", work.name), format!("restore, {}", work.name));
        for (name, shape) in LINES {
            if work.encrypted || !wanted(&saved, name) {
                continue;
            }
            let line = shape.map(|shape| Line::to(&straight, shape));
            real.reach_at(line.as_ref().map_or(&straight, |line| &line.address));
            row(&saved, name, &programs, |program| {
                measure(&real, program, saving.clone()).0
            });
        }
        if !LINES.iter().any(|(name, _)| wanted(&restored, name)) {
            continue;
        }
        real.reach_at(&straight);
        let (_, report) = measure(&real, programs.last().unwrap(), saving);
        let etag = real.head().unwrap().etag;
        let mut reading = back(&Rig::new(), &report, etag);
        reading.command = sh("cat >/dev/null");
        reading.compression = work.compression;
        if work.encrypted {
            reading = with_identity(reading, secret);
        }
        for (name, shape) in LINES {
            if !wanted(&restored, name) {
                continue;
            }
            let line = shape.map(|shape| Line::to(&straight, shape));
            real.reach_at(line.as_ref().map_or(&straight, |line| &line.address));
            row(&restored, name, &programs, |program| {
                measure(&real, program, reading.clone()).0
            });
        }
    }
}
