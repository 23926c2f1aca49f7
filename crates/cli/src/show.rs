//! How things are shown to people: tables, colours where a terminal has them, spans of time; and to scripts: documents.
pub mod document;
pub mod fold;
pub mod style;
pub mod table;
pub mod time;
