//! What is read of a cluster: who asks, the objects of our kinds, how they all are, what became of one, and what is said where it cannot be.
pub mod connect;
pub mod drill;
pub mod facts;
pub mod fault;
pub mod fleet;
pub mod objects;
pub mod schedule;
pub mod story;
pub mod target;
pub mod time;
