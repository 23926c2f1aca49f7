//! Whether the kernel killed something in this container for want of memory: the count of its control group. A shell ends
//! with the status of a pipeline's last program, and tells nobody that the first was killed.
use std::fs;
use std::path::{Path, PathBuf};

use crate::group::{self, Named};

const COUNT: Named = Named {
    first: "memory.oom_control",
    second: "memory.events",
};

/// The count of the container's control group, and what it was.
pub struct Kills {
    file: PathBuf,
    before: u64,
}

impl Kills {
    /// Counts from now on; None where the kernel does not say: the root group, a kernel before 4.13, no /sys/fs/cgroup.
    pub fn watch() -> Option<Self> {
        Self::among(group::files(&COUNT))
    }

    fn among(files: Vec<PathBuf>) -> Option<Self> {
        files.into_iter().find_map(|file| {
            let before = count(&file)?;
            Some(Self { file, before })
        })
    }

    /// Something was killed since. A group that cannot be read any more tells nothing.
    pub fn grew(&self) -> bool {
        count(&self.file).is_some_and(|now| now > self.before)
    }
}

/// `oom_kill N`: a line of `memory.events` (version 2, with the groups below this one) and of `memory.oom_control` (version 1).
fn count(file: &Path) -> Option<u64> {
    fs::read_to_string(file)
        .ok()?
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_for_want_of_memory_is_seen_whatever_the_leader_ended_with() {
        let dir = tempfile::tempdir().unwrap();
        let (v1, v2) = (dir.path().join("memory.oom_control"), dir.path().join("memory.events"));
        let kills = |file: &PathBuf| Kills::among(vec![file.clone()]);
        for (file, text) in [
            (&v1, "oom_kill_disable 0\nunder_oom 0\noom_kill N\n"),
            (&v2, "low 0\nhigh 0\nmax 31\noom 9\noom_kill N\noom_group_kill 0\n"),
        ] {
            assert!(kills(file).is_none());
            fs::write(file, text.replace('N', "3")).unwrap();
            let before = kills(file).unwrap();
            assert!(!before.grew());
            fs::write(file, text.replace('N', "4")).unwrap();
            assert!(before.grew());
            assert!(!kills(file).unwrap().grew(), "what was before does not count");
            fs::remove_file(file).unwrap();
            assert!(!before.grew());
        }
        // A kernel before 4.13 does not count.
        fs::write(&v1, "oom_kill_disable 0\nunder_oom 0\n").unwrap();
        assert!(kills(&v1).is_none());
    }

    #[test]
    fn this_machines_groups_are_read_without_harm() {
        assert!(Kills::watch().is_none_or(|kills| kills.before < u64::MAX));
    }
}
