//! Every schedule of a manifest.
use std::path::Path;

use api::BackupSchedule;
use api::names::run_of;
use jiff::Timestamp;
use kube::ResourceExt;
use planner::schedule::decide::jitter;
use planner::validate;

use super::path::{self, Owner};
use super::{lines, say, ticks};
use crate::manifest::{documents, read};

/// Shows each schedule; what is wrong with one keeps none of the others from being shown.
pub fn run(file: &Path, at: Timestamp, count: usize, out: &mut Vec<u8>) -> Result<(), String> {
    each(file, |name, schedule| show(name, schedule, at, count, out))
}

/// Has each schedule of a file shown, by its title; the refusals of all are said together.
pub fn each(file: &Path, mut show: impl FnMut(&str, &BackupSchedule) -> Result<(), String>) -> Result<(), String> {
    let text = read(file)?;
    let mut refusals = Vec::new();
    let mut any = false;
    for document in documents(&text) {
        let value = match document.value {
            Ok(value) => value,
            Err(error) => {
                refusals.push(format!("{}: not YAML: {}", file.display(), error.why));
                continue;
            }
        };
        if value.get("kind").and_then(|k| k.as_str()) != Some("BackupSchedule") {
            continue;
        }
        any = true;
        let name = title(&value);
        let shown = serde_json::from_value(value)
            .map_err(|e| e.to_string())
            .and_then(|schedule| show(&name, &schedule));
        if let Err(why) = shown {
            refusals.push(format!("{name}: {why}"));
        }
    }
    if !any && refusals.is_empty() {
        refusals.push(format!("{}: there is no BackupSchedule in it", file.display()));
    }
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals.join("\n"))
    }
}

fn title(value: &serde_json::Value) -> String {
    let of = |field: &str| value.pointer(&format!("/metadata/{field}")).and_then(|v| v.as_str());
    let name = of("name").unwrap_or("without a name");
    of("namespace").map_or_else(|| name.into(), |namespace| format!("{namespace}/{name}"))
}

fn show(name: &str, schedule: &BackupSchedule, at: Timestamp, count: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let spec = &schedule.spec;
    let calendar = ticks::Schedule::parse(&spec.schedule, spec.time_zone.as_deref());
    let path = path::Path::parse(&spec.template.spec.storage.path, false, None);
    // First what has a caret, then the faults of all other fields.
    let mut faults: Vec<_> = [calendar.as_ref().err(), path.as_ref().err()]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    if let Err(all) = validate::schedule::validate(schedule) {
        let shown = |field: &str| {
            matches!(field, "spec.schedule" | "spec.timeZone") && calendar.is_err()
                || field == "spec.template.spec.storage.path" && path.is_err()
        };
        faults.extend(all.iter().filter(|f| !shown(&f.field)).map(ToString::to_string));
    }
    let (Ok(calendar), Ok(path), true) = (calendar, path, faults.is_empty()) else {
        return Err(faults.join("\n"));
    };
    let mut more = Vec::new();
    if spec.suspend == Some(true) {
        more.push("suspended: none of these is run".to_string());
    }
    if let Some(most) = spec.jitter_seconds.filter(|s| *s > 0) {
        more.push(match schedule.uid() {
            Some(_) => format!("each starts {} s later", jitter(schedule).as_secs()),
            None => format!("each starts up to {most} s later"),
        });
    }
    let more = if more.is_empty() {
        String::new()
    } else {
        format!(" ({})", more.join("; "))
    };
    say(out, &format!("{name}{more}"));
    let (own, namespace) = (schedule.name_any(), schedule.namespace());
    let owner = Owner {
        name: "",
        namespace: namespace.as_deref().unwrap_or("default"),
        schedule: &own,
    };
    let run = |tick: Timestamp| run_of(&own, tick.as_second());
    lines(&calendar, Some(&path), at, count, out, run, &owner)
}
