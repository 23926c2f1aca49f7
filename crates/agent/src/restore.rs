//! A restore: what the job says, as an order to the proving reader, which asks the desk for its URLs and tells it how far it is.
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use pipeline::{Allowance, Identities, Stages};
use proof::afterwards::Runner;
use proof::command::Errors;
use proof::event::Event;
use proof::restore::Order;
use proof::{Done, NoUrl, Object, SignedUrl, Signs, Wanted};
use protocol::{Job, Outcome, Report, Secret, UrlRequest};

use crate::backup::{compression, empty_report};
use crate::desk::{Desk, Patience};
use crate::guard::Guard;
use crate::{memory, past};

/// The part of the job that only a restore has.
pub struct Stored<'a> {
    /// Key to decrypt with.
    pub identity: &'a Option<Secret>,
    /// That is a passphrase.
    pub passphrase: bool,
    /// The largest window of a zstd frame to take, where it is said.
    pub window_log: Option<u32>,
    /// Bytes.
    pub size: u64,
    /// Hexadecimal.
    pub sha256: Option<&'a str>,
    /// That every answer has to carry.
    pub etag: Option<&'a str>,
    /// Where a large window is noted.
    pub window_note: PathBuf,
    /// The socket of who stands by in another container, for a check that runs there.
    pub standing: PathBuf,
}

/// Runs the job to its end.
pub fn run(job: &Job, stored: &Stored<'_>, desk: &Arc<Desk>, guard: Guard, log: &Path) -> Report {
    let mut report = empty_report();
    match object(job, stored, desk) {
        Err(outcome) => report.outcome = outcome,
        Ok(object) => {
            let (events, inbox) = channel();
            let heard = events.clone();
            desk.listen(move |cancel| drop(heard.send(Event::Cancel(cancel))));
            let order = Order {
                object,
                command: &job.command,
                // What it does not expect is told where it fails: it may undo that itself.
                opened: &|_| Ok(()),
                errors: Errors::Log(log),
                deadline_seconds: job.deadline_seconds,
                grace: Duration::from_secs(job.grace_seconds),
                guard: Arc::new(guard),
                check: job.check.as_ref().map(|check| match check.container {
                    Some(_) => (check, Runner::There(&stored.standing)),
                    None => (check, Runner::Here(Errors::Log(log))),
                }),
            };
            let ended = proof::restore::run(order, &events, inbox, &|bytes, stored| desk.progress(bytes, stored));
            report.outcome = ended.outcome;
            report.stderr = ended.stderr;
            // What was unpacked once is, packed again, what somebody has stored so.
            report.packed = ended.packed.filter(|_| job.compression.is_none()).map(Into::into);
            (report.bytes, report.stored_bytes, report.sha256) = (ended.bytes, ended.stored_bytes, ended.sha256);
        }
    }
    report.peak_memory = memory::peak();
    report
}

fn object(job: &Job, stored: &Stored<'_>, desk: &Arc<Desk>) -> Result<Object, Outcome> {
    let parse = match stored.passphrase {
        true => Identities::passphrase,
        false => Identities::parse,
    };
    let identities = match stored.identity {
        Some(text) => Some(parse(text.reveal()).map_err(|e| Outcome::BadObject {
            step: "decrypt".into(),
            message: format!("{}: {e}", protocol::UNUSABLE_KEY),
        })?),
        None => None,
    };
    let client = desk.way(job).client().map_err(|e| Outcome::TransferFailed {
        step: "tls".into(),
        message: e.to_string(),
    })?;
    let allowance = Allowance {
        window_log: stored.window_log,
        memory: memory::limit(),
    };
    let note = stored.window_note.clone();
    Ok(Object {
        client,
        signs: Arc::new(Signer {
            desk: desk.clone(),
            wait: Patience {
                absence: Duration::from_secs(job.absence_seconds),
                store: Duration::from_secs(job.retry_seconds),
            },
        }),
        wanted: Wanted {
            size: stored.size,
            etag: stored.etag.map(ToString::to_string),
            patience: Duration::from_secs(job.retry_seconds),
            memory: memory::limit(),
            relayed: job.relay,
            pace: desk.pace(),
        },
        sha256: stored.sha256.map(ToString::to_string),
        done: Done::Said(
            Stages::to_read(job.compression.map(compression), identities, allowance)
                .noting(Box::new(move |bytes| past::note_window(&note, bytes))),
        ),
    })
}

/// The desk, and how long it is waited for.
struct Signer {
    desk: Arc<Desk>,
    wait: Patience,
}

impl Signs for Signer {
    fn url(&self, number: u32) -> Result<SignedUrl, NoUrl> {
        self.desk.url(&UrlRequest::Get { number }, self.wait)
    }

    fn pause(&self, pause: Duration) -> bool {
        self.desk.pause(pause)
    }

    fn stop(&self) {
        self.desk.stop();
    }
}
