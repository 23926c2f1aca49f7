//! Questions to the API server, put by kubectl: it knows the cluster and how its user is known there, whatever way that is.
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use planner::mask::masked;
use serde_json::Value;

/// Until one question is answered.
const DEADLINE: Duration = Duration::from_secs(60);
/// The longest answer: a page of large objects is one.
const ANSWER: u64 = 64 << 20;
/// What is heard of a complaint.
const COMPLAINT: u64 = 64 << 10;
/// What is told of it.
const TOLD: usize = 300;

/// kubectl, and the flags that name a cluster.
pub struct Kubectl {
    program: PathBuf,
    flags: Vec<String>,
    deadline: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user may not.
    Forbidden(String),
    /// There is no such thing.
    NotFound,
    /// The page belongs to a list that is no more.
    Expired,
    /// Anything else.
    Failed(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(words) => write!(f, "not allowed: {words}"),
            Self::NotFound => f.write_str("there is none"),
            Self::Expired => f.write_str("the list became too old while it was read"),
            Self::Failed(words) => f.write_str(words),
        }
    }
}

impl Kubectl {
    /// That program, with flags before each question.
    pub fn new(program: PathBuf, flags: Vec<String>) -> Self {
        Self {
            program,
            flags,
            deadline: DEADLINE,
        }
    }

    /// What the API server has at that path.
    pub fn get(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        self.said(&["get", "--raw", path])
    }

    /// The same, where it is JSON.
    pub fn json(&self, path: &str) -> Result<Value, Refusal> {
        parsed(&self.get(path)?)
    }

    /// kubectl's own version.
    pub fn version(&self) -> Result<Value, Refusal> {
        parsed(&self.said(&["version", "--client", "--output=json"])?)
    }

    fn said(&self, words: &[&str]) -> Result<Vec<u8>, Refusal> {
        let mut child = Command::new(&self.program)
            .args(&self.flags)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Refusal::Failed(format!("{} cannot be run: {e}", self.program.display())))?;
        let answer = read(child.stdout.take(), ANSWER + 1);
        let complaint = read(child.stderr.take(), COMPLAINT);
        let late = |child: &mut Child| {
            end(child);
            Refusal::Failed(format!("no answer within {} s", self.deadline.as_secs()))
        };
        let answer = answer
            .recv_timeout(self.deadline)
            .map_err(|_| late(&mut child))?
            .map_err(|e| {
                end(&mut child);
                Refusal::Failed(format!("the answer cannot be read: {e}"))
            })?;
        if answer.len() as u64 > ANSWER {
            end(&mut child);
            return Err(Refusal::Failed(format!(
                "the answer is longer than {} MiB",
                ANSWER >> 20
            )));
        }
        let complaint = complaint.recv_timeout(self.deadline).map_err(|_| late(&mut child))?;
        let status = child
            .wait()
            .map_err(|e| Refusal::Failed(format!("{}: {e}", self.program.display())))?;
        if status.success() {
            return Ok(answer);
        }
        Err(refusal(&String::from_utf8_lossy(&complaint.unwrap_or_default())))
    }
}

/// Reads in a thread of its own, so that neither stream keeps the other waiting, and nobody waits for ever.
fn read(from: Option<impl Read + Send + 'static>, most: u64) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        let read = match from {
            Some(from) => from.take(most).read_to_end(&mut all),
            None => Ok(0),
        };
        // Nobody listens any more where it took too long.
        let _ = tell.send(read.map(|_| all));
    });
    told
}

/// Nothing of it is wanted any more; that it has ended already is fine.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn parsed(answer: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(answer).map_err(|e| Refusal::Failed(format!("the answer is no JSON: {e}")))
}

/// kubectl says the server's reason in brackets: `Error from server (Forbidden): ...`.
fn refusal(said: &str) -> Refusal {
    let last = said
        .lines()
        .rev()
        .find(|l| !l.trim().is_empty())
        .unwrap_or("no word of why");
    let words: String = masked(last)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(TOLD)
        .collect();
    let reason = last
        .split_once("Error from server (")
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(reason, _)| reason);
    match reason {
        Some("Forbidden") => {
            let (_, why) = words.split_once("): ").unwrap_or(("", words.as_str()));
            Refusal::Forbidden(why.into())
        }
        Some("NotFound") => Refusal::NotFound,
        Some("Expired" | "Gone") => Refusal::Expired,
        _ => Refusal::Failed(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, deadline: Duration) -> Result<Vec<u8>, Refusal> {
        let kubectl = Kubectl {
            program: "/bin/sh".into(),
            flags: vec!["-c".into(), script.into()],
            deadline,
        };
        kubectl.get("/x")
    }

    #[test]
    fn a_refusal_is_told_by_the_servers_own_reason() {
        for (said, is) in [
            (
                "Error from server (Forbidden): pods is forbidden: User \"u\" cannot list",
                Refusal::Forbidden("pods is forbidden: User \"u\" cannot list".into()),
            ),
            ("warning\nError from server (NotFound): no", Refusal::NotFound),
            ("Error from server (Expired): the token", Refusal::Expired),
            ("", Refusal::Failed("no word of why".into())),
            (
                "dial https://u:hunter2@host failed",
                Refusal::Failed("dial https://u:***@host failed".into()),
            ),
        ] {
            assert_eq!(refusal(said), is);
        }
        assert_eq!(
            sh(
                "echo half; echo 'Error from server (NotFound): no' >&2; exit 1",
                DEADLINE
            ),
            Err(Refusal::NotFound)
        );
        assert_eq!(sh("echo whole", DEADLINE), Ok(b"whole\n".to_vec()));
    }

    #[test]
    fn nothing_is_waited_for_without_end_and_no_answer_is_taken_whatever_its_length() {
        let (short, long) = (Duration::from_millis(200), Duration::from_secs(60));
        let said = |r: Result<Vec<u8>, Refusal>| r.unwrap_err().to_string();
        assert!(said(sh("exec sleep 600", short)).starts_with("no answer within"));
        assert!(said(sh("exec >&-; exec sleep 600", short)).starts_with("no answer within"));
        assert!(said(sh("exec yes", long)).contains("longer than 64 MiB"));
    }
}
