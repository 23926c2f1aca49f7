//! The server as it is: a process over a folder, asked by the client of the product.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod it {
    pub mod archives;
    pub mod ends;
    pub mod kills;
    pub mod ledger;
    pub mod links;
    pub mod room;
    pub mod running;
    pub mod strangers;
    pub mod tls;
}
