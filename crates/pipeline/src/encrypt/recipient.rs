//! Whom to encrypt for: X25519 and SSH public keys.
use age::ssh::ParseRecipientKeyError;

use super::wire;

/// Why a recipient is refused; it is named by its index in the list.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("recipients[{index}]: {reason}")]
pub struct RecipientError {
    /// From 0, as in the field.
    pub index: usize,
    /// What is wrong and what would be right; never the value.
    pub reason: String,
}

/// Recipients that were understood; at least one.
pub struct Recipients(pub(super) Vec<Box<dyn age::Recipient + Send + Sync>>);

const KNOWN: &str = "expected age1… (X25519), ssh-ed25519 … or ssh-rsa …";

impl Recipients {
    /// Understands a list of recipients; None for an empty one, which means no encryption.
    pub fn parse<S: AsRef<str>>(list: &[S]) -> Result<Option<Self>, RecipientError> {
        let parsed = list
            .iter()
            .enumerate()
            .map(|(index, text)| parse_one(text.as_ref().trim()).map_err(|reason| RecipientError { index, reason }))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((!parsed.is_empty()).then_some(Self(parsed)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn age::Recipient> {
        self.0.iter().map(|r| -> &dyn age::Recipient { r.as_ref() })
    }
}

fn parse_one(text: &str) -> Result<Box<dyn age::Recipient + Send + Sync>, String> {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("age-secret-key-") || text.contains("PRIVATE KEY") {
        return Err("this is a private key; put the public one here and treat this one as disclosed".into());
    }
    if lower.starts_with("age1pq1") || lower.starts_with("age1tagpq1") {
        return Err(format!(
            "post-quantum recipients (age1pq…, age1tagpq…) are not supported; {KNOWN}"
        ));
    }
    if text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.starts_with("sk-") {
        if text.split(' ').nth(1).is_some_and(wire::has_zero_in_public) {
            return Err(format!("not a valid SSH public key; {KNOWN}"));
        }
        return match text.parse::<age::ssh::Recipient>() {
            Ok(recipient) => Ok(Box::new(recipient)),
            Err(ParseRecipientKeyError::RsaModulusTooSmall) => Err("an RSA key needs at least 2048 bits".into()),
            Err(ParseRecipientKeyError::RsaModulusTooLarge) => Err("an RSA key may have at most 4096 bits".into()),
            Err(ParseRecipientKeyError::Unsupported(kind)) => {
                Err(format!("SSH keys of type {kind:?} are not supported; {KNOWN}"))
            }
            Err(_) => Err(format!("not a valid SSH public key; {KNOWN}")),
        };
    }
    match text.parse::<age::x25519::Recipient>() {
        Ok(recipient) => Ok(Box::new(recipient)),
        // A plugin's recipient is age1<plugin>1…; bech32 data has no "1", so a second one is a plugin's.
        Err(_) if lower.strip_prefix("age1").is_some_and(|rest| rest.contains('1')) => {
            Err(format!("recipients of age plugins are not supported; {KNOWN}"))
        }
        Err(reason) => Err(format!("not an age recipient ({reason}); {KNOWN}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X25519: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@rust";

    #[test]
    fn x25519_and_ssh_are_taken_with_blanks_and_comments_around() {
        let list = [format!(" {X25519}\n"), ED25519.to_string()];
        assert_eq!(Recipients::parse(&list).unwrap().unwrap().iter().count(), 2);
    }

    #[test]
    fn an_empty_list_means_no_encryption() {
        assert!(Recipients::parse::<&str>(&[]).unwrap().is_none());
    }

    #[test]
    fn what_is_not_a_recipient_is_refused_by_index_with_the_cure_and_without_the_value() {
        let secret = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
        for (text, word) in [
            (
                "age1pq1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
                "post-quantum",
            ),
            (
                "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t",
                "plugins",
            ),
            ("", "not an age recipient"),
            ("hello", "not an age recipient"),
            (&X25519[..40], "not an age recipient"),
            ("ssh-ed25519 AAAA", "not a valid SSH public key"),
            ("ssh-rsa AAAAB3NzaC1yc2EAAAABAAABAQ==", "not a valid SSH public key"),
            ("ssh-dss AAAAB3NzaC1kc3MAAACBA", "SSH"),
            (secret, "private key"),
        ] {
            let error = Recipients::parse(&[X25519, text]).err().unwrap();
            assert_eq!(error.index, 1, "{text}");
            let message = error.to_string();
            assert!(
                message.starts_with("recipients[1]: ") && message.contains(word),
                "{message}"
            );
            assert!(!message.contains("GQ9778"), "{message}");
        }
    }
}
