//! Colours and width: only where a terminal shows them and nobody has asked for none.
use std::io::IsTerminal;

/// What a word is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As the terminal writes.
    Plain,
    /// It is well.
    Good,
    /// It wants a look.
    Warn,
    /// It is bad.
    Bad,
    /// Of less weight.
    Dim,
}

/// Whether words are coloured, and how long a line may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    coloured: bool,
    width: Option<usize>,
}

impl Style {
    /// Of standard output, by terminal, `NO_COLOR` (https://no-color.org) and `TERM=dumb`.
    pub fn of_output() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let width = terminal_size::terminal_size_of(std::io::stdout()).filter(|_| terminal);
        Self {
            width: width.map(|(columns, _)| columns.0.into()),
            ..Self::decide(terminal, |name| std::env::var(name).ok())
        }
    }

    /// Without colours, and with lines of any length.
    pub const PLAIN: Self = Self {
        coloured: false,
        width: None,
    };

    /// Columns of the terminal; none where it is none.
    pub fn width(self) -> Option<usize> {
        self.width
    }

    /// The same for lines that are no longer than that.
    #[cfg(test)]
    pub fn within(self, width: usize) -> Self {
        Self {
            width: Some(width),
            ..self
        }
    }

    fn decide(terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let refused = variable("NO_COLOR").is_some_and(|v| !v.is_empty());
        let dumb = variable("TERM").is_none_or(|t| t.is_empty() || t == "dumb");
        Self {
            coloured: terminal && !refused && !dumb,
            width: None,
        }
    }

    /// The word in its colour.
    pub fn paint(self, tone: Tone, word: &str) -> String {
        let code = match tone {
            Tone::Plain => return word.into(),
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
            Tone::Dim => "2",
        };
        if self.coloured {
            format!("\u{1b}[{code}m{word}\u{1b}[0m")
        } else {
            word.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_coloured_on_a_terminal_that_can_and_where_nobody_refused() {
        let with = |terminal, pairs: &'static [(&str, &str)]| {
            Style::decide(terminal, |name| {
                pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).into())
            })
        };
        for (terminal, variables, coloured) in [
            (true, &[("TERM", "xterm")][..], true),
            (false, &[("TERM", "xterm")][..], false),
            (true, &[("TERM", "dumb")][..], false),
            (true, &[][..], false),
            (true, &[("TERM", "xterm"), ("NO_COLOR", "1")][..], false),
            (true, &[("TERM", "xterm"), ("NO_COLOR", "")][..], true),
        ] {
            assert_eq!(with(terminal, variables).coloured, coloured, "{terminal} {variables:?}");
        }
        let coloured = Style {
            coloured: true,
            ..Style::PLAIN
        };
        assert_eq!(coloured.paint(Tone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "x"), "x");
    }
}
