//! The recipes that `kubectl backup init` prints: a table of all manifests of docs/examples, so that none can be forgotten.
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .ok_or(format!("{name} is not set"))
    };
    let folder = variable("CARGO_MANIFEST_DIR")?
        .join("../../docs/examples")
        .canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "yaml") {
            files.push(path);
        }
    }
    // By name, so that `postgresql` comes before `postgresql-custom`.
    files.sort_by(|one, other| one.file_stem().cmp(&other.file_stem()));
    let mut table = String::from("&[\n");
    for path in &files {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        writeln!(table, "    ({name:?}, include_str!({:?})),", path.display().to_string())?;
    }
    table.push_str("]\n");
    std::fs::write(Path::new(&variable("OUT_DIR")?).join("recipes.rs"), table)?;
    Ok(())
}
