//! Labels and annotations: what the API server would refuse later, said now.
use std::collections::BTreeMap;

use api::run::TemplateMetadata;
use kube::core::ObjectMeta;

use super::{Fault, Faults, names};

/// The longest name of a label or annotation after its prefix, and the longest value of a label, in bytes.
const NAME_MAX: usize = 63;
/// All annotations of an object together, in bytes.
const ANNOTATIONS_MAX: usize = 256 * 1024;
/// What the operator's own labels and annotations begin with.
const OURS: &str = "backup-operator.io/";

type Map = BTreeMap<String, String>;

/// What the API server would refuse of an object's own metadata: for those who ask before it is there to answer.
pub fn object(metadata: &ObjectMeta, namespaced: bool) -> Vec<Fault> {
    let mut faults = Faults::below("metadata");
    match (&metadata.name, &metadata.generate_name) {
        (None, None) => faults.add("name", "Required value: name or generateName is needed"),
        (Some(name), _) if !names::is_subdomain(name) => {
            faults.add(
                "name",
                format!("{name:?} is no name of an object: {}", names::SUBDOMAIN),
            );
        }
        _ => {}
    }
    if let Some(namespace) = metadata
        .namespace
        .as_ref()
        .filter(|n| namespaced && !names::is_label(n))
    {
        faults.add("namespace", format!("{namespace:?} is no namespace: {}", names::LABEL));
    }
    labels(metadata.labels.as_ref(), "labels", &mut faults);
    annotations(metadata.annotations.as_ref(), "annotations", &mut faults);
    faults.all
}

/// Checks the metadata of a template at a field.
pub(super) fn check(metadata: Option<&TemplateMetadata>, field: &str, faults: &mut Faults) {
    let Some(metadata) = metadata else { return };
    labels(metadata.labels.as_ref(), &format!("{field}.labels"), faults);
    annotations(metadata.annotations.as_ref(), &format!("{field}.annotations"), faults);
    let keys = |map: &'static str, given: &Option<Map>| {
        let keys: Vec<_> = given.iter().flat_map(|g| g.keys().cloned()).collect();
        keys.into_iter().map(move |key| (map, key))
    };
    for (map, key) in keys("labels", &metadata.labels).chain(keys("annotations", &metadata.annotations)) {
        // `keep` is the user's; the others are how the operator knows its own.
        if key.starts_with(OURS) && key != api::labels::KEEP {
            faults.add(
                &format!("{field}.{map}[{key:?}]"),
                "is the operator's own; it sets it itself where it is needed",
            );
        }
    }
}

/// Keys and values of labels, or of what selects by them.
pub(super) fn labels(given: Option<&Map>, field: &str, faults: &mut Faults) {
    for (key, value) in given.into_iter().flatten() {
        let at = format!("{field}[{key:?}]");
        check_key(key, &at, faults);
        check_value(value, &at, faults);
    }
}

fn annotations(given: Option<&Map>, field: &str, faults: &mut Faults) {
    let Some(given) = given else { return };
    for key in given.keys() {
        check_key(key, &format!("{field}[{key:?}]"), faults);
    }
    let size: usize = given.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > ANNOTATIONS_MAX {
        faults.add(
            field,
            format!("have {size} bytes; at most {ANNOTATIONS_MAX} are possible"),
        );
    }
}

/// The key of a label or annotation.
pub(super) fn check_key(key: &str, at: &str, faults: &mut Faults) {
    let (prefix, name) = key
        .split_once('/')
        .map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if !is_name(name) {
        faults.add(
            at,
            format!(
                "the name may have at most {NAME_MAX} letters, digits, -, _ and ., a letter or digit first and last"
            ),
        );
    }
    if prefix.is_some_and(|p| !names::is_subdomain(p)) {
        faults.add(
            at,
            "what stands before the / has to be a domain, as in example.com/name",
        );
    }
}

/// The value of a label.
pub(super) fn check_value(value: &str, at: &str, faults: &mut Faults) {
    if !value.is_empty() && !is_name(value) {
        faults.add(at, format!("{value:?} is no label value: at most {NAME_MAX} letters, digits, -, _ and ., a letter or digit first and last"));
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric();
    text.len() <= NAME_MAX
        && text.starts_with(plain)
        && text.ends_with(plain)
        && text.chars().all(|c| plain(c) || matches!(c, '-' | '_' | '.'))
}
