//! From an address to a session: TCP, SSH, the host's key, the login, and the greeting of SFTP. Each step says in its own words what is
//! wrong.
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{Algorithm, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{ChannelMsg, Preferred};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::host_key::{HostKey, fingerprint};
use crate::login::Login;
use crate::session::Session;

/// Until a connection stands, the login included.
const CONNECTED: Duration = Duration::from_secs(20);
/// A server that has said nothing for so long is asked whether it is there.
const ALIVE: Duration = Duration::from_secs(15);
/// As often in a row before it is taken for gone.
const UNANSWERED: usize = 2;
/// Questions that a server may put before a login is refused.
const QUESTIONS: usize = 4;

/// A server, and who logs in.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What it has to prove.
    pub host_key: HostKey,
    /// Who logs in.
    pub login: Login,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}", self.login.user, self.host, self.port)
    }
}

/// Believes one key, and remembers which it saw.
struct Client {
    host_key: HostKey,
    seen: Arc<Mutex<Option<String>>>,
}

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            return Ok(false);
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint(key));
        Ok(self.host_key.is(key))
    }

    // A server has nothing to open here.
    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: russh::Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: client::ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        drop(reply);
        Ok(())
    }
}

fn denied(words: String) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, words)
}

/// The network's own errors keep their kind.
fn failed(step: &str, error: russh::Error) -> io::Error {
    match error {
        russh::Error::IO(error) => io::Error::new(error.kind(), format!("{step}: {error}")),
        error => io::Error::new(ErrorKind::ConnectionAborted, format!("{step}: {error}")),
    }
}

/// Connects, within a deadline.
///
/// # Errors
/// Why not: `PermissionDenied` is of keys and logins, and trying again does not help.
pub async fn connect(target: &Target) -> io::Result<Session> {
    let late = || {
        let words = format!("no connection within {} s", CONNECTED.as_secs());
        io::Error::new(ErrorKind::TimedOut, words)
    };
    let mut seen = Vec::new();
    for kinds in target.host_key.kinds() {
        match timeout(CONNECTED, once(target, kinds)).await.map_err(|_| late())?? {
            Ok(session) => return Ok(session),
            Err(other) => seen.extend(other),
        }
    }
    let words = match seen.is_empty() {
        true => {
            "the server has no key of the kind that hostKey is of: look at what `ssh-keyscan` tells of it".to_owned()
        }
        false => format!(
            "the server proved another key than the one in hostKey: {}. If that is its new key, and its owner says so, write it there; \
             otherwise somebody stands between",
            seen.join(", ")
        ),
    };
    Err(denied(words))
}

/// One connection that asks for keys of these kinds. An inner error: the server has another key, or none of them.
async fn once(target: &Target, kinds: Vec<Algorithm>) -> io::Result<Result<Session, Option<String>>> {
    let stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
    // Small requests are not waited with.
    let _ = stream.set_nodelay(true);
    let preferred = Preferred {
        key: kinds.into(),
        ..Preferred::default()
    };
    let config = client::Config {
        preferred,
        keepalive_interval: Some(ALIVE),
        keepalive_max: UNANSWERED,
        ..client::Config::default()
    };
    let seen = Arc::new(Mutex::new(None));
    let client = Client {
        host_key: target.host_key.clone(),
        seen: seen.clone(),
    };
    let mut ssh = match client::connect_stream(Arc::new(config), stream, client).await {
        Ok(ssh) => ssh,
        Err(russh::Error::UnknownKey) => {
            return Ok(Err(seen.lock().unwrap_or_else(PoisonError::into_inner).take()));
        }
        Err(russh::Error::NoCommonAlgo {
            kind: russh::AlgorithmKind::Key,
            ..
        }) => return Ok(Err(None)),
        Err(error) => return Err(failed("SSH", error)),
    };
    log_in(&mut ssh, &target.login).await?;
    let mut channel = ssh.channel_open_session().await.map_err(|error| failed("SSH", error))?;
    channel
        .request_subsystem(true, "sftp")
        .await
        .map_err(|error| failed("SSH", error))?;
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Success) => break,
            Some(ChannelMsg::WindowAdjusted { .. }) => {}
            _ => {
                return Err(io::Error::new(
                    ErrorKind::Unsupported,
                    "the server of SSH has no SFTP for this user",
                ));
            }
        }
    }
    Ok(Ok(Session::open(channel.into_stream(), Box::new(ssh)).await?))
}

async fn log_in(ssh: &mut Handle<Client>, login: &Login) -> io::Result<()> {
    let mut tried = Vec::new();
    let mut left = None;
    if let Some(key) = &login.key {
        tried.push("private key");
        let hash = match key.algorithm().is_rsa() {
            true => ssh
                .best_supported_rsa_hash()
                .await
                .map_err(|error| failed("login", error))?
                .flatten(),
            false => None,
        };
        let key = PrivateKeyWithHashAlg::new(key.clone(), hash);
        let answer = ssh.authenticate_publickey(&login.user, key).await;
        match answer.map_err(|error| failed("login", error))? {
            AuthResult::Success => return Ok(()),
            AuthResult::Failure { remaining_methods, .. } => left = Some(remaining_methods),
        }
    }
    if let Some(password) = &login.password {
        tried.push("password");
        let answer = ssh.authenticate_password(&login.user, password.as_str()).await;
        match answer.map_err(|error| failed("login", error))? {
            AuthResult::Success => return Ok(()),
            AuthResult::Failure { remaining_methods, .. } => {
                // Many a server takes passwords as answers to a question only.
                if remaining_methods.contains(&russh::MethodKind::KeyboardInteractive)
                    && answered(ssh, login, password).await?
                {
                    return Ok(());
                }
                left = Some(remaining_methods);
            }
        }
    }
    let left: Vec<String> = left
        .iter()
        .flat_map(|methods| methods.iter())
        .map(|method| <&str>::from(method).to_owned())
        .collect();
    let takes = match left.is_empty() {
        true => "it closed the connection".to_owned(),
        false => format!("it takes: {}", left.join(", ")),
    };
    Err(denied(format!(
        "the server refuses the {} of user {}; {takes}",
        tried.join(" and the "),
        login.user
    )))
}

async fn answered(ssh: &mut Handle<Client>, login: &Login, password: &str) -> io::Result<bool> {
    let asked = ssh
        .authenticate_keyboard_interactive_start(&login.user, None::<String>)
        .await;
    let mut answer = asked.map_err(|error| failed("login", error))?;
    for _ in 0..QUESTIONS {
        let prompts = match answer {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
        };
        // A question whose answer may be seen asks for no password.
        let answers = prompts.iter().map(|prompt| {
            if prompt.echo {
                String::new()
            } else {
                password.to_owned()
            }
        });
        let asked = ssh.authenticate_keyboard_interactive_respond(answers.collect()).await;
        answer = asked.map_err(|error| failed("login", error))?;
    }
    Ok(false)
}
