//! What the operator and the agent say to each other, and how it is framed.
#![forbid(unsafe_code)]

pub mod flow;
pub mod frame;
mod headers;
pub mod message;
pub mod parts;
mod said;
pub mod secret;
mod since;

pub use flow::{Allowance, Inbox, MAX_STREAMS, WINDOW};
pub use frame::{
    Data, Decoder, Frame, FrameError, MAX_DATA, MAX_FRAME, encode, encode_data, read_frame, write_message,
};
pub use headers::Headers;
pub use message::*;
pub use parts::PartPlan;
pub use secret::Secret;
pub use since::{Need, apart};

/// Version of the protocol. Each side says its own first; they speak the older of the two.
pub const VERSION: u32 = 8;
/// The oldest version that is spoken to still, from either side: older ones know no tunnelled streams and no `Probe`. Raised only to what
/// the release before the last spoke, so that neighbours always understand each other.
pub const OLDEST: u32 = 2;
/// The first version that knows the outcomes `LeftRunning` and `OutOfMemory`.
pub const ENDINGS: u32 = 3;
/// The first version whose agents take a 412 for an object put whole as stored, with an empty ETag: the operator, who looks at
/// what is there, decides whose it is.
pub const ONLY_NEW: u32 = 4;
/// The first version whose agents know `PartPlan::first`; an older one would double its parts far too early.
pub const PLAN: u32 = 5;
/// The first version whose agents keep to `Job.bandwidth`, and know `Pace`.
pub const PACE: u32 = 6;
/// The first version whose agents run `Job.check`, and know the outcome `CheckFailed`.
pub const CHECK: u32 = 7;
/// The first version whose agents know `Check.container`; an older one would run the check beside the restoring command.
pub const CHECK_ELSEWHERE: u32 = 8;
/// What `agent stand-by` says on its standard error when somebody stands by for such a check.
pub const STANDS_BY: &str = "stands by";
