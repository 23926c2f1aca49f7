//! The store over real servers of SFTP: a process that comes and goes in front of a folder that stays, asked by the client of the product.
//! What the store promises over a disk is asked of it in the disk's own tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    // The same tests, over each server.
    clippy::duplicate_mod
)]

#[path = "it/breaks.rs"]
mod breaks;
#[path = "it/holds.rs"]
mod holds;
#[path = "it/openssh.rs"]
mod openssh;
#[path = "it/proftpd.rs"]
mod proftpd;
#[path = "it/refusals.rs"]
mod refusals;
#[path = "it/room.rs"]
mod room;
#[path = "it/server.rs"]
mod server;
