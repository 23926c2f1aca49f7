//! The bundle for the Operator Lifecycle Manager: a ClusterServiceVersion, the kinds, the Services, and the annotations of the folder.
use std::path::Path;

use serde_json::{Map, Value, json};

use super::manifests::Release;
use super::{Error, read, save};
use crate::install::{self, IMAGE, NAME};
use crate::{admission, generate, rbac, yaml};

/// What a catalog shows as examples, one of each kind.
const EXAMPLES: [&str; 4] = ["storage.yaml", "postgresql.yaml", "run.yaml", "drill.yaml"];

/// OLM takes neither admission policies nor a webhook whose certificate is not its own.
const DESCRIPTION: &str = "Backs up and restores whatever has a command, straight from a Pod into object storage.

The bundle has no admission policies and no webhook configuration, which OLM does not take from one: apply `admission.yaml`
of the release beside it, once, in a cluster where the operator is in the namespace `backup-operator`.
";

/// Writes `manifests/`, `metadata/annotations.yaml`, and beside them `admission.yaml`, which OLM cannot install.
pub fn write(root: &Path, release: &Release<'_>, folder: &Path) -> Result<(), Error> {
    let one = |object: &Value| yaml::documents(std::slice::from_ref(object)).map(|text| text.replacen("---\n", "", 1));
    let manifests = folder.join("manifests");
    let crds = generate::crds()?;
    for crd in &crds {
        let name = crd
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        save(&manifests.join(format!("{name}.crd.yaml")), one(crd)?)?;
    }
    // OLM says where, not the bundle.
    for (name, mut service) in [
        ("metrics", install::metrics_service()),
        ("webhook", admission::service()),
    ] {
        if let Some(metadata) = service.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("namespace");
        }
        save(&manifests.join(format!("{NAME}-{name}.service.yaml")), one(&service)?)?;
    }
    let examples = EXAMPLES
        .iter()
        .map(|file| example(&read(&root.join("docs/examples").join(file))?));
    let csv = csv(release, &crds, &examples.collect::<Result<Vec<_>, Error>>()?)?;
    save(
        &manifests.join(format!("{NAME}.clusterserviceversion.yaml")),
        one(&csv)?,
    )?;
    save(&folder.join("metadata/annotations.yaml"), one(&annotations())?)?;
    let [policy, binding] = install::deletion_protection();
    let [downloads, its_binding] = install::downloads();
    let beside = [policy, binding, downloads, its_binding, admission::configuration()];
    save(&folder.join("admission.yaml"), yaml::documents(&beside)?)
}

/// Of the file, the one object of our group.
fn example(text: &str) -> Result<Value, Error> {
    use serde::Deserialize;
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let object = Value::deserialize(document)?;
        if object.get("apiVersion").and_then(Value::as_str) == Some("backup-operator.io/v1") {
            return Ok(object);
        }
    }
    Ok(Value::Null)
}

fn annotations() -> Value {
    json!({ "annotations": {
        "operators.operatorframework.io.bundle.mediatype.v1": "registry+v1",
        "operators.operatorframework.io.bundle.manifests.v1": "manifests/",
        "operators.operatorframework.io.bundle.metadata.v1": "metadata/",
        "operators.operatorframework.io.bundle.package.v1": NAME,
        "operators.operatorframework.io.bundle.channels.v1": "stable",
        "operators.operatorframework.io.bundle.channel.default.v1": "stable",
    }})
}

fn rules(role: &Value) -> Vec<Value> {
    let rules = role.get("rules").and_then(Value::as_array);
    rules.into_iter().flatten().cloned().collect()
}

/// The Deployment's spec, with the image.
fn deployment(release: &Release<'_>) -> Result<Value, Error> {
    let text = serde_json::to_string(install::deployment().get("spec").unwrap_or(&Value::Null))?;
    Ok(serde_json::from_str(&text.replace(IMAGE, &release.image()))?)
}

fn owned(crds: &[Value]) -> Vec<Value> {
    let crd = |crd: &Value| {
        let at = |path: &str| crd.pointer(path).cloned().unwrap_or_default();
        json!({
            "name": at("/metadata/name"),
            "kind": at("/spec/names/kind"),
            "displayName": at("/spec/names/kind"),
            "version": "v1",
            "description": at("/spec/versions/0/schema/openAPIV3Schema/description"),
        })
    };
    crds.iter().map(crd).collect()
}

fn csv(release: &Release<'_>, crds: &[Value], examples: &[Value]) -> Result<Value, Error> {
    let everywhere: Value = serde_yaml_ng::from_str(&install::cluster_role())?;
    let of_cluster = [rules(&everywhere), rules(&admission::cluster_role())].concat();
    let of_namespace = [rules(&json!({ "rules": rbac::lease(NAME) })), rules(&admission::role())].concat();
    let permission = |rules: Vec<Value>| json!([{ "serviceAccountName": NAME, "rules": rules }]);
    let mode = |(kind, supported): (&str, bool)| json!({ "type": kind, "supported": supported });
    // One operator takes care of a cluster.
    let modes = [
        ("OwnNamespace", false),
        ("SingleNamespace", false),
        ("MultiNamespace", false),
        ("AllNamespaces", true),
    ];
    Ok(json!({
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {
            "name": format!("{NAME}.v{}", release.version),
            "namespace": "placeholder",
            "annotations": {
                "alm-examples": serde_json::to_string_pretty(&examples.iter().map(sorted).collect::<Vec<_>>())?,
                "capabilities": "Seamless Upgrades",
                "categories": "Storage",
                "containerImage": release.image(),
                "createdAt": release.created,
                "description": "Backs up and restores whatever has a command, straight from a Pod into object storage",
                "operatorframework.io/suggested-namespace": NAME,
            },
            "labels": labels(release),
        },
        "spec": {
            "displayName": "Backup operator",
            "description": DESCRIPTION,
            "version": release.version,
            "maturity": "alpha",
            "minKubeVersion": "1.30.0",
            "keywords": ["backup", "restore", "s3"],
            "provider": { "name": "The maintainers of the backup operator" },
            "relatedImages": [{ "name": "operator", "image": release.image() }],
            "installModes": modes.map(mode),
            "customresourcedefinitions": { "owned": owned(crds) },
            "install": {
                "strategy": "deployment",
                "spec": {
                    "deployments": [{ "name": NAME, "spec": deployment(release)? }],
                    "clusterPermissions": permission(of_cluster),
                    "permissions": permission(of_namespace),
                },
            },
        },
    }))
}

/// Which processors a catalog offers it for.
fn labels(release: &Release<'_>) -> Value {
    let processors = release
        .platforms
        .iter()
        .filter_map(|platform| platform.strip_prefix("linux-"));
    let label = |processor| {
        (
            format!("operatorframework.io/arch.{processor}"),
            Value::from("supported"),
        )
    };
    Value::Object(processors.map(label).collect())
}

/// In one order of keys, whatever serde's maps do.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<_> = object.iter().collect();
            keys.sort_by_key(|(key, _)| *key);
            Value::Object(
                keys.into_iter()
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(array) => Value::Array(array.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::root;

    fn made() -> (tempfile::TempDir, Value) {
        let folder = tempfile::tempdir().unwrap();
        write(&root(), &Release::example(), folder.path()).unwrap();
        let csv = read(
            &folder
                .path()
                .join("manifests/backup-operator.clusterserviceversion.yaml"),
        )
        .unwrap();
        let csv = serde_yaml_ng::from_str(&csv).unwrap();
        (folder, csv)
    }

    #[test]
    fn a_bundle_gives_the_operator_the_rights_of_the_plain_manifests_and_no_other() {
        let (_folder, csv) = made();
        let spec = &csv["spec"]["install"]["spec"];
        let strings =
            |rules: &Value| -> BTreeSet<String> { rules.as_array().unwrap().iter().map(Value::to_string).collect() };
        let mut plain = (BTreeSet::new(), BTreeSet::new());
        for document in read(&root().join("deploy/install.yaml")).unwrap().split("\n---\n") {
            let object: Value = serde_yaml_ng::from_str(document).unwrap();
            match object["kind"].as_str() {
                Some("ClusterRole") => plain.0.extend(strings(&object["rules"])),
                Some("Role") => plain.1.extend(strings(&object["rules"])),
                _ => {}
            }
        }
        assert_eq!(strings(&spec["clusterPermissions"][0]["rules"]), plain.0);
        assert_eq!(strings(&spec["permissions"][0]["rules"]), plain.1);
    }

    #[test]
    fn a_bundle_runs_the_released_image_and_owns_every_kind_with_an_example() {
        let (folder, csv) = made();
        assert!(!csv.to_string().contains("localhost/"));
        let kinds = |list: &Value| -> BTreeSet<String> {
            list.as_array()
                .unwrap()
                .iter()
                .map(|one| one["kind"].as_str().unwrap().to_string())
                .collect()
        };
        let examples: Value =
            serde_json::from_str(csv["metadata"]["annotations"]["alm-examples"].as_str().unwrap()).unwrap();
        let owned = kinds(&csv["spec"]["customresourcedefinitions"]["owned"]);
        assert_eq!(kinds(&examples), owned);
        for kind in owned {
            let file = format!("manifests/{}s.backup-operator.io.crd.yaml", kind.to_lowercase());
            assert!(folder.path().join(&file).exists(), "{file}");
        }
    }

    #[test]
    fn what_olm_does_not_take_from_a_bundle_is_beside_it() {
        let (folder, _) = made();
        let beside = read(&folder.path().join("admission.yaml")).unwrap();
        assert_eq!(beside.matches("kind: ValidatingAdmissionPolicy\n").count(), 2);
        assert_eq!(beside.matches("kind: ValidatingWebhookConfiguration\n").count(), 1);
    }
}
