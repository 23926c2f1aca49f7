//! A tiny store over HTTP: keeps parts and an object, and fails as a test tells it to.
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use protocol::UrlRequest;

/// What happens to a request in place of the usual.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The connection closes before the request's body is read.
    Drop,
    /// An answer with this status and XML code and message; the body was read.
    Answer(u16, &'static str, &'static str),
    /// A web page with this status, of something that is no store; the body was read.
    Page(u16),
    /// "ok" with status 200, of something that is no store.
    Ok,
    /// GET: so many bytes, then the connection closes.
    CutAfter(usize),
    /// GET: another ETag.
    Etag(&'static str),
    /// PUT: stored, but the answer is lost.
    LoseAnswer,
    /// GET: all of the object, whatever was asked for, as a server answers that knows no ranges.
    NoRanges,
    /// GET: the range that was asked for, with status 200, as rclone answers it.
    RangeAs200,
}

#[derive(Default)]
struct State {
    parts: BTreeMap<u32, Vec<u8>>,
    object: Option<Vec<u8>>,
    faults: VecDeque<Fault>,
    log: Vec<String>,
    /// GETs that are answered at a time, and how many there are.
    most: Option<usize>,
    /// Others wait, and are not sent away.
    queues: bool,
    serving: usize,
    /// Bytes that each GET brings in a hundredth of a second.
    pace: Option<usize>,
    /// How long a client that takes nothing is waited for.
    patience: Option<Duration>,
}

/// The store; its threads end with it.
pub struct Store {
    port: u16,
    state: Arc<Mutex<State>>,
    ended: Arc<AtomicBool>,
}

impl Store {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, ended) = (Arc::new(Mutex::new(State::default())), Arc::new(AtomicBool::new(false)));
        let (serving, over) = (state.clone(), ended.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let state = serving.clone();
                thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { port, state, ended }
    }
    pub fn with_object(object: Vec<u8>) -> Self {
        let store = Self::new();
        store.state.lock().unwrap().object = Some(object);
        store
    }
    /// The next requests fail in this order.
    pub fn fail(&self, faults: &[Fault]) {
        self.state.lock().unwrap().faults.extend(faults.iter().cloned());
    }
    /// So many GETs are answered at a time; others are sent away, or wait without a word.
    pub fn at_most(&self, gets: usize, queues: bool) {
        let mut state = self.state.lock().unwrap();
        (state.most, state.queues) = (Some(gets), queues);
    }
    /// Each GET brings no more than so many bytes in a hundredth of a second.
    pub fn paced(&self, bytes: usize) {
        self.state.lock().unwrap().pace = Some(bytes);
    }
    /// A client that takes nothing for so long loses its connection.
    pub fn cuts_after(&self, patience: Duration) {
        self.state.lock().unwrap().patience = Some(patience);
    }
    pub fn sign(&self, request: &UrlRequest) -> (String, Vec<(String, String)>) {
        let base = format!("http://127.0.0.1:{}", self.port);
        let bound = |size: &u64, checksum: &String| {
            vec![
                ("content-length".into(), size.to_string()),
                ("x-amz-checksum-sha256".into(), checksum.clone()),
            ]
        };
        match request {
            UrlRequest::Part { number, size, checksum } => (format!("{base}/part/{number}"), bound(size, checksum)),
            UrlRequest::Object { size, checksum } => (format!("{base}/object"), bound(size, checksum)),
            UrlRequest::Get { .. } => (format!("{base}/object"), vec![]),
        }
    }
    pub fn port(&self) -> u16 {
        self.port
    }
    pub fn object(&self) -> Option<Vec<u8>> {
        self.state.lock().unwrap().object.clone()
    }
    pub fn set_object(&self, object: Vec<u8>) {
        self.state.lock().unwrap().object = Some(object);
    }
    pub fn etag(&self) -> String {
        "\"e\"".into()
    }
    pub fn parts(&self) -> BTreeMap<u32, Vec<u8>> {
        self.state.lock().unwrap().parts.clone()
    }
    /// All parts, joined.
    pub fn joined(&self) -> Vec<u8> {
        self.parts().into_values().flatten().collect()
    }
    /// Request lines, in order.
    pub fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

struct Request {
    line: String,
    headers: BTreeMap<String, String>,
}

fn read_head(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_string());
    }
    Some(Request {
        line: line.trim_end().into(),
        headers,
    })
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_head(&mut reader) {
        let fault = {
            let mut state = state.lock().unwrap();
            let range = request
                .headers
                .get("range")
                .map(|r| format!(" {r}"))
                .unwrap_or_default();
            state.log.push(request.line.replace(" HTTP/1.1", "") + &range);
            state.faults.pop_front()
        };
        if matches!(fault, Some(Fault::Drop)) {
            return;
        }
        let went = if request.line.starts_with("PUT") {
            put(&mut reader, stream, state, &request, fault)
        } else {
            limited(stream, state, &request, fault)
        };
        if went.is_none() {
            return;
        }
    }
}

fn answer(mut stream: &TcpStream, status: u16, code: &str, message: &str) -> Option<()> {
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).ok()
}

fn page(mut stream: &TcpStream, status: u16) -> Option<()> {
    let body = "<html><head><title>Sign in</title></head></html>";
    let kind = "server: nginx\r\ncontent-type: text/html";
    let head = format!(
        "HTTP/1.1 {status} X\r\n{kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()
}

fn put(
    reader: &mut impl Read,
    mut stream: &TcpStream,
    state: &Mutex<State>,
    request: &Request,
    fault: Option<Fault>,
) -> Option<()> {
    let length: usize = request.headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if let Some(Fault::Answer(status, code, message)) = fault {
        return answer(stream, status, code, message);
    }
    if let Some(Fault::Page(status)) = fault {
        return page(stream, status);
    }
    if let Some(Fault::Ok) = fault {
        return stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").ok();
    }
    let path = request.line.split(' ').nth(1)?;
    {
        let mut state = state.lock().unwrap();
        match path.strip_prefix("/part/") {
            Some(number) => drop(state.parts.insert(number.parse().ok()?, body)),
            None => state.object = Some(body),
        }
    }
    if matches!(fault, Some(Fault::LoseAnswer)) {
        return None;
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-length: 0\r\n\r\n")
        .ok()
}

fn limited(stream: &TcpStream, all: &Mutex<State>, request: &Request, fault: Option<Fault>) -> Option<()> {
    {
        let mut state = all.lock().unwrap();
        stream.set_write_timeout(state.patience).ok()?;
        while state.most.is_some_and(|most| state.serving >= most) {
            let queues = state.queues;
            drop(state);
            if !queues {
                return answer(stream, 503, "SlowDown", "Please reduce your request rate.");
            }
            thread::sleep(Duration::from_millis(10));
            state = all.lock().unwrap();
        }
        state.serving += 1;
    }
    let went = get(stream, all, request, fault);
    all.lock().unwrap().serving -= 1;
    went
}

fn get(mut stream: &TcpStream, state: &Mutex<State>, request: &Request, fault: Option<Fault>) -> Option<()> {
    if let Some(Fault::Answer(status, code, message)) = fault {
        return answer(stream, status, code, message);
    }
    if let Some(Fault::Page(status)) = fault {
        return page(stream, status);
    }
    let object = state.lock().unwrap().object.clone()?;
    let range = request.headers.get("range")?;
    let (start, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let start: usize = start.parse().ok()?;
    if start >= object.len() {
        return answer(stream, 416, "InvalidRange", "");
    }
    let (total, end) = (object.len(), object.len() - 1);
    let last = if last.is_empty() {
        end
    } else {
        end.min(last.parse().ok()?)
    };
    if matches!(fault, Some(Fault::NoRanges)) {
        let head = format!("HTTP/1.1 200 X\r\netag: \"e\"\r\ncontent-length: {total}\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        return stream.write_all(&object).ok();
    }
    let etag = match fault {
        Some(Fault::Etag(etag)) => etag,
        _ => "e",
    };
    let status = if matches!(fault, Some(Fault::RangeAs200)) {
        200
    } else {
        206
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\netag: \"{etag}\"\r\ncontent-range: bytes {start}-{last}/{total}\r\ncontent-length: {}\r\n\r\n",
        last + 1 - start
    );
    stream.write_all(head.as_bytes()).ok()?;
    let rest = &object[start..=last];
    let pace = state.lock().unwrap().pace;
    match fault {
        Some(Fault::CutAfter(bytes)) => {
            stream.write_all(&rest[..bytes.min(rest.len())]).ok()?;
            None
        }
        _ => match pace {
            Some(pace) => rest.chunks(pace).try_for_each(|some| {
                thread::sleep(Duration::from_millis(10));
                stream.write_all(some).ok()
            }),
            None => stream.write_all(rest).ok(),
        },
    }
}
