//! The two lines between this program and whoever starts it.
use std::io::{self, ErrorKind};

use depot::signature::Keys;
use serde::{Deserialize, Serialize};
use sftp::connect::Target;
use sftp::host_key::HostKey;
use sftp::login::Login;
use sftp::serve::Config;
use zeroize::Zeroizing;

/// What is to be served.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Start {
    host: String,
    port: u16,
    user: String,
    host_key: String,
    #[serde(default)]
    password: Option<Zeroizing<String>>,
    #[serde(default)]
    private_key: Option<Zeroizing<String>>,
    #[serde(default)]
    passphrase: Option<Zeroizing<String>>,
    #[serde(default)]
    path: String,
    /// Under which name the folder is held.
    holder: String,
    /// Where it is served; any port of the loopback where this is not said.
    #[serde(default)]
    address: Option<std::net::SocketAddr>,
    access_key: String,
    secret_key: Zeroizing<String>,
}

impl Start {
    /// Reads what is in it.
    ///
    /// # Errors
    /// Something cannot be read, in words.
    pub fn read(self) -> io::Result<(Config, Keys)> {
        let invalid = |words: String| io::Error::new(ErrorKind::InvalidInput, words);
        let login = Login::new(
            self.user,
            self.password,
            self.private_key.as_ref().map(|key| key.as_str()),
            self.passphrase.as_ref().map(|text| text.as_str()),
        );
        let target = Target {
            host: self.host,
            port: self.port,
            host_key: HostKey::parse(&self.host_key).map_err(|words| invalid(format!("hostKey {words}")))?,
            login: login.map_err(|wrong| invalid(wrong.to_string()))?,
        };
        let mut config = Config::on_loopback(target, self.path, self.holder);
        if let Some(address) = self.address {
            config.address = address;
        }
        let keys = Keys {
            access: self.access_key,
            secret: self.secret_key,
        };
        Ok((config, keys))
    }
}

/// What came of it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// It is served there.
    Address(String),
    /// It is not, or not any more.
    Refused {
        /// `denied`: a login, a key, a folder that is another's. `unfit`: the server cannot do what is needed. `invalid`: what was given.
        /// `unreachable`: it may come back.
        why: &'static str,
        /// For people.
        words: String,
    },
}

impl Answer {
    /// Of an error.
    pub fn refused(error: &io::Error) -> Self {
        let why = match error.kind() {
            ErrorKind::PermissionDenied => "denied",
            ErrorKind::Unsupported | ErrorKind::InvalidData => "unfit",
            ErrorKind::InvalidInput => "invalid",
            _ => "unreachable",
        };
        Self::Refused {
            why,
            words: error.to_string(),
        }
    }
}
