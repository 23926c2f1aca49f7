//! What the operator and the agent say to each other, and how it is framed.
#![forbid(unsafe_code)]

pub mod frame;
pub mod message;
pub mod parts;
pub mod secret;

pub use frame::{Decoder, FrameError, MAX_FRAME, encode, read_message, write_message};
pub use message::*;
pub use parts::PartPlan;
pub use secret::Secret;

/// Version of the protocol. An agent answers with its own; an operator speaks to all up to its own.
pub const VERSION: u32 = 1;
