//! Labels and annotations that a template gives to runs or Pods: what the API server would refuse later, said now.
use std::collections::BTreeMap;

use api::run::TemplateMetadata;

use super::Faults;

/// The longest name of a label or annotation after its prefix, and the longest value of a label, in bytes.
const NAME_MAX: usize = 63;
/// The longest prefix, in bytes.
const PREFIX_MAX: usize = 253;
/// All annotations of an object together, in bytes.
const ANNOTATIONS_MAX: usize = 256 * 1024;
/// What the operator's own labels and annotations begin with.
const OURS: &str = "backup-operator.io/";

/// Checks the metadata of a template at a field.
pub(super) fn check(metadata: Option<&TemplateMetadata>, field: &str, faults: &mut Faults) {
    let Some(metadata) = metadata else { return };
    let empty = BTreeMap::new();
    let labels = metadata.labels.as_ref().unwrap_or(&empty);
    let annotations = metadata.annotations.as_ref().unwrap_or(&empty);
    for (key, value) in labels {
        let at = format!("{field}.labels[{key:?}]");
        check_key(key, &at, faults);
        if !value.is_empty() && !is_name(value) {
            faults.add(&at, format!("{value:?} is no label value: at most {NAME_MAX} letters, digits, -, _ and ., a letter or digit first and last"));
        }
    }
    for key in annotations.keys() {
        check_key(key, &format!("{field}.annotations[{key:?}]"), faults);
    }
    let size: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > ANNOTATIONS_MAX {
        faults.add(
            &format!("{field}.annotations"),
            format!("have {size} bytes; at most {ANNOTATIONS_MAX} are possible"),
        );
    }
}

fn check_key(key: &str, at: &str, faults: &mut Faults) {
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
    if prefix.is_some_and(|p| !is_domain(p)) {
        faults.add(
            at,
            "what stands before the / has to be a domain, as in example.com/name",
        );
    }
    // `keep` is the user's; the others are how the operator knows its own.
    if key.starts_with(OURS) && key != api::labels::KEEP {
        faults.add(at, "is the operator's own; it sets it itself where it is needed");
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric();
    text.len() <= NAME_MAX
        && text.starts_with(plain)
        && text.ends_with(plain)
        && text.chars().all(|c| plain(c) || matches!(c, '-' | '_' | '.'))
}

fn is_domain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |l: &str| l.starts_with(plain) && l.ends_with(plain) && l.chars().all(|c| plain(c) || c == '-');
    text.len() <= PREFIX_MAX && text.split('.').all(label)
}
