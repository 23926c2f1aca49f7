//! What a notification says: fixed words, of which a person knows what happened to which schedule, since when, and what would cure it.
use api::notification::{Happened, Transition};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The type of a CloudEvent begins so; a word for what happened follows.
const TYPE: &str = "io.backup-operator.";

/// Whose backups a transition is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// UID of the cluster, empty where it is not known.
    pub cluster: String,
    /// Namespace of the schedule.
    pub namespace: String,
    /// Its name.
    pub schedule: String,
    /// Its UID.
    pub uid: String,
    /// The storage that its backups go to.
    pub storage: String,
}

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The same for every try and every receiver of this transition.
    pub id: String,
    /// One line.
    pub subject: String,
    /// Some lines.
    pub body: String,
    /// The CloudEvent, as JSON.
    pub event: Value,
}

impl Message {
    /// What is said of a transition.
    pub fn new(about: &About, told: &Transition) -> Self {
        let what = words(told);
        let subject = format!("{}/{}: {what}", about.namespace, about.schedule);
        let id = id(about, told);
        let body = body(about, told, &what);
        let event = json!({
            "specversion": "1.0",
            "id": id,
            "source": source(about),
            "type": format!("{TYPE}{}", kind(told.what)),
            "subject": told.run.as_deref().unwrap_or(&about.schedule),
            "time": told.at.0.to_string(),
            "datacontenttype": "application/json",
            "data": {
                "event": word(told.what),
                "namespace": about.namespace,
                "schedule": about.schedule,
                "storage": about.storage,
                "run": told.run,
                "restore": told.restore,
                "since": told.since.as_ref().map(|t| t.0.to_string()),
                "failures": told.failures,
                "reason": told.reason,
                "message": told.message,
                "summary": subject,
            },
        });
        Self {
            id,
            subject,
            body,
            event,
        }
    }
}

/// Made of what happened, so that it is the same after a restart of the operator, and another one after the schedule's status was lost.
fn id(about: &About, told: &Transition) -> String {
    let run = told.run.as_deref().unwrap_or(&about.schedule);
    let restore = told.restore.map(|n| format!("-restore-{n}")).unwrap_or_default();
    format!(
        "{}.{run}{restore}.{}.{}",
        about.uid,
        kind(told.what),
        told.at.0.as_second()
    )
}

fn source(about: &About) -> String {
    let cluster = match about.cluster.as_str() {
        "" => String::new(),
        uid => format!("/clusters/{uid}"),
    };
    format!(
        "{cluster}/namespaces/{}/backupschedules/{}",
        about.namespace, about.schedule
    )
}

/// The word for what happened, as `events` of a notification has it where it is asked for by that.
pub fn word(what: Happened) -> &'static str {
    match what {
        Happened::Started => "Started",
        Happened::Succeeded => "Succeeded",
        Happened::Recovered => "Recovered",
        Happened::Failed | Happened::FailedAgain => "Failed",
        Happened::Missed => "Missed",
        Happened::Shrunk => "Shrunk",
        Happened::Restored | Happened::RestoreFailed => "RestoreEnded",
    }
}

fn kind(what: Happened) -> &'static str {
    match what {
        Happened::Started => "backup.started",
        Happened::Succeeded => "backup.succeeded",
        Happened::Recovered => "backup.recovered",
        Happened::Failed | Happened::FailedAgain => "backup.failed",
        Happened::Missed => "backup.missed",
        Happened::Shrunk => "backup.shrunk",
        Happened::Restored => "restore.succeeded",
        Happened::RestoreFailed => "restore.failed",
    }
}

/// What happened, and since when.
fn words(told: &Transition) -> String {
    let since = told.since.as_ref().map(|t| time(t.0));
    match (told.what, since) {
        (Happened::Started, _) => "a backup has begun".into(),
        (Happened::Succeeded, _) => "a backup ended well".into(),
        (Happened::Recovered, Some(since)) => format!("a backup ended well again, the first since {since}"),
        (Happened::Recovered, None) => "a backup ended well again".into(),
        (Happened::Failed | Happened::FailedAgain, Some(since)) => match told.failures {
            Some(n) if n > 1 => format!("a backup failed, {n} in a row since {since}"),
            _ => format!("a backup failed, on {since}"),
        },
        (Happened::Failed | Happened::FailedAgain, None) => "a backup failed".into(),
        (Happened::Missed, Some(since)) => format!("a backup is missed, none is good since {since}"),
        (Happened::Missed, None) => "a backup is missed".into(),
        (Happened::Shrunk, _) => "a backup is far smaller than those before it".into(),
        (Happened::Restored, _) => "a restore ended well".into(),
        (Happened::RestoreFailed, _) => "a restore failed".into(),
    }
}

fn body(about: &About, told: &Transition, what: &str) -> String {
    let mut lines = vec![format!("{}.", capitalized(what)), String::new()];
    lines.push(format!(
        "Schedule:  {} in namespace {}",
        about.schedule, about.namespace
    ));
    lines.push(format!("Storage:   {}", about.storage));
    if let Some(run) = &told.run {
        let restore = told.restore.map(|n| format!(", restore {n}")).unwrap_or_default();
        lines.push(format!("Run:       {run}{restore}"));
    }
    lines.push(format!("Time:      {}", time(told.at.0)));
    lines.push(format!("Reason:    {}", told.reason));
    if !told.message.is_empty() {
        lines.extend([String::new(), capitalized(&told.message)]);
    }
    let look = match &told.run {
        Some(run) => format!("kubectl -n {} describe backuprun {run}", about.namespace),
        None => format!(
            "kubectl -n {} describe backupschedule {}",
            about.namespace, about.schedule
        ),
    };
    lines.extend([String::new(), format!("More of it: {look}"), String::new()]);
    lines.join("\n")
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", chars.as_str())
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn about() -> About {
        About {
            cluster: "c-1".into(),
            namespace: "shop".into(),
            schedule: "nightly".into(),
            uid: "u-1".into(),
            storage: "offsite".into(),
        }
    }

    fn told(what: Happened) -> Transition {
        Transition {
            number: 7,
            what,
            at: Time("2026-11-28T02:10:05Z".parse().unwrap()),
            run: Some("nightly-1795831200".into()),
            restore: None,
            since: Some(Time("2026-11-26T02:11:00Z".parse().unwrap())),
            failures: Some(3),
            reason: "CommandFailed".into(),
            message: "the command ended with status 2".into(),
        }
    }

    #[test]
    fn a_subject_says_which_schedule_what_happened_and_since_when() {
        for (what, wanted) in [
            (
                Happened::Failed,
                "shop/nightly: a backup failed, 3 in a row since 2026-11-26 02:11 UTC",
            ),
            (
                Happened::Recovered,
                "shop/nightly: a backup ended well again, the first since 2026-11-26 02:11 UTC",
            ),
            (
                Happened::Missed,
                "shop/nightly: a backup is missed, none is good since 2026-11-26 02:11 UTC",
            ),
            (Happened::Succeeded, "shop/nightly: a backup ended well"),
            (Happened::RestoreFailed, "shop/nightly: a restore failed"),
        ] {
            assert_eq!(Message::new(&about(), &told(what)).subject, wanted);
        }
        let mut first = told(Happened::Failed);
        first.failures = Some(1);
        let subject = Message::new(&about(), &first).subject;
        assert_eq!(subject, "shop/nightly: a backup failed, on 2026-11-26 02:11 UTC");
    }

    #[test]
    fn a_mail_says_all_that_is_known_in_plain_words() {
        let body = Message::new(&about(), &told(Happened::Failed)).body;
        assert_eq!(
            body,
            "A backup failed, 3 in a row since 2026-11-26 02:11 UTC.\n\nSchedule:  nightly in namespace shop\nStorage:   offsite\nRun:       nightly-1795831200\nTime:      2026-11-28 02:10 UTC\nReason:    CommandFailed\n\nThe command ended with status 2\n\nMore of it: kubectl -n shop describe backuprun nightly-1795831200\n"
        );
    }

    #[test]
    fn a_cloud_event_names_its_cluster_and_keeps_its_id() {
        let message = Message::new(&about(), &told(Happened::Failed));
        let event = &message.event;
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["id"], "u-1.nightly-1795831200.backup.failed.1795831805");
        assert_eq!(event["id"], message.id);
        assert_eq!(event["source"], "/clusters/c-1/namespaces/shop/backupschedules/nightly");
        assert_eq!(event["type"], "io.backup-operator.backup.failed");
        assert_eq!(event["time"], "2026-11-28T02:10:05Z");
        assert_eq!(event["data"]["failures"], 3);
        let mut moved = told(Happened::Failed);
        moved.number = 1;
        assert_eq!(
            Message::new(&about(), &moved).id,
            message.id,
            "numbers begin anew where a status is lost"
        );
    }
}
