//! Recipients of age, as far as they can be checked without age itself: form, checksum, kind and size of the key.
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bech32::Hrp;
use bech32::primitives::decode::CheckedHrpstring;

/// The smallest RSA key that age takes, in bits.
const RSA_MIN: usize = 2048;
/// The largest RSA key that the age library takes, in bits.
const RSA_MAX: usize = 4096;

/// Checks one recipient.
///
/// # Errors
/// What is wrong with it, in words that do not repeat a secret: someone may have put an identity here.
pub fn check(recipient: &str) -> Result<(), String> {
    if recipient.trim() != recipient || recipient.contains(['\n', '\r']) {
        return Err("has spaces or line breaks around it; one recipient is one line".into());
    }
    if recipient.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
        return Err("is a secret identity; put the recipient here (age1..., the public key), and replace this identity: it is public now".into());
    }
    if recipient.starts_with("-----BEGIN") {
        return Err("is a PEM block; put the public key here, as in the file that ends in .pub".into());
    }
    match recipient.split_once(' ') {
        Some((kind @ ("ssh-ed25519" | "ssh-rsa"), rest)) => ssh(kind, rest),
        None if recipient.starts_with("age1") => age(recipient),
        _ if recipient.starts_with("ssh-") || recipient.starts_with("ecdsa-") || recipient.starts_with("sk-") => {
            Err("is not an SSH key that age takes; ssh-ed25519 and ssh-rsa are".into())
        }
        _ => Err("is no recipient; age1..., ssh-ed25519 ... or ssh-rsa ... is wanted".into()),
    }
}

fn age(recipient: &str) -> Result<(), String> {
    if recipient.starts_with("age1pq1") {
        return Err("is a post-quantum recipient (age1pq), which this version cannot encrypt to; use an X25519 one, from age-keygen without -pq".into());
    }
    let parsed = CheckedHrpstring::new::<bech32::Bech32>(recipient).map_err(|e| format!("is mistyped or cut: {e}"))?;
    if parsed.hrp() != Hrp::parse_unchecked("age") {
        return Err(format!(
            "is a recipient of the age plugin {:?}; plugins are not available, use an X25519 one, from age-keygen",
            plugin(recipient)
        ));
    }
    match parsed.byte_iter().count() {
        32 => Ok(()),
        other => Err(format!("holds {other} bytes, not the 32 of an X25519 key")),
    }
}

fn plugin(recipient: &str) -> &str {
    let rest = recipient.strip_prefix("age1").unwrap_or(recipient);
    rest.rsplit_once('1').map_or(rest, |(name, _)| name)
}

fn ssh(kind: &str, rest: &str) -> Result<(), String> {
    let encoded = rest.split(' ').next().unwrap_or_default();
    let bytes = BASE64_STANDARD
        .decode(encoded)
        .map_err(|e| format!("is mistyped or cut: {e}"))?;
    let cut = || "is mistyped or cut: its parts do not fill it".to_string();
    let mut rest = bytes.as_slice();
    let inner = field(&mut rest).ok_or_else(cut)?;
    if inner != kind.as_bytes() {
        return Err(format!("begins with {kind} but holds a key of another kind"));
    }
    if kind == "ssh-ed25519" {
        let key = field(&mut rest).ok_or_else(cut)?;
        return if key.len() == 32 && rest.is_empty() {
            Ok(())
        } else {
            Err(cut())
        };
    }
    let exponent = field(&mut rest).ok_or_else(cut)?;
    if exponent.iter().all(|b| *b == 0) {
        return Err("is an RSA key whose exponent is zero".into());
    }
    let modulus = field(&mut rest).ok_or_else(cut)?;
    if !rest.is_empty() {
        return Err(cut());
    }
    let start = modulus.iter().take_while(|b| **b == 0).count();
    let bits = modulus
        .get(start)
        .map_or(0, |first| (modulus.len() - start) * 8 - first.leading_zeros() as usize);
    match bits {
        ..RSA_MIN => Err(format!("is an RSA key of {bits} bits; age takes {RSA_MIN} and more")),
        RSA_MIN..=RSA_MAX => Ok(()),
        _ => Err(format!(
            "is an RSA key of {bits} bits; this version takes at most {RSA_MAX}"
        )),
    }
}

/// A length in four bytes and that many bytes (RFC 4251, section 5).
fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (field, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = after;
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@rust";
    const AGE: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    fn rsa(bits: usize) -> String {
        rsa_with(&[1, 0, 1], bits)
    }

    fn rsa_with(exponent: &[u8], bits: usize) -> String {
        let mut key = Vec::new();
        let mut modulus = vec![0_u8; bits / 8 + 1];
        modulus[1] = 0x80;
        for part in [b"ssh-rsa".as_slice(), exponent, &modulus] {
            key.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
            key.extend(part);
        }
        format!("ssh-rsa {}", BASE64_STANDARD.encode(key))
    }

    #[test]
    fn recipients_that_age_takes_pass() {
        for good in [AGE, ED25519, &rsa(2048), &rsa(4096)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn others_are_refused_with_the_cure() {
        let cases = [
            (String::new(), "age1..., ssh-ed25519"),
            ("hello".into(), "age1..., ssh-ed25519"),
            (format!("{AGE}\n"), "one line"),
            (AGE.replace("t7r", "t7q"), "mistyped"),
            (AGE[..40].into(), "mistyped"),
            (AGE.to_uppercase(), "age1..., ssh-ed25519"),
            ("age1pq1qqqqqq".into(), "post-quantum"),
            ("AGE-SECRET-KEY-1ABC".into(), "secret identity"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----".into(), ".pub"),
            (ED25519.replace("AAAAC3", "AAAAB3"), "another kind"),
            (ED25519[..60].into(), "mistyped or cut"),
            (ED25519.replace("ssh-ed25519", "ssh-rsa"), "another kind"),
            ("ssh-dss AAAA".into(), "ssh-ed25519 and ssh-rsa are"),
            ("ecdsa-sha2-nistp256 AAAA".into(), "ssh-ed25519 and ssh-rsa are"),
            (rsa(1024), "2048 and more"),
            (rsa_with(&[0, 0], 2048), "exponent is zero"),
            (rsa(8192), "at most 4096"),
            (
                "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t".into(),
                "plugin \"yubikey\"",
            ),
        ];
        for (bad, words) in cases {
            let message = check(&bad).expect_err(&bad);
            assert!(message.contains(words), "{bad}: {message}");
            assert!(!message.contains("AGE-SECRET-KEY-1"), "{message}");
        }
    }
}
