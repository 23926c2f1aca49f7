//! The files of the memory controller, in the control group that the container has.
use std::fs;
use std::path::{Component, Path, PathBuf};

/// What a file is called in each version of control groups.
pub struct Named {
    /// In version 1.
    pub first: &'static str,
    /// In version 2.
    pub second: &'static str,
}

/// Where the container's own file of that name may be; none where the kernel does not say, or without /sys/fs/cgroup.
pub fn files(named: &Named) -> Vec<PathBuf> {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    files_of(named, &read("/proc/self/cgroup"), &read("/proc/self/mountinfo"))
}

/// The memory controller is in version 1 where a hierarchy names it, and else in version 2. With a
/// cgroup namespace the group is `/`; without one it is as long as the mount's root, where the runtime mounts the container's
/// group only, or below it.
fn files_of(named: &Named, groups: &str, mounts: &str) -> Vec<PathBuf> {
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
        (Some(group), _) => (group, named.first),
        (None, Some(group)) => (group, named.second),
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

    const COUNT: Named = Named {
        first: "memory.oom_control",
        second: "memory.events",
    };

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
        let files = files_of(&COUNT, groups, mounts);
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
            assert_eq!(files_of(&COUNT, groups, mounts), Vec::<PathBuf>::new(), "{groups:?}");
        }
    }
}
