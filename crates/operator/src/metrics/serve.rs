//! `/metrics`: in the format that is asked for, compressed where that is taken, a chunk at a time.
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream;
use jiff::Timestamp;
use metrics::text::{Format, takes_gzip};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

use super::Metrics;
use super::scrape::Scrape;
use crate::runtime;

/// Scrapes at once; who comes then waits. Whoever reaches the port may ask.
const AT_ONCE: usize = 2;
/// Until a chunk is taken; the connection of who takes none is closed.
const TAKEN: Duration = Duration::from_secs(10);
/// Chunks that wait to be taken.
const WAITING: usize = 2;

/// What is asked.
#[derive(Clone)]
pub struct Served {
    metrics: Arc<Metrics>,
    turns: Arc<Semaphore>,
    taken: Duration,
}

/// What `/metrics` is answered from.
pub fn serve(metrics: Arc<Metrics>) -> Served {
    Served {
        metrics,
        turns: Arc::new(Semaphore::new(AT_ONCE)),
        taken: TAKEN,
    }
}

impl Served {
    /// Answers one request.
    pub async fn answer(self, headers: &HeaderMap) -> Response {
        let Ok(Ok(turn)) = timeout(self.taken, self.turns.acquire_owned()).await else {
            return (StatusCode::SERVICE_UNAVAILABLE, "too many scrapes at once").into_response();
        };
        let all = |name: HeaderName| -> String {
            let values: Vec<_> = headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
            values.join(",")
        };
        let format = Format::liked(&all(ACCEPT));
        let gzip = takes_gzip(&all(ACCEPT_ENCODING));
        let (send, chunks) = mpsc::channel(WAITING);
        let (metrics, taken) = (self.metrics, self.taken);
        runtime::beside(move |handle| write(&metrics, format, gzip, Chunks { handle, send, taken }, turn));
        // A body that ends without its last word breaks off: a part of the metrics is never taken for all of them.
        let body = stream::unfold(Some(chunks), |chunks| async move {
            let mut chunks = chunks?;
            match chunks.recv().await {
                Some(Chunk::More(bytes)) => Some((Ok(bytes), Some(chunks))),
                Some(Chunk::End) => None,
                None => Some((Err(io::Error::other("the scrape was not taken in time")), None)),
            }
        });
        let mut response = Body::from_stream(body).into_response();
        let answered = response.headers_mut();
        let fixed = axum::http::HeaderValue::from_static;
        answered.insert(CONTENT_TYPE, fixed(format.content_type()));
        answered.insert(VARY, fixed("accept, accept-encoding"));
        if gzip {
            answered.insert(CONTENT_ENCODING, fixed("gzip"));
        }
        response
    }
}

/// A piece of a body.
enum Chunk {
    More(Bytes),
    End,
}

/// Where pieces go.
struct Chunks {
    handle: Handle,
    send: mpsc::Sender<Chunk>,
    taken: Duration,
}

impl Chunks {
    fn put(&self, chunk: Chunk) -> io::Result<()> {
        let sent = self
            .handle
            .block_on(async { timeout(self.taken, self.send.send(chunk)).await });
        match sent {
            Ok(Ok(())) => Ok(()),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            self.put(Chunk::More(Bytes::copy_from_slice(bytes)))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(metrics: &Arc<Metrics>, format: Format, gzip: bool, chunks: Chunks, _turn: OwnedSemaphorePermit) {
    let scrape = Scrape::take(metrics, Timestamp::now());
    let written = if gzip {
        // The coder hands on what it has after each of its steps, which is little.
        let out = io::BufWriter::with_capacity(16 * 1024, chunks);
        metrics::scrape::write(scrape, format, true, out)
            .and_then(|out| out.into_inner().map_err(io::IntoInnerError::into_error))
    } else {
        metrics::scrape::write(scrape, format, false, chunks)
    };
    // Whoever asked has gone: nobody is left to tell.
    let _ = written.and_then(|chunks| chunks.put(Chunk::End));
}

#[cfg(test)]
mod tests;
