//! A store's refusal: its status, and code and message of its XML.
use std::fmt;

use crate::retry::Hope;

/// Longest code or message that is taken over, characters.
const WORDS: usize = 300;

/// What a store answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    code: String,
    message: String,
    /// The right that a denial is about.
    right: &'static str,
}

impl Answer {
    /// Understands a body as far as it goes.
    pub fn of(status: u16, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        Self {
            status,
            code: element(&text, "Code"),
            message: element(&text, "Message"),
            right: "",
        }
    }

    /// The same, of a request that needs this right.
    pub fn needing(self, right: &'static str) -> Self {
        Self { right, ..self }
    }

    /// Whether to try again; each try has a fresh URL, so an expired one passes.
    pub fn hope(&self) -> Hope {
        match (self.status, self.code.as_str()) {
            // It will not be implemented while somebody waits.
            (501 | 505, _) | (_, "NotImplemented") => Hope::None,
            (408 | 429, _) | (500.., _) => Hope::Passes,
            (_, "RequestTimeout" | "RequestTimeTooSkewed" | "SlowDown" | "OperationAborted") => Hope::Passes,
            // A quota is full, of MinIO (400) or Ceph (403): as a disk.
            (_, "XMinioAdminBucketQuotaExceeded" | "QuotaExceeded") => Hope::Passes,
            // The storage was probed with good keys: these are being rotated, and the next URL may be signed with new ones.
            (_, "ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch")
            // MinIO's word for a session that it does not know; of one that has ended it says InvalidAccessKeyId.
            | (_, "InvalidTokenId") => Hope::Passes,
            // Azure's of a request that is too old, or was signed with a key that is gone.
            (_, "AuthenticationFailed") => Hope::Passes,
            (403, _) if self.has_expired() => Hope::Passes,
            // Garage's quota.
            (403, "AccessDenied") if self.message.contains("quota is reached") => Hope::Passes,
            (404, "NoSuchUpload" | "NoSuchBucket" | "NoSuchKey" | "BlobNotFound" | "ContainerNotFound")
            | (_, "InvalidObjectState" | "BlobArchived" | "BlobBeingRehydrated" | "BlobAlreadyExists" | "InvalidBlobType")
            | (411..=416, _)
            | (300..=399, _) => Hope::None,
            // BadDigest and the like: damaged on the way, or a rule of the store. Access may just be being given.
            _ => Hope::Doubtful,
        }
    }

    /// Something is there, and nothing but a new object was wanted.
    pub fn exists(&self) -> bool {
        self.status == 412 || (self.status == 409 && self.code == "BlobAlreadyExists")
    }

    fn has_expired(&self) -> bool {
        self.message.to_ascii_lowercase().contains("expired")
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store answered {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        match self.code.as_str() {
            "RequestTimeTooSkewed" => f.write_str(
                " (the clocks of the store and of the operator, which signs the URLs, differ by minutes: set them right)",
            ),
            "InvalidObjectState" | "BlobArchived" | "BlobBeingRehydrated" => f.write_str(" (the object lies in an archive: have the store bring it back first)"),
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "InvalidTokenId" | "AuthenticationFailed" => {
                f.write_str(" (the store does not know the access keys any more: check the Secret of the storage)")
            }
            "AccessDenied" if !self.right.is_empty() && !self.has_expired() => {
                write!(f, " (the access key needs {} on the bucket's objects)", self.right)
            }
            _ => Ok(()),
        }
    }
}

/// The first element of this name, without markup and control characters.
fn element(text: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let Some((_, rest)) = text.split_once(&open) else {
        return String::new();
    };
    let inner = rest.split_once(&close).map_or("", |(inner, _)| inner);
    // Azure goes on with its ids.
    let inner = inner.split("\nRequestId:").next().unwrap_or_default();
    let plain = [
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
    ];
    let text = plain
        .iter()
        .fold(inner.to_string(), |text, (from, to)| text.replace(from, to))
        .replace("&amp;", "&");
    text.chars().filter(|c| !c.is_control()).take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(code: &str, message: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>")
    }

    #[test]
    fn code_and_message_are_taken_over_in_bounds() {
        let said = |status, body: &str| Answer::of(status, body.as_bytes()).to_string();
        assert_eq!(
            said(400, &xml("BadDigest", "The &quot;sum&quot; &amp; the\nbytes differ")),
            "the store answered 400 BadDigest: The \"sum\" & thebytes differ"
        );
        assert_eq!(said(502, "<html>bad gateway"), "the store answered 502");
        assert_eq!(said(500, "<Code>cut"), "the store answered 500");
        assert!(said(500, &xml("X", &"y".repeat(10_000))).len() < 400);
    }

    #[test]
    fn hope_follows_status_and_code() {
        for (status, code, message, hope) in [
            (500, "InternalError", "", Hope::Passes),
            (503, "SlowDown", "", Hope::Passes),
            (429, "", "", Hope::Passes),
            (403, "AccessDenied", "Request has expired", Hope::Passes),
            (400, "ExpiredToken", "The provided token has expired.", Hope::Passes),
            (400, "InvalidToken", "", Hope::Passes),
            (403, "InvalidTokenId", "", Hope::Passes),
            (400, "RequestTimeout", "", Hope::Passes),
            (403, "InvalidAccessKeyId", "", Hope::Passes),
            (403, "SignatureDoesNotMatch", "", Hope::Passes),
            (403, "AuthenticationFailed", "", Hope::Passes),
            (503, "ServerBusy", "", Hope::Passes),
            (500, "OperationTimedOut", "", Hope::Passes),
            (403, "AuthorizationPermissionMismatch", "", Hope::Doubtful),
            (400, "Md5Mismatch", "", Hope::Doubtful),
            (404, "ContainerNotFound", "", Hope::None),
            (404, "BlobNotFound", "", Hope::None),
            (409, "BlobArchived", "", Hope::None),
            (507, "XMinioStorageFull", "", Hope::Passes),
            (400, "XMinioAdminBucketQuotaExceeded", "", Hope::Passes),
            (403, "QuotaExceeded", "", Hope::Passes),
            (
                403,
                "AccessDenied",
                "Forbidden: Bucket size quota is reached",
                Hope::Passes,
            ),
            (403, "AccessDenied", "Access Denied.", Hope::Doubtful),
            (400, "BadDigest", "", Hope::Doubtful),
            (404, "NoSuchUpload", "", Hope::None),
            (403, "InvalidObjectState", "", Hope::None),
            (501, "NotImplemented", "", Hope::None),
            (505, "", "", Hope::None),
            (412, "PreconditionFailed", "", Hope::None),
            (416, "InvalidRange", "", Hope::None),
            (307, "", "", Hope::None),
        ] {
            assert_eq!(
                Answer::of(status, xml(code, message).as_bytes()).hope(),
                hope,
                "{status} {code} {message}"
            );
        }
    }

    #[test]
    fn what_is_there_already_is_told_apart_from_other_conflicts() {
        for (status, code, exists) in [
            (412, "PreconditionFailed", true),
            (409, "BlobAlreadyExists", true),
            (409, "ConditionalRequestConflict", false),
            (409, "BlobArchived", false),
            (200, "BlobAlreadyExists", false),
        ] {
            assert_eq!(
                Answer::of(status, xml(code, "").as_bytes()).exists(),
                exists,
                "{status} {code}"
            );
        }
        let said = Answer::of(
            409,
            xml("BlobAlreadyExists", "It is there.\nRequestId:1\nTime:2").as_bytes(),
        )
        .to_string();
        assert_eq!(said, "the store answered 409 BlobAlreadyExists: It is there.");
    }

    #[test]
    fn clocks_that_differ_and_keys_that_are_gone_are_told_in_words() {
        let said = |code: &str| Answer::of(403, xml(code, "m").as_bytes()).to_string();
        assert!(said("RequestTimeTooSkewed").contains("clocks") && said("InvalidAccessKeyId").contains("Secret"));
        assert_eq!(said("AccessDenied"), "the store answered 403 AccessDenied: m");
        let denied = |message: &str| Answer::of(403, xml("AccessDenied", message).as_bytes()).needing("s3:PutObject");
        assert!(
            denied("m")
                .to_string()
                .contains("needs s3:PutObject on the bucket's objects")
        );
        assert!(!denied("Request has expired").to_string().contains("s3:"));
    }
}
