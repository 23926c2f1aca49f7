//! The commands of a script for a shell, as far as advice has to know them.
use std::iter::Peekable;
use std::str::Chars;

/// Shells by the name of their program; each reads `-c` and `-o` alike.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"];
/// The option that makes a pipe fail with any of its commands.
pub(super) const PIPEFAIL: &str = "pipefail";

/// The shell that reads a script.
pub(super) struct Shell<'a> {
    /// Of its program.
    pub name: &'a str,
    /// Whether its options say that a pipe fails with any of its commands.
    pub pipefail: bool,
}

/// The shell, and its script with the number of its word; none without a shell, or without `-c`.
pub(super) fn script<'a>(command: &'a [String], args: &'a [String]) -> Option<(Shell<'a>, usize, &'a str)> {
    let mut words = command.iter().chain(args).map(String::as_str).enumerate();
    let mut program = words.next()?.1;
    if name(program) == "env" {
        program = words.next()?.1;
    }
    let mut shell = Shell {
        name: name(program),
        pipefail: false,
    };
    if !SHELLS.contains(&shell.name) {
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
        if letters.ends_with('o') && words.next()?.1 == PIPEFAIL {
            shell.pipefail = word.starts_with('-');
        }
    }
    None
}

/// A program without its folder.
pub(super) fn name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

pub(super) enum Token {
    /// A word, without its quotes.
    Word(String),
    /// `|` or `|&`.
    Pipe,
    /// `||`.
    Or,
    /// Whatever else stands between commands.
    End,
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

/// Reads a script word by word. Not a shell: what stands in comments, here documents, `case` patterns, `[[ ]]` and `(( ))` is
/// passed over, and what never is the script's output (`$( )`, pipes of conditions).
pub(super) struct Scan<'a> {
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
    pub(super) fn new(script: &'a str) -> Self {
        Self {
            rest: script.chars().peekable(),
            cases: Vec::new(),
            documents: Vec::new(),
            begins: true,
            condition: false,
        }
    }

    /// The next word, or what stands between commands; all else is passed over.
    pub(super) fn token(&mut self) -> Option<Token> {
        loop {
            let next = *self.rest.peek()?;
            match next {
                '\n' => {
                    self.rest.next();
                    self.begins = true;
                    self.pass_documents();
                    return Some(Token::End);
                }
                ' ' | '\t' | '\r' => {
                    self.rest.next();
                }
                '#' => while self.rest.next_if(|c| *c != '\n').is_some() {},
                '|' => {
                    self.rest.next();
                    if self.rest.next_if_eq(&'|').is_some() {
                        self.begins = true;
                        return Some(Token::Or);
                    }
                    self.rest.next_if_eq(&'&');
                    if self.cases.last() == Some(&Branch::Pattern) {
                        continue;
                    }
                    self.begins = true;
                    return Some(if self.condition { Token::End } else { Token::Pipe });
                }
                ';' | '&' => {
                    self.rest.next();
                    self.begins = true;
                    let twice = self.rest.next_if_eq(&next).is_some();
                    if let (true, ';', Some(branch)) = (twice, next, self.cases.last_mut()) {
                        *branch = Branch::Pattern;
                    }
                    return Some(Token::End);
                }
                ')' => {
                    self.rest.next();
                    self.begins = true;
                    if let Some(branch) = self.cases.last_mut().filter(|b| **b == Branch::Pattern) {
                        *branch = Branch::Body;
                    }
                    return Some(Token::End);
                }
                '(' => {
                    self.rest.next();
                    if self.rest.next_if_eq(&'(').is_some() {
                        self.pass_to("))");
                    }
                    self.begins = true;
                    return Some(Token::End);
                }
                '>' => {
                    self.rest.next();
                    // `>|` overwrites, and `>&1` follows: neither is between commands.
                    self.rest.next_if(|c| matches!(c, '|' | '&'));
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
