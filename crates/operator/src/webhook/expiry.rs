//! When a certificate ends, read from its DER: what serves TLS tells nobody.
use jiff::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of a certificate's validity.
pub fn ends(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if let Some((_, after)) = element(rest, VERSION) {
        rest = after;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        rest = any(rest)?.2;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, _, rest) = any(validity)?;
    let (tag, time, _) = any(rest)?;
    moment(tag, std::str::from_utf8(time).ok()?)
}

fn moment(tag: u8, text: &str) -> Option<Timestamp> {
    let (year, rest) = match tag {
        // Of two digits, up to 2049 (RFC 5280).
        UTC_TIME => {
            let year: u16 = text.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        GENERALIZED_TIME => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2);
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    format!("{year:04}-{month}-{day}T{hour}:{minute}:{second}Z")
        .parse()
        .ok()
}

/// What is in the first element, if it is one of that tag, and what follows it.
fn element(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = any(der)?;
    (tag == wanted).then_some((content, rest))
}

/// The first element: its tag, what is in it, and what follows it.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if *first & 0x80 != 0 {
        let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn the_end_is_read_in_both_forms_and_what_is_no_certificate_has_none() {
        for (year, wanted) in [(2031, "2031-05-06T00:00:00Z"), (2061, "2061-05-06T00:00:00Z")] {
            let mut parameters = CertificateParams::new(vec!["a.example".into()]).unwrap();
            parameters.not_after = date_time_ymd(year, 5, 6);
            let made = parameters.self_signed(&KeyPair::generate().unwrap()).unwrap();
            assert_eq!(ends(made.der()), Some(wanted.parse().unwrap()));
            for cut in 0..made.der().len() {
                assert_eq!(ends(&made.der()[..cut]), None);
            }
        }
        assert_eq!(ends(b"no certificate"), None);
    }
}
