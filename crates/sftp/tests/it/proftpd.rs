//! What the store promises, over proftpd.
#[path = "../../../depot/tests/it/kills.rs"]
mod kills;
#[path = "../../../depot/tests/it/ledger.rs"]
pub mod ledger;
#[path = "../../../depot/tests/it/links.rs"]
mod links;
#[path = "running.rs"]
pub mod running;
#[path = "../../../depot/tests/it/strangers.rs"]
mod strangers;

const SERVER: &str = "proftpd";
