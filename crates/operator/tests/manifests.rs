//! What reconcile says of the manifests that are refused: the same as the API server and `kubectl backup lint`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use api::{BackupDrill, BackupRun, BackupSchedule, BackupStorage};
use planner::validate;
use serde::de::DeserializeOwned;
use testing::manifests::{Bad, bad};

fn read<K: DeserializeOwned>(bad: &Bad) -> Result<K, String> {
    serde_json::from_value(bad.object.clone()).map_err(|e| format!("{}: reconcile could not read it: {e}", bad.place))
}

/// All faults in one text, as a condition has them.
fn answer(bad: &Bad) -> Result<String, String> {
    let faults = match bad.object["kind"].as_str().unwrap() {
        "BackupStorage" => {
            validate::storage::validate(&read::<BackupStorage>(bad)?.spec, store::parameters::faults).err()
        }
        "BackupDrill" => validate::drill::validate(&read::<BackupDrill>(bad)?).err(),
        "BackupSchedule" => validate::schedule::validate(&read::<BackupSchedule>(bad)?).err(),
        _ => validate::run::validate(&read::<BackupRun>(bad)?.spec).err(),
    };
    Ok(validate::sentence(&faults.unwrap_or_default()))
}

#[test]
fn reconcile_refuses_what_the_api_server_refuses_in_the_same_words() {
    let seen: Vec<_> = bad().into_iter().filter(|b| b.api.is_none()).collect();
    assert!(seen.len() >= 130, "{}", seen.len());
    let wrong: Vec<_> = seen
        .iter()
        .filter_map(|bad| {
            let said = answer(bad).unwrap_or_else(|why| why);
            (!said.contains(&bad.says))
                .then(|| format!("{} ({}): {:?} is not in {said:?}", bad.place, bad.rule, bad.says))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        seen.len(),
        wrong.join("\n")
    );
}
