//! The functions that a path template has, and why it does not have the others.
mod dates;
mod logic;
mod numbers;
mod printing;
mod refused;
mod strings;

use crate::eval::{Call, Fault};
use crate::value::Value;

pub use printing::Bounded;

/// A function.
pub struct Function {
    name: &'static str,
    least: usize,
    most: Option<usize>,
    /// Runs it; the count of arguments was checked.
    pub run: fn(&Call<'_>) -> Result<Value, Fault>,
}

/// A function of a fixed count of arguments.
const fn exactly(name: &'static str, count: usize, run: fn(&Call<'_>) -> Result<Value, Fault>) -> Function {
    Function {
        name,
        least: count,
        most: Some(count),
        run,
    }
}

/// A function that takes any number of arguments beyond a few.
const fn at_least(name: &'static str, least: usize, run: fn(&Call<'_>) -> Result<Value, Fault>) -> Function {
    Function {
        name,
        least,
        most: None,
        run,
    }
}

const ALL: [&[Function]; 5] = [dates::ALL, logic::ALL, numbers::ALL, printing::ALL, strings::ALL];

impl Function {
    /// Whether it takes that many arguments.
    pub fn check(&self, count: usize) -> Result<(), String> {
        if count >= self.least && self.most.is_none_or(|most| count <= most) {
            return Ok(());
        }
        let bound = if self.most.is_some() { "" } else { "at least " };
        Err(format!("wants {bound}{} arguments, not {count}", self.least))
    }
}

/// The function of that name, or why there is none.
pub fn find(name: &str) -> Result<&'static Function, String> {
    if let Some(function) = ALL.iter().flat_map(|group| group.iter()).find(|f| f.name == name) {
        return Ok(function);
    }
    let why = refused::why(name);
    let known = || ALL.iter().flat_map(|group| group.iter()).map(|f| f.name);
    Err(match why {
        Some(why) => format!("function {name:?} is not available: {why}"),
        None => match known().find(|k| k.eq_ignore_ascii_case(name)) {
            Some(right) => format!("function {name:?} is not defined; did you mean {right:?}?"),
            None => {
                let mut all: Vec<_> = known().collect();
                all.sort_unstable();
                format!(
                    "function {name:?} is not defined; there are and, or, {}",
                    all.join(", ")
                )
            }
        },
    })
}
