//! The keys that requests are signed with, and where they come from.
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::gcs::key::KeyFile;
use crate::gcs::{By, Google};
use crate::kind::Kind;
use crate::parameters::Parameters;
use crate::secret::Secret;

/// Static or temporary credentials of a store. `Debug` prints none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    access_key: Secret,
    secret_key: Secret,
    session_token: Option<Secret>,
    /// Of Azure; the others are empty then.
    azure: Option<Azure>,
    /// Of Google; the others are empty then.
    google: Option<Google>,
    /// When they end, where they are known to.
    expires: Option<Timestamp>,
}

/// What a container of Azure is opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Azure {
    /// One of the account's two keys, base64.
    Key(Secret),
    /// A token of Entra's.
    Token(Secret),
}

/// The variable of an account's key, and the key of a Secret that has it.
pub(crate) const ACCOUNT_KEY: &str = "AZURE_STORAGE_KEY";
/// The variable that names a service account's key file.
pub(crate) const KEY_FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// Why there are no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The Secret lacks a key.
    #[error(
        "the Secret has no key {key}; it has {present}. Add the key, or name the right one in spec.parameters.{parameter}"
    )]
    MissingKey {
        /// The key that was looked for.
        key: String,
        /// The parameter that names it.
        parameter: &'static str,
        /// The keys that the Secret has, for people.
        present: String,
    },
    /// The value of a key cannot be a credential.
    #[error("the value of {key} {problem}")]
    BadValue {
        /// The key in the Secret, or the environment variable.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The value of a key is not the file that it should be.
    #[error("the value of {key} {problem}")]
    BadFile {
        /// The key in the Secret.
        key: String,
        /// What is wrong with it, without any of it.
        problem: String,
    },
    /// The environment has none.
    #[error("no credentials: the environment has no {missing}")]
    None {
        /// The variable that was looked for.
        missing: &'static str,
    },
    /// Of a server of SFTP.
    #[error(
        "a storage of type sftp is opened by the operator alone, which serves it to itself. Its files are plain: get them with `sftp`, and undo what the run's spec says by age, zstd and gzip"
    )]
    Served,
    /// Nobody gives any.
    #[error(
        "names no Secret, and nobody else gives credentials: {passed}. Name a Secret, or give the operator an identity ({page})"
    )]
    Nowhere {
        /// Each source that was passed by, and what would make it one.
        passed: String,
        /// The page that says how.
        page: &'static str,
    },
    /// Nobody gives any for an account of Azure's.
    #[error(
        "names no Secret, and nobody else gives credentials: {passed}. Name a Secret, or give the operator an identity (docs/storages/azure.md)"
    )]
    NoAccount {
        /// Each source that was passed by, and what would make it one.
        passed: String,
    },
    /// A source that is set up gives none; those behind it are not asked.
    #[error("{of} gives no credentials: {why}{}", and_passed(.passed))]
    Source {
        /// Which.
        of: &'static str,
        /// What it said, and what would help.
        why: String,
        /// Each source that was passed by before.
        passed: Vec<String>,
    },
    /// The role is not to be had.
    #[error("the role {role} of spec.parameters.roleARN is not given: {why}")]
    Role {
        /// Its ARN.
        role: String,
        /// What the STS said, and what would help.
        why: String,
    },
}

fn and_passed(passed: &[String]) -> String {
    match passed {
        [] => String::new(),
        some => format!(" (before it: {})", some.join("; ")),
    }
}

impl Credentials {
    /// Credentials from their parts.
    pub fn new(access_key: impl Into<String>, secret_key: Secret, session_token: Option<Secret>) -> Self {
        Self {
            access_key: Secret::new(access_key),
            secret_key,
            session_token,
            azure: None,
            google: None,
            expires: None,
        }
    }

    /// One of an account's two keys, base64.
    pub fn of_account(key: Secret) -> Self {
        Self::of_azure(Azure::Key(key))
    }

    /// A token of Entra's, until then.
    pub(crate) fn of_token(token: Secret, expires: Timestamp) -> Self {
        Self::of_azure(Azure::Token(token)).until(expires)
    }

    fn of_azure(azure: Azure) -> Self {
        Self {
            azure: Some(azure),
            ..Self::new("", Secret::new(""), None)
        }
    }

    /// Who asks Google's store.
    pub(crate) fn of_google(google: Google, expires: Option<Timestamp>) -> Self {
        Self {
            google: Some(google),
            expires,
            ..Self::new("", Secret::new(""), None)
        }
    }

    /// What a container of Azure is opened with.
    pub(crate) fn azure(&self) -> Option<&Azure> {
        self.azure.as_ref()
    }

    pub(crate) fn google(&self) -> Option<&Google> {
        self.google.as_ref()
    }

    /// The same, which end then.
    #[must_use]
    pub fn until(self, expires: Timestamp) -> Self {
        Self {
            expires: Some(expires),
            ..self
        }
    }

    /// When they end, where they are known to.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Reads the keys that `parameters` names; a trailing newline of a value is no part of it.
    /// A session token is taken where there is one.
    ///
    /// # Errors
    /// A key that is missing, and the keys that are there; a value that is empty or no text.
    pub fn from_secret(parameters: &Parameters, data: &BTreeMap<String, Vec<u8>>) -> Result<Self, CredentialsError> {
        let required = |key: &str, parameter| match data.get(key) {
            Some(value) => text_of(key, value),
            None => Err(CredentialsError::MissingKey {
                key: key.to_owned(),
                parameter,
                present: names_of(data),
            }),
        };
        let keys = match parameters {
            Parameters::Gcs(gcs) => return Self::from_key_file(&gcs.key_file, data),
            Parameters::Azure(azure) => return required(&azure.account_key, "accountKey").map(Self::of_account),
            Parameters::S3(s3) => &s3.keys,
            Parameters::Sftp(_) => return Err(CredentialsError::Served),
        };
        let (access_key, secret_key) = (
            required(&keys.access_key, "accessKey")?,
            required(&keys.secret_key, "secretKey")?,
        );
        let session_token = match data.get(&keys.session_token).filter(|value| !value.is_empty()) {
            Some(value) => Some(text_of(&keys.session_token, value)?),
            None => None,
        };
        Ok(Self::new(access_key.reveal(), secret_key, session_token))
    }

    /// Those of a kind of store, of the variables that its own tools read.
    ///
    /// # Errors
    /// The variable that is missing or cannot be a credential.
    pub fn of_environment(kind: Kind, variable: impl Fn(&str) -> Option<String>) -> Result<Self, CredentialsError> {
        match kind {
            Kind::S3 => Self::from_environment(variable),
            // A file, which is looked at by whoever exchanges it.
            Kind::Gcs => Err(CredentialsError::None { missing: KEY_FILE }),
            Kind::Azure => match variable(ACCOUNT_KEY).filter(|value| !value.trim().is_empty()) {
                Some(key) => text_of(ACCOUNT_KEY, key.as_bytes()).map(Self::of_account),
                None => Err(CredentialsError::None { missing: ACCOUNT_KEY }),
            },
            Kind::Sftp => Err(CredentialsError::Served),
        }
    }

    /// A service account's key, which is to be exchanged for a token.
    fn from_key_file(key: &str, data: &BTreeMap<String, Vec<u8>>) -> Result<Self, CredentialsError> {
        let bytes = data.get(key).ok_or_else(|| CredentialsError::MissingKey {
            key: key.to_owned(),
            parameter: "keyFile",
            present: names_of(data),
        })?;
        let file = KeyFile::parse(bytes).map_err(|problem| CredentialsError::BadFile {
            key: key.to_owned(),
            problem,
        })?;
        let google = Google {
            account: file.account,
            by: By::Key(file.key),
            token: None,
        };
        Ok(Self::of_google(google, None))
    }

    /// Reads `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and perhaps `AWS_SESSION_TOKEN` with `variable`
    /// (`|name| std::env::var(name).ok()` in a program). An empty variable counts as unset.
    ///
    /// # Errors
    /// The variable that is missing or cannot be a credential.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, CredentialsError> {
        let read = |name: &'static str| variable(name).filter(|value| !value.trim().is_empty());
        let required = |name| {
            text_of(
                name,
                read(name).ok_or(CredentialsError::None { missing: name })?.as_bytes(),
            )
        };
        let (access_key, secret_key) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
        let session_token = match read("AWS_SESSION_TOKEN") {
            Some(value) => Some(text_of("AWS_SESSION_TOKEN", value.as_bytes())?),
            None => None,
        };
        Ok(Self::new(access_key.reveal(), secret_key, session_token))
    }

    pub(crate) fn access_key(&self) -> &str {
        self.access_key.reveal()
    }

    pub(crate) fn secret_key(&self) -> &str {
        self.secret_key.reveal()
    }

    pub(crate) fn session_token(&self) -> Option<&str> {
        self.session_token.as_ref().map(Secret::reveal)
    }

    /// `text` without any of these credentials in it: stores repeat what they were sent in their errors.
    pub(crate) fn redact(&self, text: &str) -> String {
        let all = [Some(self.access_key()), Some(self.secret_key()), self.session_token()];
        let secrets = all.into_iter().flatten().filter(|secret| !secret.is_empty());
        secrets.fold(text.to_owned(), |clean, secret| clean.replace(secret, "***"))
    }
}

fn text_of(key: &str, value: &[u8]) -> Result<Secret, CredentialsError> {
    let bad = |problem| CredentialsError::BadValue {
        key: key.to_owned(),
        problem,
    };
    let text = std::str::from_utf8(value)
        .map_err(|_| bad("is not text"))?
        .trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(bad("is empty"));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(bad("holds a space, a line break or a control character"));
    }
    Ok(Secret::new(text))
}

fn names_of(data: &BTreeMap<String, Vec<u8>>) -> String {
    match data.is_empty() {
        true => "no keys".to_owned(),
        false => data.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(more: &[(&str, &str)]) -> Parameters {
        let mut all = BTreeMap::from([("bucket".to_owned(), "backups".to_owned())]);
        all.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        Parameters::parse(Kind::S3, &all).unwrap()
    }

    fn data(pairs: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), v.to_vec())).collect()
    }

    #[test]
    fn keys_are_found_where_the_parameters_say_and_lose_a_trailing_newline() {
        let found = Credentials::from_secret(
            &parameters(&[("accessKey", "id"), ("secretKey", "key")]),
            &data(&[
                ("id", b"AKIA\n"),
                ("key", b"hunter2\r\n"),
                ("AWS_SESSION_TOKEN", b"t0k3n"),
            ]),
        );
        assert_eq!(
            found,
            Ok(Credentials::new(
                "AKIA",
                Secret::new("hunter2"),
                Some(Secret::new("t0k3n"))
            ))
        );
    }

    #[test]
    fn a_missing_key_is_named_with_those_that_are_there() {
        let missing = Credentials::from_secret(
            &parameters(&[]),
            &data(&[("AWS_ACCESS_KEY_ID", b"AKIA"), ("AWS_SECRET_KEY", b"hunter2")]),
        );
        let text = missing.unwrap_err().to_string();
        assert_eq!(
            text,
            "the Secret has no key AWS_SECRET_ACCESS_KEY; it has AWS_ACCESS_KEY_ID, AWS_SECRET_KEY. \
             Add the key, or name the right one in spec.parameters.secretKey"
        );
        let empty = Credentials::from_secret(&parameters(&[]), &data(&[]))
            .unwrap_err()
            .to_string();
        assert!(empty.contains("it has no keys"), "{empty}");
    }

    #[test]
    fn values_that_cannot_be_credentials_are_refused_without_being_shown() {
        for (value, problem) in [
            (&b""[..], "is empty"),
            (b"\n", "is empty"),
            (b"hunter2 x", "holds a space"),
            (b"hunter2\nx", "line break"),
            (b"hunter2\xff", "is not text"),
        ] {
            let refused = Credentials::from_secret(
                &parameters(&[]),
                &data(&[("AWS_ACCESS_KEY_ID", b"AKIA"), ("AWS_SECRET_ACCESS_KEY", value)]),
            );
            let text = refused.unwrap_err().to_string();
            assert!(
                text.contains("AWS_SECRET_ACCESS_KEY") && text.contains(problem),
                "{text}"
            );
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn without_a_secret_the_environment_is_asked() {
        let from = |pairs: &[(&str, &str)]| {
            Credentials::from_environment(|name| pairs.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()))
        };
        assert!(from(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")]).is_ok());
        let none = from(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", " ")]).unwrap_err();
        assert_eq!(
            none,
            CredentialsError::None {
                missing: "AWS_SECRET_ACCESS_KEY"
            }
        );
        assert!(none.to_string().starts_with("no credentials: "), "{none}");
    }

    #[test]
    fn credentials_are_never_printed() {
        let credentials = Credentials::new("AKIA", Secret::new("hunter2"), Some(Secret::new("t0k3n")));
        let printed = format!("{credentials:?}");
        assert!(
            !printed.contains("AKIA") && !printed.contains("hunter2") && !printed.contains("t0k3n"),
            "{printed}"
        );
        assert_eq!(
            credentials.redact("id AKIA key hunter2 token t0k3n"),
            "id *** key *** token ***"
        );
    }
}
