//! Bytes that are known beforehand, and what is stored, read as any other tool would read it.
use std::io::{Read, Write};

use ring::digest::{Context, SHA256};

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    let mut context = Context::new(&SHA256);
    context.update(bytes);
    context.finish().as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// What `/stream random BYTES SEED` prints: SplitMix64, little-endian.
pub fn random(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// The line that `/stream sum` says of these bytes when its standard input has ended.
pub fn sum_line(bytes: &[u8]) -> String {
    format!("{} {}", bytes.len(), sha256(bytes))
}

/// Decrypts with an age identity.
pub fn decrypted(stored: &[u8], identity: &age::x25519::Identity) -> Vec<u8> {
    let decryptor = age::Decryptor::new(stored).expect("an age file");
    let mut plain = Vec::new();
    let mut reader = decryptor
        .decrypt(std::iter::once(identity as &dyn age::Identity))
        .expect("encrypted to this key");
    reader.read_to_end(&mut plain).expect("a whole age file");
    plain
}

/// Encrypts to an age recipient.
pub fn encrypted(plain: &[u8], recipient: &age::x25519::Recipient) -> Vec<u8> {
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(recipient as &dyn age::Recipient)).expect("a recipient");
    let mut stored = Vec::new();
    let mut writer = encryptor.wrap_output(&mut stored).expect("a header");
    writer.write_all(plain).expect("memory");
    writer.finish().expect("memory");
    stored
}

/// Decompresses gzip.
pub fn gunzipped(stored: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(stored)
        .read_to_end(&mut plain)
        .expect("whole gzip members");
    plain
}

/// Decompresses zstd.
pub fn unzstd(stored: &[u8]) -> Vec<u8> {
    zstd::decode_all(stored).expect("whole zstd frames")
}

/// Compresses with zstd, as another tool would: with a checksum.
pub fn zstd(plain: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("a level");
    encoder.include_checksum(true).expect("a setting");
    encoder.write_all(plain).expect("memory");
    encoder.finish().expect("memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_in_any_length() {
        let long = random(100, 1);
        assert_eq!(random(13, 1), long[..13]);
        // The first two words of SplitMix64 with seed 1.
        assert_eq!(long[..8], 0x910a_2dec_8902_5cc1_u64.to_le_bytes());
        assert_ne!(random(16, 2), long[..16]);
    }
}
