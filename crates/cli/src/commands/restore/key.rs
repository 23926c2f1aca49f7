//! The key that opens the backup, seen from another namespace: known to be there before anything is created, where it may be looked at.
use api::run::DecryptionKey;
use api::{BackupRun, labels};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};

use crate::read::connect::Session;
use crate::read::fault::Fault;

/// The key, and what could not be looked at.
#[derive(Debug, Default, PartialEq)]
pub struct Reachable {
    /// As the run there is to name it; None where the backup is not encrypted.
    pub key: Option<DecryptionKey>,
    /// For people.
    pub notes: Vec<String>,
}

/// What is known of a Secret.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// It is not there.
    Missing,
    /// It may not be looked at.
    Unseen,
    /// It is there: its keys, and the namespaces that it allows.
    Is { keys: Vec<String>, allowed: Vec<String> },
}

/// The key of the source's backup for a run in `namespace`.
///
/// # Errors
/// It is seen that there is none that such a run may use.
pub async fn reachable(
    session: &Session,
    source: &BackupRun,
    namespace: &str,
    doing: &str,
) -> Result<Reachable, Fault> {
    let Some(encryption) = &source.spec.encryption else {
        return Ok(Reachable::default());
    };
    let own = source.namespace().unwrap_or_default();
    let Some(key) = &encryption.decryption_key else {
        let next = format!("kubectl edit backuprun {} -n {own}", source.name_any());
        let why = "the backup is encrypted, and spec.encryption.decryptionKey of the run does not say where the key is; it may be added";
        return Err(Fault::new(doing, why, next));
    };
    let there = known(session, namespace, &key.name).await?;
    let home = key.namespace.clone().unwrap_or(own);
    let at_home = if home == namespace {
        Known::Missing
    } else {
        known(session, &home, &key.name).await?
    };
    choose(key, namespace, &home, &there, &at_home).map_err(|(why, next)| Fault::new(doing, why, next))
}

async fn known(session: &Session, namespace: &str, name: &str) -> Result<Known, Fault> {
    let api: Api<Secret> = Api::namespaced(session.client.clone(), namespace);
    let doing = format!("look for Secret {namespace}/{name}");
    session
        .ask(&doing, async {
            match api.get_opt(name).await {
                Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => Ok(Known::Unseen),
                Ok(None) => Ok(Known::Missing),
                Ok(Some(secret)) => Ok(Known::Is {
                    allowed: allowed(&secret),
                    keys: secret.data.unwrap_or_default().into_keys().collect(),
                }),
                Err(error) => Err(error),
            }
        })
        .await
}

fn allowed(secret: &Secret) -> Vec<String> {
    let list = secret.annotations().get(labels::ALLOWED_NAMESPACES);
    let names = list.map(|list| list.split(',').map(|n| n.trim().to_string()));
    names.into_iter().flatten().filter(|n| !n.is_empty()).collect()
}

/// A Secret of the namespace itself is taken before that of the source's.
fn choose(
    key: &DecryptionKey,
    namespace: &str,
    home: &str,
    there: &Known,
    at_home: &Known,
) -> Result<Reachable, (String, String)> {
    let with = |place: Option<&str>, notes: Vec<String>| Reachable {
        key: Some(DecryptionKey {
            namespace: place.map(Into::into),
            ..key.clone()
        }),
        notes,
    };
    let DecryptionKey { name, key: entry, .. } = key;
    let allow = format!(
        "kubectl annotate secret {name} -n {home} {}={namespace}",
        labels::ALLOWED_NAMESPACES
    );
    if let Known::Is { keys, .. } = there
        && keys.contains(entry)
    {
        return Ok(with(None, vec![]));
    }
    match at_home {
        Known::Is { keys, allowed } if keys.contains(entry) => {
            if allowed.iter().any(|a| a == "*" || a == namespace) {
                return Ok(with(Some(home), vec![]));
            }
            let mut all = allowed.clone();
            all.push(namespace.into());
            let why = format!(
                "the backup is encrypted: there is no key {entry} in a Secret {name} of namespace {namespace}, and Secret {home}/{name} does not allow that namespace (annotation {})",
                labels::ALLOWED_NAMESPACES
            );
            let allow = format!(
                "kubectl annotate --overwrite secret {name} -n {home} {}={}",
                labels::ALLOWED_NAMESPACES,
                all.join(",")
            );
            Err((
                why,
                format!("{allow}, or create Secret {name} with key {entry} in namespace {namespace}"),
            ))
        }
        Known::Unseen => {
            let note = format!(
                "Secret {home}/{name} may not be looked at: whether it allows namespace {namespace} (annotation {}) is seen when the restore begins",
                labels::ALLOWED_NAMESPACES
            );
            Ok(with(Some(home), vec![note]))
        }
        _ if *there == Known::Unseen => {
            let note = format!(
                "Secret {namespace}/{name} may not be looked at: whether key {entry} is in it is seen when the restore begins"
            );
            Ok(with(None, vec![note]))
        }
        _ => {
            let why = format!(
                "the backup is encrypted, and there is no Secret {name} with key {entry} in namespace {namespace} or {home}"
            );
            let next = if home == namespace {
                format!("kubectl get secret {name} -n {namespace}")
            } else {
                allow
            };
            Err((why, next))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_namespaces_own_or_one_that_allows_it() {
        let key = DecryptionKey {
            name: "keys".into(),
            namespace: None,
            key: "age".into(),
            key_type: None,
        };
        let is = |entry: &str, allowed: &[&str]| Known::Is {
            keys: vec![entry.into()],
            allowed: allowed.iter().map(ToString::to_string).collect(),
        };
        for (there, home, wanted) in [
            (is("age", &[]), is("age", &["staging"]), Ok((None, 0))),
            (Known::Missing, is("age", &["staging"]), Ok((Some("shop"), 0))),
            (Known::Missing, is("age", &["*"]), Ok((Some("shop"), 0))),
            (is("other", &[]), is("age", &["*"]), Ok((Some("shop"), 0))),
            (
                Known::Missing,
                is("age", &["dev"]),
                Err("allowed-namespaces=dev,staging"),
            ),
            (Known::Missing, is("other", &["*"]), Err("annotate secret keys")),
            (Known::Missing, Known::Missing, Err("annotate secret keys")),
            (Known::Missing, Known::Unseen, Ok((Some("shop"), 1))),
            (Known::Unseen, Known::Missing, Ok((None, 1))),
        ] {
            let found = choose(&key, "staging", "shop", &there, &home);
            match (&found, wanted) {
                (Ok(found), Ok((namespace, notes))) => {
                    let key = found.key.as_ref().unwrap();
                    assert_eq!(
                        (key.namespace.as_deref(), found.notes.len()),
                        (namespace, notes),
                        "{there:?} {home:?}"
                    );
                }
                (Err((_, next)), Err(words)) => assert!(next.contains(words), "{next}"),
                (found, wanted) => panic!("{there:?} {home:?}: {found:?}, and not {wanted:?}"),
            }
        }
    }
}
