//! What can go wrong with a store, in words that name the step and the cure. No credential, no signed URL.
use std::borrow::Cow;

use jiff::Timestamp;

use crate::wanted::Held;

/// What a store's failure means to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// There is no such object.
    NotFound,
    /// There is no such upload: it was completed, or aborted, or never made.
    NoSuchUpload,
    /// A part that completion names is not there (any more).
    InvalidPart,
    /// An object is there, and nothing but a new one was wanted.
    Exists,
    /// There is no such bucket.
    NoSuchBucket,
    /// The credentials are known and may not do this.
    AccessDenied,
    /// The credentials are not known, or the secret key is wrong.
    BadCredentials,
    /// The requests are signed for another region than the store's.
    WrongRegion,
    /// The clocks of store and operator are too far apart.
    ClockSkew,
    /// No connection: name, address, port or TLS.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The store asks for patience, or has an error of its own (5xx).
    Busy,
    /// The store has no room for more: its disk is full, or a quota is. What is there can be read and removed.
    Full,
    /// The store refuses the request as such.
    Refused,
    /// The store keeps the object: a lock or a legal hold lies on it.
    Held,
    /// What was asked for is being done already.
    UnderWay,
    /// The store has no such thing.
    Unsupported,
    /// The parameters do not make a client.
    Configuration,
}

/// The step of dropping an upload.
pub(crate) const ABORT: &str = "abort upload";

/// A failure.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{step}: {message}{cure}")]
pub struct StoreError {
    step: &'static str,
    kind: StoreErrorKind,
    /// The store has said by a code of its own that there is no such version, or object.
    no_version: bool,
    message: String,
    cure: Cow<'static, str>,
}

impl StoreError {
    pub(crate) fn new(step: &'static str, kind: StoreErrorKind, message: impl Into<String>) -> Self {
        let (mut message, cure) = (message.into(), cure(kind, step));
        if !cure.is_empty() {
            // Stores end their sentences; this one goes on.
            message.truncate(message.trim_end_matches(['.', ' ']).len());
        }
        Self {
            step,
            kind,
            no_version: false,
            message,
            cure,
        }
    }

    /// The store keeps an object that is to go.
    pub(crate) fn of_held(key: &str, held: &Held) -> Self {
        Self::new(
            "delete",
            StoreErrorKind::Held,
            format!("the store holds {key:?}: {held}"),
        )
    }

    /// The same, of a message that has its cure in it.
    pub(crate) fn with_its_cure(self) -> Self {
        Self {
            cure: Cow::Borrowed(""),
            ..self
        }
    }

    /// The same, in words that say more, before its own.
    pub(crate) fn told(self, words: &str) -> Self {
        Self {
            message: format!("{words} ({})", self.message),
            ..self
        }
    }

    /// An answer that is not the store's. Whether it passes is told by the status all the same.
    pub(crate) fn of_a_stranger(step: &'static str, status: u16, words: String) -> Self {
        let kind = match status {
            501 | 505 => StoreErrorKind::Refused,
            429 | 500.. => StoreErrorKind::Busy,
            _ => StoreErrorKind::Refused,
        };
        Self::new(step, kind, words)
    }

    /// The same, with the place that could not be reached or is not there.
    pub(crate) fn placed(self, place: &str) -> Self {
        match self.kind {
            StoreErrorKind::NoSuchBucket | StoreErrorKind::Unreachable | StoreErrorKind::Timeout => Self {
                message: format!("{place}: {}", self.message),
                ..self
            },
            _ => self,
        }
    }

    /// The same, told as another step's; not of an abort, for which no other step says what was not done.
    pub(crate) fn at(self, step: &'static str) -> Self {
        match self.step {
            ABORT => self,
            _ => Self { step, ..self },
        }
    }

    /// The same, with another cure.
    pub(crate) fn with_cure(self, cure: &'static str) -> Self {
        Self {
            cure: Cow::Borrowed(cure),
            ..self
        }
    }

    /// What went wrong, without the step and the cure.
    pub(crate) fn into_words(self) -> String {
        self.message
    }

    /// What it means to the caller.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// The store has said by a code of its own that there is no such version, or that its id is none. A status alone says nothing: it may
    /// be another's than the store's.
    pub(crate) fn says_no_version(&self) -> bool {
        self.no_version
    }

    /// It may pass by itself, so that it is worth another try.
    pub fn passes(&self) -> bool {
        matches!(
            self.kind,
            StoreErrorKind::Unreachable | StoreErrorKind::Timeout | StoreErrorKind::Busy | StoreErrorKind::Full
        )
    }

    /// It may pass while the work waits: also keys that are being rotated, and clocks that are being set. A storage that
    /// was probed has had good ones before.
    pub fn may_pass(&self) -> bool {
        self.passes() || matches!(self.kind, StoreErrorKind::BadCredentials | StoreErrorKind::ClockSkew)
    }

    /// What a status and an S3 error code mean. `theirs` is the store's clock, from its Date header.
    pub(crate) fn of_answer(
        step: &'static str,
        status: u16,
        code: &str,
        message: &str,
        theirs: Option<Timestamp>,
        ours: Timestamp,
    ) -> Self {
        use StoreErrorKind as K;
        let kind = match (code, status) {
            ("NoSuchKey" | "NoSuchVersion", _) => K::NotFound,
            ("NoSuchUpload", _) => K::NoSuchUpload,
            ("InvalidPart", _) => K::InvalidPart,
            ("NoSuchBucket", _) => K::NoSuchBucket,
            ("RequestTimeTooSkewed", _) => K::ClockSkew,
            ("RestoreAlreadyInProgress", _) => K::UnderWay,
            // AWS of another restore than the one under way, or of a tier that has no room now.
            ("GlacierExpeditedRetrievalNotAvailable", _) => K::Busy,
            ("PreconditionFailed", _) | (_, 412) => K::Exists,
            // MinIO's quota comes with 400, Ceph's with 403: neither a denial, nor for good.
            ("XMinioAdminBucketQuotaExceeded" | "QuotaExceeded", _) | (_, 507) => K::Full,
            // versitygw says XAdminUserNotFound, with a 404; s3s NotSignedUp; Garage a denial whose message tells.
            ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken", _)
            // MinIO's word for a session that it does not know.
            | ("InvalidTokenId", _)
            | ("XAdminUserNotFound" | "NotSignedUp", _)
            | (_, 401) => K::BadCredentials,
            ("AccessDenied", 403) if is_about_keys(message) => K::BadCredentials,
            // Garage's quota.
            ("AccessDenied", 403) if message.contains("quota is reached") => K::Full,
            ("AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError", _) => K::WrongRegion,
            ("AccessDenied" | "AllAccessDisabled", _) | (_, 403) => K::AccessDenied,
            // It will not be implemented while somebody waits.
            ("NotImplemented", _) | (_, 501 | 505) => K::Refused,
            (
                "SlowDown" | "ConditionalRequestConflict" | "RequestTimeout" | "InternalError" | "ServiceUnavailable",
                _,
            )
            | (_, 429 | 500..) => K::Busy,
            // A HEAD's answer, which has no code. Another code, as of a gateway that knows no such host, says nothing of an object.
            ("", 404) => K::NotFound,
            _ => K::Refused,
        };
        let mut text = format!("the store answered {status}");
        for part in [code, message] {
            if !part.is_empty() {
                text.push_str(&format!(
                    " {}",
                    part.chars().filter(|c| !c.is_control()).take(300).collect::<String>()
                ));
            }
        }
        if kind == K::ClockSkew {
            let theirs = theirs.map_or_else(|| "not told".to_string(), |t| t.to_string());
            text.push_str(&format!(
                " (the clocks differ; the store's: {theirs}, the operator's: {ours})"
            ));
        }
        let no_version = matches!(
            (code, status),
            ("NoSuchKey" | "NoSuchVersion", 404) | ("InvalidArgument" | "NoSuchVersion", 400)
        );
        Self {
            no_version,
            ..Self::new(step, kind, text)
        }
    }
}

/// Garage denies what is signed with a key that it does not know, or with the wrong secret.
fn is_about_keys(message: &str) -> bool {
    ["Invalid signature", "No such key"]
        .iter()
        .any(|words| message.contains(words))
}

fn cure(kind: StoreErrorKind, step: &str) -> Cow<'static, str> {
    Cow::Borrowed(match kind {
        StoreErrorKind::NoSuchBucket => "; create the bucket, or correct spec.parameters.bucket",
        StoreErrorKind::AccessDenied => return Cow::Owned(format!("; the access key needs {}", right(step))),
        StoreErrorKind::BadCredentials => "; check the Secret that spec.credentials names",
        StoreErrorKind::WrongRegion => "; set spec.parameters.region to the region that the store expects",
        StoreErrorKind::ClockSkew => "; set the clocks right",
        StoreErrorKind::Unreachable => "; check spec.parameters.endpoint, and that the store runs",
        StoreErrorKind::Full => "; make room there: rotation, a larger disk or quota",
        _ => "",
    })
}

/// The right that a step needs, as policies call it.
fn right(step: &str) -> &'static str {
    match step {
        "write" | "write a part" | "create upload" | "complete" => "s3:PutObject on the bucket's objects",
        // Without the right to list, what is not there is denied, too.
        "read" | "look at the object" => {
            "s3:GetObject on the bucket's objects, and s3:ListBucket on the bucket to be told that an object is not there"
        }
        "delete" => {
            "s3:DeleteObject on the bucket's objects (s3:DeleteObjectVersion, too, where the bucket keeps versions)"
        }
        ABORT => "s3:AbortMultipartUpload on the bucket's objects",
        "legal hold" => "s3:PutObjectLegalHold on the bucket's objects",
        "read the bucket's lock" => "s3:GetBucketObjectLockConfiguration on the bucket",
        "bring back" => "s3:RestoreObject on the bucket's objects",
        "list" => "s3:ListBucket on the bucket",
        "list versions" => "s3:ListBucketVersions on the bucket",
        "list uploads" => "s3:ListBucketMultipartUploads on the bucket",
        "list parts" => "s3:ListMultipartUploadParts on the bucket's objects",
        _ => "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on the bucket's objects",
    }
}

/// A probe that failed: which step, and why.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProbeError {
    /// A request failed.
    #[error("the probe failed at {0}")]
    Request(#[from] StoreError),
    /// Objects are to be locked, and the bucket cannot.
    #[error(
        "the probe failed at object lock: the bucket does not lock objects, so that spec.parameters.lockMode and legalHold would do nothing; make a bucket with object lock enabled (most stores want that when it is made), or leave these parameters out"
    )]
    NoLock,
    /// It was seen to refuse other bytes than those that a URL was signed for, and does so no more.
    #[error(
        "the probe failed at write: the store took other bytes than those that its URL was signed for, which it refused before; was something put between the operator and the store?"
    )]
    TakesAnything,
    /// A signature for one part was good for something else.
    #[error(
        "the probe failed at write: the store took a part's signature for something else ({0}): it does not look at what was signed, and a Pod could write more than its own parts"
    )]
    Bound(&'static str),
    /// What it says of an object's ETag is not what it knows the object by: a restore asks for the one that HEAD told.
    #[error(
        "the probe failed at read: a GET that asks for the ETag which a HEAD has just told ({0}) is refused (412): something between the operator and the store, a gateway that compresses, changes ETags on their way, and no restore would work; have it leave headers and bodies as they are"
    )]
    EtagChanged(String),
    /// The store gave back something else than was written.
    #[error("the probe failed at read: the store gave back other bytes than were written")]
    Different,
}

impl ProbeError {
    /// The access key may not do what backups need; not before its rights are changed.
    pub fn is_denial(&self) -> bool {
        matches!(self, Self::Request(error) if error.kind == StoreErrorKind::AccessDenied)
    }

    /// The store knows no such access key, or another secret of it.
    pub fn is_of_keys(&self) -> bool {
        matches!(self, Self::Request(error) if error.kind == StoreErrorKind::BadCredentials)
    }

    /// There is no room for the probe's own object, and all else may be as ever.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Request(error) if error.kind == StoreErrorKind::Full)
    }

    /// It says nothing of what the store takes and refuses, and may pass by itself.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Request(error) if error.passes())
    }
}

/// The innermost cause's words: of errors of connections, the outer ones only say that there was one.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_by_its_code_and_names_the_cure() {
        use StoreErrorKind as K;
        let cases = [
            (404, "NoSuchBucket", K::NoSuchBucket, "create the bucket", false),
            (403, "InvalidAccessKeyId", K::BadCredentials, "Secret", false),
            (403, "", K::AccessDenied, "PutObject", false),
            (403, "RequestTimeTooSkewed", K::ClockSkew, "1970-01-01T00:00:00Z", false),
            (404, "NoSuchUpload", K::NoSuchUpload, "", false),
            (404, "", K::NotFound, "", false),
            (404, "NoSuchVersion", K::NotFound, "", false),
            // versitygw of a key that it does not know: nothing is gone.
            (404, "XAdminUserNotFound", K::BadCredentials, "Secret", false),
            (404, "NoSuchHost", K::Refused, "NoSuchHost", false),
            (403, "NotSignedUp", K::BadCredentials, "Secret", false),
            (
                400,
                "AuthorizationQueryParametersError",
                K::WrongRegion,
                "spec.parameters.region",
                false,
            ),
            (501, "NotImplemented", K::Refused, "NotImplemented", false),
            (505, "", K::Refused, "", false),
            (503, "SlowDown", K::Busy, "", true),
            (500, "", K::Busy, "", true),
            (507, "XMinioStorageFull", K::Full, "make room", true),
            (507, "InsufficientStorage", K::Full, "make room", true),
            (400, "XMinioAdminBucketQuotaExceeded", K::Full, "make room", true),
            (403, "QuotaExceeded", K::Full, "make room", true),
            (400, "BadDigest", K::Refused, "BadDigest", false),
        ];
        for (status, code, kind, words, passes) in cases {
            let error = StoreError::of_answer("write", status, code, "m", None, Timestamp::UNIX_EPOCH);
            assert_eq!((error.kind(), error.passes()), (kind, passes), "{error}");
            assert!(
                error.to_string().starts_with("write: ") && error.to_string().contains(words),
                "{error}"
            );
        }
    }

    #[test]
    fn a_denial_that_tells_of_keys_or_of_a_quota_is_none() {
        use StoreErrorKind as K;
        for (message, kind) in [
            ("Forbidden: No such key: GK1", K::BadCredentials),
            ("Forbidden: Invalid signature", K::BadCredentials),
            // Garage's; its words are of its source.
            ("Forbidden: Bucket size quota is reached", K::Full),
            ("Forbidden: Object quota is reached", K::Full),
            ("Forbidden: Operation is not allowed for this key.", K::AccessDenied),
        ] {
            let error = StoreError::of_answer("write", 403, "AccessDenied", message, None, Timestamp::UNIX_EPOCH);
            assert_eq!(error.kind(), kind, "{message}");
        }
    }

    #[test]
    fn only_a_code_of_the_stores_says_that_a_version_is_not_there() {
        for (status, code, says) in [
            // versitygw, LocalStack.
            (400, "InvalidArgument", true),
            (404, "NoSuchVersion", true),
            (404, "NoSuchKey", true),
            (404, "", false),
            (404, "NoSuchHost", false),
            (400, "", false),
            (400, "InvalidRequest", false),
            (403, "AccessDenied", false),
            // AWS of a marker of a deletion.
            (405, "MethodNotAllowed", false),
        ] {
            let error = StoreError::of_answer("delete", status, code, "m", None, Timestamp::UNIX_EPOCH);
            assert_eq!(error.says_no_version(), says, "{error}");
            assert_eq!(error.at("told as another").says_no_version(), says);
        }
        let stranger = StoreError::of_a_stranger("delete", 404, "words".into());
        assert!(!stranger.says_no_version());
    }

    #[test]
    fn what_is_denied_names_the_right_that_is_missing() {
        for (step, right) in [
            ("write", "s3:PutObject"),
            ("complete", "s3:PutObject"),
            ("read", "s3:GetObject"),
            ("delete", "s3:DeleteObject"),
            ("abort upload", "s3:AbortMultipartUpload"),
            ("list versions", "s3:ListBucketVersions"),
            ("list uploads", "s3:ListBucketMultipartUploads"),
        ] {
            let error = StoreError::of_answer(step, 403, "AccessDenied", "", None, Timestamp::UNIX_EPOCH);
            let words = error.at("told as another").to_string();
            assert!(words.contains(&format!("; the access key needs {right} on")), "{words}");
            assert_eq!(words.starts_with("told as another"), step != ABORT, "{words}");
            let sentence =
                StoreError::of_answer(step, 403, "AccessDenied", "Access Denied.", None, Timestamp::UNIX_EPOCH);
            let sentence = sentence.to_string();
            assert!(
                sentence.contains("AccessDenied Access Denied; the access key needs"),
                "{sentence}"
            );
        }
    }

    #[test]
    fn what_is_not_the_stores_answer_gets_no_cure_of_the_stores() {
        for (status, kind) in [
            (403, StoreErrorKind::Refused),
            (401, StoreErrorKind::Refused),
            (413, StoreErrorKind::Refused),
            (200, StoreErrorKind::Refused),
            (502, StoreErrorKind::Busy),
        ] {
            let error = StoreError::of_a_stranger("write", status, "words".into());
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, "write: words"));
        }
    }

    #[test]
    fn what_may_pass_while_the_work_waits_is_more_than_what_passes_by_itself() {
        for (status, code, waits) in [
            (503, "SlowDown", true),
            (507, "XMinioStorageFull", true),
            (403, "InvalidAccessKeyId", true),
            (403, "SignatureDoesNotMatch", true),
            (400, "ExpiredToken", true),
            (403, "RequestTimeTooSkewed", true),
            (403, "AccessDenied", false),
            (404, "NoSuchBucket", false),
            (404, "NoSuchUpload", false),
            (400, "InvalidPart", false),
        ] {
            let error = StoreError::of_answer("complete", status, code, "", None, Timestamp::UNIX_EPOCH);
            assert_eq!(error.may_pass(), waits, "{error}");
        }
    }
}
