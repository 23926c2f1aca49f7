//! The table of functions: it drives the lookup, the check of arguments and the documentation.
mod builtins;
mod cases;
mod casting;
mod dates;
mod defaults;
mod dicts;
mod encoding;
mod flow;
mod json;
mod lists;
mod math;
mod merge;
mod paths;
mod printing;
mod random;
mod reflection;
mod refused;
mod regexes;
mod slices;
mod strings;
mod texts;
mod urls;
mod versions;

use crate::call::{Call, Fault};
use crate::value::Value;

pub use refused::REFUSED;

/// The type of a parameter; a literal takes it, a value has to have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// `interface{}`.
    Any,
    /// `reflect.Value`: any type, also no value at all.
    Raw,
    /// `string`.
    Text,
    /// `int`.
    Int,
    /// `float64`.
    Float,
    /// `bool`.
    Bool,
    /// `map[string]interface{}`.
    Dict,
    /// `time.Time`.
    Time,
    /// `time.Duration`.
    Duration,
    /// `*semver.Version`.
    Version,
}

impl Param {
    /// As the documentation shows it.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Any | Self::Raw => "any",
            Self::Text => "string",
            Self::Int => "int",
            Self::Float => "float64",
            Self::Bool => "bool",
            Self::Dict => "dict",
            Self::Time => "time",
            Self::Duration => "duration",
            Self::Version => "version",
        }
    }
}

/// What runs a function; the arguments were checked.
pub type Run = fn(&Call<'_>) -> Result<Value, Fault>;

/// A function.
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub params: &'static [Param],
    /// What it takes any number of behind these.
    pub rest: Option<Param>,
    /// What it gives, as the documentation shows it.
    pub gives: &'static str,
    /// What it does, in a line.
    pub meaning: &'static str,
    /// Runs it.
    pub run: Run,
}

/// A function of a fixed count of arguments.
const fn exactly(
    name: &'static str,
    params: &'static [Param],
    gives: &'static str,
    meaning: &'static str,
    run: Run,
) -> Function {
    Function {
        name,
        params,
        rest: None,
        gives,
        meaning,
        run,
    }
}

/// A function that takes any number of arguments beyond a few.
const fn at_least(
    name: &'static str,
    params: &'static [Param],
    rest: Param,
    gives: &'static str,
    meaning: &'static str,
    run: Run,
) -> Function {
    Function {
        name,
        params,
        rest: Some(rest),
        gives,
        meaning,
        run,
    }
}

/// Functions that belong together.
pub struct Family {
    /// What they are about.
    pub name: &'static str,
    /// The functions.
    pub functions: &'static [&'static [Function]],
}

/// All functions, by family.
pub const FAMILIES: &[Family] = &[
    family("Comparing and choosing", &[builtins::ALL, defaults::ALL]),
    family("Printing", &[printing::ALL]),
    family("Dates", &[dates::ALL]),
    family("Texts", &[strings::ALL, texts::ALL, cases::ALL]),
    family("Texts as lists", &[lists::TEXTS]),
    family("Numbers", &[math::ALL, casting::ALL]),
    family("Lists", &[lists::ALL, slices::ALL]),
    family("Dicts", &[dicts::ALL, merge::ALL]),
    family("JSON", &[json::ALL]),
    family("Encoding and hashing", &[encoding::ALL]),
    family("Regular expressions", &[regexes::ALL]),
    family("Versions", &[versions::ALL]),
    family("Paths", &[paths::ALL]),
    family("URLs", &[urls::ALL]),
    family("Random", &[random::ALL]),
    family("Types", &[reflection::ALL]),
    family("Flow", &[flow::ALL]),
];

const fn family(name: &'static str, functions: &'static [&'static [Function]]) -> Family {
    Family { name, functions }
}

/// All functions.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES
        .iter()
        .flat_map(|family| family.functions.iter())
        .flat_map(|functions| functions.iter())
}

impl Function {
    /// Whether it takes that many arguments.
    pub fn check(&self, count: usize) -> Result<(), String> {
        let least = self.params.len();
        let most = if self.rest.is_some() { None } else { Some(least) };
        if count >= least && most.is_none_or(|most| count <= most) {
            return Ok(());
        }
        Err(wants_count(least, most, count))
    }

    /// The type of a parameter.
    pub fn param(&self, index: usize) -> Param {
        self.params.get(index).copied().or(self.rest).unwrap_or(Param::Any)
    }

    /// `trunc int string`, as it is called.
    pub fn signature(&self) -> String {
        let mut out = self.name.to_string();
        for param in self.params {
            out.push_str(&format!(" {}", param.shown()));
        }
        if let Some(rest) = self.rest {
            out.push_str(&format!(" {}...", rest.shown()));
        }
        out
    }
}

/// That a call has the wrong count of arguments.
pub fn wants_count(least: usize, most: Option<usize>, count: usize) -> String {
    let bound = if most.is_some() { "" } else { "at least " };
    let s = if least == 1 { "" } else { "s" };
    format!("wants {bound}{least} argument{s}, not {count}")
}

/// The one of those names that was perhaps meant.
pub fn likely<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let lower = name.to_lowercase();
    known
        .map(|k| {
            let distance = if k.eq_ignore_ascii_case(name) {
                0.0
            } else {
                1.0 - strsim::jaro_winkler(&lower, &k.to_lowercase())
            };
            (k, distance)
        })
        .filter(|(_, distance)| *distance < 0.15)
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(k, _)| k)
}

/// The function of that name, or why there is none.
pub fn find(name: &str) -> Result<&'static Function, String> {
    if let Some(function) = all().find(|f| f.name == name) {
        return Ok(function);
    }
    if let Some((why, _)) = REFUSED.iter().find(|(_, names)| names.contains(&name)) {
        return Err(format!("function {name:?} is not available: {why}"));
    }
    Err(match likely(name, all().map(|f| f.name)) {
        Some(right) => format!("function {name:?} is not defined; did you mean {right:?}?"),
        None => format!("function {name:?} is not defined; neither Go nor Sprig has one of that name"),
    })
}
