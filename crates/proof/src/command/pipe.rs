//! The pipe of the command's bytes: as large as the kernel allows, and asked what is in it.
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Bytes that the pipe holds where the system allows: fewer switches between the command and the agent. Also what a
/// command can have written at most before its end without having been read.
pub const SIZE: usize = 1 << 20;

/// A pipe of 1 MiB, or of what is allowed.
///
/// # Errors
/// There is none to be had.
pub fn make() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    // /proc/sys/fs/pipe-max-size, and for a user without privileges pipe-user-pages-soft; 64 KiB do too.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&reader, SIZE);
    Ok((reader, writer))
}

/// The pipe is empty and someone can still write to it.
pub fn is_held(reader: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&reader, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut fds, Some(&now)), Ok(0))
}

/// Bytes in the pipe.
pub fn unread(reader: impl AsFd) -> u64 {
    rustix::io::ioctl_fionread(reader).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_pipe_is_held_while_it_is_empty_and_has_a_writer() {
        let (reader, mut writer) = make().unwrap();
        assert!(is_held(&reader));
        writer.write_all(b"abc").unwrap();
        assert_eq!((is_held(&reader), unread(&reader)), (false, 3));
        drop(writer);
        assert!(!is_held(&reader));
    }
}
