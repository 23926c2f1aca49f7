//! The kinds of `backup-operator.io/v1`: what a user writes, what the operator answers, and the text of both.
#![forbid(unsafe_code)]

pub mod condition;
pub mod download;
pub mod drill;
pub mod labels;
pub mod metadata;
pub mod names;
pub mod notification;
pub mod place;
pub mod requests;
pub mod retention;
pub mod rewrap;
pub mod rules;
pub mod run;
pub mod schedule;
pub mod schema;
pub mod source;
pub mod storage;

pub use drill::{BackupDrill, BackupDrillSpec, BackupDrillStatus};
pub use run::{BackupRun, BackupRunSpec, BackupRunStatus};
pub use schedule::{BackupSchedule, BackupScheduleSpec, BackupScheduleStatus};
pub use storage::{BackupStorage, BackupStorageSpec, BackupStorageStatus};

/// `status.observedGeneration` of an object that no operator has looked at yet: the CRDs have it as their default, so that nobody takes
/// an object without conditions for one that is well.
pub const UNSEEN: i64 = -1;
/// The API group of all kinds.
pub const GROUP: &str = "backup-operator.io";
/// The one version that is served and stored.
pub const VERSION: &str = "v1";
