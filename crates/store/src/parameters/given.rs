//! The map of parameters while it is read, and what was wrong in it so far.
use std::collections::{BTreeMap, BTreeSet};

use super::fault::{self, ParameterFault};
use super::value;
use crate::kind::Kind;

/// The map while it is read.
pub(crate) struct Given<'a> {
    kind: Kind,
    parameters: &'a BTreeMap<String, String>,
    pub(crate) faults: Vec<ParameterFault>,
}

impl<'a> Given<'a> {
    pub(crate) fn new(kind: Kind, parameters: &'a BTreeMap<String, String>) -> Self {
        Self {
            kind,
            parameters,
            faults: fault::unknown(kind, parameters),
        }
    }

    pub(crate) fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.faults.push(ParameterFault {
            name: name.to_owned(),
            message: message.into(),
        });
    }

    /// It was given, well or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.parameters.get(name).is_some_and(|text| !text.is_empty())
    }

    pub(crate) fn optional<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.parameters.get(name).filter(|text| !text.is_empty())?;
        match read(text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(name, message);
                None
            }
        }
    }

    /// One that has to be there; `cure` goes on after "needed;". Of the bucket the words are those that the API server has for it.
    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        cure: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.parameters.get(name).is_none_or(String::is_empty) {
            let hint = fault::meant(
                self.kind,
                name,
                self.parameters.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            );
            self.fault(name, format!("needed; {cure}{hint}"));
            return None;
        }
        self.optional(name, read)
    }

    pub(crate) fn key_name(&mut self, name: &str, default: &str) -> String {
        self.optional(name, value::secret_key_name)
            .unwrap_or_else(|| default.to_owned())
    }
}
