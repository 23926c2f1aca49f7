//! Cuts a template into text and tokens, by the rules of Go's lexer: trim markers, comments, and where spaces matter.
use crate::error::TemplateError;
use crate::go::unicode::{self, Property};

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
/// What trim markers trim and what separates operands.
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// A token and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// The text that it was made from; of a `Text`, what trimming has left.
    pub text: String,
    /// Byte offset.
    pub at: usize,
}

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Text,
    Left,
    Right,
    Space,
    Word,
    Field,
    Dot,
    Variable,
    Number,
    Char,
    Quoted,
    Raw,
    Pipe,
    Open,
    Close,
    /// `=`
    Assign,
    /// `:=`
    Declare,
    /// `,`
    Comma,
    End,
}

/// Cuts the whole template.
pub fn lex(text: &str) -> Result<Vec<Token>, TemplateError> {
    let mut lexer = Lexer {
        text,
        at: 0,
        tokens: Vec::new(),
    };
    while lexer.text()? {
        lexer.action()?;
    }
    lexer.push(TokenKind::End, text.len(), "");
    Ok(lexer.tokens)
}

/// What names are made of.
fn is_alphanumeric(c: char) -> bool {
    c == '_' || unicode::is(Property::Letter, c) || unicode::is(Property::Digit, c)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn push(&mut self, kind: TokenKind, at: usize, text: &str) {
        self.tokens.push(Token {
            kind,
            text: text.into(),
            at,
        });
    }

    fn fail<T>(&self, at: usize, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError::at(self.text, at, message))
    }

    /// Text up to the next action, comments skipped; false at the end.
    fn text(&mut self) -> Result<bool, TemplateError> {
        loop {
            let start = self.at;
            let Some(found) = self.rest().find(LEFT) else {
                let rest = self.rest();
                if !rest.is_empty() {
                    self.push(TokenKind::Text, start, rest);
                }
                return Ok(false);
            };
            let before = self.rest().get(..found).unwrap_or_default();
            let left = start + found;
            self.at = left + LEFT.len();
            let trim = self.rest().starts_with('-') && self.rest().get(1..).is_some_and(|r| r.starts_with(SPACES));
            let before = if trim { before.trim_end_matches(SPACES) } else { before };
            if !before.is_empty() {
                self.push(TokenKind::Text, start, before);
            }
            if trim {
                self.at += 2;
            }
            if !self.rest().starts_with("/*") {
                self.push(TokenKind::Left, left, LEFT);
                return Ok(true);
            }
            // Of `/*/` the slash does not end it.
            self.at += 2;
            let Some(end) = self.rest().find("*/") else {
                return self.fail(left, "unclosed comment");
            };
            self.at += end + 2;
            match self.at_right() {
                Some(trim) => self.skip_right(trim),
                None => return self.fail(self.at, "a comment has to fill its whole action: {{/* ... */}}"),
            }
        }
    }

    /// At `}}` (false) or ` -}}` (true)?
    fn at_right(&self) -> Option<bool> {
        let rest = self.rest();
        if rest.starts_with(RIGHT) {
            return Some(false);
        }
        rest.strip_prefix(SPACES)
            .is_some_and(|r| r.starts_with("-}}"))
            .then_some(true)
    }

    fn skip_right(&mut self, trim: bool) {
        self.at += if trim { 2 + RIGHT.len() } else { RIGHT.len() };
        if trim {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches(SPACES).len();
        }
    }

    fn action(&mut self) -> Result<(), TemplateError> {
        let mut open = Vec::new();
        loop {
            let at = self.at;
            if let Some(trim) = self.at_right() {
                if let Some(paren) = open.pop() {
                    return self.fail(paren, "unclosed left paren");
                }
                self.push(TokenKind::Right, at, RIGHT);
                self.skip_right(trim);
                return Ok(());
            }
            let Some(c) = self.peek() else {
                return self.fail(at, "unclosed action: }} is missing");
            };
            match c {
                c if SPACES.contains(&c) => self.spaces(),
                '|' => self.one(TokenKind::Pipe),
                '(' => {
                    open.push(at);
                    self.one(TokenKind::Open);
                }
                ')' if open.pop().is_none() => return self.fail(at, "unexpected right paren"),
                ')' => self.one(TokenKind::Close),
                '"' | '\'' => self.quoted(c)?,
                '`' => self.raw()?,
                '.' if !self
                    .rest()
                    .get(1..)
                    .is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit())) =>
                {
                    self.field()?
                }
                '+' | '-' | '.' | '0'..='9' => self.number()?,
                '$' => self.name(TokenKind::Variable)?,
                c if is_alphanumeric(c) => self.name(TokenKind::Word)?,
                '=' => self.one(TokenKind::Assign),
                ',' => self.one(TokenKind::Comma),
                ':' if self.rest().starts_with(":=") => {
                    self.at += 2;
                    self.push(TokenKind::Declare, at, ":=");
                }
                ':' => return self.fail(at, "expected :="),
                c => return self.fail(at, format!("unexpected {c:?} in an action")),
            }
        }
    }

    fn one(&mut self, kind: TokenKind) {
        let at = self.at;
        self.at += 1;
        let text = self.text.get(at..self.at).unwrap_or_default();
        self.push(kind, at, text);
    }

    /// A run of spaces; the last of them may belong to ` -}}`.
    fn spaces(&mut self) {
        let start = self.at;
        while self.peek().is_some_and(|c| SPACES.contains(&c)) && self.at_right() != Some(true) {
            self.at += 1;
        }
        if self.at > start {
            self.push(TokenKind::Space, start, " ");
        }
    }

    fn quoted(&mut self, quote: char) -> Result<(), TemplateError> {
        let start = self.at;
        let mut chars = self.rest().char_indices().skip(1);
        let kind = if quote == '"' {
            TokenKind::Quoted
        } else {
            TokenKind::Char
        };
        while let Some((i, c)) = chars.next() {
            match c {
                '\n' => break,
                '\\' if chars.next().is_none_or(|(_, c)| c == '\n') => break,
                c if c == quote => {
                    self.at = start + i + 1;
                    let text = self.text.get(start..self.at).unwrap_or_default();
                    self.push(kind, start, text);
                    return Ok(());
                }
                _ => {}
            }
        }
        let what = if kind == TokenKind::Quoted {
            "quoted string"
        } else {
            "character constant"
        };
        self.fail(start, format!("unterminated {what}"))
    }

    fn raw(&mut self) -> Result<(), TemplateError> {
        let start = self.at;
        let Some(end) = self.rest().get(1..).and_then(|r| r.find('`')) else {
            return self.fail(start, "unterminated raw quoted string");
        };
        self.at += end + 2;
        let text = self.text.get(start..self.at).unwrap_or_default();
        self.push(TokenKind::Raw, start, text);
        Ok(())
    }

    /// Whether a word may end here; keeps `a+b` and `a"b"` from reading as two operands.
    fn at_terminator(&self) -> bool {
        self.rest().starts_with(RIGHT)
            || self
                .peek()
                .is_none_or(|c| SPACES.contains(&c) || matches!(c, '.' | ',' | '|' | ':' | ')' | '('))
    }

    fn name(&mut self, kind: TokenKind) -> Result<(), TemplateError> {
        let start = self.at;
        let skipped = usize::from(kind != TokenKind::Word);
        let name = self.rest().get(skipped..).unwrap_or_default();
        let length = name.find(|c: char| !is_alphanumeric(c)).unwrap_or(name.len());
        self.at += skipped + length;
        if !self.at_terminator() {
            let c = self.peek().unwrap_or_default();
            return self.fail(
                self.at,
                format!("bad character {c:?} after a name; operands are separated by spaces"),
            );
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        self.push(kind, start, text);
        Ok(())
    }

    fn field(&mut self) -> Result<(), TemplateError> {
        let start = self.at;
        self.name(TokenKind::Field)?;
        if self.at == start + 1
            && let Some(last) = self.tokens.last_mut()
        {
            last.kind = TokenKind::Dot;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), TemplateError> {
        let start = self.at;
        let signed = self.rest().starts_with(['+', '-']);
        let mut previous = ' ';
        let length = self
            .rest()
            .char_indices()
            .skip(usize::from(signed))
            .find(|&(_, c)| {
                let exponent_sign = matches!(c, '+' | '-') && matches!(previous, 'e' | 'E' | 'p' | 'P');
                previous = c;
                !(c.is_alphanumeric() || matches!(c, '_' | '.') || exponent_sign)
            })
            .map_or(self.rest().len(), |(i, _)| i);
        self.at += length;
        let text = self.text.get(start..self.at).unwrap_or_default();
        self.push(TokenKind::Number, start, text);
        Ok(())
    }
}
