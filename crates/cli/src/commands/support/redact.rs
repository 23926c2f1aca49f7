//! What is taken out of an object before it is given away: whatever is, or may well be, a secret.
use planner::mask::{MASK, arguments, masked};
use serde_json::{Map, Value};

/// Domains whose annotations say nothing of a workload's inside.
const KEPT: [&str; 4] = ["backup-operator.io", "kubernetes.io", "k8s.io", "fluxcd.io"];
/// More of them, whole.
const KEPT_WHOLE: [&str; 2] = ["meta.helm.sh", "argocd.argoproj.io"];
/// The whole object as it was applied, with all that is masked in it.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Parameters of a storage that are shown; addresses without what stands before `@`.
const PARAMETERS: [&str; 19] = [
    "bucket",
    "endpoint",
    "region",
    "insecure",
    "s3ForcePathStyle",
    "prefix",
    "partSize",
    "retrySeconds",
    "proxy",
    "storageClass",
    "serverSideEncryption",
    "checksum",
    "roleARN",
    "serviceAccount",
    "stsEndpoint",
    "account",
    "container",
    "accessTier",
    "thawTier",
];
/// Names of keys inside a Secret that anybody knows. Another one may be the key itself, put there by mistake.
const KEY_NAMES: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_KEY",
];

/// Variables that are shown: the operator's own settings, and proxies without what stands before `@`.
const SETTINGS: [&str; 22] = [
    "AGENT_CPU",
    "AGENT_IMAGE",
    "AGENT_IMAGE_PULL_POLICY",
    "AGENT_MEMORY",
    "AGENT_VOLUME",
    "CHECK_REQUESTER",
    "HEALTH_ADDRESS",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LEADER_ELECTION",
    "LOG",
    "LOG_JSON",
    "MAX_CONCURRENT_RUNS",
    "NO_PROXY",
    "WATCH_NAMESPACES",
    "WEBHOOK",
    "WEBHOOK_ADDRESS",
    "WEBHOOK_CERTIFICATE_DIRECTORY",
    "WEBHOOK_CONFIGURATION",
    "WEBHOOK_SERVICE",
    "http_proxy",
    "https_proxy",
];

/// Takes out of an object, and of all that is in it, what nobody else should see.
pub fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => object(fields),
        Value::Array(all) => all.iter_mut().for_each(redact),
        Value::String(text) => *text = masked(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn object(fields: &mut Map<String, Value>) {
    // Who wrote which field: long, and of no use here.
    fields.remove("managedFields");
    command(fields);
    for (name, value) in fields.iter_mut() {
        match (name.as_str(), value) {
            // Done, both together.
            ("command" | "args", Value::Array(_)) => {}
            ("annotations", Value::Object(all)) => annotations(all),
            ("parameters", Value::Object(all)) => parameters(all),
            ("env" | "httpHeaders", Value::Array(all)) => all.iter_mut().for_each(literal),
            // What a driver is told, and a Secret or ConfigMap, should one ever come by.
            ("volumeAttributes" | "options" | "data" | "stringData" | "binaryData", value @ Value::Object(_)) => {
                every_text(value);
            }
            ("caBundle", Value::String(text)) => *text = certificates(text),
            (_, value) => redact(value),
        }
    }
}

/// A name and its value, or where that is to be taken from, which stays.
fn literal(one: &mut Value) {
    let shown = one
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(|n| SETTINGS.contains(&n));
    match one.get_mut("value") {
        Some(value) if shown => redact(value),
        Some(Value::String(text)) if text.is_empty() => {}
        Some(value) => *value = MASK.into(),
        None => redact(one),
    }
}

fn every_text(value: &mut Value) {
    match value {
        Value::Object(all) => all.values_mut().for_each(every_text),
        Value::Array(all) => all.iter_mut().for_each(every_text),
        _ => *value = MASK.into(),
    }
}

/// A container's command, its arguments with it: the program says what its options mean.
fn command(fields: &mut Map<String, Value>) {
    let words = |name: &str| -> Option<Vec<String>> {
        let all = fields.get(name)?.as_array()?;
        all.iter().map(|w| w.as_str().map(str::to_string)).collect()
    };
    let (command, args) = (words("command"), words("args"));
    let first = command.as_ref().map_or(0, Vec::len);
    let all: Vec<_> = command.iter().chain(&args).flatten().map(String::as_str).collect();
    let mut shown = arguments(&all);
    let rest = shown.split_off(first);
    for (name, there, words) in [("command", command, shown), ("args", args, rest)] {
        match (there, fields.get_mut(name)) {
            (Some(_), Some(value)) => *value = words.into(),
            // No list of words, whatever it is.
            (None, Some(value @ Value::Array(_))) => *value = MASK.into(),
            _ => {}
        }
    }
}

fn annotations(all: &mut Map<String, Value>) {
    all.remove(APPLIED);
    for (name, value) in all.iter_mut() {
        let domain = name.split_once('/').map_or("", |(domain, _)| domain);
        let below = |of: &&str| {
            domain
                .strip_suffix(of)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if KEPT.iter().any(below) || KEPT_WHOLE.contains(&domain) {
            redact(value);
        } else {
            *value = MASK.into();
        }
    }
}

fn parameters(all: &mut Map<String, Value>) {
    for (name, value) in all.iter_mut() {
        match value {
            Value::String(text) if name == "caBundle" => *text = certificates(text),
            value if PARAMETERS.contains(&name.as_str()) => redact(value),
            Value::String(text) if KEY_NAMES.contains(&text.as_str()) => {}
            value => *value = MASK.into(),
        }
    }
}

/// Public, and long.
fn certificates(text: &str) -> String {
    format!("({} bytes of certificates)", text.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_secret_is_left_in_an_object_and_the_rest_is() {
        // Each of them has `hunter` in it, and a number.
        let mut run = json!({
            "kind": "BackupRun",
            "metadata": {
                "name": "shop",
                "managedFields": [{"manager": "hunter01"}],
                "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": "{\"password\": \"hunter02\"}",
                    "vault.hashicorp.com/agent-inject-template-x": "hunter03",
                    "mykubernetes.io/x": "hunter04",
                    "plain": "hunter05",
                    "backup-operator.io/restore": "now",
                    "kustomize.toolkit.fluxcd.io/name": "apps",
                },
            },
            "spec": {
                "storage": {"name": "minio", "path": "/a.sql"},
                "backup": {"command": ["mysqldump"], "args": ["-u", "root", "-phunter06", "--password", "hunter07", "shop"]},
                "restore": {"args": ["sh", "-c", "MYSQL_PWD=hunter08 mysql shop"]},
                "template": {
                    "metadata": {"annotations": {"token": "hunter09"}},
                    "spec": {
                        "containers": [{
                            "name": "main",
                            "command": ["sleep", "infinity"],
                            "env": [
                                {"name": "A", "value": "hunter10"},
                                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
                                {"name": "C", "value": ""},
                                {"name": "HTTPS_PROXY", "value": "http://u:hunter24@proxy:3128"},
                                {"name": "WATCH_NAMESPACES", "value": "one,two"},
                            ],
                            "livenessProbe": {"httpGet": {"path": "/", "httpHeaders": [{"name": "Authorization", "value": "hunter11"}]}},
                            "lifecycle": {"postStart": {"exec": {"command": ["curl", "-u", "u:hunter12", "http://u:hunter13@h/"]}}},
                        }],
                        "initContainers": [{"name": "i", "env": [{"name": "A", "value": 14}], "command": ["x", {"hunter15": "hunter16"}]}],
                        "ephemeralContainers": [{"env": [{"name": "A", "value": "hunter17"}]}],
                        "volumes": [
                            {"name": "v", "csi": {"driver": "d", "volumeAttributes": {"a": "hunter18"}}},
                            {"name": "w", "flexVolume": {"options": {"a": {"b": ["hunter19"]}}}},
                        ],
                    },
                },
            },
            "status": {
                "message": "postgres://u:hunter20@db failed",
                "log": "password=hunter21\n-----BEGIN PRIVATE KEY-----\nhunter22\n-----END PRIVATE KEY-----\n",
                "conditions": [{"type": "Failed", "message": "Authorization: Bearer hunter23"}],
                "sizeInBytes": 17,
            },
        });
        redact(&mut run);
        let text = run.to_string();
        assert!(!text.contains("hunter") && !text.contains("14"), "{text}");
        for (at, is) in [
            ("/metadata/annotations/backup-operator.io~1restore", json!("now")),
            ("/metadata/annotations/kustomize.toolkit.fluxcd.io~1name", json!("apps")),
            ("/metadata/annotations/plain", json!(MASK)),
            ("/spec/storage/path", json!("/a.sql")),
            ("/spec/backup/command", json!(["mysqldump"])),
            ("/spec/backup/args/0", json!("-u")),
            ("/spec/backup/args/5", json!("shop")),
            ("/spec/restore/args/2", json!("MYSQL_PWD=*** mysql shop")),
            ("/spec/template/spec/containers/0/env/0/name", json!("A")),
            (
                "/spec/template/spec/containers/0/env/1/valueFrom/secretKeyRef/key",
                json!("password"),
            ),
            ("/spec/template/spec/containers/0/env/2/value", json!("")),
            (
                "/spec/template/spec/containers/0/env/3/value",
                json!("http://u:***@proxy:3128"),
            ),
            ("/spec/template/spec/containers/0/env/4/value", json!("one,two")),
            (
                "/spec/template/spec/containers/0/livenessProbe/httpGet/path",
                json!("/"),
            ),
            ("/status/message", json!("postgres://u:***@db failed")),
            ("/status/sizeInBytes", json!(17)),
        ] {
            assert_eq!(run.pointer(at), Some(&is), "{at} of {text}");
        }
    }

    #[test]
    fn parameters_are_shown_where_they_are_known_and_no_keys() {
        let mut storage = json!({"spec": {"parameters": {
            "bucket": "b",
            "endpoint": "https://u:hunter1@host",
            "proxy": "http://u:hunter2@proxy:3128",
            "accessKey": "AWS_ACCESS_KEY_ID",
            "secretKey": "hunter3",
            "sessionToken": "hunter4",
            "kmsKeyId": "hunter5",
            "bukket": "hunter6",
            "caBundle": "hunter7",
            "number": 8,
        }}});
        redact(&mut storage);
        assert_eq!(
            storage["spec"]["parameters"],
            json!({
                "bucket": "b",
                "endpoint": "https://u:***@host",
                "proxy": "http://u:***@proxy:3128",
                "accessKey": "AWS_ACCESS_KEY_ID",
                "secretKey": MASK,
                "sessionToken": MASK,
                "kmsKeyId": MASK,
                "bukket": MASK,
                "caBundle": "(7 bytes of certificates)",
                "number": MASK,
            })
        );
        let mut secret = json!({"kind": "Secret", "data": {"a": "aHVudGVy"}, "stringData": {"b": "hunter"}});
        redact(&mut secret);
        assert_eq!(
            secret,
            json!({"kind": "Secret", "data": {"a": MASK}, "stringData": {"b": MASK}})
        );
    }
}
