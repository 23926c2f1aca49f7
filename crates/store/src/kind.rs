//! Which protocol a store speaks. A closed set: a kind is a dialect of its own, or another one's with other words around it.

/// `spec.type` of a storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Amazon S3 and what speaks its protocol.
    #[default]
    S3,
    /// Azure Blob Storage.
    Azure,
    /// Google Cloud Storage.
    Gcs,
    /// A folder of a server of SFTP, which the operator serves to itself as S3.
    Sftp,
}

impl Kind {
    /// All kinds, in the order in which they are documented.
    pub const ALL: [Self; 4] = [Self::S3, Self::Azure, Self::Gcs, Self::Sftp];

    /// As `spec.type` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Azure => "azure",
            Self::Gcs => "gcs",
            Self::Sftp => "sftp",
        }
    }

    /// What it keeps objects in, for people.
    pub fn noun(self) -> &'static str {
        match self {
            Self::S3 | Self::Gcs => "bucket",
            Self::Azure => "container",
            Self::Sftp => "folder",
        }
    }

    /// The variables that its own tools read access keys from, for people.
    pub fn variables(self) -> &'static str {
        match self {
            Self::S3 => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            Self::Azure => crate::credentials::ACCOUNT_KEY,
            Self::Gcs => crate::credentials::KEY_FILE,
            Self::Sftp => "none: a Secret is needed",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Every parameter that is understood, in the order in which it is documented.
    pub fn known(self) -> &'static [&'static str] {
        match self {
            Self::S3 => &crate::parameters::s3::KNOWN,
            Self::Azure => &crate::parameters::azure::KNOWN,
            Self::Gcs => &crate::parameters::gcs::KNOWN,
            Self::Sftp => &crate::parameters::sftp::KNOWN,
        }
    }
}
