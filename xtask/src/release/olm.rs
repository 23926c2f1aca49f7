//! The bundle for the Operator Lifecycle Manager: a ClusterServiceVersion, the kinds, the Services, and the annotations of the folder.
use std::path::Path;

use serde_json::{Map, Value, json};

use super::manifests::{Release, VERSION};
use super::{Error, read, save};
use crate::install::{self, IMAGE, NAME};
use crate::kept::kept;
use crate::{admission, generate, rbac, yaml};

/// What a catalog shows as examples, one of each kind.
const EXAMPLES: [&str; 4] = ["storage.yaml", "postgresql.yaml", "run.yaml", "drill.yaml"];

/// What `SECURITY.md` says is supported, which a platform of the image need not be.
const SUPPORTED: [&str; 1] = ["amd64"];

/// How far it is, and the channel by which a catalog offers it: one that is called stable would promise what this does not.
const MATURITY: &str = "alpha";

/// Whom plain manifests run it as. OpenShift's default, `restricted-v2`, admits those of the namespace's own range alone, and gives one of them;
/// elsewhere the image says 65532, a number, by which the kubelet sees that `runAsNonRoot` holds.
const IDENTITY: [&str; 3] = ["runAsUser", "runAsGroup", "fsGroup"];

/// OLM takes neither admission policies nor a webhook whose certificate is not its own.
const DESCRIPTION: &str = "Backs up and restores whatever has a command, straight from a Pod into object storage.

The bundle has no admission policies and no webhook configuration, which OLM does not take from one: apply `admission.yaml`
of the release beside it, anew with each version, in a cluster where the operator is in the namespace `backup-operator`; and
delete it when the operator is removed, as nothing of its kinds can be created while it asks a webhook that is gone.

OLM gives the operator these rights in every namespace, which plain manifests and chart give it in its own namespace only:

- Secrets: `create`, and of those named `backup-operator-webhook` `get`, `list`, `watch` and `update`
- Leases: `create`, and of those named `backup-operator` `get` and `update`

OLM adds `get`, `list` and `watch` of namespaces. Where that is too much, install it by chart or plain manifests.
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
        save(&manifests.join(format!("{name}.crd.yaml")), one(&kept(crd.clone()))?)?;
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
        "operators.operatorframework.io.bundle.channels.v1": MATURITY,
        "operators.operatorframework.io.bundle.channel.default.v1": MATURITY,
    }})
}

fn rules(role: &Value) -> Vec<Value> {
    let rules = role.get("rules").and_then(Value::as_array);
    rules.into_iter().flatten().cloned().collect()
}

/// The Deployment's spec, with the image, and without a user.
fn deployment(release: &Release<'_>) -> Result<Value, Error> {
    let text = serde_json::to_string(install::deployment().get("spec").unwrap_or(&Value::Null))?;
    let mut spec: Value = serde_json::from_str(&text.replace(IMAGE, &release.image()))?;
    if let Some(pod) = spec.pointer_mut("/template/spec") {
        forget_user(pod);
        for list in ["initContainers", "containers"] {
            let containers = pod.get_mut(list).and_then(Value::as_array_mut);
            containers.into_iter().flatten().for_each(forget_user);
        }
    }
    Ok(spec)
}

/// By these the command line finds the operator, and what it is.
fn told(release: &Release<'_>) -> Value {
    json!({ "app.kubernetes.io/name": NAME, VERSION: release.version })
}

/// Of a Pod's spec or a container.
fn forget_user(of: &mut Value) {
    if let Some(context) = of.get_mut("securityContext").and_then(Value::as_object_mut) {
        for key in IDENTITY {
            context.remove(key);
        }
    }
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
    // For all namespaces, which is the only mode here, OLM makes ClusterRoles of these. A Role with its RoleBinding in the bundle would stay where
    // it is, but a binding says in which namespace its account is, and that is known only when it is installed. DESCRIPTION says so.
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
                // The least. That upgrades are seamless was seen by Helm and plain manifests, and never by OLM.
                "capabilities": "Basic Install",
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
            "maturity": MATURITY,
            "minKubeVersion": "1.30.0",
            "keywords": ["backup", "restore", "s3"],
            "provider": { "name": "The maintainers of the backup operator" },
            "relatedImages": [{ "name": "operator", "image": release.image() }],
            "installModes": modes.map(mode),
            "customresourcedefinitions": { "owned": owned(crds) },
            "install": {
                "strategy": "deployment",
                "spec": {
                    "deployments": [{ "name": NAME, "label": told(release), "spec": deployment(release)? }],
                    "clusterPermissions": permission(of_cluster),
                    "permissions": permission(of_namespace),
                },
            },
        },
    }))
}

/// Which processors a catalog offers it for: of those that the image has, the ones that are supported.
fn labels(release: &Release<'_>) -> Value {
    let supported = |processor: &&str| release.platforms.contains(&format!("linux-{processor}").as_str());
    let label = |processor: &str| {
        (
            format!("operatorframework.io/arch.{processor}"),
            Value::from("supported"),
        )
    };
    Value::Object(SUPPORTED.into_iter().filter(supported).map(label).collect())
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

    /// The bundle asks for no other; OLM gives those of `permissions` in every namespace, as it does for each operator that watches all.
    #[test]
    fn a_bundle_asks_for_the_rights_of_the_plain_manifests_and_says_which_olm_gives_in_every_namespace() {
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

        // All that it lifts, and how far, stands where a catalog shows it, and in our own words.
        let modes = csv["spec"]["installModes"].as_array().unwrap();
        let supported: Vec<_> = modes.iter().filter(|mode| mode["supported"] == true).collect();
        assert_eq!(supported, [&json!({ "type": "AllNamespaces", "supported": true })]);
        let lifted = spec["permissions"][0]["rules"].as_array().unwrap();
        let page = read(&root().join("docs/operations/release.md")).unwrap();
        for text in [csv["spec"]["description"].as_str().unwrap(), &page] {
            assert!(text.contains("in every namespace"), "{text}");
            for resource in ["secrets", "leases"] {
                let rules: Vec<_> = lifted
                    .iter()
                    .filter(|rule| rule["resources"] == json!([resource]))
                    .collect();
                assert_eq!(rules.len(), 2, "{resource}");
                let line = said(resource, &rules);
                assert!(text.contains(&line), "no line\n{line}\nin\n{text}");
            }
        }
        assert_eq!(lifted.len(), 4, "a right that is told of nowhere");
    }

    /// The line about a kind, of what may be done to all of it and to one name.
    fn said(resource: &str, rules: &[&Value]) -> String {
        let verbs = |rule: &Value| -> Vec<String> {
            let verbs = rule["verbs"].as_array().unwrap().iter();
            verbs.map(|verb| format!("`{}`", verb.as_str().unwrap())).collect()
        };
        let all = rules.iter().find(|rule| rule["resourceNames"].is_null()).unwrap();
        let named = rules.iter().find(|rule| !rule["resourceNames"].is_null()).unwrap();
        let (last, first) = verbs(named)
            .split_last()
            .map(|(l, f)| (l.clone(), f.join(", ")))
            .unwrap();
        let kind = resource[..1].to_uppercase() + &resource[1..];
        let name = named["resourceNames"][0].as_str().unwrap();
        format!(
            "- {kind}: {}, and of those named `{name}` {first} and {last}\n",
            verbs(all).join(", ")
        )
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
    fn a_bundle_promises_no_more_than_an_installation_and_its_channel_says_so() {
        let (folder, csv) = made();
        assert_eq!(csv["metadata"]["annotations"]["capabilities"], "Basic Install");
        let annotations = read(&folder.path().join("metadata/annotations.yaml")).unwrap();
        let annotations: Value = serde_yaml_ng::from_str(&annotations).unwrap();
        for key in ["channels.v1", "channel.default.v1"] {
            let channel = &annotations["annotations"][format!("operators.operatorframework.io.bundle.{key}")];
            assert_eq!(*channel, csv["spec"]["maturity"], "{key}");
        }
    }

    #[test]
    fn a_catalog_offers_it_for_processors_that_are_supported_and_not_for_all_that_the_image_has() {
        let (_folder, csv) = made();
        assert!(Release::example().platforms.contains(&"linux-arm64"));
        assert_eq!(
            csv["metadata"]["labels"],
            json!({ "operatorframework.io/arch.amd64": "supported" })
        );
        // Who supports another one says so here, too.
        let security = read(&root().join("SECURITY.md")).unwrap();
        assert!(security.contains("| nodes | x86-64, Linux. The image for 64-bit ARM is built, and not supported yet"));

        let alone = Release {
            platforms: vec!["linux-arm64"],
            ..Release::example()
        };
        assert_eq!(labels(&alone), json!({}), "a release without amd64");
    }

    #[test]
    fn a_bundle_leaves_user_and_group_to_the_cluster_and_keeps_every_other_restriction() {
        let (_folder, csv) = made();
        let spec = &csv["spec"]["install"]["spec"]["deployments"][0]["spec"];
        for key in ["runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"] {
            assert!(!spec.to_string().contains(key), "{key} in {spec}");
        }
        let mut plain = install::deployment()["spec"]["template"]["spec"].take();
        let context = plain["securityContext"].as_object_mut().unwrap();
        assert_eq!(context.remove("runAsUser"), Some(install::USER.into()));
        assert_eq!(context.remove("runAsGroup"), Some(install::USER.into()));
        let pod = &spec["template"]["spec"];
        assert_eq!(pod["securityContext"], plain["securityContext"]);
        assert_eq!(
            pod["securityContext"],
            json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } })
        );
        let containers = pod["containers"].as_array().unwrap();
        assert_eq!(containers.len(), plain["containers"].as_array().unwrap().len());
        for (at, container) in containers.iter().enumerate() {
            assert_eq!(
                container["securityContext"], plain["containers"][at]["securityContext"],
                "{container}"
            );
            assert_eq!(container["securityContext"]["capabilities"], json!({ "drop": ["ALL"] }));
            assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
        }
    }

    #[test]
    fn a_user_is_forgotten_at_the_pod_and_at_a_container_and_nothing_else_is() {
        let mut container = json!({ "name": "a", "securityContext": { "runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "runAsNonRoot": true } });
        forget_user(&mut container);
        assert_eq!(
            container,
            json!({ "name": "a", "securityContext": { "runAsNonRoot": true } })
        );
    }

    #[test]
    fn what_olm_does_not_take_from_a_bundle_is_beside_it() {
        let (folder, _) = made();
        let beside = read(&folder.path().join("admission.yaml")).unwrap();
        assert_eq!(beside.matches("kind: ValidatingAdmissionPolicy\n").count(), 2);
        assert_eq!(beside.matches("kind: ValidatingWebhookConfiguration\n").count(), 1);
    }
}
