//! What a command writes to its standard error: live out of its container's log, and its end out of the status.
use std::time::Duration;

use api::BackupRun;
use futures::{AsyncRead, AsyncReadExt};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use kube::core::Status;
use planner::run::attempt::container_of;
use planner::run::life::parse;
use tokio::time::{Instant, sleep};

use crate::follow::doing::{Doing, of as doing_of};
use crate::read::connect::Session;

/// A longer line is shown in pieces: a command may write gigabytes without an end of line.
const LONGEST: usize = 8 << 10;
/// How long a container of which the operator says that its command has begun may be said to be starting.
const STARTS: Duration = Duration::from_secs(10);
/// Before it is asked again.
const PAUSE: Duration = Duration::from_millis(250);

/// Where a command runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `backup-1`.
    pub attempt: String,
    /// The Pod.
    pub pod: String,
    /// The container of it.
    pub container: String,
}

/// Where the command of the attempt under way runs.
pub fn place(run: &BackupRun) -> Option<Place> {
    let status = run.status.as_ref()?;
    let transfer = status.transfer.as_ref()?;
    Some(Place {
        attempt: transfer.attempt.clone(),
        pod: status.pod_name.clone()?,
        container: container_of(run, parse(&transfer.attempt).0)?,
    })
}

/// The same, while a command is at work there.
pub fn at_work(run: &BackupRun) -> Option<Place> {
    let transfer = run.status.as_ref()?.transfer.as_ref()?;
    transfer.command_started_at.as_ref()?;
    place(run).filter(|_| doing_of(run) != Doing::Nothing)
}

/// How much of a log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// What there is now.
    Now,
    /// What there is, and what comes.
    Follow,
    /// The last lines of what there is, so many, and what comes.
    Last(i64),
}

/// Lines of a container's log, cut where they are long.
pub struct Lines<R> {
    from: R,
    kept: Vec<u8>,
    ended: bool,
}

/// The log of the place's container.
///
/// # Errors
/// The Pod is not there (any more), its container has not begun, or who asks may not read it.
pub async fn open(
    session: &Session,
    namespace: &str,
    place: &Place,
    reach: Reach,
) -> Result<Lines<impl AsyncRead + Unpin + use<>>, kube::Error> {
    let pods: Api<Pod> = Api::namespaced(session.client.clone(), namespace);
    let parameters = LogParams {
        container: Some(place.container.clone()),
        follow: reach != Reach::Now,
        tail_lines: match reach {
            Reach::Last(lines) => Some(lines),
            Reach::Now | Reach::Follow => None,
        },
        ..LogParams::default()
    };
    let until = Instant::now() + STARTS;
    loop {
        match pods.log_stream(&place.pod, &parameters).await {
            Err(kube::Error::Api(status)) if is_starting(&status) && Instant::now() < until => sleep(PAUSE).await,
            opened => return Ok(Lines::new(Box::pin(opened?))),
        }
    }
}

/// The kubelet does not know yet that the container runs. The operator does, as soon as its agent answers, and that may be a second before.
fn is_starting(status: &Status) -> bool {
    status.code == 400 && status.message.contains("is waiting to start")
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(from: R) -> Self {
        Self {
            from,
            kept: Vec::new(),
            ended: false,
        }
    }

    /// The next one; None at the end. A log that breaks off has ended.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            let end = self.kept.iter().position(|b| *b == b'\n');
            let (cut, skip) = match end {
                Some(at) if at <= LONGEST => (at, 1),
                _ if self.kept.len() >= LONGEST => (LONGEST, 0),
                _ if self.ended && !self.kept.is_empty() => (self.kept.len(), 0),
                _ if self.ended => return None,
                _ => {
                    let mut chunk = [0; 4096];
                    let read = self.from.read(&mut chunk).await.unwrap_or(0);
                    self.ended = read == 0;
                    self.kept.extend(chunk.iter().take(read));
                    continue;
                }
            };
            let line = String::from_utf8_lossy(self.kept.get(..cut).unwrap_or_default()).into_owned();
            self.kept.drain(..(cut + skip).min(self.kept.len()));
            return Some(line);
        }
    }
}

/// The last lines of what the last command wrote.
pub fn end(run: &BackupRun, lines: usize) -> Vec<String> {
    let log = run.status.as_ref().and_then(|s| s.log.as_deref()).unwrap_or_default();
    let all: Vec<_> = log.lines().map(ToString::to_string).collect();
    all.into_iter()
        .rev()
        .take(lines)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_place_is_the_pod_of_the_attempt_and_the_container_of_its_action() {
        let mut run = testing::backup_run();
        assert_eq!(place(&run), None);
        run.spec.restore.as_mut().unwrap().container = Some("client".into());
        for (attempt, container) in [
            ("backup-1", container_of(&run, api::names::Action::Backup).unwrap()),
            ("restore-2", "client".into()),
        ] {
            run.status = serde_json::from_value(json!({
                "podName": "p", "transfer": {"attempt": attempt, "startedAt": "2026-11-28T10:00:00Z", "route": "Direct"},
            }))
            .unwrap();
            let wanted = Place {
                attempt: attempt.into(),
                pod: "p".into(),
                container,
            };
            assert_eq!(place(&run), Some(wanted));
        }
    }

    fn told(status: serde_json::Value) -> BackupRun {
        let mut run = testing::backup_run();
        run.status = serde_json::from_value(status).unwrap();
        run
    }

    #[test]
    fn a_log_is_live_from_the_start_of_the_command_to_its_end() {
        let transfer = |more: Option<&str>| json!({"attempt": "backup-1", "startedAt": "2026-11-28T10:00:00Z", "route": "Direct", "commandStartedAt": more});
        let now = Some("2026-11-28T10:00:00Z");
        let good =
            json!([{"type": "Successful", "status": "True", "reason": "R", "message": "", "lastTransitionTime": now}]);
        for (status, live) in [
            (json!({"podName": "p", "transfer": transfer(None)}), false),
            (json!({"podName": "p", "transfer": transfer(now)}), true),
            (
                json!({"podName": "p", "transfer": transfer(now), "conditions": good}),
                false,
            ),
            (json!({"podName": "p"}), false),
        ] {
            assert_eq!(at_work(&told(status.clone())).is_some(), live, "{status}");
        }
    }

    #[test]
    fn a_container_that_starts_is_told_from_one_that_has_no_log() {
        for (code, message, starting) in [
            (
                400,
                "container \"main\" in pod \"p\" is waiting to start: PodInitializing",
                true,
            ),
            (400, "container x is not valid for pod p", false),
            (403, "pods \"p\" is forbidden", false),
            (404, "pods \"p\" not found", false),
        ] {
            let status = Status {
                code,
                message: message.into(),
                ..Status::default()
            };
            assert_eq!(is_starting(&status), starting, "{message}");
        }
    }

    #[test]
    fn lines_are_whole_up_to_a_length_and_the_last_one_needs_no_end() {
        let long = "x".repeat(LONGEST + 10);
        let text = format!("one\n\n{long}\nlast");
        let mut lines = Lines::new(text.as_bytes());
        let mut all = Vec::new();
        while let Some(line) = futures::executor::block_on(lines.next()) {
            all.push(line);
        }
        assert_eq!(all, ["one", "", &"x".repeat(LONGEST), "xxxxxxxxxx", "last"]);
    }

    #[test]
    fn the_end_of_the_log_is_its_last_lines_in_their_order() {
        let mut run = testing::backup_run();
        run.status = serde_json::from_value(json!({"log": "a\nb\nc\n"})).unwrap();
        assert_eq!(end(&run, 2), ["b", "c"]);
        assert!(end(&testing::backup_run(), 2).is_empty());
    }
}
