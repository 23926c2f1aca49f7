//! Reads an object back and proves it whole: in ranges, each taken up again where it broke, hashed, decrypted and decompressed, into a
//! command's input or wherever the bytes are wanted. A command is killed, and all that it has started, before a stream that was cut can
//! end for it.
//!
//! Threads block; nothing here is asynchronous. Who signs URLs is asked by [`Signs`]: an operator far away, or whoever has the keys.
//! Processes that left the command's group are found through `/proc`; without it, on other systems than Linux, its group is killed.
//! On Windows objects are read and proved, and no command is fed: nothing there holds its input open beside a process that is ended.
#![forbid(unsafe_code)]

#[cfg(unix)]
pub mod afterwards;
mod check;
#[cfg(unix)]
pub mod command;
pub mod download;
#[cfg(unix)]
pub mod elsewhere;
pub mod event;
pub mod flights;
#[cfg(all(any(test, fuzzing), unix))]
#[allow(missing_docs, reason = "a test of each name")]
pub mod fuzz;
pub mod group;
#[cfg(unix)]
pub mod guard;
pub mod http;
pub mod object;
pub mod pace;
pub mod read;
#[cfg(unix)]
pub mod restore;
pub mod retry;
pub mod sign;
pub mod signal;
mod unopened;

pub use download::{Download, Wanted, Watched};
pub use object::{Done, Object};
pub use sign::{NoUrl, SignedUrl, Signs};
