//! A build of the operator that is measured.
use std::path::PathBuf;

/// A program and what it is called in the tables.
#[derive(Clone, Debug)]
pub struct Build {
    /// What it is called.
    pub name: String,
    /// Its program.
    pub program: PathBuf,
}

impl Build {
    /// `name=program`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, program) = text
            .split_once('=')
            .ok_or("a build is its name, `=`, and its program: today=/path/to/operator")?;
        let program = PathBuf::from(program);
        if !program.is_file() {
            return Err(format!("{} is no program", program.display()));
        }
        Ok(Self {
            name: name.into(),
            program,
        })
    }
}
