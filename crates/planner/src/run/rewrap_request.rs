//! A request to encrypt a good backup for others: what it comes to, or why it cannot be.
use api::names::stable_hash;
use api::rewrap::{Replaced, Rewrap, RewrapRequest};
use api::{BackupRun, BackupRunStatus, condition, labels};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::run::lock;
use crate::run::moved::moved;
use crate::run::observed::{Observed, StorageView};
use crate::run::recipients::MOST;
use crate::run::tell;
use crate::validate::recipient;
use crate::validate::run::check_path;

/// Whom the backup is to be encrypted for, and where it will lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// All of them.
    pub recipients: Vec<String>,
    /// The path of the new object.
    pub path: String,
    /// Its key.
    pub key: String,
}

/// Whom a backup is encrypted for, as far as is known.
pub fn current(run: &BackupRun) -> &[String] {
    let encryption = run.spec.encryption.as_ref();
    encryption.map(|e| e.recipients.as_slice()).unwrap_or_default()
}

/// What the run's annotation asks for; None: it asks for nothing.
///
/// # Errors
/// Why it cannot be, and what would be right.
pub fn asked(o: &Observed<'_>, status: &BackupRunStatus) -> Option<Result<Wanted, String>> {
    let text = o.run.annotations().get(labels::REWRAP)?;
    Some(possible(o, status).and_then(|key| {
        let recipients = set(current(o.run), text)?;
        let path = path(status.path.as_deref().unwrap_or_default(), o.run, o.now, 0)?;
        Ok(Wanted {
            key: beside(key, status.path.as_deref().unwrap_or_default(), &path)?,
            recipients,
            path,
        })
    }))
}

/// The set that a request makes of another one.
///
/// # Errors
/// It cannot be read, names no recipient, comes to nothing, or to nobody.
pub fn set(current: &[String], text: &str) -> Result<Vec<String>, String> {
    let field = labels::REWRAP;
    let asked: RewrapRequest = serde_json::from_str(text).map_err(|e| {
        format!("annotation {field}: {e}; JSON is wanted, as in {{\"add\": [\"age1...\"], \"remove\": [\"age1...\"]}}")
    })?;
    for (list, name) in [(&asked.add, "add"), (&asked.remove, "remove")] {
        for (n, one) in list.iter().enumerate() {
            recipient::check(one).map_err(|why| format!("annotation {field}: {name}[{n}] {why}"))?;
        }
    }
    let names = |list: &[String], one: &str| list.iter().any(|other| same(other, one));
    if let Some(both) = asked.add.iter().find(|one| names(&asked.remove, one)) {
        return Err(format!("annotation {field}: {both} is to be added and removed"));
    }
    if let Some(stranger) = asked.remove.iter().find(|one| !names(current, one)) {
        return Err(format!(
            "annotation {field}: the backup is not encrypted for {stranger}; it is for: {}",
            current.join(", ")
        ));
    }
    let mut all: Vec<String> = current
        .iter()
        .filter(|one| !names(&asked.remove, one))
        .cloned()
        .collect();
    let kept = all.len();
    for one in &asked.add {
        if !names(&all, one) {
            all.push(one.clone());
        }
    }
    if all.is_empty() {
        return Err(format!(
            "annotation {field}: nobody would be left who can decrypt the backup; add a recipient, too"
        ));
    }
    if all.len() == kept && kept == current.len() {
        return Err(format!(
            "annotation {field}: there is nothing to change; the backup is encrypted for: {}",
            current.join(", ")
        ));
    }
    if all.len() > MOST {
        return Err(format!(
            "annotation {field}: {} recipients would be named, and at most {MOST} are possible",
            all.len()
        ));
    }
    Ok(all)
}

/// The comment of an SSH key is not part of it.
fn same(one: &str, other: &str) -> bool {
    let key = |text: &str| {
        text.split_whitespace()
            .take(2)
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    key(one) == key(other)
}

/// The key of the object that can be rewrapped.
///
/// # Errors
/// Why it cannot, and what would be right.
pub fn possible<'s>(o: &Observed<'_>, status: &'s BackupRunStatus) -> Result<&'s str, String> {
    let good = condition::is_true(&status.conditions, condition::SUCCESSFUL) && o.run.spec.backup.is_some();
    if !good {
        return Err("this run has no good backup of its own".into());
    }
    let key = status.key.as_deref().filter(|_| status.etag.is_some());
    let key = key.ok_or("which object its backup is was never recorded, as of a run that the Go operator made; make a new backup, and remove the old object by hand")?;
    if tell::is_overwritten(status) {
        return Err("its object was overwritten by a newer run of the same path; rewrap that one".into());
    }
    let encryption = o.run.spec.encryption.as_ref();
    let encryption =
        encryption.ok_or("the backup is not encrypted (spec.encryption is not set); make a new one that is")?;
    // A run that came back without its status, and whose record does not say it either: the spec has those of before a rewrap.
    if encryption.recipients.is_empty() || before_all(key).is_some() && status.recipients.is_empty() {
        return Err("whom the backup is encrypted for is not known; make a new one".into());
    }
    if encryption.decryption_key.is_none() {
        return Err("spec.encryption.decryptionKey is not set, and without an identity that opens the backup it cannot be encrypted for others; add it to the run, and ask again".into());
    }
    if let Some(lock) = lock::all(status).find(|lock| lock.holds(o.now)) {
        return Err(match (&lock.until, lock.legal_hold) {
            (Some(until), false) => format!(
                "its object may not be removed until {}: what it was encrypted for before could be read until then; ask again after that",
                until.0
            ),
            _ => "a legal hold lies on its object, or on a copy, which may not be removed: what it was encrypted for before could still be read; take the hold off (annotation backup-operator.io/legal-hold: \"false\"), and ask again".into(),
        });
    }
    match &o.storage {
        StorageView::Missing => return Err(format!("there is no BackupStorage {:?}", o.run.spec.storage.name)),
        StorageView::Refused { message } => return Err(message.clone()),
        StorageView::Ready(_) | StorageView::NotReady { .. } => {}
    }
    if let Some(moved) = moved(&o.storage, status.location.as_ref()) {
        return Err(format!(
            "its object {}; have the storage name that bucket again, or copy the object",
            moved.words()
        ));
    }
    // Whoever may write the status may have named another namespace's object.
    match o.storage.forbids(key) {
        Some(why) => Err(why),
        None => Ok(key),
    }
}

/// The new object lies beside the old one, under a name of this run, request and try alone: no other run writes there, and a second request or
/// try never meets what a first one left.
fn path(old: &str, run: &BackupRun, now: Timestamp, failures: u32) -> Result<String, String> {
    let uid = run.metadata.uid.as_deref().unwrap_or_default();
    // In whole seconds, which every way of writing a time keeps: it is made once more to know whether a status names it.
    let mark = match failures {
        0 => stable_hash(&format!("{uid} {}", now.as_second())),
        more => stable_hash(&format!("{uid} {} {more}", now.as_second())),
    };
    let path = marked(old, &format!("{:08x}", mark & 0xffff_ffff));
    check_path(&path).map_err(|why| format!("the path of the new object: {why}"))
}

/// Whether the status names what this run would make of what it has, and nothing else.
pub fn is_own(run: &BackupRun, status: &BackupRunStatus, rewrap: &Rewrap) -> bool {
    // Of a try that an operator of before has begun the name has no number.
    let tries = [rewrap.failures, 0];
    let mut names = tries.iter().filter_map(|tries| next_try(run, status, rewrap, *tries));
    names.any(|(path, key)| path == rewrap.path && key == rewrap.key)
}

/// The path and the key of what the try after so many failures makes.
pub fn next_try(run: &BackupRun, status: &BackupRunStatus, rewrap: &Rewrap, failures: u32) -> Option<(String, String)> {
    let old = status.path.as_deref().unwrap_or_default();
    let path = path(old, run, rewrap.since.0, failures).ok()?;
    let key = beside(status.key.as_deref().unwrap_or_default(), old, &path).ok()?;
    Some((path, key))
}

/// The key of what is made anew of a copy: beside it, with the mark of the new object.
pub fn beside_too(key: &str, new_path: &str) -> String {
    match split(new_path).1 {
        Some(mark) => marked(key, mark),
        None => key.to_owned(),
    }
}

/// Whether two keys are those of one backup, before and after rewraps.
fn are_beside(one: &str, other: &str) -> bool {
    split(one).0 == split(other).0
}

/// Whether it lies beside what the run has now: whoever may write the status may have named what is another's.
pub fn is_of(status: &BackupRunStatus, old: &Replaced) -> bool {
    let now = match &old.storage {
        None => status.key.as_ref(),
        Some(name) => status.copies.iter().find(|c| c.storage == *name).map(|c| &c.key),
    };
    now.is_some_and(|now| are_beside(now, &old.key))
}

/// The key that an object had before its first rewrap; None: it has none of a rewrap.
pub fn before_all(key: &str) -> Option<String> {
    let (plain, mark) = split(key);
    mark.map(|_| plain)
}

const MARK: &str = ".rewrap-";

/// A name with another mark, or its first.
fn marked(name: &str, mark: &str) -> String {
    let (plain, _) = split(name);
    let at = plain.rfind('/').map_or(0, |slash| slash + 1);
    let (folder, file) = plain.split_at(at);
    let (stem, extension) = match file.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (file, String::new()),
    };
    format!("{folder}{stem}{MARK}{mark}{extension}")
}

/// A name without its mark, and the mark.
fn split(name: &str) -> (String, Option<&str>) {
    let plain = || (name.to_owned(), None);
    let at = name.rfind('/').map_or(0, |slash| slash + 1);
    let Some((stem, rest)) = name.get(at..).and_then(|file| file.rsplit_once(MARK)) else {
        return plain();
    };
    let (mark, extension) = rest
        .split_once('.')
        .map_or((rest, ""), |(mark, _)| (mark, &rest[mark.len()..]));
    let is_mark = mark.len() == 8 && mark.bytes().all(|b| b.is_ascii_hexdigit());
    match !stem.is_empty() && is_mark {
        true => (format!("{}{stem}{extension}", &name[..at]), Some(mark)),
        false => plain(),
    }
}

/// Below the same prefix.
fn beside(key: &str, old: &str, new: &str) -> Result<String, String> {
    let prefix = key
        .strip_suffix(old.trim_start_matches('/'))
        .filter(|_| !old.is_empty());
    let prefix = prefix.ok_or("its key is not the one of its path, and where the new object is to lie is not known")?;
    Ok(format!("{prefix}{}", new.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    const B: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    const S: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@example.com";

    fn of(all: &[&str]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_request_adds_and_removes_by_key_and_keeps_the_order_of_who_stays() {
        let text = |add: &[&str], remove: &[&str]| serde_json::json!({"add": add, "remove": remove}).to_string();
        assert_eq!(set(&of(&[A]), &text(&[B], &[])).unwrap(), [A, B]);
        assert_eq!(set(&of(&[A, S]), &text(&[B], &[A])).unwrap(), [S, B]);
        let other_comment = S.replace("alice", "bob");
        assert_eq!(set(&of(&[A, S]), &text(&[], &[&other_comment])).unwrap(), [A]);
        assert_eq!(
            set(&of(&[A]), &text(&[A, B], &[])).unwrap(),
            [A, B],
            "who is there stays once"
        );
    }

    #[test]
    fn a_request_that_cannot_be_is_refused_with_what_would_be_right() {
        for (text, words) in [
            ("yes".into(), "JSON is wanted"),
            (r#"{"add": [], "drop": []}"#.into(), "unknown field `drop`"),
            (r#"{"add": ["hello"]}"#.into(), "add[0] is no recipient"),
            (format!(r#"{{"remove": ["{A}"]}}"#), "nobody would be left"),
            (format!(r#"{{"add": ["{A}"]}}"#), "nothing to change"),
            ("{}".into(), "nothing to change"),
            (format!(r#"{{"remove": ["{B}"]}}"#), "is not encrypted for age1t7"),
            (format!(r#"{{"add": ["{A}"], "remove": ["{A}"]}}"#), "added and removed"),
        ] {
            let why = set(&of(&[A]), &text).unwrap_err();
            assert!(
                why.contains(words) && why.contains("backup-operator.io/rewrap"),
                "{why}"
            );
        }
        let secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
        let why = set(&of(&[A]), &format!(r#"{{"add": ["{secret}"]}}"#)).unwrap_err();
        assert!(why.contains("is a secret identity") && !why.contains("GFPYY"), "{why}");
    }

    #[test]
    fn the_new_object_lies_beside_the_old_one_and_keeps_its_extension() {
        let run = testing::backup_run();
        let at = |old: &str| path(old, &run, Timestamp::UNIX_EPOCH, 0).unwrap();
        let first = at("/shop/db.sql.zst.age");
        assert!(
            first.starts_with("/shop/db.sql.zst.rewrap-") && first.ends_with(".age"),
            "{first}"
        );
        assert_eq!(at(&first), first, "a second one takes the place of the mark");
        assert!(at("/shop/v1.2/db").starts_with("/shop/v1.2/db.rewrap-"));
        assert!(at("/.hidden").starts_with("/.hidden.rewrap-"));
        for (key, mark) in [
            ("far/db.sql", "far/db.rewrap-0000beef.sql"),
            ("far/db.rewrap-00000001", "far/db.rewrap-0000beef"),
        ] {
            assert_eq!(beside_too(key, "/a.b/other.rewrap-0000beef.sql.age"), mark);
            assert!(are_beside(key, mark));
        }
        assert!(!are_beside("a/db.sql", "b/db.sql") && !are_beside("db.rewrap-1.sql", "db.sql"));
        assert!(path(&format!("/{}", "x".repeat(995)), &run, Timestamp::UNIX_EPOCH, 0).is_err());
        assert_eq!(
            beside("team/shop/db.age", "/shop/db.age", "/shop/n.age").unwrap(),
            "team/shop/n.age"
        );
        assert!(beside("elsewhere", "/shop/db.age", "/shop/n.age").is_err());
    }
}
