//! How much memory the agent takes: `make bench-memory` prints the table of docs/operations/memory.md. Nothing is asserted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unused_imports
)]
#[path = "it/rig.rs"]
mod rig;
#[path = "it/store.rs"]
mod store;

use protocol::{Action, Compression, Outcome, PartPlan};
use rig::{Rig, backup, sh};
use store::Store;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Peak memory of a backup that is planned for so many bytes, MiB. Of random bytes, which no level makes smaller: what counts is that
/// the tables of a level are used and a few parts are filled.
fn peak(expected: u64, compression: Option<Compression>) -> u64 {
    let expecting = PartPlan::expecting(expected, protocol::parts::SMALLEST_PART);
    let bytes = (expecting.smallest * 4 + MIB).max(96 * MIB);
    let (rig, store) = (Rig::new(), Store::new());
    let mut job = backup(sh(&format!("head -c {bytes} /dev/urandom")));
    job.compression = compression;
    if let Action::Backup { plan, .. } = &mut job.action {
        *plan = expecting;
    }
    let report = rig.run(&job, &store);
    assert_eq!(report.outcome, Outcome::Done);
    report.peak_memory / MIB
}

fn main() {
    let zstd = |level| Some(Compression::Zstd { level });
    let rows = [
        ("none", None),
        ("gzip 6", Some(Compression::Gzip { level: 6 })),
        ("zstd 3", zstd(3)),
        ("zstd 9", zstd(9)),
        ("zstd 12", zstd(12)),
        ("zstd 15", zstd(15)),
        ("zstd 19", zstd(19)),
    ];
    println!("| compression | up to 40 GiB | 100 GiB | 400 GiB |\n|---|---|---|---|");
    for (name, compression) in rows {
        let of = |gib: u64| peak(gib * GIB, compression);
        println!("| {name} | {} | {} | {} |", of(40), of(100), of(400));
    }
}
