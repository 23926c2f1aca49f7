//! `describe RUN`: what is known of a run, and its story; of a schedule or a drill, what is known.
use std::io::{self, Write};

use api::{BackupDrill, BackupRun, BackupSchedule};
use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::ResourceExt;
use kube::api::ListParams;
use planner::size::{humanize, span};
use serde_json::json;

use crate::plain::clean;
use crate::read;
use crate::read::connect::{Cluster, Session};
use crate::read::facts::{Fact, facts};
use crate::read::fault::Fault;
use crate::read::story::{Mark, Step, second, story};
use crate::read::target::{Of, parse};
use crate::show::document::{self, Form};
use crate::show::fold::{behind, say};
use crate::show::style::{Style, Tone};
use crate::show::table::{Cell, Table};

/// Events of an object that are asked for: more than an operator and a kubelet say of one.
const EVENTS: u32 = 500;

/// Which run.
#[derive(clap::Args)]
pub struct Args {
    /// The run; or schedule/NAME, or drill/NAME.
    #[arg(value_name = "RUN")]
    run: String,
    /// As a document: what is known, and the story.
    #[arg(short, long, value_enum, value_name = "FORM")]
    output: Option<Output>,
    #[command(flatten)]
    cluster: Cluster,
}

/// How it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl Output {
    fn form(self) -> Form {
        match self {
            Self::Json => Form::Json,
            Self::Yaml => Form::Yaml,
        }
    }
}

/// Answers.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), String> {
    let fault = |why| Fault::new(format!("describe {}", args.run), why, "kubectl backup describe --help");
    let (of, name) = parse(&args.run, &[Of::Run, Of::Schedule, Of::Drill])
        .map_err(fault)
        .map_err(|fault| fault.to_string())?;
    let session = args.cluster.connect().map_err(|fault| fault.to_string())?;
    let now = Timestamp::now();
    let of_calendar = match of {
        Some(Of::Schedule) => {
            let schedule = session.block_on(session.get::<BackupSchedule>(&session.namespace, &name));
            Some(schedule.map(|schedule| read::schedule::facts(&schedule, now)))
        }
        Some(Of::Drill) => {
            let drill = session.block_on(session.get::<BackupDrill>(&session.namespace, &name));
            Some(drill.map(|drill| read::drill::facts(&drill, now)))
        }
        _ => None,
    };
    if let Some(facts) = of_calendar {
        let facts = facts.map_err(|fault| fault.to_string())?;
        return match args.output {
            None => {
                drop(known(&facts, Style::of_output(), out));
                Ok(())
            }
            Some(form) => document::value(form.form(), &json!({ "known": map(&facts) }), out),
        };
    }
    let mut notes = Vec::new();
    let read = session.block_on(self::read(&session, &session.namespace, &name, &mut notes));
    let (run, pod, events) = read.map_err(|fault| fault.to_string())?;
    for note in &notes {
        say(&format!("note: {note}"));
    }
    let now = Timestamp::now();
    let (facts, story) = (facts(&run, now), story(&run, pod.as_ref(), &events, now));
    match args.output {
        None => drop(screen(&run, &facts, &story, Style::of_output(), out)),
        Some(form) => {
            document::value(form.form(), &json!({ "known": map(&facts), "story": story }), out)?;
        }
    }
    Ok(())
}

/// The run, its Pod where there is one, and the Events of both. What one may not see besides the run is told and left out.
///
/// # Errors
/// There is no such run, or it may not be seen.
pub async fn read(
    session: &Session,
    namespace: &str,
    name: &str,
    notes: &mut Vec<String>,
) -> Result<(BackupRun, Option<Pod>, Vec<Event>), Fault> {
    let run: BackupRun = session.get(namespace, name).await?;
    let pod_name = run.status.as_ref().and_then(|s| s.pod_name.clone());
    let mut pod = None;
    if let Some(pod_name) = &pod_name {
        let pods: Api<Pod> = Api::namespaced(session.client.clone(), namespace);
        match session
            .ask(&format!("get pod {pod_name}"), pods.get_opt(pod_name))
            .await
        {
            Ok(found) => pod = found,
            Err(fault) if fault.is_forbidden() => notes.push("you may not see Pods: the story is without them".into()),
            Err(fault) => return Err(fault),
        }
    }
    let all: Api<Event> = Api::namespaced(session.client.clone(), namespace);
    let mut events = Vec::new();
    let about = [Some(("BackupRun", name.to_string())), pod_name.map(|pod| ("Pod", pod))];
    for (kind, name) in about.into_iter().flatten() {
        let which = format!("regarding.kind={kind},regarding.name={name}");
        let asked = ListParams::default().fields(&which).limit(EVENTS);
        match session
            .ask(&format!("list the Events of {kind} {name}"), all.list(&asked))
            .await
        {
            Ok(found) => events.extend(found.items),
            Err(fault) if fault.is_forbidden() => {
                notes.push("you may not see Events: the story is without them".into());
                break;
            }
            Err(fault) => return Err(fault),
        }
    }
    // Of an earlier run of that name nothing is told.
    let uid = run.uid();
    events.retain(|event| {
        let about = event.regarding.as_ref();
        about.is_some_and(|about| about.kind.as_deref() != Some("BackupRun") || about.uid == uid)
    });
    Ok((run, pod, events))
}

fn map(facts: &[Fact]) -> serde_json::Map<String, serde_json::Value> {
    let facts = facts.iter();
    facts.map(|(name, value)| (name.to_string(), json!(value))).collect()
}

fn known(facts: &[Fact], style: Style, out: &mut dyn Write) -> io::Result<()> {
    let widest = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 3;
    for (name, value) in facts {
        writeln!(out, "{name:widest$}{}", behind(&clean(value), widest, style.width()))?;
    }
    Ok(())
}

fn screen(run: &BackupRun, facts: &[Fact], story: &[Step], style: Style, out: &mut dyn Write) -> io::Result<()> {
    known(facts, style, out)?;
    writeln!(out)?;
    let mut steps = Table::new(&["at", "after", "what", "detail"]).with_text();
    for step in story {
        let tone = match step.mark {
            Mark::Step => Tone::Plain,
            Mark::Good => Tone::Good,
            Mark::Warning => Tone::Warn,
            Mark::Bad => Tone::Bad,
        };
        let after = step.after.map(|s| format!("+{}", span(SignedDuration::from_secs(s))));
        steps.row(vec![
            second(step.at).into(),
            Cell::new(after.unwrap_or_default(), Tone::Dim),
            Cell::new(&step.what, tone),
            (&step.detail).into(),
        ]);
    }
    steps.write(style, out)?;
    let Some(status) = &run.status else { return Ok(()) };
    if !status.restores.is_empty() {
        writeln!(out)?;
        let mut restores = Table::new(&["restore", "started", "took", "result", "given to the command"]);
        for one in &status.restores {
            let took = one.completion_time.0.duration_since(one.start_time.0);
            let result = if one.successful {
                Cell::new("good", Tone::Good)
            } else {
                Cell::new("failed", Tone::Bad)
            };
            restores.row(vec![
                one.number.to_string().into(),
                second(one.start_time.0).into(),
                span(took).into(),
                result,
                humanize(one.bytes).into(),
            ]);
        }
        restores.write(style, out)?;
    }
    if let Some(log) = status.log.as_deref().filter(|log| !log.trim().is_empty()) {
        writeln!(out, "\nThe last command's standard error ended so:")?;
        for line in log.lines() {
            writeln!(out, "  {}", clean(line))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
