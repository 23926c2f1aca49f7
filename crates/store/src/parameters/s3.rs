//! Parameters of `type: s3`.
use url::Url;

use super::{Common, Given, ParameterFault, Place, value};
use crate::wanted::Thaw;

/// Every parameter that is understood, in the order in which it is documented.
pub(crate) const KNOWN: [&str; 27] = [
    "bucket",
    "endpoint",
    "region",
    "insecure",
    "s3ForcePathStyle",
    "accessKey",
    "secretKey",
    "sessionToken",
    "prefix",
    "partSize",
    "retrySeconds",
    "caBundle",
    "proxy",
    "storageClass",
    "serverSideEncryption",
    "kmsKeyId",
    "checksum",
    "lockMode",
    "lockDays",
    "complianceAcknowledged",
    "legalHold",
    "thawDays",
    "thawTier",
    "bandwidth",
    "roleARN",
    "externalID",
    "stsEndpoint",
];

/// Where the keys are inside the Secret that `spec.credentials` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialKeys {
    /// Key of the access key id. Default `AWS_ACCESS_KEY_ID`.
    pub access_key: String,
    /// Key of the secret access key. Default `AWS_SECRET_ACCESS_KEY`.
    pub secret_key: String,
    /// Key of the session token, which need not be there. Default `AWS_SESSION_TOKEN`.
    pub session_token: String,
}

/// How new objects are locked (S3 Object Lock).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// GOVERNANCE or COMPLIANCE.
    pub(crate) mode: &'static str,
    /// How long, from the moment at which a backup begins to be stored.
    pub(crate) days: u32,
}

/// Classes whose objects cannot be read before they are brought back.
const ARCHIVES: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];
/// How long an object that was brought back stays, where nothing is said.
const THAW_DAYS: u32 = 3;

fn lock(given: &mut Given<'_>) -> Option<Lock> {
    let mode = given.optional("lockMode", value::lock_mode);
    let days = given.optional("lockDays", |text| value::days(text, 36_500));
    let acknowledged = given
        .optional("complianceAcknowledged", value::boolean)
        .unwrap_or(false);
    match (mode, days) {
        (Some(_), None) if !given.has("lockDays") => {
            given.fault(
                "lockDays",
                "needed with lockMode: for how many days an object is locked",
            );
        }
        (None, Some(_)) if !given.has("lockMode") => {
            given.fault("lockMode", "needed with lockDays: GOVERNANCE or COMPLIANCE");
        }
        _ => {}
    }
    if mode == Some("COMPLIANCE") && !acknowledged {
        given.fault(
            "complianceAcknowledged",
            "must be \"true\" with lockMode: COMPLIANCE: until its date nobody can remove such an object or shorten the time, not the owner of the account either; with a wrong lockDays the bytes are paid for until then",
        );
    }
    Some(Lock {
        mode: mode?,
        days: days?,
    })
}

fn thaw(given: &mut Given<'_>, class: Option<&str>) -> Option<Thaw> {
    let days = given.optional("thawDays", |text| value::days(text, 365));
    let tier = given.optional("thawTier", value::thaw_tier);
    let archives = class.is_some_and(|class| ARCHIVES.contains(&class));
    (archives || days.is_some() || tier.is_some()).then(|| Thaw {
        days: days.unwrap_or(THAW_DAYS),
        tier: tier.unwrap_or("Standard"),
    })
}

/// A bucket, as its parameters describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Parameters {
    pub(crate) place: Place,
    pub(crate) region: String,
    pub(crate) path_style: bool,
    pub(crate) storage_class: Option<String>,
    pub(crate) server_side_encryption: Option<String>,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) lock: Option<Lock>,
    /// New objects get a legal hold.
    pub(crate) legal_hold: bool,
    pub(crate) thaw: Option<Thaw>,
    pub(crate) role_arn: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) sts_endpoint: Option<Url>,
    pub(crate) keys: CredentialKeys,
}

impl S3Parameters {
    /// A bucket in the path of its requests, of a store that has the shape of S3 and keys of its own.
    pub(super) fn in_path(place: Place, region: &str, storage_class: Option<String>) -> Self {
        Self {
            place,
            region: region.to_owned(),
            path_style: true,
            storage_class,
            server_side_encryption: None,
            kms_key_id: None,
            lock: None,
            legal_hold: false,
            thaw: None,
            role_arn: None,
            external_id: None,
            sts_endpoint: None,
            keys: CredentialKeys {
                access_key: String::new(),
                secret_key: String::new(),
                session_token: String::new(),
            },
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(parameters: &std::collections::BTreeMap<String, String>) -> Result<Self, Vec<ParameterFault>> {
        Self::read(Given::new(crate::kind::Kind::S3, parameters))
    }

    pub(super) fn read(mut given: Given<'_>) -> Result<Self, Vec<ParameterFault>> {
        let bucket = given.required("bucket", "name the bucket that backups are stored in", value::bucket);
        let insecure = given.optional("insecure", value::boolean).unwrap_or(false);
        let region = given
            .optional("region", value::region)
            .unwrap_or_else(|| "us-east-1".to_owned());
        let endpoint = given.optional("endpoint", |text| value::endpoint(text, insecure));
        let path_style = given.optional("s3ForcePathStyle", value::boolean).unwrap_or(false);
        let keys = CredentialKeys {
            access_key: given.key_name("accessKey", "AWS_ACCESS_KEY_ID"),
            secret_key: given.key_name("secretKey", "AWS_SECRET_ACCESS_KEY"),
            session_token: given.key_name("sessionToken", "AWS_SESSION_TOKEN"),
        };
        let storage_class = given.optional("storageClass", value::storage_class);
        let server_side_encryption = given.optional("serverSideEncryption", value::server_side_encryption);
        let kms_key_id = given.optional("kmsKeyId", value::kms_key_id);
        if kms_key_id.is_some() && server_side_encryption.as_deref() != Some("aws:kms") {
            given.fault("kmsKeyId", "only means something with serverSideEncryption: aws:kms");
        }
        let lock = lock(&mut given);
        let legal_hold = given.optional("legalHold", value::boolean).unwrap_or(false);
        let thaw = thaw(&mut given, storage_class.as_deref());
        let role_arn = given.optional("roleARN", value::role_arn);
        let external_id = given.optional("externalID", value::external_id);
        let sts_endpoint = given.optional("stsEndpoint", |text| value::sts_endpoint(text, insecure));
        for (name, given_alone) in [
            ("externalID", external_id.is_some()),
            ("stsEndpoint", sts_endpoint.is_some()),
        ] {
            if given_alone && role_arn.is_none() {
                given.fault(name, "only means something with roleARN");
            }
        }
        let common = Common::read(&mut given);
        if (lock.is_some() || legal_hold) && common.is_unbound() {
            given.fault(
                "checksum",
                "cannot be none where objects are locked: the store takes no part without a checksum then",
            );
        }
        let endpoint = endpoint.or_else(|| value::aws_endpoint(&region, insecure));
        match (bucket, endpoint) {
            (Some(bucket), Some(endpoint)) if given.faults.is_empty() => Ok(Self {
                path_style: path_style || value::needs_path_style(&bucket, &endpoint),
                place: common.at(bucket, endpoint),
                region,
                storage_class,
                server_side_encryption,
                kms_key_id,
                lock,
                legal_hold,
                thaw,
                role_arn,
                external_id,
                sts_endpoint,
                keys,
            }),
            _ => Err(given.faults),
        }
    }
}
