//! `{{ range }}` over lists, dicts and integers.
use super::{Fault, Flow, Machine, fault};
use crate::ast::Branch;
use crate::value::Value;

impl<'a> Machine<'a> {
    pub fn range(&mut self, dot: &Value, branch: &'a Branch) -> Result<Flow, Fault> {
        let at = branch.pipeline.at;
        self.deeper(at)?;
        let outside = self.variables.len();
        let value = self.pipeline(dot, &branch.pipeline)?;
        let mark = self.variables.len();
        let mut ran = false;
        match &value {
            Value::List(list) => {
                for (index, item) in list.to_vec().into_iter().enumerate() {
                    ran = true;
                    let index = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                    if self.turn(branch, index, item, mark)? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Dict(dict) => {
                for (key, item) in dict.to_vec() {
                    ran = true;
                    if self.turn(branch, Value::Text(key), item, mark)? == Flow::Break {
                        break;
                    }
                }
            }
            Value::Int(_) | Value::Int64(_) | Value::Byte(_) | Value::Uint64(_) => {
                if branch.pipeline.variables.len() > 1 {
                    return fault(at, "a range over an integer has one variable");
                }
                let mut next = 0;
                while let Some(item) = below(&value, next) {
                    ran = true;
                    if self.turn(branch, Value::Missing, item, mark)? == Flow::Break {
                        break;
                    }
                    next += 1;
                }
            }
            Value::Missing | Value::Nil => {}
            other => {
                return fault(
                    at,
                    format!(
                        "a list, a dict or an integer is wanted to range over, not {}",
                        other.words()
                    ),
                );
            }
        }
        let flow = if ran {
            Flow::On
        } else {
            self.walk(dot, &branch.otherwise)?
        };
        self.variables.truncate(outside);
        self.depth -= 1;
        Ok(flow)
    }

    fn turn(&mut self, branch: &'a Branch, index: Value, item: Value, mark: usize) -> Result<Flow, Fault> {
        let pipeline = &branch.pipeline;
        self.state.charge(0, pipeline.at)?;
        match (pipeline.variables.as_slice(), pipeline.assigns) {
            ([], _) => {}
            ([one], true) => self.assign(one, item.clone(), pipeline.at)?,
            ([first, second, ..], true) => {
                self.assign(first, index, pipeline.at)?;
                self.assign(second, item.clone(), pipeline.at)?;
            }
            (names, false) => {
                if names.len() > 1
                    && let Some((_, slot)) = self.variables.get_mut(mark - 2)
                {
                    *slot = index;
                }
                if let Some((_, slot)) = self.variables.get_mut(mark - 1) {
                    *slot = item.clone();
                }
            }
        }
        let flow = self.walk(&item, &branch.body)?;
        self.variables.truncate(mark);
        Ok(flow)
    }
}

/// The number of a turn, of the integer's own type; None from the integer on.
fn below(limit: &Value, next: u64) -> Option<Value> {
    let signed = i64::try_from(next).ok();
    match limit {
        Value::Int(limit) => signed.filter(|n| n < limit).map(Value::Int),
        Value::Int64(limit) => signed.filter(|n| n < limit).map(Value::Int64),
        Value::Byte(limit) => u8::try_from(next).ok().filter(|n| n < limit).map(Value::Byte),
        Value::Uint64(limit) => Some(next).filter(|n| n < limit).map(Value::Uint64),
        _ => None,
    }
}
