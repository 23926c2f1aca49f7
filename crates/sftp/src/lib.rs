//! A server of SFTP as the disk of our own store: its folder holds plain files, and the store's server in front of it, on the loopback,
//! gives operator and agents what they know. Whoever has the password sits between; nobody else gets it.
#![forbid(unsafe_code)]

pub mod connect;
pub mod files;
#[cfg(test)]
mod fuzz;
pub mod host_key;
pub mod lease;
pub mod link;
pub mod login;
pub mod serve;
pub mod session;
pub mod status;
pub mod trial;
pub mod wire;
