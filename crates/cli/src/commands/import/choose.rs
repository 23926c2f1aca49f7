//! Which records become runs, and where.
use crate::catalog::{Entry, State};

/// Backups of one namespace, and where their runs are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    old: String,
    new: String,
}

/// Reads `OLD` or `OLD=NEW`.
///
/// # Errors
/// A name is empty.
pub fn moved(text: &str) -> Result<Moved, String> {
    let (old, new) = text.split_once('=').unwrap_or((text, text));
    if old.is_empty() || new.is_empty() {
        return Err("is no OLD or OLD=NEW".into());
    }
    Ok(Moved {
        old: old.into(),
        new: new.into(),
    })
}

/// What is meant.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// Of this cluster only.
    pub from_cluster: Option<&'a str>,
    /// Of these namespaces only.
    pub namespaces: &'a [Moved],
    /// Of this schedule only.
    pub schedule: Option<&'a str>,
    /// The storage keeps the objects of each namespace apart.
    pub isolated: bool,
}

/// What was chosen.
#[derive(Debug, Default, PartialEq)]
pub struct Chosen<'e> {
    /// Records that become runs, and in which namespace.
    pub wanted: Vec<(&'e Entry, String)>,
    /// How many have a run already.
    pub there: usize,
    /// Namespace and run of those that were meant and cannot be, and why.
    pub refused: Vec<(String, String, String)>,
}

/// Chooses.
pub fn choose<'e>(entries: &'e [Entry], choice: &Choice<'_>) -> Chosen<'e> {
    let mut chosen = Chosen::default();
    for entry in entries {
        let Some(of) = &entry.of else { continue };
        let namespace = match choice.namespaces {
            [] => Some(of.namespace.clone()),
            all => all.iter().find(|m| m.old == of.namespace).map(|m| m.new.clone()),
        };
        let Some(namespace) = namespace else { continue };
        let is_of = |wanted: Option<&str>, is: Option<&str>| wanted.is_none() || wanted == is;
        if !is_of(choice.schedule, of.schedule.as_deref()) {
            continue;
        }
        let mut refuse = |why: String| chosen.refused.push((of.namespace.clone(), of.run.clone(), why));
        match &entry.state {
            // Of whom a record is that nobody can read is not known.
            State::Unreadable(why) if choice.from_cluster.is_none() => refuse(why.clone()),
            State::Unreadable(_) | State::NoRecord => {}
            _ if !is_of(choice.from_cluster, entry.cluster.as_deref()) => {}
            // What is not in the bucket any more is `catalog`'s to tell.
            State::NoObject | State::Replaced => {}
            State::Good if entry.has_run => chosen.there += 1,
            State::Good if choice.isolated && namespace != of.namespace => refuse(format!(
                "the storage keeps the objects of each namespace apart (namespaceIsolation: Prefix): a run in {namespace} can name none of {}",
                of.namespace
            )),
            State::Good => chosen.wanted.push((entry, namespace)),
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use api::place::Place;

    use super::*;

    fn entry(namespace: &str, run: &str, cluster: &str, state: State) -> Entry {
        Entry {
            key: run.into(),
            of: Some(Place {
                namespace: namespace.into(),
                schedule: Some("nightly".into()),
                run: run.into(),
            }),
            cluster: Some(cluster.into()),
            record: None,
            object: None,
            state,
            has_run: false,
        }
    }

    #[test]
    fn only_what_is_good_meant_and_not_there_becomes_a_run_and_in_the_namespace_that_was_said() {
        let all = [
            entry("shop", "a", "one", State::Good),
            entry("shop", "gone", "one", State::NoObject),
            entry("shop", "old", "one", State::Replaced),
            entry("shop", "bare", "one", State::NoRecord),
            entry("shop", "bad", "", State::Unreadable("no JSON".into())),
            Entry {
                has_run: true,
                ..entry("shop", "there", "one", State::Good)
            },
            entry("crm", "b", "two", State::Good),
        ];
        let moves = [moved("shop=drill").unwrap()];
        let with = |from_cluster, namespaces, schedule, isolated| Choice {
            from_cluster,
            namespaces,
            schedule,
            isolated,
        };
        for (choice, wanted, there, refused) in [
            (with(None, &[][..], None, false), &["shop/a", "crm/b"][..], 1, 1),
            (with(Some("two"), &[], None, false), &["crm/b"], 0, 0),
            (with(None, &moves, None, false), &["drill/a"], 1, 1),
            (with(None, &moves, None, true), &[], 1, 2),
            (with(None, &[], Some("hourly"), false), &[], 0, 0),
            (with(Some("one"), &[], Some("nightly"), true), &["shop/a"], 1, 0),
        ] {
            let chosen = choose(&all, &choice);
            let names: Vec<_> = chosen.wanted.iter().map(|(e, n)| format!("{n}/{}", e.key)).collect();
            assert_eq!(names, wanted, "{choice:?}");
            assert_eq!((chosen.there, chosen.refused.len()), (there, refused), "{choice:?}");
        }
        assert!(moved("=x").is_err() && moved("x=").is_err());
        assert_eq!(moved("x"), moved("x=x"));
    }
}
