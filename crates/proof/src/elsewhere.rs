//! A check in another container: the restore's process asks, who stands by there runs it and answers. They speak in lines of JSON over a
//! socket that both containers see; a connection that ends, ends the check, so that nothing goes on for a restore that is gone.
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use protocol::{Check, Outcome};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::afterwards::{failed, here};
use crate::command::Errors;
use crate::event::{Cancel, Event};

/// Until the other side has taken or said a line that it need not wait for.
const ANSWER: Duration = Duration::from_secs(10);
/// Beyond the check's deadline and its grace: what it left behind is waited for and killed, and its words are on their way.
const SLACK: Duration = Duration::from_secs(30);
/// Longest line: a command line of Linux, escaped, and more than the end of what a check prints.
const LINE: u64 = 16 << 20;

/// What the restore's process says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Ask {
    /// Run it.
    Run { check: Check, grace_seconds: u64 },
    /// Stop it.
    Stop { reason: String, grace_seconds: u64 },
}

/// What who stands by says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    /// Nothing else runs, and it begins.
    Begun,
    /// It ended.
    Ended { outcome: Outcome, words: String },
}

fn say(mut to: &UnixStream, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// The next line; an end in the midst of one is an error.
fn hear<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<T> {
    let mut line = Vec::new();
    from.take(LINE).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}

fn name(check: &Check) -> &str {
    check.container.as_deref().unwrap_or_default()
}

/// Has the check run by who listens at the socket.
pub(crate) fn ask(
    check: &Check,
    socket: &Path,
    grace: Duration,
    events: &Sender<Event>,
    inbox: &Receiver<Event>,
) -> (Outcome, String) {
    let begun = begin(check, socket, grace, events);
    match begun {
        Ok(stream) => {
            let ended = wait(check, &stream, grace, inbox);
            // Where no answer came, this ends the check; and it ends the thread that reads.
            let _ = stream.shutdown(Shutdown::Both);
            ended
        }
        Err(error) => {
            let message = format!(
                "the check: nobody answers in container {:?} ({error}): was it restarted during the restore? Its logs may say why; ask for the restore again",
                name(check)
            );
            (Outcome::CommandNotStarted { message }, String::new())
        }
    }
}

fn begin(check: &Check, socket: &Path, grace: Duration, events: &Sender<Event>) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(ANSWER))?;
    stream.set_read_timeout(Some(ANSWER))?;
    let (check, grace_seconds) = (check.clone(), grace.as_secs());
    say(&stream, &Ask::Run { check, grace_seconds })?;
    let mut from = BufReader::new(stream.try_clone()?);
    let Answer::Begun = hear(&mut from)? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    stream.set_read_timeout(None)?;
    let events = events.clone();
    thread::Builder::new().name("elsewhere".into()).spawn(move || {
        let heard = match hear(&mut from) {
            Ok(Answer::Ended { outcome, words }) => Ok(Box::new((outcome, words))),
            Ok(Answer::Begun) => Err("it began twice".to_string()),
            Err(error) => Err(error.to_string()),
        };
        let _ = events.send(Event::Checked(heard));
    })?;
    Ok(stream)
}

fn wait(check: &Check, stream: &UnixStream, grace: Duration, inbox: &Receiver<Event>) -> (Outcome, String) {
    let mut until = check
        .deadline_seconds
        .map(|s| Instant::now() + Duration::from_secs(s) + grace + SLACK);
    let mut cancelled = None;
    loop {
        let next = match until {
            Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let lost = match next {
            Ok(Event::Checked(Ok(ended))) => return *ended,
            Ok(Event::Checked(Err(_))) => "was lost: its container ended or was restarted".to_string(),
            Ok(Event::Cancel(Cancel { reason, grace_seconds })) => {
                until = Some(Instant::now() + Duration::from_secs(grace_seconds) + SLACK);
                cancelled = Some(reason.clone());
                match say(stream, &Ask::Stop { reason, grace_seconds }) {
                    Ok(()) => continue,
                    Err(error) => error.to_string(),
                }
            }
            Ok(Event::Exited(_) | Event::Opened { .. } | Event::Unopened(_) | Event::Fed(_)) => continue,
            Err(RecvTimeoutError::Timeout) => "is over its deadline, and its container does not answer".into(),
            Err(RecvTimeoutError::Disconnected) => "was lost: its threads are gone".into(),
        };
        // The check is ended with the connection, whether or not that is said.
        return match cancelled {
            Some(reason) => (Outcome::Cancelled { reason }, String::new()),
            None => (failed(format!("{lost} (container {:?})", name(check))), String::new()),
        };
    }
}

/// Runs the check that a connection asks for, and answers. Whoever is connected and asks nothing is left soon.
///
/// # Errors
/// The other side is gone, or asks for what is not understood.
pub fn serve(stream: UnixStream, errors: Errors<'_>) -> io::Result<()> {
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    let mut from = BufReader::new(stream.try_clone()?);
    let Ask::Run { check, grace_seconds } = hear(&mut from)? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    stream.set_read_timeout(None)?;
    say(&stream, &Answer::Begun)?;
    let (events, inbox) = channel();
    let heard = events.clone();
    let hearing = thread::Builder::new().name("ask".into()).spawn(move || {
        let cancel = match hear(&mut from) {
            Ok(Ask::Stop { reason, grace_seconds }) => Cancel { reason, grace_seconds },
            _ => Cancel {
                reason: "the restore is gone".into(),
                grace_seconds,
            },
        };
        let _ = heard.send(Event::Cancel(cancel));
    })?;
    let grace = Duration::from_secs(grace_seconds);
    let (outcome, words) = here(&check, errors, grace, &events, &inbox);
    let said = say(&stream, &Answer::Ended { outcome, words });
    let _ = stream.shutdown(Shutdown::Both);
    let _ = hearing.join();
    said
}
