//! The real agent, driven through `agent connect` by a scripted operator, against a store that can be made to fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#[path = "it/real.rs"]
mod real;
#[path = "it/rig.rs"]
mod rig;
#[path = "it/store.rs"]
mod store;
#[path = "it/tunnel.rs"]
mod tunnel;

#[path = "it/backup.rs"]
mod backup;
#[path = "it/check.rs"]
mod check;
#[path = "it/connection.rs"]
mod connection;
#[path = "it/each_server.rs"]
mod each_server;
#[path = "it/endings.rs"]
mod endings;
#[path = "it/faults.rs"]
mod faults;
#[path = "it/minio.rs"]
mod minio;
#[path = "it/names.rs"]
mod names;
#[path = "it/proxy.rs"]
mod proxy;
#[path = "it/ranges.rs"]
mod ranges;
#[path = "it/relay.rs"]
mod relay;
#[path = "it/restore.rs"]
mod restore;
