//! `agent install DIR`: what the init container does.
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Why the agent could not be put into place.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Where this program itself is.
    #[error("the path of this program is not known")]
    Myself(#[source] io::Error),
    /// A directory.
    #[error("{path} cannot be made; is the volume mounted and writable?", path = .path.display())]
    Directory {
        /// Which one.
        path: PathBuf,
        /// The system's word.
        #[source]
        source: io::Error,
    },
    /// The copy.
    #[error("{path} cannot be written; is the volume writable and not full?", path = .path.display())]
    Copy {
        /// Which file.
        path: PathBuf,
        /// The system's word.
        #[source]
        source: io::Error,
    },
}

/// Copies this program to `DIR/bin/agent` and makes `DIR/run`. May be repeated: the copy is renamed into place, so
/// that a program that runs is never written to.
pub fn install(dir: &Path) -> Result<(), InstallError> {
    let myself = std::env::current_exe().map_err(InstallError::Myself)?;
    let bin = dir.join("bin");
    make(&bin, 0o755)?;
    // The commands' containers run as any uid; all of them make their socket here.
    make(&dir.join("run"), 0o777)?;
    let (fresh, path) = (bin.join(".agent"), bin.join("agent"));
    let copy = || {
        match fs::remove_file(&fresh) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        fs::copy(&myself, &fresh)?;
        fs::set_permissions(&fresh, Permissions::from_mode(0o555))?;
        fs::rename(&fresh, &path)
    };
    copy().map_err(|source| InstallError::Copy {
        path: path.clone(),
        source,
    })
}

/// Makes a directory with exactly this mode, whatever the umask; one that is there and belongs to someone else keeps
/// the mode it has.
fn make(path: &Path, mode: u32) -> Result<(), InstallError> {
    let failed = |source| InstallError::Directory {
        path: path.into(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(failed)?;
    let now = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
    if now & mode == mode {
        Ok(())
    } else {
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn installing_twice_leaves_one_program_and_a_directory_for_everyone() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            install(dir.path()).unwrap();
            assert_eq!(mode(&dir.path().join("bin/agent")), 0o555);
            assert_eq!(mode(&dir.path().join("run")), 0o777);
        }
        assert_eq!(fs::read_dir(dir.path().join("bin")).unwrap().count(), 1);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = install(&file).unwrap_err();
        assert!(error.to_string().contains("file/bin cannot be made"), "{error}");
    }
}
