//! What is given away, within its size: files, and a list of what is not in them and why.
use std::cmp::Reverse;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tar::{Builder, EntryType, Header};

use super::redact::redact;

/// The bundle, as it grows.
pub struct Bundle {
    room: usize,
    files: Vec<(String, Vec<u8>)>,
    notes: Vec<String>,
}

impl Bundle {
    /// With room for so many bytes.
    pub fn new(room: usize) -> Self {
        Self {
            room,
            files: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The bytes that are left, divided by that.
    pub fn share(&self, of: usize) -> usize {
        self.room / of.max(1)
    }

    /// Something is not in it, and why.
    pub fn left_out(&mut self, note: String) {
        self.notes.push(note);
    }

    /// What is not in it, and why.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// How many files are in it.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// One object, or what is like one, redacted.
    pub fn object(&mut self, name: &str, mut value: Value) {
        redact(&mut value);
        self.file(name, format!("{value:#}\n"));
    }

    /// A text that is redacted already. One for which there is no room is left out.
    pub fn file(&mut self, name: &str, text: String) {
        match self.room.checked_sub(text.len()) {
            Some(room) => {
                self.room = room;
                self.files.push((name.into(), text.into_bytes()));
            }
            None => self.left_out(format!(
                "{name}: {} bytes, for which --max-size has no room",
                text.len()
            )),
        }
    }

    /// The last file, whatever its size: what is not in the others must be told.
    pub fn last(&mut self, name: &str, text: String) {
        self.files.push((name.into(), text.into_bytes()));
    }

    /// A list of objects, as `kubectl get --output=json` writes it.
    pub fn list(&mut self, name: &str, kept: Kept) {
        let Kept { seen, .. } = kept;
        let items = kept.best();
        if items.len() < seen {
            self.left_out(format!(
                "{name}: {} of {seen} are in it, those that are not well first, then the newest; --max-size has no room for more, --namespace makes them fewer",
                items.len()
            ));
        }
        let items = items.join(",\n");
        self.file(
            name,
            format!("{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n{items}\n]}}\n"),
        );
    }

    /// Writes all of it, below one folder, into a file that was not there and that only its owner can read. Gives its size.
    pub fn write(self, path: &Path, folder: &str, seconds: u64) -> io::Result<u64> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // Elsewhere a file has the rights of its folder.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        let mut archive = Builder::new(GzEncoder::new(file, Compression::default()));
        for (name, bytes) in &self.files {
            let mut header = Header::new_gnu();
            header.set_entry_type(EntryType::Regular);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(seconds);
            archive.append_data(&mut header, format!("{folder}/{name}"), bytes.as_slice())?;
        }
        let mut file = archive.into_inner()?.finish()?;
        file.flush()?;
        Ok(file.metadata()?.len())
    }
}

/// Those of many objects that matter most, within a size: what is not well comes first, then what is new.
pub struct Kept {
    room: usize,
    held: usize,
    seen: usize,
    items: Vec<(bool, Reverse<String>, String)>,
}

impl Kept {
    /// With room for so many bytes.
    pub fn new(room: usize) -> Self {
        Self {
            room,
            held: 0,
            seen: 0,
            items: Vec::new(),
        }
    }

    /// One more, redacted.
    pub fn push(&mut self, mut item: Value) {
        let (well, born) = (is_well(&item), born(&item));
        redact(&mut item);
        let text = format!("{item:#}");
        self.seen += 1;
        self.held += text.len();
        self.items.push((well, Reverse(born), text));
        // Now and then, so that no more than twice the room is ever held.
        if self.held > self.room.saturating_mul(2) {
            self.trim();
        }
    }

    fn trim(&mut self) {
        self.items.sort();
        let mut held = 0;
        self.items.retain(|(.., text)| {
            let fits = held + text.len() + 2 <= self.room;
            held += if fits { text.len() + 2 } else { 0 };
            fits
        });
        self.held = self.items.iter().map(|(.., text)| text.len()).sum();
    }

    fn best(mut self) -> Vec<String> {
        self.trim();
        self.items.into_iter().map(|(.., text)| text).collect()
    }
}

/// Whether an object's conditions say nothing that somebody would look for.
fn is_well(item: &Value) -> bool {
    let Some(conditions) = item.pointer("/status/conditions").and_then(Value::as_array) else {
        return false;
    };
    let is = |type_: &str, status: &str| {
        conditions
            .iter()
            .any(|c| c.get("type").is_some_and(|t| t == type_) && c.get("status").is_some_and(|s| s == status))
    };
    is("Ready", "True")
        && !["Failed", "Starving", "InProgress"].iter().any(|bad| is(bad, "True"))
        && !is("Restored", "False")
}

/// When it was made, or last seen where it is an Event.
fn born(item: &Value) -> String {
    [
        "/lastTimestamp",
        "/series/lastObservedTime",
        "/eventTime",
        "/metadata/creationTimestamp",
    ]
    .iter()
    .find_map(|at| item.pointer(at)?.as_str())
    .unwrap_or_default()
    .into()
}

/// The end of a text, from a line's beginning on; how much of it was left out.
pub fn end_of(text: &str, most: usize) -> (&str, usize) {
    let Some(mut cut) = text.len().checked_sub(most).filter(|cut| *cut > 0) else {
        return (text, 0);
    };
    while !text.is_char_boundary(cut) {
        cut += 1;
    }
    let rest = text.get(cut..).unwrap_or_default();
    let rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    (rest, text.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(name: usize, ready: &str) -> Value {
        json!({
            "metadata": {"name": format!("r{name}"), "creationTimestamp": format!("2026-01-01T00:{name:02}:00Z")},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        })
    }

    #[test]
    fn where_there_is_no_room_for_all_those_that_are_not_well_stay_and_then_the_newest() {
        let one = format!("{:#}", run(10, "False")).len();
        let mut kept = Kept::new(3 * (one + 2));
        for name in 10..40 {
            kept.push(run(name, if name == 12 { "False" } else { "True" }));
            assert!(kept.held <= 6 * (one + 2) + one);
        }
        let mut bundle = Bundle::new(1 << 20);
        bundle.list("runs.json", kept);
        let list: Value = serde_json::from_slice(&bundle.files[0].1).unwrap();
        let names: Vec<_> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| &i["metadata"]["name"])
            .collect();
        assert_eq!(names, ["r12", "r39", "r38"]);
        assert!(
            bundle.notes()[0].starts_with("runs.json: 3 of 30 are in it"),
            "{:?}",
            bundle.notes()
        );
    }

    #[test]
    fn what_has_no_room_is_left_out_and_told() {
        let mut bundle = Bundle::new(10);
        bundle.file("a", "x".repeat(8));
        bundle.file("b", "x".repeat(3));
        bundle.file("c", "x".repeat(2));
        assert_eq!((bundle.len(), bundle.share(1)), (2, 0));
        assert_eq!(bundle.notes(), ["b: 3 bytes, for which --max-size has no room"]);
    }

    #[test]
    fn of_a_long_text_its_end_stays_from_a_line_on() {
        assert_eq!(end_of("a\nb\n", 10), ("a\nb\n", 0));
        assert_eq!(end_of("one\ntwo\nthree\n", 9), ("three\n", 8));
        assert_eq!(end_of("ä\nö\n", 4), ("ö\n", 3));
        assert_eq!(end_of("long", 2), ("", 4));
    }

    #[test]
    fn the_archive_is_its_owners_alone_and_never_written_over_another() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.tar.gz");
        let made = || {
            let mut bundle = Bundle::new(100);
            bundle.file("a/b.txt", "text".into());
            bundle.write(&path, "x", 17)
        };
        let size = made().unwrap();
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!((meta.len(), meta.permissions().mode() & 0o777), (size, 0o600));
        assert_eq!(made().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let file = flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap());
        let mut archive = tar::Archive::new(file);
        let names: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|e| e.unwrap().path().unwrap().into_owned())
            .collect();
        assert_eq!(names, [Path::new("x/a/b.txt")]);
    }
}
