//! What a schedule's retention comes to: each tick of the next year makes a good backup, and the operator's own rules keep or let go.
use std::path::Path;

use api::BackupSchedule;
use clap::ValueEnum;
use jiff::{Timestamp, ToSpan};
use planner::schedule::cron::Calendar;
use planner::schedule::retention::ahead::{Ahead, ahead};
use planner::schedule::retention::{Fate, Policy, Rule};
use planner::schedule::shifts;
use planner::validate;
use serde_json::{Value, json};

use super::say;
use crate::show::document::{self, Form};

/// How it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Answers for every schedule of a file; what is wrong with one keeps none of the others from being shown.
pub fn run(file: &Path, at: Timestamp, output: Option<Output>, out: &mut Vec<u8>) -> Result<(), String> {
    let mut all = Vec::new();
    let answer = super::manifest::each(file, |name, schedule| {
        let faults = validate::schedule::validate(schedule).err().unwrap_or_default();
        if !faults.is_empty() {
            let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
            return Err(lines.join("\n"));
        }
        match output {
            None => text(name, schedule, at, out),
            Some(_) => all.push(document(name, schedule, at)?),
        }
        Ok(())
    });
    if let Some(output) = output {
        let form = if output == Output::Json { Form::Json } else { Form::Yaml };
        document::value(form, &all, out)?;
    }
    answer
}

/// A year of it; None: it keeps by number.
fn year(schedule: &BackupSchedule, at: Timestamp) -> Option<(Policy, Ahead)> {
    let spec = &schedule.spec;
    let calendar = Calendar::parse(&spec.schedule, spec.time_zone.as_deref()).ok()?;
    let policy = Policy::of(schedule).ok().flatten()?;
    let until = at.to_zoned(policy.zone().clone()).checked_add(1.year()).ok()?;
    let ahead = ahead(&policy, &calendar, at, until.timestamp());
    Some((policy, ahead))
}

fn text(name: &str, schedule: &BackupSchedule, at: Timestamp, out: &mut Vec<u8>) {
    let Some((policy, ahead)) = year(schedule, at) else {
        let limit = limit(schedule);
        say(
            out,
            &format!(
                "{name}: keeps by number, the newest {limit} (spec.successfulRunsHistoryLimit); spec.retention is not given"
            ),
        );
        return;
    };
    let show = |at: Timestamp| shifts::show(at, policy.zone());
    let (made, kept) = (ahead.made, ahead.kept.len());
    let Some(until) = ahead.until else {
        say(out, &format!("{name}: has no tick within a year"));
        return;
    };
    say(
        out,
        &format!(
            "{name}: of {made} backups from {} to {}, these are kept:",
            show(at),
            show(until)
        ),
    );
    for (backup, fate) in &ahead.kept {
        say(out, &format!("{}  {}", show(backup.at), reasons(fate).join(", ")));
    }
    let sums: Vec<_> = sums(&policy, &ahead)
        .map(|(rule, count)| format!("{} {count}", rule.word()))
        .collect();
    say(out, &format!("{kept} kept: {}", sums.join(", ")));
}

fn document(name: &str, schedule: &BackupSchedule, at: Timestamp) -> Result<Value, String> {
    let Some((policy, ahead)) = year(schedule, at) else {
        return Ok(json!({ "schedule": name, "successfulRunsHistoryLimit": limit(schedule) }));
    };
    let show = |at: Timestamp| shifts::show(at, policy.zone());
    let mut kept: serde_json::Map<String, Value> = sums(&policy, &ahead)
        .map(|(rule, count)| (rule.word().to_string(), json!(count)))
        .collect();
    kept.insert("total".into(), json!(ahead.kept.len()));
    let backups = ahead.kept.iter().map(|(backup, fate)| {
        let by = |is: fn(&Fate, Rule) -> bool| -> Vec<_> {
            let rules = Rule::ALL.into_iter().filter(|rule| is(fate, *rule));
            rules.map(Rule::word).collect()
        };
        json!({
            "time": show(backup.at),
            "rules": by(|fate, rule| fate.rules.has(rule)),
            "asOldest": by(|fate, rule| fate.rules.as_oldest(rule)),
            "otherwise": fate.needed.map(|needed| needed.words()),
        })
    });
    Ok(json!({
        "schedule": name,
        "from": show(at),
        "until": ahead.until.map(show),
        "made": ahead.made,
        "kept": kept,
        "backups": backups.collect::<Vec<_>>(),
    }))
}

/// How many each rule that is given keeps.
fn sums<'a>(policy: &'a Policy, ahead: &'a Ahead) -> impl Iterator<Item = (Rule, usize)> + 'a {
    let given = |rule: &Rule| policy.count(*rule) > 0 || *rule == Rule::Within && policy.within().is_some();
    Rule::ALL.into_iter().filter(given).map(|rule| {
        let by = ahead.kept.iter().filter(|(_, fate)| fate.rules.has(rule));
        (rule, by.count())
    })
}

fn reasons(fate: &Fate) -> Vec<String> {
    let rules = Rule::ALL.into_iter().filter(|rule| fate.rules.has(*rule));
    let mut all: Vec<_> = rules
        .map(|rule| {
            let oldest = if fate.rules.as_oldest(rule) { " (oldest)" } else { "" };
            format!("{}{oldest}", rule.word())
        })
        .collect();
    // Who is kept by a rule needs no other reason.
    if all.is_empty() {
        all.extend(fate.needed.map(|needed| needed.words().to_string()));
    }
    all
}

fn limit(schedule: &BackupSchedule) -> u32 {
    schedule.spec.successful_runs_history_limit.unwrap_or(3)
}
