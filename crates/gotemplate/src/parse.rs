//! Builds the trees from the tokens, by Go's grammar: text, actions and definitions.
mod pipeline;

use std::collections::BTreeMap;

use crate::ast::{Branch, Node};
use crate::error::TemplateError;
use crate::lex::{Token, TokenKind, lex};
use crate::{TEMPLATE_MAX, literal};

/// Parentheses and control actions within each other; more is nobody's path, and the parser recurses.
const DEPTH: usize = 50;

/// The trees of a template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trees {
    /// What is rendered.
    pub root: Vec<Node>,
    /// By `{{ define }}` and `{{ block }}`.
    pub definitions: BTreeMap<String, Vec<Node>>,
}

/// Parses a template.
pub fn parse(text: &str) -> Result<Trees, TemplateError> {
    if text.len() > TEMPLATE_MAX {
        return Err(TemplateError::at(
            text,
            TEMPLATE_MAX,
            format!("a template has at most {TEMPLATE_MAX} bytes"),
        ));
    }
    let mut parser = Parser {
        text,
        tokens: lex(text)?,
        next: 0,
        depth: 0,
        variables: vec!["$".into()],
        ranges: 0,
        definitions: BTreeMap::new(),
    };
    let (root, end) = parser.list(true)?;
    match end {
        Ending::Text => Ok(Trees {
            root,
            definitions: parser.definitions,
        }),
        Ending::Else(at) => parser.fail(at, "else without if, with or range before it"),
        Ending::Closed(at) => parser.fail(at, "end without if, with, range, block or define before it"),
    }
}

/// What ended a list of nodes, and where.
#[derive(Clone, Copy)]
enum Ending {
    /// The end of the template.
    Text,
    /// `{{ end }}`.
    Closed(usize),
    /// `{{ else`; what follows is not taken yet.
    Else(usize),
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    /// The variables that may be named here.
    variables: Vec<String>,
    /// How many ranges this is in.
    ranges: usize,
    definitions: BTreeMap<String, Vec<Node>>,
}

impl Parser<'_> {
    fn take(&mut self) -> Token {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token.unwrap_or(Token {
            kind: TokenKind::End,
            text: String::new(),
            at: self.text.len(),
        })
    }

    fn peek(&self) -> TokenKind {
        self.tokens.get(self.next).map_or(TokenKind::End, |t| t.kind)
    }

    fn skip_spaces(&mut self) {
        while self.peek() == TokenKind::Space {
            self.next += 1;
        }
    }

    fn take_solid(&mut self) -> Token {
        self.skip_spaces();
        self.take()
    }

    fn fail<T>(&self, at: usize, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError::at(self.text, at, message))
    }

    fn deeper(&mut self, at: usize) -> Result<(), TemplateError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.fail(
                at,
                format!("more than {DEPTH} parentheses or actions within each other"),
            );
        }
        Ok(())
    }

    /// Nodes up to an end, which is taken.
    fn list(&mut self, top: bool) -> Result<(Vec<Node>, Ending), TemplateError> {
        let mut nodes = Vec::new();
        loop {
            let token = self.take();
            match token.kind {
                TokenKind::Text => nodes.push(Node::Text(token.text, token.at)),
                TokenKind::Left => {
                    self.skip_spaces();
                    let keyword = match self.tokens.get(self.next) {
                        Some(word) if word.kind == TokenKind::Word => word.clone(),
                        _ => {
                            nodes.push(Node::Action(self.pipeline(TokenKind::Right, token.at, false)?));
                            continue;
                        }
                    };
                    match keyword.text.as_str() {
                        "end" => {
                            self.next += 1;
                            self.right("end")?;
                            return Ok((nodes, Ending::Closed(keyword.at)));
                        }
                        "else" => {
                            self.next += 1;
                            return Ok((nodes, Ending::Else(keyword.at)));
                        }
                        "define" if !top => {
                            return self.fail(keyword.at, "define stands only at the top, not within another action");
                        }
                        _ => nodes.extend(self.action(&keyword, token.at)?),
                    }
                }
                _ => return Ok((nodes, Ending::Text)),
            }
        }
    }

    /// An action whose first word is seen but not taken.
    fn action(&mut self, keyword: &Token, at: usize) -> Result<Option<Node>, TemplateError> {
        let word = keyword.text.as_str();
        if !matches!(
            word,
            "if" | "with" | "range" | "template" | "block" | "define" | "break" | "continue"
        ) {
            return Ok(Some(Node::Action(self.pipeline(TokenKind::Right, at, false)?)));
        }
        self.next += 1;
        let node = match word {
            "if" => Node::If(self.branch("if", keyword.at)?),
            "with" => Node::With(self.branch("with", keyword.at)?),
            "range" => Node::Range(self.branch("range", keyword.at)?),
            "break" | "continue" => {
                self.right(word)?;
                if self.ranges == 0 {
                    return self.fail(keyword.at, format!("{word} outside of a range"));
                }
                if word == "break" { Node::Break } else { Node::Continue }
            }
            "template" => {
                let (name, at) = self.name(word)?;
                self.skip_spaces();
                let pipeline = if self.peek() == TokenKind::Right {
                    self.next += 1;
                    None
                } else {
                    Some(self.pipeline(TokenKind::Right, at, false)?)
                };
                Node::Template { name, pipeline, at }
            }
            "block" => {
                let (name, at) = self.name(word)?;
                let pipeline = self.pipeline(TokenKind::Right, at, false)?;
                self.definition(&name, at)?;
                Node::Template {
                    name,
                    pipeline: Some(pipeline),
                    at,
                }
            }
            _ => {
                let (name, at) = self.name(word)?;
                self.right("define")?;
                self.definition(&name, at)?;
                return Ok(None);
            }
        };
        Ok(Some(node))
    }

    fn right(&mut self, word: &str) -> Result<(), TemplateError> {
        let token = self.take_solid();
        if token.kind == TokenKind::Right {
            return Ok(());
        }
        self.fail(token.at, format!("{} after {word}", unexpected(&token)))
    }

    /// The name of a definition, a text.
    fn name(&mut self, word: &str) -> Result<(String, usize), TemplateError> {
        let token = self.take_solid();
        let name = match token.kind {
            TokenKind::Quoted => literal::quoted(&token.text).or_else(|e| self.fail(token.at, e))?,
            TokenKind::Raw => literal::raw(&token.text),
            _ => return self.fail(token.at, format!("{word} wants a name in quotes here")),
        };
        Ok((name, token.at))
    }

    /// What a definition consists of, up to its end; it sees no variables but `$`.
    fn definition(&mut self, name: &str, at: usize) -> Result<(), TemplateError> {
        self.deeper(at)?;
        let variables = std::mem::replace(&mut self.variables, vec!["$".into()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (nodes, end) = self.list(false)?;
        if !matches!(end, Ending::Closed(_)) {
            return self.unclosed(end, at, "definition");
        }
        self.variables = variables;
        self.ranges = ranges;
        self.depth -= 1;
        match self.definitions.get(name) {
            Some(there) if !is_blank(there) => {
                if !is_blank(&nodes) {
                    return self.fail(at, format!("{name:?} is defined twice"));
                }
            }
            _ => {
                self.definitions.insert(name.into(), nodes);
            }
        }
        Ok(())
    }

    fn unclosed<T>(&self, end: Ending, at: usize, word: &str) -> Result<T, TemplateError> {
        match end {
            Ending::Else(at) => self.fail(at, format!("else within a {word}, or a second one")),
            _ => self.fail(at, format!("the end of this {word} is missing: {{{{ end }}}}")),
        }
    }

    fn branch(&mut self, word: &str, at: usize) -> Result<Branch, TemplateError> {
        self.deeper(at)?;
        let seen = self.variables.len();
        let pipeline = self.pipeline(TokenKind::Right, at, word == "range")?;
        self.ranges += usize::from(word == "range");
        let (body, end) = self.list(false)?;
        self.ranges -= usize::from(word == "range");
        let otherwise = match end {
            Ending::Closed(_) => Vec::new(),
            Ending::Text => return self.unclosed(end, at, word),
            Ending::Else(else_at) => self.otherwise(word, at, else_at)?,
        };
        self.variables.truncate(seen);
        self.depth -= 1;
        Ok(Branch {
            pipeline,
            body,
            otherwise,
        })
    }

    /// Behind `else`: the rest of a chain of `else if` or `else with`, whose one end serves all, or a list.
    fn otherwise(&mut self, word: &str, at: usize, else_at: usize) -> Result<Vec<Node>, TemplateError> {
        self.skip_spaces();
        let chained = self
            .tokens
            .get(self.next)
            .filter(|t| t.kind == TokenKind::Word)
            .cloned();
        match chained {
            Some(next) if next.text == word && word != "range" => {
                self.next += 1;
                let branch = self.branch(word, next.at)?;
                Ok(vec![if word == "if" {
                    Node::If(branch)
                } else {
                    Node::With(branch)
                }])
            }
            Some(next) => self.fail(
                next.at,
                format!("{:?} cannot stand behind the else of a {word}", next.text),
            ),
            None => {
                self.right("else")?;
                let (nodes, end) = self.list(false)?;
                match end {
                    Ending::Closed(_) => Ok(nodes),
                    Ending::Text => self.unclosed(end, at, word),
                    Ending::Else(_) => self.fail(else_at, "a second else, or one that should be an else if"),
                }
            }
        }
    }
}

/// Nothing but white space: such a definition gives way to another of its name.
fn is_blank(nodes: &[Node]) -> bool {
    nodes
        .iter()
        .all(|node| matches!(node, Node::Text(text, _) if text.trim().is_empty()))
}

fn unexpected(token: &Token) -> String {
    match token.kind {
        TokenKind::End => "unexpected end of the template".into(),
        _ => format!("unexpected {:?}", token.text),
    }
}
