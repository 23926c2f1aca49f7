//! Who may come in: a token that only the terminal shows, a cookie for it, this machine's own name, and a token for what changes something.
//! Pure, but for where the tokens come from.
use ring::rand::{SecureRandom, SystemRandom};

/// What is asked of each request, and of those that change something.
#[derive(Debug)]
pub struct Door {
    port: u16,
    /// Is in the address that the terminal shows.
    pub token: String,
    /// Is in the cookie.
    session: String,
    /// Is in each form.
    pub csrf: String,
}

/// What a request says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller<'a> {
    /// Its `Host`.
    pub host: Option<&'a str>,
    /// Its `Cookie`s.
    pub cookie: Option<&'a str>,
    /// Its `Origin`.
    pub origin: Option<&'a str>,
    /// Its `Sec-Fetch-Site`: set by browsers alone, and by no page.
    pub site: Option<&'a str>,
}

/// 256 bits that nobody guesses, in hexadecimal digits.
fn secret() -> Result<String, String> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "the system gives no random bytes".to_string())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether they are the same, in a time that does not tell where they differ.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

impl Door {
    /// New tokens for a port.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(port: u16) -> Result<Self, String> {
        Ok(Self {
            port,
            token: secret()?,
            session: secret()?,
            csrf: secret()?,
        })
    }

    /// Whether it is called by a name of this machine: another one is a page elsewhere whose name was turned to point here.
    pub fn is_named(&self, caller: &Caller<'_>) -> bool {
        let port = self.port;
        caller
            .host
            .is_some_and(|host| host == format!("127.0.0.1:{port}") || host == format!("localhost:{port}"))
    }

    /// Whether the token is the one in the address.
    pub fn is_invited(&self, token: &str) -> bool {
        same(token, &self.token)
    }

    /// Whether it has the cookie.
    pub fn is_known(&self, caller: &Caller<'_>) -> bool {
        let name = self.cookie_name();
        let mut cookies = caller.cookie.unwrap_or_default().split(';');
        cookies.any(|cookie| {
            let pair = cookie.trim().split_once('=');
            pair.is_some_and(|(key, value)| key == name && same(value, &self.session))
        })
    }

    /// Whether a request that changes something comes from a page of ours. Browsers say `Origin: null` where a page sends no referrer; then
    /// they have to say themselves that it came from here.
    pub fn is_own(&self, caller: &Caller<'_>) -> bool {
        match (caller.origin, caller.host) {
            (Some("null"), _) => caller.site == Some("same-origin"),
            (Some(origin), Some(host)) => origin == format!("http://{host}"),
            _ => false,
        }
    }

    /// Whether a form is one that was given out.
    pub fn is_given(&self, csrf: &str) -> bool {
        same(csrf, &self.csrf)
    }

    /// What `Set-Cookie` says. Its name has the port: two of these pages do not shut each other out.
    pub fn cookie(&self) -> String {
        format!(
            "{}={}; HttpOnly; SameSite=Strict; Path=/",
            self.cookie_name(),
            self.session
        )
    }

    fn cookie_name(&self) -> String {
        format!("kubectl-backup-{}", self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_256_bits_and_are_no_two_the_same() {
        let (a, b) = (Door::new(1).unwrap(), Door::new(1).unwrap());
        let all = [&a.token, &a.session, &a.csrf, &b.token, &b.session, &b.csrf];
        for (i, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 64);
            assert!(all.iter().skip(i + 1).all(|other| other != one));
        }
    }

    #[test]
    fn only_this_machines_names_are_answered_to() {
        let door = Door::new(4000).unwrap();
        for (host, wanted) in [
            (Some("127.0.0.1:4000"), true),
            (Some("localhost:4000"), true),
            (Some("127.0.0.1:4001"), false),
            (Some("127.0.0.1"), false),
            (Some("evil.example:4000"), false),
            (Some("127.0.0.1:4000.evil.example"), false),
            (None, false),
        ] {
            let caller = Caller {
                host,
                ..Caller::default()
            };
            assert_eq!(door.is_named(&caller), wanted, "{host:?}");
        }
    }

    #[test]
    fn only_pages_of_ours_change_something() {
        let door = Door::new(4000).unwrap();
        for (origin, site, wanted) in [
            (Some("http://127.0.0.1:4000"), None, true),
            (Some("null"), Some("same-origin"), true),
            (Some("null"), Some("same-site"), false),
            (Some("null"), Some("cross-site"), false),
            (Some("null"), None, false),
            (Some("http://127.0.0.1:4001"), Some("same-site"), false),
            (Some("https://127.0.0.1:4000"), None, false),
            (None, None, false),
            (None, Some("same-origin"), false),
        ] {
            let caller = Caller {
                host: Some("127.0.0.1:4000"),
                origin,
                site,
                ..Caller::default()
            };
            assert_eq!(door.is_own(&caller), wanted, "{origin:?} {site:?}");
        }
    }

    #[test]
    fn the_cookie_is_the_one_of_this_port() {
        let door = Door::new(4000).unwrap();
        let set = door.cookie();
        assert!(set.ends_with("; HttpOnly; SameSite=Strict; Path=/"), "{set}");
        let pair = set.split(';').next().unwrap();
        let value = pair.split_once('=').unwrap().1;
        for (cookie, wanted) in [
            (pair.to_string(), true),
            (format!("a=b; {pair}"), true),
            (format!("kubectl-backup-4001={value}"), false),
            ("kubectl-backup-4000=".into(), false),
            (String::new(), false),
        ] {
            let caller = Caller {
                cookie: Some(&cookie),
                ..Caller::default()
            };
            assert_eq!(door.is_known(&caller), wanted, "{cookie}");
        }
    }
}
