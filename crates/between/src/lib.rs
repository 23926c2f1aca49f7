//! What stands between here and a store: a proxy that is asked for a tunnel, a gateway that answers in the store's place. One set of
//! words for the operator's requests and the agent's. It opens no connection and waits for nothing.
#![forbid(unsafe_code)]

mod connect;
#[cfg(any(test, fuzzing))]
#[allow(missing_docs, reason = "a test of each name")]
pub mod fuzz;
mod gateway;
mod proxy;

pub use connect::{Heard, LARGEST, heard, question};
pub use gateway::{Answered, SPEAKS_TLS, is_of_a_store, stranger, stranger_to_put};
pub use proxy::{Credentials, NoTunnel, Proxy, Reached, Why};
