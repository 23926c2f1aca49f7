//! One server a folder. SFTP has no locks, so that a lease decides: a file that its holder writes again every few seconds. Whoever has the
//! same name goes on at once: of one name, something else sees to it that there is one (the operator's own lease). Anybody else waits until
//! nobody has written it for long, and is refused while somebody does.
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use depot::fault::{Code, Fault, is_full};
use depot::files::Files;

/// The file.
const LEASE: &str = ".lease";
/// Its bytes, always as many: written over where it lies, it needs no room of a server that is full, whose files can be removed by nobody but
/// its holder. What a power cut tears is a lease of nobody's that nobody writes again, and is taken after a while.
const LENGTH: usize = 128;
/// The lease of a folder that was given back. The file stays: a server that is full has no room for a new one.
const FREE: &str = "free";
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
    /// The one that was there before.
    before: Option<String>,
    /// When it was written last, None until it was once, and how often.
    renewed: Mutex<(Option<Instant>, u64)>,
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

/// The lease that is there; none where the folder was given back.
fn read(files: &impl Files) -> io::Result<Option<String>> {
    match files.read_small(LEASE) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            Ok(Some(text).filter(|text| text != FREE))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a lease over the one that lies there; the first one comes at one stroke.
fn put(files: &impl Files, text: &str) -> io::Result<()> {
    let text = format!("{text:<LENGTH$}");
    if files.stat(LEASE)?.is_none() {
        return files.put_small(LEASE, text.as_bytes());
    }
    let file = files.new_file(LEASE)?;
    files.write_at(&file, 0, text.as_bytes())?;
    files.settle(&file)
}

fn second() -> io::Error {
    io::Error::new(
        ErrorKind::PermissionDenied,
        "another server has this folder, and only one may write into it: give each storage a folder of its own (path)",
    )
}

impl<F: Files> Lease<F> {
    /// Takes the folder, which may take most of a minute after a holder of another name that did not say goodbye. Where a full server has no
    /// room for the lease, what is there can be read, and nothing becomes visible until it was written. Blocks.
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
            before: now,
            renewed: Mutex::new((None, 0)),
            lost: AtomicBool::new(false),
        };
        match lease.write(0) {
            Err(error) if is_full(&error) => {
                tracing::warn!(%error, "the server has no room for the lease of the folder: what is there can be read only");
                Ok(lease)
            }
            written => written.map(|()| lease),
        }
    }

    fn write(&self, count: u64) -> io::Result<()> {
        let begun = Instant::now();
        put(self.files.as_ref(), &format!("{} {count}", self.own))?;
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = (Some(begun), count);
        Ok(())
    }

    /// Also what was there before, as long as there was no room to write over it.
    fn is_own(&self, found: Option<&str>) -> bool {
        let written = self.renewed.lock().unwrap_or_else(PoisonError::into_inner).0;
        found.is_some_and(|found| found.starts_with(&self.own))
            || (written.is_none() && found == self.before.as_deref())
    }

    /// Writes it again. Blocks.
    ///
    /// # Errors
    /// Another server has taken the folder. A server that fails is tried again: `check` says how long.
    pub fn renew(&self) -> Result<(), String> {
        match read(self.files.as_ref()) {
            Ok(found) if self.is_own(found.as_deref()) => {}
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
        if renewed.is_some_and(|at| at.elapsed() < GOOD) && !self.lost.load(Ordering::SeqCst) {
            return Ok(());
        }
        let words = "the lease of the folder could not be renewed: its server does not answer or has no room at all, or another one has it";
        Err(Fault::new(Code::ServiceUnavailable, words))
    }

    /// Gives the folder back: the next server waits for nobody. Blocks.
    pub fn release(&self) {
        if !self.lost.swap(true, Ordering::SeqCst)
            && matches!(read(self.files.as_ref()), Ok(Some(found)) if found.starts_with(&self.own))
        {
            // Where that fails, there is none: the next one waits for nobody either.
            if put(self.files.as_ref(), FREE).is_err() {
                let _ = self.files.remove(LEASE);
            }
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
        assert_eq!(read(disk.as_ref()).unwrap(), None);
    }

    #[test]
    fn a_lease_is_renewed_given_back_and_taken_without_a_new_block_of_the_disk() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::open(folder.path()).unwrap());
        let file = || {
            let found = std::fs::metadata(folder.path().join(LEASE)).unwrap();
            (found.ino(), found.len())
        };
        let lease = Lease::take(disk.clone(), "storage").unwrap();
        let made = file();
        for _ in 0..3 {
            lease.renew().unwrap();
        }
        assert_eq!(file(), made);
        lease.release();
        assert_eq!((file(), read(disk.as_ref()).unwrap()), (made, None));
        // Of another name, at once.
        let next = Lease::take(disk.clone(), "other").unwrap();
        next.check().unwrap();
        assert_eq!(file(), made);
        assert!(read(disk.as_ref()).unwrap().unwrap().starts_with("other "));
    }

    #[test]
    fn without_room_for_a_lease_nothing_becomes_visible_until_there_is_some() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::open(folder.path()).unwrap());
        let mut lease = Lease::take(disk.clone(), "storage").unwrap();
        // As if there had been none.
        lease.before = Some("other b 7".to_owned());
        for (now, taken) in [("other b 7", true), ("other b 8", false)] {
            *lease.renewed.lock().unwrap() = (None, 0);
            disk.put_small(LEASE, now.as_bytes()).unwrap();
            assert_eq!(lease.check().unwrap_err().code, Code::ServiceUnavailable);
            assert_eq!(lease.renew().is_ok(), taken, "{now}");
            assert_eq!(lease.check().is_ok(), taken, "{now}");
        }
    }
}
