//! One of the threads that PUT: checksum, URL, PUT, and again until it is stored or hopeless.
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};
use pipeline::Sha256;
use proof::NoUrl;
use proof::http;
use proof::pace::Paced;
use proof::retry::Retry;
use protocol::{Checksum, Outcome, PartReceipt, UrlRequest};

use super::body::Body;
use super::{Part, Upload};
use crate::desk::Patience;
use crate::event::Event;

pub(super) struct Worker {
    pub upload: Arc<Upload>,
}

impl Worker {
    pub fn run(self) {
        while let Some(part) = self.next() {
            match self.store(&part) {
                Ok(receipt) => self.stored(part, receipt),
                Err(Some(outcome)) => return self.upload.fail(outcome),
                // Given up by someone else.
                Err(None) => return,
            }
        }
    }

    fn next(&self) -> Option<Part> {
        let mut state = self.upload.lock();
        loop {
            if state.ended || (state.closed && state.queue.is_empty()) {
                return None;
            }
            if state.in_flight < state.flights.allowed()
                && let Some(part) = state.queue.pop_front()
            {
                state.in_flight += 1;
                return Some(part);
            }
            state = self.upload.wait(state);
        }
    }

    fn stored(&self, part: Part, receipt: PartReceipt) {
        let mut state = self.upload.lock();
        state.in_flight -= 1;
        self.upload.stored.fetch_add(receipt.size, Ordering::Relaxed);
        state.flights.ended(receipt.size, Instant::now());
        if part.whole {
            state.object_etag = Some(receipt.etag);
        } else {
            state.receipts.insert(receipt.number, receipt);
        }
        state.free.extend(part.body.emptied());
        if state.closed && state.queue.is_empty() && state.in_flight == 0 && !state.ended {
            state.ended = true;
            let _ = self.upload.events.send(Event::Stored);
        }
        self.upload.changed.notify_all();
    }

    /// Err(None): the transfer was stopped.
    fn store(&self, part: &Part) -> Result<PartReceipt, Option<Outcome>> {
        let (plan, desk) = (&self.upload.plan, &self.upload.desk);
        let (checksum, size) = (digest(plan.checksum, &part.body), part.body.len());
        let request = if part.whole {
            UrlRequest::Object {
                size,
                checksum: checksum.clone(),
            }
        } else {
            UrlRequest::Part {
                number: part.number,
                size,
                checksum: checksum.clone(),
            }
        };
        let failed = |message: String| {
            let step = if part.whole {
                "upload".to_string()
            } else {
                format!("upload part {}", part.number)
            };
            Some(Outcome::TransferFailed { step, message })
        };
        let pace = desk.pace();
        let mut retry = Retry::new(plan.patience);
        let wait = Patience {
            absence: plan.absence,
            store: plan.patience,
        };
        loop {
            let signed = match desk.url(&request, wait) {
                Ok(signed) => signed,
                Err(NoUrl::Stopped) => return Err(None),
                Err(error) => return Err(failed(error.to_string())),
            };
            match http::put(
                &self.upload.client,
                &signed,
                size,
                &mut Paced::new(part.body.reader(), &pace),
            ) {
                Ok(etag) => {
                    return Ok(PartReceipt {
                        number: part.number,
                        size,
                        checksum,
                        etag,
                    });
                }
                // Something is there, and a new object only was signed for: another's, or this one of a lost answer. The operator
                // looks whose.
                Err(error) if part.whole && error.exists => {
                    return Ok(PartReceipt {
                        number: part.number,
                        size,
                        checksum,
                        etag: String::new(),
                    });
                }
                Err(error) => {
                    let Some(pause) = retry.after(error.hope, Instant::now()) else {
                        return Err(failed(error.to_string()));
                    };
                    if !desk.pause(pause) {
                        return Err(None);
                    }
                }
            }
        }
    }
}

fn digest(of: Checksum, body: &Body) -> String {
    match of {
        Checksum::Sha256 => {
            let mut hash = Sha256::default();
            body.pieces().for_each(|piece| hash.update(piece));
            BASE64_STANDARD.encode(hash.digest())
        }
        Checksum::Md5 => {
            let mut hash = Md5::new();
            body.pieces().for_each(|piece| hash.update(piece));
            BASE64_STANDARD.encode(hash.finalize())
        }
        Checksum::None => String::new(),
    }
}
