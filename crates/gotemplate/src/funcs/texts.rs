//! Functions that Sprig takes from goutils; they look at bytes, which is kept where the result is still a text.
use super::Param::{Int, Text};
use super::strings::piece;
use super::{Function, exactly};
use crate::call::{Call, Fault};
use crate::go::unicode::is_space;
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly("nospace", &[Text], "string", "Without white space.", |call| {
        let source = call.text(0)?;
        // Byte by byte, each taken for a character: only a text without white space passes unharmed.
        let kept: String = source.bytes().map(char::from).filter(|c| !is_space(*c)).collect();
        if kept.chars().count() == source.len() {
            call.made(source)
        } else {
            call.made(kept)
        }
    }),
    exactly("initials", &[Text], "string", "The first byte of each word.", |call| {
        let mut gap = true;
        let mut out = String::new();
        for c in call.text(0)?.bytes().map(char::from) {
            if is_space(c) {
                gap = true;
            } else if std::mem::take(&mut gap) {
                out.push(c);
            }
        }
        call.made(out)
    }),
    exactly(
        "abbrev",
        &[Int, Text],
        "string",
        "At most so many bytes, with `...` for what is left out.",
        |call| {
            let (width, source) = (call.int(0)?, call.text(1)?);
            if width < 4 {
                return call.made(source);
            }
            call.made(abbreviate(call, source, 0, size(width))?)
        },
    ),
    exactly(
        "abbrevboth",
        &[Int, Int, Text],
        "string",
        "The same at both ends: what is left out before and the width.",
        |call| {
            let (left, right, source) = (call.int(0)?, call.int(1)?, call.text(2)?);
            if right < 4 || (left > 0 && right < 7) {
                return call.made(source);
            }
            call.made(abbreviate(call, source, left, size(right))?)
        },
    ),
    exactly(
        "wrap",
        &[Int, Text],
        "string",
        "Lines of at most so many bytes, broken at spaces.",
        |call| wrap(call, call.int(0)?, "\n", call.text(1)?, false),
    ),
    exactly(
        "wrapWith",
        &[Int, Text, Text],
        "string",
        "The same with another line feed; long words are broken.",
        |call| {
            let line = if call.text(1)?.is_empty() { "\n" } else { call.text(1)? };
            wrap(call, call.int(0)?, line, call.text(2)?, true)
        },
    ),
];

fn size(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// `offset` is where the piece that is kept begins, about.
fn abbreviate(call: &Call<'_>, source: &str, offset: i64, width: usize) -> Result<String, Fault> {
    let length = source.len();
    if length <= width {
        return Ok(source.into());
    }
    let keep = width - 3;
    // Negative offsets are below 4 anyway.
    let mut offset = usize::try_from(offset).unwrap_or(0).min(length);
    if length - offset < keep {
        offset = length - keep;
    }
    if offset <= 4 {
        return Ok(format!("{}...", piece(call, source, 0, keep)?));
    }
    if width < 7 {
        // goutils has an error here, of which Sprig takes the empty text.
        return Ok(String::new());
    }
    if offset + keep < length {
        let rest = piece(call, source, offset, length)?;
        return Ok(format!("...{}", abbreviate(call, rest, 0, keep)?));
    }
    Ok(format!("...{}", piece(call, source, length - keep, length)?))
}

fn wrap(call: &Call<'_>, width: i64, line: &str, source: &str, break_words: bool) -> Result<Value, Fault> {
    let width = size(width.max(1));
    let mut out = call.out();
    let mut at = 0;
    while source.len() - at > width {
        if source.as_bytes().get(at) == Some(&b' ') {
            at += 1;
            continue;
        }
        let window = source.as_bytes().get(at..=at + width).unwrap_or_default();
        let end = match window.iter().rposition(|b| *b == b' ') {
            Some(space) => Some((at + space, at + space + 1)),
            None if break_words => Some((at + width, at + width)),
            None => {
                let behind = source.as_bytes().get(at + width..).unwrap_or_default();
                let space = behind.iter().position(|b| *b == b' ').map(|i| at + width + i);
                space.map(|i| (i, i + 1))
            }
        };
        let Some((end, next)) = end else {
            out.push(piece(call, source, at, source.len())?)?;
            at = source.len();
            break;
        };
        out.push(piece(call, source, at, end)?)?;
        out.push(line)?;
        at = next;
    }
    out.push(piece(call, source, at, source.len())?)?;
    call.made(out.done())
}
