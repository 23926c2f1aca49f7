//! Compression: the algorithms, and where their writer and reader are.
mod gzip;
mod zstd;

use std::io::{self, BufRead, Read};

use crate::Sink;
use crate::allowance::{Allowance, Note};
use crate::error::{Step, at};
use crate::foreign::Instead;
use crate::peek::Peek;

/// Threads where nothing is said.
pub(crate) const USUAL: usize = 2;
/// Threads at most: what is behind them has to keep up.
const THREADS: usize = 8;

/// How to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952; members of 512 KiB, so that several threads work on one stream.
    Gzip {
        /// 1 to 9.
        level: i32,
    },
    /// RFC 8878, with a content checksum; several threads up to level 12.
    Zstd {
        /// 1 to 19.
        level: i32,
    },
}

/// A level that the algorithm does not have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{algorithm} has no level {level}: it takes 1 to {highest}")]
pub struct BadLevel {
    algorithm: &'static str,
    level: i32,
    highest: i32,
}

impl Compression {
    /// Refuses a level that the algorithm does not have.
    pub fn check(&self) -> Result<(), BadLevel> {
        let (algorithm, level, highest) = match *self {
            Compression::Gzip { level } => (self.name(), level, 9),
            Compression::Zstd { level } => (self.name(), level, 19),
        };
        if (1..=highest).contains(&level) {
            Ok(())
        } else {
            Err(BadLevel {
                algorithm,
                level,
                highest,
            })
        }
    }

    /// Threads for a container that may use so many CPUs and has that memory limit, bytes: as many as CPUs, two of which are had
    /// anyway; more take no more than an eighth of the memory together, and there are none where no limit says what there is.
    pub fn threads(self, cpus: usize, memory: Option<u64>) -> usize {
        let each = match self {
            Compression::Gzip { .. } => 2 << 20,
            Compression::Zstd { level: ..=3 } => 6 << 20,
            Compression::Zstd { level: ..=9 } => 11 << 20,
            Compression::Zstd { level: ..=zstd::LIGHT } => 42 << 20,
            Compression::Zstd { .. } => return 1,
        };
        let room = usize::try_from(memory.unwrap_or(0) / 8 / each).unwrap_or(THREADS);
        cpus.min(room.max(USUAL)).clamp(1, THREADS)
    }

    /// Compresses into `sink`, by so many threads.
    pub(crate) fn writer(self, threads: usize, sink: Box<dyn Sink + Send>) -> io::Result<Box<dyn Sink + Send>> {
        self.check()
            .map_err(|e| at(Step::Compress, io::Error::new(io::ErrorKind::InvalidInput, e)))?;
        Ok(match self {
            Compression::Gzip { level } => Box::new(gzip::Writer::new(level, threads, sink)?),
            Compression::Zstd { level } => Box::new(zstd::Writer::new(level, threads, sink)?),
        })
    }

    /// Decompresses from `source`. The level does not matter here. Reads the first bytes, so that another format is known here.
    /// `secret`: its bytes were encrypted, and none of them is told.
    pub(crate) fn reader(
        self,
        source: Box<dyn BufRead + Send>,
        allowance: Allowance,
        note: Option<Note>,
        secret: bool,
    ) -> io::Result<Box<dyn Read + Send>> {
        let source = Peek::new(source)?;
        let head = source.head();
        if !self.may_begin(head) {
            let words = match head.is_empty() {
                true if secret => "what was encrypted is empty (0 bytes)".into(),
                true => "the object is empty (0 bytes)".into(),
                false => Instead { head, secret }.of_compressed(self.name()),
            };
            return Err(at(Step::Decompress, io::Error::new(io::ErrorKind::InvalidData, words)));
        }
        let source = Box::new(source);
        Ok(match self {
            Compression::Gzip { .. } => gzip::reader(source),
            Compression::Zstd { .. } => Box::new(zstd::Reader::new(source, allowance, note)?),
        })
    }

    /// As `spec.compression.algorithm` has it.
    fn name(self) -> &'static str {
        match self {
            Compression::Gzip { .. } => "gzip",
            Compression::Zstd { .. } => "zstd",
        }
    }

    fn may_begin(self, head: &[u8]) -> bool {
        match self {
            Compression::Gzip { .. } => head.starts_with(&[0x1f, 0x8b]),
            Compression::Zstd { .. } => !head.is_empty() && zstd::may_begin(head),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_out_of_range_is_refused_in_words() {
        for (compression, word) in [
            (Compression::Gzip { level: 0 }, "gzip has no level 0: it takes 1 to 9"),
            (Compression::Gzip { level: 10 }, "gzip has no level 10: it takes 1 to 9"),
            (
                Compression::Zstd { level: 20 },
                "zstd has no level 20: it takes 1 to 19",
            ),
        ] {
            assert_eq!(compression.check().unwrap_err().to_string(), word);
        }
        assert_eq!(Compression::Zstd { level: 19 }.check(), Ok(()));
    }

    #[test]
    fn threads_follow_the_cpus_as_far_as_the_memory_allows() {
        let zstd = |level| Compression::Zstd { level };
        let gzip = Compression::Gzip { level: 6 };
        for (compression, cpus, memory, threads) in [
            (zstd(3), 1, None, 1),
            (zstd(3), 2, None, 2),
            // Nothing says what there is.
            (zstd(3), 64, None, 2),
            (zstd(3), 4, Some(64), 2),
            (zstd(3), 4, Some(128), 2),
            (zstd(3), 4, Some(256), 4),
            (zstd(3), 64, Some(4096), 8),
            (zstd(3), 1, Some(4096), 1),
            (zstd(9), 8, Some(512), 5),
            (zstd(12), 8, Some(512), 2),
            (zstd(12), 8, Some(2048), 6),
            (zstd(13), 8, Some(4096), 1),
            (gzip, 8, Some(64), 4),
            (gzip, 0, None, 1),
        ] {
            let memory = memory.map(|mib: u64| mib << 20);
            assert_eq!(
                compression.threads(cpus, memory),
                threads,
                "{compression:?} {cpus} {memory:?}"
            );
        }
    }
}
