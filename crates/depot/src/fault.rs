//! What is answered to a request that is not fulfilled: S3's codes, and words that say what would be right.
use std::fmt;
use std::io;

macro_rules! codes {
    ($($code:ident $status:literal $doc:literal;)*) => {
        /// S3's word for what is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $(#[doc = $doc] $code,)* }

        impl Code {
            /// As it stands in an answer.
            pub fn word(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)* }
            }

            /// Its status of HTTP.
            pub fn status(self) -> u16 {
                match self { $(Self::$code => $status,)* }
            }
        }
    };
}

codes! {
    AccessDenied 403 "Nobody signed it, or not all of it.";
    AuthorizationQueryParametersError 400 "A signed URL that cannot be read.";
    AuthorizationHeaderMalformed 400 "A signed header that cannot be read.";
    BadDigest 400 "The body is not the one that was announced.";
    BucketAlreadyOwnedByYou 409 "It is there.";
    EntityTooLarge 400 "More than may come at once.";
    IncompleteBody 400 "The body ended before its announced end.";
    InsufficientStorage 507 "The disk is full.";
    InternalError 500 "The disk failed.";
    InvalidAccessKeyId 403 "Not the key pair of this server.";
    InvalidArgument 400 "A value that means nothing.";
    InvalidDigest 400 "A checksum that is none.";
    InvalidObjectState 403 "It lies in an archive, or does not.";
    InvalidPart 400 "A part that is not there as it is claimed.";
    InvalidPartOrder 400 "Parts that are not in their order.";
    InvalidRange 416 "Nothing lies there.";
    InvalidRequest 400 "What cannot be done as asked.";
    KeyTooLongError 400 "The key is no name of a file.";
    MalformedXML 400 "A body that cannot be read.";
    MethodNotAllowed 405 "Not here.";
    MissingContentLength 411 "A body of unknown length.";
    NoSuchBucket 404 "There is no such bucket.";
    NoSuchKey 404 "There is no such object.";
    NoSuchUpload 404 "There is no such upload.";
    NotImplemented 501 "What this server does not have.";
    OperationAborted 409 "Another request is at the same thing.";
    PreconditionFailed 412 "Not under that condition.";
    RequestTimeTooSkewed 403 "The clocks differ.";
    RequestTimeout 400 "The body came too slowly.";
    ServiceUnavailable 503 "Not now.";
    RestoreAlreadyInProgress 409 "It is on its way.";
    SignatureDoesNotMatch 403 "Signed with another secret, or another request.";
    XAmzContentSHA256Mismatch 400 "The body is not the one that was signed.";
}

/// Why a request is not fulfilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For programs.
    pub code: Code,
    /// For people.
    pub words: String,
}

impl Fault {
    /// A fault in words.
    pub fn new(code: Code, words: impl Into<String>) -> Self {
        Self {
            code,
            words: words.into(),
        }
    }

    /// There is no such bucket.
    pub fn no_bucket(name: &str) -> Self {
        Self::new(Code::NoSuchBucket, format!("there is no bucket {name:?}"))
    }

    /// There is no such object.
    pub fn no_key() -> Self {
        Self::new(Code::NoSuchKey, "there is no object under that key")
    }

    /// There is no such upload.
    pub fn no_upload() -> Self {
        Self::new(
            Code::NoSuchUpload,
            "there is no such upload: it was completed or aborted, or never begun",
        )
    }

    /// The disk has no room.
    pub fn full(what: &str) -> Self {
        Self::new(
            Code::InsufficientStorage,
            format!(
                "the store's disk is full ({what}): nothing that it has was touched; free space, or make it larger"
            ),
        )
    }

    /// The disk failed at a step.
    pub fn disk(step: &'static str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::full(step),
            io::ErrorKind::ReadOnlyFilesystem => Self::new(
                Code::ServiceUnavailable,
                format!("the store's disk is read-only ({step}): after a fault of its own, or as it was mounted"),
            ),
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::DirectoryNotEmpty => Self::new(
                Code::InvalidRequest,
                "the key cannot be stored: what is a folder of one key is a file of another here; take another path",
            ),
            io::ErrorKind::NotConnected
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::TimedOut => Self::new(
                Code::ServiceUnavailable,
                format!("the store's files cannot be reached ({step}): {error}"),
            ),
            io::ErrorKind::InvalidInput => Self::new(Code::InvalidRequest, format!("the key cannot be used: {error}")),
            _ => Self::new(
                Code::InternalError,
                format!("the store's disk failed ({step}): {error}"),
            ),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.word(), self.words)
    }
}

impl std::error::Error for Fault {}

/// Whether there is no room: what is there can still be read and removed.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Names the step that an error of the disk came at.
pub(crate) trait At<T> {
    fn at(self, step: &'static str) -> Result<T, Fault>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, step: &'static str) -> Result<T, Fault> {
        self.map_err(|error| Fault::disk(step, &error))
    }
}
