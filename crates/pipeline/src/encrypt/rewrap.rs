//! Encrypts what is encrypted for other recipients, without a look into it: the key of the file itself proves afterwards what was stored.
use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use age::secrecy::ExposeSecret;
use age::{DecryptError, EncryptError, Recipient};
use age_core::format::{FileKey, Stanza};

use super::{Identities, Recipients};
use crate::allowance::Allowance;
use crate::hash::Sha256;
use crate::sink::Sink;
use crate::stages::Stages;

/// Bytes that are taken at a time.
const PIECE: usize = 256 << 10;

/// What was encrypted anew.
pub struct Rewrapped {
    /// SHA-256 of what is inside, compressed or not: it has to be the same in both.
    pub inner: String,
    /// Opens the new file, and no other, whoever it is for: whoever removes the recipient whose key he has could not read back what he made.
    pub opener: Identities,
}

/// Reads an age file to its end and encrypts what is in it for others, into `sink`.
///
/// # Errors
/// The key does not fit, or the file is cut or changed; the source's and the sink's own.
pub fn rewrap(
    source: Box<dyn Read + Send>,
    identities: Identities,
    recipients: Recipients,
    sink: Box<dyn Sink + Send>,
) -> io::Result<Rewrapped> {
    let mut reader = opened(source, identities)?;
    let kept = Kept::default();
    let mut writer = Stages::to_write(None, Some(recipients.keeping(&kept))).writer(sink)?;
    let inner = each(&mut reader, |piece| writer.write_all(piece))?;
    writer.finish()?;
    let opener = kept
        .opener()
        .ok_or_else(|| io::Error::other("the new file has no key"))?;
    Ok(Rewrapped { inner, opener })
}

/// Reads an age file to its end; the SHA-256 of what is inside.
///
/// # Errors
/// As for `rewrap`.
pub fn inner(source: Box<dyn Read + Send>, identities: Identities) -> io::Result<String> {
    each(&mut opened(source, identities)?, |_| Ok(()))
}

fn opened(source: Box<dyn Read + Send>, identities: Identities) -> io::Result<Box<dyn Read + Send>> {
    Stages::to_read(None, Some(identities), Allowance::default()).reader(source)
}

fn each(reader: &mut dyn Read, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::default(), zeroize::Zeroizing::new(vec![0; PIECE]));
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(0) => return Ok(hash.hex()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let piece = buffer.get(..n).unwrap_or_default();
        hash.update(piece);
        take(piece)?;
    }
}

/// The key of a file that was encrypted.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Option<FileKey>>>);

impl Kept {
    fn opener(&self) -> Option<Identities> {
        let key = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Identities::one(Box::new(Opener(key))))
    }
}

/// A recipient that keeps the key that it wraps.
struct Keeping(Box<dyn Recipient + Send + Sync>, Kept);

impl Recipient for Keeping {
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        *self.1.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy(key));
        self.0.wrap_file_key(key)
    }
}

impl Recipients {
    fn keeping(self, kept: &Kept) -> Self {
        let all = self.0.into_iter();
        Self(
            all.map(|one| -> Box<dyn Recipient + Send + Sync> { Box::new(Keeping(one, kept.clone())) })
                .collect(),
        )
    }
}

/// Knows the key of one file. That the header is the one that was written is what its own MAC says, which is made with that key.
struct Opener(FileKey);

impl age::Identity for Opener {
    fn unwrap_stanza(&self, _: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        Some(Ok(copy(&self.0)))
    }
}

fn copy(key: &FileKey) -> FileKey {
    FileKey::init_with_mut(|to| to.copy_from_slice(key.expose_secret()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a chain writes.
    #[derive(Clone, Default)]
    struct Stored(Arc<Mutex<Vec<u8>>>);

    impl Write for Stored {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Stored {
        fn finish(self: Box<Self>) -> io::Result<()> {
            Ok(())
        }
    }

    impl Stored {
        fn source(&self) -> Box<dyn Read + Send> {
            Box::new(io::Cursor::new(self.0.lock().unwrap().clone()))
        }
    }

    fn key() -> (Identities, String) {
        Identities::generate()
    }

    fn recipients(all: &[&String]) -> Recipients {
        Recipients::parse(all).unwrap().unwrap()
    }

    fn stored(text: &[u8], recipient: &String) -> Stored {
        let stored = Stored::default();
        let stages = Stages::to_write(None, Some(recipients(&[recipient])));
        let mut writer = stages.writer(Box::new(stored.clone())).unwrap();
        writer.write_all(text).unwrap();
        writer.finish().unwrap();
        stored
    }

    fn hash(text: &[u8]) -> String {
        let mut hash = Sha256::default();
        hash.update(text);
        hash.hex()
    }

    #[test]
    fn what_is_encrypted_anew_is_the_same_inside_and_opened_by_the_new_key_and_not_by_the_old_one() {
        for length in [0, 1, 65_536, 3_000_001] {
            let text: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
            let ((old, old_recipient), (new, new_recipient), (safe, safe_recipient)) = (key(), key(), key());
            let (before, after) = (stored(&text, &old_recipient), Stored::default());
            let to = recipients(&[&new_recipient, &safe_recipient]);
            let made = rewrap(before.source(), old, to, Box::new(after.clone())).unwrap();
            assert_eq!(made.inner, hash(&text));
            for fits in [made.opener, new, safe] {
                assert_eq!(inner(after.source(), fits).unwrap(), hash(&text));
            }
        }
        let ((old, recipient), (_, other)) = (key(), key());
        let (before, after) = (stored(b"x", &recipient), Stored::default());
        rewrap(before.source(), old, recipients(&[&other]), Box::new(after.clone())).unwrap();
        let (stranger, _) = key();
        assert!(
            inner(after.source(), stranger)
                .unwrap_err()
                .to_string()
                .contains("none of those")
        );
    }

    #[test]
    fn what_opens_one_new_file_opens_no_other() {
        let ((old, recipient), (again, _)) = (key(), key());
        drop(again);
        let (before, after) = (stored(b"inside", &recipient), Stored::default());
        let made = rewrap(before.source(), old, recipients(&[&recipient]), Box::new(after)).unwrap();
        let wrong = inner(before.source(), made.opener).unwrap_err();
        assert!(wrong.to_string().contains("header was changed"), "{wrong}");
    }

    #[test]
    fn a_file_that_is_cut_or_changed_or_for_another_key_is_never_called_rewrapped() {
        let (_, recipient) = key();
        let text = vec![7; 200_000];
        for harm in ["cut", "changed", "key"] {
            let (own, own_recipient) = key();
            let before = stored(&text, if harm == "key" { &recipient } else { &own_recipient });
            {
                let mut bytes = before.0.lock().unwrap();
                match harm {
                    "cut" => bytes.truncate(150_000),
                    "changed" => bytes[150_000] ^= 1,
                    _ => {}
                }
            }
            let made = rewrap(
                before.source(),
                own,
                recipients(&[&recipient]),
                Box::new(Stored::default()),
            );
            assert!(made.is_err(), "{harm}");
        }
    }
}
