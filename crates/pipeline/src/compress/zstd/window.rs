//! The windows of frames, judged before the decoder takes memory for them.
use super::frame;
use crate::allowance::{Allowance, Note, OWN};

/// What a row of frames may take.
pub(super) struct Windows {
    allowance: Allowance,
    /// The window of the frame that is read was judged.
    judged: bool,
    note: Option<Note>,
    /// The largest one that was noted, bytes; what backups themselves need is not.
    noted: u64,
}

impl Windows {
    /// Within that allowance; each that is larger than those before it is noted.
    pub fn new(allowance: Allowance, note: Option<Note>) -> Self {
        Self {
            allowance,
            judged: false,
            note,
            noted: 1 << OWN,
        }
    }

    /// A frame begins.
    pub fn next(&mut self) {
        self.judged = false;
    }

    /// Looks at the first bytes of the frame that begins at `start`, as soon as its header is whole.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn judge(&mut self, head: &[u8], start: u64) -> Result<(), String> {
        if self.judged {
            return Ok(());
        }
        let Some(header) = frame::parse(head) else {
            return Ok(());
        };
        self.judged = true;
        if let Some(why) = self.allowance.refuses_frame(header.window, header.content) {
            return Err(format!("the frame at byte {start} {why}"));
        }
        let held = header
            .content
            .map_or(header.window, |content| content.min(header.window));
        if held > self.noted {
            self.noted = held;
            if let Some(note) = &self.note {
                note(held);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The header of a frame from a pipe with a window of so many MiB, a power of two.
    fn header(mib: u32) -> Vec<u8> {
        vec![0x28, 0xb5, 0x2f, 0xfd, 0, (10 + mib.ilog2() as u8) << 3]
    }

    #[test]
    fn large_windows_are_noted_before_they_are_taken_and_those_that_are_refused_are_not() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let note = told.clone();
        let allowance = Allowance {
            window_log: None,
            memory: Some(160 << 20),
        };
        let mut windows = Windows::new(
            allowance,
            Some(Box::new(move |bytes| note.lock().unwrap().push(bytes >> 20))),
        );
        for (mib, taken) in [
            (8, true),
            (64, true),
            (32, true),
            (128, true),
            (128, true),
            (256, false),
        ] {
            let head = header(mib);
            windows.next();
            // A header that came in part is not judged before it is whole, and then once.
            assert_eq!(windows.judge(&head[..5], 7), Ok(()));
            let judged = windows.judge(&head, 7);
            assert_eq!(judged.is_ok(), taken, "{mib}: {judged:?}");
        }
        assert_eq!(*told.lock().unwrap(), [64, 128]);
    }
}
