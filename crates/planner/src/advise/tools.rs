//! Commands that lie: tools that end with 0 though they backed up or restored less than all, by what is seen in the command. What
//! a rule says was seen on the real tool (docs/recipes/traps.md); `compressed-twice` is about time, and `terminal` needs a terminal, so
//! that they have no row there. A rule must not fire on its safe form.
use super::shell::{Scan, Token, name, script};
use crate::validate::Fault;

/// Where a rule looks.
#[derive(Clone, Copy, PartialEq)]
enum On {
    Backup,
    Restore,
}

/// One command of a script, or the action's own.
#[derive(Default)]
struct Seen {
    program: String,
    words: Vec<String>,
    /// What it prints goes on into a pipe.
    pipes: bool,
    /// `||` follows.
    forgiven: bool,
}

/// A command that lies, by one of its signs.
pub struct Rule {
    /// Its word in docs/recipes/traps.md and in the tests.
    pub name: &'static str,
    /// What happens, and the safe form.
    pub words: &'static str,
    on: On,
    sees: fn(&Seen, &Around) -> bool,
}

/// What a rule may know beside the command.
struct Around<'a> {
    /// The whole text of the action.
    text: &'a str,
    /// The run compresses by itself.
    compressed: bool,
}

impl Seen {
    fn is(&self, programs: &[&str]) -> bool {
        programs.contains(&self.program.as_str())
    }

    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }

    /// Whether an option is there: `--long`, `--long=value`, or a letter among those of a short one.
    fn option(&self, long: &str, letter: Option<char>) -> bool {
        self.words.iter().any(|w| match w.strip_prefix("--") {
            Some(rest) => rest == long || rest.strip_prefix(long).is_some_and(|r| r.starts_with('=')),
            None => w.strip_prefix('-').is_some_and(|letters| {
                letter.is_some_and(|l| {
                    letters
                        .chars()
                        .take_while(|c| c.is_ascii_alphanumeric())
                        .any(|c| c == l)
                })
            }),
        })
    }

    /// A word that has this in it, whatever its case.
    fn says(&self, text: &str) -> bool {
        self.words.iter().any(|w| w.to_lowercase().contains(text))
    }
}

const DUMPS: [&str; 2] = ["mysqldump", "mariadb-dump"];
const CLIENTS: [&str; 2] = ["mysql", "mariadb"];
const COMPRESSORS: [&str; 9] = ["gzip", "pigz", "bzip2", "pbzip2", "xz", "zstd", "pzstd", "lz4", "bgzip"];

/// Whether psql reads statements from its input and goes on after one that failed.
fn goes_on(seen: &Seen) -> bool {
    let reads = !seen.option("command", None) && !seen.words.iter().any(|w| w == "-c") && !seen.option("list", None);
    seen.is(&["psql"]) && reads
}

fn stops(seen: &Seen, around: &Around) -> bool {
    seen.words.iter().any(|w| {
        let set = w
            .split_once("ON_ERROR_STOP")
            .map(|(_, rest)| rest.trim_start_matches('=').to_lowercase());
        set.is_some_and(|value| matches!(value.as_str(), "1" | "on" | "true" | "yes"))
    }) || around.text.contains("\\set ON_ERROR_STOP")
}

fn in_one(seen: &Seen) -> bool {
    seen.option("single-transaction", None) || seen.words.iter().any(|w| is_letters_with(w, '1'))
}

/// `-1`, `-q1`: not `-h10.1.1.1`.
fn is_letters_with(word: &str, letter: char) -> bool {
    let Some(letters) = word.strip_prefix('-') else {
        return false;
    };
    letters.len() <= 3 && !letters.starts_with('-') && letters.ends_with(letter)
}

/// What is advised against.
pub const RULES: &[Rule] = &[
    Rule {
        name: "psql-single-transaction-alone",
        on: On::Restore,
        sees: |seen, around| goes_on(seen) && !stops(seen, around) && in_one(seen),
        words: "psql with --single-transaction and without ON_ERROR_STOP: at the first statement that fails all is rolled back, psql ends with 0, and a restore of nothing is called good; add -v ON_ERROR_STOP=1",
    },
    Rule {
        name: "psql-on-error-stop",
        on: On::Restore,
        sees: |seen, around| goes_on(seen) && !stops(seen, around) && !in_one(seen),
        words: "psql goes on after statements that fail and ends with 0, so that a restore of half is called good; write psql -v ON_ERROR_STOP=1 --single-transaction",
    },
    Rule {
        name: "mysqldump-locks",
        on: On::Backup,
        sees: |seen, _| {
            let safe = [
                "single-transaction",
                "lock-all-tables",
                "master-data",
                "source-data",
                "no-data",
            ];
            seen.is(&DUMPS) && !safe.iter().any(|o| seen.option(o, None)) && !seen.has("-x") && !seen.has("-d")
        },
        words: "the dump locks all tables of a database while it reads them: whoever writes waits for the backup, and several databases are of several moments; add --single-transaction (InnoDB), or --lock-all-tables where tables are MyISAM",
    },
    Rule {
        name: "mysql-force",
        on: On::Restore,
        sees: |seen, _| seen.is(&CLIENTS) && (seen.option("force", None) || seen.has("-f")),
        words: "--force goes on after statements that fail, so that what is left out is told by its messages alone; leave it out, and the client ends at the first error with 1",
    },
    Rule {
        name: "tar-forgiven",
        on: On::Backup,
        sees: |seen, _| seen.is(&["tar", "bsdtar"]) && seen.forgiven,
        words: "what follows || forgives tar's exit 1, which says that a file changed, and also that one shrank and was padded with zeros; let it fail and set backoffLimit, or back up a copy that nobody writes to",
    },
    Rule {
        name: "tar-hides",
        on: On::Backup,
        sees: |seen, _| {
            let quiet = [
                "--warning=no-file-changed",
                "--warning=no-file-shrank",
                "--warning=none",
                "--ignore-failed-read",
            ];
            seen.is(&["tar"]) && seen.words.iter().any(|w| quiet.contains(&w.as_str()))
        },
        words: "hides why tar fails and not that it does (--warning=no-...: still exit 1, and no word), or leaves out what it cannot read (--ignore-failed-read); leave that out",
    },
    Rule {
        name: "sqlite3-dump",
        on: On::Backup,
        sees: |seen, around| seen.is(&["sqlite3"]) && seen.says(".dump") && !around.text.contains("COMMIT;"),
        words: ".dump of a database that is locked, damaged or not there prints a script that restores to nothing, and ends with 0; write sqlite3 -readonly DB \"VACUUM INTO '/tmp/copy.db'\" && cat /tmp/copy.db, or look for COMMIT; as the last line",
    },
    Rule {
        name: "compressed-twice",
        on: On::Backup,
        sees: |seen, around| {
            around.compressed && !seen.pipes && seen.is(&COMPRESSORS) && !seen.option("decompress", Some('d'))
        },
        words: "compresses what spec.compression compresses again, for time and nothing else, and the pipe hides how the command before it ended; leave it out here (and its counterpart in the restore), or leave spec.compression out",
    },
    Rule {
        name: "terminal",
        on: On::Backup,
        sees: |seen, _| {
            seen.is(&["kubectl", "oc", "docker", "podman", "nerdctl"])
                && (seen.has("exec") || seen.has("run"))
                && seen
                    .words
                    .iter()
                    .any(|w| matches!(w.as_str(), "-t" | "-it" | "-ti" | "--tty" | "--tty=true"))
        },
        words: "asks for a terminal (-t), which, where there is one, writes \\r\\n for each \\n and puts errors among the data, so that what is stored is not what was dumped; leave -t out (and -i, where nothing is read)",
    },
    Rule {
        name: "etcd-stdout",
        on: On::Backup,
        sees: |seen, _| {
            let stdout = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
            seen.is(&["etcdctl"]) && seen.has("save") && seen.words.iter().any(|w| stdout.contains(&w.as_str()))
        },
        words: "etcdctl writes a file of that name and prints a sentence, which would be the whole backup; write etcdctl snapshot save /tmp/etcd.db >&2 && cat /tmp/etcd.db",
    },
    Rule {
        name: "pg_basebackup-checkpoint",
        on: On::Backup,
        sees: |seen, _| {
            let fast = seen
                .words
                .iter()
                .any(|w| matches!(w.as_str(), "-cfast" | "--checkpoint=fast"));
            let apart = seen
                .words
                .windows(2)
                .any(|w| matches!(w, [o, fast] if (o == "-c" || o == "--checkpoint") && fast == "fast"));
            seen.is(&["pg_basebackup"]) && !fast && !apart
        },
        words: "waits for the server's next checkpoint before its first byte, for minutes (checkpoint_timeout); add --checkpoint=fast",
    },
    Rule {
        name: "openssl-enc",
        on: On::Backup,
        sees: |seen, _| {
            let first = seen.words.first().map(String::as_str).unwrap_or_default();
            let cipher = [
                "enc", "aes-", "aes1", "aes2", "chacha", "des", "camellia", "aria", "sm4",
            ];
            seen.is(&["openssl"]) && cipher.iter().any(|c| first.starts_with(c))
        },
        words: "openssl enc proves nothing of what it decrypts: a changed backup comes out changed, and with CTR a cut one ends with 0; name recipients in spec.encryption, or use age",
    },
    Rule {
        name: "mbstream-alone",
        on: On::Restore,
        sees: |seen, around| seen.is(&["mbstream", "xbstream"]) && !around.text.contains("--prepare"),
        words: "mbstream ends with 0 after a stream that was cut between chunks, and after an empty one; run mariadb-backup --prepare on what it unpacked, in the same command",
    },
    Rule {
        name: "git-unbundle",
        on: On::Restore,
        sees: |seen, around| {
            seen.is(&["git"]) && seen.has("bundle") && seen.has("unbundle") && !around.text.contains("update-ref")
        },
        words: "git bundle unbundle makes no ref and ends with 0, so that nothing is found of what was restored; write the bundle to a file and clone it: git clone --mirror FILE DIR",
    },
    Rule {
        name: "gbak-replaces",
        on: On::Restore,
        sees: |seen, _| {
            seen.is(&["gbak"])
                && seen
                    .words
                    .iter()
                    .any(|w| w.starts_with("-rep") || w == "-recreate" || w == "-r" || w == "-R")
        },
        words: "gbak -replace throws the database away before it knows that what it reads is whole; restore into a new name with -c, and rename after it ended well",
    },
];

/// What a backup's command is warned of.
pub(super) fn backup(command: &[String], args: &[String], field: &str, compressed: bool) -> Vec<Fault> {
    look(On::Backup, command, args, field, compressed)
}

/// What a restore's command is warned of.
pub(super) fn restore(command: &[String], args: &[String], field: &str) -> Vec<Fault> {
    look(On::Restore, command, args, field, false)
}

fn look(on: On, command: &[String], args: &[String], field: &str, compressed: bool) -> Vec<Fault> {
    let (at, seen, text) = match script(command, args) {
        Some((_, at, text)) => (at, of_script(text), text.to_owned()),
        None => {
            let words: Vec<_> = command.iter().chain(args).cloned().collect();
            (0, Vec::from_iter(of_words(words.clone())), words.join(" "))
        }
    };
    let place = match at.checked_sub(command.len()) {
        Some(at) => format!("{field}.args[{at}]"),
        None => format!("{field}.command[{at}]"),
    };
    let around = Around {
        text: &text,
        compressed,
    };
    let of_action = RULES.iter().filter(|rule| rule.on == on);
    let broken = of_action.filter(|rule| seen.iter().any(|one| (rule.sees)(one, &around)));
    broken.map(|rule| Fault::new(place.clone(), rule.words)).collect()
}

fn of_script(text: &str) -> Vec<Seen> {
    let mut scan = Scan::new(text);
    let (mut all, mut words) = (Vec::new(), Vec::new());
    loop {
        let token = scan.token();
        if let Some(Token::Word(word)) = token {
            words.push(word);
            continue;
        }
        let done = of_words(std::mem::take(&mut words)).map(|seen| Seen {
            pipes: matches!(token, Some(Token::Pipe)),
            forgiven: matches!(token, Some(Token::Or)),
            ..seen
        });
        all.extend(done);
        if token.is_none() {
            return all;
        }
    }
}

/// Words that run the command after them.
const WRAPPERS: [&str; 16] = [
    "exec", "env", "nice", "ionice", "time", "timeout", "nohup", "stdbuf", "sudo", "setsid", "if", "then", "else",
    "do", "!", "{",
];

fn of_words(words: Vec<String>) -> Option<Seen> {
    let mut words = words.into_iter().peekable();
    let mut wrapped = false;
    loop {
        let word = words.next()?;
        let is_setting = word
            .split_once('=')
            .is_some_and(|(name, _)| !name.starts_with('-') && !name.contains('/'));
        let is_of_wrapper = wrapped && (word.starts_with('-') || word.starts_with(|c: char| c.is_ascii_digit()));
        let program = name(&word);
        if WRAPPERS.contains(&program) {
            wrapped = true;
        } else if !is_setting && !is_of_wrapper {
            let program = program.to_owned();
            return Some(Seen {
                program,
                words: words.collect(),
                ..Seen::default()
            });
        }
    }
}

#[cfg(test)]
mod tests;
