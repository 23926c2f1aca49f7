//! Every history that the real restic was asked about (`dev/retention-cases`) is kept here as there, and by the same rules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use api::retention::Retention;
use gotemplate::gotime;
use jiff::Timestamp;
use planner::schedule::retention::{Fate, Policy, Rule};

#[derive(serde::Deserialize)]
struct Recorded {
    program: String,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    zone: String,
    policy: Retention,
    newest: i64,
    older: Vec<i64>,
    keep: String,
}

/// In restic's order, and in capitals where a backup is kept as the oldest.
fn letters(fate: &Fate) -> String {
    let order = [Rule::Within].into_iter().chain(Rule::ALL.into_iter().take(6));
    let kept = order.filter(|rule| fate.rules.has(*rule));
    kept.map(|rule| match (rule, &rule.word()[..1]) {
        (Rule::Within, _) => "i".to_string(),
        (_, letter) if fate.rules.as_oldest(rule) => letter.to_uppercase(),
        (_, letter) => letter.to_string(),
    })
    .collect()
}

#[test]
fn what_restic_keeps_of_a_history_is_kept_and_by_the_same_rules() {
    let recorded: Recorded = serde_json::from_str(include_str!("cases/retention.json")).unwrap();
    assert!(
        recorded.cases.len() >= 345 && recorded.program == "0.18.1",
        "the recording is there"
    );
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut wrong = Vec::new();
    for case in &recorded.cases {
        let policy = Policy::read(&case.policy, gotime::zone(&case.zone).unwrap()).unwrap();
        let mut at = case.newest;
        let mut backups = vec![policy.backup(Timestamp::from_second(at).unwrap())];
        for seconds in &case.older {
            at -= seconds;
            backups.push(policy.backup(Timestamp::from_second(at).unwrap()));
        }
        let kept: Vec<String> = policy.judge(&backups, now).iter().map(letters).collect();
        let kept = kept.join(",");
        if kept != case.keep {
            wrong.push(format!(
                "{} {:?} from {}:\n  {}\n  {kept}",
                case.zone, case.policy, case.newest, case.keep
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        recorded.cases.len(),
        wrong.join("\n")
    );
}
