//! Transfers: the operator's side of moving bytes between a Pod and a store.
pub mod budget;
pub mod commit;
pub mod exec;
pub mod job;
pub mod keys;
pub mod limits;
pub mod link;
pub mod outcome;
pub mod pace;
pub mod registry;
pub mod relay;
pub mod session;
pub mod signed;
pub mod text;
pub mod traffic;
pub mod trickle;
pub mod uploads;
