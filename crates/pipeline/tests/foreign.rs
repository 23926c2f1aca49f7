//! Files that other tools have made, as docs/reference/foreign-files.md has them: each row is put to the stages of a restore.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use pipeline::{Allowance, Compression, Fault, Identities, Stages};

const TABLES: &str = include_str!("../../../docs/reference/foreign-files.md");
const LINE: &[u8] = b"one row of a table\n";

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign")
}

/// A row: its cells by the titles of their columns, without backticks.
type Row<'a> = BTreeMap<&'a str, String>;

fn rows() -> Vec<Row<'static>> {
    let cells = |line: &'static str| -> Vec<&'static str> {
        let inner = line.trim_matches('|').split('|');
        inner.map(str::trim).collect()
    };
    let (mut titles, mut rows) = (Vec::new(), Vec::new());
    for line in TABLES.lines() {
        if !line.starts_with('|') {
            titles.clear();
        } else if titles.is_empty() {
            titles = cells(line);
        } else if !line.starts_with("|-") {
            let values = cells(line).into_iter().map(|cell| cell.replace('`', ""));
            rows.push(titles.iter().copied().zip(values).collect());
        }
    }
    rows
}

/// The plain bytes of all files, of which some have a part.
fn plain() -> Vec<u8> {
    LINE.iter().copied().cycle().take(3_000_000).collect()
}

/// `zstd, windowLog: 31, memory limit 8Gi, encrypted, type: Passphrase`: what a run says, and where its Pod runs.
#[derive(Default)]
struct Said {
    compression: Option<Compression>,
    passphrase: bool,
    allowance: Allowance,
}

impl Said {
    fn read(text: &str) -> Self {
        let mut said = Self::default();
        for word in text.split(", ") {
            match word.split_once(": ").unwrap_or((word, "")) {
                ("gzip", _) => said.compression = Some(Compression::Gzip { level: 6 }),
                ("zstd", _) => said.compression = Some(Compression::Zstd { level: 3 }),
                ("encrypted", _) => {}
                ("type", kind) => said.passphrase = kind == "Passphrase",
                ("windowLog", log) => said.allowance.window_log = Some(log.parse().unwrap()),
                ("memory limit", limit) => {
                    let (number, unit) = limit.split_at(limit.len() - 2);
                    let shift = BTreeMap::from([("Mi", 20), ("Gi", 30)])[unit];
                    said.allowance.memory = Some(number.parse::<u64>().unwrap() << shift);
                }
                other => panic!("{text}: what is {other:?}?"),
            }
        }
        said
    }
}

fn restore(row: &Row<'_>) -> Result<Vec<u8>, String> {
    let said = Said::read(&row["the run says"]);
    let stored = std::fs::read(files().join(&row["file"])).unwrap();
    let key = row
        .get("the Secret holds")
        .map(|name| std::fs::read_to_string(files().join("keys").join(name)).unwrap());
    let parse = if said.passphrase {
        Identities::passphrase
    } else {
        Identities::parse
    };
    let identities = key.as_deref().map(parse).transpose().map_err(|e| e.to_string())?;
    let mut plain = Vec::new();
    Stages::to_read(said.compression, identities, said.allowance)
        .reader(Box::new(Cursor::new(stored)))
        .and_then(|mut reader| reader.read_to_end(&mut plain))
        .map_err(|e| Fault::of(e).source.to_string())?;
    Ok(plain)
}

#[test]
fn each_row_of_the_tables_is_what_a_restore_makes_of_the_file() {
    let (rows, whole) = (rows(), plain());
    assert!(rows.len() > 50, "{}", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        let (seen, told) = (restore(&row), &row["a restore"]);
        let as_told = match &seen {
            Ok(plain) => told == "restored" && !plain.is_empty() && whole.starts_with(plain),
            Err(words) => told.strip_prefix("refused: ").is_some_and(|told| words.contains(told)),
        };
        if !as_told {
            let seen = seen.map(|plain| plain.len());
            wrong.push(format!(
                "{}, {}: {told}\n    is {seen:?}",
                row["file"], row["the run says"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_file_and_each_key_stands_in_a_row() {
    let named = |title: &str| -> BTreeSet<String> { rows().iter().filter_map(|row| row.get(title).cloned()).collect() };
    let there = |folder: PathBuf| -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        entries
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect()
    };
    assert_eq!(named("file"), there(files()));
    assert_eq!(named("the Secret holds"), there(files().join("keys")));
}
