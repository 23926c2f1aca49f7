//! Builds the trees from the tokens, by Go's grammar.
use std::collections::BTreeMap;

use crate::ast::{Branch, Command, Field, Kind, Node, Operand, Pipeline};
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
        End::Text => Ok(Trees {
            root,
            definitions: parser.definitions,
        }),
        End::Else(at) => parser.fail(at, "else without if, with or range before it"),
        End::End(at) => parser.fail(at, "end without if, with, range, block or define before it"),
    }
}

/// What ended a list of nodes, and where.
#[derive(Clone, Copy)]
enum End {
    /// The end of the template.
    Text,
    /// `{{ end }}`.
    End(usize),
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
    fn list(&mut self, top: bool) -> Result<(Vec<Node>, End), TemplateError> {
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
                            return Ok((nodes, End::End(keyword.at)));
                        }
                        "else" => {
                            self.next += 1;
                            return Ok((nodes, End::Else(keyword.at)));
                        }
                        "define" if !top => {
                            return self.fail(keyword.at, "define stands only at the top, not within another action");
                        }
                        _ => nodes.extend(self.action(&keyword, token.at)?),
                    }
                }
                _ => return Ok((nodes, End::Text)),
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
        if !matches!(end, End::End(_)) {
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

    fn unclosed<T>(&self, end: End, at: usize, word: &str) -> Result<T, TemplateError> {
        match end {
            End::Else(at) => self.fail(at, format!("else within a {word}, or a second one")),
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
            End::End(_) => Vec::new(),
            End::Text => return self.unclosed(end, at, word),
            End::Else(else_at) => self.otherwise(word, at, else_at)?,
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
                    End::End(_) => Ok(nodes),
                    End::Text => self.unclosed(end, at, word),
                    End::Else(_) => self.fail(else_at, "a second else, or one that should be an else if"),
                }
            }
        }
    }

    /// Commands up to and including the token that ends them, and the variables that take their value.
    fn pipeline(&mut self, end: TokenKind, at: usize, range: bool) -> Result<Pipeline, TemplateError> {
        let mut pipeline = Pipeline {
            variables: Vec::new(),
            assigns: false,
            commands: Vec::new(),
            at,
        };
        self.variables(&mut pipeline, range)?;
        loop {
            self.skip_spaces();
            let first = self.peek();
            if first == end || first == TokenKind::Pipe {
                let token = self.take();
                let message = if pipeline.commands.is_empty() && first == end {
                    "a value is missing here"
                } else {
                    "a command is missing here"
                };
                return self.fail(token.at, message);
            }
            let command = self.command()?;
            let literal = matches!(
                command.head.kind,
                Kind::Text(_) | Kind::Number(_) | Kind::Bool(_) | Kind::Nil | Kind::Dot
            );
            if !pipeline.commands.is_empty() && literal {
                return self.fail(command.head.at, "only a function can be given a value by |");
            }
            pipeline.commands.push(command);
            let token = self.take();
            if token.kind == end {
                return Ok(pipeline);
            }
            if token.kind != TokenKind::Pipe {
                return self.fail(token.at, unexpected(&token));
            }
        }
    }

    /// `$x :=`, `$x =`, and before a range's pipeline `$i, $x :=`.
    fn variables(&mut self, pipeline: &mut Pipeline, range: bool) -> Result<(), TemplateError> {
        loop {
            self.skip_spaces();
            if self.peek() != TokenKind::Variable {
                return Ok(());
            }
            let mark = self.next;
            let variable = self.take();
            self.skip_spaces();
            match self.peek() {
                TokenKind::Assign | TokenKind::Declare => {
                    pipeline.assigns = self.take().kind == TokenKind::Assign;
                    if pipeline.assigns
                        && let Some(name) = std::iter::once(&variable.text)
                            .chain(&pipeline.variables)
                            .find(|name| !self.is_declared(name))
                    {
                        return self.fail(variable.at, format!("undefined variable {name:?}; := declares it"));
                    }
                    pipeline.variables.push(variable.text);
                    self.variables.extend(pipeline.variables.iter().cloned());
                    return Ok(());
                }
                TokenKind::Comma if range && pipeline.variables.is_empty() => {
                    let comma = self.take();
                    self.skip_spaces();
                    if self.peek() != TokenKind::Variable {
                        return self.fail(comma.at, "a second variable is missing behind the comma");
                    }
                    pipeline.variables.push(variable.text);
                }
                TokenKind::Comma => return self.fail(variable.at, "too many variables here"),
                _ if pipeline.variables.is_empty() => {
                    self.next = mark;
                    return Ok(());
                }
                _ => return self.fail(variable.at, ":= or = is missing behind the variables"),
            }
        }
    }

    fn is_declared(&self, name: &str) -> bool {
        self.variables.iter().any(|v| v == name)
    }

    /// Operands up to a pipe or the end of the pipeline, which stays.
    fn command(&mut self) -> Result<Command, TemplateError> {
        let head = self.operand()?;
        let mut arguments = Vec::new();
        loop {
            match self.peek() {
                TokenKind::Space => {
                    self.skip_spaces();
                    if !self.at_end_of_command() {
                        arguments.push(self.operand()?);
                    }
                }
                _ if self.at_end_of_command() => return Ok(Command { head, arguments }),
                _ => {
                    let token = self.take();
                    return self.fail(
                        token.at,
                        format!("{}; operands are separated by spaces", unexpected(&token)),
                    );
                }
            }
        }
    }

    fn at_end_of_command(&self) -> bool {
        matches!(
            self.peek(),
            TokenKind::Pipe | TokenKind::Right | TokenKind::Close | TokenKind::End
        )
    }

    /// A term and the fields and methods that follow it without a space.
    fn operand(&mut self) -> Result<Operand, TemplateError> {
        let term = self.term()?;
        let mut fields = Vec::new();
        while self.peek() == TokenKind::Field {
            fields.push(field(&self.take()));
        }
        let Some(first) = fields.first() else { return Ok(term) };
        let at = term.at;
        let kind = match term.kind {
            Kind::Fields(mut before) => {
                before.append(&mut fields);
                Kind::Fields(before)
            }
            Kind::Variable(name, mut before) => {
                before.append(&mut fields);
                Kind::Variable(name, before)
            }
            Kind::Function(_) | Kind::Group(_) => Kind::Chain(Box::new(term), fields),
            Kind::Nil => return self.fail(first.at, "nil has no fields"),
            Kind::Dot => return self.fail(first.at, "one dot too many"),
            _ => return self.fail(first.at, "a literal has no fields or methods"),
        };
        Ok(Operand { kind, at })
    }

    fn term(&mut self) -> Result<Operand, TemplateError> {
        let token = self.take();
        let behind = self.tokens.iter().skip(self.next).find(|t| t.kind != TokenKind::Space);
        let declares = behind.is_some_and(|t| matches!(t.kind, TokenKind::Declare | TokenKind::Assign));
        let at = token.at;
        let text = self.text;
        let placed = |message: String| TemplateError::at(text, at, message);
        let kind = match token.kind {
            TokenKind::Word => match token.text.as_str() {
                "true" => Kind::Bool(true),
                "false" => Kind::Bool(false),
                "nil" => Kind::Nil,
                "if" | "else" | "end" | "range" | "with" | "define" | "block" | "template" | "break" | "continue" => {
                    return self.fail(at, format!("{:?} begins an action and cannot stand here", token.text));
                }
                _ if declares => return self.fail(at, format!("variables begin with $: ${}", token.text)),
                _ => Kind::Function(token.text),
            },
            TokenKind::Number => Kind::Number(literal::number(&token.text).map_err(placed)?),
            TokenKind::Char => Kind::Number(literal::character(&token.text).map_err(placed)?),
            TokenKind::Quoted => Kind::Text(literal::quoted(&token.text).map_err(placed)?),
            TokenKind::Raw => Kind::Text(literal::raw(&token.text)),
            TokenKind::Open => {
                self.deeper(at)?;
                let pipeline = self.pipeline(TokenKind::Close, at, false)?;
                self.depth -= 1;
                Kind::Group(Box::new(pipeline))
            }
            TokenKind::Dot => Kind::Dot,
            TokenKind::Field => Kind::Fields(vec![field(&token)]),
            TokenKind::Variable => {
                if !self.variables.contains(&token.text) {
                    return self.fail(at, format!("undefined variable {:?}", token.text));
                }
                Kind::Variable(token.text, Vec::new())
            }
            _ => return self.fail(at, unexpected(&token)),
        };
        Ok(Operand { kind, at })
    }
}

fn field(token: &Token) -> Field {
    Field {
        name: token.text.trim_start_matches('.').into(),
        at: token.at,
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
