//! Rows of a list: what a kind shows of each of its objects, and in which order.
use jiff::Timestamp;

use crate::read::objects::Kind;
use crate::show::style::Tone;
use crate::show::table::{Cell, Table};

/// Which columns are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// That of the namespace.
    pub namespaces: bool,
    /// Those of `-o wide`.
    pub wide: bool,
}

/// A kind that can be listed.
pub trait Row: Kind {
    /// Its cells, each with the name of its column. Columns are the same for every object.
    fn cells(&self, view: View, now: Timestamp) -> Vec<(&'static str, Cell)>;

    /// Whether `--failed` shows it.
    fn has_failed(&self, now: Timestamp) -> bool;

    /// What it is sorted by.
    fn place(&self) -> (String, Timestamp, String);
}

/// The table of some objects, in their order. Without any it has no columns.
pub fn table<K: Row>(objects: &[K], view: View, now: Timestamp) -> Table {
    let rows: Vec<_> = objects.iter().map(|object| object.cells(view, now)).collect();
    let names: Vec<_> = rows.first().into_iter().flatten().map(|(name, _)| *name).collect();
    let mut table = Table::new(&names).least(&["schedule", "age"]);
    for row in rows {
        table.row(row.into_iter().map(|(_, cell)| cell).collect());
    }
    table
}

/// A cell of less weight.
pub fn dim(text: impl AsRef<str>) -> Cell {
    Cell::new(text, Tone::Dim)
}
