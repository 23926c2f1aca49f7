//! Something before a server that says when how many bytes went through it, in each direction.
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};

/// Bytes that are taken at a time.
const PIECE: usize = 64 << 10;
/// What the kernel holds for either end: by itself it takes megabytes ahead of who reads slowly, and these would count as gone through.
const HELD: usize = 64 << 10;

/// When, and how many bytes came then.
type Seen = Arc<Mutex<Vec<(Instant, u64)>>>;

/// Passes connections on; its threads end with them, and new ones are refused when it is dropped.
pub struct Meter {
    /// Host and port of its near end.
    pub address: String,
    there: Seen,
    back: Seen,
    ended: Arc<AtomicBool>,
}

impl Meter {
    /// Before a server, on one of this machine's addresses.
    pub fn before(server: &str, own: IpAddr) -> Self {
        let listener = TcpListener::bind((own, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (there, back, ended) = (Seen::default(), Seen::default(), Arc::new(AtomicBool::new(false)));
        let (server, over) = (server.to_owned(), ended.clone());
        let ways = [there.clone(), back.clone()];
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(far) = TcpStream::connect(&server) else { continue };
                for end in [&near, &far] {
                    let _ = (
                        set_socket_recv_buffer_size(end, HELD),
                        set_socket_send_buffer_size(end, HELD),
                    );
                }
                let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else {
                    continue;
                };
                let [there, back] = ways.clone();
                thread::spawn(move || pass(near, far, &there));
                thread::spawn(move || pass(far_too, near_too, &back));
            }
        });
        Self {
            address,
            there,
            back,
            ended,
        }
    }

    /// Nothing has come yet.
    pub fn reset(&self) {
        for way in [&self.there, &self.back] {
            way.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// How long it took from that many bytes that the server was sent to that many; None where it was not sent them all.
    pub fn sent(&self, from: u64, to: u64) -> Option<Duration> {
        took(&self.there.lock().unwrap_or_else(PoisonError::into_inner), from, to)
    }

    /// The same of what the server sent.
    pub fn received(&self, from: u64, to: u64) -> Option<Duration> {
        took(&self.back.lock().unwrap_or_else(PoisonError::into_inner), from, to)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes who accepts.
        let _ = TcpStream::connect(&self.address);
    }
}

fn took(seen: &[(Instant, u64)], from: u64, to: u64) -> Option<Duration> {
    let at = |mark: u64| {
        let mut so_far = 0;
        let reached = seen.iter().find(|(_, bytes)| {
            so_far += bytes;
            so_far >= mark
        });
        reached.map(|(at, _)| *at)
    };
    Some(at(to)?.saturating_duration_since(at(from)?))
}

fn pass(mut from: TcpStream, mut to: TcpStream, seen: &Seen) {
    let mut piece = vec![0; PIECE];
    while let Ok(n @ 1..) = from.read(&mut piece) {
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((Instant::now(), n as u64));
        if to.write_all(piece.get(..n).unwrap_or_default()).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Read), to.shutdown(Shutdown::Write));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_two_marks_is_that_between_the_pieces_that_reach_them() {
        let start = Instant::now();
        let seen = [(0, 10), (2, 20), (5, 10)].map(|(at, bytes)| (start + Duration::from_secs(at), bytes));
        for (from, to, seconds) in [
            (1, 40, Some(5)),
            (10, 30, Some(2)),
            (11, 31, Some(3)),
            (1, 41, None),
            (30, 30, Some(0)),
        ] {
            assert_eq!(
                took(&seen, from, to),
                seconds.map(Duration::from_secs),
                "from {from} to {to}"
            );
        }
    }
}
