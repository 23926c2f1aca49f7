//! What the kernel says of a process: its memory and its CPU time.
use std::fs;
use std::time::Duration;

/// Clock ticks of a second in /proc: the same on every Linux that Rust's standard library runs on.
const TICKS: u64 = 100;

/// Memory and CPU time at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taken {
    /// Resident, in MiB.
    pub resident: f64,
    /// The most that was resident since the process started or the mark was reset, in MiB.
    pub peak: f64,
    /// Of all its threads, in user and kernel.
    pub cpu: Duration,
}

/// What a process has taken so far; nothing once it has ended.
pub fn taken(pid: u32) -> Option<Taken> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse(&status, &stat)
}

/// From now on `peak` is counted anew.
pub fn reset_peak(pid: u32) {
    // Where the kernel does not let it be, the peak stays that of the whole life: said too high, never too low.
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

fn parse(status: &str, stat: &str) -> Option<Taken> {
    let mib = |name: &str| -> Option<f64> {
        let line = status.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))?;
        let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib / 1024.0)
    };
    // The program's name is in parentheses and may hold any character.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n)?.parse::<u64>().ok();
    let spent = ticks(11)? + ticks(12)?;
    Some(Taken {
        resident: mib("VmRSS")?,
        peak: mib("VmHWM")?,
        cpu: Duration::from_millis(spent * 1000 / TICKS),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_said_in_mebibytes_and_cpu_is_of_user_and_kernel() {
        let status = "Name:\toperator\nVmHWM:\t  20480 kB\nVmRSS:\t   10240 kB\n";
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 4 0 100 1 1";
        let taken = parse(status, stat).unwrap();
        assert_eq!((taken.resident, taken.peak), (10.0, 20.0));
        assert_eq!(taken.cpu, Duration::from_secs(2));
    }

    #[test]
    fn what_has_ended_has_taken_nothing() {
        assert_eq!(parse("Name:\toperator\nState:\tZ (zombie)\n", "7 (operator) Z 1"), None);
    }
}
