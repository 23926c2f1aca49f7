//! Secrets in what a command prints: a status and an Event are read by more people than a Secret is.
//!
//! What a tool prints of its own call (`pg_dump: error: connection to postgres://u:pw@db failed`, a shell's `set -x`) is masked
//! where it has one of the usual forms. A secret that stands alone has none: nothing finds it. The container's own log stays as it is.

/// Stands for a secret.
const MASK: &str = "***";
/// Names of settings, options and variables whose value is a secret, where they contain one of these.
const NAMES: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "accesskey",
];

/// The text with its secrets masked, line by line.
pub fn masked(text: &str) -> String {
    text.split_inclusive('\n').map(line).collect()
}

fn line(line: &str) -> String {
    // A shell that traces shows what it calls: there `-pSECRET` is mysql's password.
    let traced = line.trim_start().starts_with('+');
    let mut said = String::with_capacity(line.len());
    let mut follows = false;
    for word in line.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let space = word.get(bare.len()..).unwrap_or_default();
        let shown = match (follows && !bare.is_empty(), bare) {
            (true, _) => MASK.to_string(),
            (false, "") => String::new(),
            (false, _) if traced && is_short_password(bare) => format!("-p{MASK}"),
            (false, _) => setting(&url(bare)),
        };
        if !bare.is_empty() {
            // `--password SECRET`, `password: SECRET`.
            let announces = (bare.starts_with("--") && !bare.contains('=')) || bare.ends_with(':');
            follows = !follows && announces && is_name(bare.trim_end_matches(':'));
        }
        said.push_str(&shown);
        said.push_str(space);
    }
    said
}

/// `-phunter2`, and none of the long options that other tools write with one hyphen.
fn is_short_password(word: &str) -> bool {
    let known = ["-port", "-p:", "-path", "-print", "-proto", "-parallel"];
    word.len() > 2 && word.starts_with("-p") && !known.iter().any(|k| word.starts_with(k))
}

/// `scheme://user:SECRET@host`, `scheme://SECRET@host`; the user stays.
fn url(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        return word.into();
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
    let mut said = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('=') {
        let (before, value) = (
            rest.get(..at).unwrap_or_default(),
            rest.get(at + 1..).unwrap_or_default(),
        );
        let end = value.find(['&', ';', ',']).unwrap_or(value.len());
        said.push_str(before);
        said.push('=');
        let (value, after) = (
            value.get(..end).unwrap_or_default(),
            value.get(end..).unwrap_or_default(),
        );
        said.push_str(if is_name(before) && !value.is_empty() {
            MASK
        } else {
            value
        });
        // What comes between this value and the next name.
        rest = after;
    }
    said.push_str(rest);
    said
}

/// The name before a value is that of a secret; of `a?user=x&token` the last part counts.
fn is_name(before: &str) -> bool {
    let name = before.rsplit(['&', ';', ',', '?']).next().unwrap_or_default();
    let name = name.to_ascii_lowercase().replace('-', "_");
    NAMES.iter().any(|secret| name.contains(secret))
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
            ("a=b=c, x", "a=b=c, x"),
            ("secret=", "secret="),
            ("käse=ä token=ö", "käse=ä token=***"),
            ("", ""),
        ] {
            assert_eq!(masked(said), shown);
            assert_eq!(masked(shown), shown, "twice is once");
        }
        assert_eq!(masked("one token=a\ntwo\n\n"), "one token=***\ntwo\n\n");
    }
}
