//! Signs the URLs of one object: with the bucket's own keys, or by asking the operator.
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use proof::{NoUrl, SignedUrl, Signs};

use crate::stored::source::{At, Source};
use store::Wanted;

/// How long a URL is good: whoever is refused asks for the next one.
const EXPIRES: Duration = Duration::from_secs(15 * 60);

/// Signs for one object, or one version of it, until it is told to stop.
pub struct Signer {
    at: At,
    key: String,
    version_id: Option<String>,
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Signer {
    /// For this one.
    pub fn new(source: &Source) -> Arc<Self> {
        Arc::new(Self {
            at: source.at.clone(),
            key: source.key.clone(),
            version_id: source.version_id.clone(),
            stopped: Mutex::default(),
            changed: Condvar::new(),
        })
    }
}

impl Signs for Signer {
    fn url(&self, number: u32) -> Result<SignedUrl, NoUrl> {
        let bucket = match &self.at {
            At::Bucket(bucket) => bucket,
            At::Lent(lent) => return lent.url(number),
        };
        let version = self.version_id.as_deref();
        let wanted = Wanted::read(&self.key, version);
        let signed = bucket.wait(bucket.store.sign(&wanted, EXPIRES, Timestamp::now()));
        let signed = signed
            .map_err(|e| NoUrl::Refused(e.to_string()))?
            .map_err(|e| NoUrl::Refused(e.to_string()))?;
        Ok(SignedUrl {
            url: protocol::Secret::new(signed.url.reveal().to_owned()),
            headers: signed.headers.into(),
        })
    }

    fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if *stopped || left.is_zero() {
                return !*stopped;
            }
            stopped = self
                .changed
                .wait_timeout(stopped, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}
