//! The values that a pipeline carries, and how Go prints them.
use crate::layout;
use crate::moment::Moment;

/// A value; the kinds are Go's types as far as templates tell them apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `string`.
    Text(String),
    /// `int`.
    Int(i64),
    /// `int64`: what Sprig's arithmetic and `Unix` give; Go does not take it where an `int` is wanted.
    Int64(i64),
    /// `float64`.
    Float(f64),
    /// `bool`.
    Bool(bool),
    /// `time.Time`.
    Time(Moment),
    /// `time.Month`, from 1.
    Month(i8),
    /// `time.Weekday`, from Sunday, 0.
    Weekday(i8),
}

impl Value {
    /// What it is, in words for a message.
    pub fn kind(&self) -> String {
        match self {
            Self::Text(text) if text.chars().count() > 20 => {
                format!("the text {:?}...", text.chars().take(20).collect::<String>())
            }
            Self::Text(text) => format!("the text {text:?}"),
            Self::Int(i) => format!("the integer {i}"),
            Self::Int64(i) => format!("the integer {i} (int64)"),
            Self::Float(f) => format!("the number {f}"),
            Self::Bool(b) => format!("{b}"),
            Self::Time(_) => "a time".into(),
            Self::Month(_) => "a month".into(),
            Self::Weekday(_) => "a day of the week".into(),
        }
    }

    /// As `%v` and `print` show it.
    pub fn print(&self) -> Result<String, String> {
        Ok(match self {
            Self::Text(text) => text.clone(),
            Self::Int(i) | Self::Int64(i) => i.to_string(),
            Self::Float(f) => float(*f),
            Self::Bool(b) => b.to_string(),
            Self::Time(moment) => moment.print()?,
            Self::Month(m) => layout::month_name(*m).into(),
            Self::Weekday(d) => layout::day_name(*d).into(),
        })
    }

    /// Go's and Sprig's idea of a value that is not set.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Int(i) | Self::Int64(i) => *i == 0,
            Self::Float(f) => *f == 0.0,
            Self::Bool(b) => !b,
            Self::Time(_) => false,
            Self::Month(i) | Self::Weekday(i) => *i == 0,
        }
    }
}

/// The shortest text that reads back as the same float; with an exponent below 1e-4 and from 1e+06 on: Go's `%g`.
pub fn float(f: f64) -> String {
    let scientific = format!("{f:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{f}");
    }
    exponent_form(mantissa, exponent)
}

/// `1.5e+06`: the exponent has a sign and at least two digits.
pub fn exponent_form(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
