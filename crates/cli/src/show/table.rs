//! Tables as kubectl prints them: names in capitals, columns three spaces apart, nothing after the last.
use crate::plain::clean;
use std::borrow::Cow;
use std::io::{self, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::show::style::{Style, Tone};

/// Blanks between columns.
const GAP: usize = 3;
/// With less room than this the last column is not cut: nothing of it could be read.
const LEAST: usize = 10;

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

    /// Writes it. An empty cell of a row is shown as `-`; on a terminal the last column ends where the line does.
    ///
    /// # Errors
    /// Whoever reads has gone.
    pub fn write(&self, style: Style, out: &mut dyn Write) -> io::Result<()> {
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
    let mut at = 0;
    for (column, wide) in widths.iter().enumerate() {
        let (text, tone) = match cells.get(column) {
            Some(cell) if !cell.text.is_empty() => (cell.text.as_str(), cell.tone),
            _ => ("-", Tone::Plain),
        };
        if column + 1 < widths.len() {
            let gap = wide.saturating_sub(text.width()) + GAP;
            write!(out, "{}{:gap$}", style.paint(tone, text), "")?;
            at += text.width() + gap;
        } else {
            let text = cut(text, style.width().map(|width| width.saturating_sub(at)));
            write!(out, "{}", style.paint(tone, &text))?;
        }
    }
    writeln!(out)
}

/// A text that fits, if there is room for some of it at all.
fn cut(text: &str, room: Option<usize>) -> Cow<'_, str> {
    let Some(room) = room.filter(|room| *room >= LEAST && text.width() > *room) else {
        return text.into();
    };
    let mut kept = String::new();
    for c in text.chars() {
        if kept.width() + c.width().unwrap_or(0) >= room {
            break;
        }
        kept.push(c);
    }
    (kept + "…").into()
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
    fn on_a_terminal_the_last_column_ends_where_the_line_does() {
        let mut table = Table::new(&["name", "message"]);
        table.row(vec!["a".into(), "connection refused".into()]);
        let text = |width| {
            let mut out = Vec::new();
            table.write(Style::PLAIN.within(width), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(20), "NAME   MESSAGE\na      connection r…\n");
        assert_eq!(text(25), "NAME   MESSAGE\na      connection refused\n");
        assert_eq!(text(10), text(80), "no room for anything of it");
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
