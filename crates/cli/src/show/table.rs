//! Tables as kubectl prints them: names in capitals, columns three spaces apart, nothing after the last.
mod fit;

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::plain::clean;
use crate::show::style::{Style, Tone};

/// Blanks between columns.
const GAP: usize = 3;

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

/// Rows below names of columns.
#[derive(Debug)]
pub struct Table {
    names: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    text: bool,
    least: &'static [&'static str],
}

impl Table {
    /// An empty one.
    pub fn new(names: &[&'static str]) -> Self {
        Self {
            names: names.to_vec(),
            rows: Vec::new(),
            text: false,
            least: &[],
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

    /// The same, whose last column is free text: on a terminal it is folded, not cut.
    #[must_use]
    pub fn with_text(self) -> Self {
        Self { text: true, ..self }
    }

    /// The same, which on a terminal does without these columns before it does without others.
    #[must_use]
    pub fn least(self, names: &'static [&'static str]) -> Self {
        Self { least: names, ..self }
    }

    /// Writes it. An empty cell of a row is shown as `-`; on a terminal no line is longer than it is wide.
    ///
    /// # Errors
    /// Whoever reads has gone.
    pub fn write(&self, style: Style, out: &mut dyn Write) -> io::Result<()> {
        if let Some(width) = style.width() {
            return self.fit(width).write(self, style, out);
        }
        let widths = self.widths();
        let head: Vec<Cell> = self.names.iter().map(|name| Cell::from(name.to_uppercase())).collect();
        line(&head, &widths, style, out)?;
        self.more(&widths, style, out)
    }

    /// Writes its rows alone, below what was written with these widths.
    ///
    /// # Errors
    /// Whoever reads has gone.
    pub fn more(&self, widths: &[usize], style: Style, out: &mut dyn Write) -> io::Result<()> {
        self.rows.iter().try_for_each(|row| line(row, widths, style, out))
    }

    /// How wide its columns are.
    pub fn widths(&self) -> Vec<usize> {
        let width = |(column, name): (usize, &&str)| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| cell.text.width()).max().unwrap_or(0);
            widest.max(name.width())
        };
        self.names.iter().enumerate().map(width).collect()
    }
}

fn line(cells: &[Cell], widths: &[usize], style: Style, out: &mut dyn Write) -> io::Result<()> {
    for (column, wide) in widths.iter().enumerate() {
        let (text, tone) = shown(cells.get(column));
        write!(out, "{}", style.paint(tone, text))?;
        if column + 1 < widths.len() {
            let gap = wide.saturating_sub(text.width()) + GAP;
            write!(out, "{:gap$}", "")?;
        }
    }
    writeln!(out)
}

/// What stands for a cell.
fn shown(cell: Option<&Cell>) -> (&str, Tone) {
    match cell {
        Some(cell) if !cell.text.is_empty() => (&cell.text, cell.tone),
        _ => ("-", Tone::Plain),
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
        assert_eq!(text, "NAME       AGE\nnightly    3h\n夜         -\na [31m b   -\n");
    }

    #[test]
    fn rows_that_come_later_stand_below_the_others() {
        let mut table = Table::new(&["name", "age"]);
        table.row(vec!["nightly".into(), "3h".into()]);
        let mut later = Table::new(&["name", "age"]);
        later.row(vec!["db".into(), "1s".into()]);
        let mut out = Vec::new();
        later.more(&table.widths(), Style::PLAIN, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "db        1s\n");
    }
}
