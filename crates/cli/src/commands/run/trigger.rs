//! One run of a schedule, now: asked for by the annotation, and waited for until the operator has made it.
use std::time::Duration;

use api::{BackupRun, BackupSchedule, condition, labels};
use futures::StreamExt;
use kube::ResourceExt;
use planner::schedule::Reason;
use tokio::time::{Instant, sleep_until};

use crate::act;
use crate::follow::course::{SILENT, silence};
use crate::follow::screen::Screen;
use crate::follow::stop::INTERRUPTED;
use crate::follow::watch::{News, one as watch};
use crate::read::connect::Session;
use crate::read::fault::Fault;
use crate::show::fold::say;
use crate::show::style::Tone;

/// Asks for it, and returns namespace and name of the run that was made.
///
/// # Errors
/// There is no such schedule, it makes no runs, or none was made in time.
pub async fn one(
    session: &Session,
    schedule: &str,
    timeout: Duration,
    screen: &mut Screen<'_>,
) -> Result<(String, String), Fault> {
    let namespace = session.namespace.clone();
    let doing = format!("run schedule {schedule}");
    let found = match session.find::<BackupSchedule>(&namespace, schedule).await? {
        Some(found) => found,
        None => return Err(missing(session, &namespace, schedule, &doing).await),
    };
    let value = match found.annotations().get(labels::TRIGGER) {
        Some(value) => {
            screen.line(
                "a run was asked for already and has not been made: this one is waited for",
                Tone::Warn,
            );
            value.clone()
        }
        None => {
            let value = act::trigger(session, &namespace, schedule).await?;
            screen.line(&format!("backupschedule/{schedule} triggered"), Tone::Plain);
            value
        }
    };
    let mut news = Box::pin(watch::<BackupSchedule>(session, &namespace, schedule));
    let (late, mut silent) = (Instant::now() + timeout, Some(Instant::now() + SILENT));
    screen.does("waits for the operator to make a run of it");
    let mut told = String::new();
    let seen = format!("kubectl describe backupschedule {schedule} -n {namespace}");
    loop {
        let news = tokio::select! {
            news = news.next() => news.unwrap_or(News::Gone),
            () = sleep_until(silent.unwrap_or(late)), if silent.is_some() => {
                silent = None;
                screen.line(&silence(), Tone::Warn);
                continue;
            }
            _ = tokio::signal::ctrl_c() => {
                let fresh = screen.still();
                left(schedule, &namespace, fresh)
            }
            () = sleep_until(late) => {
                let mut why = "no run was made within --timeout; it is made when the operator comes to it".to_owned();
                if !told.is_empty() {
                    why = format!("{why}. Last seen of it: {told}");
                }
                return Err(Fault::new(doing, why, seen));
            }
        };
        let now = match news {
            News::Is(schedule) => turn(&schedule, &value),
            News::Gone => {
                return Err(Fault::new(
                    doing,
                    "the schedule was deleted",
                    format!("kubectl backup list schedules -n {namespace}"),
                ));
            }
            News::Broken(why) => Turn::Waits(format!("the API server does not answer, and is asked again: {why}")),
            News::Refused(fault) => return Err(fault),
        };
        match now {
            Turn::Asked => {}
            Turn::Waits(why) => {
                silent = None;
                if told != why {
                    screen.line(&why, Tone::Warn);
                    screen.does(&why);
                    told = why;
                }
            }
            Turn::Never(why) => return Err(Fault::new(doing, why, seen)),
            Turn::Other => {
                let why = "somebody else's request for a run took the place of this one";
                return Err(Fault::new(
                    doing,
                    why,
                    format!("kubectl backup list runs --schedule {schedule} -n {namespace}"),
                ));
            }
            Turn::Made => {
                let Some(run) = made(session, schedule, &value).await? else {
                    let why = "the request was taken off, and no run was made of it";
                    return Err(Fault::new(doing, why, seen));
                };
                screen.line(&format!("backuprun/{run} created"), Tone::Plain);
                return Ok((namespace, run));
            }
        }
    }
}

/// That there is no such schedule, and where its runs are there, as after an import, what brings it back.
async fn missing(session: &Session, namespace: &str, schedule: &str, doing: &str) -> Fault {
    let runs = session.runs_of(schedule).await.unwrap_or_default().len();
    let why = format!("there is no schedule {schedule} in namespace {namespace}");
    match runs {
        0 => Fault::new(doing, why, format!("kubectl backup list schedules -n {namespace}")),
        _ => Fault::new(
            doing,
            format!("{why}, but runs of it are ({runs}): it was deleted, or they were imported"),
            format!(
                "kubectl apply -f the manifest of the schedule; kubectl backup restore {schedule} -n {namespace} works without it"
            ),
        ),
    }
}

/// Nobody looks any more, and the request stands.
fn left(schedule: &str, namespace: &str, fresh: bool) -> ! {
    let before = if fresh { "" } else { "\n" };
    say(&format!(
        "{before}the run is made when the operator comes to it\ntry: kubectl backup list runs --schedule {schedule} -n {namespace}, or to take the request back: kubectl annotate bs {schedule} -n {namespace} {}-",
        labels::TRIGGER
    ));
    std::process::exit(INTERRUPTED)
}

/// The run that was made of that request.
async fn made(session: &Session, schedule: &str, value: &str) -> Result<Option<String>, Fault> {
    let runs = session.runs_of(schedule).await?;
    let is_it = |run: &&BackupRun| run.annotations().get(labels::TRIGGERED).is_some_and(|v| v == value);
    Ok(runs.iter().find(is_it).map(ResourceExt::name_any))
}

/// What has become of a request.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// Nothing yet.
    Asked,
    /// It waits for an earlier run, in the operator's words.
    Waits(String),
    /// Nothing ever will.
    Never(String),
    /// Another request stands there.
    Other,
    /// It was taken up.
    Made,
}

fn turn(schedule: &BackupSchedule, value: &str) -> Turn {
    match schedule.annotations().get(labels::TRIGGER) {
        None => return Turn::Made,
        Some(asked) if asked != value => return Turn::Other,
        Some(_) => {}
    }
    let conditions = schedule
        .status
        .as_ref()
        .map(|s| s.conditions.as_slice())
        .unwrap_or_default();
    let said = |type_| condition::find(conditions, type_);
    let speaks_of_this = |c: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        c.observed_generation == schedule.metadata.generation
    };
    if let Some(wrong) = said(condition::READY)
        .filter(|c| c.status == "False")
        .filter(speaks_of_this)
    {
        return Turn::Never(format!("the schedule makes no runs: {}", wrong.message));
    }
    let waits = [Reason::NextWaits.word(), Reason::StoppingForNext.word()];
    match said(condition::IN_PROGRESS).filter(|c| waits.contains(&c.reason.as_str())) {
        Some(waits) => Turn::Waits(waits.message.clone()),
        None => Turn::Asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_is_followed_until_it_was_taken_up() {
        let said = |type_: &str, status: &str, reason: &str| {
            json!({"type": type_, "status": status, "reason": reason, "message": "words", "observedGeneration": 2,
                "lastTransitionTime": "2026-11-28T10:00:00Z"})
        };
        for (annotation, conditions, wanted) in [
            (Some("mine"), json!([]), Turn::Asked),
            (
                Some("mine"),
                json!([said("InProgress", "True", "RunCreated")]),
                Turn::Asked,
            ),
            (
                Some("mine"),
                json!([said("InProgress", "True", "NextWaits")]),
                Turn::Waits("words".into()),
            ),
            (
                Some("mine"),
                json!([said("Ready", "False", "Invalid")]),
                Turn::Never("the schedule makes no runs: words".into()),
            ),
            (Some("theirs"), json!([]), Turn::Other),
            (None, json!([said("InProgress", "True", "NextWaits")]), Turn::Made),
        ] {
            let schedule: BackupSchedule = serde_json::from_value(json!({
                "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
                "metadata": {"name": "s", "generation": 2,
                    "annotations": annotation.map(|value| json!({labels::TRIGGER: value}))},
                "spec": {"schedule": "@daily", "template": {"spec": testing::backup_run().spec}},
                "status": {"conditions": conditions},
            }))
            .unwrap();
            assert_eq!(turn(&schedule, "mine"), wanted, "{annotation:?} {conditions}");
        }
    }
}
