//! Names of children: each a function of its parent, so that nothing is ever made twice.

/// The longest name a schedule may have: a run's name adds a dash and ten digits, and is a label value (63 bytes).
pub const SCHEDULE_MAX: usize = 52;

/// The run of a schedule for one tick, in seconds since 1970.
pub fn run_of(schedule: &str, tick: i64) -> String {
    format!("{schedule}-{tick}")
}

/// Whether a name is one that `run_of` gives to a run of that schedule.
pub fn is_run_of(name: &str, schedule: &str) -> bool {
    let tick = name.strip_prefix(schedule).and_then(|rest| rest.strip_prefix('-'));
    tick.and_then(|tick| tick.parse().ok())
        .is_some_and(|tick| run_of(schedule, tick) == name)
}

/// Why a Pod works for a run; part of the Pod's name and of the agent's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The run's one backup.
    Backup,
    /// One of the run's restores.
    Restore,
}

impl Action {
    /// `backup` or `restore`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restore => "restore",
        }
    }
}

/// `backup-1`, `restore-3`: the attempt as labels and the agent know it.
pub fn attempt(action: Action, number: u32) -> String {
    format!("{}-{number}", action.word())
}

/// The Pod of one attempt: `<run>-backup-1`. Long run names are cut and get a hash of the whole, so that the
/// name fits a DNS label (63 bytes, RFC 1123) and two runs never share one.
pub fn pod_of(run: &str, action: Action, number: u32) -> String {
    let suffix = format!("-{}", attempt(action, number));
    let clean: String = run.chars().map(|c| if c == '.' { '-' } else { c }).collect();
    if clean == run && run.len() + suffix.len() <= 63 {
        return format!("{run}{suffix}");
    }
    let hash = stable_hash(run);
    let room = 63 - suffix.len() - 17;
    let head: String = clean.chars().take(room).collect();
    format!("{}-{hash:016x}{suffix}", head.trim_end_matches('-'))
}

/// FNV-1a, 64 bits: the same in every version of the operator, unlike Rust's own hashes.
pub fn stable_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A DNS label (RFC 1123): namespaces, containers, volumes.
pub fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_labels_part(text)
}

/// A DNS subdomain (RFC 1123): most objects. Unlike in DNS, its labels may be as long as the whole.
pub fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_labels_part)
}

fn is_labels_part(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(plain) && text.ends_with(plain) && text.chars().all(|c| plain(c) || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_of_its_schedule_only_by_the_whole_name() {
        for (name, of) in [
            ("db-17", true),
            ("db--1", true),
            ("db-017", false),
            ("db-", false),
            ("db-x", false),
            ("db", false),
            ("db-2-17", false),
            ("", false),
        ] {
            assert_eq!(is_run_of(name, "db"), of, "{name}");
        }
    }

    #[test]
    fn a_pod_name_fits_a_dns_label_and_tells_runs_apart() {
        assert_eq!(pod_of("db-1", Action::Backup, 1), "db-1-backup-1");
        let a = pod_of(&"a".repeat(200), Action::Restore, 12);
        let b = pod_of(&"a".repeat(201), Action::Restore, 12);
        assert!(a.len() <= 63 && a != b, "{a} {b}");
        assert!(!pod_of("a.b", Action::Backup, 1).contains('.'));
        assert_ne!(pod_of("a.b", Action::Backup, 1), pod_of("a-b", Action::Backup, 1));
    }
}
