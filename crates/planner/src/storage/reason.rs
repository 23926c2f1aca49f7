//! The reasons of what is said of storages, in one table.
use crate::words::words;

words! {
    /// One CamelCase word: why a storage is as it is.
    // It can be used.
    Probed               "The last probe found all that backups need." "Nothing to do."
    Ready                "Event: the storage can be used from now on." "Nothing to do."
    // It cannot.
    NotProbed            "The store has not been probed yet." "Wait for the first probe, a few seconds."
    NotReady             "Event: the storage cannot be used, for the reason of its condition Ready." "See to the reason of the condition Ready."
    InvalidSpec          "The spec is wrong." "Correct the fields that the message names."
    InvalidParameters    "spec.parameters are wrong." "Correct the parameters that the message names."
    InvalidCredentials   "The Secret has no access keys that can be used, or is not there." "Create the Secret that spec.credentials names, with the keys that the message names."
    InvalidConfiguration "What the spec says makes no client of a store: a certificate, a proxy." "Correct the certificate or proxy that the message names."
    SecretUnreadable     "The API server does not give the Secret." "Let the operator read Secrets of that namespace (chart: credentialNamespaces)."
    StoreUnreachable     "The store cannot be reached, or has a fault of its own, which may pass." "Check spec.parameters.endpoint, that the store runs, and the operator's way to it."
    StoreFull            "The store has no room for a backup. What is there is restored, verified and removed as ever." "Make room: rotation, a larger disk or quota. It is looked at again by itself."
    ProbeTimeout         "The store took too long over the probe, which may pass." "Check that the store runs and is not overloaded, and the operator's way to it."
    ProbeFailed          "The store refuses what backups need, or does something else than it is asked to." "Do what the message says: create the bucket, or correct the parameter."
    ProbeDenied          "The access key may not do what backups need." "Give the access key the right that the message names."
    CatalogSynced        "Event: runs were made of the bucket's records, or could not be (spec.catalog.sync)." "Nothing to do; of records that were left out the message has the reason."
    // What the access key may do.
    Allowed              "The access key may do it, and could not before." "Nothing to do."
    AccessKeyMayNot      "The access key may not delete, or may not list." "Give the access key the right to delete or to list, where it is wanted."
}

impl Reason {
    /// What is wrong stands in the spec: nothing that comes by itself changes it.
    pub fn is_of_the_spec(self) -> bool {
        matches!(
            self,
            Self::InvalidSpec | Self::InvalidParameters | Self::InvalidConfiguration
        )
    }

    /// A failure that says nothing against what the store was seen to do before: it was away, or nobody got as far as asking it.
    pub fn keeps_proof(self) -> bool {
        matches!(
            self,
            Self::StoreUnreachable | Self::StoreFull | Self::ProbeTimeout | Self::SecretUnreadable
        )
    }
}
