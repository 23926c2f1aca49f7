//! The object as a stream: one GET, taken up again where it broke, by the bytes that were asked for.
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pipeline::Sha256;
use protocol::{Outcome, UrlRequest};
use ureq::http::Response;
use ureq::{Body, BodyReader};

use crate::desk::{Desk, NoUrl, SignedUrl};
use crate::http::{self, Client, HttpError};
use crate::retry::{Hope, Retry};

/// What is shared with those who watch a download.
#[derive(Default)]
pub struct Watched {
    /// Bytes so far.
    pub bytes: AtomicU64,
    /// Of these bytes.
    pub hash: Mutex<Sha256>,
    /// Nobody wants the rest.
    pub stop: AtomicBool,
    /// Why reading failed, in the report's words.
    failure: Mutex<Option<Outcome>>,
}

impl Watched {
    /// Why reading failed.
    pub fn failure(&self) -> Option<Outcome> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What to read.
pub struct Wanted {
    /// Bytes of the object.
    pub size: u64,
    /// Of the object; another one is another object.
    pub etag: Option<String>,
    /// How long it is retried without a byte.
    pub patience: Duration,
    /// How long an operator that is away is waited for.
    pub absence: Duration,
}

/// The stream.
pub struct Download {
    client: Client,
    desk: Arc<Desk>,
    wanted: Wanted,
    watched: Arc<Watched>,
    retry: Retry,
    /// URLs asked for so far.
    number: u32,
    signed: Option<SignedUrl>,
    body: Option<BodyReader<'static>>,
    offset: u64,
}

/// A failure with its hope, or the end.
enum Trouble {
    Again(Hope, String),
    End(Outcome),
    Stopped,
}

impl Download {
    /// Nothing is asked for before the first read.
    pub fn new(client: Client, desk: Arc<Desk>, wanted: Wanted, watched: Arc<Watched>) -> Self {
        let retry = Retry::new(wanted.patience);
        Self {
            client,
            desk,
            wanted,
            watched,
            retry,
            number: 0,
            signed: None,
            body: None,
            offset: 0,
        }
    }

    fn read_once(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        if self.watched.stop.load(Ordering::Relaxed) {
            return Err(Trouble::Stopped);
        }
        if self.body.is_none() {
            self.body = Some(self.open()?);
        }
        let left = usize::try_from(self.wanted.size - self.offset).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let Some((body, room)) = self.body.as_mut().zip(buffer.get_mut(..most)) else {
            return Ok(0);
        };
        match body.read(room) {
            Ok(0) => Err(Trouble::Again(Hope::Passes, "the connection ended early".into())),
            Ok(n) => Ok(n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(Trouble::Again(Hope::Passes, e.to_string())),
            Err(e) => Err(Trouble::Again(Hope::Passes, format!("the connection broke: {e}"))),
        }
    }

    fn open(&mut self) -> Result<BodyReader<'static>, Trouble> {
        let signed = match self.signed.take() {
            Some(signed) => signed,
            None => self.ask()?,
        };
        let etag = self.wanted.etag.as_deref();
        match http::get(&self.client, &signed, self.offset, etag) {
            Ok(response) => {
                self.check(&response)?;
                self.signed = Some(signed);
                Ok(response.into_body().into_reader())
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    fn ask(&mut self) -> Result<SignedUrl, Trouble> {
        self.number += 1;
        self.desk
            .url(&UrlRequest::Get { number: self.number }, self.wanted.absence)
            .map_err(|e| match e {
                NoUrl::Stopped => Trouble::Stopped,
                error => Trouble::End(self.failed(error.to_string())),
            })
    }

    /// What came is told by Content-Range, whatever the status: some servers (rclone) answer a range with 200. One that knows no
    /// ranges sends all from the start: fine for the first byte only.
    fn check(&self, response: &Response<Body>) -> Result<(), Trouble> {
        let size = self.wanted.size;
        let bad = |step: &str, message: String| {
            Trouble::End(Outcome::BadObject {
                step: step.into(),
                message,
            })
        };
        let range = http::header(response, "content-range");
        let total = if response.status().as_u16() == 206 || range.is_some() {
            let (start, total) = range.as_deref().and_then(content_range).ok_or_else(|| {
                Trouble::Again(Hope::Doubtful, "the store's answer has no usable Content-Range".into())
            })?;
            if start != self.offset {
                return Err(Trouble::Again(
                    Hope::Doubtful,
                    format!("the store sent bytes from {start} on"),
                ));
            }
            total
        } else if self.offset == 0 {
            http::header(response, "content-length").and_then(|length| length.parse().ok())
        } else {
            return Err(Trouble::Again(
                Hope::Doubtful,
                "the store does not send a part of an object".into(),
            ));
        };
        if let Some(total) = total
            && total != size
        {
            return Err(bad("size", format!("expected {size} bytes, the object has {total}")));
        }
        if let (Some(want), Some(seen)) = (&self.wanted.etag, http::header(response, "etag"))
            && bare(want) != bare(&seen)
        {
            return Err(bad(
                "etag",
                format!(
                    "expected {}, the object has {}: it was replaced",
                    bare(want),
                    bare(&seen)
                ),
            ));
        }
        Ok(())
    }

    fn refused(&mut self, error: HttpError) -> Trouble {
        match error.status {
            Some(412) => {
                let message = "the object was replaced: its etag is another one".into();
                Trouble::End(Outcome::BadObject {
                    step: "etag".into(),
                    message,
                })
            }
            Some(416) => {
                let message = format!("expected {} bytes, the object is shorter", self.wanted.size);
                Trouble::End(Outcome::BadObject {
                    step: "size".into(),
                    message,
                })
            }
            _ if error.hope == Hope::None => Trouble::End(self.failed(error.message)),
            // The next try asks for a fresh URL: this one may have expired.
            _ => Trouble::Again(error.hope, error.message),
        }
    }

    fn failed(&self, message: String) -> Outcome {
        Outcome::TransferFailed {
            step: format!("download at {}", self.offset),
            message,
        }
    }

    fn end(&self, outcome: Option<Outcome>) -> io::Error {
        *self.watched.failure.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
        io::Error::other("the object cannot be read further")
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.offset == self.wanted.size || buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.read_once(buffer) {
                Ok(n) => {
                    let piece = buffer.get(..n).unwrap_or_default();
                    self.watched
                        .hash
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .update(piece);
                    self.offset += n as u64;
                    self.watched.bytes.store(self.offset, Ordering::Relaxed);
                    self.retry.progressed();
                    return Ok(n);
                }
                Err(Trouble::Stopped) => return Err(self.end(None)),
                Err(Trouble::End(outcome)) => return Err(self.end(Some(outcome))),
                Err(Trouble::Again(hope, message)) => {
                    self.body = None;
                    let Some(pause) = self.retry.after(hope, Instant::now()) else {
                        return Err(self.end(Some(self.failed(message))));
                    };
                    if !self.desk.pause(pause) {
                        return Err(self.end(None));
                    }
                }
            }
        }
    }
}

/// RFC 9110 section 14.4: `bytes 5-9/10`; the total may be `*`.
pub(crate) fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    let total = if total.trim() == "*" {
        None
    } else {
        Some(total.trim().parse().ok()?)
    };
    Some((start, total))
}

/// Stores differ in the quotes.
pub(crate) fn bare(etag: &str) -> &str {
    etag.trim().trim_start_matches("W/").trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_understood_or_refused() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 0-0/*"), Some((0, None)));
        for value in [
            "",
            "bytes",
            "bytes */10",
            "bytes 5/10",
            "bytes a-9/10",
            "bytes 5-9/x",
            "items 5-9/10",
        ] {
            assert_eq!(content_range(value), None, "{value}");
        }
    }

    #[test]
    fn etags_are_compared_without_quotes() {
        assert_eq!(
            (bare("\"ab-2\""), bare("ab-2"), bare("W/\"ab\"")),
            ("ab-2", "ab-2", "ab")
        );
    }
}
