//! Backups of a storage that no run of this cluster names, by their records.
use crate::catalog::State;
use crate::commands::catalog::look;
use crate::commands::verify::named::Named;
use crate::read::connect::Who;
use crate::read::fault::Fault;
use crate::read::target::{Of, parse};
use crate::stored::flags::Reached;
use crate::stored::key::Key;
use crate::stored::recorded;

/// The objects, each with the name of the run that made it. One without a record, or with one that lies, is said in its place.
///
/// # Errors
/// A name is no storage, its bucket cannot be read, or it has no orphan.
pub fn sources(who: &Who, names: &[String], reached: &Reached, key: Option<&Key>) -> Result<Vec<Named>, Fault> {
    let session = who.connect(None)?;
    let mut all = Vec::new();
    for text in names {
        let doing = format!("verify {text} --orphans");
        let parsed = parse(text, &[Of::Storage]);
        let (_, storage) = parsed.map_err(|why| Fault::new(&doing, why, "kubectl backup list storages"))?;
        let seen = session.block_on(look(&session, &storage, reached))?;
        let before = all.len();
        for entry in seen.entries.iter().filter(|entry| !entry.has_run) {
            let name = entry
                .of
                .as_ref()
                .map_or_else(|| entry.key.clone(), |of| format!("{}/{}", of.namespace, of.run));
            let refused = |why: &str, next: &str| Err(Fault::new(format!("verify {}", entry.key), why, next));
            let source = match (&entry.state, &entry.record) {
                (State::Good, Some((_, record))) => Ok(recorded::source(&seen.bucket, record, key.cloned(), None)),
                (State::NoRecord, _) => refused(
                    "it has no record: nothing says how it was made",
                    "kubectl backup verify --storage-file FILE --path PATH, with what you know of it",
                ),
                (State::NoObject, _) => refused("there is only its record left", "the store's own log of deletions"),
                (State::Unreadable(why), _) => refused(why, "kubectl backup catalog STORAGE -o wide"),
                (State::Good | State::Replaced, _) => refused(
                    "another object lies where its record says",
                    "kubectl backup catalog STORAGE -o wide",
                ),
            };
            all.push((name, source));
        }
        if all.len() == before {
            return Err(Fault::new(
                &doing,
                "all that is in its bucket has a run in this cluster",
                format!("kubectl backup verify {text} -A"),
            ));
        }
    }
    Ok(all)
}
