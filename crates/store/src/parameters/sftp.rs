//! Parameters of `type: sftp`.
use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::{Engine, prelude::BASE64_STANDARD};
use url::Url;

use super::{Common, Given, ParameterFault, Parameters, Place};
use crate::checksum::Checksum;
use crate::kind::Kind;

/// Every parameter that is understood, in the order in which it is documented.
pub(crate) const KNOWN: [&str; 12] = [
    "host",
    "port",
    "user",
    "path",
    "hostKey",
    "password",
    "privateKey",
    "passphrase",
    "prefix",
    "partSize",
    "retrySeconds",
    "bandwidth",
];

/// The folder of all objects below the path, and the bucket of the server that serves them.
const BUCKET: &str = "backups";
/// What is written where no key is named.
const HOST_KEY: &str = "must be a line of OpenSSH, like `ssh-ed25519 AAAA...` (`ssh-keyscan -t ed25519 HOST`, compared with what the server's owner says), or a fingerprint, `SHA256:` and 43 characters";

/// A folder of a server, as its parameters describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SftpParameters {
    pub(crate) place: Place,
    /// Name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// The folder; from the login directory where it is not absolute.
    pub path: String,
    /// What the server has to prove.
    pub host_key: String,
    /// Where inside the Secret the password is. Default `SFTP_PASSWORD`.
    pub password: String,
    /// Where the private key is. Default `SFTP_PRIVATE_KEY`.
    pub private_key: String,
    /// Where its passphrase is. Default `SFTP_PASSPHRASE`.
    pub passphrase: String,
}

impl SftpParameters {
    pub(super) fn read(mut given: Given<'_>) -> Result<Self, Vec<ParameterFault>> {
        let host = given.required("host", "name the server of SFTP", host);
        let port = given.optional("port", port).unwrap_or(22);
        let user = given.required("user", "name the user that logs in", user);
        let path = given.optional("path", path).unwrap_or_default();
        let host_key = given.required(
            "hostKey",
            "give the key that the server has to prove: it is never learned",
            host_key,
        );
        let (password, private_key, passphrase) = (
            given.key_name("password", "SFTP_PASSWORD"),
            given.key_name("privateKey", "SFTP_PRIVATE_KEY"),
            given.key_name("passphrase", "SFTP_PASSPHRASE"),
        );
        let mut common = Common::read(&mut given);
        // What its own server binds bodies by.
        common.checksum = Some(Checksum::Sha256);
        let endpoint = host.as_deref().and_then(|host| {
            let host = if host.contains(':') {
                format!("[{host}]")
            } else {
                host.to_owned()
            };
            Url::parse(&format!("sftp://{host}:{port}")).ok()
        });
        if host.is_some() && endpoint.is_none() {
            given.fault(
                "host",
                "must be the name or the address of a server, without anything else",
            );
        }
        match (host, user, host_key, endpoint) {
            (Some(host), Some(user), Some(host_key), Some(endpoint)) if given.faults.is_empty() => Ok(Self {
                place: common.at(if path.is_empty() { ".".to_owned() } else { path.clone() }, endpoint),
                host,
                port,
                user,
                path,
                host_key,
                password,
                private_key,
                passphrase,
            }),
            _ => Err(given.faults),
        }
    }

    /// The store as it is served to the operator alone.
    ///
    /// # Errors
    /// None of an address of the loopback.
    pub fn served_at(&self, address: SocketAddr) -> Result<Parameters, Vec<ParameterFault>> {
        let mut all = vec![
            ("bucket", BUCKET.to_owned()),
            ("endpoint", format!("http://{address}")),
            ("s3ForcePathStyle", "true".to_owned()),
            ("prefix", self.place.prefix.trim_end_matches('/').to_owned()),
            ("retrySeconds", self.place.retry.as_secs().to_string()),
            ("checksum", "sha256".to_owned()),
        ];
        if let Some(size) = self.place.part_size {
            all.push(("partSize", size.to_string()));
        }
        let all: BTreeMap<_, _> = all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Parameters::parse(Kind::S3, &all)
    }
}

fn host(text: &str) -> Result<String, String> {
    let well = !text.contains(['/', '@', ' ', '[', ']']) && text.chars().all(|c| c.is_ascii_graphic());
    let one = text.matches(':').count() != 1;
    if well && one {
        return Ok(text.to_owned());
    }
    // Not repeated: it may have a password in it.
    Err(
        "must be the name or the address alone, like backup.example.com: the port is given as port, the user as user"
            .to_owned(),
    )
}

fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("{text:?} is no port: a number from 1 to 65535"))
}

fn user(text: &str) -> Result<String, String> {
    match text.chars().any(|c| c.is_control()) || text.len() > 255 {
        true => Err("must be the name of a user, without control characters".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn path(text: &str) -> Result<String, String> {
    let whole = text.trim_end_matches('/');
    let names = whole.trim_start_matches('/');
    let strange = |name: &str| name.is_empty() || name == "." || name == ".." || name.chars().any(char::is_control);
    if whole.is_empty() {
        return Err("must not be the root: name a folder, or leave it out for the login directory".to_owned());
    }
    if names.split('/').any(strange) || whole.starts_with("//") || text.len() > 1000 {
        return Err(format!(
            "{text:?} is no folder: names with `/` between them, none of them empty, `.` or `..`; from the root with a `/` first, else from the login directory"
        ));
    }
    Ok(whole.to_owned())
}

/// The server of it reads it again, with all of the keys' own rules.
fn host_key(text: &str) -> Result<String, String> {
    let text = text.trim();
    if let Some(digest) = text.strip_prefix("SHA256:") {
        let well = digest.len() == 43 && digest.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b));
        return well.then(|| text.to_owned()).ok_or_else(|| HOST_KEY.to_owned());
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    // `known_hosts` has the host's name first.
    let is_key = |pair: &[&str]| match pair {
        [kind, body] => {
            let named = [
                &u32::try_from(kind.len()).unwrap_or_default().to_be_bytes()[..],
                kind.as_bytes(),
            ]
            .concat();
            BASE64_STANDARD
                .decode(body)
                .is_ok_and(|bytes| bytes.starts_with(&named))
        }
        _ => false,
    };
    let well = text.lines().count() == 1 && words.windows(2).take(2).any(is_key);
    well.then(|| text.to_owned()).ok_or_else(|| HOST_KEY.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    fn parse(more: &[(&str, &str)]) -> Result<SftpParameters, Vec<String>> {
        let mut all: BTreeMap<String, String> = [("host", "files.example.com"), ("user", "u1"), ("hostKey", KEY)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        all.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let read = SftpParameters::read(Given::new(Kind::Sftp, &all));
        read.map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_server_and_who_logs_in_are_needed_and_the_rest_has_defaults() {
        let read = parse(&[]).unwrap();
        assert_eq!(
            (read.port, read.path.as_str(), read.password.as_str()),
            (22, "", "SFTP_PASSWORD")
        );
        let parameters = Parameters::Sftp(read);
        assert_eq!(
            parameters.object("k"),
            "object \"k\" in folder \".\" at sftp://files.example.com:22"
        );
        let missing = Parameters::parse(Kind::Sftp, &BTreeMap::new()).unwrap_err();
        let names: Vec<_> = missing.iter().map(|fault| fault.name.as_str()).collect();
        assert_eq!(names, ["host", "user", "hostKey"]);
    }

    #[test]
    fn each_parameter_is_read_or_refused_in_words() {
        let print = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";
        for (name, value) in [
            ("host", "10.0.0.1"),
            ("host", "fd00::1"),
            ("port", "2222"),
            ("path", "backups/k8s/"),
            ("path", "/srv/backups"),
            ("hostKey", print),
            ("hostKey", &format!("[files.example.com]:22 {KEY}")),
            ("hostKey", &format!("{KEY} a comment")),
        ] {
            assert!(parse(&[(name, value)]).is_ok(), "{name}: {value}");
        }
        for (name, value, words) in [
            ("host", "sftp://files", "alone"),
            ("host", "u:secret@files", "alone"),
            ("host", "files:22", "port is given as port"),
            ("port", "0", "1 to 65535"),
            ("path", "/", "root"),
            ("path", "a//b", "none of them empty"),
            ("path", "a/../b", "`..`"),
            ("hostKey", "ssh-ed25519", "ssh-keyscan"),
            ("hostKey", "ssh-ed25519 AAAAB3NzaC1yc2E=", "ssh-keyscan"),
            ("hostKey", "SHA256:short", "43 characters"),
            ("password", "a b", "password"),
            ("bucket", "b", "not known"),
        ] {
            let faults = parse(&[(name, value)]).unwrap_err().join("; ");
            assert!(faults.contains(words), "{name}: {value}: {faults}");
            assert!(!faults.contains("secret@"), "{faults}");
        }
    }

    #[test]
    fn it_is_served_as_a_bucket_on_the_loopback() {
        let read = parse(&[("prefix", "team"), ("partSize", "8Mi"), ("retrySeconds", "60")]).unwrap();
        let served = read.served_at("127.0.0.1:4711".parse().unwrap()).unwrap();
        assert_eq!(
            (served.endpoint(), served.bucket()),
            ("http://127.0.0.1:4711", "backups")
        );
        assert_eq!(
            (served.key("/x"), served.part_size()),
            ("team/x".to_owned(), Some(8 << 20))
        );
        assert_eq!(served.retry().as_secs(), 60);
    }
}
