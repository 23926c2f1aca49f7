//! What GitOps tools make of objects in every state that the planner puts them into: kstatus itself, and the health checks of docs/gitops
//! in Argo CD's own Lua engine. `make test` names the program with both in HEALTH_BIN.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "gitops/judges.rs"]
mod judges;
#[path = "gitops/runs.rs"]
mod runs;
#[path = "gitops/schedules.rs"]
mod schedules;
#[path = "gitops/storages.rs"]
mod storages;

use judges::{Row, hold};

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
