//! Opens an age file: takes its armor off, tries the keys on its header, and says in words why none of them fits.
use std::cell::RefCell;
use std::io::{self, BufRead, Read};
use std::iter::once;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use age::stream::StreamReader;
use age::{DecryptError, Decryptor};
use age_core::format::{FileKey, Stanza};

use super::armor;
use super::identity::{Identities, Keys};
use super::passphrase::{self, Passphrase};
use crate::allowance::{AGAIN, Allowance};
use crate::error::{Fault, Step, Unopened, at};
use crate::foreign::Instead;
use crate::peek::Peek;

/// Longest header that is read, bytes: a recipient takes about 100, so this is room for thousands, and hostile bytes
/// cannot make the reader hold more.
const MAX_HEADER: u64 = 1 << 20;

impl Identities {
    /// Decrypts from `source`. Reads the header, so that a wrong key is known here.
    pub(crate) fn reader(
        self,
        source: Box<dyn BufRead + Send>,
        allowance: Allowance,
    ) -> io::Result<Box<dyn Read + Send>> {
        let source = armor::taken_off(source)?;
        if source.head().is_empty() {
            return Err(at(Step::Decrypt, bad("the object is empty (0 bytes)".into())));
        }
        let head = source.head();
        let foreign = Instead { head, secret: false }.of_encrypted();
        let left = Arc::new(AtomicU64::new(MAX_HEADER));
        let source = HeaderLimit {
            source,
            left: left.clone(),
        };
        let made_for = MadeFor::default();
        let open = || {
            let file = Decryptor::new_buffered(source)?;
            match &self.0 {
                Keys::Identities(keys) => {
                    let keys = keys.iter().map(|key| -> &dyn age::Identity { key.as_ref() });
                    file.decrypt(keys.chain(once(&made_for as _)))
                }
                Keys::Passphrase(text) => {
                    let passphrase = Passphrase { text, allowance };
                    file.decrypt([&passphrase as _, &made_for as _].into_iter())
                }
            }
        };
        let reader = open().map_err(|error| {
            let error = match error {
                DecryptError::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof && is_own(&e) => unopened(
                    foreign.unwrap_or_else(|| "the object is cut inside the age header, or right behind it".into()),
                ),
                DecryptError::Io(e) if e.kind() == io::ErrorKind::InvalidData && is_own(&e) => unopened(e.to_string()),
                DecryptError::Io(e) => e,
                DecryptError::NoMatchingKeys => unopened(made_for.not(&self.0)),
                DecryptError::ExcessiveWork { required, .. } => bad(allowance
                    .refuses_work(required)
                    .unwrap_or_else(|| format!("the passphrase's work factor of {required} is too much"))),
                error => unopened(foreign.unwrap_or_else(|| explain(&error, &self.0).into())),
            };
            at(Step::Decrypt, error)
        })?;
        left.store(u64::MAX, Ordering::Relaxed);
        Ok(Box::new(Reader(reader)))
    }
}

fn bad(words: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, words)
}

fn unopened(words: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Unopened(words))
}

/// The library's messages are made for a person at a terminal; these name what is wrong with the object or the key.
fn explain(error: &DecryptError, keys: &Keys) -> &'static str {
    match (error, keys) {
        (DecryptError::InvalidHeader, _) => "the age header is damaged, or this is not an age file",
        (DecryptError::InvalidMac, _) => "the age header was changed",
        (DecryptError::UnknownFormat, _) => "this is not an age v1 file",
        (DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed, Keys::Passphrase(_)) => {
            "the passphrase is not the one that the object was encrypted with"
        }
        (DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed, Keys::Identities(_)) => {
            "the key does not open the age header"
        }
        _ => "the age header cannot be opened",
    }
}

/// Looks on as keys are tried, after all of them: opens nothing, and knows whom the object was encrypted for.
#[derive(Default)]
struct MadeFor(RefCell<Vec<&'static str>>);

impl age::Identity for MadeFor {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        // The tags are a stranger's words: only what is known is told. Grease says nothing, so that nobody relies on it.
        let kind = match stanza.tag.as_str() {
            passphrase::TAG => PASSPHRASE,
            "X25519" => "X25519 keys (age1…)",
            "ssh-ed25519" | "ssh-rsa" => "SSH keys",
            "mlkem768x25519" => POST_QUANTUM,
            "p256tag" | "mlkem768p256tag" | "piv-p256" => "keys of plugins and devices",
            grease if grease.ends_with("-grease") => return None,
            _ => "keys of a kind that is not known here",
        };
        let mut kinds = self.0.borrow_mut();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        None
    }
}

const PASSPHRASE: &str = "a passphrase";
const POST_QUANTUM: &str = "post-quantum keys (age1pq…)";

impl MadeFor {
    /// Why none of the keys fits.
    fn not(&self, keys: &Keys) -> String {
        let kinds = self.0.borrow();
        let all = kinds.join(", ");
        match (keys, kinds.as_slice()) {
            (Keys::Identities(_), [PASSPHRASE]) => format!("the object is encrypted with a passphrase, not for a key: put the passphrase into the Secret, set spec.encryption.decryptionKey.type: Passphrase on this run, and {AGAIN}"),
            (_, [POST_QUANTUM]) => "the object is encrypted for post-quantum keys (age1pq…), which are not supported: decrypt it with age itself, and restore that".into(),
            // Nobody, or nothing but grease.
            (_, []) => "the key is none of those that the backup was encrypted for".into(),
            (Keys::Identities(_), _) => format!("the key is none of those that the backup was encrypted for: {all}"),
            (Keys::Passphrase(_), _) => format!(
                "the object is not encrypted with a passphrase, but for {all}: put a matching key into the Secret, set spec.encryption.decryptionKey.type: Identity on this run, and {AGAIN}"
            ),
        }
    }
}

struct Reader<R>(StreamReader<R>);

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|e| at(Step::Decrypt, within(e)))
    }
}

/// It is the library's, and not that of a stage before it.
fn is_own(error: &io::Error) -> bool {
    error.get_ref().is_none_or(|inner| !inner.is::<Fault>())
}

/// The library has one answer for bytes that are missing, changed, or too many.
fn within(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof if is_own(&error) => io::Error::new(
            error.kind(),
            format!(
                "the age file is cut or damaged, or something stands behind its end, as a line break does that an editor has added: {error}; store the object again as age wrote it"
            ),
        ),
        _ => error,
    }
}

/// Ends the reading of a header that does not end.
struct HeaderLimit {
    source: Peek,
    left: Arc<AtomicU64>,
}

impl HeaderLimit {
    fn spend(&self, bytes: usize) {
        let left = self.left.load(Ordering::Relaxed);
        if left != u64::MAX {
            self.left.store(left.saturating_sub(bytes as u64), Ordering::Relaxed);
        }
    }
    fn check(&self) -> io::Result<()> {
        if self.left.load(Ordering::Relaxed) == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the age header does not end",
            ));
        }
        Ok(())
    }
}

impl Read for HeaderLimit {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        let n = self.source.read(buffer)?;
        self.spend(n);
        Ok(n)
    }
}

impl BufRead for HeaderLimit {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        self.source.fill_buf()
    }
    fn consume(&mut self, amount: usize) {
        self.spend(amount);
        self.source.consume(amount);
    }
}
