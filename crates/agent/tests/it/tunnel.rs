//! The operator's end of tunnelled streams: connects to the store and copies bytes, within the agent's credit.
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::rig::*;
use super::store::Store;
use protocol::{Data, Frame, FromAgent, Job, MAX_DATA, Report, Secret, ToAgent, UrlRequest, WINDOW};

/// What the agent takes of one stream.
type Credit = Arc<(Mutex<u64>, Condvar)>;

/// Serves the streams of one connection.
pub struct Tunnel<'a> {
    store: &'a Store,
    open: HashMap<u32, (TcpStream, Credit)>,
    /// Streams that were asked for.
    pub opened: usize,
    /// Bytes from the agent.
    pub sent: u64,
    /// How often the agent has taken a step of a window.
    pub credits: usize,
    pub requests: Vec<UrlRequest>,
}

impl Drop for Tunnel<'_> {
    fn drop(&mut self) {
        for (tcp, credit) in self.open.values() {
            let _ = tcp.shutdown(Shutdown::Both);
            grant(credit, u32::MAX);
        }
    }
}

fn grant(credit: &Credit, bytes: u32) {
    *credit.0.lock().unwrap() += u64::from(bytes);
    credit.1.notify_all();
}

/// A job whose Pod has no way to the store: no URL that it gets can be resolved.
pub fn relayed(job: Job) -> Job {
    Job { relay: true, ..job }
}

/// Signs for a name that nobody has.
pub fn sign(store: &Store, request: &UrlRequest) -> ToAgent {
    let (url, headers) = store.sign(request);
    ToAgent::Url {
        request: request.clone(),
        url: Secret::new(url.replace("127.0.0.1", "store.invalid")),
        headers: headers.into(),
    }
}

impl<'a> Tunnel<'a> {
    pub fn new(store: &'a Store) -> Self {
        Self {
            store,
            open: HashMap::new(),
            opened: 0,
            sent: 0,
            credits: 0,
            requests: vec![],
        }
    }

    /// Serves until the report, or until so many bytes have come from the agent.
    pub fn serve(&mut self, link: &mut Link, at_most: u64) -> Option<Report> {
        while self.sent < at_most {
            if let Some(report) = self.step(link) {
                return Some(report);
            }
        }
        None
    }

    /// Serves the next frame; gives the report.
    pub fn step(&mut self, link: &mut Link) -> Option<Report> {
        match link.frame() {
            Frame::Message(FromAgent::Finished(report)) => return Some(*report),
            Frame::Message(message) => self.hear(link, message),
            Frame::Data(piece) => self.send(link, &piece),
        }
        None
    }

    fn hear(&mut self, link: &mut Link, message: FromAgent) {
        match message {
            FromAgent::NeedUrl(request) => {
                link.say(&sign(self.store, &request));
                self.requests.push(request);
            }
            FromAgent::Open { stream, credit } => self.open(link, stream, credit),
            FromAgent::Credit { stream, bytes } => {
                self.credits += 1;
                if let Some((_, credit)) = self.open.get(&stream) {
                    grant(credit, bytes);
                }
            }
            FromAgent::Close { stream } => {
                if let Some((tcp, credit)) = self.open.remove(&stream) {
                    let _ = tcp.shutdown(Shutdown::Both);
                    grant(&credit, u32::MAX);
                }
            }
            FromAgent::Progress { .. } | FromAgent::Pong => {}
            other => panic!("{other:?}"),
        }
    }

    fn open(&mut self, link: &mut Link, stream: u32, bytes: u32) {
        self.opened += 1;
        let tcp = match TcpStream::connect(("127.0.0.1", self.store.port())) {
            Ok(tcp) => tcp,
            Err(error) => {
                let error = Some(error.to_string());
                return link.say(&ToAgent::Close { stream, error });
            }
        };
        link.say(&ToAgent::Opened { stream, credit: WINDOW });
        let credit = Credit::default();
        grant(&credit, bytes);
        let (mut from, voice, may) = (tcp.try_clone().unwrap(), link.voice.clone(), credit.clone());
        self.open.insert(stream, (tcp, credit));
        thread::spawn(move || {
            let mut buffer = vec![0; MAX_DATA];
            loop {
                let room = {
                    let left = may.0.lock().unwrap();
                    let left = may.1.wait_while(left, |left| *left == 0).unwrap();
                    usize::try_from(*left).unwrap().min(MAX_DATA)
                };
                match from.read(&mut buffer[..room]) {
                    Ok(n) if n > 0 => {
                        *may.0.lock().unwrap() -= n as u64;
                        let bytes = buffer[..n].to_vec();
                        say(&voice, &Frame::Data(Data { stream, bytes }));
                    }
                    _ => break,
                }
            }
            say(&voice, &Frame::Message(ToAgent::Close { stream, error: None }));
        });
    }

    fn send(&mut self, link: &mut Link, piece: &Data) {
        let length = piece.bytes.len();
        self.sent += length as u64;
        // A stream that was closed just now may still have pieces under way.
        let Some((tcp, _)) = self.open.get_mut(&piece.stream) else {
            return;
        };
        if tcp.write_all(&piece.bytes).is_ok() {
            link.say(&ToAgent::Credit {
                stream: piece.stream,
                bytes: u32::try_from(length).unwrap(),
            });
        }
    }
}

impl Rig {
    /// Runs a relayed job to its end.
    pub fn run_relayed(&self, job: Job, store: &Store) -> (Report, usize) {
        let mut link = self.connect();
        link.say(&ToAgent::Start(Box::new(relayed(job))));
        let mut tunnel = Tunnel::new(store);
        let report = tunnel.serve(&mut link, u64::MAX).unwrap();
        link.say(&ToAgent::Done);
        (report, tunnel.opened)
    }
}
