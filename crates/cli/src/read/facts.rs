//! What is known of a run, each with a name: what it came to and why, what is stored where, what can be done with it. Pure.
use api::run::RetainPolicy;
use api::{BackupRun, BackupRunStatus, condition, labels};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use planner::run::Reason;
use planner::size::{humanize, span};

use crate::read::story::second;

/// A name and what is known under it.
pub type Fact = (&'static str, String);

/// What is known, in the order in which people ask.
pub fn facts(run: &BackupRun, now: Timestamp) -> Vec<Fact> {
    let none = BackupRunStatus::default();
    let status = run.status.as_ref().unwrap_or(&none);
    let mut all: Vec<(&'static str, Option<String>)> = vec![
        (
            "Run",
            Some(format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any())),
        ),
        ("Schedule", run.labels().get(labels::SCHEDULE).cloned()),
        ("State", Some(state(run, status))),
        ("Message", status.message.clone()),
        ("Cure", cure(status).map(Into::into)),
    ];
    all.extend([
        ("Started", status.start_time.as_ref().map(|t| moment(t.0, now))),
        ("Ended", status.completion_time.as_ref().map(|t| moment(t.0, now))),
        ("Took", took(status)),
        ("Attempts", attempts(run, status)),
        ("Size", size(status)),
        ("Stored at", stored_at(run, status)),
        ("Path", status.path.clone()),
        ("Key", status.key.clone()),
        ("Version", status.version_id.clone()),
        ("Record", status.record.clone()),
        ("ETag", status.etag.clone()),
        ("SHA-256", status.sha256.clone()),
        ("Compressed", told(status, condition::COMPRESSED)),
        ("Encrypted to", told(status, condition::ENCRYPTED)),
        ("Rewrapped", rewrapped(status, now)),
        ("Restorable", restorable(status)),
        ("Locked", locked(status, now)),
        ("When deleted", run.spec.backup.as_ref().map(|_| when_deleted(run))),
    ]);
    all.into_iter()
        .filter_map(|(name, value)| Some((name, value.filter(|v| !v.is_empty())?)))
        .collect()
}

/// What keeps the object from being removed.
fn locked(status: &BackupRunStatus, now: Timestamp) -> Option<String> {
    let lock = status.lock.as_ref().filter(|lock| lock.holds(now))?;
    let until = lock.until.as_ref().filter(|until| until.0 > now).map(|until| {
        let mode = lock.mode.as_deref().unwrap_or("retention");
        format!("until {} ({mode})", moment(until.0, now))
    });
    let legal = lock.legal_hold.then(|| "by a legal hold".to_owned());
    Some([until, legal].into_iter().flatten().collect::<Vec<_>>().join(", and "))
}

/// What would cure what is wrong with it, in the words of the table of reasons; none where nothing is.
pub fn cure(status: &BackupRunStatus) -> Option<&'static str> {
    let found = |type_: &str, on: &str| condition::find(&status.conditions, type_).filter(|c| c.status == on);
    let bad: Option<&Condition> = found(condition::FAILED, "True")
        .or_else(|| {
            found(condition::READY, "False").filter(|_| !condition::is_true(&status.conditions, condition::IN_PROGRESS))
        })
        .or_else(|| found(condition::RESTORED, "False"));
    let reason = bad?.reason.as_str();
    let known = Reason::ALL.iter().find(|known| known.word() == reason)?;
    Some(known.cure()).filter(|cure| !cure.starts_with("Nothing to do"))
}

fn state(run: &BackupRun, status: &BackupRunStatus) -> String {
    if run.metadata.deletion_timestamp.is_some() {
        return "Deleting".into();
    }
    let Some(state) = status.state else {
        return "New".into();
    };
    let word = format!("{state:?}");
    let ready = condition::find(&status.conditions, condition::READY);
    match ready.filter(|c| c.status != "True" && c.reason != word) {
        Some(said) => format!("{word} ({})", said.reason),
        None => word,
    }
}

/// `2026-01-02T00:10:00Z (3h ago)`.
fn moment(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({} ago)", second(at), span(now.duration_since(at)))
}

fn took(status: &BackupRunStatus) -> Option<String> {
    let (start, end) = status.start_time.as_ref().zip(status.completion_time.as_ref())?;
    let time = end.0.duration_since(start.0);
    let rate = status
        .bytes
        .zip(u64::try_from(time.as_secs()).ok())
        .filter(|(_, seconds)| *seconds > 0);
    let rate = rate.map(|(bytes, seconds)| format!(", {} a second from the command", humanize(bytes / seconds)));
    Some(format!("{}{}", span(time), rate.unwrap_or_default()))
}

fn attempts(run: &BackupRun, status: &BackupRunStatus) -> Option<String> {
    let most = run.spec.backoff_limit.unwrap_or(0).saturating_add(1);
    status.attempts.map(|n| format!("{n} of {most}"))
}

fn size(status: &BackupRunStatus) -> Option<String> {
    let stored = status.size_in_bytes?;
    let mut words = format!("{} stored ({stored} bytes)", humanize(stored));
    if let Some(bytes) = status.bytes {
        words.push_str(&format!(", {} from the command ({bytes} bytes)", humanize(bytes)));
    }
    if let Some(ratio) = &status.ratio {
        words.push_str(&format!(", {ratio} times smaller"));
    }
    Some(words)
}

fn stored_at(run: &BackupRun, status: &BackupRunStatus) -> Option<String> {
    let storage = format!("storage {}", run.spec.storage.name);
    Some(match &status.location {
        Some(place) => format!("{storage}, bucket {} at {}", place.bucket, place.endpoint),
        None => storage,
    })
}

/// When it was encrypted for others last, and how it is with what was asked for since.
fn rewrapped(status: &BackupRunStatus, now: Timestamp) -> Option<String> {
    let last = status.rewraps.last().map(|last| {
        let whom = |number: usize| format!("{number} {}", if number == 1 { "recipient" } else { "recipients" });
        let (before, since) = (whom(last.before.len()), whom(status.recipients.len()));
        format!("{}, for {since} in place of {before}", moment(last.time.0, now))
    });
    let said = condition::find(&status.conditions, condition::REWRAPPED).filter(|c| c.status != "True");
    let open = said.map(|said| format!("{}: {}", said.reason, said.message));
    let all: Vec<_> = last.into_iter().chain(open).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// What a condition says that is True.
fn told(status: &BackupRunStatus, type_: &str) -> Option<String> {
    let said = condition::find(&status.conditions, type_).filter(|c| c.status == "True")?;
    Some(said.message.clone())
}

fn restorable(status: &BackupRunStatus) -> Option<String> {
    let said = condition::find(&status.conditions, condition::RESTORABLE)?;
    Some(match said.status.as_str() {
        "True" => "yes".into(),
        _ => format!("no: {}", said.message),
    })
}

fn when_deleted(run: &BackupRun) -> String {
    let kept = if run.annotations().contains_key(labels::KEEP) {
        "; rotation passes it by (kept)"
    } else {
        ""
    };
    match run.spec.retain_policy.unwrap_or_default() {
        RetainPolicy::Retain => format!("the object stays (retainPolicy: Retain){kept}"),
        RetainPolicy::Delete => format!("the object is removed (retainPolicy: Delete){kept}"),
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

    fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
        json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    }

    #[test]
    fn what_is_known_has_a_name_and_what_is_not_is_left_out() {
        let good = run(json!({
            "state": "BackupSuccessful", "bytes": 10_485_760, "sizeInBytes": 3_145_728, "ratio": "3.3", "attempts": 1,
            "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:10Z",
            "path": "/db.sql", "key": "p/db.sql", "versionID": "v1", "etag": "\"e\"", "sha256": "9f",
            "location": {"bucket": "backups", "endpoint": "https://minio:9000"},
            "conditions": [
                condition("Ready", "True", "BackupSuccessful", ""),
                condition("Compressed", "True", "Compressed", "zstd"),
                condition("Encrypted", "True", "Encrypted", "age1x, age1y"),
                condition("Restorable", "True", "BackupSuccessful", "annotate it"),
            ],
        }));
        let seen = facts(&good, "2026-01-01T05:00:10Z".parse().unwrap());
        let lines: Vec<_> = seen.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let wanted = [
            "Run: team/db",
            "State: BackupSuccessful",
            "Started: 2026-01-01T00:00:00Z (5h ago)",
            "Ended: 2026-01-01T00:00:10Z (5h ago)",
            "Took: 10s, 1.0 MiB a second from the command",
            "Attempts: 1 of 1",
            "Size: 3.0 MiB stored (3145728 bytes), 10.0 MiB from the command (10485760 bytes), 3.3 times smaller",
            "Stored at: storage minio, bucket backups at https://minio:9000",
            "Path: /db.sql",
            "Key: p/db.sql",
            "Version: v1",
            "ETag: \"e\"",
            "SHA-256: 9f",
            "Compressed: zstd",
            "Encrypted to: age1x, age1y",
            "Restorable: yes",
            "When deleted: the object stays (retainPolicy: Retain)",
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn the_cure_is_that_of_the_reason_and_there_is_none_where_nothing_is_wrong() {
        let failed = condition("Failed", "True", "EmptyBackup", "");
        for (conditions, cured) in [
            (
                json!([failed, condition("Ready", "False", "EmptyBackup", "")]),
                Some(Reason::EmptyBackup),
            ),
            (
                json!([condition("Ready", "False", "Overwritten", "")]),
                Some(Reason::Overwritten),
            ),
            (json!([condition("Ready", "False", "Queued", "")]), Some(Reason::Queued)),
            (
                json!([
                    condition("Ready", "True", "BackupSuccessful", ""),
                    condition("Restored", "False", "CommandFailed", "")
                ]),
                Some(Reason::CommandFailed),
            ),
            (json!([condition("Ready", "True", "BackupSuccessful", "")]), None),
            (
                json!([
                    condition("InProgress", "True", "Backuping", ""),
                    condition("Ready", "False", "Backuping", "")
                ]),
                None,
            ),
            (json!([condition("Failed", "True", "OfANewerOperator", "")]), None),
        ] {
            let run = run(json!({"conditions": conditions}));
            assert_eq!(
                cure(run.status.as_ref().unwrap()),
                cured.map(Reason::cure),
                "{conditions}"
            );
        }
    }

    #[test]
    fn a_rewrap_is_told_by_when_for_how_many_and_what_keeps_the_next_one() {
        let rewraps = json!([{"time": "2026-01-01T00:00:00Z", "before": ["age1a"]}]);
        let told = |status: Value| {
            let all = facts(&run(status), "2026-01-01T05:00:00Z".parse().unwrap());
            let line = all.into_iter().find(|(name, _)| *name == "Rewrapped");
            line.map(|(_, value)| value)
        };
        let done = "2026-01-01T00:00:00Z (5h ago), for 2 recipients in place of 1 recipient";
        let recipients = ["age1b", "age1c"];
        let cases = [
            (json!({}), None),
            (
                json!({"rewraps": rewraps, "recipients": recipients, "conditions": [condition("Rewrapped", "True", "Rewrapped", "encrypted for")]}),
                Some(done.to_owned()),
            ),
            (
                json!({"rewraps": rewraps, "recipients": recipients, "conditions": [condition("Rewrapped", "False", "ReplacedLeft", "run a/b reads it")]}),
                Some(format!("{done}; ReplacedLeft: run a/b reads it")),
            ),
            (
                json!({"conditions": [condition("Rewrapped", "False", "RewrapFailed", "no key")]}),
                Some("RewrapFailed: no key".to_owned()),
            ),
        ];
        for (status, wanted) in cases {
            assert_eq!(told(status), wanted);
        }
    }
}
