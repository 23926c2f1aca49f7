//! What backup and restore have in common: a command that can be started, and a deadline that can come.
use super::Faults;

/// The longest deadline, in seconds, some 136 years: the clocks of the agent and of the operator can count to it, and people
/// who mean "none" write less.
const SECONDS_MAX: u64 = u32::MAX as u64;
/// The longest single argument that Linux starts a program with, in bytes (`MAX_ARG_STRLEN`, with its closing NUL).
const ARGUMENT_MAX: usize = 128 * 1024 - 1;

/// Checks one action.
pub(super) fn check(name: &str, command: &[String], args: &[String], deadline: Option<u64>, faults: &mut Faults) {
    if command.first().is_none_or(String::is_empty) {
        faults.add(
            &format!("{name}.command"),
            "the program to run is missing: its first element must not be empty",
        );
    }
    for (group, words) in [("command", command), ("args", args)] {
        for (index, word) in words.iter().enumerate() {
            let at = format!("{name}.{group}[{index}]");
            if word.contains('\0') {
                faults.add(&at, "has a NUL character, which no argument of a program can have");
            }
            if word.len() > ARGUMENT_MAX {
                faults.add(
                    &at,
                    format!(
                        "has {} bytes, and Linux starts no program with an argument of more than {ARGUMENT_MAX}; put it into a file (a ConfigMap)",
                        word.len()
                    ),
                );
            }
        }
    }
    seconds(deadline, &format!("{name}.deadlineSeconds"), "no limit", faults);
}

/// Checks a deadline; `left_out` is what its absence means.
pub(super) fn seconds(given: Option<u64>, field: &str, left_out: &str, faults: &mut Faults) {
    match given {
        Some(0) => faults.add(field, format!("has to be at least 1; leave it out for {left_out}")),
        Some(seconds) if seconds > SECONDS_MAX => faults.add(
            field,
            format!("{seconds} is further away than clocks count: at most {SECONDS_MAX} are possible; leave it out for {left_out}"),
        ),
        _ => {}
    }
}
