//! Go's `fmt`: verbs with their flags, width and precision. Where Go would print a complaint such as
//! `%!d(string=x)` into the path, the template is refused.
mod float;
mod format;
mod integer;
mod quote;
mod text;

use crate::call::{Call, Fault, Out, State};
use crate::value::{Dict, List, Value};

pub use float::shortest_plain;
pub use format::sprintf;
pub use quote::{quote, quote_ascii};

/// How deep values within values are printed; a dict that holds itself ends here.
const DEPTH: usize = 50;

/// What stands between `%` and the verb.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spec {
    plus: bool,
    minus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    /// `%+v`
    plus_v: bool,
    /// `%#v`
    sharp_v: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// A value as `%v` and `print` show it.
pub fn shown(value: &Value, state: &State<'_>, at: usize) -> Result<String, Fault> {
    let mut printer = Printer::new(state, at);
    printer.value(Spec::default(), 'v', value, 0)?;
    Ok(printer.out.done())
}

/// Sprig's `strval`: a text as it is, everything else as `%v`.
pub fn strval(call: &Call<'_>, value: &Value) -> Result<String, Fault> {
    shown(value, call.state, call.at)
}

/// `fmt.Sprint`: a space between two values of which neither is a text.
pub fn sprint<'v>(call: &Call<'_>, values: impl Iterator<Item = &'v Value>) -> Result<String, Fault> {
    let mut printer = Printer::new(call.state, call.at);
    let mut before = None;
    for value in values {
        let is_text = matches!(value, Value::Text(_));
        if before == Some(false) && !is_text {
            printer.out.push(" ")?;
        }
        printer.value(Spec::default(), 'v', value, 0)?;
        before = Some(is_text);
    }
    Ok(printer.out.done())
}

/// Prints into a bounded text.
pub struct Printer<'a> {
    out: Out,
    state: &'a State<'a>,
    at: usize,
}

impl<'a> Printer<'a> {
    fn new(state: &'a State<'a>, at: usize) -> Self {
        Self {
            out: Out::new(at),
            state,
            at,
        }
    }

    fn refuse<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault {
            at: self.at,
            message: message.into(),
        })
    }

    fn bad_verb<T>(&self, verb: char, value: &Value) -> Result<T, Fault> {
        self.refuse(format!("%{verb} is not available for {}", value.words()))
    }

    /// Text padded to the width.
    fn pad(&mut self, spec: Spec, text: &str) -> Result<(), Fault> {
        let missing = spec.width.unwrap_or(0).saturating_sub(text.chars().count());
        if missing > 0 && spec.zero && !spec.minus {
            // Go 1.22, 1.23 and later ones differ here.
            return self.refuse("the flag 0 is not available for what is not a number");
        }
        if spec.minus {
            self.out.push(text)?;
            self.out.fill(' ', missing)
        } else {
            self.out.fill(' ', missing)?;
            self.out.push(text)
        }
    }

    /// One value; `depth` is how many lists and dicts it is in.
    fn value(&mut self, spec: Spec, verb: char, value: &Value, depth: usize) -> Result<(), Fault> {
        self.state.charge(8, self.at)?;
        if depth > DEPTH {
            return self.refuse(format!(
                "a value is more than {DEPTH} lists and dicts deep, or holds itself"
            ));
        }
        if verb == 'T' && depth == 0 {
            return self.text(spec, 's', value.type_name());
        }
        match value {
            Value::Missing | Value::Nil => match (verb, depth) {
                ('v', 0) => self.pad(spec, "<nil>"),
                ('v', _) if spec.sharp_v => self.out.push("interface {}(nil)"),
                ('v', _) => self.out.push("<nil>"),
                _ => self.bad_verb(verb, value),
            },
            Value::Bool(b) if matches!(verb, 't' | 'v') => self.pad(spec, &b.to_string()),
            Value::Int(i) | Value::Int64(i) => self.integer(spec, verb, *i < 0, i.unsigned_abs(), value),
            Value::Byte(i) => self.unsigned(spec, verb, u64::from(*i), value),
            Value::Uint64(i) => self.unsigned(spec, verb, *i, value),
            Value::Float(f) => self.float(spec, verb, *f, value),
            Value::Text(text) if matches!(verb, 'v' | 's' | 'q' | 'x' | 'X') => {
                let verb = if verb == 'v' && spec.sharp_v { 'q' } else { verb };
                self.text(spec, verb, text)
            }
            Value::List(list) => self.list(spec, verb, value, list, depth),
            Value::Dict(dict) => self.dict(spec, verb, value, dict, depth),
            Value::Time(_) | Value::Version(_) if spec.sharp_v => self.bad_verb(verb, value),
            Value::Duration(_) | Value::Month(_) | Value::Weekday(_)
                if spec.sharp_v || !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') =>
            {
                let i = value.signed().unwrap_or(0);
                self.integer(spec, verb, i < 0, i.unsigned_abs(), value)
            }
            Value::Time(_) | Value::Version(_) | Value::Duration(_) | Value::Month(_) | Value::Weekday(_)
                if matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') =>
            {
                let text = string(value).or_else(|e| self.refuse(e))?;
                self.text(spec, verb, &text)
            }
            _ => self.bad_verb(verb, value),
        }
    }

    fn unsigned(&mut self, spec: Spec, verb: char, i: u64, value: &Value) -> Result<(), Fault> {
        if verb == 'v' && spec.sharp_v {
            let spec = Spec { sharp: true, ..spec };
            return self.integer(spec, 'x', false, i, value);
        }
        self.integer(spec, verb, false, i, value)
    }

    fn list(&mut self, spec: Spec, verb: char, value: &Value, list: &List, depth: usize) -> Result<(), Fault> {
        let Some(between) = self.begin(spec, verb, value, "[", list.nil)? else {
            return Ok(());
        };
        for (index, item) in list.to_vec().iter().enumerate() {
            if index > 0 {
                self.out.push(between)?;
            }
            self.value(spec, verb, item, depth + 1)?;
        }
        self.out.push(if spec.sharp_v { "}" } else { "]" })
    }

    fn dict(&mut self, spec: Spec, verb: char, value: &Value, dict: &Dict, depth: usize) -> Result<(), Fault> {
        let Some(between) = self.begin(spec, verb, value, "map[", dict.nil)? else {
            return Ok(());
        };
        for (index, (key, item)) in dict.to_vec().into_iter().enumerate() {
            if index > 0 {
                self.out.push(between)?;
            }
            self.value(spec, verb, &Value::Text(key), depth + 1)?;
            self.out.push(":")?;
            self.value(spec, verb, &item, depth + 1)?;
        }
        self.out.push(if spec.sharp_v { "}" } else { "]" })
    }

    /// The opening of a list or dict, and what stands between its elements; None where that was all.
    fn begin(
        &mut self,
        spec: Spec,
        verb: char,
        value: &Value,
        open: &str,
        nil: bool,
    ) -> Result<Option<&'static str>, Fault> {
        if matches!(verb, 'p' | 'T') {
            return self.bad_verb(verb, value).map(|()| None);
        }
        if !spec.sharp_v {
            return self.out.push(open).map(|()| Some(" "));
        }
        self.out.push(value.type_name())?;
        if nil {
            return self.out.push("(nil)").map(|()| None);
        }
        self.out.push("{").map(|()| Some(", "))
    }
}

/// The `String` method of those that have one.
pub fn string(value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::Time(moment) => moment.print()?,
        Value::Duration(nanoseconds) => crate::gotime::duration::print(*nanoseconds),
        Value::Month(month) => crate::layout::month_name(*month).into(),
        Value::Weekday(day) => crate::layout::day_name(*day).into(),
        Value::Version(version) => version.to_string(),
        _ => return Err("has no String".into()),
    })
}
