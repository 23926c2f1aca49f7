//! Notifications: where they may go, and what they say. What there is to tell is `schedule::notify`.
pub mod address;
pub mod hosts;
pub mod text;

pub use address::Refused;
pub use hosts::Hosts;
pub use text::Message;
