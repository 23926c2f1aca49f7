//! What the changelog says of a version, for pages that list it.

/// A change: its kind in Artifact Hub's words, and its text.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// `added`, `changed`, `deprecated`, `removed`, `fixed` or `security`.
    pub kind: String,
    /// The whole entry on one line.
    pub text: String,
}

/// The entries of a version, in their order.
pub fn of(version: &str, changelog: &str) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    let mut kind = None;
    let own = format!("## [{version}]");
    let lines = changelog.lines().skip_while(|line| !line.starts_with(&own)).skip(1);
    for line in lines.take_while(|line| !line.starts_with("## ")) {
        if let Some(heading) = line.strip_prefix("### ") {
            kind = Some(heading.trim().to_ascii_lowercase());
        } else if let (Some(kind), Some(text)) = (&kind, line.strip_prefix("- ")) {
            changes.push(Change {
                kind: kind.clone(),
                text: text.into(),
            });
        } else if let (Some(last), Some(more)) = (changes.last_mut(), line.strip_prefix("  ")) {
            last.text = format!("{} {}", last.text, more.trim());
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_those_of_the_version_with_their_kinds_and_whole() {
        let text = "# Changelog\n\n## [1.1.0] - x\n\n### Added\n\n- A line\n  that goes on.\n- Another.\n\n### Fixed\n\n- A fault.\n\n## [1.0.0]\n\n### Added\n\n- Old.\n";
        let change = |kind: &str, text: &str| Change {
            kind: kind.into(),
            text: text.into(),
        };
        let expected = [
            change("added", "A line that goes on."),
            change("added", "Another."),
            change("fixed", "A fault."),
        ];
        assert_eq!(of("1.1.0", text), expected);
        assert_eq!(of("2.0.0", text), []);
    }
}
