//! Integers: `%d %b %o %O %x %X %c %q %U`.
use super::quote::character;
use super::{Printer, Spec};
use crate::call::Fault;
use crate::go::unicode::{self, Property};
use crate::value::Value;

impl Printer<'_> {
    /// An integer by its sign and magnitude.
    pub(super) fn integer(
        &mut self,
        spec: Spec,
        verb: char,
        negative: bool,
        magnitude: u64,
        value: &Value,
    ) -> Result<(), Fault> {
        let rune = if negative {
            None
        } else {
            u32::try_from(magnitude).ok().and_then(char::from_u32)
        };
        let rune = rune.unwrap_or(char::REPLACEMENT_CHARACTER);
        let unpadded = Spec { zero: false, ..spec };
        let digits = match verb {
            'v' | 'd' => magnitude.to_string(),
            'b' => format!("{magnitude:b}"),
            'o' | 'O' => format!("{magnitude:o}"),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            'c' => return self.pad(spec, rune.encode_utf8(&mut [0; 4])),
            'q' => return self.pad(spec, &character(rune, spec.plus)),
            'U' => {
                let bits = if negative { magnitude.wrapping_neg() } else { magnitude };
                let width = spec.precision.unwrap_or(4).clamp(4, super::format::WIDTH_MAX);
                let mut text = format!("U+{bits:0width$X}");
                if spec.sharp && u64::from(u32::from(rune)) == bits && unicode::is(Property::Print, rune) {
                    text.push_str(&format!(" '{rune}'"));
                }
                return self.pad(unpadded, &text);
            }
            _ => return self.bad_verb(verb, value),
        };
        if spec.precision == Some(0) && magnitude == 0 {
            return self.pad(unpadded, "");
        }
        let sign = sign(spec, negative);
        let least = match (spec.precision, spec.width) {
            (Some(precision), _) => precision,
            (None, Some(width)) if spec.zero && !spec.minus => width.saturating_sub(sign.len()),
            _ => 1,
        };
        let mut digits = format!("{}{digits}", "0".repeat(least.saturating_sub(digits.len())));
        if spec.sharp {
            match verb {
                'b' => digits.insert_str(0, "0b"),
                'o' | 'O' if !digits.starts_with('0') => digits.insert(0, '0'),
                'x' => digits.insert_str(0, "0x"),
                'X' => digits.insert_str(0, "0X"),
                _ => {}
            }
        }
        if verb == 'O' {
            digits.insert_str(0, "0o");
        }
        self.pad(unpadded, &format!("{sign}{digits}"))
    }
}

/// The sign that is shown.
pub(super) fn sign(spec: Spec, negative: bool) -> &'static str {
    match (negative, spec.plus, spec.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    }
}
