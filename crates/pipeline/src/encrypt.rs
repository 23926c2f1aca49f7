//! age encryption (age-encryption.org/v1): for X25519 and SSH keys; opened with those, or with a passphrase.
mod armor;
mod identity;
mod open;
mod passphrase;
mod recipient;
mod rewrap;
mod seal;
mod wire;

use std::io::{self, BufWriter, Write};

use age::Encryptor;

use crate::error::{Step, at};
use crate::sink::Sink;

pub use identity::{Identities, IdentityError};
pub use recipient::{RecipientError, Recipients};
pub use rewrap::{Rewrapped, inner, rewrap};

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
