//! Parameters of `type: s3`.
use url::Url;

use super::{Common, Given, ParameterFault, Place, value};

/// Every parameter that is understood, in the order in which it is documented.
pub(crate) const KNOWN: [&str; 20] = [
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

/// A bucket, as its parameters describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Parameters {
    pub(crate) place: Place,
    pub(crate) region: String,
    pub(crate) path_style: bool,
    pub(crate) storage_class: Option<String>,
    pub(crate) server_side_encryption: Option<String>,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) role_arn: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) sts_endpoint: Option<Url>,
    pub(crate) keys: CredentialKeys,
}

impl S3Parameters {
    #[cfg(test)]
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
        let endpoint = endpoint.or_else(|| value::aws_endpoint(&region, insecure));
        match (bucket, endpoint) {
            (Some(bucket), Some(endpoint)) if given.faults.is_empty() => Ok(Self {
                path_style: path_style || value::needs_path_style(&bucket, &endpoint),
                place: common.at(bucket, endpoint),
                region,
                storage_class,
                server_side_encryption,
                kms_key_id,
                role_arn,
                external_id,
                sts_endpoint,
                keys,
            }),
            _ => Err(given.faults),
        }
    }
}
