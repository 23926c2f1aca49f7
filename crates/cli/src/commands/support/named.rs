//! The namespaces that were named: the API server lists a namespace that is not there as an empty one, so that a slip would look like a cluster
//! without backups.
use std::collections::BTreeSet;

use super::ask::{Kubectl, Refusal};
use super::collect::CORE;

/// What is known of them.
#[derive(Default)]
pub struct Named {
    missing: BTreeSet<String>,
    unknown: Vec<(String, Refusal)>,
    count: usize,
}

impl Named {
    /// Asks for each.
    pub fn look(kubectl: &Kubectl, names: &[String]) -> Self {
        let names: BTreeSet<_> = names.iter().collect();
        let mut named = Self {
            count: names.len(),
            ..Self::default()
        };
        for name in names {
            match kubectl.json(&format!("{CORE}/namespaces/{name}")) {
                Ok(_) => {}
                Err(Refusal::NotFound) => {
                    named.missing.insert(name.clone());
                }
                Err(why) => named.unknown.push((name.clone(), why)),
            }
        }
        named
    }

    /// What is to be said of those that are missing, and of those that may be, as nothing was found in them.
    pub fn notes(&self, found: &BTreeSet<String>) -> Vec<String> {
        let missing = self
            .missing
            .iter()
            .map(|name| format!("namespace {name} does not exist"));
        let unknown = self.unknown.iter().filter(|(name, _)| !found.contains(name));
        let unknown = unknown.map(|(name, why)| {
            format!("nothing was found in namespace {name}, and whether it exists cannot be known: {why}")
        });
        missing.chain(unknown).collect()
    }

    /// Whether there were some, and none of them exists.
    pub fn are_all_missing(&self) -> bool {
        self.count > 0 && self.missing.len() == self.count
    }
}
