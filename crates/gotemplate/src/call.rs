//! A call of a function or method: what it is given, what it may use, and how it says what is wrong.
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::Context;
use crate::go::regex::Regex;
use crate::value::{Dict, Entries, List, Of, Value};

/// The longest text that any function may make, in bytes.
pub const TEXT_MAX: usize = 16 * 1024;
/// How much one rendering may do: about the bytes that its functions read and make, plus some for each step.
pub const WORK_MAX: usize = 4 * 1024 * 1024;
/// What a step costs, however little it does.
const STEP: usize = 64;
/// How deep lists may be within each other.
const LIST_DEPTH: usize = 40;

/// What went wrong and at which byte of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Byte offset.
    pub at: usize,
    /// In words.
    pub message: String,
}

/// What one rendering has and has used up.
pub struct State<'a> {
    /// Clock, zone, data, seed.
    pub context: &'a Context,
    work: Cell<usize>,
    limit: usize,
    random: Cell<u64>,
    /// Every dict that was made: a dict can hold itself, so they are emptied when the rendering ends.
    dicts: RefCell<Vec<Dict>>,
    /// Expressions that were compiled.
    pub regexes: RefCell<HashMap<String, Rc<Regex>>>,
}

impl Drop for State<'_> {
    fn drop(&mut self) {
        for dict in self.dicts.take() {
            drop(dict.entries.take());
        }
    }
}

impl<'a> State<'a> {
    /// Fresh; it may do as much as the limit says.
    pub fn new(context: &'a Context, limit: usize) -> Self {
        Self {
            context,
            work: Cell::new(0),
            limit,
            random: Cell::new(context.seed),
            dicts: RefCell::new(Vec::new()),
            regexes: RefCell::new(HashMap::new()),
        }
    }

    /// How much it has done, at most its limit.
    pub fn done(&self) -> usize {
        self.work.get().min(self.limit)
    }

    /// Counts a step and the bytes that it handles; refuses when it was too much.
    pub fn charge(&self, bytes: usize, at: usize) -> Result<(), Fault> {
        let work = self.work.get().saturating_add(bytes).saturating_add(STEP);
        self.work.set(work);
        if work > self.limit {
            return Err(Fault {
                at,
                message: "the template does too much: there is a limit on its steps and on what its functions make"
                    .into(),
            });
        }
        Ok(())
    }

    /// The next number of a sequence that follows from the seed (SplitMix64).
    pub fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.random.set(state);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A dict of these entries.
    pub fn dict(&self, of: Of, entries: Entries) -> Dict {
        let dict = Dict {
            entries: Rc::new(RefCell::new(entries)),
            of,
            nil: false,
        };
        self.dicts.borrow_mut().push(dict.clone());
        dict
    }
}

/// A value given to a function, and where.
#[derive(Clone, Debug)]
pub struct Argument {
    /// The value, of the type that the function takes.
    pub value: Value,
    /// Byte offset.
    pub at: usize,
}

/// A call of a function or method. The arguments were checked against the function's parameters.
pub struct Call<'a> {
    /// Its name.
    pub name: &'a str,
    /// Byte offset of the name.
    pub at: usize,
    /// What it is given.
    pub arguments: Vec<Argument>,
    /// What it may use.
    pub state: &'a State<'a>,
}

impl Call<'_> {
    /// A fault of the call as a whole; the name is put before it.
    pub fn fault(&self, message: impl AsRef<str>) -> Fault {
        let message = message.as_ref();
        let gap = if message.starts_with(':') { "" } else { " " };
        Fault {
            at: self.at,
            message: format!("{}{gap}{message}", self.name),
        }
    }

    /// A fault at one argument, in whole words.
    pub fn fault_at(&self, index: usize, message: impl Into<String>) -> Fault {
        Fault {
            at: self.arguments.get(index).map_or(self.at, |a| a.at),
            message: message.into(),
        }
    }

    /// A fault of one argument: what was wanted there.
    pub fn wants(&self, index: usize, wanted: &str) -> Fault {
        let (at, got) = self
            .arguments
            .get(index)
            .map_or((self.at, "nothing".into()), |a| (a.at, a.value.words()));
        Fault {
            at,
            message: format!("{} wants {wanted} as argument {}, not {got}", self.name, index + 1),
        }
    }

    /// Counts what the call handles.
    pub fn charge(&self, bytes: usize) -> Result<(), Fault> {
        self.state.charge(bytes, self.at)
    }

    /// An argument of any type; nothing where there is none.
    pub fn value(&self, index: usize) -> &Value {
        self.arguments.get(index).map_or(&Value::Nil, |a| &a.value)
    }

    /// The values from an argument on.
    pub fn values(&self, from: usize) -> impl Iterator<Item = &Value> {
        self.arguments.iter().skip(from).map(|a| &a.value)
    }

    /// A `string`.
    pub fn text(&self, index: usize) -> Result<&str, Fault> {
        match self.value(index) {
            Value::Text(text) => Ok(text),
            _ => Err(self.wants(index, "a text")),
        }
    }

    /// An `int`.
    pub fn int(&self, index: usize) -> Result<i64, Fault> {
        match self.value(index) {
            Value::Int(int) | Value::Duration(int) => Ok(*int),
            _ => Err(self.wants(index, "an integer")),
        }
    }

    /// A `float64`.
    pub fn float(&self, index: usize) -> Result<f64, Fault> {
        match self.value(index) {
            Value::Float(float) => Ok(*float),
            _ => Err(self.wants(index, "a number")),
        }
    }

    /// A `bool`.
    pub fn bool(&self, index: usize) -> Result<bool, Fault> {
        match self.value(index) {
            Value::Bool(bool) => Ok(*bool),
            _ => Err(self.wants(index, "true or false")),
        }
    }

    /// A `map[string]interface{}`, shared; nothing is a nil map.
    pub fn dict(&self, index: usize) -> Result<Dict, Fault> {
        match self.value(index) {
            Value::Dict(dict) => {
                self.charge(20 * dict.len())?;
                Ok(dict.clone())
            }
            Value::Missing => Ok(Dict {
                nil: true,
                ..self.state.dict(Of::Any, Entries::new())
            }),
            _ => Err(self.wants(index, "a dict")),
        }
    }

    /// A slice of any type.
    pub fn list(&self, index: usize) -> Result<&List, Fault> {
        match self.value(index) {
            Value::List(list) => {
                self.charge(40 * list.len())?;
                Ok(list)
            }
            _ => Err(self.wants(index, "a list")),
        }
    }

    /// A text as the result.
    pub fn made(&self, text: impl Into<Rc<str>>) -> Result<Value, Fault> {
        let text = text.into();
        if text.len() > TEXT_MAX {
            return Err(too_long(self.at));
        }
        self.charge(text.len())?;
        Ok(Value::Text(text))
    }

    /// A text made of bytes; what is not UTF-8 cannot become part of a path and is refused.
    pub fn made_bytes(&self, bytes: Vec<u8>) -> Result<Value, Fault> {
        match String::from_utf8(bytes) {
            Ok(text) => self.made(text),
            Err(_) => Err(self.fault("would make what is not UTF-8: a character cut in two, or binary data")),
        }
    }

    /// A list as the result.
    pub fn made_list(&self, of: Of, items: Vec<Value>) -> Result<Value, Fault> {
        self.charge(items.iter().map(|v| 24 + v.weight() / 4).sum())?;
        let list = List::new(of, items);
        if list.depth > LIST_DEPTH {
            return Err(self.fault(format!("would make lists more than {LIST_DEPTH} deep")));
        }
        Ok(Value::List(list))
    }

    /// A `[]string` as the result.
    pub fn made_texts<T: Into<Rc<str>>>(&self, items: impl IntoIterator<Item = T>) -> Result<Value, Fault> {
        self.made_list(Of::Text, items.into_iter().map(|t| Value::text(t)).collect())
    }

    /// A dict as the result.
    pub fn made_dict(&self, of: Of, entries: Entries) -> Result<Value, Fault> {
        self.charge(100 * entries.len())?;
        Ok(Value::Dict(self.state.dict(of, entries)))
    }

    /// A text being put together, refused before it grows too long.
    pub fn out(&self) -> Out {
        Out {
            text: String::new(),
            at: self.at,
        }
    }
}

/// A text that is refused before it grows too long.
pub struct Out {
    text: String,
    at: usize,
}

impl Out {
    /// Empty; faults are said at that byte.
    pub fn new(at: usize) -> Self {
        Self {
            text: String::new(),
            at,
        }
    }

    /// Adds to it.
    pub fn push(&mut self, piece: &str) -> Result<(), Fault> {
        if self.text.len() + piece.len() > TEXT_MAX {
            return Err(too_long(self.at));
        }
        self.text.push_str(piece);
        Ok(())
    }

    /// Adds a character some times.
    pub fn fill(&mut self, c: char, count: usize) -> Result<(), Fault> {
        if count > TEXT_MAX {
            return Err(too_long(self.at));
        }
        self.push(&String::from(c).repeat(count))
    }

    /// The text.
    pub fn done(self) -> String {
        self.text
    }
}

/// A text would become longer than any may be.
pub fn too_long(at: usize) -> Fault {
    Fault {
        at,
        message: format!("a text would become longer than {TEXT_MAX} bytes"),
    }
}
