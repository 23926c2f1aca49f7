//! Objects in a store, read without the operator: where the store is, which object, what it has to be, and how it is proved.
pub mod bucket;
pub mod cluster;
pub mod flags;
#[cfg(unix)]
pub mod guarded;
pub mod identity;
pub mod key;
pub mod lent;
pub mod progress;
pub mod recorded;
pub mod signer;
pub mod source;
pub mod stopped;
pub mod told;
