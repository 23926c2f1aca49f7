//! The values that a pipeline carries, with Go's types as far as templates tell them apart.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::go::semver::Version;
use crate::moment::Moment;

/// Entries of a dict, sorted as Go prints and ranges over them.
pub type Entries = BTreeMap<Rc<str>, Value>;

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    /// No value at all: a key that a dict does not have, and what became of a nil at the end of a pipeline.
    Missing,
    /// A nil `interface{}`.
    Nil,
    /// `string`.
    Text(Rc<str>),
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `int64`: what Sprig's arithmetic and `Unix` give; Go does not take it where an `int` is wanted.
    Int64(i64),
    /// `uint8`: a byte of a text.
    Byte(u8),
    /// `uint64`: a number of a version.
    Uint64(u64),
    /// `float64`.
    Float(f64),
    /// `[]interface{}` and other slices.
    List(List),
    /// `map[string]interface{}`, `map[string]string`.
    Dict(Dict),
    /// `time.Time`.
    Time(Moment),
    /// `time.Duration`, nanoseconds.
    Duration(i64),
    /// `time.Month`, from 1.
    Month(i8),
    /// `time.Weekday`, from Sunday, 0.
    Weekday(i8),
    /// `*semver.Version`.
    Version(Rc<Version>),
}

/// What the elements of a list or dict are declared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// `interface{}`.
    Any,
    /// `string`.
    Text,
    /// `int`.
    Int,
    /// `[]interface{}`.
    Lists,
}

/// A slice; slices of it share its elements, which only `sortAlpha` ever changes.
#[derive(Clone, Debug)]
pub struct List {
    items: Rc<RefCell<Vec<Value>>>,
    start: usize,
    length: usize,
    /// Declared type of the elements.
    pub of: Of,
    /// A nil slice, which JSON and `deepEqual` tell from an empty one.
    pub nil: bool,
    /// How deep lists are within it; bounded, so that dropping one does not exhaust the stack.
    pub depth: usize,
}

impl List {
    /// A list of values.
    pub fn new(of: Of, items: Vec<Value>) -> Self {
        let depth = items
            .iter()
            .map(|v| match v {
                Value::List(list) => list.depth,
                _ => 0,
            })
            .max()
            .unwrap_or(0);
        Self {
            start: 0,
            length: items.len(),
            items: Rc::new(RefCell::new(items)),
            of,
            nil: false,
            depth: depth + 1,
        }
    }

    /// Go's nil slice.
    pub fn nil(of: Of) -> Self {
        Self {
            nil: true,
            ..Self::new(of, Vec::new())
        }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// One element.
    pub fn get(&self, index: usize) -> Option<Value> {
        if index < self.length {
            self.items.borrow().get(self.start + index).cloned()
        } else {
            None
        }
    }

    /// All elements.
    pub fn to_vec(&self) -> Vec<Value> {
        let items = self.items.borrow();
        items
            .get(self.start..self.start + self.length)
            .unwrap_or_default()
            .to_vec()
    }

    /// Elements from `start` up to `end`, shared; None out of range.
    pub fn slice(&self, start: usize, end: usize) -> Option<Self> {
        (start <= end && end <= self.length).then(|| Self {
            start: self.start + start,
            length: end - start,
            ..self.clone()
        })
    }

    /// Sorts the elements where they are, for all who share them.
    pub fn sort_texts(&self) {
        let mut items = self.items.borrow_mut();
        if let Some(range) = items.get_mut(self.start..self.start + self.length) {
            range.sort_by(|a, b| match (a, b) {
                (Value::Text(a), Value::Text(b)) => a.cmp(b),
                _ => std::cmp::Ordering::Equal,
            });
        }
    }
}

/// A map by text, shared by all who hold it.
#[derive(Clone, Debug)]
pub struct Dict {
    /// What is in it.
    pub entries: Rc<RefCell<Entries>>,
    /// Declared type of the values.
    pub of: Of,
    /// A nil map.
    pub nil: bool,
}

impl Dict {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// All entries, sorted.
    pub fn to_vec(&self) -> Vec<(Rc<str>, Value)> {
        self.entries
            .borrow()
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    }
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// Go's name of its type, as `%T` shows it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Missing | Self::Nil => "<nil>",
            Self::Text(_) => "string",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Byte(_) => "uint8",
            Self::Uint64(_) => "uint64",
            Self::Float(_) => "float64",
            Self::List(list) => match list.of {
                Of::Any => "[]interface {}",
                Of::Text => "[]string",
                Of::Int => "[]int",
                Of::Lists => "[][]interface {}",
            },
            Self::Dict(dict) => match dict.of {
                Of::Text => "map[string]string",
                _ => "map[string]interface {}",
            },
            Self::Time(_) => "time.Time",
            Self::Duration(_) => "time.Duration",
            Self::Month(_) => "time.Month",
            Self::Weekday(_) => "time.Weekday",
            Self::Version(_) => "*semver.Version",
        }
    }

    /// Go's kind of its type.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Missing | Self::Nil => "invalid",
            Self::List(_) => "slice",
            Self::Dict(_) => "map",
            Self::Time(_) => "struct",
            Self::Duration(_) => "int64",
            Self::Month(_) | Self::Weekday(_) => "int",
            Self::Version(_) => "ptr",
            _ => self.type_name(),
        }
    }

    /// What it is, in words for a message.
    pub fn words(&self) -> String {
        let cut = |text: &str| {
            let mut shown: String = text.chars().take(20).collect();
            let longer = shown.len() < text.len();
            shown = format!("{shown:?}");
            if longer {
                shown.push_str("...");
            }
            shown
        };
        match self {
            Self::Missing | Self::Nil => "nothing (nil)".into(),
            Self::Text(text) => format!("the text {}", cut(text)),
            Self::Int(i) => format!("the integer {i}"),
            Self::Int64(i) => format!("the integer {i} (int64)"),
            Self::Byte(i) => format!("the byte {i}"),
            Self::Uint64(i) => format!("the integer {i} (uint64)"),
            Self::Float(f) => format!("the number {f}"),
            Self::Bool(b) => format!("{b}"),
            Self::List(list) => format!("a list of {} ({})", list.len(), self.type_name()),
            Self::Dict(_) => "a dict".into(),
            Self::Time(_) => "a time".into(),
            Self::Duration(_) => "a duration".into(),
            Self::Month(_) => "a month".into(),
            Self::Weekday(_) => "a day of the week".into(),
            Self::Version(_) => "a version".into(),
        }
    }

    /// Go's `isTrue` and Sprig's `empty`, which agree on everything that is here: false, zero, nothing, no elements.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => true,
            Self::Text(text) => text.is_empty(),
            Self::Int(i) | Self::Int64(i) | Self::Duration(i) => *i == 0,
            Self::Byte(i) => *i == 0,
            Self::Uint64(i) => *i == 0,
            Self::Float(f) => *f == 0.0,
            Self::Bool(b) => !b,
            Self::Month(i) | Self::Weekday(i) => *i == 0,
            Self::List(list) => list.len() == 0,
            Self::Dict(dict) => dict.len() == 0,
            Self::Time(_) | Self::Version(_) => false,
        }
    }

    /// As a signed integer, of whatever kind Go calls `int`.
    pub fn signed(&self) -> Option<i64> {
        match self {
            Self::Int(i) | Self::Int64(i) | Self::Duration(i) => Some(*i),
            Self::Month(i) | Self::Weekday(i) => Some(i64::from(*i)),
            _ => None,
        }
    }

    /// As an unsigned integer, of whatever kind Go calls `uint`.
    pub fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Byte(i) => Some(u64::from(*i)),
            Self::Uint64(i) => Some(*i),
            _ => None,
        }
    }

    /// About how many bytes it takes, without what is in it.
    pub fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 16,
            Self::List(list) => 40 * list.len() + 16,
            Self::Dict(dict) => 80 * dict.len() + 16,
            _ => 16,
        }
    }
}
