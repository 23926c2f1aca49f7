//! Whether a server keeps files as files. Object stores behind SFTP take whole files in order, and more only in name: such a server is
//! refused before anything is entrusted to it.
use std::io::{self, ErrorKind};

use depot::fault::is_full;
use depot::files::Files;

use crate::files::{RENAME, Sftp};

/// In the folder that is swept when a server starts.
const FOLDER: &str = ".uploads";
/// More than one request has.
const HALF: usize = 40 << 10;

fn refused(step: &str, why: &str) -> io::Error {
    let words = format!(
        "the server of SFTP does not keep files as backups need it: {step}: {why}. If it is an object store behind SFTP, use the type of that store \
         (s3, azure); else a server like those of OpenSSH and ProFTPD"
    );
    io::Error::new(ErrorKind::Unsupported, words)
}

/// What is no answer of the server's stays what it is.
fn step<T>(name: &str, done: io::Result<T>) -> io::Result<T> {
    done.map_err(|error| match error.kind() {
        ErrorKind::Unsupported | ErrorKind::Other | ErrorKind::NotFound | ErrorKind::AlreadyExists => {
            refused(name, &error.to_string())
        }
        kind => io::Error::new(kind, format!("{name}: {error}")),
    })
}

/// Nothing can be written for want of room. Many servers say no more of it than that they fail.
fn has_no_room(sftp: &Sftp, error: &io::Error) -> bool {
    let low = || sftp.room().is_ok_and(|room| room.free < room.total / 50);
    is_full(error) || (error.kind() == ErrorKind::Unsupported && low())
}

fn is_folder(sftp: &Sftp, path: &str) -> bool {
    matches!(sftp.stat(path), Ok(Some(stat)) if stat.folder)
}

/// Tries what is needed, and leaves nothing. `served` is a folder that is there where the server has passed before: such a one that has become
/// full is not refused, so that what is there can be read and removed.
///
/// # Errors
/// What the server cannot do; it cannot be reached.
pub fn run(sftp: &Sftp, token: &str, served: &str) -> io::Result<()> {
    let session = sftp.wait(async { Ok(sftp.link.session().await?.0) })?;
    if !session.has(RENAME) {
        return Err(refused(
            "a file takes the place of another at one stroke",
            &format!("it does not announce {RENAME}"),
        ));
    }
    let folder = sftp.new_folder("").and_then(|()| sftp.new_folder(FOLDER));
    folder.map_err(|error| io::Error::new(error.kind(), format!("make the folder {}: {error}", sftp.at(""))))?;
    let paths = [format!("{FOLDER}/{token}.trial"), format!("{FOLDER}/{token}.other")];
    let tried = files(sftp, &paths);
    for path in &paths {
        let removed = sftp.remove(path);
        if tried.is_ok() {
            step("a file is removed", removed)?;
        }
    }
    match tried {
        Err(error) if has_no_room(sftp, &error) && is_folder(sftp, served) => {
            tracing::warn!(%error, "the server has no room, and is not tried");
            Ok(())
        }
        tried => tried,
    }
}

fn files(sftp: &Sftp, [path, other]: &[String; 2]) -> io::Result<()> {
    let bytes: Vec<u8> = (0..2 * HALF).map(|at| (at / 251) as u8).collect();
    let (front, back) = bytes.split_at(HALF);
    let file = step("a file is made", sftp.new_file(path))?;
    step(
        "bytes are written out of order",
        sftp.write_at(&file, HALF as u64, back),
    )?;
    step("bytes are written out of order", sftp.write_at(&file, 0, front))?;
    step("bytes are settled", sftp.settle(&file))?;
    let mut found = vec![0; 2 * HALF + 1];
    let read = step("what was written is read", sftp.read_at(&file, 0, &mut found))?;
    if found.get(..read) != Some(&bytes[..]) {
        return Err(refused("bytes are written out of order", "it keeps others"));
    }
    let (size, modified) = (bytes.len() as u64 - 1, 1_000_000_000);
    step("a file is cut, and its time set", sftp.seal(&file, size, modified))?;
    drop(file);
    step("a small file is written", sftp.put_small(other, b"old"))?;
    step("a file takes the place of another", sftp.rename_over(path, other))?;
    let stat = step("a file is looked at", sftp.stat(other))?;
    match stat {
        Some(stat) if stat.size == size && stat.modified == modified => {}
        Some(stat) => {
            let why = format!(
                "{} bytes of {size}, and the time {} instead of {modified}",
                stat.size, stat.modified
            );
            return Err(refused("a file is cut, and its time set", &why));
        }
        None => return Err(refused("a file takes the place of another", "it is gone")),
    }
    match step("a file is looked at", sftp.stat(path))? {
        None => Ok(()),
        Some(_) => Err(refused("a file takes the place of another", "it is there twice")),
    }
}
