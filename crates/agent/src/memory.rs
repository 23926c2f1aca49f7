//! The agent's own memory, as the kernel counts it.

/// Peak resident memory (VmHWM), bytes; 0 where /proc does not say.
pub fn peak() -> u64 {
    std::fs::read_to_string("/proc/self/status")
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
    fn the_peak_is_read_in_bytes() {
        assert_eq!(
            parse_peak("Name:\tx\nVmHWM:\t   17408 kB\nVmRSS:\t 1 kB\n"),
            Some(17408 * 1024)
        );
        assert_eq!(parse_peak("Name:\tx\n"), None);
        assert!(peak() > 100 << 10);
    }
}
