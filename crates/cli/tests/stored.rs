//! Objects read without a cluster: the real program against a real S3 server, over connections that break, and with objects that are cut.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#[path = "stored/bucket.rs"]
mod bucket;
#[path = "stored/download.rs"]
mod download;
#[path = "stored/proxy.rs"]
mod proxy;
#[path = "stored/restore.rs"]
mod restore;
#[path = "stored/verify.rs"]
mod verify;
