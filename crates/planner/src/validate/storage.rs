//! The rules of a `BackupStorage`'s spec that need no store: the parameters are the store's to check.
use api::BackupStorageSpec;

use super::{Fault, Faults};

/// Checks a spec.
///
/// # Errors
/// All faults, in the order of the fields.
pub fn validate(spec: &BackupStorageSpec) -> Result<(), Vec<Fault>> {
    let mut faults = Faults::below("spec");
    if let Some(credentials) = &spec.credentials {
        for (field, value, dots) in [
            ("name", &credentials.name, true),
            ("namespace", &credentials.namespace, false),
        ] {
            if value.is_empty() {
                faults.add(
                    &format!("credentials.{field}"),
                    "must not be empty: the name and the namespace of a Secret are needed, or no credentials",
                );
            } else if !is_object_name(value, dots) {
                faults.add(
                    &format!("credentials.{field}"),
                    format!(
                        "{value:?} cannot be the {field} of a Secret: lower case letters, digits and - are possible"
                    ),
                );
            }
        }
    }
    if faults.all.is_empty() { Ok(()) } else { Err(faults.all) }
}

/// RFC 1123: a subdomain (with dots, 253 bytes) or a label (63).
fn is_object_name(text: &str, dots: bool) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |l: &str| l.starts_with(plain) && l.ends_with(plain) && l.chars().all(|c| plain(c) || c == '-');
    let most = if dots { 253 } else { 63 };
    text.len() <= most && if dots { text.split('.').all(label) } else { label(text) }
}

#[cfg(test)]
mod tests {
    use api::storage::{SecretReference, StorageType};

    use super::*;

    #[test]
    fn a_secret_is_named_as_secrets_are() {
        let cases = [
            ("minio-credentials", "minio", vec![]),
            ("a.b", "minio", vec![]),
            ("", "", vec!["spec.credentials.name", "spec.credentials.namespace"]),
            ("Minio", "minio", vec!["spec.credentials.name"]),
            ("minio", "a.b", vec!["spec.credentials.namespace"]),
            ("-a", "a/b", vec!["spec.credentials.name", "spec.credentials.namespace"]),
        ];
        for (name, namespace, wanted) in cases {
            let credentials = Some(SecretReference {
                name: name.into(),
                namespace: namespace.into(),
            });
            let spec = BackupStorageSpec {
                type_: StorageType::S3,
                parameters: None,
                credentials,
                data_path: None,
                allowed_namespaces: None,
                namespace_isolation: None,
            };
            let faults = validate(&spec).err().unwrap_or_default();
            assert_eq!(
                faults.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(),
                wanted,
                "{name:?} {namespace:?}"
            );
        }
    }
}
