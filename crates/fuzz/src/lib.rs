//! For tests only: throws random and mutated bytes at a parser, within a time. A plain test: no nightly, no network.
//!
//! `FUZZ_SECONDS` says for how long (1 unless given), `FUZZ_SEED` from where to start (always the same place in a plain
//! `cargo test`, another one each time where `FUZZ_SECONDS` is given). What fails prints seed and input.
//! The same tests are targets of libFuzzer in the folder `fuzz`: there [`Served`] gives the inputs.
#![forbid(unsafe_code)]
#![allow(clippy::panic, reason = "a test may stop at the first surprise")]
mod mutate;
mod random;
mod served;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use random::Random;
pub use served::Served;

/// The longest that one input may take, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Without an end for this long an input is taken to hang.
const HANGS: Duration = Duration::from_secs(60);
/// The most memory that a process of such tests may have, in KiB.
const MEMORY: u64 = 768 * 1024;
/// Inputs that are kept to be changed further, and bytes of all of them.
const KEPT: usize = 4096;
const KEPT_BYTES: usize = 16 << 20;
/// The longest input, bytes.
const LONGEST: usize = 64 << 10;

/// A parser and what it is fed with.
pub struct Target<'a> {
    /// Shown with the result.
    pub name: &'a str,
    /// Good and bad examples to begin with.
    pub seeds: &'a [&'a [u8]],
    /// Words that mean something to the parser.
    pub words: &'a [&'a str],
}

impl Target<'_> {
    /// Runs it for its time. What it gives back tells one course through the parser from another (the kind of an error,
    /// say): an input that shows a new one is changed further.
    ///
    /// # Panics
    /// When an input makes it panic, hang, or grow.
    pub fn run<T: Hash>(&self, mut parse: impl FnMut(&[u8]) -> T) {
        if served::serve(self, |input| drop(parse(input))) {
            return;
        }
        let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
        let given = number("FUZZ_SECONDS");
        let seconds = given.unwrap_or(1);
        let seed = number("FUZZ_SEED").unwrap_or_else(|| match given {
            Some(_) => {
                let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
                since.as_secs() ^ u64::from(since.subsec_nanos())
            }
            None => 1,
        });
        let mut random = Random::new(seed);
        let mut corpus: Vec<Vec<u8>> = self.seeds.iter().map(|s| s.to_vec()).collect();
        let mut seen = HashSet::new();
        let current = Arc::new(Mutex::new(Vec::new()));
        let (alive, watch) = channel();
        let watched = current.clone();
        let name = self.name.to_string();
        std::thread::spawn(move || {
            loop {
                match watch.recv_timeout(HANGS) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        let input = watched.lock().unwrap_or_else(PoisonError::into_inner);
                        eprintln!("{name}, seed {seed}: hangs on {}", shown(&input));
                        std::process::exit(1);
                    }
                }
            }
        });
        let begin = Instant::now();
        let (mut tried, mut longest, mut kept) = (0_u64, Duration::ZERO, 0);
        while tried < self.seeds.len() as u64 || begin.elapsed() < Duration::from_secs(seconds) {
            let input = match usize::try_from(tried).ok().and_then(|n| self.seeds.get(n)) {
                Some(seed) => seed.to_vec(),
                None => mutate::next(&mut random, &corpus, self.words, LONGEST),
            };
            current
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone_from(&input);
            let started = Instant::now();
            let course = catch_unwind(AssertUnwindSafe(|| {
                let mut hasher = DefaultHasher::new();
                parse(&input).hash(&mut hasher);
                hasher.finish()
            }));
            let took = started.elapsed();
            longest = longest.max(took);
            tried += 1;
            let Ok(course) = course else {
                panic!("{}, seed {seed}: panics on {}", self.name, shown(&input));
            };
            assert!(
                took < PATIENCE,
                "{}, seed {seed}: {took:?} for {}",
                self.name,
                shown(&input)
            );
            if seen.insert(course) && corpus.len() < KEPT && kept + input.len() <= KEPT_BYTES {
                kept += input.len();
                corpus.push(input);
            }
            if tried % 256 == 0 {
                // Nobody is left to be told where the test has ended.
                let _ = alive.send(());
                if let Some(peak) = peak() {
                    assert!(peak < MEMORY, "{}, seed {seed}: {peak} KiB", self.name);
                }
            }
        }
        let kib = peak().unwrap_or(0);
        let courses = seen.len();
        println!(
            "{}: seed {seed}, {seconds} s: {tried} inputs, {courses} courses, the longest took {longest:?}, {kib} KiB at most",
            self.name
        );
    }
}

/// An input as a Rust literal.
fn shown(input: &[u8]) -> String {
    format!("b\"{}\"", input.escape_ascii())
}

/// Memory at its highest, in KiB; none where the system does not say.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_is_found_though_it_needs_several_steps() {
        let target = Target {
            name: "a lock of three digits",
            seeds: &[b"000"],
            words: &["7"],
        };
        let found = catch_unwind(|| {
            target.run(|input| {
                let right = input.iter().take(3).take_while(|b| **b == b'7').count();
                assert!(right < 3);
                right
            });
        });
        let words = *found.unwrap_err().downcast::<String>().unwrap();
        assert!(words.contains("seed 1") && words.contains("b\"777"), "{words}");
    }
}
