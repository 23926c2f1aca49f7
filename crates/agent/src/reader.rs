//! What a drill that only reads runs in the operator's own image: a first process that waits, and a restore command that counts.
use std::io::{self, ErrorKind, Read};

use pipeline::hash::Sha256;

/// As much as the pipe from the daemon mostly holds.
const PIECE: usize = 64 << 10;

/// Stays until it is killed. A first process that has no handler is not ended by SIGTERM: its Pod has a grace of a second.
pub fn wait() -> ! {
    loop {
        std::thread::park();
    }
}

/// Reads to the end, and says what there was.
///
/// # Errors
/// It cannot be read.
pub fn drain(mut from: impl Read) -> io::Result<String> {
    let mut hash = Sha256::default();
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(format!("read {} bytes, SHA-256 {}", hash.bytes(), hash.hex())),
            Ok(some) => hash.update(piece.get(..some).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drained_is_counted_and_hashed() {
        let empty = "read 0 bytes, SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(drain(io::empty()).unwrap(), empty);
        let said = drain(io::repeat(7).take(200_000)).unwrap();
        assert!(said.starts_with("read 200000 bytes, SHA-256 "), "{said}");
    }
}
