//! Where a download goes: beside its place under another name, and there only when it is whole.
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::plain::acts;
use crate::read::fault::Fault;
use crate::stored::source::{Packing, Undo};

/// A file that has not its name yet; gone when dropped.
#[derive(Debug)]
pub struct Target {
    file: NamedTempFile,
    at: PathBuf,
    force: bool,
}

impl Target {
    /// Beside that place, readable by nobody else: a backup may hold secrets.
    ///
    /// # Errors
    /// Something is there and may not be replaced, or nothing can be written there.
    pub fn at(at: &Path, force: bool) -> Result<Self, Fault> {
        let fault = |why: &str, next| Fault::new("write the file", format!("{}: {why}", at.display()), next);
        if at.is_dir() {
            return Err(fault("is a folder", "the same command with a file in it as --output"));
        }
        // Not followed: what a link leads to is not what would be replaced.
        let there = at.symlink_metadata().ok();
        if there
            .as_ref()
            .is_some_and(|there| !there.is_file() && !there.is_symlink())
        {
            return Err(fault(
                "is a device, a pipe or a socket, which a file would replace",
                "the same command with --output - and the shell's own > to write into it",
            ));
        }
        if !force && there.is_some() {
            return Err(fault(
                "is there already",
                "the same command with --force, or another --output",
            ));
        }
        let folder = at
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let file = tempfile::Builder::new()
            .prefix(".kubectl-backup-")
            .suffix(".part")
            .tempfile_in(folder)
            .map_err(|e| fault(&e.to_string(), "the same command with another --output"))?;
        Ok(Self {
            file,
            at: at.to_owned(),
            force,
        })
    }

    /// What is written to.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// It is whole: on the disk, and then by its name.
    ///
    /// # Errors
    /// It could not be written to the disk, or something has come there meanwhile.
    pub fn keep(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        if self.force {
            self.file.persist(&self.at).map_err(|e| e.error)?;
        } else {
            self.file.persist_noclobber(&self.at).map_err(|e| e.error)?;
        }
        Ok(())
    }
}

/// The last part of a key, without the endings of what is undone: `shop.sql` of `daily/shop.sql.zst.age`.
pub fn name(key: &str, undo: Undo, packing: Option<Packing>, decrypted: bool) -> PathBuf {
    let last = key.rsplit('/').find(|part| !part.is_empty()).unwrap_or("backup");
    let mut name = last;
    if undo != Undo::Nothing {
        let ends: &[&str] = match packing {
            Some(Packing::Gzip) => &[".gz", ".gzip"],
            Some(Packing::Zstd) => &[".zst", ".zstd"],
            Some(Packing::None) | None => &[],
        };
        for ends in [if decrypted { &[".age"][..] } else { &[] }, ends] {
            let shorter = ends.iter().find_map(|end| name.strip_suffix(end));
            name = shorter.filter(|name| !name.is_empty()).unwrap_or(name);
        }
    }
    // A key is whatever the bucket's writer chose, and a file's name is shown by each ls.
    let name: String = name.chars().filter(|c| !acts(*c)).collect();
    // Names that lead elsewhere.
    match name.as_str() {
        "" | "." | ".." | "-" => PathBuf::from("backup"),
        name => PathBuf::from(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn nothing_but_a_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("socket");
        let _listens = std::os::unix::net::UnixListener::bind(&at).unwrap();
        for force in [false, true] {
            let said = Target::at(&at, force).unwrap_err().to_string();
            assert!(
                said.contains("is a device, a pipe or a socket") && said.contains("--output -"),
                "{said}"
            );
        }
        assert!(Target::at(Path::new("/dev/null"), true).is_err());
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_kept_and_replaces_nothing_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("shop.sql");
        let mut target = Target::at(&at, false).unwrap();
        target.file().write_all(b"new").unwrap();
        assert!(!at.exists());
        drop(target);
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            0,
            "what is not kept is gone"
        );

        let mut target = Target::at(&at, false).unwrap();
        target.file().write_all(b"new").unwrap();
        std::fs::write(&at, "another's").unwrap();
        assert!(target.keep().is_err(), "it came meanwhile");
        let said = Target::at(&at, false).unwrap_err().to_string();
        assert!(said.contains("is there already") && said.contains("--force"), "{said}");
        assert_eq!(std::fs::read_to_string(&at).unwrap(), "another's");

        let mut target = Target::at(&at, true).unwrap();
        target.file().write_all(b"new").unwrap();
        target.keep().unwrap();
        assert_eq!(std::fs::read_to_string(&at).unwrap(), "new");
        assert!(
            Target::at(dir.path(), true)
                .unwrap_err()
                .to_string()
                .contains("is a folder")
        );
    }

    #[test]
    fn a_name_loses_the_endings_of_what_is_undone_and_leads_nowhere_else() {
        for (key, undo, packing, decrypted, wanted) in [
            (
                "daily/shop.sql.zst.age",
                Undo::Said,
                Some(Packing::Zstd),
                true,
                "shop.sql",
            ),
            ("daily/shop.sql.gz", Undo::Said, Some(Packing::Gzip), false, "shop.sql"),
            (
                "daily/shop.sql.gz",
                Undo::Said,
                Some(Packing::None),
                false,
                "shop.sql.gz",
            ),
            (
                "daily/shop.sql.gz",
                Undo::Nothing,
                Some(Packing::Gzip),
                true,
                "shop.sql.gz",
            ),
            (".gz", Undo::Said, Some(Packing::Gzip), false, ".gz"),
            ("a/..", Undo::Said, None, false, "backup"),
            ("-", Undo::Said, None, false, "backup"),
            ("a//", Undo::Said, None, false, "a"),
        ] {
            assert_eq!(name(key, undo, packing, decrypted), PathBuf::from(wanted), "{key}");
        }
    }
}
