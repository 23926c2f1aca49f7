//! What a stored object says of its maker: names of its metadata, which stores give back in lower case.

/// The run that wrote the object, by UID.
pub const RUN: &str = "backup-operator-run";
/// The attempt of that run: `backup-1`.
pub const ATTEMPT: &str = "backup-operator-attempt";
/// That run, as `namespace/name`.
pub const NAME: &str = "backup-operator-name";
/// The schedule that made that run, as `namespace/name`.
pub const SCHEDULE: &str = "backup-operator-schedule";
/// The cluster of the operator, as the UID of its namespace kube-system.
pub const CLUSTER: &str = "backup-operator-cluster";
