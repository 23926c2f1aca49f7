//! The main job and its faults on a real cluster: run by `make test`. Each case is a rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "all/admission.rs"]
mod admission;
#[path = "all/archives.rs"]
mod archives;
#[path = "all/azure.rs"]
mod azure;
#[path = "all/bandwidth.rs"]
mod bandwidth;
#[path = "all/bytes.rs"]
mod bytes;
#[path = "all/carriers.rs"]
mod carriers;
#[path = "all/cli.rs"]
mod cli;
#[path = "all/commands.rs"]
mod commands;
#[path = "all/copies.rs"]
mod copies;
#[path = "all/databases.rs"]
mod databases;
#[path = "all/deletion.rs"]
mod deletion;
#[path = "all/downloads.rs"]
mod downloads;
#[path = "all/drills.rs"]
mod drills;
#[path = "all/encryption.rs"]
mod encryption;
#[path = "all/examples.rs"]
mod examples;
#[path = "all/gcs.rs"]
mod gcs;
#[path = "all/gitops.rs"]
mod gitops;
#[path = "all/hostile.rs"]
mod hostile;
#[path = "all/images.rs"]
mod images;
#[path = "all/interruptions.rs"]
mod interruptions;
#[path = "all/leaders.rs"]
mod leaders;
#[path = "all/locks.rs"]
mod locks;
#[path = "all/logs.rs"]
mod logs;
#[path = "all/manifests.rs"]
mod manifests;
#[path = "all/memory.rs"]
mod memory;
#[path = "all/metrics.rs"]
mod metrics;
#[path = "all/monitoring.rs"]
mod monitoring;
#[path = "all/notifications.rs"]
mod notifications;
#[path = "all/objects.rs"]
mod objects;
#[path = "all/paths.rs"]
mod paths;
#[path = "all/pods.rs"]
mod pods;
#[path = "all/records.rs"]
mod records;
#[path = "all/relay.rs"]
mod relay;
#[path = "all/retention.rs"]
mod retention;
#[path = "all/returned.rs"]
mod returned;
#[path = "all/rewraps.rs"]
mod rewraps;
#[path = "all/rights.rs"]
mod rights;
#[path = "all/samples.rs"]
mod samples;
#[path = "all/schedules.rs"]
mod schedules;
#[path = "all/sftp.rs"]
mod sftp;
#[path = "all/sizes.rs"]
mod sizes;
#[path = "all/sources.rs"]
mod sources;
#[path = "all/specs.rs"]
mod specs;
#[path = "all/storages.rs"]
mod storages;
#[path = "all/stores.rs"]
mod stores;
#[path = "all/support.rs"]
mod support;
#[path = "all/tenancy.rs"]
mod tenancy;
#[path = "all/tenants.rs"]
mod tenants;
#[path = "all/turns.rs"]
mod turns;
#[path = "all/ui.rs"]
mod ui;
#[path = "all/unready.rs"]
mod unready;
#[path = "all/ways.rs"]
mod ways;
