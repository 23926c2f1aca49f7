//! One request and its answer, with nothing of the product's own clients: what is signed is sent as it is.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A server that says nothing for so long has failed the test.
const SILENCE: Duration = Duration::from_secs(30);

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// Of its first line.
    pub status: u16,
    /// Names in lower case, in the server's order.
    pub headers: Vec<(String, String)>,
    /// As it came: a chunked one with its chunks' sizes.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Sends a request to a URL (plain HTTP) and reads until the server closes. None: there is no server, or it closed without an
/// answer.
pub fn exchange(method: &str, url: &str, headers: &[(String, String)], body: &[u8]) -> Option<Answer> {
    let rest = url.strip_prefix("http://")?;
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(SILENCE)).ok()?;
    let mut head = format!("{method} /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    // A server that refuses early closes before it has read all, and has answered.
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
    let mut bytes = Vec::new();
    // What came before a reset is the answer.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_string()))
    };
    Some(Answer {
        status,
        headers: lines.filter_map(header).collect(),
        body: bytes.split_off(end + 4),
    })
}

/// Sends a body to a signed URL with the headers that were signed, as an agent does: the status and the ETag.
pub fn put(url: &str, headers: &[(String, String)], body: &[u8]) -> (u16, String) {
    let answer = exchange("PUT", url, headers, body).expect("the server answers a PUT");
    let etag = answer.header("etag").unwrap_or_default().to_string();
    (answer.status, etag)
}
