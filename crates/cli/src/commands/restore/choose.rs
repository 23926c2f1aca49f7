//! Which backup is restored, and whether it can be.
use crate::read::time::seconds;
use api::{BackupRun, condition};
use jiff::Timestamp;
use kube::ResourceExt;
use planner::run::is_finished;
use planner::schedule::observed::{Standing, ended, standing};

/// The newest good backup that can be restored, of those that ended at a time or before.
pub fn newest(runs: &[BackupRun], at: Option<Timestamp>) -> Result<&BackupRun, String> {
    let good: Vec<_> = runs
        .iter()
        .filter(|run| standing(run) == Standing::Successful && unrestorable(run).is_none())
        .collect();
    let in_time = good.iter().filter(|run| at.is_none_or(|at| ended(run) <= at));
    if let Some(run) = in_time.max_by_key(|run| (ended(run), run.name_any())) {
        return Ok(run);
    }
    Err(match (at, good.iter().min_by_key(|run| ended(run))) {
        (Some(at), Some(oldest)) => format!(
            "no good backup that is kept had ended at {}, and --at takes the last one at that time or before, never a later one; the next newer one is {}, which ended at {}",
            seconds(at),
            oldest.name_any(),
            seconds(ended(oldest))
        ),
        _ => "it has no good backup that can be restored".into(),
    })
}

/// Why a run cannot be restored where it is, and what to do; as the operator would refuse it.
pub fn unrestorable(run: &BackupRun) -> Option<(String, String)> {
    let (name, namespace) = (run.name_any(), run.namespace().unwrap_or_default());
    if run.spec.restore.is_none() {
        let next = format!("kubectl edit backuprun {name} -n {namespace}");
        return Some(("it has no spec.restore, which may be added to it".into(), next));
    }
    unreadable(run)
}

/// Why there is no object of it to be read, and what to do.
pub fn unreadable(run: &BackupRun) -> Option<(String, String)> {
    let (name, namespace) = (run.name_any(), run.namespace().unwrap_or_default());
    let status = run.status.clone().unwrap_or_default();
    let conditions = &status.conditions;
    let others = format!("kubectl backup list runs -n {namespace}");
    if run.metadata.deletion_timestamp.is_some() {
        return Some(("it is being deleted".into(), others));
    }
    if run.spec.backup.is_none() {
        // What such a run restores is at its path, whatever became of its last restore.
        return (!is_finished(&status)).then(|| {
            let why = "it restores by itself when it is created, and that has not ended".to_string();
            (why, format!("kubectl backup describe {name} -n {namespace}"))
        });
    }
    if !condition::is_true(conditions, condition::SUCCESSFUL) {
        let why = match condition::find(conditions, condition::FAILED).filter(|c| c.status == "True") {
            Some(failed) => format!("it has no good backup: {}", failed.message),
            None => "its backup has not ended".into(),
        };
        return Some((why, others));
    }
    let ready = condition::find(conditions, condition::READY).filter(|c| c.status == "False");
    ready.map(|c| (c.message.clone(), others))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(name: &str, ended: Option<&str>, conditions: &[(&str, &str)]) -> BackupRun {
        let mut run = testing::backup_run();
        run.metadata.name = Some(name.into());
        let conditions: Vec<_> = conditions
            .iter()
            .map(|(type_, status)| {
                json!({"type": type_, "status": status, "reason": "R", "message": format!("{type_} {status}"),
                    "lastTransitionTime": "2026-11-28T10:00:00Z"})
            })
            .collect();
        run.status = serde_json::from_value(json!({"completionTime": ended, "conditions": conditions})).unwrap();
        run
    }

    const GOOD: &[(&str, &str)] = &[("Successful", "True"), ("Ready", "True")];

    #[test]
    fn the_newest_good_backup_that_ended_in_time_is_chosen() {
        let runs = [
            run("failed", Some("2026-11-28T05:00:00Z"), &[("Failed", "True")]),
            run("second", Some("2026-11-28T03:00:00Z"), GOOD),
            run("first", Some("2026-11-28T02:00:00Z"), GOOD),
            run(
                "gone",
                Some("2026-11-28T04:00:00Z"),
                &[("Successful", "True"), ("Ready", "False")],
            ),
            run("under-way", None, &[("InProgress", "True")]),
        ];
        for (at, wanted) in [
            (None, Ok("second")),
            (Some("2026-11-28T03:00:00Z"), Ok("second")),
            (Some("2026-11-28T02:59:59Z"), Ok("first")),
            (
                Some("2026-11-28T01:00:00.5Z"),
                Err(
                    "had ended at 2026-11-28T01:00:00Z, and --at takes the last one at that time or before, never a later one; the next newer one is first, which ended at 2026-11-28T02:00:00Z",
                ),
            ),
        ] {
            let at = at.map(|at| at.parse().unwrap());
            match (newest(&runs, at), wanted) {
                (Ok(run), Ok(name)) => assert_eq!(run.name_any(), name),
                (Err(why), Err(words)) => assert!(why.contains(words), "{why}"),
                (found, wanted) => panic!("{at:?}: {found:?}, and not {wanted:?}"),
            }
        }
        assert!(newest(&runs[..1], None).unwrap_err().contains("no good backup"));
    }

    #[test]
    fn what_the_operator_would_refuse_is_said_before_it_is_asked() {
        let mut commandless = run("a", None, GOOD);
        commandless.spec.restore = None;
        let mut again = run("a", None, &[("Failed", "True")]);
        again.spec.backup = None;
        let mut first = run("a", None, &[]);
        first.spec.backup = None;
        for (run, words) in [
            (run("a", None, GOOD), None),
            (
                run("a", None, &[("Failed", "True")]),
                Some("no good backup: Failed True"),
            ),
            (run("a", None, &[("InProgress", "True")]), Some("has not ended")),
            (
                run("a", None, &[("Successful", "True"), ("Ready", "False")]),
                Some("Ready False"),
            ),
            (commandless, Some("spec.restore")),
            (again, None),
            (first, Some("by itself")),
        ] {
            let why = unrestorable(&run).map(|(why, _)| why);
            assert_eq!(why.is_some(), words.is_some(), "{why:?}");
            assert!(why.is_none_or(|why| why.contains(words.unwrap())));
        }
    }
}
