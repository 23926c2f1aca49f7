//! Helm, and what it makes of the chart.
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

/// The release's namespace, which deploy/install.yaml has, too.
const NAMESPACE: &str = "backup-operator";
/// Whose kinds neither Kubernetes nor we have.
const OF_OTHERS: [&str; 2] = ["monitoring.coreos.com/", "cert-manager.io/"];
/// The cluster that Helm is to think of.
const KUBERNETES: &str = "1.35.0";

/// What tells objects apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

/// One right: group, resource, verb, and the name that it is limited to.
pub type Right = (String, String, String, String);

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}

fn key(object: &Value) -> Key {
    Key {
        kind: text(&object["kind"]),
        namespace: text(&object["metadata"]["namespace"]),
        name: text(&object["metadata"]["name"]),
    }
}

/// The rights that a role's rules give, one by one: however they are grouped.
pub fn rules(role: &Value) -> BTreeSet<Right> {
    let words = |value: &Value| -> Vec<String> { value.as_array().into_iter().flatten().map(text).collect() };
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        let mut names = words(&rule["resourceNames"]);
        if names.is_empty() {
            names.push(String::new());
        }
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                for verb in words(&rule["verbs"]) {
                    for name in &names {
                        rights.insert((group.clone(), resource.clone(), verb.clone(), name.clone()));
                    }
                }
            }
        }
    }
    rights
}

/// The objects of a file of manifests; panics where one is there twice, or has no name.
pub fn objects(manifests: &str) -> BTreeMap<Key, Value> {
    let mut objects = BTreeMap::new();
    for document in serde_yaml_ng::Deserializer::from_str(manifests) {
        let object = Value::deserialize(document).unwrap_or_else(|e| panic!("{e} in\n{manifests}"));
        if object.is_null() {
            continue;
        }
        let key = key(&object);
        assert!(!key.kind.is_empty() && !key.name.is_empty(), "{object:#}");
        assert!(object["apiVersion"].is_string(), "{key:?}");
        let twice = objects.insert(key.clone(), object);
        assert!(twice.is_none(), "{key:?} is there twice");
    }
    objects
}

/// The objects of deploy/install.yaml.
pub fn install() -> BTreeMap<Key, Value> {
    objects(&std::fs::read_to_string(root().join("deploy/install.yaml")).unwrap())
}

/// Runs Helm on the chart, with values from its standard input.
fn helm(verb: &[&str], values: &str) -> Output {
    let binary = std::env::var_os("HELM_BIN").expect("HELM_BIN is not set: run `make test`");
    let home = std::env::temp_dir().join("backup-operator-helm");
    let mut child = Command::new(binary)
        .args(verb)
        .arg(root().join("charts/backup-operator"))
        .args(["--kube-version", KUBERNETES, "--namespace", NAMESPACE, "--values", "-"])
        // Nothing of the user's: neither a cluster nor repositories.
        .env_clear()
        .env("HOME", &home)
        .env("KUBECONFIG", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("HELM_BIN: run `make test`");
    child.stdin.take().unwrap().write_all(values.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn template(values: &str) -> Output {
    helm(&["template", "any-release"], values)
}

/// The objects that the chart makes of these values.
pub fn render(values: &str) -> BTreeMap<Key, Value> {
    let output = template(values);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{values}: {words}");
    let objects = objects(std::str::from_utf8(&output.stdout).unwrap());
    let of_others = |object: &&Value| OF_OTHERS.iter().any(|of| text(&object["apiVersion"]).starts_with(of));
    let known: Vec<_> = objects.values().filter(|object| !of_others(object)).collect();
    conform(
        &["/dev/stdin".into()],
        &json!({"apiVersion": "v1", "kind": "List", "items": known}).to_string(),
    );
    objects
}

/// Panics unless each object is as kubeconform says that its kind is: none has a field that there is not, or one of another type.
pub fn conform(files: &[PathBuf], input: &str) {
    let variable = |name: &str| std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run `make test`"));
    let mut child = Command::new(variable("KUBECONFORM_BIN"))
        .arg(variable("OPENAPI"))
        .arg(root().join("deploy/crds.yaml"))
        .args(files)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("KUBECONFORM_BIN: run `make test`");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
}

/// What Helm says of values that it must refuse.
pub fn refused(values: &str) -> String {
    let output = template(values);
    assert!(!output.status.success(), "{values} is taken");
    String::from_utf8(output.stderr).unwrap()
}

/// Panics unless `helm lint --strict` is content.
pub fn lint(values: &str) {
    let output = helm(&["lint", "--strict"], values);
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{values}: {words}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
