//! Builds the tree from the tokens, by Go's grammar, and refuses what a path has no use for.
use crate::ast::{Command, Field, Kind, Node, Operand, Pipeline};
use crate::error::TemplateError;
use crate::lex::{Token, TokenKind, lex};
use crate::{TEMPLATE_MAX, literal};

/// Parentheses within parentheses; more is nobody's path, and the parser recurses.
const DEPTH: usize = 50;
/// Words of Go's templates that are not names of functions.
const KEYWORDS: [&str; 10] = [
    "if", "else", "end", "range", "with", "define", "block", "template", "break", "continue",
];

/// Parses a template.
pub fn parse(text: &str) -> Result<Vec<Node>, TemplateError> {
    if text.len() > TEMPLATE_MAX {
        return Err(TemplateError::at(
            text,
            TEMPLATE_MAX,
            format!("a template has at most {TEMPLATE_MAX} bytes"),
        ));
    }
    let tokens = lex(text)?;
    let mut parser = Parser {
        text,
        tokens: tokens.into_iter().peekable(),
        depth: 0,
    };
    let mut nodes = Vec::new();
    loop {
        let token = parser.next();
        match token.kind {
            TokenKind::Text => nodes.push(Node::Text(token.text)),
            TokenKind::Left => nodes.push(Node::Action(parser.pipeline(TokenKind::Right, token.at)?)),
            _ => return Ok(nodes),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Token {
        let end = Token {
            kind: TokenKind::End,
            text: String::new(),
            at: self.text.len(),
        };
        self.tokens.next().unwrap_or(end)
    }

    fn peek(&mut self) -> TokenKind {
        self.tokens.peek().map_or(TokenKind::End, |t| t.kind)
    }

    fn skip_spaces(&mut self) {
        while self.peek() == TokenKind::Space {
            self.next();
        }
    }

    fn fail<T>(&self, at: usize, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError::at(self.text, at, message))
    }

    /// Commands up to and including the token that ends them.
    fn pipeline(&mut self, end: TokenKind, at: usize) -> Result<Pipeline, TemplateError> {
        let mut commands = Vec::new();
        loop {
            self.skip_spaces();
            let first = self.peek();
            if first == end || first == TokenKind::Pipe {
                let token = self.next();
                let message = if commands.is_empty() && first == end {
                    "nothing to print here"
                } else {
                    "a command is missing here"
                };
                return self.fail(token.at, message);
            }
            let command = self.command()?;
            if !commands.is_empty() && !matches!(command.head.kind, Kind::Function(_) | Kind::Chain(..)) {
                return self.fail(command.head.at, "only a function can be given a value by |");
            }
            commands.push(command);
            let token = self.next();
            if token.kind == end {
                return Ok(Pipeline { commands, at });
            }
            if token.kind != TokenKind::Pipe {
                return self.fail(token.at, unexpected(&token));
            }
        }
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
                    let token = self.next();
                    return self.fail(
                        token.at,
                        format!("{}; operands are separated by spaces", unexpected(&token)),
                    );
                }
            }
        }
    }

    fn at_end_of_command(&mut self) -> bool {
        matches!(
            self.peek(),
            TokenKind::Pipe | TokenKind::Right | TokenKind::Close | TokenKind::End
        )
    }

    /// A term and the methods that follow it without a space.
    fn operand(&mut self) -> Result<Operand, TemplateError> {
        let term = self.term()?;
        let mut fields = Vec::new();
        while self.peek() == TokenKind::Field {
            let token = self.next();
            fields.push(Field {
                name: token.text.trim_start_matches('.').into(),
                at: token.at,
            });
        }
        let Some(first) = fields.first() else { return Ok(term) };
        if !matches!(term.kind, Kind::Function(_) | Kind::Group(_)) {
            return self.fail(first.at, "a literal has no fields or methods");
        }
        let at = term.at;
        Ok(Operand {
            kind: Kind::Chain(Box::new(term), fields),
            at,
        })
    }

    fn term(&mut self) -> Result<Operand, TemplateError> {
        let token = self.next();
        let at = token.at;
        let text = self.text;
        let placed = |message: String| TemplateError::at(text, at, message);
        let kind = match token.kind {
            TokenKind::Word => match token.text.as_str() {
                "true" => Kind::Bool(true),
                "false" => Kind::Bool(false),
                "nil" => return self.fail(at, "nil is not available in a path"),
                word if KEYWORDS.contains(&word) => {
                    return self.fail(
                        at,
                        format!("{word:?} is not available: a path is made of text and of actions that print a value"),
                    );
                }
                _ => Kind::Function(token.text),
            },
            TokenKind::Number => Kind::Number(literal::number(&token.text).map_err(placed)?),
            TokenKind::Char => Kind::Number(literal::character(&token.text).map_err(placed)?),
            TokenKind::Quoted => Kind::Text(literal::quoted(&token.text).map_err(placed)?),
            TokenKind::Raw => Kind::Text(literal::raw(&token.text)),
            TokenKind::Open => {
                self.depth += 1;
                if self.depth > DEPTH {
                    return self.fail(at, format!("more than {DEPTH} parentheses within each other"));
                }
                let pipeline = self.pipeline(TokenKind::Close, at)?;
                self.depth -= 1;
                Kind::Group(Box::new(pipeline))
            }
            TokenKind::Dot | TokenKind::Field => {
                let hint = if token.text == "." {
                    ""
                } else {
                    "; to call a method, put it right behind a value, as in now.Unix"
                };
                return self.fail(at, format!("{:?}: a path template has no data{hint}", token.text));
            }
            TokenKind::Variable => {
                return self.fail(at, format!("{:?}: variables are not available in a path", token.text));
            }
            _ => return self.fail(at, unexpected(&token)),
        };
        Ok(Operand { kind, at })
    }
}

fn unexpected(token: &Token) -> String {
    match token.kind {
        TokenKind::End => "unexpected end of the template".into(),
        TokenKind::Other if matches!(token.text.as_str(), ":" | "=") => "variables are not available in a path".into(),
        _ => format!("unexpected {:?}", token.text),
    }
}
