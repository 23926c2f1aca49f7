//! Answers, and their bodies: whole, or read from the disk while they are sent.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use jiff::Timestamp;
use tokio::sync::mpsc::Receiver;

use crate::fault::Fault;
use crate::xml;

/// A body that is sent.
pub enum Sent {
    /// It is there.
    Whole(Bytes),
    /// It comes, so many bytes in all. One that ends before breaks the connection, so that nobody takes it for whole.
    Comes(Receiver<io::Result<Bytes>>, u64),
    /// There is none, and it would have so many bytes (HEAD).
    Only(u64),
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Comes(receiver, left) => receiver.poll_recv(context).map(|got| match got {
                Some(Ok(bytes)) => {
                    *left = left.saturating_sub(bytes.len() as u64);
                    Some(Ok(Frame::data(bytes)))
                }
                Some(Err(error)) => Some(Err(error)),
                None if *left > 0 => Some(Err(io::ErrorKind::UnexpectedEof.into())),
                None => None,
            }),
            Self::Only(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Comes(..) => false,
            Self::Only(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Comes(_, bytes) | Self::Only(bytes) => *bytes,
        })
    }
}

/// An answer.
pub type Answer = Response<Sent>;

/// An answer of that status.
pub fn of(status: u16, body: Sent) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

/// Sets a header; a value that is none is left out.
pub fn set(answer: &mut Answer, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

/// An answer in XML.
pub fn in_xml(status: u16, text: String) -> Answer {
    let mut answer = of(status, Sent::Whole(text.into()));
    set(&mut answer, "content-type", "application/xml");
    answer
}

/// A fault; the answer to a HEAD has no body.
pub fn of_fault(fault: &Fault, resource: &str, id: &str, head: bool) -> Answer {
    let status = fault.code.status();
    if head {
        return of(status, Sent::Whole(Bytes::new()));
    }
    in_xml(status, xml::fault(fault, resource, id))
}

/// A time as HTTP writes it.
pub fn http_date(seconds: i64) -> String {
    let at = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
