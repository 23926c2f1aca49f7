//! A table on a terminal: what is too wide loses blanks first, then columns without anything, then those furthest right, which are named below. Free
//! text is folded in its column, or below its row where the column is too narrow to read.
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::{Cell, GAP, Table, shown};
use crate::show::fold::fold;
use crate::show::style::{Style, Tone};

/// Blanks between columns where there is little room.
const LITTLE: usize = 2;
/// Text in a narrower column than this is not read but deciphered.
const READABLE: usize = 24;
/// How far in the text below a row stands.
const BELOW: usize = 4;
/// Lines of one text: a message may be as long as a page.
const LINES: usize = 4;

/// How a table is laid out on a terminal.
#[derive(Debug, PartialEq, Eq)]
pub struct Fit {
    /// The columns that are shown, the text not among them, and how wide they are.
    columns: Vec<(usize, usize)>,
    gap: usize,
    /// Where the text stands in a row.
    last: usize,
    /// Names of those that have something and are not shown.
    left_out: Vec<&'static str>,
    text: Text,
}

/// Where the last column's text goes.
#[derive(Debug, PartialEq, Eq)]
enum Text {
    /// It is a column as the others.
    None,
    /// In its column, of that width.
    Beside(usize),
    /// Below its row, of that width.
    Below(usize),
}

impl Table {
    /// How it fits.
    pub(super) fn fit(&self, width: usize) -> Fit {
        let mut columns: Vec<_> = self.widths().into_iter().enumerate().collect();
        let text = if self.text { columns.pop() } else { None };
        let last = columns.len();
        let taken = |columns: &[(usize, usize)], gap: usize| {
            columns.iter().map(|(_, wide)| wide).sum::<usize>() + gap * columns.len().saturating_sub(1)
        };
        if let Some((_, widest)) = text {
            let cells = self.rows.iter().filter_map(|row| row.get(last));
            let words = cells.flat_map(|cell| cell.text.split(' ')).map(UnicodeWidthStr::width);
            // An address is not broken where there is more room below.
            let longest = words.max().unwrap_or(0).min(width.saturating_sub(BELOW));
            for gap in [GAP, LITTLE] {
                let room = width.saturating_sub(taken(&columns, gap) + gap);
                if room >= widest.min(READABLE.max(longest)) {
                    return Fit {
                        columns,
                        gap,
                        last,
                        left_out: vec![],
                        text: Text::Beside(room),
                    };
                }
            }
        }
        let gap = if taken(&columns, GAP) > width { LITTLE } else { GAP };
        if taken(&columns, gap) > width {
            let is_there = |row: &Vec<Cell>, column: usize| row.get(column).is_some_and(|cell| !cell.text.is_empty());
            columns.retain(|(column, _)| self.rows.iter().any(|row| is_there(row, *column)));
        }
        let mut left_out = Vec::new();
        // The first two say what the row is about.
        while taken(&columns, gap) > width && columns.len() > 2 {
            let is_least =
                |(column, _): &(usize, usize)| self.names.get(*column).is_some_and(|n| self.least.contains(n));
            let at = columns.iter().position(is_least).unwrap_or(columns.len() - 1);
            left_out.push(columns.remove(at).0);
        }
        left_out.sort_unstable();
        let left_out = left_out
            .iter()
            .filter_map(|column| self.names.get(*column).copied())
            .collect();
        Fit {
            columns,
            gap,
            last,
            left_out,
            text: text.map_or(Text::None, |_| Text::Below(width.saturating_sub(BELOW))),
        }
    }
}

impl Fit {
    /// Writes the table so.
    pub(super) fn write(&self, table: &Table, style: Style, out: &mut dyn Write) -> io::Result<()> {
        let mut head: Vec<Cell> = table.names.iter().map(|name| Cell::from(name.to_uppercase())).collect();
        if matches!(self.text, Text::Below(_)) {
            head.truncate(self.last);
        }
        for row in std::iter::once(&head).chain(&table.rows) {
            self.row(row, style, out)?;
        }
        if !self.left_out.is_empty() {
            let names = format!("too narrow for {}", self.left_out.join(", ").to_uppercase());
            writeln!(out, "{}", style.paint(Tone::Dim, &names))?;
        }
        Ok(())
    }

    fn row(&self, cells: &[Cell], style: Style, out: &mut dyn Write) -> io::Result<()> {
        let mut before = 0;
        for (column, wide) in &self.columns {
            let (text, tone) = shown(cells.get(*column));
            write!(out, "{:before$}{}", "", style.paint(tone, text))?;
            before = wide.saturating_sub(text.width()) + self.gap;
        }
        match (&self.text, cells.get(self.last)) {
            (Text::Beside(width), cell) => {
                let indent = self.columns.iter().map(|(_, wide)| wide + self.gap).sum();
                write!(out, "{:before$}", "")?;
                lines(shown(cell), *width, indent, style, out)
            }
            (Text::Below(width), Some(cell)) if !cell.text.is_empty() => {
                write!(out, "\n{:BELOW$}", "")?;
                lines(shown(Some(cell)), *width, BELOW, style, out)
            }
            _ => writeln!(out),
        }
    }
}

/// A text in lines of that width: the first one where the cursor is, the others so far in.
fn lines((text, tone): (&str, Tone), width: usize, indent: usize, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = fold(text, width);
    if lines.len() > LINES {
        lines.truncate(LINES);
        if let Some(last) = lines.last_mut() {
            while last.width() >= width.max(1) {
                last.pop();
            }
            last.push('…');
        }
    }
    for (at, line) in lines.iter().enumerate() {
        let before = if at == 0 { 0 } else { indent };
        writeln!(out, "{:before$}{}", "", style.paint(tone, line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(table: &Table, width: usize) -> String {
        let mut out = Vec::new();
        table.write(Style::PLAIN.within(width), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_too_wide_loses_blanks_then_empty_columns_then_those_furthest_right() {
        let mut table = Table::new(&["last good", "name", "next in", "size", "age"]);
        let cells = ["3h", "nightly", "", "1.0 GiB", "12d"];
        table.row(cells.map(Cell::from).to_vec());
        for (width, wanted) in [
            (
                45,
                "LAST GOOD   NAME      NEXT IN   SIZE      AGE\n3h          nightly   -         1.0 GiB   12d\n",
            ),
            (
                41,
                "LAST GOOD  NAME     NEXT IN  SIZE     AGE\n3h         nightly  -        1.0 GiB  12d\n",
            ),
            (
                32,
                "LAST GOOD  NAME     SIZE     AGE\n3h         nightly  1.0 GiB  12d\n",
            ),
            (
                30,
                "LAST GOOD  NAME     SIZE\n3h         nightly  1.0 GiB\ntoo narrow for AGE\n",
            ),
            (5, "LAST GOOD  NAME\n3h         nightly\ntoo narrow for SIZE, AGE\n"),
        ] {
            assert_eq!(written(&table, width), wanted, "{width}");
        }
    }

    #[test]
    fn what_is_least_goes_first() {
        let mut table = Table::new(&["name", "schedule", "last run"]).least(&["schedule"]);
        table.row(vec!["nightly".into(), "@daily".into(), "Invalid".into()]);
        let wanted = "NAME     LAST RUN\nnightly  Invalid\ntoo narrow for SCHEDULE\n";
        assert_eq!(written(&table, 20), wanted);
    }

    #[test]
    fn text_is_folded_beside_its_row_or_below_it() {
        let mut table = Table::new(&["name", "why"]).with_text();
        let refused = "the connection was refused by the store";
        table.row(vec!["a".into(), refused.into()]);
        table.row(vec!["b".into(), "".into()]);
        for (width, wanted) in [
            (80, format!("NAME   WHY\na      {refused}\nb      -\n")),
            (
                34,
                "NAME   WHY\na      the connection was refused\n       by the store\nb      -\n".into(),
            ),
            (
                20,
                "NAME\na\n    the connection\n    was refused by\n    the store\nb\n".into(),
            ),
        ] {
            assert_eq!(written(&table, width), wanted, "{width}");
        }
        let mut address = Table::new(&["name", "why"]).with_text();
        address.row(vec![
            "long-name".into(),
            "https://s3.example.com/backups refuses".into(),
        ]);
        let wanted = "NAME\nlong-name\n    https://s3.example.com/backups\n    refuses\n";
        assert_eq!(written(&address, 37), wanted, "an address is left whole");
        let mut long = Table::new(&["name", "why"]).with_text();
        long.row(vec!["a".into(), "word ".repeat(100).into()]);
        let text = written(&long, 40);
        assert!(text.lines().count() == 1 + LINES && text.ends_with("…\n"), "{text}");
        assert!(text.lines().all(|line| line.width() <= 40), "{text}");
    }
}
