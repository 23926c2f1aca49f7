//! An HTTP receiver that behaves as told: answers, redirects, cuts, hangs; it keeps what it got. Gone when dropped.
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What it does with a request.
#[derive(Clone, Debug)]
pub enum Does {
    /// Answers with this status.
    Answers(u16),
    /// Answers with 429, and this as `Retry-After`.
    Refuses(String),
    /// Answers with 307, and where to go instead.
    Redirects(String),
    /// Closes the connection without an answer, the request read.
    Cuts,
    /// Keeps it open, and says nothing.
    Hangs,
}

/// What it got.
#[derive(Clone, Debug)]
pub struct Got {
    /// `POST /hook`.
    pub line: String,
    /// Name in small letters, and value.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: String,
}

impl Got {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

#[derive(Default)]
struct State {
    does: Mutex<VecDeque<Does>>,
    got: Mutex<Vec<Got>>,
    hung: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

/// The receiver.
pub struct Receiver {
    /// Host and port.
    pub address: String,
    state: Arc<State>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        // Wakes who accepts.
        let _ = TcpStream::connect(&self.address);
    }
}

fn locked<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    /// One that does these one after the other, a request each, and answers 200 from then on.
    pub fn start(does: &[Does]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State::default());
        locked(&state.does).extend(does.iter().cloned());
        let serves = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serves.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), state) = (stream, serves.clone()) else {
                    continue;
                };
                thread::spawn(move || serve(stream, &state));
            }
        });
        Self { address, state }
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub fn got(&self) -> Vec<Got> {
        locked(&self.state.got).clone()
    }
}

fn serve(stream: TcpStream, state: &State) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_string()));
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let line = line
        .rsplit_once(' ')
        .map_or(line.as_str(), |(line, _)| line)
        .to_string();
    locked(&state.got).push(Got {
        line,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let does = locked(&state.does).pop_front().unwrap_or(Does::Answers(200));
    let mut writer = &stream;
    let _ = match does {
        Does::Answers(status) => write!(
            writer,
            "HTTP/1.1 {status} As-Told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
        Does::Refuses(wait) => write!(
            writer,
            "HTTP/1.1 429 As-Told\r\nRetry-After: {wait}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
        Does::Redirects(place) => write!(
            writer,
            "HTTP/1.1 307 Elsewhere\r\nLocation: {place}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
        Does::Cuts => Ok(()),
        Does::Hangs => {
            locked(&state.hung).push(stream);
            Ok(())
        }
    };
}
