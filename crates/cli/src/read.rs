//! What is read of a cluster: who asks, the objects of our kinds, and what is said where it cannot be.
pub mod connect;
pub mod fault;
pub mod objects;
pub mod target;
pub mod time;
