//! How a course came out, for people and scripts: good is silence and exit status 0, anything else a fault with its cure.
use std::time::Duration;

use api::BackupRun;
use jiff::SignedDuration;
use planner::size::span;

use crate::follow::course::{Course, Last, Outcome};
use crate::follow::phase::{Aim, Ending};
use crate::follow::screen::Screen;
use crate::follow::stop::INTERRUPTED;
use crate::read::fault::Fault;
use crate::show::fold::say;
use crate::show::style::Tone;

impl Course<'_> {
    /// Says how it came out.
    ///
    /// # Errors
    /// It was not good, or nobody knows yet.
    pub fn conclude(&self, outcome: Outcome, screen: &mut Screen<'_>) -> Result<(), Fault> {
        screen.still();
        match outcome {
            Outcome::Ended(ending, run) if ending.good => {
                screen.line(&self.good(&ending, &run), Tone::Good);
                Ok(())
            }
            Outcome::Ended(ending, _) => Err(self.bad(&ending)),
            Outcome::Refused(why) => Err(Fault::new(self.what(), why, self.story())),
            Outcome::Gone => Err(Fault::new(
                self.what(),
                "the run was deleted",
                format!(
                    "kubectl get events -n {} --field-selector involvedObject.name={}",
                    self.namespace, self.name
                ),
            )),
            Outcome::Late(last) => Err(Fault::new(
                format!("wait for run {} any longer", self.name),
                format!(
                    "it has not ended within {} (--timeout); it goes on{}",
                    long(self.timeout),
                    told(&last)
                ),
                self.further(&last),
            )),
            Outcome::Left(last) => {
                // Not a fault: the shell is told as of any program that was interrupted.
                say(&format!(
                    "run {} is left running\ntry: {}",
                    self.name,
                    self.further(&last)
                ));
                std::process::exit(INTERRUPTED)
            }
        }
    }

    fn what(&self) -> String {
        match self.aim {
            Aim::Run => format!("bring run {} to a good end", self.name),
            Aim::Restore { .. } => format!("restore run {}", self.name),
        }
    }

    /// What tells all that is known of it, also where its command never began and there is no log.
    fn story(&self) -> String {
        format!("kubectl backup describe {} -n {}", self.name, self.namespace)
    }

    fn further(&self, last: &Last) -> String {
        let (name, namespace) = (self.name, self.namespace);
        let look = match last.began {
            true => format!("kubectl backup logs {name} -n {namespace} -f"),
            false => self.story(),
        };
        format!("{look}, or kubectl backup cancel {name} -n {namespace}")
    }

    fn good(&self, ending: &Ending, run: &BackupRun) -> String {
        let status = run.status.as_ref();
        let took = match self.aim {
            Aim::Run => status.and_then(|s| s.start_time.as_ref().zip(s.completion_time.as_ref())),
            Aim::Restore { after, .. } => {
                let last = status.and_then(|s| s.restores.iter().find(|r| r.number > after));
                last.map(|r| (&r.start_time, &r.completion_time))
            }
        };
        let took = took.map(|(from, to)| format!(" in {}", span(to.0.duration_since(from.0))));
        let path = status.and_then(|s| s.path.as_deref());
        let place = path.map(|path| format!(" ({path} of storage {})", run.spec.storage.name));
        format!(
            "{}{}: {}{}",
            ending.reason,
            took.unwrap_or_default(),
            ending.message,
            place.unwrap_or_default()
        )
    }

    fn bad(&self, ending: &Ending) -> Fault {
        let stop = if ending.message.ends_with(['.', '!', '?']) {
            ""
        } else {
            "."
        };
        let cure = ending.cure().map(|cure| format!(" {cure}")).unwrap_or_default();
        Fault::new(
            self.what(),
            format!("{}: {}{stop}{cure}", ending.reason, ending.message),
            self.story(),
        )
    }
}

fn told(last: &Last) -> String {
    let words = last.words.as_deref();
    words
        .map(|words| format!(". Last seen of it: {words}"))
        .unwrap_or_default()
}

fn long(time: Duration) -> String {
    span(SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::estimate::Expected;

    fn course(aim: Aim) -> Course<'static> {
        Course {
            namespace: "shop",
            name: "nightly-1",
            aim,
            expected: Expected::default(),
            timeout: Duration::from_secs(7200),
            asked: None,
        }
    }

    fn ending(good: bool, reason: &str, message: &str) -> Ending {
        Ending {
            good,
            reason: reason.into(),
            message: message.into(),
        }
    }

    #[test]
    fn a_bad_end_has_reason_message_cure_and_the_next_command() {
        let restore = Aim::Restore {
            value: "x".into(),
            after: 0,
        };
        for (aim, outcome, wanted) in [
            (
                Aim::Run,
                Outcome::Ended(
                    ending(false, "CommandFailed", "the command ended with status 3"),
                    Box::new(testing::backup_run()),
                ),
                "cannot bring run nightly-1 to a good end: CommandFailed: the command ended with status 3. Read status.log, the end of the command's standard error.\ntry: kubectl backup describe nightly-1 -n shop",
            ),
            (
                restore,
                Outcome::Refused("the restore was refused: no".into()),
                "cannot restore run nightly-1: the restore was refused: no\ntry: kubectl backup describe nightly-1 -n shop",
            ),
            (
                Aim::Run,
                Outcome::Late(Last {
                    words: Some("backup-1: container db: ImagePullBackOff".into()),
                    began: false,
                }),
                "cannot wait for run nightly-1 any longer: it has not ended within 2h (--timeout); it goes on. Last seen of it: backup-1: container db: ImagePullBackOff\ntry: kubectl backup describe nightly-1 -n shop, or kubectl backup cancel nightly-1 -n shop",
            ),
            (
                Aim::Run,
                Outcome::Late(Last {
                    words: None,
                    began: true,
                }),
                "cannot wait for run nightly-1 any longer: it has not ended within 2h (--timeout); it goes on\ntry: kubectl backup logs nightly-1 -n shop -f, or kubectl backup cancel nightly-1 -n shop",
            ),
        ] {
            let mut out = Vec::new();
            let fault = course(aim).conclude(outcome, &mut Screen::plain(&mut out)).unwrap_err();
            let text = fault.to_string();
            assert_eq!(text.replace("120m", "2h"), wanted);
            assert!(out.is_empty());
        }
    }

    #[test]
    fn a_good_end_is_one_line_with_what_is_where_and_how_long_it_took() {
        let mut run = testing::backup_run();
        run.spec.storage.name = "minio".into();
        run.status = serde_json::from_value(serde_json::json!({
            "path": "/a.sql", "startTime": "2026-11-28T10:00:00Z", "completionTime": "2026-11-28T10:01:30Z",
            "restores": [{"number": 3, "startTime": "2026-11-28T10:00:00Z", "completionTime": "2026-11-28T10:00:05Z", "successful": true, "bytes": 1}],
        }))
        .unwrap();
        let restore = Aim::Restore {
            value: "x".into(),
            after: 2,
        };
        for (aim, wanted) in [
            (
                Aim::Run,
                "BackupSuccessful in 90s: 1.0 KiB stored (/a.sql of storage minio)\n",
            ),
            (
                restore,
                "BackupSuccessful in 5s: 1.0 KiB stored (/a.sql of storage minio)\n",
            ),
        ] {
            let mut out = Vec::new();
            let end = Outcome::Ended(
                ending(true, "BackupSuccessful", "1.0 KiB stored"),
                Box::new(run.clone()),
            );
            course(aim).conclude(end, &mut Screen::plain(&mut out)).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
    }
}
