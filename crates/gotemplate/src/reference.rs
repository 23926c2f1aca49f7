//! The functions and methods as the documentation shows them.
use crate::{funcs, methods};

/// A function or method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// How it is called: `trunc int string`.
    pub signature: String,
    /// The type of what it gives.
    pub gives: &'static str,
    /// What it does, in a line; empty for methods, which do what Go's documentation says.
    pub meaning: &'static str,
}

/// Functions or methods that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// What they are about, or whose methods they are.
    pub name: &'static str,
    /// The functions or methods.
    pub entries: Vec<Entry>,
}

/// All functions, by family, sorted within one.
pub fn functions() -> Vec<Family> {
    let family = |family: &funcs::Family| {
        let functions = family.functions.iter().flat_map(|group| group.iter());
        let mut entries: Vec<Entry> = functions
            .map(|f| Entry {
                name: f.name,
                signature: f.signature(),
                gives: f.gives,
                meaning: f.meaning,
            })
            .collect();
        entries.sort_by_key(|e| e.name.to_lowercase());
        Family {
            name: family.name,
            entries,
        }
    };
    funcs::FAMILIES.iter().map(family).collect()
}

/// All methods, by what has them.
pub fn methods() -> Vec<Family> {
    methods::all()
        .into_iter()
        .map(|(name, methods)| Family {
            name,
            entries: methods
                .iter()
                .map(|m| Entry {
                    name: m.name,
                    signature: std::iter::once(m.name)
                        .chain(m.params.iter().map(|p| p.shown()))
                        .collect::<Vec<_>>()
                        .join(" "),
                    gives: m.gives,
                    meaning: "",
                })
                .collect(),
        })
        .collect()
}

/// Functions that Go or Sprig has and a path template has not: why, and their names.
pub fn refused() -> &'static [(&'static str, &'static [&'static str])] {
    funcs::REFUSED
}
