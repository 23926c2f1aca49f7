//! Random texts and numbers. They follow from the seed of the rendering, so that a path that is rendered again comes out
//! the same; they are no secrets.
use super::Param::{Int, Text};
use super::{Function, exactly};
use crate::call::{Call, Fault, TEXT_MAX, too_long};
use crate::value::Value;

pub const ALL: &[Function] = &[
    exactly(
        "randAlphaNum",
        &[Int],
        "string",
        "So many random letters and digits.",
        |call| letters(call, |c| c.is_ascii_alphanumeric()),
    ),
    exactly("randAlpha", &[Int], "string", "So many random letters.", |call| {
        letters(call, |c| c.is_ascii_alphabetic())
    }),
    exactly("randNumeric", &[Int], "string", "So many random digits.", |call| {
        letters(call, |c| c.is_ascii_digit())
    }),
    exactly(
        "randAscii",
        &[Int],
        "string",
        "So many random characters of ASCII, spaces and signs included.",
        |call| letters(call, |c| (' '..='~').contains(&c)),
    ),
    exactly(
        "randBytes",
        &[Int],
        "string",
        "So many random bytes, as base64.",
        |call| {
            let count = usize::try_from(call.int(0)?).map_err(|_| call.wants(0, "a count that is not negative"))?;
            if count > TEXT_MAX {
                return Err(too_long(call.at));
            }
            let bytes: Vec<u8> = (0..count).map(|_| call.state.random().to_le_bytes()[0]).collect();
            call.made(data_encoding::BASE64.encode(&bytes))
        },
    ),
    exactly(
        "randInt",
        &[Int, Int],
        "int",
        "A random integer from the first up to, without, the second.",
        |call| {
            let (low, high) = (call.int(0)?, call.int(1)?);
            let span = high
                .checked_sub(low)
                .and_then(|s| u64::try_from(s).ok())
                .filter(|s| *s > 0);
            let span = span.ok_or_else(|| call.wants(1, "an integer above the first"))?;
            let offset = i64::try_from(below(call, span)).unwrap_or_default();
            Ok(Value::Int(low.wrapping_add(offset)))
        },
    ),
    exactly(
        "shuffle",
        &[Text],
        "string",
        "The characters in random order.",
        |call| {
            let mut chars: Vec<char> = call.text(0)?.chars().collect();
            for index in (1..chars.len()).rev() {
                let other = usize::try_from(below(call, index as u64 + 1)).unwrap_or_default();
                chars.swap(index, other);
            }
            call.made(chars.into_iter().collect::<String>())
        },
    ),
    exactly("uuidv4", &[], "string", "A random UUID.", |call| {
        let high = call.state.random() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000;
        let low = call.state.random() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000;
        call.made(format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xFFFF,
            high & 0xFFFF,
            low >> 48,
            low & 0xFFFF_FFFF_FFFF
        ))
    }),
];

/// A random number below a bound. The remainder favours the low ones by less than one in 2^32 for the bounds here.
fn below(call: &Call<'_>, bound: u64) -> u64 {
    let wide = u128::from(call.state.random()) * u128::from(bound);
    u64::try_from(wide >> 64).unwrap_or_default()
}

/// Random characters of a set; none for a negative count, as in Sprig.
fn letters(call: &Call<'_>, belongs: fn(char) -> bool) -> Result<Value, Fault> {
    let count = usize::try_from(call.int(0)?).unwrap_or(0);
    if count > TEXT_MAX {
        return Err(too_long(call.at));
    }
    let set: Vec<char> = ('\0'..='\u{7f}').filter(|c| belongs(*c)).collect();
    let one = |_| {
        let index = usize::try_from(below(call, set.len() as u64)).unwrap_or_default();
        set.get(index).copied().unwrap_or('0')
    };
    call.made((0..count).map(one).collect::<String>())
}
