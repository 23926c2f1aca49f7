//! The first process of this container: what it prints, `kubectl logs` shows. It is process 1, but where the containers of a Pod share
//! their processes (`shareProcessNamespace`): there process 1 is the Pod's.
use std::fs;
use std::path::{Path, PathBuf};

/// Where processes are seen.
const PROC: &str = "/proc";

/// The standard error of this container's first process; process 1's where that is not found.
pub fn stderr() -> PathBuf {
    let proc = Path::new(PROC);
    let first = of_this_container(proc).unwrap_or(1);
    proc.join(first.to_string()).join("fd/2")
}

/// Of those that see the same files as this process, and that were started from outside of what is seen here, the oldest: an exec
/// comes from outside, too, and later.
fn of_this_container(proc: &Path) -> Option<u32> {
    let files = |process: &Path| fs::read_link(process.join("ns/mnt")).ok();
    let ours = files(&proc.join("self"))?;
    let processes = fs::read_dir(proc).ok()?.flatten();
    let candidates = processes.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let (parent, started) = born(&fs::read_to_string(entry.path().join("stat")).ok()?)?;
        (parent == 0 && files(&entry.path())? == ours).then_some((started, pid))
    });
    candidates.min().map(|(_, pid)| pid)
}

/// proc_pid_stat(5): the parent (field 4), 0 where it is not seen here, and when it was started (field 22), in ticks.
fn born(stat: &str) -> Option<(u32, u64)> {
    // The name, in brackets, may hold anything.
    let mut rest = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let parent = rest.nth(1)?.parse().ok()?;
    let started = rest.nth(17)?.parse().ok()?;
    Some((parent, started))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A process: number, parent, start, its view of files.
    fn process(proc: &Path, name: &str, parent: u32, started: u64, files: &str) {
        let folder = proc.join(name);
        fs::create_dir_all(folder.join("ns")).unwrap();
        symlink(files, folder.join("ns/mnt")).unwrap();
        let between = "1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0";
        fs::write(
            folder.join("stat"),
            format!("7 (a) b) S {parent} {between} {started} 0 0"),
        )
        .unwrap();
    }

    #[test]
    fn the_first_process_is_the_oldest_from_outside_that_sees_the_same_files() {
        let proc = tempfile::tempdir().unwrap();
        let at = proc.path();
        process(at, "self", 0, 900, "mnt:[2]");
        // The Pod's own, another container's, ours, its child, and the exec that this one is of.
        process(at, "1", 0, 100, "mnt:[1]");
        process(at, "20", 0, 300, "mnt:[3]");
        process(at, "30", 0, 400, "mnt:[2]");
        process(at, "31", 30, 350, "mnt:[2]");
        process(at, "40", 0, 900, "mnt:[2]");
        assert_eq!(of_this_container(at), Some(30));
    }

    #[test]
    fn what_cannot_be_read_is_no_process() {
        let proc = tempfile::tempdir().unwrap();
        assert_eq!(of_this_container(proc.path()), None);
        for stat in ["", "7 (x", "7 (x) S", "7 (x) S y 1", "7 (x) S 1 1"] {
            assert_eq!(born(stat), None, "{stat}");
        }
        assert!(born(&fs::read_to_string("/proc/self/stat").unwrap()).is_some());
    }
}
