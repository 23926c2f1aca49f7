//! Something between a client and its store that breaks one connection in the middle of its answer.
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Passes connections on; its threads end with it.
pub struct Cut {
    /// Host and port of its near end.
    pub address: String,
    answers: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

impl Cut {
    /// Before a server; the first connection ends after so many bytes of answers.
    pub fn before(server: &str, after: u64) -> Self {
        Self::of(server, 0, after)
    }

    /// The same with the connection of that number, from 0.
    pub fn of(server: &str, which: usize, after: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (answers, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, over, server) = (answers.clone(), ended.clone(), server.to_string());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let is_it = counted.fetch_add(1, Ordering::Relaxed) == which;
                let store = TcpStream::connect(&server).unwrap();
                let (asking, asked) = (client.try_clone().unwrap(), store.try_clone().unwrap());
                thread::spawn(move || pass(asking, asked, u64::MAX));
                thread::spawn(move || pass(store, client, if is_it { after } else { u64::MAX }));
            }
        });
        Self {
            address,
            answers,
            ended,
        }
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.answers.load(Ordering::Relaxed)
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.address);
    }
}

/// Passes at most so many bytes on, and then closes both for whoever has them.
fn pass(mut from: TcpStream, mut to: TcpStream, most: u64) {
    let mut left = most;
    let mut buffer = vec![0; 64 << 10];
    while left > 0 {
        let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match from.read(buffer.get_mut(..room).unwrap_or_default()) {
            Ok(n) if n > 0 && to.write_all(buffer.get(..n).unwrap_or_default()).is_ok() => left -= n as u64,
            _ => break,
        }
    }
    for stream in [&from, &to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
