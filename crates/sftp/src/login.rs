//! Who logs in, and by what.
use std::fmt;
use std::sync::Arc;

use russh::keys::{PrivateKey, decode_secret_key};
use zeroize::Zeroizing;

/// A user, with a password, a key, or both. Shows none of them.
#[derive(Clone)]
pub struct Login {
    /// Their name at the server.
    pub user: String,
    pub(crate) password: Option<Zeroizing<String>>,
    pub(crate) key: Option<Arc<PrivateKey>>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What is wrong with what is to be logged in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// There is neither password nor key.
    Nothing,
    /// The key is none.
    Key,
    /// The key is encrypted, and there is no passphrase, or another one.
    Passphrase,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "there is neither a password nor a private key",
            Self::Key => {
                "the private key is none that can be read: it begins with `-----BEGIN OPENSSH PRIVATE KEY-----`, and `ssh-keygen -p -f KEY` writes that form"
            }
            Self::Passphrase => "the private key is encrypted, and the passphrase is missing or another one",
        })
    }
}

impl std::error::Error for Wrong {}

impl Login {
    /// Reads what is given.
    ///
    /// # Errors
    /// It is not enough, or cannot be read.
    pub fn new(
        user: String,
        password: Option<Zeroizing<String>>,
        private_key: Option<&str>,
        passphrase: Option<&str>,
    ) -> Result<Self, Wrong> {
        let key = private_key
            .map(|text| read(text, passphrase))
            .transpose()?
            .map(Arc::new);
        if password.is_none() && key.is_none() {
            return Err(Wrong::Nothing);
        }
        Ok(Self { user, password, key })
    }
}

fn read(text: &str, passphrase: Option<&str>) -> Result<PrivateKey, Wrong> {
    let Ok(key) = PrivateKey::from_openssh(text.trim_start()) else {
        // Older forms, which say less of what is wrong.
        return decode_secret_key(text, passphrase).map_err(|_| Wrong::Key);
    };
    if !key.is_encrypted() {
        return Ok(key);
    }
    key.decrypt(passphrase.ok_or(Wrong::Passphrase)?)
        .map_err(|_| Wrong::Passphrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_nothing_to_log_in_by_is_told_and_nothing_is_shown() {
        let login = |password: Option<&str>, key| {
            let password = password.map(|text| Zeroizing::new(text.to_owned()));
            Login::new("u".into(), password, key, None)
        };
        assert_eq!(login(None, None).unwrap_err(), Wrong::Nothing);
        assert_eq!(login(Some("p"), Some("no key")).unwrap_err(), Wrong::Key);
        let shown = format!("{:?}", login(Some("the-password"), None).unwrap());
        assert!(!shown.contains("the-password"), "{shown}");
    }
}
