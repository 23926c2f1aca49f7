//! age encryption (age-encryption.org/v1): X25519 and SSH keys.
mod identity;
mod recipient;
mod wire;

use std::io::{self, BufRead, BufWriter, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use age::stream::StreamReader;
use age::{DecryptError, Decryptor, Encryptor};

use crate::error::{Step, at};
use crate::sink::Sink;

pub use identity::{Identities, IdentityError};
pub use recipient::{RecipientError, Recipients};

/// Longest header that is read, bytes: a recipient takes about 100, so this is room for thousands, and hostile bytes
/// cannot make the reader hold more.
const MAX_HEADER: u64 = 1 << 20;

/// Bytes of the header that are held until the first chunk: the library makes one long text of a failure to write it,
/// in which the sink's own error is lost. A chunk is larger and passes without a copy.
const HEADER: usize = 16 << 10;

impl Recipients {
    /// Encrypts into `sink`, for every recipient.
    pub(crate) fn writer(self, sink: Box<dyn Sink + Send>) -> io::Result<Box<dyn Sink + Send>> {
        let encryptor = Encryptor::with_recipients(self.iter()).map_err(|e| {
            at(
                Step::Encrypt,
                io::Error::new(io::ErrorKind::InvalidInput, e.to_string()),
            )
        })?;
        let sink: Output = BufWriter::with_capacity(HEADER, sink);
        let writer = encryptor.wrap_output(sink).map_err(|e| at(Step::Encrypt, e))?;
        Ok(Box::new(Writer(writer)))
    }
}

type Output = BufWriter<Box<dyn Sink + Send>>;

struct Writer(age::stream::StreamWriter<Output>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(|e| at(Step::Encrypt, e))
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(|e| at(Step::Encrypt, e))
    }
}

impl Sink for Writer {
    fn finish(self: Box<Self>) -> io::Result<()> {
        let sink = self.0.finish().map_err(|e| at(Step::Encrypt, e))?;
        let sink = sink.into_inner().map_err(|e| at(Step::Encrypt, e.into_error()))?;
        sink.finish()
    }
}

impl Identities {
    /// Decrypts from `source`. Reads the header, so that a wrong key is known here.
    pub(crate) fn reader(self, source: Box<dyn BufRead + Send>) -> io::Result<Box<dyn Read + Send>> {
        let left = Arc::new(AtomicU64::new(MAX_HEADER));
        let source = HeaderLimit {
            source,
            left: left.clone(),
        };
        let open = || Decryptor::new_buffered(source)?.decrypt(self.iter());
        let reader = open().map_err(|e| at(Step::Decrypt, explain(e)))?;
        left.store(u64::MAX, Ordering::Relaxed);
        Ok(Box::new(Reader(reader)))
    }
}

/// The library's messages are made for a person at a terminal; these name what is wrong with the object or the key.
fn explain(error: DecryptError) -> io::Error {
    let word = match error {
        DecryptError::Io(e) => return e,
        DecryptError::NoMatchingKeys => "the key is none of those that the backup was encrypted for",
        DecryptError::InvalidHeader => "the age header is damaged, or this is not an age file",
        DecryptError::InvalidMac => "the age header was changed",
        DecryptError::UnknownFormat => "this is not an age v1 file",
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => "the key does not open the age header",
        DecryptError::ExcessiveWork { .. } => "the backup is encrypted with a passphrase, not for a key",
        _ => "the age header cannot be opened",
    };
    io::Error::new(io::ErrorKind::InvalidData, word)
}

struct Reader<R>(StreamReader<R>);

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|e| at(Step::Decrypt, e))
    }
}

/// Ends the reading of a header that does not end.
struct HeaderLimit {
    source: Box<dyn BufRead + Send>,
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
