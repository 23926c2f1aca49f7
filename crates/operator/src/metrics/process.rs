//! What the kernel says of this process, under the names that every program has for it.
use std::path::Path;

/// A clock tick, which the kernel counts CPU time in: 100 a second for every program on Linux, whatever the kernel itself ticks at.
const TICKS: f64 = 100.0;

/// This process, as far as `/proc` says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Memory in RAM, bytes.
    pub resident: Option<f64>,
    /// CPU time of user and system, seconds.
    pub cpu: Option<f64>,
    /// Open file descriptors.
    pub files: Option<f64>,
}

impl Process {
    /// Now.
    pub fn look() -> Self {
        Self::of(Path::new("/proc/self"))
    }

    fn of(folder: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        Self {
            resident: resident(&text("status")),
            cpu: cpu(&text("stat")),
            // Reading the folder is itself one.
            files: std::fs::read_dir(folder.join("fd"))
                .ok()
                .map(|all| all.count().saturating_sub(1) as f64),
        }
    }
}

fn resident(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// The name of the program stands before, in brackets, and may hold anything.
fn cpu(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        assert_eq!(
            resident("Name:\tx\nVmRSS:\t    2048 kB\nThreads: 1\n"),
            Some(2_097_152.0)
        );
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 5 0 12345 1 2";
        assert_eq!(cpu(stat), Some(2.0));
        assert_eq!((resident(""), cpu("")), (None, None));
        let here = Process::look();
        assert!(
            here.resident > Some(0.0) && here.cpu.is_some() && here.files > Some(2.0),
            "{here:?}"
        );
    }
}
