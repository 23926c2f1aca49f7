//! Secrets in what a command prints, or is called with: a status, an Event and a support bundle are read by more people than a Secret is.
//!
//! What a tool prints of its own call (`pg_dump: error: connection to postgres://u:pw@db failed`, a shell's `set -x`), of its settings and
//! in its log lines is masked where it has one of the usual forms. A secret that stands alone has none: nothing finds it. The
//! container's own log stays as it is.

mod alias;
mod tokens;

use alias::Alias;

/// Stands for a secret.
pub const MASK: &str = "***";
/// Names of settings, options and variables whose value is a secret, where they contain one of these.
const NAMES: [&str; 21] = [
    "authorization",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "accesskey",
    "access_key",
    "accountkey",
    "account_key",
    "age_key",
    "encryption_key",
    "master_key",
    "private_key",
    "signing_key",
    "signature",
    "credential",
    "cookie",
];

/// Such names that stand in other words, too (`bypass`): the whole of them.
const PASS: [&str; 3] = ["pass", "dbpass", "sig"];
/// How a header's value begins whose secret comes after it.
const SCHEMES: [&str; 3] = ["bearer", "basic", "token"];
/// Programs and their short option that a password follows. (mysql's has it without a blank: what follows is the database.)
const SHORT: [(&str, &str); 9] = [
    ("sshpass", "-p"),
    ("mongodump", "-p"),
    ("mongorestore", "-p"),
    ("redis-cli", "-a"),
    ("curl", "-u"),
    ("curl", "--user"),
    ("etcdctl", "--user"),
    ("ldapsearch", "-w"),
    ("ldapmodify", "-w"),
];

/// The text with its secrets masked, line by line; of a private key in PEM only its frame stays.
pub fn masked(text: &str) -> String {
    let mut in_key = false;
    let mut said = String::with_capacity(text.len());
    for one in text.split_inclusive('\n') {
        let bare = one.trim();
        // Where a key is cut, what comes after it is none.
        in_key &= !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=*".contains(&b));
        if in_key {
            said.push_str(MASK);
            said.push_str(one.get(one.trim_end().len()..).unwrap_or_default());
            continue;
        }
        in_key = bare.starts_with("-----BEGIN ") && bare.ends_with("PRIVATE KEY-----");
        said.push_str(&line(one));
    }
    said
}

/// The words of a command, masked as they stand beside each other: what an option announces is the next of them.
pub fn arguments(words: &[&str]) -> Vec<String> {
    let is_blank = |c: &char| c.is_whitespace();
    let blanks = |text: &str| text.chars().filter(is_blank).count();
    // A private key is found where it has lines of its own.
    let words: Vec<_> = words
        .iter()
        .map(|w| if w.contains("-----BEGIN ") { MASK } else { w })
        .collect();
    // Blanks stay where they were: each word ends at as many of them as it had.
    let shown = masked(&words.join(" "));
    let mut rest = shown.as_str();
    let mut all = Vec::with_capacity(words.len());
    for word in &words {
        let mut ends = rest.char_indices().filter(|(_, c)| is_blank(c));
        let end = ends.nth(blanks(word)).map_or(rest.len(), |(at, _)| at);
        let (one, after) = rest.split_at(end);
        all.push(one.to_string());
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    all
}

/// What the word before says of the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing.
    Plain,
    /// It is a secret.
    Secret,
    /// It is one if it is quoted, or comes after `=`: the name stands alone, as in SQL.
    Perhaps,
    /// The rest of a secret, up to this quote.
    Until(char),
}

fn line(line: &str) -> String {
    // A shell that traces shows what it calls: there `-pSECRET` is mysql's password.
    let traced = line.trim_start().starts_with('+');
    let words = || {
        line.split_whitespace()
            .map(|w| w.rsplit('/').next().unwrap_or_default())
    };
    let short: Vec<_> = SHORT
        .iter()
        .filter(|(program, _)| words().any(|w| w.starts_with(program)))
        .map(|(_, option)| *option)
        .collect();
    let attached = traced || words().any(|w| w.starts_with("mysql") || w.starts_with("mariadb"));
    let mut said = String::with_capacity(line.len());
    let (mut next, mut before) = (Next::Plain, "");
    let mut alias = Alias::default();
    for word in line.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let space = word.get(bare.len()..).unwrap_or_default();
        if !bare.is_empty() {
            let quoted = bare.starts_with(['\'', '"']);
            let secret = match next {
                // MySQL's own words, which are what one has to know.
                Next::Secret => !matches!(bare.trim_end_matches([')', '.', ',']), "YES" | "NO"),
                Next::Perhaps => quoted,
                Next::Until(_) => true,
                Next::Plain => false,
            };
            let key = alias.is_key(bare);
            let shown = match secret || key {
                // The end of a command, after which nothing is a key.
                true if key && bare.ends_with(';') => format!("{MASK};"),
                true => MASK.to_string(),
                false if attached && is_short_password(bare) => format!("-p{MASK}"),
                false => setting(&json(&url(&tokens::masked(bare)))),
            };
            next = match (next, secret || key) {
                (Next::Secret, true) if SCHEMES.contains(&bare.to_ascii_lowercase().as_str()) => Next::Secret,
                (Next::Until(quote), _) if !closes(bare, quote) => Next::Until(quote),
                (Next::Until(_), _) => Next::Plain,
                (Next::Perhaps, false) if bare == "=" => Next::Secret,
                (_, true) => open_quote(bare),
                _ => announced(before, bare, &short, &shown),
            };
            before = bare;
            said.push_str(&shown);
        }
        said.push_str(space);
    }
    said
}

/// What a word that is no secret says of the next one.
fn announced(before: &str, bare: &str, short: &[&str], shown: &str) -> Next {
    // `--password='two words'`: the first of them was masked.
    if let (true, Some((_, value))) = (shown.ends_with(MASK), bare.rsplit_once('=')) {
        return open_quote(value);
    }
    let name = bare.trim_end_matches(':');
    let option = bare.starts_with("--") && !bare.contains('=');
    if short.contains(&bare) || (option || bare.ends_with(':')) && is_name(name) {
        Next::Secret
    } else if before.eq_ignore_ascii_case("identified") && bare.eq_ignore_ascii_case("by")
        || bare.to_ascii_lowercase().ends_with("password")
    {
        Next::Perhaps
    } else {
        Next::Plain
    }
}

/// A quote that is opened and not closed: what follows belongs to it.
fn open_quote(value: &str) -> Next {
    match value.chars().next() {
        Some(quote @ ('\'' | '"')) if value.len() == 1 || !closes(value, quote) => Next::Until(quote),
        _ => Next::Plain,
    }
}

/// Whether a word ends a quoted text, but for what punctuation follows it.
fn closes(word: &str, quote: char) -> bool {
    word.trim_end_matches([',', ';', ')', '}', ']']).ends_with(quote)
}

/// `"password":"SECRET"`, each of a word.
fn json(word: &str) -> String {
    let end = |value: &str| match value.strip_prefix('"') {
        Some(text) => text.find('"').map_or(value.len(), |end| end + 2),
        None => value.find([',', '}', ']']).unwrap_or(value.len()),
    };
    values(word, "\":", end, |before| before.rsplit('"').next().unwrap_or_default())
}

/// `-phunter2`, and none of the long options that other tools write with one hyphen.
fn is_short_password(word: &str) -> bool {
    let known = ["-port", "-p:", "-path", "-print", "-proto", "-parallel"];
    word.len() > 2 && word.starts_with("-p") && !known.iter().any(|k| word.starts_with(k))
}

/// `scheme://user:SECRET@host`, `scheme://SECRET@host`; the user stays.
fn url(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        // Go's: `user:SECRET@tcp(db:3306)/x`.
        let dsn = word
            .split_once(':')
            .and_then(|(name, rest)| Some((name, rest.rsplit_once('@')?.1)));
        return match dsn {
            Some((name, after)) if ["tcp(", "unix("].iter().any(|net| after.starts_with(net)) => {
                format!("{name}:{MASK}@{after}")
            }
            _ => word.into(),
        };
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A password may hold an `@`: the last one ends it.
    let Some((user, _)) = authority.rsplit_once('@') else {
        return word.into();
    };
    let after = rest.get(user.len()..).unwrap_or_default();
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}://{name}:{MASK}{after}"),
        None => format!("{scheme}://{MASK}{after}"),
    }
}

/// `password=SECRET`, `PGPASSWORD='SECRET'`, `?token=SECRET&...`: each setting of a word.
fn setting(word: &str) -> String {
    let end = |value: &str| value.find(['&', ';', ',']).unwrap_or(value.len());
    values(word, "=", end, |before| before)
}

/// Masks the value behind each sign, up to where it ends, where the name in what stands before is that of a secret.
fn values(word: &str, sign: &str, end: impl Fn(&str) -> usize, name: impl Fn(&str) -> &str) -> String {
    let mut said = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, behind)) = rest.split_once(sign) {
        let (value, after) = behind.split_at(end(behind));
        let secret = is_name(name(before)) && !value.is_empty();
        said.extend([before, sign, if secret { MASK } else { "" }]);
        // What is no secret may be a setting itself: `--from-literal=TOKEN=x`.
        rest = if secret { after } else { behind };
    }
    said.push_str(rest);
    said
}

/// The name before a value is that of a secret; of `a?user=x&token` the last part counts.
fn is_name(before: &str) -> bool {
    let name = before.rsplit(['&', ';', ',', '?']).next().unwrap_or_default();
    let name = name.to_ascii_lowercase().replace('-', "_");
    let name = name.trim_matches(['"', '\'']);
    // `AWS_ACCESS_KEY_ID` names a key, and which one helps.
    let is_id = name.ends_with("_id");
    !is_id && NAMES.iter().any(|secret| name.contains(secret)) || PASS.contains(&name) || name.ends_with("_pass")
}

#[cfg(test)]
mod tests;
