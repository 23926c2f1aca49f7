//! Signals by their names.

/// `SIGKILL` for 9.
pub fn signal_name(number: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ];
    let known = usize::try_from(number)
        .ok()
        .and_then(|n| n.checked_sub(1))
        .and_then(|n| NAMES.get(n));
    known.map_or_else(|| format!("signal {number}"), |name| format!("SIG{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_named_as_in_signal_7() {
        let named = [1, 9, 11, 15, 31].map(signal_name);
        assert_eq!(named, ["SIGHUP", "SIGKILL", "SIGSEGV", "SIGTERM", "SIGSYS"]);
        assert_eq!([signal_name(0), signal_name(40)], ["signal 0", "signal 40"]);
    }
}
