//! Which namespaces are watched: all of them by one watch of each kind, or some, each by its own.
use std::fmt;

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Client, Resource};

/// The longest name of a namespace (RFC 1123 label), bytes.
const LONGEST: usize = 63;

/// The namespaces whose schedules, runs and Pods are watched and acted upon. Storages are cluster-wide, and watched always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All, those to come included.
    #[default]
    All,
    /// These, in the order given: at least one, none twice.
    Namespaces(Vec<String>),
}

impl Scope {
    /// Reads names with commas between them; nothing means all.
    ///
    /// # Errors
    /// Says every element that cannot be the name of a namespace, is empty, or is there twice.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::All);
        }
        let names: Vec<&str> = text.split(',').collect();
        let faults: Vec<_> = names
            .iter()
            .enumerate()
            .filter_map(|(at, name)| fault(name, names.get(..at).unwrap_or_default()))
            .collect();
        if faults.is_empty() {
            Ok(Self::Namespaces(names.into_iter().map(Into::into).collect()))
        } else {
            Err(faults.join("; "))
        }
    }

    /// A namespace that the operator may create Pods in; none where it may in all.
    pub fn first(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Namespaces(names) => names.first().map(String::as_str),
        }
    }

    /// What to watch to see all objects of a kind.
    pub fn watched<K>(&self, client: &Client) -> Vec<Watched<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        let Self::Namespaces(names) = self else {
            return vec![Watched::all(client)];
        };
        let one = |name: &String| Watched {
            namespace: Some(name.clone()),
            api: Api::namespaced(client.clone(), name),
        };
        names.iter().map(one).collect()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Namespaces(names) => f.write_str(&names.join(",")),
        }
    }
}

/// One watch.
pub struct Watched<K> {
    /// The namespace that it sees; none where it sees all, or the kind has no namespaces.
    pub namespace: Option<String>,
    /// What is listed and watched.
    pub api: Api<K>,
}

impl<K: Resource<DynamicType = ()>> Watched<K> {
    /// The one watch that sees all objects of a kind.
    pub fn all(client: &Client) -> Self {
        Self {
            namespace: None,
            api: Api::all(client.clone()),
        }
    }
}

/// What is wrong with an element, if anything.
fn fault(name: &str, before: &[&str]) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.trim().is_empty() {
        return Some("an element is empty: name namespaces with one comma between two, as in team-a,team-b".into());
    }
    if name.trim() != name {
        return Some(format!("{name:?} has spaces around it: write {}", name.trim()));
    }
    if name.len() > LONGEST {
        return Some(format!(
            "{name:?} has {} bytes: the name of a namespace has {LONGEST} at most",
            name.len()
        ));
    }
    if !(name.starts_with(plain) && name.ends_with(plain) && name.chars().all(|c| plain(c) || c == '-')) {
        return Some(format!(
            "{name:?} cannot be the name of a namespace: lower case letters, digits and, between them, - are possible"
        ));
    }
    before.contains(&name).then(|| format!("{name} is there twice"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_means_all_and_names_mean_these() {
        assert_eq!(Scope::parse(""), Ok(Scope::All));
        for (text, names) in [("a", vec!["a"]), ("team-a,0,b2", vec!["team-a", "0", "b2"])] {
            let names = names.into_iter().map(String::from).collect();
            assert_eq!(Scope::parse(text), Ok(Scope::Namespaces(names)));
        }
        let longest = "x".repeat(LONGEST);
        assert_eq!(Scope::parse(&longest).unwrap().to_string(), longest);
    }

    #[test]
    fn what_cannot_be_a_namespace_is_refused_in_words() {
        let long = "x".repeat(LONGEST + 1);
        for (text, words) in [
            (",", "an element is empty"),
            ("a,", "an element is empty"),
            ("a,,b", "an element is empty"),
            (" ", "an element is empty"),
            ("a, b", "\" b\" has spaces around it: write b"),
            ("a,b,a", "a is there twice"),
            ("Team", "\"Team\" cannot be the name of a namespace"),
            ("a.b", "\"a.b\" cannot be"),
            ("-a", "\"-a\" cannot be"),
            ("a-", "\"a-\" cannot be"),
            ("a b", "\"a b\" cannot be"),
            ("*", "\"*\" cannot be"),
            ("ä", "cannot be"),
            (&long, "has 64 bytes"),
        ] {
            let error = Scope::parse(text).unwrap_err();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }

    #[test]
    fn all_faults_are_said_at_once() {
        let error = Scope::parse("A,,b,b").unwrap_err();
        for words in ["\"A\" cannot", "is empty", "b is there twice"] {
            assert!(error.contains(words), "{error}");
        }
    }
}
