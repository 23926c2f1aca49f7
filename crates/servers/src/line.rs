//! A line to a server that is far away: holds all bytes back for a time in each direction, and carries so many a second, all
//! together and for each connection. The kernels of the tests' machines have no `netem`.
//!
//! Nothing sleeps for a piece: each piece is stamped with the moment at which it is due, and many are under way at once. A
//! reader is let run ahead of the line by `SLACK`, and sleeps then.
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that are taken at a time.
const PIECE: usize = 128 << 10;
/// How far what was taken may be ahead of what the line has carried: a router's buffer, and longer than a sleep is inexact on a busy
/// machine, where the line would stand still else.
const SLACK: Duration = Duration::from_millis(20);

/// What a line is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Held back in each direction: half of a round trip.
    pub delay: Duration,
    /// Bytes a second in each direction, of all connections.
    pub rate: u64,
    /// Bytes a second in each direction of a connection.
    pub each: u64,
}

/// When the next byte can be carried.
struct Pacer {
    free: Instant,
    rate: u64,
}

impl Pacer {
    fn new(rate: u64) -> Self {
        Self {
            free: Instant::now(),
            rate: rate.max(1),
        }
    }

    /// When so many bytes have been carried that come now.
    fn carried(&mut self, bytes: usize, now: Instant) -> Instant {
        let nanos = u128::from(bytes as u64) * 1_000_000_000 / u128::from(self.rate);
        self.free = self.free.max(now) + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.free
    }
}

/// A line that stands; new connections are refused when it is dropped.
pub struct Line {
    /// Host and port of its near end.
    pub address: String,
    ended: Arc<AtomicBool>,
}

impl Line {
    /// A line to that address.
    pub fn to(server: &str, shape: Shape) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ended = Arc::new(AtomicBool::new(false));
        let (over, server) = (ended.clone(), server.to_string());
        let ways = [(); 2].map(|()| Arc::new(Mutex::new(Pacer::new(shape.rate))));
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(far) = TcpStream::connect(&server) else { continue };
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                let Ok((near_too, far_too)) = near.try_clone().and_then(|n| Ok((n, far.try_clone()?))) else {
                    continue;
                };
                let [there, back] = ways.clone();
                // The near end stands at once; what a handshake takes is waited for by the first bytes.
                carry(near, far, there, 2 * shape.delay, shape);
                carry(far_too, near_too, back, Duration::ZERO, shape);
            }
        });
        Self { address, ended }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.address);
    }
}

/// When it is due, and so many bytes of the buffer.
type Piece = (Instant, Vec<u8>, usize);

/// One direction of a connection, by two threads that end with it.
fn carry(from: TcpStream, to: TcpStream, way: Arc<Mutex<Pacer>>, first: Duration, shape: Shape) {
    let (sent, due) = channel::<Piece>();
    let (emptied, free) = channel();
    thread::spawn(move || {
        thread::sleep(first);
        take(from, &sent, &free, &way, shape);
    });
    thread::spawn(move || give(to, &due, &emptied));
}

fn take(mut from: TcpStream, sent: &Sender<Piece>, free: &Receiver<Vec<u8>>, way: &Mutex<Pacer>, shape: Shape) {
    let mut own = Pacer::new(shape.each);
    loop {
        let mut piece = free.try_recv().unwrap_or_else(|_| vec![0; PIECE]);
        let n = match from.read(&mut piece) {
            Ok(0) => return,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let now = Instant::now();
        let line = way.lock().unwrap_or_else(PoisonError::into_inner).carried(n, now);
        let carried = line.max(own.carried(n, now));
        if sent.send((carried + shape.delay, piece, n)).is_err() {
            return;
        }
        let ahead = carried.saturating_duration_since(Instant::now());
        if ahead > SLACK {
            thread::sleep(ahead - SLACK / 2);
        }
    }
}

fn give(mut to: TcpStream, due: &Receiver<Piece>, emptied: &Sender<Vec<u8>>) {
    while let Ok((at, piece, n)) = due.recv() {
        let left = at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            thread::sleep(left);
        }
        if to.write_all(piece.get(..n).unwrap_or_default()).is_err() {
            // Whoever sends more shall know.
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
        let _ = emptied.send(piece);
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_follows_from_the_rate_and_a_rest_gives_nothing_ahead() {
        let mut pacer = Pacer::new(1_000);
        let start = pacer.free;
        assert_eq!(pacer.carried(500, start), start + Duration::from_millis(500));
        assert_eq!(pacer.carried(500, start), start + Duration::from_secs(1));
        let later = start + Duration::from_secs(60);
        assert_eq!(pacer.carried(1_000, later), later + Duration::from_secs(1));
    }

    #[test]
    fn bytes_come_through_in_order_and_not_before_they_are_due() {
        let echo = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = echo.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (mut reader, _) = echo.accept().unwrap();
            let mut writer = reader.try_clone().unwrap();
            let _ = io::copy(&mut reader, &mut writer);
            let _ = writer.shutdown(Shutdown::Write);
        });
        let delay = Duration::from_millis(20);
        let line = Line::to(
            &address,
            Shape {
                delay,
                rate: 1 << 30,
                each: 1 << 30,
            },
        );
        let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
        let mut near = TcpStream::connect(&line.address).unwrap();
        let mut writer = near.try_clone().unwrap();
        let (begun, bytes) = (Instant::now(), sent.clone());
        let writing = thread::spawn(move || {
            writer.write_all(&bytes).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut seen = Vec::new();
        near.read_to_end(&mut seen).unwrap();
        assert!(seen == sent && begun.elapsed() >= 2 * delay);
        writing.join().unwrap();
    }
}
