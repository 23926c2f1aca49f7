//! A folder of a local or mounted file system. Each path is walked from the root, name by name, and no link is followed, so that
//! nothing outside of it is reached whatever somebody has put into it.
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::{Entry, Files, Room, Stat};

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// The longest file that is read at once.
const SMALL: u64 = 1 << 20;
/// A folder that another request finds empty may go while it is entered.
const TRIES: usize = 8;

/// A folder.
#[derive(Debug)]
pub struct Disk {
    root: OwnedFd,
    /// Held while a folder is made and not settled yet.
    making: RwLock<()>,
}

impl Disk {
    /// The folder, which must be there.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let root = rustix::fs::open(folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self {
            root,
            making: RwLock::new(()),
        })
    }

    /// The folder at a path. With `make`, those that are missing are made, and each is settled in the one above before anybody may put
    /// something into it.
    fn folder(&self, path: &str, make: bool) -> io::Result<OwnedFd> {
        let walked = {
            let _settled = make.then(|| self.making.read().unwrap_or_else(PoisonError::into_inner));
            self.walk(path, false)
        };
        match walked {
            Err(Errno::NOENT) if make => {
                let _alone = self.making.write().unwrap_or_else(PoisonError::into_inner);
                Ok(self.walk(path, true)?)
            }
            Err(Errno::LOOP) => Err(Errno::NOTDIR.into()),
            walked => Ok(walked?),
        }
    }

    fn walk(&self, path: &str, make: bool) -> rustix::io::Result<OwnedFd> {
        let mut at = rustix::io::fcntl_dupfd_cloexec(&self.root, 0)?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = match rustix::fs::openat(&at, name, FOLDER, Mode::empty()) {
                Err(Errno::NOENT) if make => {
                    rustix::fs::mkdirat(&at, name, Mode::from_raw_mode(0o750))?;
                    settle_folder(&at)?;
                    rustix::fs::openat(&at, name, FOLDER, Mode::empty())?
                }
                opened => opened?,
            };
        }
        Ok(at)
    }

    /// The folder that a path lies in, and its name there.
    fn parent<'p>(&self, path: &'p str, make: bool) -> io::Result<(OwnedFd, &'p str)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.folder(folder, make)?, name))
    }

    fn file(&self, path: &str, flags: OFlags, make: bool) -> io::Result<File> {
        again(|| {
            let (folder, name) = self.parent(path, make)?;
            let mode = Mode::from_raw_mode(0o640);
            // A pipe that somebody has put there would be waited for.
            let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let opened = File::from(rustix::fs::openat(&folder, name, flags, mode)?);
            if opened.metadata()?.is_file() {
                Ok(opened)
            } else {
                Err(Errno::ISDIR.into())
            }
        })
    }
}

/// Tries again where a folder went while it was entered.
fn again<T>(mut step: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..TRIES {
        match step() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
    }
    step()
}

/// Names in a folder survive a power cut. SMB has no such request, and makes each change of a name at once.
fn settle_folder(folder: &OwnedFd) -> rustix::io::Result<()> {
    match rustix::fs::fsync(folder) {
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(()),
        settled => settled,
    }
}

fn missing<T>(result: rustix::io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

impl Files for Disk {
    type File = File;

    fn new_file(&self, path: &str) -> io::Result<File> {
        self.file(path, OFlags::RDWR | OFlags::CREATE, true)
    }

    fn new_folder(&self, path: &str) -> io::Result<()> {
        self.folder(path, true).map(drop)
    }

    fn open(&self, path: &str) -> io::Result<File> {
        let (folder, name) = self.parent(path, false)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened = File::from(rustix::fs::openat(&folder, name, flags, Mode::empty())?);
        if opened.metadata()?.is_file() {
            Ok(opened)
        } else {
            Err(Errno::NOENT.into())
        }
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn read_at(&self, file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while let Some(rest) = into.get_mut(read..).filter(|rest| !rest.is_empty()) {
            let more = file.read_at(rest, offset.saturating_add(read as u64))?;
            if more == 0 {
                break;
            }
            read += more;
        }
        Ok(read)
    }

    fn settle(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn seal(&self, file: &File, size: u64, modified: i64) -> io::Result<()> {
        file.set_len(size)?;
        let time = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
        let times = Timestamps {
            last_access: time(0, UTIME_OMIT),
            last_modification: time(modified, 0),
        };
        rustix::fs::futimens(file, &times)?;
        file.sync_all()
    }

    fn rename_over(&self, from: &str, to: &str) -> io::Result<()> {
        let (old_folder, old) = self.parent(from, false)?;
        again(|| {
            let (folder, name) = self.parent(to, true)?;
            rustix::fs::renameat(&old_folder, old, &folder, name)?;
            Ok(settle_folder(&folder)?)
        })
    }

    fn settle_name(&self, path: &str) -> io::Result<()> {
        let (folder, _) = self.parent(path, false)?;
        Ok(settle_folder(&folder)?)
    }

    fn put_small(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let (folder, name) = self.parent(path, true)?;
        let new = format!("{name}.new");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&folder, &new, flags, Mode::from_raw_mode(0o640))?);
        file.write_all(bytes)?;
        file.sync_data()?;
        rustix::fs::renameat(&folder, &new, &folder, name)?;
        Ok(settle_folder(&folder)?)
    }

    fn read_small(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(path)?.take(SMALL + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > SMALL {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "longer than any file of the server's own",
            ));
        }
        Ok(bytes)
    }

    fn stat(&self, path: &str) -> io::Result<Option<Stat>> {
        let (folder, name) = match self.parent(path, false) {
            Err(error) if absent(&error) => return Ok(None),
            parent => parent?,
        };
        let Some(stat) = missing(rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW))? else {
            return Ok(None);
        };
        match FileType::from_raw_mode(stat.st_mode) {
            kind @ (FileType::RegularFile | FileType::Directory) => Ok(Some(Stat {
                size: u64::try_from(stat.st_size).unwrap_or_default(),
                modified: stat.st_mtime,
                folder: kind == FileType::Directory,
            })),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "neither a file nor a folder lies there",
            )),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Entry>> {
        let folder = match self.folder(folder, false) {
            Err(error) if absent(&error) => return Ok(Vec::new()),
            folder => folder?,
        };
        let mut entries = Vec::new();
        for entry in Dir::read_from(folder.as_fd())? {
            let entry = entry?;
            let kind = match entry.file_type() {
                // Some file systems tell names only.
                FileType::Unknown => match rustix::fs::statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(_) => continue,
                },
                kind => kind,
            };
            match (entry.file_name().to_str(), kind) {
                (Ok("." | ".."), _) | (Err(_), _) => {}
                (Ok(name), FileType::RegularFile | FileType::Directory) => entries.push(Entry {
                    name: name.to_owned(),
                    folder: kind == FileType::Directory,
                }),
                _ => {}
            }
        }
        Ok(entries)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let (folder, name) = match self.parent(path, false) {
            Err(error) if absent(&error) => return Ok(()),
            parent => parent?,
        };
        missing(rustix::fs::unlinkat(&folder, name, AtFlags::empty()))?;
        Ok(settle_folder(&folder)?)
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        let (above, name) = match self.parent(path, false) {
            Err(error) if absent(&error) => return Ok(()),
            parent => parent?,
        };
        for entry in self.list(path)? {
            let folder = self.folder(path, false)?;
            missing(rustix::fs::unlinkat(&folder, &entry.name, AtFlags::empty()))?;
        }
        missing(rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR))?;
        Ok(settle_folder(&above)?)
    }

    fn prune(&self, path: &str) {
        let mut path = path;
        while let Some((folder, _)) = path.rsplit_once('/') {
            let Some((above, name)) = folder.rsplit_once('/') else {
                return;
            };
            let Ok(above) = self.folder(above, false) else { return };
            if rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR).is_err() {
                return;
            }
            path = folder;
        }
    }

    fn room(&self) -> io::Result<Room> {
        let stat = rustix::fs::fstatvfs(&self.root)?;
        Ok(Room {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }
}
