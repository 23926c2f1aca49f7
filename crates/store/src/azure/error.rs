//! What Azure's error codes mean, and what cures them in Azure's words.
use jiff::Timestamp;

use crate::error::{ABORT, StoreError, StoreErrorKind};
use StoreErrorKind as K;

/// Characters of a code or a message that are taken over.
const WORDS: usize = 300;

/// An answer that is a refusal. `theirs` is the store's clock.
pub(super) fn of_answer(
    step: &'static str,
    status: u16,
    code: &str,
    message: &str,
    theirs: Option<Timestamp>,
    ours: Timestamp,
) -> StoreError {
    let kind = kind(step, status, code, message);
    let mut text = format!("the store answered {status}");
    // The message goes on for lines: its id, its time, the string that it has signed.
    let message = message.lines().next().unwrap_or_default();
    for part in [code, message] {
        let words: String = part.chars().filter(|c| !c.is_control()).take(WORDS).collect();
        if !words.is_empty() {
            text.push_str(&format!(" {words}"));
        }
    }
    if kind == K::ClockSkew {
        let theirs = theirs.map_or_else(|| "not told".to_string(), |t| t.to_string());
        text.push_str(&format!(
            " (the clocks differ; the store's: {theirs}, the operator's: {ours})"
        ));
    }
    let cure = cure(kind, step, code);
    if !cure.is_empty() {
        text.truncate(text.trim_end_matches(['.', ' ']).len());
        text.push_str("; ");
        text.push_str(&cure);
    }
    StoreError::new(step, kind, text).with_its_cure()
}

fn kind(step: &str, status: u16, code: &str, message: &str) -> K {
    match (code, status) {
        ("BlobNotFound", _) => K::NotFound,
        ("ContainerNotFound" | "ContainerBeingDeleted" | "ContainerDisabled", _) => K::NoSuchBucket,
        ("InvalidBlockList", _) => K::InvalidPart,
        // A lease, a soft delete, a snapshot: 409 and 412 as well, and nothing that "exists".
        ("BlobAlreadyExists" | "ConditionNotMet" | "TargetConditionNotMet" | "UnauthorizedBlobOverwrite", _) => {
            K::Exists
        }
        ("AuthenticationFailed" | "InvalidAuthenticationInfo", _) if is_about_time(message) => K::ClockSkew,
        // Azurite of a wrong signature, for which Azure has a code of its own.
        ("AuthorizationFailure", _) if message.contains("failed to authenticate") => K::BadCredentials,
        // Azurite of an account that it does not have, whose real one has no name.
        (
            "AuthenticationFailed" | "InvalidAuthenticationInfo" | "NoAuthenticationInformation" | "ResourceNotFound",
            _,
        )
        | (_, 401) => K::BadCredentials,
        (
            "ServerBusy"
            | "OperationTimedOut"
            | "InternalError"
            | "EgressIsOverAccountLimit"
            | "IngressIsOverAccountLimit",
            _,
        ) => K::Busy,
        ("BlobBeingRehydrated", _) if step == "bring back" => K::UnderWay,
        ("FeatureNotSupported" | "UnsupportedHeader" | "UnsupportedQueryParameter", _) | (_, 501 | 505)
            if is_extra(step) =>
        {
            K::Unsupported
        }
        (_, 403) => K::AccessDenied,
        (_, 501 | 505) => K::Refused,
        (_, 429 | 500..) => K::Busy,
        _ => K::Refused,
    }
}

/// What not every account has.
fn is_extra(step: &str) -> bool {
    matches!(step, "hold" | "bring back")
}

/// The Date of the request, or the life of a token, is not of now by the store's clock.
fn is_about_time(message: &str) -> bool {
    ["Request date header too old", "Lifetime validation failed"]
        .iter()
        .any(|words| message.contains(words))
}

fn cure(kind: K, step: &str, code: &str) -> String {
    let words = match (code, kind) {
        (_, K::NoSuchBucket) => "create the container, or correct spec.parameters.container",
        ("ResourceNotFound", _) => "correct spec.parameters.account, and check the Secret that spec.credentials names",
        (_, K::BadCredentials) => {
            "check spec.parameters.account and the account key in the Secret that spec.credentials names"
        }
        (_, K::ClockSkew) => "set the clocks right",
        ("KeyBasedAuthenticationNotPermitted", _) => {
            "the account takes no keys (allowSharedKeyAccess is false): leave out spec.credentials and give the operator a workload identity, or allow keys"
        }
        ("AuthorizationFailure" | "AuthorizationSourceIPMismatch" | "IpAuthorizationFailure", _) => {
            "let the operator and the Pods through in the account's networking (firewall, private endpoint)"
        }
        ("AccountIsDisabled", _) => "the account is disabled: look at its subscription",
        (_, K::AccessDenied) => return format!("the identity needs {} on the container", role(step)),
        ("AccountRequiresHttps", _) => "spec.parameters.endpoint has to begin with https://",
        ("BlobArchived" | "BlobBeingRehydrated", _) => {
            "it lies in the Archive tier: set its tier to Hot or Cool and wait until that is done, which takes up to 15 hours"
        }
        ("BlobImmutableDueToPolicy", _) => "an immutability policy or a legal hold of the container keeps it",
        ("SnapshotsPresent", _) => "it has snapshots, which somebody else has made: remove them first",
        ("LeaseIdMissing" | "LeaseLost", _) => "somebody holds a lease on it: break that first",
        ("InvalidBlobType", _) => "a page or append blob of somebody else is under the key: choose another path",
        ("InvalidBlobOrBlock", _) => {
            "another tool has left blocks under the key, whose names have another length: remove them, or wait until they are a week old"
        }
        ("BlobAccessTierNotSupportedForAccountType" | "AccessTierNotSupportedForBlobType", _) => {
            "the account has no such tier: correct spec.parameters.accessTier"
        }
        _ => "",
    };
    words.to_owned()
}

/// The role that a step needs, as Azure calls it.
fn role(step: &str) -> &'static str {
    match step {
        "read" | "look at the object" | "list" | "list versions" | "list uploads" => {
            "Storage Blob Data Reader (or Storage Blob Data Contributor)"
        }
        "get a delegation key" => "Storage Blob Delegator on the account, and Storage Blob Data Contributor",
        "delete" | ABORT => {
            "Storage Blob Data Contributor (Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete)"
        }
        _ => "Storage Blob Data Contributor",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_told_by_what_it_means_and_names_the_cure_in_azures_words() {
        let cases = [
            (
                404,
                "ContainerNotFound",
                "",
                K::NoSuchBucket,
                "spec.parameters.container",
                false,
            ),
            (404, "BlobNotFound", "", K::NotFound, "", false),
            (404, "", "", K::Refused, "", false),
            (
                404,
                "ResourceNotFound",
                "",
                K::BadCredentials,
                "spec.parameters.account",
                true,
            ),
            (
                403,
                "AuthenticationFailed",
                "The MAC signature",
                K::BadCredentials,
                "account key",
                true,
            ),
            (
                403,
                "AuthenticationFailed",
                "x\nRequest date header too old: 'x'",
                K::ClockSkew,
                "clocks",
                true,
            ),
            (
                401,
                "InvalidAuthenticationInfo",
                "Lifetime validation failed. The token is expired.",
                K::ClockSkew,
                "clocks",
                true,
            ),
            (
                401,
                "NoAuthenticationInformation",
                "",
                K::BadCredentials,
                "spec.credentials",
                true,
            ),
            (
                403,
                "AuthorizationPermissionMismatch",
                "",
                K::AccessDenied,
                "Storage Blob Data Contributor",
                false,
            ),
            (403, "AuthorizationFailure", "", K::AccessDenied, "networking", false),
            (
                403,
                "AuthorizationFailure",
                "Server failed to authenticate the request.",
                K::BadCredentials,
                "account key",
                true,
            ),
            (
                403,
                "KeyBasedAuthenticationNotPermitted",
                "",
                K::AccessDenied,
                "workload identity",
                false,
            ),
            (400, "InvalidBlockList", "", K::InvalidPart, "", false),
            (409, "BlobAlreadyExists", "", K::Exists, "", false),
            (412, "ConditionNotMet", "", K::Exists, "", false),
            (412, "LeaseIdMissing", "", K::Refused, "lease", false),
            (409, "BlobArchived", "", K::Refused, "Archive tier", false),
            (409, "BlobImmutableDueToPolicy", "", K::Refused, "legal hold", false),
            (409, "SnapshotsPresent", "", K::Refused, "snapshots", false),
            (409, "InvalidBlobType", "", K::Refused, "another path", false),
            (400, "InvalidBlobOrBlock", "", K::Refused, "another tool", false),
            (400, "AccountRequiresHttps", "", K::Refused, "https://", false),
            (400, "Md5Mismatch", "", K::Refused, "", false),
            (503, "ServerBusy", "", K::Busy, "", true),
            (500, "OperationTimedOut", "", K::Busy, "", true),
            (500, "", "", K::Busy, "", true),
            (501, "NotImplemented", "", K::Refused, "", false),
        ];
        for (status, code, message, kind, words, may_pass) in cases {
            let error = of_answer("write", status, code, message, None, Timestamp::UNIX_EPOCH);
            assert_eq!((error.kind(), error.may_pass()), (kind, may_pass), "{error}");
            let text = error.to_string();
            assert!(
                text.starts_with("write: the store answered ") && text.contains(words),
                "{text}"
            );
            for s3s in ["s3:", "bucket", "region"] {
                assert!(!text.contains(s3s), "{text}");
            }
        }
    }

    #[test]
    fn what_follows_the_first_line_of_a_message_is_not_told() {
        let message = "Server failed to authenticate the request.\nRequestId:1\nTime:2";
        let error = of_answer(
            "write",
            403,
            "AuthenticationFailed",
            message,
            None,
            Timestamp::UNIX_EPOCH,
        )
        .to_string();
        assert!(
            error.contains("authenticate the request; check spec") && !error.contains("RequestId"),
            "{error}"
        );
    }

    #[test]
    fn what_is_denied_names_the_role_that_the_step_needs() {
        for (step, role) in [
            ("read", "Storage Blob Data Reader"),
            ("complete", "needs Storage Blob Data Contributor on"),
            ("delete", "blobs/delete"),
            ("get a delegation key", "Storage Blob Delegator"),
        ] {
            let error = of_answer(
                step,
                403,
                "AuthorizationPermissionMismatch",
                "",
                None,
                Timestamp::UNIX_EPOCH,
            );
            assert!(error.to_string().contains(role), "{error}");
        }
    }
}
