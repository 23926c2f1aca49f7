//! How Kubernetes' objects may be called (RFC 1123), and the keys inside Secrets.

pub(super) use api::names::{is_label, is_subdomain};

/// The longest key of a Secret, in bytes.
const SECRET_KEY_MAX: usize = 253;

/// What a label may be, for people.
pub(super) const LABEL: &str =
    "at most 63 lower case letters, digits and - are possible, a letter or digit first and last";
/// What a subdomain may be, for people.
pub(super) const SUBDOMAIN: &str =
    "at most 253 lower case letters, digits, - and . are possible, a letter or digit first and last";
/// What the key of a Secret may be, for people.
pub(super) const SECRET_KEY: &str = "letters, digits, -, _ and . are possible, at most 253";

/// A key inside a Secret.
pub(super) fn is_secret_key(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=SECRET_KEY_MAX).contains(&text.len()) && !matches!(text, "." | "..") && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kubernetes_names() {
        let long = "a".repeat(64);
        for (text, label, subdomain, key) in [
            ("a", true, true, true),
            ("a-1", true, true, true),
            ("a.b", false, true, true),
            ("1.2.3.4", false, true, true),
            ("", false, false, false),
            ("-a", false, false, true),
            ("a-", false, false, true),
            ("a..b", false, false, true),
            ("A", false, false, true),
            ("a_b", false, false, true),
            ("a b", false, false, false),
            ("ä", false, false, false),
            ("..", false, false, false),
            (long.as_str(), false, true, true),
        ] {
            assert_eq!(
                (is_label(text), is_subdomain(text), is_secret_key(text)),
                (label, subdomain, key),
                "{text:?}"
            );
        }
        assert!(!is_subdomain(&"a".repeat(254)) && !is_secret_key(&"a".repeat(254)));
    }
}
