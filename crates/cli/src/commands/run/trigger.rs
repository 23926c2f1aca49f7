//! One run of a schedule or a drill, now: asked for by the annotation, and waited for until the operator has made it.
use std::time::Duration;

use api::{BackupDrill, BackupRun, BackupSchedule, condition, labels};
use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
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
use crate::read::objects::{Kind, Where};
use crate::show::fold::say;
use crate::show::style::Tone;

/// A kind that makes runs on a calendar.
pub trait Calendar: Kind {
    /// The label by which its runs are found.
    const LABEL: &'static str;
    /// What lists its runs only.
    const FLAG: &'static str;
    /// `bs`.
    const SHORT: &'static str;
    /// Reasons of Ready that a request may cure.
    const CURED: &'static [&'static str];

    /// What it says.
    fn conditions(&self) -> &[Condition];
}

impl Calendar for BackupSchedule {
    const LABEL: &'static str = labels::SCHEDULE;
    const FLAG: &'static str = "--schedule";
    const SHORT: &'static str = "bs";
    const CURED: &'static [&'static str] = &[];

    fn conditions(&self) -> &[Condition] {
        self.status
            .as_ref()
            .map(|s| s.conditions.as_slice())
            .unwrap_or_default()
    }
}

impl Calendar for BackupDrill {
    const LABEL: &'static str = labels::DRILL;
    const FLAG: &'static str = "--drill";
    const SHORT: &'static str = "bd";
    // Of an earlier tick: a backup may be there by now.
    const CURED: &'static [&'static str] = &[planner::drill::Reason::NothingToProve.word()];

    fn conditions(&self) -> &[Condition] {
        self.status
            .as_ref()
            .map(|s| s.conditions.as_slice())
            .unwrap_or_default()
    }
}

/// Asks for it, of the backup of one certain run where one is named, and returns namespace and name of the run that was made.
///
/// # Errors
/// There is no such schedule, it makes no runs, or none was made in time.
pub async fn one<K: Calendar>(
    session: &Session,
    name: &str,
    backup: Option<&str>,
    timeout: Duration,
    screen: &mut Screen<'_>,
) -> Result<(String, String), Fault> {
    let namespace = session.namespace.clone();
    let doing = format!("run {} {name}", K::SINGULAR);
    let found = match session.find::<K>(&namespace, name).await? {
        Some(found) => found,
        None => return Err(missing::<K>(session, &namespace, name, &doing).await),
    };
    let value = match found.annotations().get(labels::TRIGGER) {
        Some(_) if backup.is_some() => {
            let why = "a run of it was asked for already and has not been made";
            return Err(Fault::new(
                doing,
                why,
                format!(
                    "the same command, once kubectl backup list {} says that it has ended",
                    K::PLURAL
                ),
            ));
        }
        Some(value) => {
            screen.line(
                "a run was asked for already and has not been made: this one is waited for",
                Tone::Warn,
            );
            value.clone()
        }
        None => {
            let value = act::trigger::<K>(session, &namespace, name, backup).await?;
            screen.line(
                &format!("{}/{name} triggered", K::kind(&()).to_lowercase()),
                Tone::Plain,
            );
            value
        }
    };
    let mut news = Box::pin(watch::<K>(session, &namespace, name));
    let (late, mut silent) = (Instant::now() + timeout, Some(Instant::now() + SILENT));
    screen.does("waits for the operator to make a run of it");
    let mut told = String::new();
    let seen = format!("kubectl describe {} {name} -n {namespace}", K::kind(&()).to_lowercase());
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
                left::<K>(name, &namespace, fresh)
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
            News::Is(object) => turn(&*object, &value),
            News::Gone => {
                return Err(Fault::new(
                    doing,
                    format!("the {} was deleted", K::SINGULAR),
                    format!("kubectl backup list {} -n {namespace}", K::PLURAL),
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
                    format!("kubectl backup list runs {} {name} -n {namespace}", K::FLAG),
                ));
            }
            Turn::Made => {
                let Some(run) = made::<K>(session, name, &value).await? else {
                    let now = session.get::<K>(&namespace, name).await?;
                    return Err(Fault::new(doing, taken_off(&now), seen));
                };
                screen.line(&format!("backuprun/{run} created"), Tone::Plain);
                return Ok((namespace, run));
            }
        }
    }
}

/// That there is no such schedule, and where its runs are there, as after an import, what brings it back.
async fn missing<K: Calendar>(session: &Session, namespace: &str, name: &str, doing: &str) -> Fault {
    let runs = runs_of::<K>(session, name).await.unwrap_or_default().len();
    let why = format!("there is no {} {name} in namespace {namespace}", K::SINGULAR);
    match runs {
        some if some > 0 && K::LABEL == labels::SCHEDULE => Fault::new(
            doing,
            format!("{why}, but runs of it are ({runs}): it was deleted, or they were imported"),
            format!(
                "kubectl apply -f the manifest of the schedule; kubectl backup restore {name} -n {namespace} works without it"
            ),
        ),
        _ => Fault::new(doing, why, format!("kubectl backup list {} -n {namespace}", K::PLURAL)),
    }
}

/// That a request was taken off without a run, and where the object says why.
fn taken_off<K: Calendar>(object: &K) -> String {
    let why = "the request was taken off, and no run was made of it";
    let ready = condition::find(object.conditions(), condition::READY);
    match ready.filter(|c| K::CURED.contains(&c.reason.as_str())) {
        Some(said) => format!("{why}: {}", said.message),
        None => why.into(),
    }
}

/// Its runs.
async fn runs_of<K: Calendar>(session: &Session, name: &str) -> Result<Vec<BackupRun>, Fault> {
    let place = Where::Namespace(session.namespace.clone());
    let found = session.list(&place, Some(&format!("{}={name}", K::LABEL))).await?;
    Ok(found.objects)
}

/// Nobody looks any more, and the request stands.
fn left<K: Calendar>(name: &str, namespace: &str, fresh: bool) -> ! {
    let before = if fresh { "" } else { "\n" };
    say(&format!(
        "{before}the run is made when the operator comes to it\ntry: kubectl backup list runs {} {name} -n {namespace}, or to take the request back: kubectl annotate {} {name} -n {namespace} {}-",
        K::FLAG,
        K::SHORT,
        labels::TRIGGER
    ));
    std::process::exit(INTERRUPTED)
}

/// The run that was made of that request.
async fn made<K: Calendar>(session: &Session, name: &str, value: &str) -> Result<Option<String>, Fault> {
    let runs = runs_of::<K>(session, name).await?;
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

fn turn<K: Calendar>(object: &K, value: &str) -> Turn {
    match object.annotations().get(labels::TRIGGER) {
        None => return Turn::Made,
        Some(asked) if asked != value => return Turn::Other,
        Some(_) => {}
    }
    let said = |type_| condition::find(object.conditions(), type_);
    let speaks_of_this = |c: &&Condition| c.observed_generation == object.meta().generation;
    let never = said(condition::READY).filter(|c| c.status == "False" && !K::CURED.contains(&c.reason.as_str()));
    if let Some(wrong) = never.filter(speaks_of_this) {
        return Turn::Never(format!("the {} makes no runs: {}", K::SINGULAR, wrong.message));
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

    #[test]
    fn a_drill_that_found_nothing_before_may_find_something_now() {
        let ready = |reason: &str| {
            let said = json!({"type": "Ready", "status": "False", "reason": reason, "message": "words", "observedGeneration": 1,
                "lastTransitionTime": "2026-11-28T10:00:00Z"});
            serde_json::from_value::<BackupDrill>(json!({
                "apiVersion": "backup-operator.io/v1", "kind": "BackupDrill",
                "metadata": {"name": "d", "generation": 1, "annotations": {labels::TRIGGER: "mine"}},
                "spec": {"schedule": "@daily", "source": {"schedule": "s"}}, "status": {"conditions": [said]},
            }))
            .unwrap()
        };
        assert_eq!(turn(&ready("NothingToProve"), "mine"), Turn::Asked);
        assert_eq!(
            turn(&ready("Invalid"), "mine"),
            Turn::Never("the drill makes no runs: words".into())
        );
        assert!(taken_off(&ready("NothingToProve")).ends_with(": words"));
    }
}
