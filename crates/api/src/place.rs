//! Where records lie: a folder of the operator's own, which no path of a run leads into.

use crate::names::{is_label, is_subdomain};

/// The folder of a prefix that is the operator's: records, and the objects of its probes.
pub const OWN: &str = ".backup-operator";
/// Below it, where records are.
const RECORDS: &str = ".backup-operator/records/";
/// Stands for the schedule of a run that has none; no schedule can be called so (RFC 1123).
const NONE: &str = "-";

/// Whose record it is, as its key says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The run's namespace.
    pub namespace: String,
    /// The schedule that made the run.
    pub schedule: Option<String>,
    /// The run.
    pub run: String,
}

impl Place {
    /// The key of the record below a prefix, `team/` or nothing: with the namespace where the storage keeps namespaces apart.
    pub fn key(&self, prefix: &str) -> String {
        let schedule = self.schedule.as_deref().unwrap_or(NONE);
        format!("{prefix}{RECORDS}{}/{schedule}/{}.json", self.namespace, self.run)
    }

    /// What a key says; None where it is not that of a record. The prefix before the folder is given, too.
    pub fn of(key: &str) -> Option<(&str, Self)> {
        let at = key
            .rfind(RECORDS)
            .filter(|at| *at == 0 || key.get(..*at).is_some_and(|p| p.ends_with('/')))?;
        let (prefix, rest) = (key.get(..at)?, key.get(at + RECORDS.len()..)?);
        let mut parts = rest.split('/');
        let (namespace, schedule, file) = (parts.next()?, parts.next()?, parts.next()?);
        let run = file.strip_suffix(".json")?;
        // Whoever may write to the bucket chooses its keys, and these names go into requests to the API server.
        let named = is_label(namespace) && (schedule == NONE || is_subdomain(schedule)) && is_subdomain(run);
        let whole = parts.next().is_none() && named;
        whole.then(|| {
            let place = Self {
                namespace: namespace.into(),
                schedule: (schedule != NONE).then(|| schedule.into()),
                run: run.into(),
            };
            (prefix, place)
        })
    }
}

/// Where the records of a prefix are listed.
pub fn below(prefix: &str) -> String {
    format!("{prefix}{RECORDS}")
}

/// The segments of a path or a key, last first. Some stores (SeaweedFS) take `\` for `/`: what could lead elsewhere there leads nowhere here.
pub fn segments(key: &str) -> impl Iterator<Item = &str> {
    key.rsplit(['/', '\\'])
}

/// A key is one of the operator's own objects, and no backup.
pub fn is_own(key: &str) -> bool {
    segments(key).skip(1).any(|folder| folder == OWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_whose_record_it_is_and_nothing_else_is_one() {
        let place = |schedule: Option<&str>| Place {
            namespace: "shop".into(),
            schedule: schedule.map(Into::into),
            run: "nightly-1769904000".into(),
        };
        for (prefix, schedule) in [
            ("", Some("nightly")),
            ("team/", None),
            ("a/.backup-operator/records/b/", None),
        ] {
            let key = place(schedule).key(prefix);
            assert_eq!(Place::of(&key), Some((prefix, place(schedule))), "{key}");
            assert!(is_own(&key) && key.starts_with(&below(prefix)));
        }
        for key in [
            "shop/nightly.backup",
            ".backup-operator/probe-1",
            ".backup-operator/records/shop/nightly/x",
            ".backup-operator/records/shop/x.json",
            ".backup-operator/records/shop//x.json",
            ".backup-operator/records/shop/nightly/x/y.json",
            ".backup-operator/records/a b/-/x.json",
            ".backup-operator/records/shop%2fbackupruns/-/x.json",
            ".backup-operator/records/shop/nightly/x?dryRun=All.json",
            ".backup-operator/records/shop/../x.json",
            ".backup-operator/records/Shop/-/x.json",
            "x.backup-operator/records/shop/nightly/x.json",
            "",
        ] {
            assert_eq!(Place::of(key), None, "{key}");
        }
        assert!(is_own(".backup-operator/probe-1") && !is_own("shop/.backup-operator") && !is_own("shop/a"));
    }

    #[test]
    fn a_key_that_a_store_takes_for_one_of_the_operators_own_is_one() {
        for (key, own) in [
            (".backup-operator\\records\\shop\\-\\x.json", true),
            ("team/.backup-operator\\records/x", true),
            ("team\\.backup-operator/x", true),
            ("team\\a.sql", false),
            ("team/a\\.backup-operator", false),
            ("team/.backup-operator-x\\a", false),
        ] {
            assert_eq!(is_own(key), own, "{key}");
        }
    }
}
