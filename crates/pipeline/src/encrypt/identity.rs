//! What to decrypt with: an age identity, a whole key file of age-keygen, or an SSH private key.
use age::IdentityFile;

use super::wire;

/// Why a key is refused. Never holds any of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdentityError {
    /// Nothing but blanks and comments.
    #[error("the key is empty: expected an age identity (AGE-SECRET-KEY-1…) or an SSH private key")]
    Empty,
    /// Needs a passphrase.
    #[error("the SSH private key has a passphrase: store it without one (ssh-keygen -p)")]
    Passphrase,
    /// An SSH key that age cannot use.
    #[error("the SSH private key has an unsupported type: expected ssh-ed25519 or ssh-rsa")]
    UnsupportedSsh,
    /// Damaged.
    #[error("the SSH private key is damaged or cut")]
    DamagedSsh,
    /// Post-quantum.
    #[error(
        "line {line}: post-quantum identities (AGE-SECRET-KEY-PQ-1…) are not supported: expected AGE-SECRET-KEY-1…"
    )]
    PostQuantum {
        /// From 1.
        line: usize,
    },
    /// A plugin's.
    #[error("line {line}: identities of age plugins are not supported: expected AGE-SECRET-KEY-1…")]
    Plugin {
        /// From 1.
        line: usize,
    },
    /// A public key in place of the private one.
    #[error("line {line}: this is a public key: expected the private one, AGE-SECRET-KEY-1…")]
    Public {
        /// From 1.
        line: usize,
    },
    /// Anything else.
    #[error("line {line}: not an age identity: expected AGE-SECRET-KEY-1…, a comment or an empty line")]
    Line {
        /// From 1.
        line: usize,
    },
}

/// Keys that were understood; at least one.
pub struct Identities(Vec<Box<dyn age::Identity + Send + Sync>>);

impl Identities {
    /// Understands a key as it stands in a file: comments, blank lines and several identities are fine.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        if text.contains("-----BEGIN") {
            return parse_ssh(text).map(|identity| Self(vec![Box::new(identity)]));
        }
        let mut identities = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let (line, number) = (line.trim(), index + 1);
            if !line.is_empty() && !line.starts_with('#') {
                identities.extend(parse_line(line, number)?);
            }
        }
        if identities.is_empty() {
            Err(IdentityError::Empty)
        } else {
            Ok(Self(identities))
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|i| -> &dyn age::Identity { i.as_ref() })
    }
}

fn parse_line(text: &str, line: usize) -> Result<Vec<Box<dyn age::Identity + Send + Sync>>, IdentityError> {
    let start = text.get(..20).unwrap_or(text).to_ascii_uppercase();
    if start.starts_with("AGE-SECRET-KEY-PQ-1") {
        return Err(IdentityError::PostQuantum { line });
    }
    if start.starts_with("AGE-PLUGIN-") {
        return Err(IdentityError::Plugin { line });
    }
    if start.starts_with("AGE1") || start.starts_with("SSH-") {
        return Err(IdentityError::Public { line });
    }
    IdentityFile::from_buffer(text.as_bytes())
        .ok()
        .and_then(|file| file.into_identities().ok())
        .filter(|identities| !identities.is_empty())
        .ok_or(IdentityError::Line { line })
}

fn parse_ssh(text: &str) -> Result<age::ssh::Identity, IdentityError> {
    // Text that went through a form or a Secret often lost its last newline or gained carriage returns and comments
    // before the key; the parser wants none of these.
    let start = text.find("-----BEGIN").unwrap_or_default();
    let body = text.get(start..).unwrap_or_default();
    let mut whole = zeroize::Zeroizing::new(String::with_capacity(body.len() + 1));
    for line in body.trim_end().lines() {
        whole.push_str(line.trim_end());
        whole.push('\n');
    }
    if wire::has_zero_in_private(&whole) {
        return Err(IdentityError::DamagedSsh);
    }
    match age::ssh::Identity::from_buffer(whole.as_bytes(), None) {
        Ok(identity @ age::ssh::Identity::Unencrypted(_)) => Ok(identity),
        Ok(age::ssh::Identity::Encrypted(_)) => Err(IdentityError::Passphrase),
        Ok(age::ssh::Identity::Unsupported(age::ssh::UnsupportedKey::EncryptedPem)) => Err(IdentityError::Passphrase),
        Ok(age::ssh::Identity::Unsupported(age::ssh::UnsupportedKey::EncryptedSsh(_))) => {
            Err(IdentityError::Passphrase)
        }
        Ok(age::ssh::Identity::Unsupported(_)) => Err(IdentityError::UnsupportedSsh),
        Err(_) => Err(IdentityError::DamagedSsh),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    const SSH: &str = include_str!("keys/ed25519");
    const PASSPHRASE: &str = include_str!("keys/passphrase");

    #[test]
    fn a_whole_key_file_several_identities_and_ssh_keys_are_taken_as_they_stand() {
        let file = format!("# created: 2026-01-01T00:00:00Z\r\n# public key: age1…\r\n{IDENTITY}\r\n\r\n");
        let no_newline = SSH.trim_end();
        let windows = SSH.replace('\n', "\r\n");
        let comment = format!("# my key\n{SSH}\n\n");
        for (text, count) in [
            (IDENTITY, 1),
            (&file, 1),
            (&format!("{IDENTITY}\n  {IDENTITY}  \n"), 2),
            (SSH, 1),
            (no_newline, 1),
            (&windows, 1),
            (&comment, 1),
        ] {
            let parsed = Identities::parse(text);
            assert_eq!(parsed.map(|i| i.iter().count()).map_err(|e| e.to_string()), Ok(count));
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused_by_line_with_the_cure_and_without_the_value() {
        let half = SSH.get(..200).unwrap();
        for (text, error) in [
            ("", IdentityError::Empty),
            ("# only a comment\n\n", IdentityError::Empty),
            ("\nhello\n", IdentityError::Line { line: 2 }),
            (&IDENTITY[..50], IdentityError::Line { line: 1 }),
            ("AGE-SECRET-KEY-PQ-1QQQQ", IdentityError::PostQuantum { line: 1 }),
            ("AGE-PLUGIN-YUBIKEY-1QQQQ", IdentityError::Plugin { line: 1 }),
            (
                "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
                IdentityError::Public { line: 1 },
            ),
            ("ssh-ed25519 AAAA", IdentityError::Public { line: 1 }),
            (PASSPHRASE, IdentityError::Passphrase),
            (half, IdentityError::DamagedSsh),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
                IdentityError::DamagedSsh,
            ),
        ] {
            let seen = Identities::parse(text).err().unwrap();
            assert!(!seen.to_string().contains("GQ9778"), "{seen}");
            assert_eq!(seen, error, "{text}");
        }
    }
}
