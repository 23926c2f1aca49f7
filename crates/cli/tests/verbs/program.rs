//! The program under test beside an API server, its lines as they come, and the operator's part, which the test plays.
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use servers::ApiServer;

/// Until a line comes, or the program ends, on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// One call of `kubectl-backup`; killed when dropped.
pub struct Backup {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Drop for Backup {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Backup {
    /// Starts it; nothing is typed.
    pub fn start(kubeconfig: &Path, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-backup"))
            .args(args)
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = channel();
        let output: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for stream in output {
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = tell.send(line);
                }
            });
        }
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// Waits for a line with these words.
    pub fn says(&mut self, words: &str) -> &mut Self {
        self.line(words);
        self
    }

    /// The same, and returns the line.
    pub fn line(&mut self, words: &str) -> String {
        let until = Instant::now() + SOON;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(words) {
                        return line;
                    }
                }
                Err(why) => panic!("{words:?} was not said ({why}), but: {:#?}", self.seen),
            }
        }
    }

    /// As Ctrl-C does.
    pub fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }

    /// Waits for its end: exit status, and all that it said on both streams.
    pub fn ends(mut self) -> (i32, String) {
        let until = Instant::now() + SOON;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it has not ended: {:#?}", self.seen),
            }
        }
        let status = self.child.wait().unwrap();
        (status.code().unwrap_or(-1), self.seen.join("\n"))
    }
}

/// A namespace of its own, in which the test is user and operator.
pub struct Place<'s> {
    server: &'s ApiServer,
    /// Its name.
    pub name: &'static str,
}

impl<'s> Place<'s> {
    /// Makes it.
    pub fn new(server: &'s ApiServer, name: &'static str) -> Self {
        server.kubectl(&["create", "namespace", name], "");
        Self { server, name }
    }

    /// Starts the program there.
    pub fn backup(&self, args: &[&str]) -> Backup {
        Backup::start(self.server.kubeconfig(), &[args, &["-n", self.name]].concat())
    }

    /// The same to its end.
    pub fn said(&self, args: &[&str]) -> (i32, String) {
        self.backup(args).ends()
    }

    /// kubectl there.
    pub fn kubectl(&self, args: &[&str]) -> String {
        self.server.kubectl(&[args, &["-n", self.name]].concat(), "")
    }

    /// Creates objects there.
    pub fn create(&self, objects: &[Value]) {
        self.server.with(&["create", "-n", self.name], objects);
    }

    /// An object as it is.
    pub fn get(&self, kind: &str, name: &str) -> Value {
        serde_json::from_str(&self.kubectl(&["get", kind, name, "-o", "json"])).unwrap()
    }

    /// Waits until an annotation is there, and returns its value.
    pub fn annotated(&self, kind: &str, name: &str, annotation: &str) -> String {
        let until = Instant::now() + SOON;
        while Instant::now() < until {
            if let Some(value) = self.get(kind, name)["metadata"]["annotations"][annotation].as_str() {
                return value.into();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{kind} {name} has no annotation {annotation}");
    }

    /// Sets an annotation, or takes it away.
    pub fn annotate(&self, kind: &str, name: &str, annotation: &str, value: Option<&str>) {
        let patch = json!({"metadata": {"annotations": {annotation: value}}}).to_string();
        self.kubectl(&["patch", kind, name, "--type=merge", "-p", &patch]);
    }

    /// Writes what the operator would: only what is named changes.
    pub fn status(&self, kind: &str, name: &str, status: Value) {
        let patch = json!({"status": status}).to_string();
        self.kubectl(&[
            "patch",
            kind,
            name,
            "--subresource=status",
            "--type=merge",
            "-p",
            &patch,
        ]);
    }
}

/// A condition.
pub fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": NOW})
}

/// Any time.
pub const NOW: &str = "2026-01-31T03:00:00Z";

/// An attempt under way.
pub fn transfer(attempt: &str, started: bool) -> Value {
    json!({"attempt": attempt, "startedAt": NOW, "route": "Direct", "commandStartedAt": started.then_some(NOW)})
}

/// The spec of a run that makes backups and restores them.
pub fn spec() -> Value {
    json!({
        "storage": {"name": "minio", "path": "/shop.sql"},
        "backup": {"command": ["pg_dump", "shop"]},
        "restore": {"command": ["psql", "shop"]},
        "template": {"spec": {"containers": [{"name": "db", "image": "postgres:15", "env": [{"name": "PGHOST", "value": "postgresql"}]}]}},
    })
}

/// A run.
pub fn run(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "metadata": {"name": name}, "spec": spec})
}

/// A schedule.
pub fn schedule(name: &str) -> Value {
    json!({"apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "metadata": {"name": name},
        "spec": {"schedule": "@daily", "template": {"spec": spec()}}})
}

/// What the status of a good backup says that ended then.
pub fn good(ended: &str) -> Value {
    json!({
        "state": "BackupSuccessful", "path": "/shop.sql", "sizeInBytes": 1024, "bytes": 4096,
        "startTime": NOW, "completionTime": ended, "transfer": null, "message": "4.0 KiB from the command, 1.0 KiB stored",
        "conditions": [
            condition("Successful", "True", "BackupSuccessful", "4.0 KiB from the command, 1.0 KiB stored"),
            condition("Ready", "True", "BackupSuccessful", "x"),
            condition("Failed", "False", "BackupSuccessful", "x"),
        ],
    })
}
