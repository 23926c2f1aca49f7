//! One of the threads that fetch: a range, its bytes into chunks, and on where it broke.
use std::io::{self, Read};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use protocol::Outcome;
use ureq::http::Response;
use ureq::{Body, BodyReader};

use super::Shared;
use super::answer::{bare, content_range};
use super::ring::{CHUNK, Chunk, Range};
use crate::http::{self, HttpError};
use crate::retry::{Hope, Retry};
use crate::sign::{NoUrl, SignedUrl};

/// How long an answer takes that need not be for want of a connection.
const UNANSWERED: Duration = Duration::from_secs(2);

pub(super) struct Fetcher {
    pub shared: Arc<Shared>,
}

/// A failure with its hope, or the end.
enum Trouble {
    Again(Hope, String),
    End(Outcome),
    /// Another needs the connection.
    GivesWay,
    Stopped,
}

impl Fetcher {
    pub fn run(self) {
        while let Some(range) = self.next() {
            let fetched = self.fetch(range);
            let mut state = self.shared.lock();
            let body = match fetched {
                Ok(body) => {
                    state.ring.came(Instant::now());
                    state.ring.end(range.start, Ok(()));
                    self.shared.fetch(&mut state);
                    Some(body)
                }
                Err(outcome) => {
                    state.ring.end(range.start, Err(outcome));
                    None
                }
            };
            drop(state);
            self.shared.arrived.notify_all();
            self.shared.room.notify_all();
            match body {
                None => return,
                // A connection is used again when its answer was read to the end, which the client sees by reading on.
                Some(Some(mut body)) => drop(body.read(&mut [0; 1])),
                Some(None) => {}
            }
        }
    }

    fn next(&self) -> Option<Range> {
        let mut state = self.shared.lock();
        loop {
            if state.ended || self.is_stopped() {
                return None;
            }
            if let Some(range) = state.ring.begin(self.shared.wanted.pace.limit()) {
                return Some(range);
            }
            state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_stopped(&self) -> bool {
        self.shared.watched.stop.load(Ordering::Relaxed)
    }

    /// Err(None): nobody wants it any more.
    fn fetch(&self, range: Range) -> Result<Option<BodyReader<'static>>, Option<Outcome>> {
        let Range { start, mut end } = range;
        let mut retry = Retry::new(self.shared.wanted.patience);
        let (mut at, mut body) = (start, None);
        while at < end {
            match self.some(start, &mut at, &mut end, &mut body, &mut retry) {
                Ok(()) => {}
                Err(Trouble::Stopped) => return Err(None),
                Err(Trouble::End(outcome)) => return Err(Some(outcome)),
                Err(Trouble::GivesWay) => body = None,
                Err(Trouble::Again(hope, message)) => {
                    body = None;
                    let Some(pause) = retry.after(hope, Instant::now()) else {
                        return Err(Some(failed(at, message)));
                    };
                    if !self.shared.signs.pause(pause) {
                        return Err(None);
                    }
                }
            }
        }
        // Of one that sends more than was asked for the rest is not waited for.
        Ok(body.filter(|_| end == range.end))
    }

    /// A chunk more of a range, or what comes of it before the next trouble.
    fn some(
        &self,
        start: u64,
        at: &mut u64,
        end: &mut u64,
        body: &mut Option<BodyReader<'static>>,
        retry: &mut Retry,
    ) -> Result<(), Trouble> {
        let mut reader = match body.take() {
            Some(reader) => reader,
            None => {
                self.give_way(start)?;
                self.open(start, *at, end)?
            }
        };
        let mut chunk = self.chunk(start)?;
        let mut trouble = None;
        while *at < *end && chunk.filled().len() < CHUNK {
            if self.is_stopped() {
                trouble = Some(Trouble::Stopped);
                break;
            }
            let pace = &self.shared.wanted.pace;
            let most = pace.piece().map_or(u64::MAX, |piece| piece as u64);
            match reader.read(chunk.room((*end - *at).min(most))) {
                Ok(0) => trouble = Some(Trouble::Again(Hope::Passes, "the connection ended early".into())),
                Ok(n) => {
                    chunk.add(n);
                    *at += n as u64;
                    retry.progressed();
                    pace.taken(n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {
                    trouble = Some(Trouble::Again(Hope::Passes, e.to_string()));
                }
                Err(e) => trouble = Some(Trouble::Again(Hope::Passes, format!("the connection broke: {e}"))),
            }
            // Nobody waits for a chunk to be full while its bytes are wanted.
            if trouble.is_some() || self.shared.lock().ring.is_wanted(start) {
                break;
            }
        }
        let mut state = self.shared.lock();
        state.ring.put(start, chunk);
        let ended = state.ended;
        drop(state);
        self.shared.arrived.notify_all();
        // The next range may be due.
        self.shared.room.notify_all();
        match trouble {
            _ if ended => Err(Trouble::Stopped),
            Some(trouble) => Err(trouble),
            None => {
                *body = Some(reader);
                Ok(())
            }
        }
    }

    /// Memory for what comes next.
    fn chunk(&self, start: u64) -> Result<Chunk, Trouble> {
        let since = Instant::now();
        let mut state = self.shared.lock();
        loop {
            if state.ended || self.is_stopped() {
                return Err(Trouble::Stopped);
            }
            if let Some(chunk) = state.ring.chunk(start) {
                return Ok(chunk);
            }
            let now = Instant::now();
            let long = now.saturating_duration_since(since) >= UNANSWERED;
            if state.ring.gives_way(start, long) {
                if long {
                    state.ring.flights.refused(now);
                }
                return Err(Trouble::GivesWay);
            }
            let room = &self.shared.room;
            state = room
                .wait_timeout(state, UNANSWERED)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits until no earlier range needs the connection that this one would take.
    fn give_way(&self, start: u64) -> Result<(), Trouble> {
        let mut state = self.shared.lock();
        while state.ring.gives_way(start, false) {
            if state.ended || self.is_stopped() {
                return Err(Trouble::Stopped);
            }
            state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.ring.asked(start);
        Ok(())
    }

    /// Asks for what is left of a range.
    fn open(&self, start: u64, at: u64, end: &mut u64) -> Result<BodyReader<'static>, Trouble> {
        let signed = self.url(at)?;
        let wanted = &self.shared.wanted;
        // All the rest is asked for without an end: so it always was, and every store knows that.
        let last = (*end < wanted.size).then(|| *end - 1);
        match http::get(&self.shared.client, &signed, at, last, wanted.etag.as_deref()) {
            Ok(response) => {
                let all = self.check(&response, at, *end)?;
                let mut state = self.shared.lock();
                *end = state.ring.opened(start, all, Instant::now());
                self.shared.fetch(&mut state);
                drop(state);
                self.shared.room.notify_all();
                Ok(response.into_body().into_reader())
            }
            Err(error) => {
                self.forget(&signed);
                let busy = error.status.is_none_or(|status| status == 429 || status >= 500);
                self.shared.lock().ring.not_answered(start, busy, Instant::now());
                self.shared.room.notify_all();
                Err(self.refused(error, at))
            }
        }
    }

    /// The URL of all ranges; whoever finds none asks for it, and the others wait for that.
    fn url(&self, at: u64) -> Result<Arc<SignedUrl>, Trouble> {
        let mut url = self.shared.url.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signed) = &url.signed {
            return Ok(signed.clone());
        }
        url.number += 1;
        match self.shared.signs.url(url.number) {
            Ok(signed) => Ok(url.signed.insert(Arc::new(signed)).clone()),
            Err(NoUrl::Stopped) => Err(Trouble::Stopped),
            Err(error) => Err(Trouble::End(failed(at, error.to_string()))),
        }
    }

    /// It was refused, or nobody answered: the next try asks for a fresh one, unless another has done that.
    fn forget(&self, refused: &Arc<SignedUrl>) {
        let mut url = self.shared.url.lock().unwrap_or_else(PoisonError::into_inner);
        if url.signed.as_ref().is_some_and(|signed| Arc::ptr_eq(signed, refused)) {
            url.signed = None;
        }
    }

    /// What came is told by Content-Range, whatever the status: some servers (rclone) answer a range with 200. One that knows no
    /// ranges sends all from the start: fine for the first byte only. True: more comes than was asked for.
    fn check(&self, response: &Response<Body>, at: u64, end: u64) -> Result<bool, Trouble> {
        let (size, etag) = (self.shared.wanted.size, &self.shared.wanted.etag);
        let all;
        let bad = |step: &str, message: String| {
            Trouble::End(Outcome::BadObject {
                step: step.into(),
                message,
            })
        };
        let range = http::header(response, "content-range");
        let total = if response.status().as_u16() == 206 || range.is_some() {
            let range = range.as_deref().and_then(content_range).ok_or_else(|| {
                Trouble::Again(Hope::Doubtful, "the store's answer has no usable Content-Range".into())
            })?;
            if range.start != at {
                return Err(Trouble::Again(
                    Hope::Doubtful,
                    format!("the store sent bytes from {} on", range.start),
                ));
            }
            all = range.last >= end;
            range.total
        } else if at == 0 {
            // Without a range that says less, all of it comes.
            all = end < size;
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
        if let (Some(want), Some(seen)) = (etag, http::header(response, "etag"))
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
        Ok(all)
    }

    fn refused(&self, error: HttpError, at: u64) -> Trouble {
        match error.status {
            Some(412) => {
                let message = "the object was replaced: its etag is another one".into();
                Trouble::End(Outcome::BadObject {
                    step: "etag".into(),
                    message,
                })
            }
            Some(416) => {
                let message = format!("expected {} bytes, the object is shorter", self.shared.wanted.size);
                Trouble::End(Outcome::BadObject {
                    step: "size".into(),
                    message,
                })
            }
            _ if error.hope == Hope::None => Trouble::End(failed(at, error.message)),
            // The next try asks for a fresh URL: this one may have expired.
            _ => Trouble::Again(error.hope, error.message),
        }
    }
}

fn failed(at: u64, message: String) -> Outcome {
    Outcome::TransferFailed {
        step: format!("download at {at}"),
        message,
    }
}
