//! Texts: `%s`, `%q`, `%x`.
use super::{Printer, Spec, quote, quote_ascii};
use crate::call::Fault;

impl Printer<'_> {
    /// A text under `s`, `v`, `q`, `x` or `X`.
    pub(super) fn text(&mut self, spec: Spec, verb: char, text: &str) -> Result<(), Fault> {
        let upper = verb == 'X';
        if matches!(verb, 'x' | 'X') {
            return self.hexadecimal(spec, upper, text.as_bytes());
        }
        let text = cut(spec, text);
        if verb != 'q' {
            return self.pad(spec, text);
        }
        if spec.sharp
            && !text.contains('`')
            && text
                .chars()
                .all(|c| c == '\t' || (c != '\u{feff}' && c >= ' ' && c != '\u{7f}'))
        {
            return self.pad(spec, &format!("`{text}`"));
        }
        let quoted = if spec.plus { quote_ascii(text) } else { quote(text) };
        self.pad(spec, &quoted)
    }

    fn hexadecimal(&mut self, spec: Spec, upper: bool, bytes: &[u8]) -> Result<(), Fault> {
        let prefix = match (spec.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let mut out = String::new();
        for (index, byte) in bytes.iter().take(spec.precision.unwrap_or(usize::MAX)).enumerate() {
            if index > 0 && spec.space {
                out.push(' ');
            }
            if index == 0 || spec.space {
                out.push_str(prefix);
            }
            out.push_str(&if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            });
        }
        self.pad(spec, &out)
    }
}

/// The precision of a text is its length in characters.
fn cut(spec: Spec, text: &str) -> &str {
    let end = spec
        .precision
        .and_then(|p| text.char_indices().nth(p))
        .map_or(text.len(), |(i, _)| i);
    text.get(..end).unwrap_or(text)
}
