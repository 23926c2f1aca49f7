//! A bucket as a manifest describes it: a BackupStorage, and the Secret that it names or the environment's keys.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::BackupStorage;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use store::{Credentials, CredentialsError, Kind, Parameters, Proxies, Store};
use zeroize::Zeroize;

use crate::manifest;
use crate::stored::identity;

/// An open bucket.
#[derive(Clone)]
pub struct Bucket {
    /// Its client.
    pub store: Store,
    /// What the storage says.
    pub parameters: Arc<Parameters>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The file.
    #[error("{0}")]
    File(String),
    /// No storage in it.
    #[error("{} has no BackupStorage: add its document (kubectl get backupstorage NAME -o yaml)", .0.display())]
    NoStorage(PathBuf),
    /// Not one that is understood.
    #[error("{}: BackupStorage/{name}: {why}", .file.display())]
    Storage {
        /// Where it stands.
        file: PathBuf,
        /// The storage.
        name: String,
        /// Each fault, with its field.
        why: String,
    },
    /// A variable that names no proxy.
    #[error(transparent)]
    Proxy(#[from] store::ProxyFault),
    /// No usable keys.
    #[error("{}: {why}", .file.display())]
    Keys {
        /// Where they were looked for.
        file: PathBuf,
        /// What is missing, and the cure.
        why: String,
    },
}

impl Bucket {
    /// Reads a manifest: its last BackupStorage, and the Secret that this names; where the file has no such Secret, the keys are those of the
    /// environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`). A proxy is that of its parameters, else of the environment
    /// (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`). `-` is standard input. Nothing is sent but what a role is asked for by.
    ///
    /// # Errors
    /// What is missing or wrong, by its field.
    pub fn of_file(file: &Path, variable: impl Fn(&str) -> Option<String> + Send) -> Result<Self, BucketError> {
        let text = manifest::read(file).map_err(BucketError::File)?;
        Self::of_manifest(file, &text, variable)
    }

    /// Waits for an answer of the store, whose requests have their own deadlines.
    ///
    /// # Errors
    /// There is nothing to wait with.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> std::io::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(work))
    }

    fn of_manifest(
        file: &Path,
        text: &str,
        variable: impl Fn(&str) -> Option<String> + Send,
    ) -> Result<Self, BucketError> {
        let mut objects = Vec::new();
        for document in manifest::documents(text) {
            match document.value {
                Ok(value) => objects.extend(items(value)),
                Err(why) => {
                    let (line, why) = (why.line, why.why);
                    return Err(BucketError::File(format!("{}:{line}: {why}", file.display())));
                }
            }
        }
        let storage = objects.iter().rfind(|o| is(o, "backup-operator.io/", "BackupStorage"));
        let storage = storage.ok_or_else(|| BucketError::NoStorage(file.to_owned()))?;
        let name = word(storage, "/metadata/name").to_owned();
        let bad = |why: String| BucketError::Storage {
            file: file.to_owned(),
            name: name.clone(),
            why,
        };
        let storage: BackupStorage = serde_json::from_value(storage.clone()).map_err(|e| bad(e.to_string()))?;
        let parameters = Parameters::parse(kind(&storage), &storage.spec.parameters.clone().unwrap_or_default())
            .map_err(|faults| bad(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
        let proxies = Proxies::from_environment(&variable, "")?.of_environment("this machine's");
        let credentials = credentials(file, &storage, &parameters, &objects, &proxies, variable)?;
        let store = Store::open(&parameters, credentials, &proxies).map_err(|e| bad(e.to_string()))?;
        Ok(Self {
            store,
            parameters: Arc::new(parameters),
        })
    }
}

/// Which kind of store a storage names.
pub fn kind(storage: &BackupStorage) -> Kind {
    Kind::from_name(storage.spec.type_.name()).unwrap_or_default()
}

fn credentials(
    file: &Path,
    storage: &BackupStorage,
    parameters: &Parameters,
    objects: &[Value],
    proxies: &Proxies,
    variable: impl Fn(&str) -> Option<String> + Send,
) -> Result<Credentials, BucketError> {
    let keys = |why: String| BucketError::Keys {
        file: file.to_owned(),
        why,
    };
    let named = storage.spec.credentials.as_ref();
    let secret = named.and_then(|named| {
        objects.iter().rfind(|o| {
            let namespace = word(o, "/metadata/namespace");
            is(o, "v1", "Secret")
                && word(o, "/metadata/name") == named.name
                // A manifest that is applied with -n has none.
                && (namespace.is_empty() || namespace == named.namespace)
        })
    });
    let own = match (secret, named) {
        (Some(secret), Some(named)) => {
            let place = format!("Secret {}/{}", named.namespace, named.name);
            let mut data = data(secret).map_err(|why| keys(format!("{place}: {why}")))?;
            let found = Credentials::from_secret(parameters, &data);
            data.values_mut().for_each(Zeroize::zeroize);
            Some(found.map_err(|e| keys(format!("{place}: {e}")))?)
        }
        _ => None,
    };
    identity::waited_for(parameters, own, proxies, variable).map_err(|error| match error {
        CredentialsError::Nowhere { .. } | CredentialsError::None { .. } => {
            let (add, lacks) = match named {
                Some(named) => (
                    format!(
                        "add it to the file (kubectl -n {} get secret {} -o yaml)",
                        named.namespace, named.name
                    ),
                    format!(
                        "it has no Secret {}/{}, which the storage names",
                        named.namespace, named.name
                    ),
                ),
                None => (
                    "name a Secret in spec.credentials and add it to the file".to_owned(),
                    "its storage names no Secret".to_owned(),
                ),
            };
            keys(format!(
                "there are no access keys: {lacks}, and the environment has no {}; {add}, or set {}",
                parameters.kind().variables(),
                if parameters.kind() == Kind::S3 { "both" } else { "it" }
            ))
        }
        other => keys(other.to_string()),
    })
}

/// Lists as kubectl writes them are looked into.
fn items(value: Value) -> Vec<Value> {
    match value {
        Value::Object(mut list) if list.get("items").is_some_and(Value::is_array) => match list.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        other => vec![other],
    }
}

fn is(object: &Value, version: &str, kind: &str) -> bool {
    word(object, "/apiVersion").starts_with(version) && word(object, "/kind") == kind
}

fn word<'v>(object: &'v Value, at: &str) -> &'v str {
    object.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

/// As the API server joins them: `stringData` comes over `data`. No value is repeated.
fn data(secret: &Value) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let fields = |name: &str| secret.get(name).and_then(Value::as_object).into_iter().flatten();
    let mut all = BTreeMap::new();
    for (key, value) in fields("data") {
        let text = value.as_str().unwrap_or_default();
        let bytes = BASE64_STANDARD
            .decode(text.trim())
            .map_err(|_| format!("data.{key}: is not base64; write it as it is in stringData.{key}"))?;
        all.insert(key.clone(), bytes);
    }
    for (key, value) in fields("stringData") {
        let text = value
            .as_str()
            .ok_or_else(|| format!("stringData.{key}: is no text; put it in quotes"))?;
        all.insert(key.clone(), text.as_bytes().to_vec());
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORAGE: &str = "apiVersion: backup-operator.io/v1\nkind: BackupStorage\nmetadata: {name: minio}\nspec:\n  type: s3\n  parameters: {bucket: backups, endpoint: 'http://127.0.0.1:9', prefix: daily}\n  credentials: {name: keys, namespace: minio}\n";
    const OTHER: &str = "apiVersion: backup-operator.io/v1\nkind: BackupStorage\nmetadata: {name: other}\nspec: {parameters: {bucket: other}}\n";

    fn secret(rest: &str) -> String {
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: keys, namespace: minio}}\n{rest}\n")
    }

    fn open(documents: &[&str], environment: bool) -> Result<Bucket, String> {
        let variable = |name: &str| {
            (environment && name.starts_with("AWS_") && name != "AWS_SESSION_TOKEN").then(|| "x".to_owned())
        };
        Bucket::of_manifest(Path::new("s.yaml"), &documents.join("---\n"), variable).map_err(|e| e.to_string())
    }

    #[test]
    fn the_last_storage_of_a_file_counts_and_the_secret_may_stand_anywhere_in_it() {
        let plain = secret("stringData: {AWS_ACCESS_KEY_ID: a, AWS_SECRET_ACCESS_KEY: b}");
        let encoded = secret("data: {AWS_ACCESS_KEY_ID: YQ==, AWS_SECRET_ACCESS_KEY: Yg==}");
        let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: keys, namespace: minio}, stringData: {AWS_ACCESS_KEY_ID: a, AWS_SECRET_ACCESS_KEY: b}}\n";
        for documents in [
            vec![plain.as_str(), OTHER, STORAGE],
            vec![OTHER, STORAGE, encoded.as_str()],
            vec![STORAGE, list],
        ] {
            let bucket = open(&documents, false).unwrap();
            assert_eq!(bucket.parameters.bucket(), "backups");
            assert_eq!(bucket.parameters.key("/a.sql"), "daily/a.sql");
        }
        let of_environment = open(&[STORAGE], true).unwrap();
        assert_eq!(of_environment.parameters.bucket(), "backups");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_with_its_cure_and_no_key_is_shown() {
        let half = secret("stringData: {AWS_ACCESS_KEY_ID: hunter2}");
        let number = secret("stringData: {AWS_ACCESS_KEY_ID: 12}");
        let bad = secret("data: {AWS_ACCESS_KEY_ID: hunter2!}");
        let elsewhere = half.replace("namespace: minio", "namespace: shop");
        let unknown = STORAGE.replace("bucket:", "buket:");
        for (documents, words) in [
            (vec!["a: 1\n"], "s.yaml has no BackupStorage: add its document"),
            (
                vec![STORAGE],
                "it has no Secret minio/keys, which the storage names, and the environment has no AWS_ACCESS_KEY_ID",
            ),
            (vec![OTHER], "its storage names no Secret"),
            (
                vec![STORAGE, &half],
                "Secret minio/keys: the Secret has no key AWS_SECRET_ACCESS_KEY",
            ),
            (
                vec![STORAGE, &number],
                "stringData.AWS_ACCESS_KEY_ID: is no text; put it in quotes",
            ),
            (vec![STORAGE, &bad], "data.AWS_ACCESS_KEY_ID: is not base64"),
            (vec![STORAGE, &elsewhere], "kubectl -n minio get secret keys -o yaml"),
            (vec![&unknown], "BackupStorage/minio: spec.parameters."),
            (vec!["a: [\n"], "s.yaml:"),
        ] {
            let said = open(&documents, false).err().unwrap();
            assert!(said.contains(words), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
