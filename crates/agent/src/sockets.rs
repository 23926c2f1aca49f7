//! Where a daemon and those who connect to it meet.
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::args::Place;

impl Place {
    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join(format!("{}.sock", self.attempt))
    }

    /// The socket until it is bound: it is renamed when it can be connected to.
    pub fn fresh_socket(&self) -> PathBuf {
        self.dir.join(format!("{}.new", self.attempt))
    }

    /// Held while a daemon is started, so that two that connect start one.
    pub fn start_lock(&self) -> io::Result<File> {
        self.open_lock("start")
    }

    /// Held by the daemon for its life: the second one sees it and ends.
    pub fn life_lock(&self) -> io::Result<File> {
        self.open_lock("life")
    }

    /// Held by the guard for its life; in it, the signal that the last daemon was killed by.
    pub fn guard_lock(&self) -> io::Result<File> {
        self.open_lock("guard")
    }

    /// Where a check in another container is asked for.
    pub fn check_socket(&self) -> PathBuf {
        self.dir.join(format!("{}.check", self.attempt))
    }

    /// That socket until it is bound.
    pub fn fresh_check_socket(&self) -> PathBuf {
        self.dir.join(format!("{}.check.new", self.attempt))
    }

    /// Held by who stands by for the check, for its life.
    pub fn check_lock(&self) -> io::Result<File> {
        self.open_lock("standing")
    }

    /// There from the moment that a command may have been started.
    pub fn started(&self) -> PathBuf {
        self.dir.join(format!("{}.started", self.attempt))
    }

    /// How many bytes the largest window of a zstd frame takes that a restore holds, where it is large.
    pub fn window(&self) -> PathBuf {
        self.dir.join(format!("{}.window", self.attempt))
    }

    fn open_lock(&self, kind: &str) -> io::Result<File> {
        let path = self.dir.join(format!("{}.{kind}", self.attempt));
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path)
    }
}
