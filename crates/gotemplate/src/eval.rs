//! Renders a tree. There are no loops and every text is bounded, so that rendering ends soon whatever was written.
use crate::Context;
use crate::ast::{Command, Kind, Node, Operand, Pipeline};
use crate::error::TemplateError;
use crate::literal::Number;
use crate::moment;
use crate::value::Value;
use crate::{TEMPLATE_MAX, funcs};

/// The longest text that any function may make, in bytes.
pub const TEXT_MAX: usize = TEMPLATE_MAX;

/// What went wrong and at which byte of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Byte offset.
    pub at: usize,
    /// In words.
    pub message: String,
}

/// A value given to a function, and where.
#[derive(Clone, Debug)]
pub struct Argument {
    /// The value as any type.
    pub value: Value,
    /// The literal, whose type the function chooses.
    pub literal: Option<Number>,
    /// Byte offset.
    pub at: usize,
}

/// A call of a function or method.
pub struct Call<'a> {
    /// Its name.
    pub name: &'a str,
    /// Byte offset of the name.
    pub at: usize,
    /// What it is given.
    pub arguments: Vec<Argument>,
    /// The clock.
    pub context: &'a Context,
}

impl Call<'_> {
    /// A fault of the call as a whole; the name is put before it.
    pub fn fault(&self, message: impl Into<String>) -> Fault {
        Fault {
            at: self.at,
            message: format!("{} {}", self.name, message.into()),
        }
    }

    fn argument(&self, index: usize) -> Result<&Argument, Fault> {
        self.arguments
            .get(index)
            .ok_or_else(|| self.fault(format!("wants more than {index} arguments")))
    }

    /// A fault of one argument: what was wanted there.
    pub fn wants(&self, index: usize, wanted: &str) -> Fault {
        let (at, got) = self
            .arguments
            .get(index)
            .map_or((self.at, "nothing".into()), |a| (a.at, a.value.kind()));
        let cure = match (wanted, self.arguments.get(index).map(|a| &a.value)) {
            ("an integer", Some(Value::Int64(_))) => "; put it through int",
            ("a text", Some(Value::Int(_) | Value::Int64(_) | Value::Float(_))) => "; put it through toString",
            ("a text", Some(Value::Time(_))) => "; put it through date",
            _ => "",
        };
        Fault {
            at,
            message: format!(
                "{} wants {wanted} as argument {}, not {got}{cure}",
                self.name,
                index + 1
            ),
        }
    }

    /// An argument of any type.
    pub fn value(&self, index: usize) -> Result<&Value, Fault> {
        Ok(&self.argument(index)?.value)
    }

    /// A text.
    pub fn text(&self, index: usize) -> Result<&str, Fault> {
        match &self.argument(index)?.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wants(index, "a text")),
        }
    }

    /// An `int`.
    pub fn int(&self, index: usize) -> Result<i64, Fault> {
        let argument = self.argument(index)?;
        match (&argument.value, argument.literal) {
            (_, Some(Number { int: Some(int), .. })) | (&Value::Int(int), _) => Ok(int),
            _ => Err(self.wants(index, "an integer")),
        }
    }

    /// A `time.Duration` in nanoseconds: nothing in a template has that type but a literal.
    pub fn nanoseconds(&self, index: usize) -> Result<i64, Fault> {
        let literal = self.argument(index)?.literal.and_then(|number| number.int);
        literal.ok_or_else(|| self.wants(index, "a literal number of nanoseconds"))
    }

    /// A bool.
    pub fn bool(&self, index: usize) -> Result<bool, Fault> {
        match self.argument(index)?.value {
            Value::Bool(bool) => Ok(bool),
            _ => Err(self.wants(index, "true or false")),
        }
    }
}

/// Renders the nodes.
pub fn render(text: &str, nodes: &[Node], context: &Context, max_bytes: usize) -> Result<String, TemplateError> {
    let mut out = String::new();
    for node in nodes {
        let (piece, at) = match node {
            Node::Text(piece) => (piece.clone(), 0),
            Node::Action(pipeline) => {
                let value = run(pipeline, context).map_err(|f| TemplateError::at(text, f.at, f.message))?;
                let last = pipeline.commands.last().map_or(pipeline.at, |c| c.head.at);
                (
                    value
                        .print()
                        .map_err(|message| TemplateError::at(text, last, message))?,
                    last,
                )
            }
        };
        if out.len().saturating_add(piece.len()) > max_bytes {
            return Err(TemplateError::at(
                text,
                at,
                format!("the result is longer than {max_bytes} bytes"),
            ));
        }
        out.push_str(&piece);
    }
    Ok(out)
}

fn run(pipeline: &Pipeline, context: &Context) -> Result<Value, Fault> {
    let mut last = None;
    for command in &pipeline.commands {
        last = Some(execute(command, last, context)?);
    }
    last.ok_or_else(|| Fault {
        at: pipeline.at,
        message: "nothing to print here".into(),
    })
}

fn execute(command: &Command, piped: Option<Value>, context: &Context) -> Result<Value, Fault> {
    let at = command.head.at;
    match &command.head.kind {
        Kind::Function(name) => invoke(name, at, &command.arguments, piped, context),
        Kind::Chain(base, fields) => {
            let (last, inner) = fields.split_last().ok_or_else(|| Fault {
                at,
                message: "a method is missing".into(),
            })?;
            let receiver = follow(base, inner, context)?;
            let arguments = evaluate(&command.arguments, piped, at, context)?;
            bounded(
                moment::call(
                    &receiver,
                    &Call {
                        name: &last.name,
                        at: last.at,
                        arguments,
                        context,
                    },
                )?,
                last.at,
            )
        }
        _ if !command.arguments.is_empty() || piped.is_some() => Err(Fault {
            at,
            message: "this is not a function and takes no arguments".into(),
        }),
        _ => operand(&command.head, context),
    }
}

fn follow(base: &Operand, fields: &[crate::ast::Field], context: &Context) -> Result<Value, Fault> {
    let mut value = operand(base, context)?;
    for field in fields {
        value = moment::call(
            &value,
            &Call {
                name: &field.name,
                at: field.at,
                arguments: Vec::new(),
                context,
            },
        )?;
    }
    Ok(value)
}

fn invoke(
    name: &str,
    at: usize,
    operands: &[Operand],
    piped: Option<Value>,
    context: &Context,
) -> Result<Value, Fault> {
    if matches!(name, "and" | "or") {
        return choose(name == "or", at, operands, piped, context);
    }
    let function = funcs::find(name).map_err(|message| Fault { at, message })?;
    let call = Call {
        name,
        at,
        arguments: evaluate(operands, piped, at, context)?,
        context,
    };
    function
        .check(call.arguments.len())
        .map_err(|message| call.fault(message))?;
    bounded((function.run)(&call)?, at)
}

/// `and`, `or`: the first argument that decides, or the last; those behind it are not evaluated.
fn choose(or: bool, at: usize, operands: &[Operand], piped: Option<Value>, context: &Context) -> Result<Value, Fault> {
    let mut last = None;
    for op in operands {
        let value = operand(op, context)?;
        if value.is_empty() != or {
            return Ok(value);
        }
        last = Some(value);
    }
    let word = if or { "or" } else { "and" };
    piped.or(last).ok_or_else(|| Fault {
        at,
        message: format!("{word} wants at least 1 argument, not 0"),
    })
}

fn evaluate(operands: &[Operand], piped: Option<Value>, at: usize, context: &Context) -> Result<Vec<Argument>, Fault> {
    let mut arguments = Vec::with_capacity(operands.len() + 1);
    for op in operands {
        let literal = if let Kind::Number(number) = op.kind {
            Some(number)
        } else {
            None
        };
        arguments.push(Argument {
            value: operand(op, context)?,
            literal,
            at: op.at,
        });
    }
    arguments.extend(piped.map(|value| Argument {
        value,
        literal: None,
        at,
    }));
    Ok(arguments)
}

fn operand(operand: &Operand, context: &Context) -> Result<Value, Fault> {
    let at = operand.at;
    match &operand.kind {
        Kind::Text(text) => Ok(Value::Text(text.clone())),
        Kind::Bool(bool) => Ok(Value::Bool(*bool)),
        Kind::Number(Number {
            is_float: true, float, ..
        }) => Ok(Value::Float(*float)),
        Kind::Number(number) => number.int.map(Value::Int).ok_or_else(|| Fault {
            at,
            message: "integer is too large".into(),
        }),
        Kind::Function(name) => invoke(name, at, &[], None, context),
        Kind::Group(pipeline) => run(pipeline, context),
        Kind::Chain(base, fields) => follow(base, fields, context),
    }
}

fn bounded(value: Value, at: usize) -> Result<Value, Fault> {
    match &value {
        Value::Text(text) if text.len() > TEXT_MAX => Err(too_long(at)),
        _ => Ok(value),
    }
}

/// A text would become longer than any may be.
pub fn too_long(at: usize) -> Fault {
    Fault {
        at,
        message: format!("a text would become longer than {TEXT_MAX} bytes"),
    }
}
