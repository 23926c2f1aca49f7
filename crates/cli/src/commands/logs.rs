//! `logs`: what a run's command writes to its standard error, live while its Pod is there, and its end after that.
use std::io::Write;
use std::time::Duration;

use api::BackupRun;
use futures::{AsyncRead, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};

use crate::follow::doing::{Doing, of as doing_of};
use crate::follow::log::{self, Lines, Place, Reach};
use crate::follow::watch::{News, one};
use crate::plain::clean;
use crate::read::connect::{Cluster, Session};
use crate::read::fault::{Fault, with_causes};
use crate::read::target::{Of, only};
use crate::read::time::span;

/// What a container has said comes within this, when its command has ended.
const SOON: Duration = Duration::from_millis(500);

/// Whose log.
#[derive(clap::Args)]
pub struct Args {
    /// The run.
    #[arg(value_name = "RUN")]
    run: String,
    /// Follow what is under way to its end.
    #[arg(short, long)]
    follow: bool,
    /// How long to follow it, such as 90s, 15m or 2h30m.
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = span)]
    timeout: Duration,
    #[command(flatten)]
    cluster: Cluster,
}

/// Prints it to `out`. Where it is from goes to standard error: it is none of the command's words.
///
/// # Errors
/// There is no such run, nothing is known of what its command wrote, or it has not ended in time.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let session = args.cluster.connect()?;
    session.block_on(work(&session, args, out))
}

async fn work(session: &Session, args: &Args, out: &mut dyn Write) -> Result<(), Fault> {
    let name = only(Of::Run, &args.run, "logs")?;
    let namespace = session.namespace.clone();
    let late = Instant::now() + args.timeout;
    if args.follow {
        return follow(session, &namespace, &name, late, out).await;
    }
    let run = session.get::<BackupRun>(&namespace, &name).await?;
    let mut unread = None;
    if let Some(place) = log::at_work(&run) {
        match log::open(session, &namespace, &place, Reach::Now).await {
            Ok(mut lines) => {
                from(&place);
                while let Ok(Some(line)) = tokio::time::timeout_at(late, lines.next()).await {
                    if say(out, &line).is_err() {
                        break;
                    }
                }
                return Ok(());
            }
            Err(error) => unread = Some(planner::mask::masked(&with_causes(&error))),
        }
    }
    kept(&run, unread.as_deref(), out)
}

/// Each of its attempts, until nothing is under way any more.
async fn follow(
    session: &Session,
    namespace: &str,
    name: &str,
    late: Instant,
    out: &mut dyn Write,
) -> Result<(), Fault> {
    let mut news = Box::pin(one::<BackupRun>(session, namespace, name));
    let mut lines: Option<Lines<_>> = None;
    let (mut last, mut unread, mut live) = (None, None, false);
    let doing = format!("follow the log of run {name}");
    loop {
        let news = tokio::select! {
            news = news.next() => news.unwrap_or(News::Gone),
            line = next(&mut lines) => {
                match line {
                    // Nobody reads any more.
                    Some(line) if say(out, &line).is_err() => return Ok(()),
                    Some(_) => {}
                    None => lines = None,
                }
                continue;
            }
            () = sleep_until(late) => {
                let why = "it has not ended within --timeout; it goes on";
                return Err(Fault::new(doing, why, format!("kubectl backup logs {name} -n {namespace} -f --timeout 48h")));
            }
        };
        let run = match news {
            News::Is(run) => run,
            News::Gone => {
                return Err(Fault::new(
                    doing,
                    "there is no such run (any more)",
                    format!("kubectl backup list runs -n {namespace}"),
                ));
            }
            News::Broken(why) => {
                tell!("the API server does not answer, and is asked again: {why}");
                continue;
            }
            News::Refused(fault) => return Err(fault),
        };
        if doing_of(&run) == Doing::Nothing {
            if let Some(lines) = &mut lines {
                while let Ok(Some(line)) = timeout(SOON, lines.next()).await {
                    if say(out, &line).is_err() {
                        break;
                    }
                }
            }
            return if live {
                Ok(())
            } else {
                kept(&run, unread.as_deref(), out)
            };
        }
        let Some(place) = log::at_work(&run).filter(|place| last.as_ref() != Some(place)) else {
            continue;
        };
        match log::open(session, namespace, &place, Reach::Follow).await {
            Ok(opened) => {
                from(&place);
                (lines, live) = (Some(opened), true);
            }
            Err(error) => {
                let why = planner::mask::masked(&with_causes(&error));
                tell!(
                    "the log of Pod {} cannot be read; the end of it is shown when the command has ended: {why}",
                    place.pod
                );
                (unread, live) = (Some(why), false);
            }
        }
        last = Some(place);
    }
}

/// The next line; never one where there is no log.
async fn next(lines: &mut Option<Lines<impl AsyncRead + Unpin>>) -> Option<String> {
    match lines {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}

fn from(place: &Place) {
    tell!(
        "# {}: log of container {} of Pod {}",
        place.attempt,
        place.container,
        place.pod
    );
}

fn say(out: &mut dyn Write, line: &str) -> std::io::Result<()> {
    // Tabs stay: logs have columns.
    let line: Vec<_> = line.split('\t').map(clean).collect();
    writeln!(out, "{}", line.join("\t"))?;
    out.flush()
}

/// What the status has kept of the last command.
fn kept(run: &BackupRun, unread: Option<&str>, out: &mut dyn Write) -> Result<(), Fault> {
    let (name, namespace) = (
        run.metadata.name.clone().unwrap_or_default(),
        run.metadata.namespace.clone().unwrap_or_default(),
    );
    let lines = log::end(run, usize::MAX);
    if lines.is_empty() {
        let why = match (unread, doing_of(run)) {
            (Some(why), _) => format!("the container's log cannot be read, and status.log is empty: {why}"),
            (None, Doing::Nothing) => {
                "its last command wrote nothing to its standard error (status.log is empty)".into()
            }
            (None, _) => "its command has not begun".into(),
        };
        return Err(Fault::new(
            format!("show the log of run {name}"),
            why,
            format!("kubectl backup describe {name} -n {namespace}"),
        ));
    }
    tell!("# the end of what its last command wrote, at most 4 KiB (status.log); the Pod is gone");
    // A reader that has gone wants nothing more.
    let _ = lines.iter().try_for_each(|line| say(out, line));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(status: serde_json::Value) -> BackupRun {
        let mut run = testing::backup_run();
        run.status = serde_json::from_value(status).unwrap();
        run
    }

    #[test]
    fn what_the_status_has_kept_is_printed_without_what_a_terminal_would_act_on() {
        let mut out = Vec::new();
        kept(&run(json!({"log": "a\tb\u{1b}[2J\nc\n"})), None, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a\tb [2J\nc\n");
        for (unread, words) in [(Some("Forbidden"), "Forbidden"), (None, "has not begun")] {
            let fault = kept(&run(json!({})), unread, &mut Vec::new()).unwrap_err().to_string();
            assert!(
                fault.contains(words) && fault.contains("try: kubectl backup describe"),
                "{fault}"
            );
        }
    }
}
