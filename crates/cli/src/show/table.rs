//! Tables as kubectl prints them: names in capitals, columns three spaces apart, nothing after the last.
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::show::style::{Style, Tone};

/// What stands in one place of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A word and what it is about. Control characters of a cluster's words are shown, never acted on by the terminal.
    pub fn new(text: impl AsRef<str>, tone: Tone) -> Self {
        Self {
            text: clean(text.as_ref()),
            tone,
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// One line, without what a terminal would act on.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .trim_end()
        .into()
}

/// Rows below names of columns.
#[derive(Debug)]
pub struct Table {
    names: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty one.
    pub fn new(names: &[&'static str]) -> Self {
        Self {
            names: names.to_vec(),
            rows: Vec::new(),
        }
    }

    /// One more row; what it lacks is empty.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes it. An empty cell of a row is shown as `-`.
    ///
    /// # Errors
    /// Whoever reads has gone.
    pub fn write(&self, style: Style, out: &mut dyn Write) -> io::Result<()> {
        let head: Vec<Cell> = self.names.iter().map(|name| Cell::from(name.to_uppercase())).collect();
        let columns = self.names.len();
        let lines: Vec<&Vec<Cell>> = std::iter::once(&head).chain(&self.rows).collect();
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.text.width().max(1)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for line in lines {
            for (column, wide) in widths.iter().enumerate() {
                let (text, tone) = match line.get(column) {
                    Some(cell) if !cell.text.is_empty() => (cell.text.as_str(), cell.tone),
                    _ => ("-", Tone::Plain),
                };
                write!(out, "{}", style.paint(tone, text))?;
                if column + 1 < columns {
                    write!(out, "{:1$}", "", wide.saturating_sub(text.width()) + 3)?;
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_whatever_their_words_are() {
        let mut table = Table::new(&["name", "age"]);
        table.row(vec!["nightly".into(), Cell::new("3h", Tone::Good)]);
        table.row(vec!["夜".into(), "".into()]);
        table.row(vec!["a\u{1b}[31m\nb".into()]);
        let mut out = Vec::new();
        table.write(Style::PLAIN, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "NAME      AGE\nnightly   3h\n夜        -\na [31m b   -\n");
    }
}
