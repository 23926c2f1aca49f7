//! A `caBundle` of certificates, as far as it can be told without a parser of certificates: this crate has none. What is cut off or damaged on its way
//! into a manifest is seen here, and what is left at the first connection.
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
const NEW_LINE: [char; 2] = ['\n', '\r'];
/// DER's SEQUENCE, which a certificate is.
const SEQUENCE: u8 = 0x30;

/// Reads PEM.
///
/// # Errors
/// What is wrong with it; it reads on from "caBundle". Nothing of it is repeated.
pub fn check(pem: &str) -> Result<(), String> {
    if pem.contains("PRIVATE KEY") {
        let text = "holds a private key, and only certificates belong there: take it out, and make a new key";
        return Err(text.into());
    }
    let mut rest = pem;
    let mut number = 0;
    while let Some((before, behind)) = rest.split_once(BEGIN) {
        rest = behind;
        // As those who read it later do: each of both stands at the beginning of a line.
        if !before.is_empty() && !before.ends_with(NEW_LINE) {
            continue;
        }
        number += 1;
        let broken = |why: &str| {
            format!(
                "holds a certificate that cannot be read (number {number}): {why}; paste the whole of it, from {BEGIN} to {END}"
            )
        };
        let end = behind.split_once(END).filter(|(body, _)| body.ends_with(NEW_LINE));
        let (body, after) = end.ok_or_else(|| broken("its end is missing, or does not begin a line"))?;
        let body: String = body.split_whitespace().collect();
        let der = BASE64_STANDARD
            .decode(body)
            .map_err(|e| broken(&format!("it is not base64: {e}")))?;
        if !is_whole(&der) {
            return Err(broken("something of it is missing, or too much"));
        }
        rest = after;
    }
    if number == 0 {
        return Err(format!("holds no certificate: it must be PEM, beginning with {BEGIN}"));
    }
    Ok(())
}

/// Whether this is one SEQUENCE, and as long as it says.
fn is_whole(der: &[u8]) -> bool {
    let &[SEQUENCE, length, ref rest @ ..] = der else {
        return false;
    };
    // Up to 127 is the length itself, above that how many bytes it has.
    let digits = usize::from(length & 0x7f);
    if length < 0x80 {
        return rest.len() == digits;
    }
    let Some((said, content)) = rest.split_at_checked(digits) else {
        return false;
    };
    let said = said
        .iter()
        .try_fold(0_usize, |sum, byte| Some(sum.checked_mul(256)? + usize::from(*byte)));
    !content.is_empty() && said == Some(content.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(der: &[u8]) -> String {
        format!("{BEGIN}\n{}\n{END}\n", BASE64_STANDARD.encode(der))
    }

    #[test]
    fn a_bundle_is_whole_certificates_and_says_which_is_not() {
        let short = [SEQUENCE, 2, 5, 0];
        let mut long = vec![SEQUENCE, 0x82, 1, 44];
        long.extend([7; 300]);
        let (whole, cut, more) = (pem(&long), pem(&long[..250]), pem(&[&short[..], &[0]].concat()));
        for (bundle, says) in [
            (whole.clone(), None),
            (format!("# ours\r\n{whole}{}", pem(&short)), None),
            (whole.replace('\n', "\r\n"), None),
            (format!("  {whole}"), Some("holds no certificate")),
            (
                whole.replace("\n-----E", "\n  -----E"),
                Some("(number 1): its end is missing"),
            ),
            (String::new(), Some("holds no certificate")),
            ("/etc/ssl/ca.crt".into(), Some("holds no certificate")),
            (format!("{BEGIN}\nMII=\n"), Some("(number 1): its end is missing")),
            (
                format!("{whole}{BEGIN}\nMII!\n{END}"),
                Some("(number 2): it is not base64"),
            ),
            (cut, Some("something of it is missing")),
            (more, Some("or too much")),
            (pem(&[]), Some("something of it is missing")),
            (pem(&[4, 2, 5, 0]), Some("something of it is missing")),
            (pem(&[SEQUENCE, 0x80]), Some("something of it is missing")),
            (pem(&[SEQUENCE, 0xff, 1]), Some("something of it is missing")),
            (format!("{BEGIN}\n...\n{END}"), Some("it is not base64")),
            ("-----BEGIN RSA PRIVATE KEY-----".into(), Some("holds a private key")),
        ] {
            let found = check(&bundle).err();
            match (&found, says) {
                (None, None) => {}
                (Some(found), Some(says)) => assert!(found.contains(says), "{bundle}: {found}"),
                _ => panic!("{bundle}: {found:?}"),
            }
        }
    }
}
