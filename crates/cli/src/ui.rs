//! The page of `kubectl backup ui`: served on this machine, with the user's own rights; nothing new runs in the cluster.
mod calendar;
mod checks;
mod door;
mod forms;
mod live;
mod pages;
mod rights;
mod site;

pub use site::{Site, serve};
