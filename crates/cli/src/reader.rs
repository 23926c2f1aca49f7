//! Standard output, whose reader may have gone: `| head` has seen what it wanted, and that is no error of any verb that prints.
use std::io::{Error, ErrorKind, Write};

/// What a verb that stops at it returns, as it is. A verb that says more, as `download` does, whose bytes have not all been taken, has failed.
pub const GONE: &str = "whoever reads has gone";

/// Writes, and says in words of its own that nobody reads.
pub struct Reader<W>(pub W);

impl<W: Write> Write for Reader<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes).map_err(gone)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush().map_err(gone)
    }
}

fn gone(error: Error) -> Error {
    match error.kind() {
        ErrorKind::BrokenPipe => Error::new(ErrorKind::BrokenPipe, GONE),
        _ => error,
    }
}
