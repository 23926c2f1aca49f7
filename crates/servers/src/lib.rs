//! Real S3 servers, a proxy before them, a mail server, an HTTP receiver, who hands out credentials in a cloud, Google's cloud before an S3 server, a control plane without nodes and an API server with our kinds, for tests: what each was seen to do, and how one is brought up on the loopback and goes with its test.
//! What it is made from, and how it is started, is a folder of `dev/stores`.
#![forbid(unsafe_code)]
// Only tests use it: what fails here fails them, and says why.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod api_server;
mod azure;
mod cloud;
mod control_plane;
mod cut;
mod entra;
mod exchange;
mod google;
mod guarantees;
mod line;
mod mail;
mod meter;
mod program;
mod receiver;
mod running;
mod sftp;
mod table;
mod tinyproxy;
pub mod traps;

pub use api_server::ApiServer;
pub use azure::{account_key, azure_request, azure_signature};
pub use cloud::{Cloud, Gives, RunningCloud};
pub use control_plane::{ControlPlane, kubeconfig};
pub use cut::Cut;
pub use entra::{Entra, FEDERATED};
pub use exchange::{Answer, exchange, put};
pub use google::Google;
pub use guarantees::{Exception, Front, GOOGLE, Guarantee, Kept, exceptions, table_of_servers, table_of_types};
pub use line::{Line, Shape};
pub use mail::MailServer;
pub use meter::Meter;
pub use program::Program;
pub use receiver::{Does, Got, Receiver};
pub use running::{Running, SECRET_KEY, program};
pub use sftp::{SFTP_PASSWORD, SftpServer};
pub use table::{LateParts, SERVERS, Server, Uploads, Versions, server};
pub use tinyproxy::{Tinyproxy, free_port};
