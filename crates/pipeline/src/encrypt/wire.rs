//! SSH keys as they go over the wire (RFC 4251, section 5), looked at before the age library does: its reader of numbers
//! panics on one that has bytes and all of them zero.
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// What an unencrypted private key file begins with.
const PRIVATE: &[u8] = b"openssh-key-v1\0";

/// The base64 of a public key holds such a number, or is none: the library takes what of it is base64.
pub(super) fn has_zero_in_public(encoded: &str) -> bool {
    BASE64_STANDARD.decode(encoded).map_or(true, |key| has_zero(&key))
}

/// The base64 of a private key file, in lines, holds such a number.
pub(super) fn has_zero_in_private(pem: &str) -> bool {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let body = zeroize::Zeroizing::new(body);
    let Ok(file) = BASE64_STANDARD.decode(body.as_bytes()).map(zeroize::Zeroizing::new) else {
        return false;
    };
    let Some(mut rest) = file.strip_prefix(PRIVATE) else {
        return false;
    };
    let mut read = || -> Option<bool> {
        for _ in ["cipher", "KDF", "its options"] {
            field(&mut rest)?;
        }
        rest = rest.get(4..)?; // how many keys
        let (public, private) = (field(&mut rest)?, field(&mut rest)?);
        // Two check numbers, then the key.
        Some(has_zero(public) || has_zero(private.get(8..)?))
    };
    read().unwrap_or(false)
}

/// One of the fields, as far as they can be read, has bytes and all of them are zero.
fn has_zero(mut key: &[u8]) -> bool {
    while let Some(field) = field(&mut key) {
        if !field.is_empty() && field.iter().all(|b| *b == 0) {
            return true;
        }
    }
    false
}

/// A length in four bytes and that many bytes.
fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (field, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = after;
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(fields: &[&[u8]]) -> Vec<u8> {
        let sized = |f: &&[u8]| [&u32::try_from(f.len()).unwrap().to_be_bytes()[..], f].concat();
        fields.iter().flat_map(sized).collect()
    }

    #[test]
    fn a_number_of_zeros_is_found_in_both_halves_of_a_key() {
        let public = |e: &[u8]| wire(&[b"ssh-rsa", e, &[7; 256]]);
        let private = |p: &[u8]| {
            let key = [&[0; 8][..], &wire(&[b"ssh-rsa", &[7; 256], &[1, 0, 1], p])].concat();
            let head = [PRIVATE, &wire(&[b"none", b"none", b""]), &[0, 0, 0, 1]].concat();
            let file = [head, wire(&[&public(&[1, 0, 1]), &key])].concat();
            format!("-----BEGIN X-----\n{}\n-----END X-----\n", BASE64_STANDARD.encode(file))
        };
        for (number, found) in [
            (&[0][..], true),
            (&[0, 0, 0], true),
            (&[], false),
            (&[0, 1], false),
            (&[1, 0], false),
        ] {
            assert_eq!(
                has_zero_in_public(&BASE64_STANDARD.encode(public(number))),
                found,
                "{number:?}"
            );
            assert_eq!(has_zero_in_private(&private(number)), found, "{number:?}");
        }
        assert!(has_zero_in_public("?") && !has_zero_in_private("x") && !has_zero_in_private(""));
    }
}
