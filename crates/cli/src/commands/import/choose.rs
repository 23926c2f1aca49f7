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

impl Chosen<'_> {
    /// No record is meant.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.there == 0 && self.refused.is_empty()
    }

    /// Takes out what would go into a namespace that is not there.
    pub fn homeless(&mut self, namespace: &str) {
        let (gone, stay) = std::mem::take(&mut self.wanted)
            .into_iter()
            .partition::<Vec<_>, _>(|(_, into)| into == namespace);
        self.wanted = stay;
        for (entry, _) in gone {
            let (old, run) = entry.of.as_ref().map_or(("", ""), |of| (&of.namespace, &of.run));
            let why = format!(
                "there is no namespace {namespace}: kubectl create namespace {namespace}, or --namespace {old}=NEW"
            );
            self.refused.push((old.into(), run.into(), why));
        }
    }
}

/// What could be named.
pub fn known(entries: &[Entry]) -> String {
    let names = |of: fn(&Entry) -> Option<&str>| {
        let all: std::collections::BTreeSet<_> = entries.iter().filter_map(of).collect();
        let shown: Vec<_> = all.iter().take(8).copied().collect();
        let more = if all.len() > 8 { ", ..." } else { "" };
        match shown.is_empty() {
            true => "none".to_owned(),
            false => shown.join(", ") + more,
        }
    };
    format!(
        "namespaces: {}; schedules: {}; clusters: {}",
        names(|e| e.of.as_ref().map(|p| p.namespace.as_str())),
        names(|e| e.of.as_ref().and_then(|p| p.schedule.as_deref())),
        names(|e| e.cluster.as_deref())
    )
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
    fn a_namespace_that_is_not_there_gets_no_run_and_the_others_get_theirs() {
        let all = [
            entry("shop", "a", "one", State::Good),
            entry("crm", "b", "one", State::Good),
        ];
        let every = Choice {
            from_cluster: None,
            namespaces: &[],
            schedule: None,
            isolated: false,
        };
        let mut chosen = choose(&all, &every);
        chosen.homeless("shop");
        let names: Vec<_> = chosen.wanted.iter().map(|(e, n)| format!("{n}/{}", e.key)).collect();
        assert_eq!(names, ["crm/b"]);
        let (namespace, run, why) = &chosen.refused[0];
        assert_eq!((namespace.as_str(), run.as_str()), ("shop", "a"));
        assert!(why.contains("kubectl create namespace shop") && !chosen.is_empty());
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
        let none = choose(&all, &with(None, &[], Some("hourly"), false));
        assert!(none.is_empty());
        let words = known(&all);
        assert_eq!(words, "namespaces: crm, shop; schedules: nightly; clusters: , one, two");
        assert!(moved("=x").is_err() && moved("x=").is_err());
        assert_eq!(moved("x"), moved("x=x"));
    }
}
