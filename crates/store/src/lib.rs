//! Object stores: sign, create, complete, abort, look, read, delete, probe. Knows no Kubernetes.
#![forbid(unsafe_code)]

pub mod azure;
pub mod checksum;
pub mod credentials;
mod dial;
pub mod error;
mod fence;
#[cfg(any(test, fuzzing))]
#[allow(missing_docs, reason = "a test of each name")]
pub mod fuzz;
mod gcs;
mod http;
pub mod identity;
mod kind;
mod login;
pub mod parameters;
pub mod probe;
mod proxy;
pub mod s3;
pub mod secret;
pub mod signing;
mod store;
mod wanted;
mod xml;

pub use checksum::{Checksum, composite_sha256, hex_of_sha256, sha256_of_hex};
pub use credentials::{Credentials, CredentialsError};
pub use dial::Dial;
pub use error::{ProbeError, StoreError, StoreErrorKind};
pub use fence::Fence;
pub use identity::{Identity, Obtained};
pub use kind::Kind;
pub use login::Login;
pub use parameters::{CredentialKeys, ParameterFault, Parameters, SftpParameters};
pub use probe::Capabilities;
pub use proxy::{Proxies, ProxyFault};
pub use s3::{Archived, Completed, CompletedPart, Listed, ObjectInfo, Page, Upload, Version};
pub use secret::Secret;
pub use signing::Signed;
pub use store::Store;
pub use wanted::{Dropped, Finish, Held, Label, Removed, Terms, Thaw, Wanted};
