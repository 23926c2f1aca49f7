//! Servers of SFTP: for each storage a program of its own, which logs in and serves the folder as S3 on the loopback, by keys that are made
//! here and that nobody else gets. It reads what it is to serve from its input and ends when that is closed, so that it never outlives this
//! process; the folder's lease has the storage's name, so that the next leader goes on at once.
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use planner::storage::Reason;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use store::{Credentials, Login, Secret, SftpParameters};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// In the operator's image.
pub const PROGRAM: &str = "/sftp";
/// How long whoever opens a store waits for it. It goes on starting, and the next one may find it.
const STARTED: Duration = Duration::from_secs(25);
/// What was refused is not tried again for so long.
const AGAIN: Duration = Duration::from_secs(5);

/// Why a folder is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    why: Why,
    words: String,
}

/// In a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Why {
    /// A login, a host's key, a folder that another has.
    Denied,
    /// The server cannot do what is needed.
    Unfit,
    /// A key that cannot be read.
    Invalid,
    /// It may come back.
    Unreachable,
}

impl Refusal {
    fn away(words: impl Into<String>) -> Self {
        Self {
            why: Why::Unreachable,
            words: words.into(),
        }
    }

    /// What a storage says of it.
    pub fn reason(&self) -> Reason {
        match self.why {
            Why::Denied => Reason::ProbeDenied,
            Why::Unfit => Reason::ProbeFailed,
            Why::Invalid => Reason::InvalidCredentials,
            Why::Unreachable => Reason::StoreUnreachable,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Refusal {}

/// A folder that is served.
pub struct Serving {
    /// Where.
    pub address: SocketAddr,
    /// What it is asked with.
    pub credentials: Credentials,
}

/// What the program is told, in one line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ask<'a> {
    host: &'a str,
    port: u16,
    user: &'a str,
    host_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passphrase: Option<&'a str>,
    path: &'a str,
    holder: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<SocketAddr>,
    access_key: &'a str,
    secret_key: &'a str,
}

/// What it answers, in one line; and again in one when it ends by itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Address(SocketAddr),
    Refused { why: Why, words: String },
}

#[derive(Clone, Debug)]
enum State {
    Starting,
    Serving(SocketAddr),
    Ended(Instant, Refusal),
}

/// One program.
struct Running {
    /// What it serves, and who logs in.
    basis: (SftpParameters, Login),
    keys: (String, Secret),
    state: watch::Receiver<State>,
    /// Where it is served, or was.
    served: Arc<OnceLock<SocketAddr>>,
    /// It ends when this is closed.
    _input: ChildStdin,
}

/// All that run, by their storages' UIDs.
pub struct Servers {
    program: PathBuf,
    /// Held while one is begun.
    beginning: tokio::sync::Mutex<()>,
    running: Mutex<HashMap<String, Arc<Running>>>,
}

impl Servers {
    /// None run yet.
    pub fn of(program: PathBuf) -> Self {
        Self {
            program,
            beginning: tokio::sync::Mutex::default(),
            running: Mutex::default(),
        }
    }

    /// The folder of a storage, served. What served something else before, or ended, is begun again.
    ///
    /// # Errors
    /// Why not.
    pub async fn serve(&self, uid: &str, parameters: &SftpParameters, login: &Login) -> Result<Serving, Refusal> {
        let basis = (parameters.clone(), login.clone());
        let running = self.current(uid, basis).await?;
        let mut state = running.state.clone();
        let settled = timeout(STARTED, state.wait_for(|state| !matches!(state, State::Starting))).await;
        match settled.map(|found| found.map(|state| state.clone())) {
            Ok(Ok(State::Serving(address))) => Ok(Serving {
                address,
                credentials: Credentials::new(running.keys.0.clone(), running.keys.1.clone(), None),
            }),
            Ok(Ok(State::Ended(_, refusal))) => Err(refusal),
            Ok(Ok(State::Starting)) | Err(_) => Err(Refusal::away(format!(
                "the folder of the server of SFTP is not served yet after {} s: another server may have held it, whose lease ends after 45 s",
                STARTED.as_secs()
            ))),
            Ok(Err(_)) => Err(Refusal::away("the program that serves the folder is gone")),
        }
    }

    async fn current(&self, uid: &str, basis: (SftpParameters, Login)) -> Result<Arc<Running>, Refusal> {
        let _alone = self.beginning.lock().await;
        let known = self.lock().get(uid).cloned();
        let mut before = None;
        if let Some(known) = known.filter(|known| known.basis == basis) {
            let state = known.state.borrow().clone();
            match state {
                State::Ended(at, _) if at.elapsed() >= AGAIN => {
                    // Where it was: transfers under way find it again.
                    before = Some((known.keys.clone(), known.served.get().copied()));
                }
                _ => return Ok(known),
            }
        }
        let (keys, address) = match before {
            Some(before) => before,
            None => ((random()?, Secret::new(random()?)), None),
        };
        let mut line = line(uid, &basis, &keys, address)?;
        let (child, mut input) = self.spawn()?;
        line.push('\n');
        let told = input.write_all(line.as_bytes()).await;
        told.map_err(|error| Refusal::away(format!("the program that serves the folder reads nothing: {error}")))?;
        let (tell, state) = watch::channel(State::Starting);
        let served = Arc::new(OnceLock::new());
        tokio::spawn(hear(child, tell, served.clone()));
        let running = Arc::new(Running {
            basis,
            keys,
            state,
            served,
            _input: input,
        });
        // What ran before ends with its last user.
        self.lock().insert(uid.to_owned(), running.clone());
        Ok(running)
    }

    fn spawn(&self) -> Result<(Child, ChildStdin), Refusal> {
        let log = std::env::var_os("LOG").filter(|level| level.to_str().is_some_and(|level| !level.contains('=')));
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .envs(log.map(|level| ("LOG", level)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let away = |error: String| Refusal::away(format!("{}: {error}", self.program.display()));
        let mut child = command.spawn().map_err(|error| away(error.to_string()))?;
        let input = child.stdin.take().ok_or_else(|| away("it has no input".into()))?;
        Ok((child, input))
    }

    /// Ends what serves a storage that is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(
    uid: &str,
    (parameters, login): &(SftpParameters, Login),
    keys: &(String, Secret),
    address: Option<SocketAddr>,
) -> Result<Zeroizing<String>, Refusal> {
    let shown = |secret: &Option<Secret>| {
        secret
            .as_ref()
            .map(|secret| secret.reveal().to_owned())
            .map(Zeroizing::new)
    };
    let (password, private_key, passphrase) = (
        shown(&login.password),
        shown(&login.private_key),
        shown(&login.passphrase),
    );
    let ask = Ask {
        host: &parameters.host,
        port: parameters.port,
        user: &parameters.user,
        host_key: &parameters.host_key,
        password: password.as_ref().map(|text| text.as_str()),
        private_key: private_key.as_ref().map(|text| text.as_str()),
        passphrase: passphrase.as_ref().map(|text| text.as_str()),
        path: &parameters.path,
        holder: uid,
        address,
        access_key: &keys.0,
        secret_key: keys.1.reveal(),
    };
    let line = serde_json::to_string(&ask).map_err(|error| Refusal::away(error.to_string()))?;
    Ok(Zeroizing::new(line))
}

/// Hears what it says until it has ended.
async fn hear(mut child: Child, tell: watch::Sender<State>, served: Arc<OnceLock<SocketAddr>>) {
    let mut refusal = None;
    if let Some(output) = child.stdout.take() {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(Answer::Address(address)) => {
                    let _ = served.set(address);
                    let _ = tell.send(State::Serving(address));
                }
                Ok(Answer::Refused { why, words }) => refusal = Some(Refusal { why, words }),
                Err(error) => tracing::warn!(%error, "what serves a folder of SFTP says what is no answer"),
            }
        }
    }
    let ended = child.wait().await;
    let refusal = refusal.unwrap_or_else(|| {
        let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
        Refusal::away(format!("the program that serves the folder has ended: {how}"))
    });
    let _ = tell.send(State::Ended(Instant::now(), refusal));
}

fn random() -> Result<String, Refusal> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    SystemRandom::new()
        .fill(bytes.as_mut())
        .map_err(|_| Refusal::away("the system gives no random bytes"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests;
