//! Pipelines: commands, their operands, and the variables that take their value.
use super::{Parser, unexpected};
use crate::ast::{Command, Field, Kind, Operand, Pipeline};
use crate::error::TemplateError;
use crate::lex::{Token, TokenKind};
use crate::literal;

impl Parser<'_> {
    /// Commands up to and including the token that ends them, and the variables that take their value.
    pub(super) fn pipeline(&mut self, end: TokenKind, at: usize, range: bool) -> Result<Pipeline, TemplateError> {
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
