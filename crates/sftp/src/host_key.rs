//! The key that a server proves to have. It is given by whoever sets the storage up, and never learned: whoever stands between could have
//! it learn another.
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};

/// A host key, as it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKey {
    /// A line of `known_hosts` or of a `.pub` file.
    Key(Box<PublicKey>),
    /// `SHA256:...`, as `ssh-keygen -l` tells it.
    Fingerprint(String),
}

impl HostKey {
    /// Reads a line or a fingerprint.
    ///
    /// # Errors
    /// It is neither, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(digest) = text.strip_prefix("SHA256:") {
            let is_digest =
                digest.len() == 43 && digest.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b));
            return if is_digest {
                Ok(Self::Fingerprint(text.to_owned()))
            } else {
                Err(
                    "a fingerprint is SHA256: and 43 characters of base64, as `ssh-keygen -lf KEY.pub` tells it"
                        .to_owned(),
                )
            };
        }
        // `ssh-keyscan` and `known_hosts` have the host's name first.
        let mut words = text.split_whitespace().peekable();
        if words.peek().is_some_and(|first| !known(first)) {
            words.next();
        }
        let line: Vec<&str> = words.take(2).collect();
        let key = PublicKey::from_openssh(&line.join(" ")).map_err(|_| {
            "must be a line of OpenSSH, like `ssh-ed25519 AAAA...` (`ssh-keyscan -t ed25519 HOST`, compared with what the server's \
             owner says), or its fingerprint, `SHA256:...`"
                .to_owned()
        })?;
        Ok(Self::Key(Box::new(key)))
    }

    /// Whether the server has proved this key.
    pub fn is(&self, key: &PublicKey) -> bool {
        match self {
            Self::Key(own) => own.key_data() == key.key_data(),
            Self::Fingerprint(own) => *own == fingerprint(key),
        }
    }

    /// Which kinds of keys the server is to be asked for, one connection each.
    pub fn kinds(&self) -> Vec<Vec<Algorithm>> {
        let rsa = || {
            let of = |hash| Algorithm::Rsa { hash: Some(hash) };
            vec![of(HashAlg::Sha512), of(HashAlg::Sha256)]
        };
        let ecdsa = |curve| Algorithm::Ecdsa { curve };
        match self {
            Self::Key(key) if key.algorithm().is_rsa() => vec![rsa()],
            Self::Key(key) => vec![vec![key.algorithm()]],
            Self::Fingerprint(_) => vec![
                vec![Algorithm::Ed25519],
                vec![
                    ecdsa(EcdsaCurve::NistP256),
                    ecdsa(EcdsaCurve::NistP384),
                    ecdsa(EcdsaCurve::NistP521),
                ],
                rsa(),
            ],
        }
    }
}

fn known(word: &str) -> bool {
    word.starts_with("ssh-") || word.starts_with("ecdsa-") || word.starts_with("sk-")
}

/// As `ssh-keygen -l` tells it.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const PRINT: &str = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";

    #[test]
    fn a_key_is_given_as_a_line_with_or_without_its_host_or_as_a_fingerprint() {
        let key = PublicKey::from_openssh(KEY).unwrap();
        for text in [
            KEY.to_owned(),
            format!("{KEY} me@here"),
            format!("[host]:22 {KEY}\n"),
            fingerprint(&key),
        ] {
            let given = HostKey::parse(&text).unwrap();
            assert!(given.is(&key), "{text}");
            assert!(given.kinds().concat().contains(&Algorithm::Ed25519), "{text}");
        }
        let other = HostKey::parse(PRINT).unwrap();
        assert_eq!(other.is(&key), fingerprint(&key) == PRINT);
    }

    #[test]
    fn what_is_no_key_is_refused_in_words() {
        for text in [
            "",
            "SHA256:",
            "SHA256:x",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "host",
            "MD5:00:11",
            &KEY[..40],
        ] {
            let words = HostKey::parse(text).unwrap_err();
            assert!(words.contains("SHA256:"), "{text}: {words}");
        }
    }

    #[test]
    fn fuzz_host_keys() {
        let target = fuzz::Target {
            name: "a host key",
            seeds: &[KEY.as_bytes(), PRINT.as_bytes()],
            words: &["ssh-rsa", "AAAA", "SHA256:"],
        };
        target.run(|bytes| HostKey::parse(&String::from_utf8_lossy(bytes)).map(|_| 0));
    }
}
