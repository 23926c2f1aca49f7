//! The command's standard error: into the container's log, and its end into the report. Always drained.
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that are kept.
const TAIL: usize = 4096;
/// How long the end of the stream is waited for, after the command's.
const END: Duration = Duration::from_millis(500);

/// A stream that is being drained.
pub struct Log(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    tail: Vec<u8>,
    ended: bool,
}

impl Log {
    /// Drains `from` on a thread.
    pub fn start(from: PipeReader, to: &Path) -> io::Result<Self> {
        // Without O_NONBLOCK a log that nobody reads would hold the command up. A container without a usable one
        // still has the tail.
        let to = OpenOptions::new()
            .append(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(to)
            .ok();
        let shared = Arc::new(Shared::default());
        let draining = shared.clone();
        thread::Builder::new()
            .name("log".into())
            .spawn(move || drain(from, to, &draining))?;
        Ok(Self(shared))
    }

    /// What was said last, at most 4 KiB.
    pub fn tail(&self) -> String {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, _) = self
            .0
            .ended
            .wait_timeout_while(state, END, |state| !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        text(&state.tail)
    }
}

fn drain(mut from: PipeReader, mut to: Option<File>, shared: &Shared) {
    let mut buffer = vec![0; 32 << 10];
    let mut left_out = 0;
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let piece = buffer.get(..n).unwrap_or_default();
        keep(
            &mut shared.state.lock().unwrap_or_else(PoisonError::into_inner).tail,
            piece,
        );
        if let Some(to) = &mut to {
            left_out = copy(to, piece, left_out);
        }
    }
    shared.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
    shared.ended.notify_all();
}

/// Writes what the log takes without waiting; returns how much it did not take since it last took something whole.
fn copy(to: &mut impl Write, piece: &[u8], left_out: usize) -> usize {
    if left_out > 0 {
        let note = format!("\n[backup-operator: {left_out} bytes left out, the log did not take them]\n");
        if to.write(note.as_bytes()).is_err() {
            return left_out + piece.len();
        }
    }
    let mut rest = piece;
    while !rest.is_empty() {
        match to.write(rest) {
            Ok(n) if n > 0 => rest = rest.get(n..).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            _ => return rest.len(),
        }
    }
    0
}

fn keep(tail: &mut Vec<u8>, piece: &[u8]) {
    let piece = piece.get(piece.len().saturating_sub(TAIL)..).unwrap_or(piece);
    let over = (tail.len() + piece.len()).saturating_sub(TAIL);
    tail.drain(..over);
    tail.extend_from_slice(piece);
}

/// As text of at most 4 KiB: a character that was cut at the front is left out, one that is not UTF-8 replaced.
fn text(tail: &[u8]) -> String {
    let start = if tail.len() < TAIL {
        0
    } else {
        tail.iter().take(3).take_while(|b| **b & 0xc0 == 0x80).count()
    };
    let text = String::from_utf8_lossy(tail.get(start..).unwrap_or_default());
    let over = text.len().saturating_sub(TAIL);
    let from = (over..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(from..).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_end_and_never_more_than_4_kib() {
        let mut tail = Vec::new();
        for n in 0..2000 {
            keep(&mut tail, format!("line {n}\n").as_bytes());
        }
        keep(&mut tail, &vec![b'x'; 3 * TAIL]);
        keep(&mut tail, b"the end");
        assert_eq!(tail.len(), TAIL);
        assert!(text(&tail).ends_with("xxthe end"));
    }

    #[test]
    fn the_text_is_never_longer_than_4_kib_whatever_the_bytes() {
        let cut = [
            "ü".repeat(TAIL).as_bytes()[1..=TAIL].to_vec(),
            vec![0xff; TAIL],
            "日".repeat(1365).into_bytes(),
        ];
        for bytes in cut {
            assert!(text(&bytes).len() <= TAIL);
        }
        assert!(text("ü".repeat(TAIL).as_bytes().get(1..=TAIL).unwrap()).starts_with('ü'));
        assert_eq!(text(b""), "");
    }

    #[test]
    fn a_log_that_takes_nothing_holds_nothing_up_and_says_later_what_it_missed() {
        struct Full(bool, Vec<u8>);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.0 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                self.1.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut log = Full(true, Vec::new());
        let mut left_out = copy(&mut log, b"lost", 0);
        left_out = copy(&mut log, b"lost too", left_out);
        log.0 = false;
        left_out = copy(&mut log, b"kept", left_out);
        let said = String::from_utf8(log.1).unwrap();
        assert_eq!(left_out, 0);
        assert!(said.contains("12 bytes left out") && said.ends_with("kept"), "{said}");
    }
}
