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
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_one_of_the_usual_forms_is_masked_and_the_rest_stays() {
        for (said, shown) in [
            (
                "pg_dump: error: postgres://u:hunter2@db:5432/x?sslmode=off failed",
                "pg_dump: error: postgres://u:***@db:5432/x?sslmode=off failed",
            ),
            ("redis://:p@ss@host/0", "redis://:***@host/0"),
            ("https://ghp_abc@host/x", "https://***@host/x"),
            ("see https://host/a@b", "see https://host/a@b"),
            ("PGPASSWORD=hunter2 psql", "PGPASSWORD=*** psql"),
            ("host=db password=hunter2 dbname=x", "host=db password=*** dbname=x"),
            ("--password=hunter2 --user=u", "--password=*** --user=u"),
            ("--password hunter2 --user u", "--password *** --user u"),
            ("GET /x?token=abc&page=2", "GET /x?token=***&page=2"),
            ("Server=db;Pwd=hunter2;Database=x", "Server=db;Pwd=***;Database=x"),
            ("password: hunter2", "password: ***"),
            ("+ mysqldump -u root -phunter2 shop", "+ mysqldump -u root -p*** shop"),
            ("mysqldump -port 3306 -parallel", "mysqldump -port 3306 -parallel"),
            (
                "password authentication failed for user \"u\"",
                "password authentication failed for user \"u\"",
            ),
            (
                "Access denied for user 'root'@'10.0.0.7' (using password: YES)",
                "Access denied for user 'root'@'10.0.0.7' (using password: YES)",
            ),
            (
                r#"{"user":"u","password":"hunter2","n":1}"#,
                r#"{"user":"u","password":***,"n":1}"#,
            ),
            (r#"{"db_password": "hunter2"}"#, r#"{"db_password": ***"#),
            ("Authorization: Bearer hunter2", "Authorization: *** ***"),
            (
                "dial root:hunter2@tcp(db:3306)/x failed",
                "dial root:***@tcp(db:3306)/x failed",
            ),
            ("PASSWORD = hunter2", "PASSWORD = ***"),
            ("ALTER ROLE u PASSWORD 'hunter2'", "ALTER ROLE u PASSWORD ***"),
            (
                "CREATE USER u IDENTIFIED BY 'hunter2';",
                "CREATE USER u IDENTIFIED BY ***",
            ),
            ("db_pass=hunter2 dbpass: hunter2 x", "db_pass=*** dbpass: *** x"),
            ("tool --pass hunter2 --user u", "tool --pass *** --user u"),
            ("mysql -uroot -phunter2 shop", "mysql -uroot -p*** shop"),
            ("sshpass -p hunter2 ssh u@h", "sshpass -p *** ssh u@h"),
            (
                "+ /usr/bin/redis-cli -a hunter2 ping",
                "+ /usr/bin/redis-cli -a *** ping",
            ),
            ("curl -u ann:hunter2 https://h/", "curl -u *** https://h/"),
            ("mongodump -p hunter2 --db x", "mongodump -p *** --db x"),
            ("etcdctl --user root:hunter2 get x", "etcdctl --user *** get x"),
            (
                "ldapsearch -D cn=x -w hunter2 -b dc=x",
                "ldapsearch -D cn=x -w *** -b dc=x",
            ),
            (
                "mc alias set store https://h:9000 AKIA1 hunter2 --api S3v4",
                "mc alias set store https://h:9000 *** *** --api ***",
            ),
            (
                "+ /usr/bin/mcli --quiet alias set --path auto s $URL AKIA1 hunter2; mcli cp a s/b",
                "+ /usr/bin/mcli --quiet alias set --path auto s *** *** ***; mcli cp a s/b",
            ),
            (
                "mc config host add s http://h AKIA1 hunter2 >/dev/null && mc ls s",
                "mc config host add s http://h *** *** >/dev/null && mc ls s",
            ),
            ("mc alias list store long", "mc alias list store long"),
            ("git alias set a b c d", "git alias set a b c d"),
            (
                "k --from-literal=AWS_SECRET_ACCESS_KEY=hunter2",
                "k --from-literal=AWS_SECRET_ACCESS_KEY=***",
            ),
            (
                "AWS_ACCESS_KEY_ID=AKIA1 --access-key=hunter2",
                "AWS_ACCESS_KEY_ID=AKIA1 --access-key=***",
            ),
            ("AccountName=x;AccountKey=aGk=;y=z", "AccountName=x;AccountKey=***;y=z"),
            (
                "https://h/x?X-Amz-Signature=ab&sig=cd&n=1",
                "https://h/x?X-Amz-Signature=***&sig=***&n=1",
            ),
            (
                "ENCRYPTION_KEY=hunter2 PRIMARY_KEY=id",
                "ENCRYPTION_KEY=*** PRIMARY_KEY=id",
            ),
            ("curl -H 'Cookie: session=hunter2' h", "curl -H 'Cookie: *** h"),
            (
                "tool --password='hunter 2' --user u",
                "tool --password=*** *** --user u",
            ),
            ("password: \"hunter 2\" x", "password: *** *** x"),
            (r#"{"password": "hunter 2", "n": 1}"#, r#"{"password": *** *** "n": 1}"#),
            ("mysql -p shop", "mysql -p shop"),
            ("reset by peer after 5 s", "reset by peer after 5 s"),
            ("ssh -p 2222 host", "ssh -p 2222 host"),
            ("passed 3 of 3; bypass: none", "passed 3 of 3; bypass: none"),
            (r#"secret "db" not found"#, r#"secret "db" not found"#),
            ("blocked by 'policy'", "blocked by 'policy'"),
            ("a=b=c, x", "a=b=c, x"),
            ("secret=", "secret="),
            ("käse=ä token=ö", "käse=ä token=***"),
            ("", ""),
        ] {
            assert_eq!(masked(said), shown);
            assert_eq!(masked(shown), shown, "twice is once");
        }
        assert_eq!(masked("one token=a\ntwo\n\n"), "one token=***\ntwo\n\n");
        let hint = "expected -----BEGIN PRIVATE KEY-----\nwhat\n-----BEGIN PRIVATE KEY-----\nMIIE\nand so on\n";
        assert_eq!(masked(hint), hint.replace("MIIE", MASK));
        let pem = "-----BEGIN PRIVATE KEY-----\nMIIE\nabcd\n-----END PRIVATE KEY-----\nafter\n";
        let shown = "-----BEGIN PRIVATE KEY-----\n***\n***\n-----END PRIVATE KEY-----\nafter\n";
        assert_eq!((masked(pem).as_str(), masked(shown).as_str()), (shown, shown));
    }

    #[test]
    fn the_words_of_a_command_are_masked_as_they_stand_beside_each_other() {
        for (words, shown) in [
            (
                &["mysqldump", "-u", "root", "-phunter2", "shop"][..],
                &["mysqldump", "-u", "root", "-p***", "shop"][..],
            ),
            (
                &["tool", "--password", "hunter2", "--user=u"],
                &["tool", "--password", "***", "--user=u"],
            ),
            (
                &["sh", "-c", "PGPASSWORD=hunter2 pg_dump  x\n\techo ok", "after"],
                &["sh", "-c", "PGPASSWORD=*** pg_dump  x\n\techo ok", "after"],
            ),
            (
                &["mc", "alias", "set", "s", "http://h", "AKIA1", "hunter2"],
                &["mc", "alias", "set", "s", "http://h", "***", "***"],
            ),
            (&["sshpass", "-p", "hunter2", ""], &["sshpass", "-p", "***", ""]),
            (
                &["cat", "-----BEGIN PRIVATE KEY-----\n  MIIE\n", "x"],
                &["cat", MASK, "x"],
            ),
            (&[], &[]),
        ] {
            assert_eq!(arguments(words), shown);
        }
    }
}
