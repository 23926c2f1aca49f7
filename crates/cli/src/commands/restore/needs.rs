//! Secrets and ConfigMaps that the Pod takes values or files from: where one is not in the namespace, its container never starts.
use std::collections::{BTreeMap, BTreeSet};

use api::BackupRun;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use serde_json::Value;

use crate::read::connect::Session;
use crate::read::fault::Fault;

/// What has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Secret,
    ConfigMap,
}

/// By kind and name: the entries that are asked for.
type Needs = BTreeMap<(Of, String), BTreeSet<String>>;

/// What is known of one.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// It is not there.
    Missing,
    /// It may not be looked at.
    Unseen,
    /// It is there, and these are its entries.
    Has(Vec<String>),
}

/// What could not be looked at, for people.
///
/// # Errors
/// It is seen that something is not there.
pub async fn check(session: &Session, run: &BackupRun, namespace: &str, doing: &str) -> Result<Vec<String>, Fault> {
    let spec = serde_json::to_value(&run.spec.template.spec).unwrap_or_default();
    let mut needs = Needs::new();
    gather(&spec, &mut needs);
    let (mut lacks, mut next, mut unseen) = (Vec::new(), Vec::new(), Vec::new());
    for ((of, name), entries) in &needs {
        match lack(*of, name, entries, &known(session, *of, namespace, name).await?) {
            Ok(None) => {}
            Ok(Some(words)) => {
                lacks.push(words);
                next.push(create(*of, name, entries, namespace));
            }
            Err(words) => unseen.push(words),
        }
    }
    if !lacks.is_empty() {
        let why = format!(
            "namespace {namespace} lacks what the Pod takes values from, and it would not start: {}",
            lacks.join("; ")
        );
        next.push("the same command with --set-env NAME=VALUE or --template FILE in their place".into());
        return Err(Fault::new(doing, why, next.join(", or ")));
    }
    Ok(match unseen.as_slice() {
        [] => vec![],
        all => vec![format!(
            "{} of namespace {namespace} may not be looked at: whether all is there that the Pod takes from there is seen when it starts",
            all.join(", ")
        )],
    })
}

async fn known(session: &Session, of: Of, namespace: &str, name: &str) -> Result<Known, Fault> {
    let doing = format!("look for {of:?} {namespace}/{name}");
    session
        .ask(&doing, async {
            let entries = match of {
                Of::Secret => Api::<Secret>::namespaced(session.client.clone(), namespace)
                    .get_opt(name)
                    .await
                    .map(|found| found.map(|s| s.data.unwrap_or_default().into_keys().collect())),
                Of::ConfigMap => Api::<ConfigMap>::namespaced(session.client.clone(), namespace)
                    .get_opt(name)
                    .await
                    .map(|found| {
                        found.map(|map| {
                            let binary = map.binary_data.unwrap_or_default().into_keys();
                            map.data.unwrap_or_default().into_keys().chain(binary).collect()
                        })
                    }),
            };
            match entries {
                Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => Ok(Known::Unseen),
                Err(error) => Err(error),
                Ok(None) => Ok(Known::Missing),
                Ok(Some(entries)) => Ok(Known::Has(entries)),
            }
        })
        .await
}

/// All references below a Pod's spec that are not optional, wherever a container or a volume has them.
fn gather(value: &Value, needs: &mut Needs) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| gather(one, needs)),
        Value::Object(fields) => fields.iter().for_each(|(field, one)| {
            let of = match field.as_str() {
                "secretKeyRef" | "secretRef" | "nodePublishSecretRef" | "secret" => Some(Of::Secret),
                "configMapKeyRef" | "configMapRef" | "configMap" => Some(Of::ConfigMap),
                _ => None,
            };
            let text = |field: &str| one.get(field).and_then(Value::as_str).filter(|t| !t.is_empty());
            match (of, text("secretName").or(text("name"))) {
                (Some(of), Some(name)) => {
                    if one.get("optional").and_then(Value::as_bool) != Some(true) {
                        let items = one.get("items").and_then(Value::as_array).into_iter().flatten();
                        let entries = items.filter_map(|item| item.get("key")?.as_str()).chain(text("key"));
                        needs
                            .entry((of, name.into()))
                            .or_default()
                            .extend(entries.map(String::from));
                    }
                }
                _ => gather(one, needs),
            }
        }),
        _ => {}
    }
}

/// What is not there, in words; as an error, what may not be looked at.
fn lack(of: Of, name: &str, entries: &BTreeSet<String>, known: &Known) -> Result<Option<String>, String> {
    match known {
        Known::Unseen => Err(format!("{of:?} {name}")),
        Known::Missing => Ok(Some(format!("there is no {of:?} {name}"))),
        Known::Has(has) => {
            let none: Vec<_> = entries
                .iter()
                .filter(|e| !has.contains(e))
                .map(String::as_str)
                .collect();
            Ok((!none.is_empty()).then(|| format!("{of:?} {name} has no key {}", none.join(", "))))
        }
    }
}

fn create(of: Of, name: &str, entries: &BTreeSet<String>, namespace: &str) -> String {
    let kind = match of {
        Of::Secret => "secret generic",
        Of::ConfigMap => "configmap",
    };
    let values: String = entries.iter().map(|e| format!(" --from-literal={e}=VALUE")).collect();
    format!("kubectl create {kind} {name} -n {namespace}{values}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_secret_and_config_map_that_a_pod_cannot_start_without_is_found() {
        let spec = json!({
            "nodeSelector": {"secret": "x"},
            "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "init"}}, {"configMapRef": {"name": "settings"}}]}],
            "containers": [{"name": "c", "env": [
                {"name": "A", "value": "secret"},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
                {"name": "C", "valueFrom": {"secretKeyRef": {"name": "db", "key": "user"}}},
                {"name": "D", "valueFrom": {"secretKeyRef": {"name": "maybe", "key": "user", "optional": true}}},
                {"name": "E", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "host"}}},
            ]}],
            "volumes": [
                {"name": "v", "secret": {"secretName": "tls", "items": [{"key": "ca.crt", "path": "ca"}]}},
                {"name": "w", "projected": {"sources": [{"secret": {"name": "parts"}}, {"configMap": {"name": "more", "optional": true}}]}},
                {"name": "x", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "csi"}}},
                {"name": "y", "emptyDir": {}},
            ],
        });
        let mut needs = Needs::new();
        gather(&spec, &mut needs);
        let found: Vec<_> = needs
            .iter()
            .map(|((of, name), entries)| {
                let entries: Vec<_> = entries.iter().map(String::as_str).collect();
                format!("{of:?} {name} {}", entries.join(","))
            })
            .collect();
        let wanted = [
            "Secret csi ",
            "Secret db password,user",
            "Secret init ",
            "Secret parts ",
            "Secret tls ca.crt",
            "ConfigMap settings host",
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_may_not_be_looked_at_is_no_fault_and_what_is_missing_is_one() {
        let entries = BTreeSet::from(["password".to_string()]);
        for (known, wanted) in [
            (Known::Has(vec!["password".into(), "x".into()]), Ok(None)),
            (Known::Has(vec!["x".into()]), Ok(Some("Secret db has no key password"))),
            (Known::Missing, Ok(Some("there is no Secret db"))),
            (Known::Unseen, Err("Secret db")),
        ] {
            let found = lack(Of::Secret, "db", &entries, &known);
            assert_eq!(
                found,
                wanted.map(|words| words.map(String::from)).map_err(String::from),
                "{known:?}"
            );
        }
        assert_eq!(
            create(Of::Secret, "db", &entries, "staging"),
            "kubectl create secret generic db -n staging --from-literal=password=VALUE"
        );
    }
}
