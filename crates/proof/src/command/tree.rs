//! Every descendant of the agent, through /proc: a process that left the command's group or session too.
use std::collections::HashMap;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// So many processes are told by their names.
const NAMED: usize = 5;

/// Kills all descendants that are alive now. One that is just being forked is found by the next call.
pub fn kill_all() {
    for pid in descendants(std::process::id(), &processes()) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // It may have died meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The descendants that are alive now, for people: `mysql (pid 17), cat (pid 18)`. Names as the kernel has them, never
/// arguments: those may hold passwords.
pub fn named() -> String {
    names(std::process::id(), &processes())
}

fn names(root: u32, processes: &[Process]) -> String {
    let alive = descendants(root, processes);
    let of = |pid: &u32| processes.iter().find(|p| p.pid == *pid);
    let mut words: Vec<_> = alive
        .iter()
        .filter_map(of)
        .take(NAMED)
        .map(|p| format!("{} (pid {})", p.name, p.pid))
        .collect();
    if alive.len() > words.len() {
        words.push(format!("and {} more", alive.len() - words.len()));
    }
    words.join(", ")
}

/// A process and its parent.
struct Process {
    pid: u32,
    name: String,
    parent: u32,
    dead: bool,
}

fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbered = entries
        .flatten()
        .filter(|e| e.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit));
    numbered
        .filter_map(|e| parse(&fs::read(e.path().join("stat")).ok()?))
        .collect()
}

/// proc_pid_stat(5): `pid (name) state ppid …`; the name may hold anything, so what follows its last `)` counts.
fn parse(stat: &[u8]) -> Option<Process> {
    let open = stat.iter().position(|b| *b == b'(')?;
    let close = stat.iter().rposition(|b| *b == b')')?;
    let pid = std::str::from_utf8(stat.get(..open)?).ok()?.trim().parse().ok()?;
    let name = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
    let mut rest = std::str::from_utf8(stat.get(close + 1..)?)
        .ok()?
        .split_ascii_whitespace();
    let state = rest.next()?;
    let parent = rest.next()?.parse().ok()?;
    Some(Process {
        pid,
        name,
        parent,
        dead: matches!(state, "Z" | "X"),
    })
}

fn descendants(root: u32, processes: &[Process]) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<&Process>> = HashMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(process);
    }
    let (mut found, mut unseen) = (Vec::new(), vec![root]);
    while let Some(parent) = unseen.pop() {
        // Taken out, so that numbers that were used again cannot make a circle.
        for child in children.remove(&parent).unwrap_or_default() {
            unseen.push(child.pid);
            if !child.dead {
                found.push(child.pid);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_hide_the_parent() {
        let process = parse(b"42 (a) b (c) S 7 1 1 0").unwrap();
        assert_eq!((process.pid, process.parent, process.dead), (42, 7, false));
        assert_eq!(process.name, "a) b (c");
        assert!(parse(b"42 (x) Z 7").unwrap().dead);
        for cut in ["", "42", "42 (x", "42 (x)", "42 (x) S", "42 (x) S y", ")("] {
            assert!(parse(cut.as_bytes()).is_none(), "{cut}");
        }
    }

    #[test]
    fn all_living_descendants_are_found_and_nobody_else() {
        let process = |(pid, parent, dead)| Process {
            pid,
            name: "x".into(),
            parent,
            dead,
        };
        let all: Vec<_> = [
            (1, 0, false),
            (5, 1, false),
            (6, 5, false),
            (7, 6, true),
            (8, 7, false),
            (9, 1, false),
            (5, 8, false),
        ]
        .map(process)
        .into();
        let mut found = descendants(5, &all);
        found.sort_unstable();
        assert_eq!(found, [5, 6, 8]);
    }

    #[test]
    fn what_still_runs_is_named_and_a_crowd_is_counted() {
        let child = |pid| Process {
            pid,
            name: format!("load {pid}"),
            parent: 1,
            dead: pid == 3,
        };
        let all: Vec<_> = (2..10).map(child).collect();
        let few = names(1, all.get(..2).unwrap());
        assert_eq!(few, "load 2 (pid 2)");
        let many = names(1, &all);
        assert!(
            many.ends_with(", and 2 more") && many.matches("pid").count() == NAMED,
            "{many}"
        );
        assert_eq!(names(2, &all), "");
    }

    #[test]
    fn this_process_is_seen() {
        assert!(processes().iter().any(|p| p.pid == std::process::id()));
    }
}
