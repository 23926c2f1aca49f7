//! Renders the trees, by the rules of Go's `text/template`. Steps, depth, texts and lists are bounded, so that
//! rendering ends soon whatever was written.
mod args;
mod fields;
mod range;

use std::collections::BTreeMap;

use crate::Context;
use crate::ast::{Branch, Command, Kind, Node, Operand, Pipeline};
use crate::call::{Fault, State, WORK_MAX};
use crate::data;
use crate::error::TemplateError;
use crate::funcs::{self, Param};
use crate::go::print;
use crate::parse::Trees;
use crate::value::Value;

/// How deep actions, parentheses and templates may be within each other while rendering.
const DEPTH: usize = 100;

/// Renders the trees.
pub fn render(text: &str, trees: &Trees, context: &Context, max_bytes: usize) -> Result<String, TemplateError> {
    render_within(text, trees, context, max_bytes, &mut WORK_MAX.clone())
}

/// The same; what it does is taken off `left`, of which no more than one rendering's share is used.
pub fn render_within(
    text: &str,
    trees: &Trees,
    context: &Context,
    max_bytes: usize,
    left: &mut usize,
) -> Result<String, TemplateError> {
    let state = State::new(context, WORK_MAX.min(*left));
    let dot = data::dict(&state);
    let mut machine = Machine {
        state: &state,
        definitions: &trees.definitions,
        out: String::new(),
        max_bytes,
        variables: vec![("$", dot.clone())],
        depth: 0,
    };
    let walked = machine.walk(&dot, &trees.root);
    *left -= state.done();
    match walked {
        Ok(_) => Ok(machine.out),
        Err(fault) => Err(TemplateError::at(text, fault.at, fault.message)),
    }
}

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Machine<'a> {
    state: &'a State<'a>,
    definitions: &'a BTreeMap<String, Vec<Node>>,
    out: String,
    max_bytes: usize,
    variables: Vec<(&'a str, Value)>,
    depth: usize,
}

fn fault<T>(at: usize, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        at,
        message: message.into(),
    })
}

impl<'a> Machine<'a> {
    fn write(&mut self, piece: &str, at: usize) -> Result<(), Fault> {
        if self.out.len().saturating_add(piece.len()) > self.max_bytes {
            return fault(at, format!("the result is longer than {} bytes", self.max_bytes));
        }
        self.out.push_str(piece);
        Ok(())
    }

    fn deeper(&mut self, at: usize) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEPTH {
            return fault(
                at,
                format!("more than {DEPTH} actions, parentheses and templates within each other"),
            );
        }
        Ok(())
    }

    fn walk(&mut self, dot: &Value, nodes: &'a [Node]) -> Result<Flow, Fault> {
        for node in nodes {
            let flow = match node {
                Node::Text(text, at) => {
                    self.state.charge(text.len(), *at)?;
                    self.write(text, *at)?;
                    Flow::On
                }
                Node::Action(pipeline) => {
                    let value = self.pipeline(dot, pipeline)?;
                    if pipeline.variables.is_empty() {
                        self.print(dot, &value, pipeline)?;
                    }
                    Flow::On
                }
                Node::If(branch) => self.choose(dot, branch, false)?,
                Node::With(branch) => self.choose(dot, branch, true)?,
                Node::Range(branch) => self.range(dot, branch)?,
                Node::Template { name, pipeline, at } => {
                    self.template(dot, name, pipeline.as_ref(), *at)?;
                    Flow::On
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn print(&mut self, dot: &Value, value: &Value, pipeline: &'a Pipeline) -> Result<(), Fault> {
        let last = pipeline.commands.last().map(|c| &c.head);
        let at = last.map_or(pipeline.at, place);
        if matches!(value, Value::Missing | Value::Nil) {
            let hint = last.map(|operand| self.missing_key(dot, operand)).unwrap_or_default();
            return fault(at, format!("no value to print here{hint}; default gives one"));
        }
        let text = print::shown(value, self.state, at)?;
        self.write(&text, at)
    }

    fn choose(&mut self, dot: &Value, branch: &'a Branch, with: bool) -> Result<Flow, Fault> {
        self.deeper(branch.pipeline.at)?;
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipeline)?;
        let flow = if value.is_empty() {
            self.walk(dot, &branch.otherwise)?
        } else if with {
            self.walk(&value, &branch.body)?
        } else {
            self.walk(dot, &branch.body)?
        };
        self.variables.truncate(mark);
        self.depth -= 1;
        Ok(flow)
    }

    fn template(&mut self, dot: &Value, name: &str, pipeline: Option<&'a Pipeline>, at: usize) -> Result<(), Fault> {
        let Some(nodes) = self.definitions.get(name) else {
            return fault(at, format!("template {name:?} is not defined"));
        };
        self.deeper(at)?;
        let dot = match pipeline {
            Some(pipeline) => self.pipeline(dot, pipeline)?,
            None => Value::Missing,
        };
        let variables = std::mem::replace(&mut self.variables, vec![("$", dot.clone())]);
        self.walk(&dot, nodes)?;
        self.variables = variables;
        self.depth -= 1;
        Ok(())
    }

    fn pipeline(&mut self, dot: &Value, pipeline: &'a Pipeline) -> Result<Value, Fault> {
        self.deeper(pipeline.at)?;
        let mut last = None;
        for command in &pipeline.commands {
            self.state.charge(0, command.head.at)?;
            last = Some(match self.command(dot, command, last)? {
                Value::Nil => Value::Missing,
                value => value,
            });
        }
        let value = last.unwrap_or(Value::Missing);
        for name in &pipeline.variables {
            if pipeline.assigns {
                self.assign(name, value.clone(), pipeline.at)?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        self.depth -= 1;
        Ok(value)
    }

    fn assign(&mut self, name: &str, value: Value, at: usize) -> Result<(), Fault> {
        match self.variables.iter_mut().rev().find(|(n, _)| *n == name) {
            Some((_, there)) => {
                *there = value;
                Ok(())
            }
            None => fault(at, format!("undefined variable {name:?}")),
        }
    }

    fn variable(&self, name: &str, at: usize) -> Result<Value, Fault> {
        match self.variables.iter().rev().find(|(n, _)| *n == name) {
            Some((_, value)) => Ok(value.clone()),
            None => fault(at, format!("the variable {name:?} has no value here")),
        }
    }

    fn command(&mut self, dot: &Value, command: &'a Command, piped: Option<Value>) -> Result<Value, Fault> {
        let Command { head, arguments } = command;
        match &head.kind {
            Kind::Function(name) => self.invoke(dot, name, head.at, arguments, piped),
            Kind::Fields(fields) => self.chain(dot, dot.clone(), fields, arguments, piped),
            Kind::Variable(name, fields) if !fields.is_empty() => {
                let value = self.variable(name, head.at)?;
                self.chain(dot, value, fields, arguments, piped)
            }
            Kind::Chain(base, fields) => {
                let value = self.operand(dot, base)?;
                self.chain(dot, value, fields, arguments, piped)
            }
            _ if !arguments.is_empty() || piped.is_some() => {
                fault(head.at, "this is not a function and takes no arguments")
            }
            Kind::Nil => fault(head.at, "nil alone is no value"),
            _ => self.operand(dot, head),
        }
    }

    /// An operand where any type will do.
    fn operand(&mut self, dot: &Value, operand: &'a Operand) -> Result<Value, Fault> {
        match &operand.kind {
            Kind::Text(text) => Ok(Value::text(text.as_str())),
            Kind::Bool(bool) => Ok(Value::Bool(*bool)),
            Kind::Number(number) => args::ideal(*number, operand.at),
            Kind::Nil => Ok(Value::Nil),
            Kind::Dot => Ok(dot.clone()),
            Kind::Fields(fields) => self.chain(dot, dot.clone(), fields, &[], None),
            Kind::Variable(name, fields) => {
                let value = self.variable(name, operand.at)?;
                if fields.is_empty() {
                    Ok(value)
                } else {
                    self.chain(dot, value, fields, &[], None)
                }
            }
            Kind::Function(name) => self.invoke(dot, name, operand.at, &[], None),
            Kind::Group(pipeline) => self.pipeline(dot, pipeline),
            Kind::Chain(base, fields) => {
                let value = self.operand(dot, base)?;
                self.chain(dot, value, fields, &[], None)
            }
        }
    }

    fn invoke(
        &mut self,
        dot: &Value,
        name: &'a str,
        at: usize,
        operands: &'a [Operand],
        piped: Option<Value>,
    ) -> Result<Value, Fault> {
        let function = funcs::find(name).map_err(|message| Fault { at, message })?;
        let count = operands.len() + usize::from(piped.is_some());
        function.check(count).map_err(|message| Fault {
            at,
            message: format!("{name} {message}"),
        })?;
        if matches!(name, "and" | "or") {
            return self.decide(dot, name == "or", operands, piped);
        }
        let arguments = self.arguments(dot, name, at, |index| function.param(index), operands, piped)?;
        let call = crate::call::Call {
            name,
            at,
            arguments,
            state: self.state,
        };
        call.charge(call.arguments.iter().map(|a| a.value.weight()).sum())?;
        (function.run)(&call)
    }

    /// `and`, `or`: the first argument that decides, or the last; those behind it are not evaluated.
    fn decide(&mut self, dot: &Value, or: bool, operands: &'a [Operand], piped: Option<Value>) -> Result<Value, Fault> {
        let mut last = Value::Missing;
        for operand in operands {
            last = args::convert(Param::Raw, self.argument(dot, Param::Raw, operand)?, operand.at)?;
            if last.is_empty() != or {
                return Ok(last);
            }
        }
        Ok(piped.unwrap_or(last))
    }
}

/// Whether a parameter takes a literal; what is no literal is not known yet.
pub fn check_literal(name: &str, index: usize, param: Param, operand: &Operand) -> Result<(), Fault> {
    match args::literal(param, operand) {
        Some(Err(fault)) => Err(args::named(name, index, fault)),
        _ => Ok(()),
    }
}

/// Where to point at an operand: at the last of its fields.
fn place(operand: &Operand) -> usize {
    match &operand.kind {
        Kind::Fields(fields) | Kind::Variable(_, fields) | Kind::Chain(_, fields) => {
            fields.last().map_or(operand.at, |f| f.at)
        }
        _ => operand.at,
    }
}
