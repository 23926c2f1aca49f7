//! What to decrypt with: an age identity, a whole key file of age-keygen, or an SSH private key.
use age::IdentityFile;

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
