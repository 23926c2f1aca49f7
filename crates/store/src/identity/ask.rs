//! One request to whoever hands out credentials: with a deadline, a bound, and words for each way that it can fail.
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::dial::Dial;
use crate::http::{Answer, Http};
use crate::secret::Secret;
use crate::signing::Signed;

/// Until something on the node has answered.
pub(super) const NEAR: Duration = Duration::from_secs(3);
/// Until an STS has answered.
pub(super) const FAR: Duration = Duration::from_secs(15);
/// The largest answer, and the largest token, bytes.
const LARGEST: usize = 64 << 10;
/// Characters of somebody else's words.
const WORDS: usize = 300;

/// A client. Without proxy for what is on the node.
pub(super) fn client(ca_bundle: Option<&str>, dial: Dial) -> Result<Http, String> {
    let client = Http::new(ca_bundle, dial).map_err(|e| e.to_string())?;
    Ok(client.of_answers_up_to(LARGEST))
}

/// Sends it; the answer whatever its status.
pub(super) async fn ask(
    http: &Http,
    method: http::Method,
    url: &str,
    headers: Vec<(String, String)>,
    body: Bytes,
    limit: Duration,
) -> Result<Answer, String> {
    let request = Signed {
        url: Secret::new(url),
        headers,
    };
    let answer = http.send("ask", method, &request, body, limit).await;
    answer.map_err(|error| error.into_words())
}

/// A file, as it is now: what lies there is exchanged while the program runs.
pub(super) fn file(path: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let unread = |why: String| format!("{path:?} cannot be read: {why}");
    let path = Path::new(path);
    // What is no file may have no end, or no beginning: a pipe is not even opened before somebody writes.
    if !path.metadata().map_err(|e| unread(e.to_string()))?.is_file() {
        return Err(unread("it is not a file".to_owned()));
    }
    let mut file = File::open(path).map_err(|e| unread(e.to_string()))?;
    let mut bytes = Zeroizing::new(Vec::new());
    let bound = u64::try_from(LARGEST).unwrap_or(u64::MAX);
    Read::by_ref(&mut file)
        .take(bound)
        .read_to_end(&mut bytes)
        .map_err(|e| unread(e.to_string()))?;
    Ok(bytes)
}

/// A token that lies in a file.
pub(super) fn token(path: &str) -> Result<Zeroizing<String>, String> {
    let bytes = file(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| format!("{path:?} holds no token: it is no text"))?;
    let found = Zeroizing::new(text.trim().to_owned());
    if found.is_empty() || found.chars().any(|c| !c.is_ascii_graphic() && c != ' ') {
        return Err(format!(
            "{path:?} holds no token: it is empty, or has line breaks or control characters"
        ));
    }
    Ok(found)
}

/// Credentials as containers and instances are told them.
pub(super) fn credentials(body: &[u8]) -> Result<Credentials, String> {
    let told: Value = serde_json::from_slice(body).map_err(|_| "the answer is not JSON".to_owned())?;
    let word = |name: &str| told.get(name).and_then(Value::as_str).filter(|word| !word.is_empty());
    match word("Code") {
        None | Some("Success") => {}
        Some(code) => {
            let message = word("Message").unwrap_or_default();
            return Err(format!("the answer is {}", shown(&format!("{code} {message}"))));
        }
    }
    let lacks = |name: &str| format!("the answer has no {name}");
    let needed = |name: &str| word(name).ok_or_else(|| lacks(name));
    made(
        needed("AccessKeyId")?,
        needed("SecretAccessKey")?,
        needed("Token")?,
        needed("Expiration")?,
    )
}

/// Credentials of an answer's four words.
pub(super) fn made(access: &str, secret: &str, token: &str, expiration: &str) -> Result<Credentials, String> {
    let clean = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    if ![access, secret, token].into_iter().all(clean) {
        return Err("a credential of the answer is empty, or holds a space or a control character".to_owned());
    }
    let end: Timestamp = expiration
        .parse()
        .map_err(|_| format!("the answer's Expiration is no time: {}", shown(expiration)))?;
    Ok(Credentials::new(access, Secret::new(secret), Some(Secret::new(token))).until(end))
}

/// Somebody else's words, in bounds.
pub(super) fn shown(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().chars().take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_line_of_a_file_and_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for (text, good) in [
            ("a.b-c_1\n", true),
            ("", false),
            ("\n", false),
            ("hunter2\nx", false),
            ("hunter2\u{e4}", false),
        ] {
            std::fs::write(at("token"), text).unwrap();
            let found = token(&at("token"));
            assert_eq!(found.is_ok(), good, "{text:?}");
            assert!(found.map_or_else(|why| !why.contains("hunter2"), |t| *t == "a.b-c_1"));
        }
        for nothing in [at("missing"), at(""), "/dev/zero".to_owned()] {
            assert!(token(&nothing).is_err(), "{nothing}");
        }
    }

    #[test]
    fn credentials_are_four_words_and_what_is_said_in_their_place_is_told() {
        let whole =
            r#"{"AccessKeyId":"A","SecretAccessKey":"hunter2","Token":"T","Expiration":"2026-11-28T12:00:00Z"}"#;
        assert!(credentials(whole.as_bytes()).is_ok());
        for (body, says) in [
            ("<html>".to_owned(), "not JSON"),
            ("[]".to_owned(), "has no AccessKeyId"),
            (whole.replace("Token", "Tokem"), "has no Token"),
            (whole.replace("2026-11-28T12", "soon"), "Expiration is no time"),
            (whole.replace("hunter2", "hunter2 x"), "holds a space"),
            (
                r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume it"}"#.to_owned(),
                "EC2 cannot assume it",
            ),
        ] {
            let why = credentials(body.as_bytes()).unwrap_err();
            assert!(why.contains(says) && !why.contains("hunter2"), "{why}");
        }
    }
}
