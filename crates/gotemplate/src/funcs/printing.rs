//! `print`, `printf`, and what else turns values into text.
use super::{Function, at_least, exactly};
use crate::eval::{Call, Fault, TEXT_MAX, too_long};
use crate::value::Value;
use crate::verbs;

pub const ALL: &[Function] = &[
    at_least("print", 0, |call| {
        let mut out = Bounded::new(call);
        let mut before = None;
        for argument in &call.arguments {
            let is_text = matches!(argument.value, Value::Text(_));
            if before == Some(false) && !is_text {
                out.push(" ")?;
            }
            out.push(&shown(call, &argument.value)?)?;
            before = Some(is_text);
        }
        Ok(out.done())
    }),
    at_least("println", 0, |call| {
        let mut out = spaced(call, shown)?;
        out.push("\n")?;
        Ok(out.done())
    }),
    at_least("printf", 1, verbs::printf),
    at_least("cat", 0, |call| {
        // Sprig trims its format, not the values.
        Ok(spaced(call, shown)?.done())
    }),
    at_least("quote", 0, |call| {
        let quoted = |call: &Call<'_>, value: &Value| verbs::quote(&shown(call, value)?).map_err(|e| call.fault(e));
        Ok(spaced(call, quoted)?.done())
    }),
    at_least("squote", 0, |call| {
        Ok(spaced(call, |call, value| Ok(format!("'{}'", shown(call, value)?)))?.done())
    }),
    exactly("toString", 1, |call| shown(call, call.value(0)?).map(Value::Text)),
];

fn shown(call: &Call<'_>, value: &Value) -> Result<String, Fault> {
    value.print().map_err(|message| Fault { at: call.at, message })
}

fn spaced<'a>(call: &'a Call<'a>, show: impl Fn(&Call<'_>, &Value) -> Result<String, Fault>) -> Result<Bounded, Fault> {
    let mut out = Bounded::new(call);
    for (index, argument) in call.arguments.iter().enumerate() {
        if index > 0 {
            out.push(" ")?;
        }
        out.push(&show(call, &argument.value)?)?;
    }
    Ok(out)
}

/// A text that is refused before it grows too long.
pub struct Bounded {
    text: String,
    at: usize,
}

impl Bounded {
    pub fn new(call: &Call<'_>) -> Self {
        Self {
            text: String::new(),
            at: call.at,
        }
    }

    pub fn push(&mut self, piece: &str) -> Result<(), Fault> {
        if self.text.len() + piece.len() > TEXT_MAX {
            return Err(too_long(self.at));
        }
        self.text.push_str(piece);
        Ok(())
    }

    pub fn done(self) -> Value {
        Value::Text(self.text)
    }
}
