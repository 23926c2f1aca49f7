//! How fast each stage is, alone and from memory to nowhere: by algorithm, level and threads. `make bench-stages` runs it and makes a table.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench may stop at the first surprise"
)]
#![allow(missing_docs, reason = "criterion's macros make a function without")]
mod rows;

use std::hint::black_box;
use std::io::{self, Cursor, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use age::secrecy::ExposeSecret;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use pipeline::{Allowance, Compression, Identities, Recipients, Sha256, Sink, Stages};

/// Plain bytes of each: many jobs of every algorithm.
const BYTES: usize = 32 << 20;
/// Where each takes many times longer: one window of it.
const FEW: usize = 8 << 20;
/// As the command's output is read.
const PIECE: usize = 64 << 10;
/// Bytes that a restore takes at a time.
const READ: usize = 256 << 10;

/// Counts what the stages make, and forgets it.
#[derive(Clone, Default)]
struct Count(Arc<AtomicU64>);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(black_box(bytes).len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Count {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps it.
#[derive(Clone, Default)]
struct Keep(Arc<std::sync::Mutex<Vec<u8>>>);

impl Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Keep {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

fn write(stages: Stages, plain: &[u8], sink: Box<dyn Sink + Send>) {
    let mut writer = stages.writer(sink).unwrap();
    for piece in plain.chunks(PIECE) {
        writer.write_all(piece).unwrap();
    }
    writer.finish().unwrap();
}

fn stored(stages: Stages, plain: &[u8]) -> Arc<[u8]> {
    let keep = Keep::default();
    write(stages, plain, Box::new(keep.clone()));
    let stored = std::mem::take(&mut *keep.0.lock().unwrap());
    stored.into()
}

fn read(stages: Stages, stored: &Arc<[u8]>) -> u64 {
    let mut reader = stages.reader(Box::new(Cursor::new(stored.clone()))).unwrap();
    let mut piece = vec![0; READ];
    let mut bytes = 0;
    loop {
        match reader.read(&mut piece).unwrap() {
            0 => return bytes,
            read => bytes += black_box(&piece[..read]).len() as u64,
        }
    }
}

fn measured(criterion: &mut Criterion, group: &str, name: &str, bytes: usize, mut work: impl FnMut()) {
    let mut group = criterion.benchmark_group(group);
    group
        .throughput(Throughput::Bytes(bytes as u64))
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .bench_function(name, |b| b.iter(&mut work));
    group.finish();
}

fn compress(criterion: &mut Criterion) {
    let text = rows::text(BYTES);
    let zstd = [1, 3, 6, 9, 12, 19].map(|level| ("zstd", level, Compression::Zstd { level }));
    let gzip = [1, 6, 9].map(|level| ("gzip", level, Compression::Gzip { level }));
    for (name, level, how) in zstd.into_iter().chain(gzip) {
        // Above level 12 zstd's own threads have no part in it.
        let heavy = level > 12;
        let plain = &text[..if heavy { FEW } else { BYTES }];
        let size = stored(Stages::to_write(Some(how), None), plain).len();
        println!("stored: {name} {level} {:.3}", size as f64 / plain.len() as f64);
        for threads in 1..=if heavy { 1 } else { 2 } {
            let called = format!("{name} {level}, threads {threads}");
            measured(criterion, "compress", &called, plain.len(), || {
                let stages = Stages::to_write(Some(how), None).with_threads(threads);
                write(stages, plain, Box::new(Count::default()));
            });
        }
    }
}

fn decompress(criterion: &mut Criterion) {
    let text = rows::text(BYTES);
    let all = [
        ("zstd 3", Compression::Zstd { level: 3 }),
        ("gzip 6", Compression::Gzip { level: 6 }),
    ];
    for (name, how) in all {
        let stored = stored(Stages::to_write(Some(how), None), &text);
        measured(criterion, "decompress", name, BYTES, || {
            let bytes = read(Stages::to_read(Some(how), None, Allowance::default()), &stored);
            assert_eq!(bytes, BYTES as u64);
        });
    }
}

fn encrypt(criterion: &mut Criterion) {
    let plain = rows::random(BYTES);
    let identity = age::x25519::Identity::generate();
    let recipient = [identity.to_public().to_string()];
    let to_write = || Stages::to_write(None, Recipients::parse(&recipient).unwrap());
    measured(criterion, "encrypt", "age", BYTES, || {
        write(to_write(), &plain, Box::new(Count::default()));
    });
    let stored = stored(to_write(), &plain);
    measured(criterion, "decrypt", "age", BYTES, || {
        let identities = Identities::parse(identity.to_string().expose_secret()).unwrap();
        let bytes = read(Stages::to_read(None, Some(identities), Allowance::default()), &stored);
        assert_eq!(bytes, BYTES as u64);
    });
}

fn hash(criterion: &mut Criterion) {
    let plain = rows::random(BYTES);
    measured(criterion, "hash", "SHA-256", BYTES, || {
        let mut hash = Sha256::default();
        for piece in plain.chunks(PIECE) {
            hash.update(piece);
        }
        black_box(hash.digest());
    });
}

criterion_group!(stages, compress, decompress, encrypt, hash);
criterion_main!(stages);
