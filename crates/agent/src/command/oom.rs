//! Whether the kernel killed something in this container for want of memory: the count of its control group. A shell ends
//! with the status of a pipeline's last program, and tells nobody that the first was killed.
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The count of the container's control group, and what it was.
pub struct Kills {
    file: PathBuf,
    before: u64,
}

impl Kills {
    /// Counts from now on; None where the kernel does not say: the root group, a kernel before 4.13, no /sys/fs/cgroup.
    pub fn watch() -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        Self::of(&groups, &mounts)
    }

    fn of(groups: &str, mounts: &str) -> Option<Self> {
        files(groups, mounts).into_iter().find_map(|file| {
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

/// Where the count may be. The memory controller is in version 1 where a hierarchy names it, and else in version 2. With a
/// cgroup namespace the group is `/`; without one it is as long as the mount's root, where the runtime mounts the container's
/// group only, or below it.
fn files(groups: &str, mounts: &str) -> Vec<PathBuf> {
    let (mut first, mut second) = (None, None);
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        if let (Some(number), Some(controllers), Some(group)) = (fields.next(), fields.next(), fields.next()) {
            if controllers.split(',').any(|c| c == "memory") {
                first = Some(group);
            } else if number == "0" && controllers.is_empty() {
                second = Some(group);
            }
        }
    }
    let (group, name) = match (first, second) {
        (Some(group), _) => (group, "memory.oom_control"),
        (None, Some(group)) => (group, "memory.events"),
        (None, None) => return Vec::new(),
    };
    mounts
        .lines()
        .filter_map(|line| Mount::parse(line, first.is_some()))
        .filter_map(|mount| Some(mount.path_of(group)?.join(name)))
        .collect()
}

/// Where a hierarchy is mounted, and which of its groups is seen there.
struct Mount {
    root: PathBuf,
    at: PathBuf,
}

impl Mount {
    /// proc_pid_mountinfo(5): `id parent device root at options [tags] - type source options`.
    fn parse(line: &str, version_1: bool) -> Option<Self> {
        let (front, back) = line.split_once(" - ")?;
        let mut back = back.split(' ');
        let (kind, options) = (back.next()?, back.nth(1)?);
        let fits = match version_1 {
            true => kind == "cgroup" && options.split(',').any(|o| o == "memory"),
            false => kind == "cgroup2",
        };
        let mut front = front.split(' ').skip(3);
        let (root, at) = (unescape(front.next()?), unescape(front.next()?));
        fits.then_some(Self { root, at })
    }

    fn path_of(&self, group: &str) -> Option<PathBuf> {
        let below = Path::new(group).strip_prefix(&self.root).ok()?;
        // `/../x`: outside of what this process sees.
        let inside = below.components().all(|c| matches!(c, Component::Normal(_)));
        inside.then(|| self.at.join(below))
    }
}

/// Blank, tab, line feed and backslash are written as three octal digits.
fn unescape(field: &str) -> PathBuf {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    let plain = escapes
        .iter()
        .fold(field.to_string(), |text, (from, to)| text.replace(from, to));
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a container of containerd on version 1, without a cgroup namespace.
    const V1: (&str, &str) = (
        "12:devices:/kubepods/burstable/pod1/abc\n5:memory:/kubepods/burstable/pod1/abc\n1:name=systemd:/kubepods/burstable/pod1/abc\n0::/\n",
        "1201 1196 0:31 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw,mode=755\n\
         1204 1201 0:34 /kubepods/burstable/pod1/abc /sys/fs/cgroup/cpu ro,nosuid master:13 - cgroup cgroup rw,cpu\n\
         1205 1201 0:35 /kubepods/burstable/pod1/abc /sys/fs/cgroup/memory ro,nosuid master:14 - cgroup cgroup rw,memory\n",
    );
    /// In a container on version 2, with a cgroup namespace.
    const V2: (&str, &str) = (
        "0::/\n",
        "2310 2309 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n",
    );

    fn one(groups: &str, mounts: &str) -> String {
        let files = files(groups, mounts);
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].display().to_string()
    }

    #[test]
    fn the_containers_own_group_is_found_with_and_without_a_namespace_of_groups() {
        assert_eq!(one(V1.0, V1.1), "/sys/fs/cgroup/memory/memory.oom_control");
        assert_eq!(one(V2.0, V2.1), "/sys/fs/cgroup/memory.events");
        // Version 2 without a namespace, all of the hierarchy mounted.
        assert_eq!(
            one("0::/kubepods.slice/pod1.slice/cri-abc.scope\n", V2.1),
            "/sys/fs/cgroup/kubepods.slice/pod1.slice/cri-abc.scope/memory.events"
        );
        // Version 1, all of it mounted, controllers together, a path with a blank.
        assert_eq!(
            one(
                "4:cpu,memory:/a b\n0::/\n",
                "9 1 0:3 / /my\\040groups rw - cgroup cgroup rw,cpu,memory\n"
            ),
            "/my groups/a b/memory.oom_control"
        );
        // Both versions, memory in the first.
        let hybrid = format!(
            "{}1300 1201 0:41 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            V1.1
        );
        assert_eq!(one(V1.0, &hybrid), "/sys/fs/cgroup/memory/memory.oom_control");
        // Both versions, memory in the second.
        assert_eq!(
            one(
                "3:pids:/x\n0::/x\n",
                "7 1 0:41 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
            ),
            "/sys/fs/cgroup/unified/x/memory.events"
        );
    }

    #[test]
    fn what_is_not_seen_or_not_understood_is_gone_without() {
        for (groups, mounts) in [
            ("", ""),
            ("0::/../other\n", V2.1),
            ("5:memory:/elsewhere\n", V1.1),
            ("0::/\n", V1.1),
            ("nonsense", "nonsense - nonsense"),
            ("0::/", " - cgroup2 x rw"),
        ] {
            assert_eq!(files(groups, mounts), Vec::<PathBuf>::new(), "{groups:?}");
        }
    }

    #[test]
    fn a_kill_for_want_of_memory_is_seen_whatever_the_leader_ended_with() {
        let dir = tempfile::tempdir().unwrap();
        let (v1, v2) = (dir.path().join("memory.oom_control"), dir.path().join("memory.events"));
        let mount = |kind: &str| format!("7 1 0:41 / {} rw - {kind} x rw,memory\n", dir.path().display());
        for (file, groups, kind, text) in [
            (
                &v1,
                "5:memory:/\n",
                "cgroup",
                "oom_kill_disable 0\nunder_oom 0\noom_kill N\n",
            ),
            (
                &v2,
                "0::/\n",
                "cgroup2",
                "low 0\nhigh 0\nmax 31\noom 9\noom_kill N\noom_group_kill 0\n",
            ),
        ] {
            assert!(Kills::of(groups, &mount(kind)).is_none());
            fs::write(file, text.replace('N', "3")).unwrap();
            let kills = Kills::of(groups, &mount(kind)).unwrap();
            assert!(!kills.grew());
            fs::write(file, text.replace('N', "4")).unwrap();
            assert!(kills.grew());
            assert!(
                !Kills::of(groups, &mount(kind)).unwrap().grew(),
                "what was before does not count"
            );
            fs::remove_file(file).unwrap();
            assert!(!kills.grew());
        }
        // A kernel before 4.13 does not count.
        fs::write(&v1, "oom_kill_disable 0\nunder_oom 0\n").unwrap();
        assert!(Kills::of("5:memory:/\n", &mount("cgroup")).is_none());
    }

    #[test]
    fn this_machines_groups_are_read_without_harm() {
        assert!(Kills::watch().is_none_or(|kills| kills.before < u64::MAX));
    }
}
