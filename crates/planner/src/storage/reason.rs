//! The reasons of what is said of storages, in one table.
use crate::words::words;

words! {
    /// One CamelCase word: why a storage is as it is.
    // It can be used.
    Probed               "The last probe found all that backups need."
    Ready                "Event: the storage can be used from now on."
    // It cannot.
    NotReady             "Event: the storage cannot be used, for the reason of its condition Ready."
    InvalidSpec          "The spec is wrong."
    InvalidParameters    "spec.parameters are wrong."
    InvalidCredentials   "The Secret has no access keys that can be used, or is not there."
    InvalidConfiguration "What the spec says makes no client of a store: a certificate, a proxy."
    SecretUnreadable     "The API server does not give the Secret."
    StoreUnreachable     "The store cannot be reached, or has a fault of its own, which may pass."
    ProbeTimeout         "The store took too long over the probe, which may pass."
    ProbeFailed          "The store refuses what backups need, or does something else than it is asked to."
    ProbeDenied          "The access key may not do what backups need."
    // What the access key may do.
    Allowed              "The access key may do it, and could not before."
    AccessKeyMayNot      "The access key may not delete, or may not list."
}

impl Reason {
    /// A failure that says nothing against what the store was seen to do before: it was away, or nobody got as far as asking it.
    pub fn keeps_proof(self) -> bool {
        matches!(
            self,
            Self::StoreUnreachable | Self::ProbeTimeout | Self::SecretUnreadable
        )
    }
}
