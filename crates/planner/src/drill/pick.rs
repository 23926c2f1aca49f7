//! Which backup is proved. Of those that can be restored: none that is being deleted, was written over, or has not ended well.
//!
//! One that lies in an archive is no exception: the drill's run has it brought back, as any restore has. An archive that nobody has ever
//! taken a backup out of is what drills are for; who does not want to pay for it takes the newest.
use api::drill::Pick;
use api::names::stable_hash;
use api::{BackupRun, condition};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::run::source::is_fit;
use crate::schedule::observed::ended;

/// The backup to prove. `seed` is what Random depends on: the same tick picks the same one, whoever decides.
pub fn pick<'a>(how: Pick, backups: &[&'a BackupRun], seed: &str) -> Option<&'a BackupRun> {
    let mut fit: Vec<_> = backups.iter().copied().filter(|run| is_fit(run)).collect();
    fit.sort_by_key(|run| (ended(run), run.name_any()));
    match how {
        Pick::Latest => fit.pop(),
        Pick::Oldest => fit.into_iter().next(),
        Pick::Random => {
            let many = u64::try_from(fit.len()).ok().filter(|many| *many > 0)?;
            // The upper bits: those of FNV are mixed best.
            let at = usize::try_from((stable_hash(seed) >> 16) % many).ok()?;
            fit.get(at).copied()
        }
        Pick::Unverified => {
            let untried = fit.iter().rev().find(|run| tried(run).is_none()).copied();
            untried.or_else(|| fit.into_iter().min_by_key(|run| (tried(run), run.name_any())))
        }
    }
}

/// The backup of one certain run, which somebody asked for.
///
/// # Errors
/// It is none that can be proved.
pub fn named<'a>(name: &str, backups: &[&'a BackupRun], schedule: &str) -> Result<&'a BackupRun, String> {
    let run = backups.iter().find(|run| run.name_any() == name);
    let run = run.ok_or_else(|| format!("schedule {schedule} has no run {name}"))?;
    if !is_fit(run) {
        return Err(format!("run {name} has no good backup that can be restored"));
    }
    Ok(run)
}

/// When a backup was last proved, or found bad. One that was found bad is not taken before those that nobody has tried: it would be taken
/// for ever, and nothing be learnt of the others.
fn tried(run: &BackupRun) -> Option<Timestamp> {
    let status = run.status.as_ref()?;
    let said = condition::find(&status.conditions, condition::VERIFIED).map(|c| c.last_transition_time.0);
    status.verified.as_ref().map(|v| v.time.0).or(said)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(name: &str, ended: &str, more: serde_json::Value) -> BackupRun {
        let mut status = json!({"completionTime": ended, "path": "/a",
            "conditions": [{"type": "Successful", "status": "True", "reason": "Stored", "message": "", "lastTransitionTime": ended}]});
        status
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let mut run = testing::backup_run();
        run.metadata.name = Some(name.into());
        run.metadata.uid = Some(name.into());
        run.status = Some(serde_json::from_value(status).unwrap());
        run
    }

    fn tried(at: &str, good: bool) -> serde_json::Value {
        json!({"verified": {"time": at, "successful": good, "run": "d-1", "mode": "Read"}})
    }

    fn picked(how: Pick, runs: &[BackupRun]) -> Option<String> {
        let all: Vec<_> = runs.iter().collect();
        pick(how, &all, "seed").map(|run| run.name_any())
    }

    #[test]
    fn the_newest_and_the_oldest_go_by_when_they_ended() {
        let runs = [
            run("b", "2026-01-02T00:00:00Z", json!({})),
            run("c", "2026-01-03T00:00:00Z", json!({})),
            run("a", "2026-01-01T00:00:00Z", json!({})),
        ];
        assert_eq!(picked(Pick::Latest, &runs).as_deref(), Some("c"));
        assert_eq!(picked(Pick::Oldest, &runs).as_deref(), Some("a"));
    }

    #[test]
    fn nothing_is_picked_that_is_bad_or_goes_or_is_under_way() {
        let failed = json!({"conditions": [{"type": "Failed", "status": "True", "reason": "x", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
        let mut goes = run("goes", "2026-01-05T00:00:00Z", json!({}));
        goes.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
            "2026-01-06T00:00:00Z".parse().unwrap(),
        ));
        let over = json!({"conditions": [
            {"type": "Successful", "status": "True", "reason": "Stored", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"},
            {"type": "Ready", "status": "False", "reason": crate::run::Reason::Overwritten.word(), "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
        let mut restores = run("restores", "2026-01-06T00:00:00Z", json!({}));
        restores.spec.backup = None;
        let runs = [
            run("good", "2026-01-01T00:00:00Z", json!({})),
            run("failed", "2026-01-02T00:00:00Z", failed),
            run("under-way", "2026-01-03T00:00:00Z", json!({"conditions": []})),
            run("over", "2026-01-04T00:00:00Z", over),
            goes,
            restores,
        ];
        for how in [Pick::Latest, Pick::Oldest, Pick::Random, Pick::Unverified] {
            assert_eq!(picked(how, &runs).as_deref(), Some("good"), "{how:?}");
            assert_eq!(picked(how, &runs[1..]), None, "{how:?}");
        }
    }

    #[test]
    fn a_random_one_is_the_same_for_a_tick_and_any_of_them_over_many() {
        let runs = ["a", "b", "c"].map(|name| run(name, "2026-01-01T00:00:00Z", json!({})));
        let all: Vec<_> = runs.iter().collect();
        let mut seen = std::collections::BTreeMap::new();
        for tick in 0..300 {
            let seed = format!("uid/{}", 1_769_904_000 + tick * 86_400);
            let one = pick(Pick::Random, &all, &seed).unwrap().name_any();
            assert_eq!(pick(Pick::Random, &all, &seed).unwrap().name_any(), one);
            *seen.entry(one).or_insert(0) += 1;
        }
        assert!(seen.len() == 3 && seen.values().all(|n| *n > 60), "{seen:?}");
    }

    #[test]
    fn what_nobody_has_tried_goes_first_then_what_was_tried_longest_ago() {
        let day = |n| format!("2026-01-0{n}T00:00:00Z");
        let mut runs = vec![
            run("a", &day(1), tried(&day(8), true)),
            run("b", &day(2), json!({})),
            run("c", &day(3), json!({})),
            run("d", &day(4), tried(&day(7), false)),
        ];
        assert_eq!(
            picked(Pick::Unverified, &runs).as_deref(),
            Some("c"),
            "the newest of those untried"
        );
        runs.remove(2);
        assert_eq!(
            picked(Pick::Unverified, &runs).as_deref(),
            Some("b"),
            "a bad one is not tried for ever"
        );
        runs.remove(1);
        assert_eq!(picked(Pick::Unverified, &runs).as_deref(), Some("d"), "all were tried");
    }
}
