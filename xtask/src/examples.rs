//! Every manifest of docs/examples, and one in the words of the Go operator's users: read, ruled upon and validated.
use api::{BackupDrill, BackupRun, BackupSchedule, BackupStorage};
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
        Some("BackupDrill") => validate::drill::validate(&read::<BackupDrill>(document, origin)).map(|_| ()),
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
        // Placeholders must be refused when they are left there, so real keys stand for them here.
        let text = std::fs::read_to_string(&path).unwrap().replace(
            "age1-your-public-key",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        );
        let text = text.replace(
            "age1-the-one-in-your-safe",
            "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
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

/// Text of all files of a folder, and of those below it, whose names end so.
fn all_text(folder: &std::path::Path, end: &str) -> String {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let text = entries.map(|entry| entry.unwrap().path()).map(|path| {
        let is_wanted = path.to_str().is_some_and(|name| name.ends_with(end));
        match (path.is_dir(), is_wanted) {
            (true, _) => all_text(&path, end),
            (false, true) => std::fs::read_to_string(&path).unwrap(),
            (false, false) => String::new(),
        }
    });
    text.collect()
}

#[test]
fn each_type_of_storage_has_a_page_and_an_example_that_a_case_on_a_cluster_applies() {
    let (pages, examples) = (root().join("docs/storages"), root().join("docs/examples"));
    let overview = std::fs::read_to_string(pages.join("README.md")).unwrap();
    let cases = all_text(&root().join("e2e/tests"), ".rs");
    for kind in store::Kind::ALL {
        let name = kind.name();
        // The second column says the type, the first one links the page.
        let rows = overview.lines().filter(|line| {
            line.split('|')
                .nth(2)
                .is_some_and(|cell| cell.contains(&format!("`{name}`")))
        });
        let linked = rows.filter_map(|row| row.split('|').nth(1)?.split("](").nth(1)?.split([')', '#']).next());
        let found = linked
            .filter(|page| !page.contains('/'))
            .any(|page| pages.join(page).exists());
        assert!(found, "docs/storages/README.md links no page of type {name}");

        let shown = std::fs::read_dir(&examples).unwrap().map(|entry| entry.unwrap().path());
        let of_kind = shown.filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            documents(&text)
                .iter()
                .any(|document| document["kind"] == "BackupStorage" && document["spec"]["type"] == name)
        });
        let files: Vec<_> = of_kind
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        assert!(!files.is_empty(), "docs/examples has no storage of type {name}");
        let applied = files
            .iter()
            .any(|file| cases.contains(&format!("example::storage(\"{file}\"")));
        assert!(applied, "no case of e2e/tests applies one of {files:?}");
    }
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
