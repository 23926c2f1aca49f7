//! Memory as the kernel counts it: the agent's own, and what the container may have.
use std::fs;

use proof::group::{self, Named};

const LIMIT: Named = Named {
    first: "memory.limit_in_bytes",
    second: "memory.max",
};
/// Version 1 has a number where there is no limit, which is near the largest.
const NONE: u64 = 1 << 60;

/// The memory limit of the container, bytes; None where there is none, or it is not known.
pub fn limit() -> Option<u64> {
    group::files(&LIMIT)
        .iter()
        .find_map(|file| fs::read_to_string(file).ok())
        .as_deref()
        .and_then(parse_limit)
}

/// A number, or `max`.
fn parse_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit < NONE)
}

/// Peak resident memory (VmHWM), bytes; 0 where /proc does not say.
pub fn peak() -> u64 {
    fs::read_to_string("/proc/self/status")
        .ok()
        .as_deref()
        .and_then(parse_peak)
        .unwrap_or(0)
}

fn parse_peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_in_bytes_and_none_is_none() {
        for (text, limit) in [
            ("134217728\n", Some(128 << 20)),
            ("max\n", None),
            ("9223372036854771712\n", None),
            ("", None),
            ("-1\n", None),
        ] {
            assert_eq!(parse_limit(text), limit, "{text}");
        }
        // This machine's is read without harm.
        assert_ne!(limit(), Some(0));
    }

    #[test]
    fn the_peak_is_read_in_bytes() {
        assert_eq!(
            parse_peak("Name:\tx\nVmHWM:\t   17408 kB\nVmRSS:\t 1 kB\n"),
            Some(17408 * 1024)
        );
        assert_eq!(parse_peak("Name:\tx\n"), None);
        assert!(peak() > 100 << 10);
    }
}
