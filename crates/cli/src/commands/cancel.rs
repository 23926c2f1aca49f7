//! `cancel`: what a run does is stopped, and the run is kept.
use std::io::Write;
use std::time::Duration;

use api::{BackupRun, labels};
use futures::StreamExt;
use kube::ResourceExt;
use kube::api::DynamicObject;
use planner::run::is_finished;
use tokio::time::{Instant, sleep_until};

use crate::ask::confirm;
use crate::follow::course::{SILENT, silence};
use crate::follow::doing::{Doing, of as doing_of};
use crate::follow::screen::Screen;
use crate::follow::stop;
use crate::follow::watch::{News, one};
use crate::follow::{events, log};
use crate::read::connect::{Cluster, Session};
use crate::read::fault::Fault;
use crate::read::target::{Of, only};
use crate::read::time::span;
use crate::show::style::Tone;

/// What to stop.
#[derive(clap::Args)]
pub struct Args {
    /// The run.
    #[arg(value_name = "RUN")]
    run: String,
    /// Do not ask, where a restore would be stopped: what it has applied stays applied.
    #[arg(short, long)]
    yes: bool,
    /// Only ask the operator for it: do not wait until it has stopped.
    #[arg(long)]
    detach: bool,
    /// How long to wait until it has stopped, such as 90s or 15m.
    #[arg(long, value_name = "SPAN", default_value = "10m", value_parser = span)]
    timeout: Duration,
    #[command(flatten)]
    cluster: Cluster,
}

/// Stops it.
///
/// # Errors
/// Nothing is under way, it was not confirmed, or it did not stop in time.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let session = args.cluster.connect()?;
    session.block_on(work(&session, args, out))
}

async fn work(session: &Session, args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let name = only(Of::Run, &args.run, "cancel")?;
    let doing = format!("cancel run {name}");
    let namespace = session.namespace.clone();
    let found = session.get::<BackupRun>(&namespace, &name).await?;
    let what = match doing_of(&found) {
        Doing::Nothing => {
            let next = format!("kubectl backup describe {name} -n {namespace}");
            return Err(Fault::new(doing, "nothing is under way: it has ended", next));
        }
        what => what,
    };
    if what == Doing::Restores {
        let command = format!("kubectl backup cancel {name} -n {namespace}");
        confirm(
            args.yes,
            "A restore is under way: what it has applied stays applied, the rest will be missing. Cancel it?",
            &doing,
            &command,
        )?;
    }
    let asked = stop::cancel(session, &namespace, &name).await?;
    let mut screen = Screen::new(out);
    screen.line(&format!("backuprun/{name} cancel asked for"), Tone::Plain);
    if args.detach {
        return Ok(());
    }
    wait(session, args, &asked, &found, &mut screen).await
}

/// Waits until the run says how it ended. It may have ended by itself before it could be stopped.
async fn wait(
    session: &Session,
    args: &Args,
    asked: &DynamicObject,
    before: &BackupRun,
    screen: &mut Screen<'_>,
) -> Result<(), Fault> {
    let (name, namespace) = (before.name_any(), before.namespace().unwrap_or_default());
    let doing = format!("cancel run {name}");
    let seen = format!("kubectl backup describe {name} -n {namespace}");
    let mut news = Box::pin(one::<BackupRun>(session, &namespace, &name));
    let (late, mut silent) = (Instant::now() + args.timeout, Some(Instant::now() + SILENT));
    loop {
        let news = tokio::select! {
            news = news.next() => news.unwrap_or(News::Gone),
            () = sleep_until(silent.unwrap_or(late)), if silent.is_some() => {
                silent = None;
                screen.line(&silence(), Tone::Warn);
                continue;
            }
            () = sleep_until(late) => {
                return Err(Fault::new(doing, "it has not stopped within --timeout; it is stopped when the operator comes to it", seen));
            }
        };
        let run = match news {
            News::Is(run) => run,
            News::Gone => {
                return Err(Fault::new(
                    doing,
                    "the run was deleted",
                    format!("kubectl backup list runs -n {namespace}"),
                ));
            }
            News::Broken(why) => {
                screen.does(&format!("the API server does not answer, and is asked again: {why}"));
                continue;
            }
            News::Refused(fault) => return Err(fault),
        };
        if run.annotations().contains_key(labels::CANCEL) {
            continue;
        }
        silent = None;
        if doing_of(&run) != Doing::Nothing {
            screen.does("it is being stopped");
            continue;
        }
        screen.still();
        return match end(before, &run) {
            End::Cancelled => {
                log::end(&run, 3)
                    .iter()
                    .for_each(|line| screen.line(&format!("  | {line}"), Tone::Dim));
                screen.line(&format!("backuprun/{name} cancelled"), Tone::Plain);
                Ok(())
            }
            End::Otherwise(words) => Err(Fault::new(
                doing,
                format!("it ended before it could be stopped: {words}"),
                seen,
            )),
            End::Untold => match events::answer(session, asked, &["Cancelled", "NothingToCancel"]).await {
                Some(words) if words.contains("was cancelled") => {
                    screen.line(&format!("backuprun/{name} cancelled: {words}"), Tone::Plain);
                    Ok(())
                }
                words => Err(Fault::new(
                    doing,
                    words.unwrap_or_else(|| "nothing was under way any more".into()),
                    seen,
                )),
            },
        };
    }
}

/// How what was under way ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Cancelled,
    Otherwise(String),
    /// The status does not tell: a restore that had not begun leaves nothing there.
    Untold,
}

fn end(before: &BackupRun, run: &BackupRun) -> End {
    use api::condition::{FAILED, RESTORED, SUCCESSFUL, find, is_true};
    let (old, new) = (
        before.status.clone().unwrap_or_default(),
        run.status.clone().unwrap_or_default(),
    );
    let last = |s: &api::BackupRunStatus| s.restores.last().map(|r| r.number);
    let type_ = if last(&new) > last(&old) {
        RESTORED
    } else if is_finished(&old) {
        return End::Untold;
    } else if is_true(&new.conditions, SUCCESSFUL) {
        SUCCESSFUL
    } else {
        FAILED
    };
    match find(&new.conditions, type_) {
        Some(said) if said.reason == planner::run::Reason::Cancelled.word() => End::Cancelled,
        Some(said) => End::Otherwise(said.message.clone()),
        None => End::Untold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn run(status: Value) -> BackupRun {
        let mut run = testing::backup_run();
        run.status = serde_json::from_value(status).unwrap();
        run
    }

    fn said(type_: &str, status: &str, reason: &str) -> Value {
        json!({"type": type_, "status": status, "reason": reason, "message": "words", "lastTransitionTime": "2026-11-28T10:00:00Z"})
    }

    fn restore(number: u32) -> Value {
        json!({"number": number, "startTime": "2026-11-28T10:00:00Z", "completionTime": "2026-11-28T10:00:00Z", "successful": false, "bytes": 0})
    }

    #[test]
    fn what_ended_by_itself_was_not_cancelled() {
        let (good, bad) = (
            said("Successful", "True", "BackupSuccessful"),
            said("Failed", "True", "Cancelled"),
        );
        for (before, after, wanted) in [
            (json!({}), json!({"conditions": [bad]}), End::Cancelled),
            (json!({}), json!({"conditions": [good]}), End::Otherwise("words".into())),
            (
                json!({"conditions": [good]}),
                json!({"conditions": [good, said("Restored", "False", "Cancelled")], "restores": [restore(1)]}),
                End::Cancelled,
            ),
            (
                json!({"conditions": [good], "restores": [restore(1)]}),
                json!({"conditions": [good, said("Restored", "True", "RestoreSuccessful")], "restores": [restore(1), restore(2)]}),
                End::Otherwise("words".into()),
            ),
            (
                json!({"conditions": [good]}),
                json!({"conditions": [good]}),
                End::Untold,
            ),
        ] {
            let found = end(&run(before.clone()), &run(after.clone()));
            assert_eq!(found, wanted, "{before} {after}");
        }
    }
}
