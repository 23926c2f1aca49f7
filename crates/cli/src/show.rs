//! How things are shown to people: tables, colours where a terminal has them, spans of time.
pub mod style;
pub mod table;
