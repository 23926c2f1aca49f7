//! What a blob says of its maker. Names of Azure's metadata are C# identifiers, so that ours change their hyphens on the way.
use std::collections::BTreeMap;

use crate::signing::{Pairs, from_header, to_header};
use crate::wanted::Label;

/// Metadata headers.
const METADATA: &str = "x-ms-meta-";
/// Which upload made it: finishing twice is once by it.
const UPLOAD: &str = "backup-operator-upload";
/// SHA-256 of its bytes, hexadecimal, as the operator proved it.
const SHA256: &str = "backup-operator-sha256";

/// A blob's metadata, sorted out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// What it was labelled with.
    pub(super) label: Label,
    /// The upload that made it.
    pub(super) upload: Option<String>,
    /// SHA-256, hexadecimal.
    pub(super) sha256: Option<String>,
}

/// Headers of a label. Azure refuses a value of nothing, and none is read as nothing.
pub(super) fn headers(label: &Label) -> Pairs {
    let full = label.iter().filter(|(_, value)| !value.is_empty());
    full.map(|(name, value)| (header(name), to_header(value))).collect()
}

/// Headers of what is said of an upload beside its label.
pub(super) fn of_upload(upload: &str, sha256: Option<&str>) -> Pairs {
    let mut said = BTreeMap::from([(header(UPLOAD), upload.to_owned())]);
    said.extend(sha256.map(|hex| (header(SHA256), hex.to_owned())));
    said
}

/// What an answer's headers say.
pub(super) fn of<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> Said {
    let mut label: Label = headers
        .filter_map(|(name, value)| {
            let name = name.to_ascii_lowercase();
            Some((name.strip_prefix(METADATA)?.replace('_', "-"), from_header(value)))
        })
        .collect();
    Said {
        upload: label.remove(UPLOAD),
        sha256: label.remove(SHA256),
        label,
    }
}

/// `x-ms-meta-` and the name as an identifier: letters and digits of ASCII and `_`, and no digit first.
fn header(name: &str) -> String {
    let fit = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(fit).collect();
    let digit = name.starts_with(|c: char| c.is_ascii_digit());
    format!("{METADATA}{}{name}", if digit { "_" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_comes_back_as_it_was_given_and_its_names_are_identifiers_on_the_way() {
        let label = Label::from([
            ("backup-operator-run".to_owned(), "uid-1".to_owned()),
            ("name".to_owned(), "ns/ä b%".to_owned()),
            ("nothing".to_owned(), String::new()),
        ]);
        let mut sent = headers(&label);
        sent.extend(of_upload("u", Some("ab")));
        for (name, value) in &sent {
            let name = name.strip_prefix(METADATA).unwrap();
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{name}");
            assert!(value.bytes().all(|b| b.is_ascii_graphic()), "{value}");
        }
        // Azure keeps the case that it was given; what is in between may not.
        let loud = sent.iter().map(|(name, value)| (name.to_ascii_uppercase(), value));
        let loud: Vec<_> = loud.collect();
        let said = of(loud.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        assert_eq!(
            (said.upload.as_deref(), said.sha256.as_deref()),
            (Some("u"), Some("ab"))
        );
        let kept: Label = label.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        assert_eq!(said.label, kept);
    }

    #[test]
    fn a_name_never_begins_with_a_digit() {
        assert_eq!(header("1-x.y"), "x-ms-meta-_1_x_y");
    }
}
