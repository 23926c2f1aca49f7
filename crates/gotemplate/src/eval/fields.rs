//! Fields and methods of values: keys of dicts, methods of times, durations and versions.
use super::{Fault, Machine, fault};
use crate::ast::{Field, Kind, Operand};
use crate::funcs;
use crate::methods;
use crate::value::Value;

impl<'a> Machine<'a> {
    /// `x.Field.Method args`: the arguments are the last one's.
    pub fn chain(
        &mut self,
        dot: &Value,
        receiver: Value,
        fields: &'a [Field],
        operands: &'a [Operand],
        piped: Option<Value>,
    ) -> Result<Value, Fault> {
        let mut value = receiver;
        let last = fields.len().saturating_sub(1);
        let mut piped = Some(piped);
        for (index, field) in fields.iter().enumerate() {
            self.state.charge(0, field.at)?;
            value = if index == last {
                self.field(dot, &value, field, operands, piped.take().flatten())?
            } else {
                self.field(dot, &value, field, &[], None)?
            };
        }
        Ok(value)
    }

    fn field(
        &mut self,
        dot: &Value,
        receiver: &Value,
        field: &'a Field,
        operands: &'a [Operand],
        piped: Option<Value>,
    ) -> Result<Value, Fault> {
        let Field { name, at } = field;
        match receiver {
            // A field of what is not there is not there either.
            Value::Missing => return Ok(Value::Missing),
            Value::Nil => return fault(*at, format!("nil has no field or method {name:?}")),
            _ => {}
        }
        if let Some(method) = methods::find(receiver, name) {
            let count = operands.len() + usize::from(piped.is_some());
            if count != method.params.len() {
                return fault(
                    *at,
                    format!(
                        "{name} {}",
                        funcs::wants_count(method.params.len(), Some(method.params.len()), count)
                    ),
                );
            }
            let params = method.params;
            let param = |index: usize| params.get(index).copied().unwrap_or(funcs::Param::Any);
            let arguments = self.arguments(dot, name, *at, param, operands, piped)?;
            let call = crate::call::Call {
                name,
                at: *at,
                arguments,
                state: self.state,
            };
            call.charge(call.arguments.iter().map(|a| a.value.weight()).sum())?;
            return (method.run)(receiver, &call);
        }
        let Value::Dict(dict) = receiver else {
            return fault(*at, methods::unknown(receiver, name));
        };
        if !operands.is_empty() || piped.is_some() {
            return fault(
                *at,
                format!("{name:?} is a key and not a function: it takes no arguments"),
            );
        }
        Ok(dict.get(name).unwrap_or(Value::Missing))
    }

    /// Words on a key that is not there: which ones are, and which one was perhaps meant.
    pub fn missing_key(&self, dot: &Value, operand: &Operand) -> String {
        let (mut value, fields) = match &operand.kind {
            Kind::Fields(fields) => (dot.clone(), fields),
            Kind::Variable(name, fields) => match self.variable(name, operand.at) {
                Ok(value) => (value, fields),
                Err(_) => return String::new(),
            },
            _ => return String::new(),
        };
        for field in fields {
            let Value::Dict(dict) = &value else {
                return String::new();
            };
            match dict.get(&field.name) {
                Some(next) => value = next,
                None => {
                    let keys = dict.to_vec();
                    let hint = funcs::likely(&field.name, keys.iter().map(|(k, _)| &**k));
                    let hint = hint.map(|key| format!(", did you mean {key:?}?")).unwrap_or_default();
                    let known: Vec<&str> = keys.iter().take(12).map(|(k, _)| &**k).collect();
                    let known = if known.is_empty() {
                        "there are no data here".into()
                    } else {
                        format!("there are {}", known.join(", "))
                    };
                    return format!(": there is no {:?}{hint} ({known})", field.name);
                }
            }
        }
        String::new()
    }
}
