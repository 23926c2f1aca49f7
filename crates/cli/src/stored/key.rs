//! What opens an encrypted object: a file with age identities, an SSH key or a passphrase.
use std::path::Path;

use pipeline::Identities;
use zeroize::Zeroizing;

/// The largest file that is read, bytes.
const LARGEST: u64 = 1 << 20;

/// The text of such a file. It is in no output.
#[derive(Clone)]
pub struct Key {
    from: String,
    text: Zeroizing<String>,
    passphrase: bool,
}

impl Key {
    /// Reads a file as `age-keygen` or `ssh-keygen` writes it, or one that holds a passphrase, and understands it.
    ///
    /// # Errors
    /// It cannot be read, or is no such key.
    pub fn read(file: &Path, passphrase: bool) -> Result<Self, String> {
        let said = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
        let size = std::fs::metadata(file).map_err(|e| said(&e))?.len();
        if size > LARGEST {
            return Err(said(&format!("has {size} bytes, which no key has")));
        }
        let text = std::fs::read_to_string(file).map_err(|e| said(&e))?;
        Self::of_text(file.display().to_string(), text, passphrase)
    }

    /// The same, of a text that was had from a place, by its name.
    ///
    /// # Errors
    /// It is no such key.
    pub fn of_text(from: String, text: String, passphrase: bool) -> Result<Self, String> {
        let key = Self {
            from,
            text: Zeroizing::new(text),
            passphrase,
        };
        key.identities()?;
        Ok(key)
    }

    /// To decrypt with.
    ///
    /// # Errors
    /// It is no such key.
    pub fn identities(&self) -> Result<Identities, String> {
        let found = match self.passphrase {
            true => Identities::passphrase(&self.text),
            false => Identities::parse(&self.text),
        };
        found.map_err(|e| format!("{}: {}", self.from, flagged(&e.to_string())))
    }
}

/// What is a field of a run is a flag here.
fn flagged(words: &str) -> String {
    words
        .replace(
            "for a passphrase, set spec.encryption.decryptionKey.type: Passphrase",
            "a file with a passphrase is given as --passphrase-file",
        )
        .replace(
            "and spec.encryption.decryptionKey.type is Passphrase: leave the type out",
            "and --passphrase-file takes a passphrase: give it as --identity",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_key_is_refused_by_its_name_and_nothing_of_it_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        for (text, passphrase, words) in [
            (
                "hunter2",
                false,
                "a file with a passphrase is given as --passphrase-file",
            ),
            ("", false, "the key is empty"),
            ("AGE-SECRET-KEY-1HUNTER2", true, "give it as --identity"),
        ] {
            let file = dir.path().join("key");
            std::fs::write(&file, text).unwrap();
            let said = Key::read(&file, passphrase).err().unwrap();
            assert!(
                said.starts_with(&file.display().to_string()) && said.contains(words),
                "{said}"
            );
            assert!(!said.to_lowercase().contains("hunter2"), "{said}");
        }
        assert!(
            Key::read(&dir.path().join("none"), false)
                .err()
                .unwrap()
                .contains("No such file")
        );
    }
}
