//! Takes a body in: hashed and written while it comes, and cut where it does not.
use std::sync::Arc;
use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use md5::{Digest, Md5};
use ring::digest::{Context, SHA256};
use tokio::time::{Instant, timeout_at};

use crate::fault::{Code, Fault};
use crate::signature::Payload;

/// As much is written at a time; two such pieces are held.
const PIECE: usize = 1 << 20;
/// Until more of a body has to come.
const SILENCE: Duration = Duration::from_secs(30);
/// A body comes at least as fast, in bytes a second, after the first minute.
const SLOWEST: u64 = 64 << 10;
/// As much of a body that is refused is read, so that its sender gets to the answer.
const DRAINED: usize = 1 << 20;

/// What a body was announced to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Bytes.
    pub size: u64,
    /// `x-amz-checksum-sha256`.
    pub sha256: Option<[u8; 32]>,
    /// `Content-MD5`.
    pub md5: Option<[u8; 16]>,
    /// `x-amz-content-sha256`.
    pub signed: Option<[u8; 32]>,
}

impl Announced {
    /// From the headers.
    ///
    /// # Errors
    /// There is no length, or it is more than may come; a digest is none.
    pub fn of(headers: &HeaderMap, payload: Payload, most: u64) -> Result<Self, Fault> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let size = text("content-length")
            .ok_or_else(|| Fault::new(Code::MissingContentLength, "the request has no Content-Length"))?;
        let size = size
            .parse()
            .map_err(|_| Fault::new(Code::InvalidArgument, "Content-Length is no number"))?;
        if size > most {
            return Err(Fault::new(
                Code::EntityTooLarge,
                format!("{size} bytes come at once; at most {most} are taken"),
            ));
        }
        if text("content-encoding").is_some_and(|encoding| encoding.contains("aws-chunked")) {
            return Err(Fault::new(
                Code::NotImplemented,
                "bodies in chunks (aws-chunked) are not taken: send them whole",
            ));
        }
        Ok(Self {
            size,
            sha256: text("x-amz-checksum-sha256")
                .map(|text| digest(text, "x-amz-checksum-sha256"))
                .transpose()?,
            md5: text("content-md5")
                .map(|text| digest(text, "Content-MD5"))
                .transpose()?,
            signed: match payload {
                Payload::Sha256(digest) => Some(digest),
                Payload::Unsigned => None,
            },
        })
    }
}

fn digest<const N: usize>(text: &str, name: &str) -> Result<[u8; N], Fault> {
    let bytes = BASE64_STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| {
        Fault::new(
            Code::InvalidDigest,
            format!("{name} is no digest of {N} bytes in base64"),
        )
    })
}

struct Hashing {
    sha256: Context,
    md5: Option<Md5>,
}

impl Hashing {
    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    fn finish(self, announced: &Announced) -> Result<[u8; 32], Fault> {
        let sha256: [u8; 32] = self.sha256.finish().as_ref().try_into().unwrap_or([0; 32]);
        let other = |name: &str| {
            Fault::new(
                Code::BadDigest,
                format!("the body is not the one that {name} was made of"),
            )
        };
        if announced.signed.is_some_and(|signed| signed != sha256) {
            return Err(Fault::new(
                Code::XAmzContentSHA256Mismatch,
                "the body is not the one that x-amz-content-sha256 was made of",
            ));
        }
        if announced.sha256.is_some_and(|wanted| wanted != sha256) {
            return Err(other("x-amz-checksum-sha256"));
        }
        let md5 = self.md5.map(|md5| md5.finalize());
        if announced
            .md5
            .is_some_and(|wanted| md5.is_none_or(|md5| md5[..] != wanted))
        {
            return Err(other("Content-MD5"));
        }
        Ok(sha256)
    }
}

type Sink = Arc<dyn Fn(u64, &[u8]) -> Result<(), Fault> + Send + Sync>;

/// Takes a body in and hands it on in order: its SHA-256, once it is the one that was announced.
///
/// # Errors
/// It is not, or does not come, or cannot be written.
pub async fn receive(body: &mut Incoming, announced: &Announced, sink: Sink) -> Result<[u8; 32], Fault> {
    let begun = Instant::now();
    let mut piece = Vec::new();
    let (mut came, mut written) = (0_u64, 0_u64);
    let hashing = Hashing {
        sha256: Context::new(&SHA256),
        md5: announced.md5.map(|_| Md5::new()),
    };
    // Written in threads that may wait for a disk, one piece at a time, while the next one comes.
    let write = |mut hashing: Hashing, mut piece: Vec<u8>, at: u64| {
        let sink = sink.clone();
        tokio::task::spawn_blocking(move || {
            hashing.update(&piece);
            sink(at, &piece)?;
            piece.clear();
            Ok::<_, Fault>((hashing, piece))
        })
    };
    let mut writing = write(hashing, Vec::new(), 0);
    let received = loop {
        let earned = Duration::from_secs(60 + came / SLOWEST);
        let until = (Instant::now() + SILENCE).min(begun + earned);
        let frame = match timeout_at(until, body.frame()).await {
            Err(_) => break Err(Fault::new(Code::RequestTimeout, "the body came too slowly")),
            Ok(None) => break Ok(()),
            Ok(Some(Err(_))) => break Err(Fault::new(Code::IncompleteBody, "the body ended before its end")),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(bytes) = frame.into_data() else { continue };
        came = came.saturating_add(bytes.len() as u64);
        piece.extend_from_slice(&bytes);
        if piece.len() >= PIECE {
            let (hashing, empty) = ended(writing.await)?;
            let full = std::mem::replace(&mut piece, empty);
            let size = full.len() as u64;
            writing = write(hashing, full, written);
            written = written.saturating_add(size);
        }
    };
    // Nothing writes any more when this returns, however it ends.
    let (mut hashing, _) = ended(writing.await)?;
    received?;
    if came != announced.size {
        return Err(Fault::new(
            Code::IncompleteBody,
            format!("{came} bytes came of {}", announced.size),
        ));
    }
    if !piece.is_empty() {
        (hashing, _) = ended(write(hashing, piece, written).await)?;
    }
    hashing.finish(announced)
}

fn ended<T>(task: Result<Result<T, Fault>, tokio::task::JoinError>) -> Result<T, Fault> {
    task.unwrap_or_else(|_| Err(Fault::new(Code::InternalError, "writing was given up")))
}

/// A small body, whole.
///
/// # Errors
/// It does not come, or is larger.
pub async fn small(body: &mut Incoming, most: usize) -> Result<Vec<u8>, Fault> {
    let until = Instant::now() + SILENCE;
    let mut all = Vec::new();
    loop {
        match timeout_at(until, body.frame()).await {
            Err(_) => return Err(Fault::new(Code::RequestTimeout, "the body came too slowly")),
            Ok(None) => return Ok(all),
            Ok(Some(Err(_))) => return Err(Fault::new(Code::IncompleteBody, "the body ended before its end")),
            Ok(Some(Ok(frame))) => all.extend_from_slice(frame.data_ref().map_or(&[][..], |bytes| bytes)),
        }
        if all.len() > most {
            return Err(Fault::new(
                Code::EntityTooLarge,
                format!("the body has more than {most} bytes"),
            ));
        }
    }
}

/// Reads the rest of a body that is refused, where it is short: whoever sends on into a connection that is closed may not get to the
/// answer.
pub async fn drain(body: &mut Incoming) {
    let until = Instant::now() + Duration::from_secs(5);
    let mut read = 0;
    while read < DRAINED {
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => read += frame.data_ref().map_or(0, bytes::Bytes::len),
            _ => return,
        }
    }
}
