//! `preview`: the next ticks of a schedule and the paths of its backups, at any moment, and what its retention keeps.
mod manifest;
mod path;
mod retention;
mod ticks;

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How many ticks are shown.
const COUNT: usize = 5;

/// What to show.
#[derive(clap::Args)]
#[group(id = "what", required = true, multiple = true, args = ["schedule", "path", "file"])]
pub struct Args {
    /// Cron expression, as in a BackupSchedule's spec.schedule.
    #[arg(long, value_name = "EXPR", conflicts_with = "file", allow_hyphen_values = true)]
    schedule: Option<String>,
    /// Path template, as in spec.storage.path; rendered at --at, or with --schedule at each tick.
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "file", allow_hyphen_values = true)]
    path: Option<String>,
    /// Manifest with BackupSchedules, `-` for standard input: ticks and paths of each.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// IANA time zone, as in spec.timeZone; with --path alone, the zone of `now`, which the operator has in UTC.
    #[arg(long, value_name = "ZONE", conflicts_with = "file")]
    time_zone: Option<String>,
    /// The moment to look from. Default: now.
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    at: Option<Timestamp>,
    /// How many ticks to show.
    #[arg(long, value_name = "N", default_value_t = COUNT, value_parser = count)]
    count: usize,
    /// Which backups spec.retention of each BackupSchedule of the file keeps at the end of a year, when each tick makes a good one, and by which rules.
    #[arg(long, requires = "file", conflicts_with_all = ["schedule", "path", "count"])]
    retention: bool,
    /// As a document.
    #[arg(short, long, value_enum, value_name = "FORM", requires = "retention")]
    output: Option<retention::Output>,
    #[command(flatten)]
    how: path::How,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "is not a time as in 2026-03-29T01:30:00Z or 2026-03-29T02:30:00+01:00".into())
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=10_000).contains(&n) => Ok(n),
        _ => Err("is not a number from 1 to 10000".into()),
    }
}

/// Answers.
pub fn run(args: Args, out: &mut Vec<u8>) -> Result<(), String> {
    let at = args.at.unwrap_or_else(Timestamp::now);
    if let Some(file) = args.file.as_ref().filter(|_| args.retention) {
        return retention::run(file, at, args.output, out);
    }
    if let Some(file) = &args.file {
        return manifest::run(file, at, args.count, out);
    }
    let path = args
        .path
        .as_deref()
        .map(|text| path::Path::parse(text, args.how.raw, args.how.data.as_ref()))
        .transpose();
    let owner = path::Owner {
        name: &args.how.name,
        namespace: &args.how.namespace,
        schedule: "",
    };
    let Some(expression) = &args.schedule else {
        let zone = args
            .time_zone
            .as_deref()
            .map_or(Ok(TimeZone::UTC), gotemplate::gotime::zone);
        let zone = zone.map_err(|e| format!("--time-zone: {e}"))?;
        return match path? {
            Some(path) => {
                say(out, &path.render(at, &zone, &owner)?);
                Ok(())
            }
            None => Ok(()),
        };
    };
    // Both refusals are said, not only the first.
    let schedule = ticks::Schedule::parse(expression, args.time_zone.as_deref());
    let (schedule, path) = match (schedule, path) {
        (Ok(schedule), Ok(path)) => (schedule, path),
        (schedule, path) => {
            return Err([schedule.err(), path.err()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("\n"));
        }
    };
    lines(
        &schedule,
        path.as_ref(),
        at,
        args.count,
        out,
        |_| args.how.name.clone(),
        &owner,
    )
}

/// One tick a line, with the path of its backup; then what changed clocks do to the schedule.
fn lines(
    schedule: &ticks::Schedule,
    path: Option<&path::Path>,
    at: Timestamp,
    count: usize,
    out: &mut Vec<u8>,
    name: impl Fn(Timestamp) -> String,
    of: &path::Owner<'_>,
) -> Result<(), String> {
    let mut any = false;
    for tick in schedule.ticks(at).take(count) {
        any = true;
        let mut line = schedule.show(tick);
        if let Some(path) = path {
            let name = name(tick);
            let of = path::Owner { name: &name, ..*of };
            line = format!("{line}  {}", path.render(tick, &TimeZone::UTC, &of)?);
        }
        say(out, &line);
    }
    if let Some(words) = schedule.shifts(at) {
        say(out, &format!("note: {words}"));
    }
    if any {
        Ok(())
    } else {
        Err("the schedule has no tick within five years".into())
    }
}

fn say(out: &mut Vec<u8>, line: &str) {
    let _ = writeln!(out, "{line}");
}

/// A text and a caret below one of its bytes; what would upset a terminal is a space.
fn caret(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text).chars().count();
    let shown: String = text
        .chars()
        .map(|c| if crate::plain::acts(c) { ' ' } else { c })
        .collect();
    format!("  {shown}\n  {}^", " ".repeat(before))
}
