//! What is wrong with a parameter, in words that lead to the right one.
use std::collections::{BTreeMap, BTreeSet};

use super::Parameters;
use crate::kind::Kind;

/// How many letters may differ between a parameter and the one that was meant.
const SLIP: usize = 3;

/// One fault of one parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("spec.parameters.{name}: {message}")]
pub struct ParameterFault {
    /// The parameter.
    pub name: String,
    /// What is wrong with it, and what would be right.
    pub message: String,
}

/// Everything that is wrong with the parameters of a storage of that `spec.type`: each by its name, and in words. Of a type that is
/// not known nothing can be said.
pub fn faults(kind: &str, parameters: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let Some(kind) = Kind::from_name(kind) else {
        return Vec::new();
    };
    let faults = Parameters::parse(kind, parameters).err().unwrap_or_default();
    faults.into_iter().map(|fault| (fault.name, fault.message)).collect()
}

/// A fault for each parameter that is not known.
pub(super) fn unknown(kind: Kind, parameters: &BTreeMap<String, String>) -> Vec<ParameterFault> {
    let all = kind.known();
    let free: BTreeSet<&str> = all
        .iter()
        .copied()
        .filter(|known| !parameters.contains_key(*known))
        .collect();
    parameters
        .keys()
        .filter(|name| !all.contains(&name.as_str()))
        .map(|name| ParameterFault {
            name: name.clone(),
            message: match nearest(name, free.iter().copied()) {
                Some(meant) => format!("is not known, did you mean {meant}? known are {}", all.join(", ")),
                None => format!("is not known; known are {}", all.join(", ")),
            },
        })
        .collect()
}

/// `, did you write x for it?`, where one of these names is a likely slip for a known one that is missing.
pub(super) fn meant(kind: Kind, missing: &str, written: BTreeSet<&str>) -> String {
    let strangers = written.into_iter().filter(|name| !kind.known().contains(name));
    match nearest(missing, strangers) {
        Some(slip) => format!("; did you write {slip} for it?"),
        None => String::new(),
    }
}

fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', '.'], "");
    let name = plain(name);
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&name, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= SLIP && *distance * 2 < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}
