//! Manifests as people keep them: files or standard input, many documents in one, each with the line that it begins at.
use std::io::Read;
use std::path::Path;

use serde_json::Value;

/// The longest manifest that is read, bytes.
const LONGEST: u64 = 16 << 20;

/// One document.
#[derive(Debug)]
pub struct Document {
    /// The line of the file that it begins at, from 1.
    pub line: usize,
    /// What it says; null where it is empty.
    pub value: Result<Value, Unreadable>,
}

/// Why a document is not YAML.
#[derive(Debug)]
pub struct Unreadable {
    /// Line in the file, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong.
    pub why: String,
}

/// Reads a file, or standard input for `-`.
///
/// # Errors
/// It cannot be read, is no UTF-8, or has more than 16 MiB.
pub fn read(file: &Path) -> Result<String, String> {
    let said = |e: std::io::Error| format!("{}: {e}", file.display());
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().take(LONGEST + 1).read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file).map_err(said)?;
        opened.take(LONGEST + 1).read_to_string(&mut text)
    }
    .map_err(said)?;
    if u64::try_from(text.len()).is_ok_and(|n| n <= LONGEST) {
        Ok(text)
    } else {
        Err(format!("{}: has more than {LONGEST} bytes", file.display()))
    }
}

/// The documents of a manifest, YAML or JSON. What is wrong with one keeps none of the others from being read.
pub fn documents(text: &str) -> Vec<Document> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut all = Vec::new();
    // A line that begins with --- or ... ends a document wherever it stands, even in a block of text (YAML 1.2, 9.1.2).
    let (mut first, mut chunk, mut number) = (1, String::new(), 0);
    for line in text.split_inclusive('\n') {
        number += 1;
        let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
        if rest.is_some_and(|r| r.is_empty() || r.starts_with(char::is_whitespace)) {
            all.extend(document(&chunk, first));
            (first, chunk) = (number, String::new());
            // What follows on the marker's line is of the next document.
            chunk.push_str(if line.starts_with('-') { line } else { "\n" });
        } else {
            chunk.push_str(line);
        }
    }
    all.extend(document(&chunk, first));
    all
}

/// One document whose text begins at a line; None where there is only white space, comments and directives.
fn document(text: &str, first: usize) -> Option<Document> {
    let empty = |line: &str| {
        let line = line.strip_prefix("---").unwrap_or(line).trim_start();
        line.is_empty() || line.starts_with(['#', '%'])
    };
    let begin = text.lines().position(|line| !empty(line))?;
    Some(Document {
        line: first + begin,
        value: parse(text).map_err(|error| {
            // Again with the lines before it, so that every place that the message names is one of the file.
            let padded = format!("{}{text}", "\n".repeat(first - 1));
            let error = parse(&padded).err().unwrap_or(error);
            unreadable(&padded, first + begin, &error)
        }),
    })
}

/// Where it is, and why. The reader tells of some faults without a place, and of a key that is there twice with that of the whole mapping.
fn unreadable(text: &str, first: usize, error: &serde_yaml_ng::Error) -> Unreadable {
    let (why, place) = (error.to_string(), error.location());
    let template = template(text, first);
    let near = match &place {
        Some(place) => second(text, place.line(), &why).unwrap_or((place.line(), place.column())),
        None => template.unwrap_or((first, 1)),
    };
    let hint = match template {
        Some((line, _)) => format!(
            "; line {line} looks like a template of Helm, which is no YAML: render it first (helm template CHART | kubectl-backup lint -f -)"
        ),
        None => String::new(),
    };
    Unreadable {
        line: near.0,
        column: near.1,
        why: why + &hint,
    }
}

/// The first `{{` that stands in no text, from a line on: paths of ours have theirs between quotes.
fn template(text: &str, first: usize) -> Option<(usize, usize)> {
    let mut lines = text.lines().enumerate().skip(first - 1);
    lines.find_map(|(at, line)| {
        let before = line.split("{{").next().filter(|before| before.len() < line.len())?;
        let quoted = before.contains(['"', '\'', '`', '#', '/']);
        (!quoted).then(|| (at + 1, before.chars().count() + 1))
    })
}

/// The second line of a mapping that has the key of which the reader says that it is there twice.
fn second(text: &str, first: usize, why: &str) -> Option<(usize, usize)> {
    let key = why.split("duplicate entry with key ").nth(1)?;
    let key = key.split('"').nth(1)?;
    let is_it = |line: &str| {
        let rest = line.trim_start().trim_start_matches(['"', '\'']);
        let rest = rest.strip_prefix(key)?.trim_start_matches(['"', '\'']);
        rest.trim_start()
            .starts_with(':')
            .then(|| line.len() - line.trim_start().len())
    };
    let mut lines = text.lines().enumerate().skip(first - 1);
    let indent = lines.find_map(|(_, line)| is_it(line))?;
    let again = lines.find(|(_, line)| is_it(line) == Some(indent))?;
    Some((again.0 + 1, indent + 1))
}

/// By way of YAML's own values, which refuse a key that is there twice.
fn parse(text: &str) -> Result<Value, serde_yaml_ng::Error> {
    let mut value: serde_yaml_ng::Value = serde_yaml_ng::from_str(text)?;
    value.apply_merge()?;
    serde_json::to_value(value).map_err(serde::ser::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_has_its_line() {
        let text = "# only words\n---\n# a\na: 1\nt: |\n  x\n  --- y\n---   \n---\n%YAML 1.2\n---\nb: 2\n--- {c: 3}\n...\n# end\n";
        let all: Vec<_> = documents(text)
            .into_iter()
            .map(|d| (d.line, d.value.unwrap()))
            .collect();
        let wanted = [
            (4, serde_json::json!({"a": 1, "t": "x\n--- y\n"})),
            (12, serde_json::json!({"b": 2})),
            (13, serde_json::json!({"c": 3})),
        ];
        assert_eq!(all, wanted);
        assert!(documents("").is_empty() && documents("---\n---\n").is_empty());
        let windows: Vec<_> = documents("\u{feff}a: 1\r\n---\r\nb: 2\r\n")
            .into_iter()
            .map(|d| d.line)
            .collect();
        assert_eq!(windows, [1, 3]);
    }

    #[test]
    fn what_is_no_yaml_has_its_place_in_the_file_and_spares_the_others() {
        for (text, line, column) in [
            ("a: 1\n---\nb: [1\nc: 2\n---\nd: 4\n", 4, 2),
            ("a: 1\n---\nb:\n\tc: 2\n---\nd: 4\n", 4, 1),
            ("a: 1\n---\nb: 1\nb: 2\n---\nd: 4\n", 4, 1),
            ("a: 1\n---\nx:\n  b: 1\n  c: {b: 3}\n  \"b\": 2\n---\nd: 4\n", 6, 3),
            ("a: 1\n---\n# b\nb:\n  c: {{ .Values.c }}\n---\nd: 4\n", 5, 6),
        ] {
            let all = documents(text);
            assert_eq!(all.len(), 3, "{text}");
            let error = all[1].value.as_ref().unwrap_err();
            assert_eq!((error.line, error.column), (line, column), "{text}: {}", error.why);
            assert!(all[0].value.is_ok() && all[2].value.is_ok());
            assert_eq!(
                error.why.contains("helm template"),
                text.contains("Values"),
                "{}",
                error.why
            );
        }
    }

    #[test]
    fn anchors_and_merges_are_resolved() {
        let all = documents("a: &x {b: 1}\nc: {<<: *x, d: 2}\n");
        assert_eq!(all[0].value.as_ref().unwrap()["c"], serde_json::json!({"b": 1, "d": 2}));
    }
}
