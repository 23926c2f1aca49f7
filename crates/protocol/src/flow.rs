//! How much of a tunnelled stream may be under way: credit, granted by the side that receives. It keeps a slow store or
//! a slow reader from filling the connection that the messages share with it, and bounds the memory of both sides
//! whatever the other one sends.
use std::collections::VecDeque;
use std::io::Read;

/// Bytes of a stream that may wait on the receiving side.
pub const WINDOW: u32 = 1 << 20;
/// Streams at a time: six parts under way, or three ranges of a download, and what is just being closed.
pub const MAX_STREAMS: usize = 8;
/// So much is taken before it is granted again, so that credit costs few messages.
const STEP: u32 = WINDOW / 4;

/// What may be sent of a stream.
#[derive(Debug, Default)]
pub struct Allowance(u64);

impl Allowance {
    /// The other side takes so many bytes more.
    pub fn grant(&mut self, bytes: u32) {
        self.0 = self.0.saturating_add(u64::from(bytes));
    }

    /// Of so many bytes, those that may be sent now.
    pub fn room(&self, wanted: usize) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX).min(wanted)
    }

    /// So many were sent.
    pub fn spend(&mut self, bytes: usize) {
        self.0 = self.0.saturating_sub(bytes as u64);
    }
}

/// What was received of a stream and waits to be taken; never more than `WINDOW`, however it was cut into pieces.
#[derive(Debug)]
pub struct Inbox {
    held: VecDeque<u8>,
    /// Granted, and not received.
    open: u32,
    /// Taken, and not granted again.
    taken: u32,
}

/// `WINDOW` bytes are granted: say so when the stream is opened.
impl Default for Inbox {
    fn default() -> Self {
        Self {
            held: VecDeque::new(),
            open: WINDOW,
            taken: 0,
        }
    }
}

impl Inbox {
    /// Puts a piece in. False where it is more than was granted: nothing is kept of it then.
    #[must_use]
    pub fn put(&mut self, piece: &[u8]) -> bool {
        match u32::try_from(piece.len()).ok().and_then(|n| self.open.checked_sub(n)) {
            Some(open) => {
                self.open = open;
                self.held.extend(piece);
                true
            }
            None => false,
        }
    }

    /// Takes what fits; 0 where there is nothing.
    pub fn take(&mut self, into: &mut [u8]) -> usize {
        // Reading from a queue in memory does not fail.
        let n = self.held.read(into).unwrap_or(0);
        self.taken = self.taken.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
        n
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Enough was taken to grant it again.
    pub fn owes(&self) -> bool {
        self.taken >= STEP
    }

    /// What is granted from now on, to be said to the other side.
    pub fn grant(&mut self) -> u32 {
        let bytes = std::mem::take(&mut self.taken);
        self.open = self.open.saturating_add(bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn more_than_was_granted_is_not_taken_in() {
        let mut inbox = Inbox::default();
        let window = WINDOW as usize;
        assert!(inbox.put(&vec![1; window]) && !inbox.put(&[1]) && inbox.put(&[]));
        assert_eq!(inbox.take(&mut vec![0; window]), window);
        // Taken is not granted yet.
        assert!(!inbox.put(&[1]) && inbox.owes());
        assert_eq!(inbox.grant(), WINDOW);
        assert!(!inbox.owes() && inbox.put(&vec![1; window]) && !inbox.put(&[1]));
    }

    #[test]
    fn credit_is_owed_in_steps() {
        let mut inbox = Inbox::default();
        let step = STEP as usize;
        assert!(inbox.put(&vec![1; step]));
        inbox.take(&mut vec![0; step - 1]);
        assert!(!inbox.owes() && !inbox.is_empty());
        inbox.take(&mut [0]);
        assert!(inbox.owes() && inbox.is_empty());
    }

    #[test]
    fn an_allowance_cannot_be_made_to_overflow_or_go_below_zero() {
        let mut allowance = Allowance::default();
        assert_eq!(allowance.room(5), 0);
        for _ in 0..3 {
            allowance.grant(u32::MAX);
        }
        assert_eq!(allowance.room(usize::MAX), 3 * u32::MAX as usize);
        allowance.spend(usize::MAX);
        assert_eq!(allowance.room(5), 0);
        allowance.grant(3);
        assert_eq!(allowance.room(5), 3);
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out_in_order_and_never_more_than_the_window_waits(
            steps in prop::collection::vec((any::<bool>(), 0usize..200_000), 1..60),
        ) {
            let (mut inbox, mut next, mut wanted) = (Inbox::default(), 0u8, 0u8);
            for (put, length) in steps {
                if put {
                    let piece: Vec<u8> = (0..length).map(|i| next.wrapping_add((i % 256) as u8)).collect();
                    let waits = inbox.held.len();
                    if inbox.put(&piece) {
                        next = next.wrapping_add((length % 256) as u8);
                    } else {
                        prop_assert_eq!(inbox.held.len(), waits);
                    }
                } else {
                    let mut out = vec![0; length];
                    let n = inbox.take(&mut out);
                    for byte in &out[..n] {
                        prop_assert_eq!(*byte, wanted);
                        wanted = wanted.wrapping_add(1);
                    }
                    if inbox.owes() {
                        inbox.grant();
                    }
                }
                prop_assert!(inbox.held.len() <= WINDOW as usize);
                prop_assert_eq!(u64::from(inbox.open) + inbox.held.len() as u64 + u64::from(inbox.taken), u64::from(WINDOW));
            }
        }
    }
}
