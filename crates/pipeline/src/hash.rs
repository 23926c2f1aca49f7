//! SHA-256 of a stream as it goes by.
use ring::digest::{Context, SHA256};

/// A running SHA-256 and its count of bytes. `ring` picks the machine's SHA instructions at run time.
#[derive(Clone)]
pub struct Sha256 {
    context: Context,
    bytes: u64,
}

impl Default for Sha256 {
    fn default() -> Self {
        Self {
            context: Context::new(&SHA256),
            bytes: 0,
        }
    }
}

impl Sha256 {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The hash so far, 32 bytes.
    pub fn digest(&self) -> [u8; 32] {
        let digest = self.context.clone().finish();
        let mut out = [0; 32];
        for (to, from) in out.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        out
    }

    /// The hash so far, lower-case hexadecimal.
    pub fn hex(&self) -> String {
        hex(&self.digest())
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_fips_180_4() {
        let mut hash = Sha256::default();
        assert_eq!(
            hash.hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        hash.update(b"a");
        hash.update(b"bc");
        assert_eq!(
            (hash.hex().as_str(), hash.bytes()),
            ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 3)
        );
    }
}
