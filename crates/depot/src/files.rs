//! What is asked of a disk, or of whatever keeps files: little enough for a server of SFTP. Paths are relative to its root, their
//! segments are names that `names` took, and what is promised of a call holds when it has returned.
pub mod disk;

use std::io;

pub use disk::Disk;

/// A file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Bytes.
    pub size: u64,
    /// Whole seconds since 1970: every file system keeps those, and every copy that keeps times at all.
    pub modified: i64,
    /// It is a folder.
    pub folder: bool,
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its last segment.
    pub name: String,
    /// It is a folder.
    pub folder: bool,
}

/// Room on the disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// That can be written.
    pub free: u64,
    /// In all.
    pub total: u64,
}

/// A disk. What is missing is `NotFound`, and no link is followed.
pub trait Files: Send + Sync + 'static {
    /// A file that is open.
    type File: Send + Sync + 'static;

    /// A file to write and read, made where it is not there, and the folders above it. Its name may be lost until its folder is
    /// settled by `put_small` or `rename_over`.
    fn new_file(&self, path: &str) -> io::Result<Self::File>;
    /// A folder, and those above it, settled.
    fn new_folder(&self, path: &str) -> io::Result<()>;
    /// A file to read: as it is, whatever is renamed over it later.
    fn open(&self, path: &str) -> io::Result<Self::File>;
    /// Writes; where the file ends before, zeros lie between.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Reads as much as fits, less only at the end.
    fn read_at(&self, file: &Self::File, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// What was written survives a power cut.
    fn settle(&self, file: &Self::File) -> io::Result<()>;
    /// Cuts to that size, sets the time, and settles both.
    fn seal(&self, file: &Self::File, size: u64, modified: i64) -> io::Result<()>;
    /// Takes the place of what lies there at one stroke, settled; folders above are made.
    fn rename_over(&self, from: &str, to: &str) -> io::Result<()>;
    /// The name of what lies there survives a power cut: once more, where `rename_over` failed and may have been done.
    fn settle_name(&self, path: &str) -> io::Result<()>;
    /// Writes a small file at one stroke, settled: the old content or the new, and names that are new in its folder.
    fn put_small(&self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Reads a small file, at most 1 MiB.
    fn read_small(&self, path: &str) -> io::Result<Vec<u8>>;
    /// What lies there.
    fn stat(&self, path: &str) -> io::Result<Option<Stat>>;
    /// The names in a folder, in no order. What is neither file nor folder, or has a name that is no text, is not among them.
    fn list(&self, folder: &str) -> io::Result<Vec<Entry>>;
    /// Removes a file, settled; none is fine.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Removes a folder that has files only, with them, settled; none is fine.
    fn remove_folder(&self, path: &str) -> io::Result<()>;
    /// Removes the folders above a path that are empty, but for the first.
    fn prune(&self, path: &str);
    /// How much room there is.
    fn room(&self) -> io::Result<Room>;
    /// How often what keeps the files was connected to. What was written before that changed and was not settled may be lost without a
    /// word: `settle` speaks of what was written since. A disk stays connected for as long as the process lives.
    fn connected(&self) -> u64 {
        0
    }
}

/// Shared, where something else needs the same disk.
impl<F: Files> Files for std::sync::Arc<F> {
    type File = F::File;

    fn new_file(&self, path: &str) -> io::Result<F::File> {
        self.as_ref().new_file(path)
    }

    fn new_folder(&self, path: &str) -> io::Result<()> {
        self.as_ref().new_folder(path)
    }

    fn open(&self, path: &str) -> io::Result<F::File> {
        self.as_ref().open(path)
    }

    fn write_at(&self, file: &F::File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.as_ref().write_at(file, offset, bytes)
    }

    fn read_at(&self, file: &F::File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.as_ref().read_at(file, offset, into)
    }

    fn settle(&self, file: &F::File) -> io::Result<()> {
        self.as_ref().settle(file)
    }

    fn seal(&self, file: &F::File, size: u64, modified: i64) -> io::Result<()> {
        self.as_ref().seal(file, size, modified)
    }

    fn rename_over(&self, from: &str, to: &str) -> io::Result<()> {
        self.as_ref().rename_over(from, to)
    }

    fn settle_name(&self, path: &str) -> io::Result<()> {
        self.as_ref().settle_name(path)
    }

    fn put_small(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.as_ref().put_small(path, bytes)
    }

    fn read_small(&self, path: &str) -> io::Result<Vec<u8>> {
        self.as_ref().read_small(path)
    }

    fn stat(&self, path: &str) -> io::Result<Option<Stat>> {
        self.as_ref().stat(path)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Entry>> {
        self.as_ref().list(folder)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.as_ref().remove(path)
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        self.as_ref().remove_folder(path)
    }

    fn prune(&self, path: &str) {
        self.as_ref().prune(path);
    }

    fn room(&self) -> io::Result<Room> {
        self.as_ref().room()
    }

    fn connected(&self) -> u64 {
        self.as_ref().connected()
    }
}
