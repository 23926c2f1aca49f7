//! `fmt.Sprintf`: the format, its widths from arguments (`*`) and its explicit order (`%[2]d`).
use super::{Printer, Spec};
use crate::call::{Call, Fault};
use crate::value::Value;

/// The widest field and the highest precision.
pub const WIDTH_MAX: usize = 1_000;

/// `printf format arguments...`; the format is the first argument of the call.
pub fn sprintf(call: &Call<'_>) -> Result<String, Fault> {
    let mut reader = Reader {
        call,
        rest: call.text(0)?,
        next: 1,
        reordered: false,
    };
    let mut printer = Printer::new(call.state, call.at);
    while let Some((before, after)) = reader.rest.split_once('%') {
        printer.out.push(before)?;
        reader.rest = after;
        let mut spec = reader.spec()?;
        let mut chars = reader.rest.chars();
        let Some(verb) = chars.next() else {
            return Err(call.wants(0, "a verb after the last %"));
        };
        reader.rest = chars.as_str();
        if verb == '%' {
            printer.out.push("%")?;
            continue;
        }
        let Some(argument) = call.arguments.get(reader.next) else {
            return Err(call.fault(format!("has no argument for %{verb}")));
        };
        if verb == 'v' {
            spec.sharp_v = std::mem::take(&mut spec.sharp);
            spec.plus_v = std::mem::take(&mut spec.plus);
        }
        printer.at = argument.at;
        printer.value(spec, verb, &argument.value, 0).map_err(|fault| Fault {
            message: format!("{}, argument {}: {}", call.name, reader.next + 1, fault.message),
            ..fault
        })?;
        reader.next += 1;
    }
    printer.out.push(reader.rest)?;
    match call.arguments.get(reader.next) {
        Some(extra) if !reader.reordered => Err(call.fault_at(
            reader.next,
            format!(
                "{} has no verb for its argument {}, {}",
                call.name,
                reader.next + 1,
                extra.value.words()
            ),
        )),
        _ => Ok(printer.out.done()),
    }
}

struct Reader<'a> {
    call: &'a Call<'a>,
    rest: &'a str,
    /// The argument that the next verb takes.
    next: usize,
    /// An order was written out: then arguments may be left over.
    reordered: bool,
}

impl Reader<'_> {
    fn spec(&mut self) -> Result<Spec, Fault> {
        let mut spec = Spec::default();
        while let Some(flag) = self.rest.chars().next().filter(|c| "+- #0".contains(*c)) {
            match flag {
                '+' => spec.plus = true,
                '-' => spec.minus = true,
                ' ' => spec.space = true,
                '#' => spec.sharp = true,
                _ => spec.zero = true,
            }
            self.skip(1);
        }
        let mut indexed = self.index()?;
        if self.star() {
            let width = self.taken_from_argument("width")?;
            spec.minus |= width < 0;
            spec.zero &= width >= 0;
            spec.width = Some(self.bounded(width.unsigned_abs())?);
            indexed = false;
        } else {
            spec.width = self.number()?;
            if indexed && spec.width.is_some() {
                return Err(self.call.wants(0, "[n] right before the verb or the *"));
            }
        }
        // At the end of the format a point is taken for the verb.
        if self.rest.len() > 1 && self.rest.starts_with('.') {
            if indexed {
                return Err(self.call.wants(0, "[n] right before the verb or the *"));
            }
            self.skip(1);
            indexed = self.index()?;
            if self.star() {
                let precision = self.taken_from_argument("precision")?;
                let precision = u64::try_from(precision)
                    .map_err(|_| self.call.wants(self.next - 1, "a precision that is not negative"))?;
                spec.precision = Some(self.bounded(precision)?);
                indexed = false;
            } else {
                let precision = self.number()?;
                if indexed && precision.is_some() {
                    return Err(self.call.wants(0, "[n] right before the verb or the *"));
                }
                spec.precision = Some(precision.unwrap_or(0));
            }
        }
        if !indexed {
            self.index()?;
        }
        Ok(spec)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn star(&mut self) -> bool {
        let there = self.rest.starts_with('*');
        if there {
            self.skip(1);
        }
        there
    }

    fn bounded(&self, number: u64) -> Result<usize, Fault> {
        usize::try_from(number).ok().filter(|n| *n <= WIDTH_MAX).ok_or_else(|| {
            self.call
                .wants(0, &format!("a format with widths of at most {WIDTH_MAX}"))
        })
    }

    fn number(&mut self) -> Result<Option<usize>, Fault> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let digits = self.rest.get(..end).unwrap_or_default();
        if digits.is_empty() {
            return Ok(None);
        }
        let number = self.bounded(digits.parse().unwrap_or(u64::MAX))?;
        self.skip(end);
        Ok(Some(number))
    }

    /// `[n]`: from now on the n-th argument after the format.
    fn index(&mut self) -> Result<bool, Fault> {
        let Some(rest) = self.rest.strip_prefix('[') else {
            return Ok(false);
        };
        let index = rest.split_once(']').and_then(|(digits, rest)| {
            let index: usize = digits
                .parse()
                .ok()
                .filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?;
            (1..self.call.arguments.len()).contains(&index).then_some((index, rest))
        });
        let Some((index, rest)) = index else {
            return Err(self.call.wants(0, "[n] with the number of an argument that is there"));
        };
        self.next = index;
        self.rest = rest;
        self.reordered = true;
        Ok(true)
    }

    fn taken_from_argument(&mut self, what: &str) -> Result<i64, Fault> {
        let value = self.call.arguments.get(self.next).map(|a| &a.value);
        let number =
            value.and_then(|v: &Value| v.signed().or_else(|| v.unsigned().and_then(|u| i64::try_from(u).ok())));
        let number = number.ok_or_else(|| self.call.wants(self.next, &format!("an integer for the {what}")))?;
        self.next += 1;
        Ok(number)
    }
}
