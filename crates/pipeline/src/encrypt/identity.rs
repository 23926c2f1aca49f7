//! What to decrypt with: an age identity, a whole key file of age-keygen, an SSH private key, or a passphrase.
use age::IdentityFile;
use age::secrecy::SecretString;
use age::ssh::{Identity as Ssh, UnsupportedKey};

use super::wire;

/// How a PEM block begins.
const BEGIN: &str = "-----BEGIN ";
/// How a key of PuTTY begins.
const PUTTY: &str = "PuTTY-User-Key-File-";

/// Why a key is refused. Never holds any of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdentityError {
    /// Nothing but blanks and comments.
    #[error("the key is empty: expected an age identity (AGE-SECRET-KEY-1…) or an SSH private key")]
    Empty,
    /// No passphrase.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// A key in place of a passphrase.
    #[error("this is a key, and spec.encryption.decryptionKey.type is Passphrase: leave the type out")]
    NoPassphrase,
    /// Needs a passphrase.
    #[error("the SSH private key has a passphrase: store it without one (ssh-keygen -p -N '' -f FILE, on a copy)")]
    Passphrase,
    /// An SSH key that age cannot use.
    #[error("the SSH private key has an unsupported type: expected ssh-ed25519 or ssh-rsa")]
    UnsupportedSsh,
    /// On a security key.
    #[error("the SSH private key is on a security key (sk-…), which no Pod has: expected ssh-ed25519 or ssh-rsa")]
    SecurityKey,
    /// Damaged.
    #[error("the SSH private key is damaged or cut")]
    DamagedSsh,
    /// `BEGIN PRIVATE KEY`.
    #[error(
        "the private key is in PKCS#8, which age does not read: store it as OpenSSH writes it (ssh-keygen -p -N '' -f FILE, on a copy)"
    )]
    Pkcs8,
    /// PuTTY's own.
    #[error(
        "the private key is in PuTTY's format: store it as OpenSSH writes it (puttygen FILE -O private-openssh-new -o KEY)"
    )]
    Putty,
    /// An identity file that was encrypted.
    #[error("the identity is itself encrypted with a passphrase: store it decrypted (age -d FILE)")]
    EncryptedIdentity,
    /// More than a PEM block: another block, or age identities around it.
    #[error(
        "an SSH private key stands alone in its Secret's key, and there is another key beside it, which would not be tried: put each into a key of its own, or have age identities alone, of which there may be many"
    )]
    Mixed,
    /// Some other PEM block.
    #[error("the key is no private key of age or SSH: expected AGE-SECRET-KEY-1… or an OpenSSH private key")]
    OtherPem,
    /// Post-quantum.
    #[error(
        "line {line}: post-quantum identities (AGE-SECRET-KEY-PQ-1…) are not supported: expected AGE-SECRET-KEY-1…; what is encrypted for a post-quantum key has to be decrypted with age itself"
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
    #[error(
        "line {line}: not an age identity: expected AGE-SECRET-KEY-1…, a comment or an empty line; for a passphrase, set spec.encryption.decryptionKey.type: Passphrase"
    )]
    Line {
        /// From 1.
        line: usize,
    },
}

/// What can open an object.
pub(super) enum Keys {
    /// At least one.
    Identities(Vec<Box<dyn age::Identity + Send + Sync>>),
    /// The words themselves.
    Passphrase(SecretString),
}

/// Keys that were understood, or a passphrase.
pub struct Identities(pub(super) Keys);

impl Identities {
    pub(super) fn one(identity: Box<dyn age::Identity + Send + Sync>) -> Self {
        Self(Keys::Identities(vec![identity]))
    }

    /// Understands a key as it stands in a file: comments, blank lines and several identities are fine.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        if let Some(start) = text.find(BEGIN) {
            let pem = text.get(start..).unwrap_or_default();
            if is_mixed(text.get(..start).unwrap_or_default(), pem) {
                return Err(IdentityError::Mixed);
            }
            let identity: Box<dyn age::Identity + Send + Sync> = Box::new(parse_pem(pem)?);
            return Ok(Self(Keys::Identities(vec![identity])));
        }
        if text.trim_start().starts_with(PUTTY) {
            return Err(IdentityError::Putty);
        }
        let mut identities = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let (line, number) = (line.trim(), index + 1);
            if !line.is_empty() && !line.starts_with('#') {
                identities.extend(parse_line(line, number)?);
            }
        }
        match identities.is_empty() {
            true => Err(IdentityError::Empty),
            false => Ok(Self(Keys::Identities(identities))),
        }
    }

    /// Takes a passphrase as it stands, but for the line break that an editor leaves behind it: age's own programs read a line.
    pub fn passphrase(text: &str) -> Result<Self, IdentityError> {
        let words = text.strip_suffix('\n').unwrap_or(text);
        let words = words.strip_suffix('\r').unwrap_or(words);
        let key = ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "# created: ", BEGIN, PUTTY];
        match () {
            () if words.is_empty() => Err(IdentityError::EmptyPassphrase),
            () if key.iter().any(|start| words.starts_with(start)) => Err(IdentityError::NoPassphrase),
            () => Ok(Self(Keys::Passphrase(SecretString::from(words.to_string())))),
        }
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

/// Something other than comments stands before or behind the block.
fn is_mixed(before: &str, pem: &str) -> bool {
    let behind = pem.find("-----END ").and_then(|end| {
        let end = pem.get(end..)?;
        end.split_once('\n').map(|(_, behind)| behind)
    });
    let says = |text: &str| {
        let lines = text.lines().map(str::trim);
        lines.into_iter().any(|line| !line.is_empty() && !line.starts_with('#'))
    };
    says(before) || says(behind.unwrap_or_default())
}

/// A block whose first line says what it is.
fn parse_pem(pem: &str) -> Result<age::ssh::Identity, IdentityError> {
    let label = pem.strip_prefix(BEGIN).and_then(|rest| rest.split("-----").next());
    match label.unwrap_or_default().trim() {
        "OPENSSH PRIVATE KEY" | "RSA PRIVATE KEY" => parse_ssh(pem),
        "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => Err(IdentityError::Pkcs8),
        "EC PRIVATE KEY" | "DSA PRIVATE KEY" => Err(IdentityError::UnsupportedSsh),
        "AGE ENCRYPTED FILE" => Err(IdentityError::EncryptedIdentity),
        _ => Err(IdentityError::OtherPem),
    }
}

fn parse_ssh(pem: &str) -> Result<age::ssh::Identity, IdentityError> {
    // Text that went through a form or a Secret often lost its last newline or gained carriage returns; the parser wants
    // neither.
    let mut whole = zeroize::Zeroizing::new(String::with_capacity(pem.len() + 1));
    for line in pem.trim_end().lines() {
        whole.push_str(line.trim_end());
        whole.push('\n');
    }
    if wire::has_zero_in_private(&whole) {
        return Err(IdentityError::DamagedSsh);
    }
    match age::ssh::Identity::from_buffer(whole.as_bytes(), None) {
        Ok(identity @ Ssh::Unencrypted(_)) => Ok(identity),
        Ok(Ssh::Encrypted(_) | Ssh::Unsupported(UnsupportedKey::EncryptedPem | UnsupportedKey::EncryptedSsh(_))) => {
            Err(IdentityError::Passphrase)
        }
        Ok(Ssh::Unsupported(UnsupportedKey::Hardware(_))) => Err(IdentityError::SecurityKey),
        Ok(Ssh::Unsupported(_)) => Err(IdentityError::UnsupportedSsh),
        Err(_) => Err(IdentityError::DamagedSsh),
    }
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

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
            let parsed = Identities::parse(text).map(|keys| match keys.0 {
                Keys::Identities(list) => list.len(),
                Keys::Passphrase(_) => 0,
            });
            assert_eq!(parsed.map_err(|e| e.to_string()), Ok(count));
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
            (
                "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
                IdentityError::Pkcs8,
            ),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIF\n", IdentityError::Pkcs8),
            ("-----BEGIN EC PRIVATE KEY-----\nMIIF\n", IdentityError::UnsupportedSsh),
            (
                "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n",
                IdentityError::EncryptedIdentity,
            ),
            ("-----BEGIN CERTIFICATE-----\nMIIF\n", IdentityError::OtherPem),
            ("PuTTY-User-Key-File-3: ssh-ed25519\n", IdentityError::Putty),
            (half, IdentityError::DamagedSsh),
            (&format!("{IDENTITY}\n{SSH}"), IdentityError::Mixed),
            (&format!("{SSH}\n{IDENTITY}\n"), IdentityError::Mixed),
            (&format!("{SSH}{SSH}"), IdentityError::Mixed),
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

    #[test]
    fn a_passphrase_is_taken_as_it_stands_but_for_the_line_break_behind_it() {
        for (text, taken) in [
            ("correct horse", "correct horse"),
            ("correct horse\n", "correct horse"),
            ("correct horse\r\n", "correct horse"),
            (" two \n\n", " two \n"),
            ("AGE", "AGE"),
        ] {
            match Identities::passphrase(text).unwrap().0 {
                Keys::Passphrase(words) => assert_eq!(words.expose_secret(), taken),
                Keys::Identities(_) => panic!("{text:?}"),
            }
        }
        for (text, error) in [
            ("", IdentityError::EmptyPassphrase),
            ("\n", IdentityError::EmptyPassphrase),
            (IDENTITY, IdentityError::NoPassphrase),
            (SSH, IdentityError::NoPassphrase),
            ("# created: 2026-01-01T00:00:00Z\n", IdentityError::NoPassphrase),
        ] {
            assert_eq!(Identities::passphrase(text).err().unwrap(), error, "{text:?}");
        }
    }
}
