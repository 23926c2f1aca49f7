//! A scripted operator: starts `agent connect` in a directory of its own, speaks the protocol, answers requests.
use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use protocol::{
    Action, AgentState, Checksum, Compression, Frame, FromAgent, Job, Outcome, PartPlan, Report, Secret, ToAgent,
    UrlRequest, VERSION, read_frame,
};
use rustix::process::{Pid, Signal, kill_process};

use super::store::Store;

/// Longer than anything here takes on a busy machine; a test that waits for so long has failed.
pub const LONG: Duration = Duration::from_secs(60);

/// A container's worth of agent: its directory, its log, and the processes to end.
pub struct Rig {
    pub dir: tempfile::TempDir,
    program: PathBuf,
}

impl Rig {
    pub fn new() -> Self {
        // What is measured is the agent as it is in the image.
        let program = std::env::var_os("BENCH_AGENT").unwrap_or_else(|| env!("CARGO_BIN_EXE_agent").into());
        Self::of(program)
    }
    /// With another build of the agent.
    pub fn of(program: impl Into<PathBuf>) -> Self {
        let rig = Self {
            dir: tempfile::tempdir().unwrap(),
            program: program.into(),
        };
        fs::write(rig.log_path(), "").unwrap();
        rig
    }
    pub fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }
    /// A path in the rig's directory, for commands to write to.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    pub fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }
    pub fn command(&self, attempt: &str, run: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["connect", "--attempt", attempt, "--run", run, "--dir"])
            .arg(self.dir.path());
        command.arg("--log").arg(self.log_path());
        command
    }
    /// Has somebody stand by for a check, as in another container; what that said of it.
    pub fn stand_by(&self) -> String {
        let mut command = Command::new(&self.program);
        command.args(["stand-by", "--attempt", "backup-1", "--run", "uid", "--dir"]);
        let output = command.arg(self.dir.path()).arg("--log").arg(self.log_path()).output();
        String::from_utf8_lossy(&output.unwrap().stderr).trim().to_string()
    }
    /// PIDs of those who stand by.
    pub fn standing(&self) -> Vec<i32> {
        self.processes(|words| words.get(1).is_some_and(|w| w == "standing"))
    }
    /// Connects and greets.
    pub fn connect(&self) -> Link {
        let mut link = Link::start(&mut self.command("backup-1", "uid"));
        link.greet();
        link
    }
    /// Connects, starts the job and answers for the store until its end.
    pub fn run(&self, job: &Job, store: &Store) -> Report {
        let mut link = self.connect();
        link.say(&ToAgent::Start(Box::new(job.clone())));
        let report = link.serve(store);
        link.say(&ToAgent::Done);
        report
    }
    /// PIDs of the agent's daemons of this rig.
    pub fn daemons(&self) -> Vec<i32> {
        self.processes(|words| words.get(1).is_some_and(|w| w == "daemon"))
    }
    /// PIDs of their guards.
    pub fn guards(&self) -> Vec<i32> {
        self.processes(|words| words.get(1).is_some_and(|w| w == "guard"))
    }
    /// As the kernel does when memory is out; returns when they are dead.
    pub fn kill_daemons(&self) {
        let daemons = self.daemons();
        signal(&daemons, Signal::KILL);
        let until = Instant::now() + LONG;
        // Not when their words are gone: the kernel closes their sockets after that, and one would still be connected to.
        while !daemons.iter().all(|pid| is_dead(*pid)) {
            assert!(Instant::now() < until, "the agent dies");
            thread::yield_now();
        }
    }
    /// PIDs of processes that name the rig's directory and are as wanted.
    pub fn processes(&self, wanted: impl Fn(&[String]) -> bool) -> Vec<i32> {
        let dir = self.dir.path().to_string_lossy().into_owned();
        let of = |entry: fs::DirEntry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let words: Vec<_> = line
                .split(|b| *b == 0)
                .map(|w| String::from_utf8_lossy(w).into_owned())
                .collect();
            let words = own(&words);
            (wanted(words) && words.iter().any(|w| w.contains(&dir))).then_some(pid)
        };
        fs::read_dir("/proc").unwrap().flatten().filter_map(of).collect()
    }
}

/// What a program was called with. Of one for another processor the kernel says first who starts it, and its path (`dev/arm64`, whose entry keeps argv[0]).
fn own(words: &[String]) -> &[String] {
    let starter = words.first().and_then(|word| word.rsplit('/').next());
    if starter.is_some_and(|name| name.starts_with("qemu-")) {
        words.get(2..).unwrap_or_default()
    } else {
        words
    }
}

#[test]
fn a_program_that_qemu_starts_is_known_by_its_own_words() {
    let as_is = words(&["/t/agent", "daemon", "--attempt"]);
    let started = [words(&["/usr/bin/qemu-aarch64", "/t/agent"]), as_is.clone()].concat();
    assert_eq!(own(&started), as_is);
    assert_eq!(own(&as_is), as_is);
    assert!(own(&[]).is_empty() && own(&started[..1]).is_empty());
}

/// Gone, or nothing but an entry that waits for its parent: its files are closed by then. The entry of its first thread alone says
/// less: while others of its threads are dying, the files are open.
fn is_dead(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    threads <= 1 && state.is_none_or(|state| state.starts_with(['Z', 'X']))
}

impl Drop for Rig {
    /// A daemon whose test failed would wait for its operator for minutes. Its guard kills what it leaves behind, unless the
    /// test has stopped that.
    fn drop(&mut self) {
        let ends = [
            (self.daemons(), Signal::KILL),
            (self.guards(), Signal::CONT),
            (self.standing(), Signal::KILL),
        ];
        for (pids, signal) in ends {
            for pid in pids.into_iter().filter_map(Pid::from_raw) {
                // It may have ended meanwhile.
                let _ = kill_process(pid, signal);
            }
        }
    }
}

/// The agent's standard input; several may say something.
pub type Voice = Arc<Mutex<Option<ChildStdin>>>;

/// Sends a signal to processes.
pub fn signal(pids: &[i32], signal: Signal) {
    for pid in pids {
        kill_process(Pid::from_raw(*pid).unwrap(), signal).unwrap();
    }
}

/// Says a frame; an agent that is gone is noticed by those who read.
pub fn say(voice: &Voice, frame: &Frame<ToAgent>) {
    if let Some(stdin) = voice.lock().unwrap().as_mut() {
        let _ = stdin.write_all(&frame.encode().unwrap()).and_then(|()| stdin.flush());
    }
}

/// One `agent connect`.
pub struct Link {
    pub child: Child,
    pub voice: Voice,
    heard: Receiver<Frame<FromAgent>>,
    pub state: Option<AgentState>,
    /// It has started a command, or one before it has.
    pub started: bool,
    /// What killed the daemon before this one.
    pub killed: Option<String>,
    /// The large window that it held.
    pub window: Option<u64>,
    /// Requests that were answered, in order.
    pub requests: Vec<UrlRequest>,
    pub progress: Vec<(u64, u64)>,
}

impl Link {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let voice = Arc::new(Mutex::new(child.stdin.take()));
        let mut stdout = child.stdout.take().unwrap();
        let (said, heard) = channel();
        thread::spawn(move || {
            while let Ok(Some(frame)) = read_frame(&mut stdout) {
                if said.send(frame).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            voice,
            heard,
            state: None,
            started: false,
            killed: None,
            window: None,
            requests: vec![],
            progress: vec![],
        }
    }
    pub fn say(&mut self, message: &ToAgent) {
        say(&self.voice, &Frame::Message(message.clone()));
    }
    /// Says hello and is welcomed.
    pub fn greet(&mut self) {
        self.say(&ToAgent::Hello {
            version: VERSION,
            run: "uid".into(),
            attempt: "backup-1".into(),
        });
        match self.hear() {
            FromAgent::Welcome {
                state,
                started,
                killed,
                window,
                ..
            } => {
                self.state = Some(state);
                (self.started, self.killed, self.window) = (started, killed, window);
            }
            other => panic!("{other:?}"),
        }
    }
    /// The report; requests stay without an answer.
    pub fn report(&mut self) -> Report {
        loop {
            if let FromAgent::Finished(report) = self.hear() {
                return *report;
            }
        }
    }
    pub fn frame(&mut self) -> Frame<FromAgent> {
        self.heard.recv_timeout(LONG).expect("the agent says something")
    }
    /// The next message, of an agent that is not relayed.
    pub fn hear(&mut self) -> FromAgent {
        match self.frame() {
            Frame::Message(message) => message,
            Frame::Data(piece) => panic!("{piece:?}"),
        }
    }
    /// The next request, passing progress by.
    pub fn request(&mut self) -> UrlRequest {
        loop {
            match self.hear() {
                FromAgent::NeedUrl(request) => return request,
                FromAgent::Progress { bytes, stored_bytes } => self.progress.push((bytes, stored_bytes)),
                other => panic!("{other:?}"),
            }
        }
    }
    pub fn answer(&mut self, request: &UrlRequest, store: &Store) {
        self.requests.push(request.clone());
        let (url, headers) = store.sign(request);
        self.say(&ToAgent::Url {
            request: request.clone(),
            url: Secret::new(url),
            headers: headers.into(),
        });
    }
    /// Answers requests until the report.
    pub fn serve(&mut self, store: &Store) -> Report {
        loop {
            match self.hear() {
                FromAgent::NeedUrl(request) => self.answer(&request, store),
                FromAgent::Progress { bytes, stored_bytes } => self.progress.push((bytes, stored_bytes)),
                FromAgent::Finished(report) => return *report,
                FromAgent::Pong => {}
                other => panic!("{other:?}"),
            }
        }
    }
    /// Waits for the process's end; its status and what it said on stderr.
    pub fn end(&mut self) -> (i32, String) {
        let until = Instant::now() + LONG;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let mut words = String::new();
                self.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
                return (status.code().unwrap_or(-1), words);
            }
            assert!(Instant::now() < until, "agent connect does not end");
            match self.heard.recv_timeout(Duration::from_millis(20)) {
                Ok(_) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command line from words.
pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// Runs a script.
pub fn sh(script: &str) -> Vec<String> {
    words(&["sh", "-c", script])
}

/// Parts of 1 MiB: the agent does not mind, and the tests are small.
pub const PART: u64 = 1 << 20;

pub fn backup(command: Vec<String>) -> Job {
    let plan = PartPlan {
        smallest: PART,
        step: 900,
        max_parts: 10_000,
        first: 0,
        largest: protocol::parts::LARGEST_PART,
    };
    let action = Action::Backup {
        recipients: vec![],
        allow_empty: false,
        minimum: 0,
        plan,
        checksum: Checksum::Sha256,
    };
    Job {
        command,
        deadline_seconds: None,
        grace_seconds: 1,
        retry_seconds: 30,
        absence_seconds: 30,
        compression: None,
        ca_bundle: None,
        proxy: None,
        relay: false,
        bandwidth: None,
        check: None,
        action,
    }
}

pub fn restore(command: Vec<String>, store: &Store) -> Job {
    let object = store.object().unwrap();
    let action = Action::Restore {
        identity: None,
        window_log: None,
        passphrase: false,
        size: object.len() as u64,
        sha256: Some(sha256(&object)),
        etag: Some(store.etag()),
    };
    Job {
        action,
        ..backup(command)
    }
}

pub fn with_compression(job: Job, compression: Compression) -> Job {
    Job {
        compression: Some(compression),
        ..job
    }
}

pub fn with_recipients(mut job: Job, to: &[&str]) -> Job {
    if let Action::Backup { recipients, .. } = &mut job.action {
        *recipients = words(to);
    }
    job
}

pub fn with_identity(mut job: Job, text: &str) -> Job {
    if let Action::Restore { identity, .. } = &mut job.action {
        *identity = Some(Secret::new(text.into()));
    }
    job
}

pub fn sha256(bytes: &[u8]) -> String {
    let mut hash = pipeline::Sha256::default();
    hash.update(bytes);
    hash.hex()
}

/// Bytes that do not compress, the same each time.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A report that must be Done.
pub fn done(report: &Report) {
    assert_eq!(report.outcome, Outcome::Done, "stderr: {}", report.stderr);
}
