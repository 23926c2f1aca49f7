//! The stages between a command and a store: one list, written forwards for a backup and read backwards for a restore.
//!
//! A stream that was cut is an error in every stage that can see it: age sees every cut, gzip and zstd see a cut
//! inside a member or frame. A cut exactly between two gzip members or zstd frames, or before the first byte of an
//! unframed stream, is valid to their formats: only the hash and size of the whole stored stream ([`hash`]) show it,
//! so a reader must compare both before it calls the end an end.
#![forbid(unsafe_code)]

pub mod allowance;
pub mod compress;
pub mod encrypt;
pub mod error;
mod foreign;
pub mod hash;
mod peek;
pub mod sink;
pub mod stages;

pub use allowance::{Allowance, Note};
pub use compress::Compression;
pub use encrypt::{Identities, Recipients};
pub use error::{Fault, Step};
pub use foreign::packed;
pub use hash::Sha256;
pub use sink::Sink;
pub use stages::{Stage, Stages};
