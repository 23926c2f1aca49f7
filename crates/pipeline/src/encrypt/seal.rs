//! Small texts, encrypted whole and in armor: what stands in a JSON file and can be opened with `age -d`.
use std::io::{self, Read, Write};

use age::Encryptor;
use age::armor::{ArmoredWriter, Format};

use super::{Identities, Recipients};
use crate::allowance::Allowance;

impl Recipients {
    /// Encrypts a small text for every recipient, into ASCII armor.
    ///
    /// # Errors
    /// The library's, for recipients that do not go together.
    pub fn seal(&self, text: &[u8]) -> io::Result<String> {
        let encryptor = Encryptor::with_recipients(self.iter()).map_err(|e| io::Error::other(e.to_string()))?;
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(text)?;
        let sealed = writer.finish()?.finish()?;
        String::from_utf8(sealed).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
    }
}

impl Identities {
    /// A new identity that nobody else has, and its recipient (`age1...`): for an answer that others may see.
    pub fn generate() -> (Self, String) {
        let identity = age::x25519::Identity::generate();
        let recipient = identity.to_public().to_string();
        (Self::one(Box::new(identity)), recipient)
    }

    /// Opens what `seal` made, up to so many bytes of text.
    ///
    /// # Errors
    /// No key fits, the text was changed or cut, or it is longer.
    pub fn open(self, sealed: &str, longest: usize) -> io::Result<Vec<u8>> {
        let source: Box<dyn io::BufRead + Send> = Box::new(io::Cursor::new(sealed.as_bytes().to_vec()));
        let mut text = Vec::new();
        let reader = self.reader(source, Allowance::default())?;
        reader.take(longest as u64 + 1).read_to_end(&mut text)?;
        if text.len() > longest {
            let words = format!("what was encrypted has more than {longest} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    #[test]
    fn what_is_sealed_for_a_new_identity_is_opened_by_it_alone() {
        let ((identity, recipient), (other, _)) = (Identities::generate(), Identities::generate());
        let sealed = Recipients::parse(&[&recipient]).unwrap().unwrap().seal(b"url").unwrap();
        assert!(other.open(&sealed, 10).is_err());
        assert_eq!(identity.open(&sealed, 10).unwrap(), b"url");
    }

    #[test]
    fn a_sealed_text_is_opened_by_its_key_and_by_nothing_else() {
        let recipients = Recipients::parse(&[RECIPIENT]).unwrap().unwrap();
        let sealed = recipients.seal(b"restore me").unwrap();
        assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") && !sealed.contains("restore"));
        let open = |text: &str, longest| Identities::parse(KEY).unwrap().open(text, longest);
        assert_eq!(open(&sealed, 10).unwrap(), b"restore me");
        assert!(open(&sealed, 9).unwrap_err().to_string().contains("more than 9 bytes"));
        let cut: String = sealed
            .lines()
            .filter(|l| !l.starts_with("YWdl"))
            .collect::<Vec<_>>()
            .join("\n");
        assert!(open(&cut, 10).is_err() && open("", 10).is_err());
    }
}
