//! Signs the URLs of one object with the bucket's own keys.
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use proof::{NoUrl, SignedUrl, Signs};

use crate::stored::bucket::Bucket;

/// How long a URL is good: whoever is refused asks for the next one.
const EXPIRES: Duration = Duration::from_secs(15 * 60);

/// Signs for one object, or one version of it, until it is told to stop.
pub struct Signer {
    bucket: Bucket,
    key: String,
    version_id: Option<String>,
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Signer {
    /// For this one.
    pub fn new(bucket: Bucket, key: String, version_id: Option<String>) -> Self {
        Self {
            bucket,
            key,
            version_id,
            stopped: Mutex::new(false),
            changed: Condvar::new(),
        }
    }
}

impl Signs for Signer {
    fn url(&self, _: u32) -> Result<SignedUrl, NoUrl> {
        let version = self.version_id.as_deref();
        let signed = self
            .bucket
            .store
            .sign_get(&self.key, version, EXPIRES, Timestamp::now());
        Ok(SignedUrl {
            url: protocol::Secret::new(signed.url.reveal().to_owned()),
            headers: signed.headers,
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
