//! One of the threads that PUT: checksum, URL, PUT, and again until it is stored or hopeless.
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};
use protocol::{Checksum, Outcome, PartReceipt, UrlRequest};

use super::{Part, Upload};
use crate::desk::{Desk, NoUrl};
use crate::event::Event;
use crate::http;
use crate::retry::Retry;

pub(super) struct Worker {
    pub upload: Arc<Upload>,
    pub client: http::Client,
    pub desk: Arc<Desk>,
    pub events: Sender<Event>,
}

impl Worker {
    pub fn run(self) {
        while let Some(part) = self.next() {
            match self.store(&part) {
                Ok(receipt) => self.stored(part, receipt),
                Err(Some(outcome)) => return self.upload.fail(outcome, &self.events),
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
            if let Some(part) = state.queue.pop_front() {
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
        if part.whole {
            state.object_etag = Some(receipt.etag);
        } else {
            state.receipts.insert(receipt.number, receipt);
        }
        let mut bytes = part.bytes;
        bytes.clear();
        state.free.push(bytes);
        if state.closed && state.queue.is_empty() && state.in_flight == 0 && !state.ended {
            state.ended = true;
            let _ = self.events.send(Event::Stored);
        }
        self.upload.changed.notify_all();
    }

    /// Err(None): the transfer was stopped.
    fn store(&self, part: &Part) -> Result<PartReceipt, Option<Outcome>> {
        let plan = &self.upload.plan;
        let checksum = match plan.checksum {
            Checksum::Sha256 => {
                BASE64_STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, &part.bytes).as_ref())
            }
            Checksum::Md5 => BASE64_STANDARD.encode(Md5::digest(&part.bytes)),
            Checksum::None => String::new(),
        };
        let size = part.bytes.len() as u64;
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
        let mut retry = Retry::new(plan.patience);
        loop {
            let signed = match self.desk.url(&request, plan.absence) {
                Ok(signed) => signed,
                Err(NoUrl::Stopped) => return Err(None),
                Err(error) => return Err(failed(error.to_string())),
            };
            match http::put(&self.client, &signed, &part.bytes) {
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
                Err(error) if part.whole && error.status == Some(412) => {
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
                    if !self.desk.pause(pause) {
                        return Err(None);
                    }
                }
            }
        }
    }
}
