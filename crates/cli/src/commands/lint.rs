//! `lint`: every fault of every object in manifests, by the rules of the API server, the webhook and reconcile.
mod object;
mod schema;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use api::{BackupSchedule, BackupStorage};
use jiff::Timestamp;
use planner::validate::meant;
use serde_json::Value;

use self::object::Beside;
use crate::manifest::{documents, read};

/// The kinds that are checked.
const KINDS: [&str; 4] = ["BackupStorage", "BackupSchedule", "BackupRun", "BackupDrill"];

/// What to check.
#[derive(clap::Args)]
pub struct Args {
    /// Manifests, YAML or JSON with any number of documents; `-` for standard input.
    #[arg(short, long = "file", value_name = "FILE", required_unless_present = "more", num_args = 1..)]
    files: Vec<PathBuf>,
    /// The same without -f.
    #[arg(value_name = "FILE")]
    more: Vec<PathBuf>,
    /// Take warnings for errors.
    #[arg(long)]
    strict: bool,
}

/// One of our objects, and where it stands.
struct Found {
    /// `FILE:LINE`.
    place: String,
    kind: &'static str,
    value: Value,
}

/// What was said, counted.
#[derive(Default)]
struct Tally {
    ours: usize,
    others: usize,
    errors: usize,
    warnings: usize,
}

/// Checks. What is found goes to `out`, a line for each; the count is the last line of `out`, or the refusal.
pub fn run(args: &Args, out: &mut Vec<u8>) -> Result<(), String> {
    let crds = api::schema::crds().map_err(|e| e.to_string())?;
    let (mut found, mut tally, mut text) = (Vec::new(), Tally::default(), String::new());
    for file in args.files.iter().chain(&args.more) {
        let name = file.display().to_string();
        match read(file) {
            Ok(manifest) => {
                let empty = !look(&manifest, &name, &mut found, &mut tally, &mut text);
                // What should have written it has failed, and a shell without pipefail tells nobody.
                if empty && file.as_os_str() == "-" {
                    error(
                        &mut text,
                        &mut tally,
                        "-: there is no object on standard input: did what writes it fail?",
                    );
                }
            }
            Err(why) => error(&mut text, &mut tally, &why),
        }
    }
    if found.is_empty() && tally.others + tally.errors == 0 {
        error(&mut text, &mut tally, "there is no object in what was given");
    }
    // Runs are held against the storages of the same call, whatever file these are in.
    let storages: BTreeMap<String, BackupStorage> = found
        .iter()
        .filter(|f| f.kind == "BackupStorage")
        .filter_map(|f| storage(&f.value))
        .collect();
    // Drills are held against the schedules of the same call.
    let schedules: Vec<BackupSchedule> = found
        .iter()
        .filter(|f| f.kind == "BackupSchedule")
        .filter_map(|f| serde_json::from_value(f.value.clone()).ok())
        .collect();
    let beside = Beside {
        storages: &storages,
        schedules: &schedules,
    };
    let now = Timestamp::now();
    for Found { place, kind, value } in found {
        tally.ours += 1;
        let title = title(&value);
        for finding in object::check(kind, value, &crds, &beside, now) {
            let mark = if finding.warning { "warning: " } else { "" };
            let _ = writeln!(text, "{place} {kind}/{title}: {mark}{}", finding.fault);
            *(if finding.warning {
                &mut tally.warnings
            } else {
                &mut tally.errors
            }) += 1;
        }
    }
    out.extend(text.bytes());
    let counted = tally.to_string();
    if tally.errors > 0 || args.strict && tally.warnings > 0 {
        return Err(counted);
    }
    out.extend(counted.bytes().chain(*b"\n"));
    Ok(())
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let many = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        write!(
            f,
            "{} checked, {} passed over: {}, {}",
            many(self.ours, "object"),
            self.others,
            many(self.errors, "error"),
            many(self.warnings, "warning"),
        )
    }
}

fn error(text: &mut String, tally: &mut Tally, line: &str) {
    let _ = writeln!(text, "{line}");
    tally.errors += 1;
}

/// Sorts the documents of a manifest into ours and others; whether there was any.
fn look(manifest: &str, file: &str, found: &mut Vec<Found>, tally: &mut Tally, text: &mut String) -> bool {
    let mut any = false;
    for document in documents(manifest) {
        any |= !matches!(document.value, Ok(Value::Null));
        let place = format!("{file}:{}", document.line);
        match document.value {
            Ok(value) => sort(value, &place, found, tally, text),
            Err(e) => error(
                text,
                tally,
                &format!("{file}:{}:{}: not YAML: {}", e.line, e.column, e.why),
            ),
        }
    }
    any
}

fn sort(mut value: Value, place: &str, found: &mut Vec<Found>, tally: &mut Tally, text: &mut String) {
    if value.is_null() {
        return;
    }
    if !value.is_object() {
        let what = if value.is_array() { "a list" } else { "a single value" };
        error(
            text,
            tally,
            &format!("{place}: is {what}, and no object with apiVersion and kind"),
        );
        return;
    }
    let of = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (of("apiVersion").to_string(), of("kind").to_string());
    let (group, wanted) = (api::GROUP, format!("{}/{}", api::GROUP, api::VERSION));
    let ours = version.split_once('/').is_some_and(|(g, _)| g == group);
    let typed = kind.strip_suffix("List").filter(|k| KINDS.contains(k));
    if kind == "List" || typed.is_some() && (ours || version.is_empty()) {
        let items = value.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take);
        for (at, mut item) in items.unwrap_or_default().into_iter().enumerate() {
            // Items of a list of one kind do not say it again, as Go's client writes them.
            if let (Some(kind), Some(fields)) = (typed, item.as_object_mut()) {
                let mut say = |field: &str, word: &str| {
                    fields.entry(field).or_insert_with(|| word.into());
                };
                say("kind", kind);
                say("apiVersion", &version);
            }
            sort(item, &format!("{place} items[{at}]"), found, tally, text);
        }
        return;
    }
    let known = KINDS.into_iter().find(|k| *k == kind);
    let said = |what: &str| format!("{place} {kind}/{}: {what}", title(&value));
    match known {
        Some(kind) if version == wanted => found.push(Found {
            place: place.into(),
            kind,
            value,
        }),
        Some(_) if version.is_empty() => {
            error(
                text,
                tally,
                &said(&format!("apiVersion: is not given; {wanted} is meant")),
            );
        }
        Some(_) if ours || meant(&version, [wanted.as_str()]).is_some() => {
            error(
                text,
                tally,
                &said(&format!("apiVersion: {version:?} is not known; {wanted} is")),
            );
        }
        None if ours => {
            let hint = meant(&kind, KINDS)
                .map(|m| format!("; did you mean {m}?"))
                .unwrap_or_default();
            error(
                text,
                tally,
                &said(&format!(
                    "kind: {kind:?} is not known; there are {}{hint}",
                    KINDS.join(", ")
                )),
            );
        }
        _ => tally.others += 1,
    }
}

/// The name of an object, for people; what would upset a terminal is not shown.
fn title(value: &Value) -> String {
    let of = |field: &str| value.pointer(&format!("/metadata/{field}")).and_then(Value::as_str);
    let generated = || of("generateName").map(|name| format!("{name}*"));
    let name = of("name")
        .map(str::to_string)
        .or_else(generated)
        .unwrap_or_else(|| "(no name)".into());
    name.chars().filter(|c| !c.is_control()).collect()
}

fn storage(value: &Value) -> Option<(String, BackupStorage)> {
    let storage: BackupStorage = serde_json::from_value(value.clone()).ok()?;
    Some((storage.metadata.name.clone()?, storage))
}
