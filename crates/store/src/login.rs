//! What a server of SFTP is logged in to by.
use std::collections::BTreeMap;

use crate::parameters::SftpParameters;
use crate::secret::Secret;

/// A password, a private key, or both; as the Secret has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Of the user.
    pub password: Option<Secret>,
    /// In OpenSSH's form.
    pub private_key: Option<Secret>,
    /// Of the private key.
    pub passphrase: Option<Secret>,
}

impl Login {
    /// Reads what `parameters` names; a trailing newline of a password is no part of it.
    ///
    /// # Errors
    /// There is neither password nor key, or what is there is no text; in words.
    pub fn from_secret(parameters: &SftpParameters, data: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let read = |key: &str| match data.get(key).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => std::str::from_utf8(value)
                .map(|text| Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
                .map_err(|_| format!("the value of {key} is not text")),
        };
        let login = Self {
            password: read(&parameters.password)?,
            // Its last line has an end.
            private_key: read(&parameters.private_key)?.map(|key| Secret::new(format!("{}\n", key.reveal()))),
            passphrase: read(&parameters.passphrase)?,
        };
        if login.password.is_none() && login.private_key.is_none() {
            let there: Vec<_> = data.keys().map(String::as_str).collect();
            return Err(format!(
                "the Secret has neither {} nor {}; it has {}. Add one of them, or name the right key in spec.parameters.password or spec.parameters.privateKey",
                parameters.private_key,
                parameters.password,
                if there.is_empty() {
                    "no keys".to_owned()
                } else {
                    there.join(", ")
                }
            ));
        }
        Ok(login)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use crate::parameters::Parameters;

    fn login(data: &[(&str, &[u8])]) -> Result<Login, String> {
        let key = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";
        let all = [("host", "h"), ("user", "u"), ("hostKey", key), ("privateKey", "id")];
        let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let Ok(Parameters::Sftp(parameters)) = Parameters::parse(Kind::Sftp, &all.into()) else {
            panic!("no parameters")
        };
        let data = data
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect();
        Login::from_secret(&parameters, &data)
    }

    #[test]
    fn a_password_or_a_key_is_found_where_the_parameters_say_and_neither_is_shown() {
        let found = login(&[("SFTP_PASSWORD", b"hunter2\n"), ("id", b"KEY\nEND")]).unwrap();
        assert_eq!(found.password, Some(Secret::new("hunter2")));
        assert_eq!(found.private_key, Some(Secret::new("KEY\nEND\n")));
        assert!(!format!("{found:?}").contains("hunter2"));
        let missing = login(&[("password", b"hunter2")]).unwrap_err();
        assert!(
            missing.contains("neither id nor SFTP_PASSWORD; it has password"),
            "{missing}"
        );
        assert!(login(&[("id", b"\xff")]).unwrap_err().contains("not text"));
    }
}
