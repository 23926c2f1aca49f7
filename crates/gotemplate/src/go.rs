//! Parts of Go's standard library and of the libraries behind Sprig, as far as templates show them.
pub mod decimal;
pub mod json;
pub mod path;
pub mod print;
pub mod regex;
pub mod semver;
pub mod timeparse;
pub mod unicode;
pub mod url;
