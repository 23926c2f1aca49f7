//! One server a folder: a lock of the kernel's, and a lease for file systems that are mounted on several machines and lock on none.
//! Whoever loses it stops writing before another may begin.
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use crate::fault::{Code, Fault, is_full};

/// How often the lease is written.
const RENEWED: Duration = Duration::from_secs(5);
/// Without having been able to write it for so long, nothing becomes visible any more.
const GOOD: Duration = Duration::from_secs(20);
/// A lease of another machine that nobody has written for so long is nobody's.
const QUIET: Duration = Duration::from_secs(45);
/// Bytes of a lease, always as many: written over where it lies, it needs no room. A full disk has to let go of the lease's holder least of
/// all, who alone can free some. (File systems that write nothing in place, Btrfs and ZFS, may have none even so: then nothing is removed
/// until there is some, and reading goes on.) It is less than a sector, so that a power cut leaves the old one or the new one; what would be
/// torn all the same is a lease of nobody's that nobody writes again, and is taken after a while.
const LENGTH: usize = 128;
/// The lease of a folder that was given back. The file stays: a full disk has no room for a new one.
const FREE: &str = "free";

/// A folder that is held.
#[derive(Debug)]
pub struct Hold {
    path: PathBuf,
    /// This machine since its start, and this process.
    own: String,
    /// The kernel's lock keeps others away, too.
    locked: bool,
    /// The lease that was there before.
    before: Option<String>,
    /// When it was written last, None until it was once, and how often.
    renewed: Mutex<(Option<Instant>, u64)>,
    /// When the disk last took it, or said that it is full.
    answered: Mutex<Instant>,
    lost: AtomicBool,
    /// Locked for as long as it is open.
    _lock: File,
}

/// This machine since its start: on one kernel, a lock keeps two apart.
fn machine() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    boot.trim().to_owned()
}

fn machine_of(lease: &str) -> &str {
    lease.split(' ').next().unwrap_or_default()
}

/// What to do about a lease that is there.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Take,
    Wait,
    Refuse,
}

/// `own_machine` is empty where its lock keeps nobody apart. `first` is the lease as it was found, `now` as it is after `waited`.
fn judge(own_machine: &str, first: Option<&str>, now: Option<&str>, waited: Duration) -> Verdict {
    match (first, now) {
        (_, None) => Verdict::Take,
        (_, Some(now)) if !own_machine.is_empty() && machine_of(now) == own_machine => Verdict::Take,
        (first, now) if first != now => Verdict::Refuse,
        _ if waited >= QUIET => Verdict::Take,
        _ => Verdict::Wait,
    }
}

impl Hold {
    /// Takes a folder, which may take most of a minute after another machine that did not say goodbye. Where a full disk has no room for the
    /// lease, what is there can be read, and nothing becomes visible until it was written.
    ///
    /// # Errors
    /// Another server has it; in words.
    pub fn take(folder: &Path) -> Result<Self, String> {
        let words = |step: &str, error: io::Error| format!("{}: {step}: {error}", folder.display());
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(".lock"));
        let lock = lock.map_err(|error| words("its lock cannot be opened", error))?;
        let locked = match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => true,
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(second(folder)),
            // No locks there: the lease alone decides.
            Err(rustix::io::Errno::NOLCK | rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => false,
            Err(error) => return Err(words("it cannot be locked", error.into())),
        };
        let path = folder.join(".lease");
        let (machine, begun) = (machine(), Instant::now());
        let known = if locked { machine.as_str() } else { "" };
        let first = lease(&path).map_err(|error| words("its lease cannot be read", error))?;
        let before = loop {
            let now = lease(&path).map_err(|error| words("its lease cannot be read", error))?;
            match judge(known, first.as_deref(), now.as_deref(), begun.elapsed()) {
                Verdict::Take => break now,
                Verdict::Refuse => return Err(second(folder)),
                Verdict::Wait => std::thread::sleep(Duration::from_secs(1)),
            }
        };
        let hold = Self {
            path,
            own: format!("{machine} {:032x}", crate::shelf::fresh().map_err(|fault| fault.words)?),
            locked,
            before,
            renewed: Mutex::new((None, 0)),
            answered: Mutex::new(begun),
            lost: AtomicBool::new(false),
            _lock: lock,
        };
        match hold.write(0) {
            Err(error) if is_full(&error) => {
                tracing::warn!(%error, "the disk has no room for the lease of the folder: what is there can be read only");
                Ok(hold)
            }
            written => written
                .map(|()| hold)
                .map_err(|error| words("its lease cannot be written", error)),
        }
    }

    fn write(&self, count: u64) -> io::Result<()> {
        let begun = Instant::now();
        let written = put(&self.path, &format!("{} {count}", self.own), !self.locked);
        let answered = written.as_ref().err().is_none_or(is_full);
        if answered && let Ok(mut at) = self.answered.lock() {
            *at = begun;
        }
        written?;
        if let Ok(mut renewed) = self.renewed.lock() {
            *renewed = (Some(begun), count);
        }
        Ok(())
    }

    /// Also what was there before, as long as there was no room to write over it.
    fn is_own(&self, found: Option<&str>) -> bool {
        let unwritten = self.renewed.lock().is_ok_and(|renewed| renewed.0.is_none());
        found.is_some_and(|found| found.starts_with(&self.own)) || (unwritten && found == self.before.as_deref())
    }

    /// Writes the lease again.
    ///
    /// # Errors
    /// Another server has taken the folder. A disk that fails is tried again: `check` says how long.
    pub fn renew(&self) -> Result<(), String> {
        match lease(&self.path) {
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
        let count = self.renewed.lock().map_or(0, |renewed| renewed.1);
        if let Err(error) = self.write(count.wrapping_add(1)) {
            tracing::warn!(%error, "the lease of the folder cannot be written");
        }
        Ok(())
    }

    /// Renews it for ever; returns when it is lost.
    pub async fn keep(self: std::sync::Arc<Self>) -> String {
        loop {
            tokio::time::sleep(RENEWED).await;
            let hold = self.clone();
            match tokio::task::spawn_blocking(move || hold.renew()).await {
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
        let is_good = |at: Instant| at.elapsed() < GOOD;
        let fresh = self.renewed.lock().is_ok_and(|renewed| renewed.0.is_some_and(is_good));
        self.unless_lost(fresh)
    }

    /// Whether this server is well: the folder is its own, and the disk answers, be it that it is full. A server that is started again
    /// frees none.
    ///
    /// # Errors
    /// It is not.
    pub fn alive(&self) -> Result<(), Fault> {
        let answers = self.answered.lock().is_ok_and(|at| at.elapsed() < GOOD);
        self.unless_lost(answers)
    }

    fn unless_lost(&self, good: bool) -> Result<(), Fault> {
        if good && !self.lost.load(Ordering::SeqCst) {
            return Ok(());
        }
        let words = "the lease of the store's folder could not be renewed: its disk does not answer or has no room at all, or another server has it";
        Err(Fault::new(Code::ServiceUnavailable, words))
    }

    /// Gives the folder back: the next server waits for nobody.
    pub fn release(&self) {
        if !self.lost.swap(true, Ordering::SeqCst) && put(&self.path, FREE, !self.locked).is_err() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes a lease over the one that lies there. `settle` it where nothing but the lease keeps other machines away, so that they see it; where
/// a lock does, too, no disk that is busy is waited for.
fn put(path: &Path, text: &str, settle: bool) -> io::Result<()> {
    let text = format!("{text:<LENGTH$}");
    let file = match File::options().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // The first one, at one stroke.
            let new = path.with_extension("lease.new");
            fs::write(&new, text)?;
            return fs::rename(&new, path);
        }
        file => file?,
    };
    file.write_all_at(text.as_bytes(), 0)?;
    if settle {
        file.sync_data()?;
    }
    Ok(())
}

/// The lease that is there; none where the folder was given back.
fn lease(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            Ok(Some(text).filter(|text| text != FREE))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn second(folder: &Path) -> String {
    format!(
        "{}: another server has this folder, and only one may write into it: run one replica (strategy Recreate), or give each a folder of its own",
        folder.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_is_renewed_is_never_taken_and_one_that_is_left_is() {
        let (short, long) = (Duration::from_secs(1), QUIET);
        for (first, now, waited, verdict) in [
            (None, None, short, Verdict::Take),
            (Some("here a 1"), Some("here a 1"), short, Verdict::Take),
            (Some("there a 1"), Some("there a 1"), short, Verdict::Wait),
            (Some("there a 1"), Some("there a 1"), long, Verdict::Take),
            (Some("there a 1"), Some("there a 2"), short, Verdict::Refuse),
            (Some("there a 1"), Some("there a 2"), long, Verdict::Refuse),
            (None, Some("there a 0"), short, Verdict::Refuse),
            (Some("there a 1"), None, short, Verdict::Take),
        ] {
            assert_eq!(
                judge("here", first, now, waited),
                verdict,
                "{first:?} {now:?} {waited:?}"
            );
        }
        let unlocked = judge("", Some("here a 1"), Some("here a 1"), short);
        assert_eq!(unlocked, Verdict::Wait, "without locks, this machine is like any other");
        // Whoever is taken for gone has stopped by then.
        assert!(GOOD + 2 * RENEWED < QUIET);
    }

    #[test]
    fn a_folder_is_held_by_one_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let hold = Hold::take(folder.path()).unwrap();
        let refused = Hold::take(folder.path()).unwrap_err();
        assert!(refused.contains("only one may write"), "{refused}");
        hold.renew().unwrap();
        hold.check().unwrap();
        // Another machine, which does not see the lock.
        fs::write(folder.path().join(".lease"), "there b 7").unwrap();
        assert!(hold.renew().is_err());
        assert_eq!(hold.check().unwrap_err().code, Code::ServiceUnavailable);
        // It is not given back for the other.
        hold.release();
        assert_eq!(fs::read(folder.path().join(".lease")).unwrap(), b"there b 7");
    }

    #[test]
    fn a_lease_is_renewed_given_back_and_taken_without_a_new_block_of_the_disk() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lease");
        let file = || {
            let found = fs::metadata(&path).unwrap();
            (found.ino(), found.len())
        };
        let hold = Hold::take(folder.path()).unwrap();
        let made = file();
        for _ in 0..3 {
            hold.renew().unwrap();
        }
        assert_eq!(file(), made);
        hold.release();
        drop(hold);
        assert_eq!((file(), lease(&path).unwrap()), (made, None));
        let next = Hold::take(folder.path()).unwrap();
        next.check().unwrap();
        assert_eq!(file(), made);
        assert!(lease(&path).unwrap().unwrap().starts_with(&next.own));
    }

    #[test]
    fn a_disk_without_room_for_a_lease_ends_no_server_and_makes_nothing_visible_until_it_has_some() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lease");
        let mut hold = Hold::take(folder.path()).unwrap();
        // As if there had been none.
        hold.before = Some("there b 7".to_owned());
        for (now, taken) in [("there b 7", true), ("there b 8", false)] {
            *hold.renewed.lock().unwrap() = (None, 0);
            fs::write(&path, now).unwrap();
            hold.alive().unwrap();
            assert_eq!(hold.check().unwrap_err().code, Code::ServiceUnavailable);
            assert_eq!(hold.renew().is_ok(), taken, "{now}");
            assert_eq!((hold.check().is_ok(), hold.alive().is_ok()), (taken, taken), "{now}");
        }
    }
}
