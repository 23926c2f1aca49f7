//! Every manifest of docs/examples, and one in the words of the Go operator's users: read, ruled upon and validated.
use api::{BackupRun, BackupSchedule, BackupStorage};
use planner::validate::{self, Fault};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{root, rules};

/// As the Go operator's manifests are written: strings for booleans, every field that it demands, comments in between.
const GO_SHAPE: &str = r#"
apiVersion: backup-operator.io/v1
kind: BackupStorage
metadata:
  name: store
spec:
  type: s3
  parameters:
    bucket: dumps
    endpoint: http://s3.example:9000
    insecure: 'true'
    s3ForcePathStyle: 'true'
  credentials:
    name: store-credentials
    namespace: store
---
apiVersion: backup-operator.io/v1
kind: BackupSchedule
metadata:
  name: orders-nightly
spec:
  schedule: "0 0 * * *"
  concurrencyPolicy: Replace
  successfulRunsHistoryLimit: 14
  failedRunsHistoryLimit: 2
  template:
    spec:
      retainPolicy: Delete
      storage:
        name: store
        # a template
        path: /dumps/orders-{{ now | date "2006.01.02-15:04:05" }}.sql
      compression:
        algorithm: gzip
        level: 0
      backup:
        deadlineSeconds: 300
        container: main
        command: ["/bin/sh", "-c"]
        args:
        - dump "${HOSTNAME}" "-p${PASSWORD}"
      restore:
        deadlineSeconds: 300
        container: main
        command: ["/bin/sh", "-c"]
        args:
        - load "${HOSTNAME}" "-p${PASSWORD}"
      template:
        metadata:
          labels:
            team: orders
        spec:
          restartPolicy: Never
          containers:
          - name: main
            image: dump:8.3.0
            command: ["sleep", "1d"]
            resources:
              limits:
                cpu: 1
                memory: 128Mi
            env:
            - name: HOSTNAME
              value: db.orders
            - name: PASSWORD
              valueFrom:
                secretKeyRef:
                  name: credentials
                  key: password
"#;

fn documents(text: &str) -> Vec<Value> {
    serde_yaml_ng::Deserializer::from_str(text)
        .map(|d| Value::deserialize(d).unwrap())
        .collect()
}

/// What of `given` is not in `kept`, by its path: a field that nobody reads.
fn lost(given: &Value, kept: &Value, path: &str) -> Option<String> {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => given.iter().find_map(|(key, value)| {
            let path = format!("{path}.{key}");
            kept.get(key)
                .map_or(Some(path.clone()), |kept| lost(value, kept, &path))
        }),
        (Value::Array(given), Value::Array(kept)) if given.len() == kept.len() => given
            .iter()
            .zip(kept)
            .enumerate()
            .find_map(|(i, (given, kept))| lost(given, kept, &format!("{path}[{i}]"))),
        // A quantity may be given as a number and is kept as a string.
        (Value::Number(number), Value::String(text)) if *text == number.to_string() => None,
        _ => (given != kept).then(|| path.to_string()),
    }
}

fn read<K: DeserializeOwned + Serialize>(document: &Value, origin: &str) -> K {
    let object: K = serde_json::from_value(document.clone()).unwrap_or_else(|e| panic!("{origin}: {e}"));
    assert_eq!(
        lost(document, &serde_json::to_value(&object).unwrap(), ""),
        None,
        "{origin}: a field is not read"
    );
    assert_eq!(rules::answer(document, None), "", "{origin}");
    object
}

/// Whether the document is one of ours; panics when it is and is not right.
fn check(document: &Value, origin: &str) -> bool {
    let faults: Result<(), Vec<Fault>> = match document["kind"].as_str() {
        Some("BackupStorage") => {
            read::<BackupStorage>(document, origin);
            Ok(())
        }
        Some("BackupSchedule") => validate::schedule::validate(&read::<BackupSchedule>(document, origin)).map(|_| ()),
        Some("BackupRun") => validate::run::validate(&read::<BackupRun>(document, origin).spec).map(|_| ()),
        _ => return false,
    };
    faults.unwrap_or_else(|faults| panic!("{origin}: {}", validate::sentence(&faults)));
    true
}

#[test]
fn every_example_is_valid_and_every_field_in_it_is_read() {
    let mut seen = Vec::new();
    for file in std::fs::read_dir(root().join("docs/examples")).unwrap() {
        let path = file.unwrap().path();
        let origin = path.display().to_string();
        // The placeholder must be refused when it is left there, so a real key stands for it here.
        let text = std::fs::read_to_string(&path).unwrap().replace(
            "age1-your-public-key",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        );
        let ours = documents(&text)
            .iter()
            .filter(|document| check(document, &origin))
            .count();
        assert!(ours > 0, "{origin} shows none of our kinds");
        seen.push(origin);
    }
    assert!(seen.len() >= 8, "{seen:?}");
}

#[test]
fn manifests_of_the_go_operators_shape_are_valid_unchanged() {
    assert_eq!(
        documents(GO_SHAPE)
            .iter()
            .filter(|document| check(document, "the Go operator's shape"))
            .count(),
        2
    );
}

#[test]
fn the_placeholder_for_a_recipient_is_refused() {
    assert!(validate::recipient::check("age1-your-public-key").is_err());
}

#[test]
fn a_misspelt_field_is_found() {
    let mut all = documents(GO_SHAPE);
    all[1]["spec"]["template"]["spec"]["bakcup"] = Value::from("x");
    assert!(std::panic::catch_unwind(|| check(&all[1], "misspelt")).is_err());
}
