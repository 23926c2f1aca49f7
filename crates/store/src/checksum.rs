//! How a body is bound to the URL that it is sent to, and the digests that do it.
use base64::{Engine, prelude::BASE64_STANDARD};
use md5::{Digest, Md5};

/// What a signed URL is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// `x-amz-checksum-sha256`: the store keeps it and gives it back.
    Sha256,
    /// `Content-MD5` (RFC 1864): the store compares and forgets it.
    Md5,
    /// The length only.
    None,
}

impl Checksum {
    /// `sha256`, `md5` or `none`, as `spec.parameters.checksum` and `status.capabilities.checksum` say it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Md5 => "md5",
            Self::None => "none",
        }
    }

    /// The opposite of [`Checksum::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Md5, Self::None]
            .into_iter()
            .find(|c| c.name() == name)
    }

    /// The digest of a whole body in base64, as the header carries it; empty for [`Checksum::None`].
    pub fn digest(self, body: &[u8]) -> String {
        match self {
            Self::Sha256 => BASE64_STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, body)),
            Self::Md5 => BASE64_STANDARD.encode(Md5::digest(body)),
            Self::None => String::new(),
        }
    }

    /// Whether a text is a digest of this kind, in base64; for [`Checksum::None`] only the empty one is.
    pub fn is_digest(self, text: &str) -> bool {
        let bytes = match self {
            Self::Sha256 => 32,
            Self::Md5 => 16,
            Self::None => return text.is_empty(),
        };
        // Longer ones are not worth decoding: they may have megabytes.
        text.len() <= 64 && BASE64_STANDARD.decode(text).is_ok_and(|digest| digest.len() == bytes)
    }

    /// The header that carries the digest of a body.
    pub(crate) fn header(self) -> Option<&'static str> {
        match self {
            Self::Sha256 => Some("x-amz-checksum-sha256"),
            Self::Md5 => Some("content-md5"),
            Self::None => None,
        }
    }
}

/// The checksum (base64) that S3 gives an object that was put whole, of its SHA-256 in hexadecimal. None where the text
/// is no SHA-256.
pub fn sha256_of_hex(hex: &str) -> Option<String> {
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let digest: Option<Vec<u8>> = (0..32).map(|i| digits(2 * i)).collect();
    Some(BASE64_STANDARD.encode(digest?))
}

/// The SHA-256, in hexadecimal, of an object that was put whole, of the checksum (base64) that S3 tells. None for the
/// composite checksum of a multipart object, which is not the hash of its bytes.
pub fn hex_of_sha256(checksum: &str) -> Option<String> {
    let digest = BASE64_STANDARD.decode(checksum).ok().filter(|d| d.len() == 32)?;
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The checksum that S3 gives a multipart object whose parts have these SHA-256 digests (base64), in order:
/// the digest of the digests, then `-` and their number ("composite" in AWS's words).
///
/// A digest that is not base64 counts as no bytes, so that the result equals nothing that a store says.
pub fn composite_sha256<'a>(part_digests_base64: impl Iterator<Item = &'a str>) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut parts = 0_u32;
    for digest in part_digests_base64 {
        context.update(&BASE64_STANDARD.decode(digest).unwrap_or_default());
        parts += 1;
    }
    format!("{}-{parts}", BASE64_STANDARD.encode(context.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for checksum in [Checksum::Sha256, Checksum::Md5, Checksum::None] {
            assert_eq!(Checksum::from_name(checksum.name()), Some(checksum));
        }
        assert_eq!(Checksum::from_name("SHA256"), None);
    }

    #[test]
    fn digests_are_those_of_the_standards() {
        // FIPS 180-4 and RFC 1321 test vectors of "abc", in base64.
        assert_eq!(
            Checksum::Sha256.digest(b"abc"),
            "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
        );
        assert_eq!(Checksum::Md5.digest(b"abc"), "kAFQmDzST7DWlj99KOF/cg==");
        assert_eq!(Checksum::None.digest(b"abc"), "");
        for kind in [Checksum::Sha256, Checksum::Md5, Checksum::None] {
            for of in [Checksum::Sha256, Checksum::Md5, Checksum::None] {
                assert_eq!(kind.is_digest(&of.digest(b"abc")), kind == of, "{kind:?} {of:?}");
            }
        }
        assert!(!Checksum::Sha256.is_digest("abc") && !Checksum::Md5.is_digest("kAFQmDzST7DWlj99KOF/cg"));
    }

    #[test]
    fn a_hexadecimal_digest_is_the_same_in_base64() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of_hex(abc), Some(Checksum::Sha256.digest(b"abc")));
        for wrong in ["", "ab", &abc[1..], &"+1".repeat(32), &"ä".repeat(32)] {
            assert_eq!(sha256_of_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_composite_checksum_is_the_digest_of_the_digests_and_their_number() {
        let parts = [Checksum::Sha256.digest(b"a"), Checksum::Sha256.digest(b"b")];
        let joined: Vec<u8> = parts.iter().flat_map(|p| BASE64_STANDARD.decode(p).unwrap()).collect();
        let expected = format!("{}-2", Checksum::Sha256.digest(&joined));
        assert_eq!(composite_sha256(parts.iter().map(String::as_str)), expected);
        assert_ne!(composite_sha256(["?", "?"].into_iter()), expected);
    }
}
