//! CONNECT (RFC 9110, 9.3.6), without a socket: HTTP clients' own tunnels forget the status that a proxy refuses with.

/// The longest head of an answer that is read, bytes.
pub const LARGEST: usize = 8 << 10;
/// The longest reason phrase that is taken over, characters.
const PHRASE: usize = 100;

/// What a proxy has answered so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Its head is not whole yet.
    More,
    /// The tunnel is open.
    Opened,
    /// No tunnel: the status, and its words.
    Refused(u16, String),
    /// It is no answer of a proxy.
    Nonsense,
}

/// The request for a tunnel to `to`, host and port. `authorization` is the whole value of that header.
pub fn question(to: &str, authorization: Option<&[u8]>) -> Vec<u8> {
    let mut head = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
    if let Some(value) = authorization {
        head.extend_from_slice(b"Proxy-Authorization: ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Reads an answer as far as it has come. What follows the head of a tunnel that is open would be the store's, and no store speaks
/// before it is spoken to.
pub fn heard(bytes: &[u8]) -> Heard {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let is_whole = line.len() < bytes.len();
    let start = b"HTTP/1.";
    let same = line.len().min(start.len());
    if line.get(..same) != start.get(..same) {
        return Heard::Nonsense;
    }
    if !is_whole {
        return if bytes.len() < LARGEST {
            Heard::More
        } else {
            Heard::Nonsense
        };
    }
    let text = String::from_utf8_lossy(line);
    let mut words = text.trim_end().splitn(3, ' ');
    let status = words.nth(1).and_then(|word| word.parse().ok());
    match status {
        Some(200..=299) => {}
        Some(status @ (100..=199 | 300..=599)) => return Heard::Refused(status, phrase(words.next())),
        _ => return Heard::Nonsense,
    }
    let ends = |mark: &[u8]| {
        bytes
            .windows(mark.len())
            .position(|w| w == mark)
            .map(|at| at + mark.len())
    };
    match ends(b"\r\n\r\n").or_else(|| ends(b"\n\n")) {
        Some(end) if end == bytes.len() => Heard::Opened,
        Some(_) => Heard::Nonsense,
        None if bytes.len() < LARGEST => Heard::More,
        None => Heard::Nonsense,
    }
}

fn phrase(words: Option<&str>) -> String {
    let words = words.unwrap_or_default().trim();
    words.chars().filter(|c| !c.is_control()).take(PHRASE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_understood_as_far_as_it_has_come() {
        let refused = |status, words: &str| Heard::Refused(status, words.into());
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(LARGEST));
        for (bytes, expected) in [
            ("", Heard::More),
            ("HTT", Heard::More),
            ("HTTP/1.1 20", Heard::More),
            ("HTTP/1.1 200 OK\r\n", Heard::More),
            ("HTTP/1.1 200 OK\r\nVia: x\r\n\r\n", Heard::Opened),
            ("HTTP/1.0 200 Connection established\r\n\r\n", Heard::Opened),
            ("HTTP/1.1 200\n\n", Heard::Opened),
            ("HTTP/1.0 403 Filtered\r\n", refused(403, "Filtered")),
            ("HTTP/1.1 502\r\n", refused(502, "")),
            (
                "HTTP/1.1 407 Proxy Authentication\u{7} Required\r\n\r\n<html>",
                refused(407, "Proxy Authentication Required"),
            ),
            ("HTTP/1.1 200 OK\r\n\r\nhello", Heard::Nonsense),
            ("HTTP/1.1 abc\r\n", Heard::Nonsense),
            ("\u{15}\u{3}\u{1}", Heard::Nonsense),
            ("SSH-2.0-OpenSSH\r\n", Heard::Nonsense),
            (&long, Heard::Nonsense),
        ] {
            assert_eq!(heard(bytes.as_bytes()), expected, "{bytes:.60}");
        }
    }

    #[test]
    fn a_tunnel_is_asked_for_with_what_the_proxy_wants_to_know() {
        assert_eq!(
            question("s3:443", None),
            b"CONNECT s3:443 HTTP/1.1\r\nHost: s3:443\r\n\r\n"
        );
        let with = String::from_utf8(question("s3:443", Some(b"Basic eA=="))).unwrap();
        assert!(with.ends_with("\r\nProxy-Authorization: Basic eA==\r\n\r\n"), "{with}");
    }
}
