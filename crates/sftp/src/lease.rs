//! One server a folder. SFTP has no locks, so that a lease decides: a file that its holder writes again every few seconds. Whoever has the
//! same name goes on at once: of one name, something else sees to it that there is one (the operator's own lease). Anybody else waits until
//! nobody has written it for long, and is refused while somebody does.
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use depot::fault::{Code, Fault};
use depot::files::Files;

/// The file.
const LEASE: &str = ".lease";
/// How often it is written.
const RENEWED: Duration = Duration::from_secs(5);
/// Without having been able to write it for so long, nothing becomes visible any more.
const GOOD: Duration = Duration::from_secs(20);
/// One that nobody has written for so long is nobody's.
const QUIET: Duration = Duration::from_secs(45);
/// Between two looks at it.
const LOOK: Duration = Duration::from_secs(1);

/// A folder that is held.
pub struct Lease<F: Files> {
    files: Arc<F>,
    own: String,
    renewed: Mutex<(Instant, u64)>,
    lost: AtomicBool,
}

/// What to do about one that is there.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Take,
    Wait,
    Refuse,
}

/// `first` is the lease as it was found, `now` as it is after `waited`.
fn judge(holder: &str, first: Option<&str>, now: Option<&str>, waited: Duration) -> Verdict {
    match (first, now) {
        (_, None) => Verdict::Take,
        (_, Some(now)) if now.split(' ').next() == Some(holder) => Verdict::Take,
        (first, now) if first != now => Verdict::Refuse,
        _ if waited >= QUIET => Verdict::Take,
        _ => Verdict::Wait,
    }
}

fn read(files: &impl Files) -> io::Result<Option<String>> {
    match files.read_small(LEASE) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn second() -> io::Error {
    io::Error::new(
        ErrorKind::PermissionDenied,
        "another server has this folder, and only one may write into it: give each storage a folder of its own (path)",
    )
}

impl<F: Files> Lease<F> {
    /// Takes the folder, which may take most of a minute after a holder of another name that did not say goodbye. Blocks.
    ///
    /// # Errors
    /// Another server has it; the server of the files fails.
    pub fn take(files: Arc<F>, holder: &str) -> io::Result<Self> {
        let holder = holder.replace(char::is_whitespace, "-");
        let begun = Instant::now();
        let first = read(files.as_ref())?;
        let mut now = first.clone();
        loop {
            match judge(&holder, first.as_deref(), now.as_deref(), begun.elapsed()) {
                Verdict::Take => break,
                Verdict::Refuse => return Err(second()),
                Verdict::Wait => std::thread::sleep(LOOK),
            }
            now = read(files.as_ref())?;
        }
        let mut token = [0; 16];
        let filled = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut token);
        filled.map_err(|_| io::Error::other("the system gives no random bytes"))?;
        let lease = Self {
            files,
            own: format!("{holder} {}", depot::shelf::hex(&token)),
            renewed: Mutex::new((begun, 0)),
            lost: AtomicBool::new(false),
        };
        lease.write(0)?;
        Ok(lease)
    }

    fn write(&self, count: u64) -> io::Result<()> {
        let before = Instant::now();
        self.files
            .put_small(LEASE, format!("{} {count}", self.own).as_bytes())?;
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = (before, count);
        Ok(())
    }

    /// Writes it again. Blocks.
    ///
    /// # Errors
    /// Another server has taken the folder. A server that fails is tried again: `check` says how long.
    pub fn renew(&self) -> Result<(), String> {
        match read(self.files.as_ref()) {
            Ok(Some(found)) if found.starts_with(&self.own) => {}
            Ok(_) => {
                self.lost.store(true, Ordering::SeqCst);
                return Err("another server has taken the folder: this one ends, so that only one writes".to_owned());
            }
            Err(error) => {
                tracing::warn!(%error, "the lease of the folder cannot be read");
                return Ok(());
            }
        }
        let count = self.renewed.lock().unwrap_or_else(PoisonError::into_inner).1;
        if let Err(error) = self.write(count.wrapping_add(1)) {
            tracing::warn!(%error, "the lease of the folder cannot be written");
        }
        Ok(())
    }

    /// Renews it for ever; returns when it is lost.
    pub async fn keep(self: Arc<Self>) -> String {
        loop {
            tokio::time::sleep(RENEWED).await;
            let lease = self.clone();
            match tokio::task::spawn_blocking(move || lease.renew()).await {
                Ok(Ok(())) => {}
                Ok(Err(words)) => return words,
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Whether this server may still make something visible.
    ///
    /// # Errors
    /// It may not.
    pub fn check(&self) -> Result<(), Fault> {
        let renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner).0;
        if renewed.elapsed() < GOOD && !self.lost.load(Ordering::SeqCst) {
            return Ok(());
        }
        let words = "the lease of the folder could not be renewed: its server does not answer, or another one has it";
        Err(Fault::new(Code::ServiceUnavailable, words))
    }

    /// Gives the folder back: the next server waits for nobody. Blocks.
    pub fn release(&self) {
        if !self.lost.swap(true, Ordering::SeqCst)
            && matches!(read(self.files.as_ref()), Ok(Some(found)) if found.starts_with(&self.own))
        {
            let _ = self.files.remove(LEASE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use depot::files::Disk;

    #[test]
    fn a_lease_that_is_renewed_is_never_taken_and_one_that_is_left_or_has_the_same_name_is() {
        let (short, long) = (Duration::from_secs(1), QUIET);
        for (first, now, waited, verdict) in [
            (None, None, short, Verdict::Take),
            (Some("own a 1"), Some("own a 1"), short, Verdict::Take),
            (Some("own a 1"), Some("own a 2"), short, Verdict::Take),
            (Some("other a 1"), Some("other a 1"), short, Verdict::Wait),
            (Some("other a 1"), Some("other a 1"), long, Verdict::Take),
            (Some("other a 1"), Some("other a 2"), short, Verdict::Refuse),
            (Some("other a 1"), Some("other a 2"), long, Verdict::Refuse),
            (None, Some("other a 0"), short, Verdict::Refuse),
            (Some("other a 1"), None, short, Verdict::Take),
            (Some("owner a 1"), Some("owner a 1"), short, Verdict::Wait),
        ] {
            assert_eq!(
                judge("own", first, now, waited),
                verdict,
                "{first:?} {now:?} {waited:?}"
            );
        }
        // Whoever is taken for gone has stopped by then.
        assert!(GOOD + 2 * RENEWED < QUIET);
    }

    #[test]
    fn of_two_that_hold_a_folder_the_earlier_one_stops_and_gives_nothing_back() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::open(folder.path()).unwrap());
        let old = Lease::take(disk.clone(), "storage").unwrap();
        old.renew().unwrap();
        old.check().unwrap();
        let new = Lease::take(disk.clone(), "storage").unwrap();
        assert!(old.renew().unwrap_err().contains("this one ends"));
        assert_eq!(old.check().unwrap_err().code, Code::ServiceUnavailable);
        old.release();
        new.renew().unwrap();
        new.check().unwrap();
        new.release();
        assert_eq!(disk.stat(LEASE).unwrap(), None);
    }
}
