//! Upper and lower case, and words joined in other ways. Characters are Go's, one for one.
mod words;

use super::Param::Text;
use super::{Function, exactly};
use crate::call::{Call, Fault};
use crate::go::unicode::{Case, Property, is, is_space, to};
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly("upper", &[Text], "string", "In upper case.", |call| {
        map(call, |c| to(Case::Upper, c))
    }),
    exactly("lower", &[Text], "string", "In lower case.", |call| {
        map(call, |c| to(Case::Lower, c))
    }),
    exactly(
        "title",
        &[Text],
        "string",
        "The first letter of each word in upper case.",
        |call| {
            let mut before = ' ';
            map(call, |c| {
                let mapped = if is_separator(before) { to(Case::Title, c) } else { c };
                before = c;
                mapped
            })
        },
    ),
    exactly(
        "untitle",
        &[Text],
        "string",
        "The first letter of each word in lower case.",
        |call| {
            let mut next = true;
            map(call, |c| {
                if is_space(c) {
                    next = true;
                    c
                } else if std::mem::take(&mut next) {
                    to(Case::Lower, c)
                } else {
                    c
                }
            })
        },
    ),
    exactly(
        "swapcase",
        &[Text],
        "string",
        "Upper and lower case exchanged; words begin in title case.",
        |call| {
            let mut gap = true;
            map(call, |c| {
                if is(Property::Upper, c) || is(Property::Title, c) {
                    gap = false;
                    to(Case::Lower, c)
                } else if is(Property::Lower, c) {
                    let case = if std::mem::take(&mut gap) {
                        Case::Title
                    } else {
                        Case::Upper
                    };
                    to(case, c)
                } else {
                    gap = is_space(c);
                    c
                }
            })
        },
    ),
    exactly("snakecase", &[Text], "string", "`FirstName` as `first_name`.", |call| {
        words(call, '_')
    }),
    exactly("kebabcase", &[Text], "string", "`FirstName` as `first-name`.", |call| {
        words(call, '-')
    }),
    exactly("camelcase", &[Text], "string", "`first_name` as `FirstName`.", |call| {
        call.made(words::pascal(call.text(0)?))
    }),
];

fn words(call: &Call<'_>, connector: char) -> Result<Value, Fault> {
    if call.text(0)?.contains('\u{fffd}') {
        return Err(call.fault("is not available for a text with the replacement character U+FFFD"));
    }
    call.made(words::lower(call.text(0)?, connector))
}

fn map(call: &Call<'_>, change: impl FnMut(char) -> char) -> Result<Value, Fault> {
    call.made(call.text(0)?.chars().map(change).collect::<String>())
}

/// What `strings.Title` takes for the end of a word.
fn is_separator(c: char) -> bool {
    if c.is_ascii() {
        return !(c.is_ascii_alphanumeric() || c == '_');
    }
    !is(Property::Letter, c) && !is(Property::Digit, c) && is_space(c)
}
