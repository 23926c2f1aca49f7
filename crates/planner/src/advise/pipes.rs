//! Whether a script for a shell hides that the first command of a pipe failed: `pg_dump | gzip` ends as gzip does.
use std::iter::Peekable;
use std::str::Chars;

use crate::validate::Fault;

/// Shells by the name of their program; each reads `-c` and `-o` alike.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"];
/// The option that makes a pipe fail with any of its commands.
const PIPEFAIL: &str = "pipefail";

/// Looks at a command and its arguments, `field` being that of the action.
pub(super) fn advise(command: &[String], args: &[String], field: &str) -> Option<Fault> {
    let (shell, at, script) = script(command, args)?;
    if !has_pipe(script) {
        return None;
    }
    let place = match at.checked_sub(command.len()) {
        Some(at) => format!("{field}.args[{at}]"),
        None => format!("{field}.command[{at}]"),
    };
    let cure = if shell == "bash" {
        "write [bash, -o, pipefail, -c, ...]"
    } else {
        "write [bash, -o, pipefail, -c, ...] where the image has bash, or begin the script with `set -o pipefail` where this shell knows it (busybox does, Debian's dash does not)"
    };
    Some(Fault::new(
        place,
        format!(
            "has a pipe, which ends as its last command does: if one before it breaks off, what it had printed by then is taken for all, and for good; {cure}, or let spec.compression do what the pipe does"
        ),
    ))
}

/// The shell, and its script with the number of its word; none without a shell, without `-c`, or with pipefail among the options.
fn script<'a>(command: &'a [String], args: &'a [String]) -> Option<(&'a str, usize, &'a str)> {
    let mut words = command.iter().chain(args).map(String::as_str).enumerate();
    let mut program = words.next()?.1;
    if name(program) == "env" {
        program = words.next()?.1;
    }
    let shell = name(program);
    if !SHELLS.contains(&shell) {
        return None;
    }
    let mut reads_script = false;
    while let Some((at, word)) = words.next() {
        let Some(letters) = word.strip_prefix(['-', '+']).filter(|l| !l.is_empty()) else {
            return reads_script.then_some((shell, at, word));
        };
        if letters.starts_with('-') {
            continue;
        }
        reads_script |= letters.contains('c');
        if letters.ends_with('o') && words.next()?.1 == PIPEFAIL && word.starts_with('-') {
            return None;
        }
    }
    None
}

fn name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Whether a script has a pipe between commands and does not set pipefail. Not a shell: what stands in quotes, comments, here
/// documents, `case` patterns, `[[ ]]` and `(( ))` is passed over. So is what never is the script's output: `$( )` and conditions.
fn has_pipe(script: &str) -> bool {
    let mut scan = Scan::new(script);
    let mut pipe = false;
    while let Some(token) = scan.token() {
        match token {
            Token::Word(word) if word == PIPEFAIL => return false,
            Token::Word(_) => {}
            Token::Pipe => pipe = true,
        }
    }
    pipe
}

enum Token {
    /// A word, without its quotes.
    Word(String),
    /// `|` or `|&`.
    Pipe,
}

/// Where a `case` is.
#[derive(Clone, Copy, PartialEq)]
enum Branch {
    /// Before `in`.
    Subject,
    /// A pattern: `|` means or.
    Pattern,
    /// Commands.
    Body,
}

struct Scan<'a> {
    rest: Peekable<Chars<'a>>,
    cases: Vec<Branch>,
    /// Delimiters of here documents that begin after this line, and whether tabs before them are dropped.
    documents: Vec<(String, bool)>,
    /// The next word is where a command's name stands.
    begins: bool,
    /// Between `if`, `while` or `until` and what follows from it.
    condition: bool,
}

impl<'a> Scan<'a> {
    fn new(script: &'a str) -> Self {
        Self {
            rest: script.chars().peekable(),
            cases: Vec::new(),
            documents: Vec::new(),
            begins: true,
            condition: false,
        }
    }

    /// The next word or pipe; all else is passed over.
    fn token(&mut self) -> Option<Token> {
        loop {
            let next = *self.rest.peek()?;
            match next {
                '\n' => {
                    self.rest.next();
                    self.begins = true;
                    self.pass_documents();
                }
                ' ' | '\t' | '\r' => {
                    self.rest.next();
                }
                '#' => while self.rest.next_if(|c| *c != '\n').is_some() {},
                '|' => {
                    self.rest.next();
                    if self.rest.next_if_eq(&'|').is_some() {
                        self.begins = true;
                        continue;
                    }
                    self.rest.next_if_eq(&'&');
                    if self.cases.last() == Some(&Branch::Pattern) {
                        continue;
                    }
                    self.begins = true;
                    if !self.condition {
                        return Some(Token::Pipe);
                    }
                }
                ';' | '&' => {
                    self.rest.next();
                    self.begins = true;
                    let twice = self.rest.next_if_eq(&next).is_some();
                    if let (true, ';', Some(branch)) = (twice, next, self.cases.last_mut()) {
                        *branch = Branch::Pattern;
                    }
                }
                ')' => {
                    self.rest.next();
                    self.begins = true;
                    if let Some(branch) = self.cases.last_mut().filter(|b| **b == Branch::Pattern) {
                        *branch = Branch::Body;
                    }
                }
                '(' => {
                    self.rest.next();
                    if self.rest.next_if_eq(&'(').is_some() {
                        self.pass_to("))");
                    }
                    self.begins = true;
                }
                '>' => {
                    self.rest.next();
                    // `>|` overwrites, and pipes nothing.
                    self.rest.next_if_eq(&'|');
                }
                '<' => {
                    self.rest.next();
                    self.redirect();
                }
                _ => {
                    let begins = std::mem::replace(&mut self.begins, false);
                    let word = self.word();
                    self.branch(&word, begins);
                    if word == "[[" && begins {
                        self.pass_to("]]");
                        continue;
                    }
                    return Some(Token::Word(word));
                }
            }
        }
    }

    fn branch(&mut self, word: &str, begins: bool) {
        match (word, self.cases.last_mut()) {
            ("case", branch) if begins && branch.as_deref() != Some(&Branch::Pattern) => {
                self.cases.push(Branch::Subject)
            }
            ("in", Some(branch)) if *branch == Branch::Subject => *branch = Branch::Pattern,
            ("esac", Some(branch)) if *branch != Branch::Subject => {
                self.cases.pop();
            }
            ("if" | "elif" | "while" | "until", _) if begins => (self.begins, self.condition) = (true, true),
            ("then" | "do" | "else", _) if begins => (self.begins, self.condition) = (true, false),
            ("{" | "!" | "time", _) if begins => self.begins = true,
            _ => {}
        }
    }

    /// After `<`: `<<` and `<<-` begin a here document, `<<<` does not.
    fn redirect(&mut self) {
        if self.rest.next_if_eq(&'<').is_none() || self.rest.next_if_eq(&'<').is_some() {
            return;
        }
        let tabs = self.rest.next_if_eq(&'-').is_some();
        while self.rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        let delimiter = self.word();
        if !delimiter.is_empty() {
            self.documents.push((delimiter, tabs));
        }
    }

    fn pass_documents(&mut self) {
        for (delimiter, tabs) in std::mem::take(&mut self.documents) {
            while self.rest.peek().is_some() {
                let line: String = std::iter::from_fn(|| self.rest.next_if(|c| *c != '\n')).collect();
                self.rest.next();
                let line = if tabs { line.trim_start_matches('\t') } else { &line };
                if line == delimiter {
                    break;
                }
            }
        }
    }

    fn pass_to(&mut self, end: &str) {
        let mut seen = String::new();
        for c in self.rest.by_ref() {
            seen.push(c);
            if seen.ends_with(end) {
                return;
            }
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self
            .rest
            .next_if(|c| !matches!(c, ' ' | '\t' | '\r' | '\n' | '|' | '&' | ';' | '(' | ')' | '<' | '>'))
        {
            match c {
                '\\' => word.extend(self.rest.next()),
                '\'' => word.extend(std::iter::from_fn(|| self.rest.next().filter(|c| *c != '\''))),
                '"' => self.quoted(&mut word),
                '`' => while self.rest.next().is_some_and(|c| c != '`') {},
                '$' if self.rest.next_if_eq(&'(').is_some() => self.substitution(),
                c => word.push(c),
            }
        }
        word
    }

    /// To the end of `$( )`, which may hold others.
    fn substitution(&mut self) {
        let mut open = 1;
        while let Some(c) = self.rest.next() {
            match c {
                '(' => open += 1,
                ')' => open -= 1,
                '\\' => {
                    self.rest.next();
                }
                '\'' => while self.rest.next().is_some_and(|c| c != '\'') {},
                '"' => self.quoted(&mut String::new()),
                _ => {}
            }
            if open == 0 {
                return;
            }
        }
    }

    fn quoted(&mut self, word: &mut String) {
        while let Some(c) = self.rest.next() {
            match c {
                '"' => return,
                '\\' => word.extend(self.rest.next()),
                '$' if self.rest.next_if_eq(&'(').is_some() => self.substitution(),
                c => word.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_one_between_commands() {
        for (script, wanted) in [
            ("pg_dump shop | gzip", true),
            ("pg_dump shop|gzip", true),
            ("pg_dump shop |& gzip", true),
            ("pg_dump shop |\n gzip", true),
            ("set -e\na; b | c", true),
            ("echo $(a) | gzip", true),
            ("if a; then b | c; fi", true),
            ("a | while read x; do b; done", true),
            ("while a; do b; done | gzip", true),
            ("f() { a | b; }; f", true),
            ("x=$(a | b); echo $x", false),
            ("x=\"$(a \"b (\" | c)\"", false),
            ("x=`a | b`", false),
            ("if a | b; then c; fi", false),
            ("until a | b; do c; done", false),
            ("case $x in a) b | c;; esac", true),
            ("case $x in a|b) c;; esac | d", true),
            ("cat <<EOF | gzip\nx\nEOF\n", true),
            ("a; # no | pipe\nb | c", true),
            ("a || b", false),
            ("a || b && c", false),
            ("echo 'a | b'", false),
            ("echo \"a | b\"", false),
            ("echo \"a \\\" | b\"", false),
            ("echo a \\| b", false),
            ("a # | b", false),
            ("a >| b", false),
            ("case $x in a|b) c;; d|e) f;; esac", false),
            ("psql <<EOF\nselect 1 | 2\nEOF\n", false),
            ("psql <<-'END OF'\n\tselect 1 | 2\n\tEND OF\n", false),
            ("cat <<< 'a | b'", false),
            ("[[ $x =~ a|b ]] && c", false),
            ("x=$((1 | 2))", false),
            ("set -o pipefail; a | b", false),
            ("set -euo pipefail\na | b", false),
            ("(set -o pipefail && a | b)", false),
            // Only named in a comment or a text, it is not set.
            ("a | b # pipefail", true),
            ("echo 'set -o pipefail'; a | b", true),
            ("", false),
            ("'", false),
            ("\"\\", false),
            ("a <<", false),
            ("case x in", false),
        ] {
            assert_eq!(has_pipe(script), wanted, "{script:?}");
        }
    }

    #[test]
    fn only_a_shell_without_pipefail_is_warned_of() {
        let strings = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (command, args, place) in [
            (&["sh", "-c", "a | b"][..], &[][..], Some("f.command[2]")),
            (&["/bin/bash", "-c"], &["a | b"], Some("f.args[0]")),
            (&["sh"], &["-ec", "a | b", "name"], Some("f.args[1]")),
            (&["/usr/bin/env", "bash", "-c", "a | b"], &[], Some("f.command[3]")),
            (
                &["bash", "-eu", "-o", "errexit", "-c", "a | b"],
                &[],
                Some("f.command[5]"),
            ),
            (&["bash", "+o", "pipefail", "-c", "a | b"], &[], Some("f.command[4]")),
            (&["bash", "-o", "pipefail", "-c", "a | b"], &[], None),
            (&["bash", "-euo", "pipefail", "-c", "a | b"], &[], None),
            (&["bash", "-c", "-o", "pipefail", "a | b"], &[], None),
            (&["sh", "-c", "a || b"], &[], None),
            // Words of a program that is no shell, and what a script is given.
            (&["echo", "-c", "a | b"], &[], None),
            (&["sh", "a | b"], &[], None),
            (&["sh", "-c", "a", "x | y"], &[], None),
            (&["sh", "-c"], &[], None),
            (&["bash", "-o"], &[], None),
            (&["env"], &[], None),
            (&[], &[], None),
        ] {
            let said = advise(&strings(command), &strings(args), "f");
            assert_eq!(
                said.as_ref().map(|f| f.field.as_str()),
                place,
                "{command:?} {args:?}: {said:?}"
            );
            assert!(said.is_none_or(|f| f.message.contains("[bash, -o, pipefail, -c, ...]")));
        }
    }
}
