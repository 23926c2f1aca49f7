//! Objects in the situations that the planner puts them into, with its Events, in one table for each kind: what GitOps tools make of them
//! (kstatus itself, and the health checks of docs/gitops in Argo CD's own Lua engine), and what people see of them (kubectl, on a real API
//! server). `make test` names the programs in HEALTH_BIN and NODE_BIN.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "situations/drills.rs"]
mod drills;
#[path = "situations/judges.rs"]
mod judges;
#[path = "situations/runs.rs"]
mod runs;
#[path = "situations/schedules.rs"]
mod schedules;
#[path = "situations/seen.rs"]
mod seen;
#[path = "situations/storages.rs"]
mod storages;

use judges::hold;
use planner::run::Event;
use serde_json::Value;

/// A situation, the object in it and what was said of it so far, and what kstatus and Argo CD are to say.
struct Row {
    situation: &'static str,
    object: Value,
    events: Vec<Event>,
    kstatus: &'static str,
    argo: &'static str,
}

#[test]
fn a_run_is_to_gitops_tools_what_it_is_to_people() {
    hold("backuprun", &runs::rows());
}

#[test]
fn a_storage_is_to_gitops_tools_what_it_is_to_people() {
    hold("backupstorage", &storages::rows());
}

#[test]
fn a_schedule_is_to_gitops_tools_what_it_is_to_people() {
    hold("backupschedule", &schedules::rows());
}

#[test]
fn a_drill_is_to_gitops_tools_what_it_is_to_people() {
    hold("backupdrill", &drills::rows());
}

#[test]
fn kubectl_shows_people_what_the_golden_files_hold() {
    seen::hold(&[
        ("backupstorage", storages::SHOWN, storages::rows()),
        ("backupschedule", schedules::SHOWN, schedules::rows()),
        ("backuprun", runs::SHOWN, runs::rows()),
        ("backupdrill", drills::SHOWN, drills::rows()),
    ]);
}
