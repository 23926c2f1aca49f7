//! Arguments by the types of the parameters: a literal takes the type that is wanted, a value has to have it.
use super::{Fault, Machine, fault, place};
use crate::ast::{Kind, Operand};
use crate::call::Argument;
use crate::funcs::Param;
use crate::literal::Number;
use crate::value::Value;

/// A number where any type will do.
pub fn ideal(number: Number, at: usize) -> Result<Value, Fault> {
    match number {
        Number {
            is_float: true, float, ..
        } => Ok(Value::Float(float)),
        Number { int: Some(int), .. } => Ok(Value::Int(int)),
        _ => fault(at, "the integer is too large"),
    }
}

/// What a parameter takes, in words.
fn wanted(param: Param) -> &'static str {
    match param {
        Param::Any | Param::Raw => "a value",
        Param::Text => "a text",
        Param::Int => "an integer",
        Param::Float => "a number with a fraction (float64)",
        Param::Bool => "true or false",
        Param::Dict => "a dict",
        Param::Time => "a time",
        Param::Duration => "a duration, such as a literal number of nanoseconds",
        Param::Version => "a version, such as semver makes",
    }
}

/// What would help.
fn cure(param: Param, value: &Value) -> &'static str {
    match (param, value) {
        (Param::Int, Value::Int64(_) | Value::Float(_) | Value::Month(_) | Value::Weekday(_)) => "; put it through int",
        (Param::Int, Value::Text(_)) => "; put it through atoi",
        (Param::Text, Value::Time(_)) => "; put it through date",
        (Param::Float, Value::Int(_) | Value::Int64(_)) => "; put it through float64",
        (Param::Text, Value::Missing | Value::Nil) => "; default gives it a value",
        (Param::Text, Value::List(_)) => "; join makes one of a list",
        (Param::Text, Value::Dict(_)) => "; toJson makes one of a dict",
        (Param::Text, _) => "; put it through toString",
        (Param::Bool, _) => "; a comparison such as eq, or not (empty ...), gives one",
        _ => "",
    }
}

/// A value as a parameter takes it, if it does.
pub fn convert(param: Param, value: Value, at: usize) -> Result<Value, Fault> {
    let fits = match (param, &value) {
        (Param::Raw, _) => true,
        (Param::Any, Value::Missing) => return Ok(Value::Nil),
        (Param::Dict, Value::Missing) => true,
        (Param::Any, _)
        | (Param::Text, Value::Text(_))
        | (Param::Int, Value::Int(_))
        | (Param::Float, Value::Float(_))
        | (Param::Bool, Value::Bool(_))
        | (Param::Time, Value::Time(_))
        | (Param::Duration, Value::Duration(_))
        | (Param::Version, Value::Version(_)) => true,
        (Param::Dict, Value::Dict(dict)) => dict.of == crate::value::Of::Any,
        _ => false,
    };
    if fits {
        return Ok(value);
    }
    fault(
        at,
        format!(
            "{} is wanted here, not {}{}",
            wanted(param),
            value.words(),
            cure(param, &value)
        ),
    )
}

/// A literal as a parameter takes it, in Go's own words' sense; None: it is not a literal.
pub fn literal(param: Param, operand: &Operand) -> Option<Result<Value, Fault>> {
    let at = operand.at;
    let refuse = |got: String| Some(fault(at, format!("{} is wanted here, not {got}", wanted(param))));
    match (&operand.kind, param) {
        (Kind::Nil, Param::Any | Param::Raw) => Some(Ok(if param == Param::Any {
            Value::Nil
        } else {
            Value::Missing
        })),
        (Kind::Nil, Param::Dict) => Some(Ok(Value::Missing)),
        (Kind::Nil, _) => refuse("nil".into()),
        (Kind::Text(text), Param::Any | Param::Raw | Param::Text) => Some(Ok(Value::text(text.as_str()))),
        (Kind::Text(text), _) => {
            let value = Value::text(text.as_str());
            refuse(format!("{}{}", value.words(), cure(param, &value)))
        }
        (Kind::Bool(bool), Param::Any | Param::Raw | Param::Bool) => Some(Ok(Value::Bool(*bool))),
        (Kind::Bool(bool), _) => refuse(bool.to_string()),
        (Kind::Number(number), Param::Any | Param::Raw) => Some(ideal(*number, at)),
        (Kind::Number(Number { int: Some(int), .. }), Param::Int) => Some(Ok(Value::Int(*int))),
        (Kind::Number(Number { int: Some(int), .. }), Param::Duration) => Some(Ok(Value::Duration(*int))),
        (Kind::Number(number), Param::Float) => Some(Ok(Value::Float(number.float))),
        (Kind::Number(number), _) => match ideal(*number, at) {
            Ok(value) => refuse(format!("{}{}", value.words(), cure(param, &value))),
            Err(fault) => Some(Err(fault)),
        },
        _ => None,
    }
}

/// Says which argument of what it is.
pub fn named(name: &str, index: usize, fault: Fault) -> Fault {
    Fault {
        message: format!("{name}, argument {}: {}", index + 1, fault.message),
        ..fault
    }
}

impl<'a> Machine<'a> {
    /// One argument, of the parameter's type.
    pub fn argument(&mut self, dot: &Value, param: Param, operand: &'a Operand) -> Result<Value, Fault> {
        if let Some(literal) = literal(param, operand) {
            return literal;
        }
        let value = self.operand(dot, operand)?;
        convert(param, value, place(operand)).map_err(|mut fault| {
            fault.message.push_str(&self.missing_key(dot, operand));
            fault
        })
    }

    /// All arguments.
    pub fn arguments(
        &mut self,
        dot: &Value,
        name: &str,
        at: usize,
        param: impl Fn(usize) -> Param,
        operands: &'a [Operand],
        piped: Option<Value>,
    ) -> Result<Vec<Argument>, Fault> {
        let mut arguments = Vec::with_capacity(operands.len() + 1);
        for (index, operand) in operands.iter().enumerate() {
            let wants_name = matches!(
                operand.kind,
                Kind::Text(_)
                    | Kind::Number(_)
                    | Kind::Bool(_)
                    | Kind::Nil
                    | Kind::Dot
                    | Kind::Fields(_)
                    | Kind::Variable(..)
            );
            let value = self
                .argument(dot, param(index), operand)
                .map_err(|fault| if wants_name { named(name, index, fault) } else { fault })?;
            arguments.push(Argument {
                value,
                at: place(operand),
            });
        }
        if let Some(value) = piped {
            let index = operands.len();
            let value = convert(param(index), value, at).map_err(|fault| named(name, index, fault))?;
            arguments.push(Argument { value, at });
        }
        Ok(arguments)
    }
}
