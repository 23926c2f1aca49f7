//! The CEL rules as they stand in the generated CRDs, put to objects without an API server.
use std::sync::LazyLock;

use kube_cel::{ValidationErrors, Validator};
use serde_json::{Value, json};

use crate::generate;

// kube-cel does not know an optional oldSelf: the rule on a schedule's name is left out, and was tried on an API server.
static CRDS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let mut crds = generate::crds().unwrap();
    for crd in &mut crds {
        let rules = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/x-kubernetes-validations");
        if let Some(Value::Array(rules)) = rules {
            rules.retain(|rule| rule.get("optionalOldSelf").is_none());
        }
    }
    crds
});

/// What the API server would say; empty when nothing is wrong.
pub fn answer(object: &Value, old: Option<&Value>) -> String {
    let kind = &object["kind"];
    let crd = CRDS.iter().find(|crd| &crd["spec"]["names"]["kind"] == kind).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let answer: Result<(), ValidationErrors> = Validator::new().validate_with_defaults(schema, object, old);
    answer.err().map(|e| e.to_string()).unwrap_or_default()
}

/// A run that breaks no rule and has every part that a rule looks at.
fn run() -> Value {
    json!({
        "apiVersion": "backup-operator.io/v1", "kind": "BackupRun", "metadata": { "name": "r", "namespace": "n" },
        "spec": {
            "retainPolicy": "Delete",
            "backup": { "container": "db", "command": ["dump"] },
            "restore": { "container": "db", "command": ["load"] },
            "storage": { "name": "s", "path": "/a/b" },
            "compression": { "algorithm": "zstd", "level": 3 },
            "encryption": { "recipients": ["age1x"], "decryptionKey": { "name": "age", "key": "key" } },
            "startDeadlineSeconds": 60,
            "backoffLimit": 2,
            "template": { "spec": { "containers": [{ "name": "other" }, { "name": "db", "image": "db:1" }] } },
        },
    })
}

/// `object` with the value at `pointer` replaced; null takes it away.
fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(key)
    } else {
        parent.insert(key.into(), value)
    };
    object
}

#[test]
fn a_run_is_refused_for_what_is_wrong_with_it() {
    assert_eq!(answer(&run(), None), "");
    let path = |path: &str| with(run(), "/spec/storage/path", json!(path));
    let level = |algorithm: &str, level: i32| {
        with(
            run(),
            "/spec/compression",
            json!({ "algorithm": algorithm, "level": level }),
        )
    };
    let restore_only = with(run(), "/spec/backup", Value::Null);
    let cases = [
        (
            with(restore_only.clone(), "/spec/restore", Value::Null),
            "at least one is needed",
        ),
        (restore_only.clone(), "must be Retain"),
        (with(restore_only.clone(), "/spec/retainPolicy", json!("Retain")), ""),
        (with(restore_only, "/spec/retainPolicy", Value::Null), ""),
        (
            with(run(), "/spec/encryption/decryptionKey", Value::Null),
            "needed when both restore and encryption",
        ),
        (
            with(run(), "/spec/backup/container", json!("dbx")),
            "there is no container dbx in template.spec.containers; correct it, or leave it out for the first one, which is other",
        ),
        (
            with(run(), "/spec/restore/container", json!("dbx")),
            "there is no container dbx in template.spec.containers; correct it, or leave it out for the first one, which is other",
        ),
        (with(run(), "/spec/restore/container", Value::Null), ""),
        (path("a"), "must begin with /"),
        (path("/"), "must begin with /"),
        (path("/a//b"), "must begin with /"),
        (path("/a/"), "must begin with /"),
        (path("/a\tb"), "must begin with /"),
        (path("/a/../b"), "must not have a segment . or .."),
        (path("/a/.."), "must not have a segment . or .."),
        (path("/./a"), "must not have a segment . or .."),
        (path("/a\\..\\b"), "must not have a segment . or .."),
        (
            path("/a\\.backup-operator\\b"),
            "must not have a segment .backup-operator",
        ),
        (path("/a\\b"), ""),
        (path("/a/b\n"), ""),
        (path("/a..b/.c"), ""),
        (path("{{ now }}"), ""),
        (level("gzip", 10), "gzip takes 1 to 9"),
        (level("gzip", 0), ""),
        (level("zstd", 0), "zstd takes 1 to 19"),
        (level("zstd", 19), ""),
        (
            with(run(), "/spec/compression", json!({ "level": 10 })),
            "gzip takes 1 to 9",
        ),
        (with(run(), "/spec/compression", json!({})), ""),
        (with(run(), "/spec/compression/windowLog", json!(10)), ""),
        (with(run(), "/spec/compression/windowLog", json!(31)), ""),
        (
            with(run(), "/spec/compression/windowLog", json!(32)),
            "must be 10 to 31",
        ),
        (
            with(run(), "/spec/compression", json!({ "windowLog": 27 })),
            "must be 10 to 31, with algorithm: zstd",
        ),
    ];
    for (object, expected) in cases {
        let answer = answer(&object, None);
        assert_eq!(answer.is_empty(), expected.is_empty(), "{answer}\n{object}");
        assert!(answer.contains(expected), "{answer}\n{object}");
    }
}

#[test]
fn a_run_changes_only_in_what_restores_need() {
    let changes = [
        ("/spec/backup/command", json!(["dump", "--all"]), true),
        ("/spec/backup", Value::Null, true),
        ("/spec/storage/path", json!("/c"), true),
        ("/spec/storage/name", json!("t"), true),
        ("/spec/compression/level", json!(4), true),
        ("/spec/compression/level", Value::Null, true),
        ("/spec/compression/algorithm", json!("gzip"), true),
        ("/spec/compression", Value::Null, true),
        ("/spec/encryption/recipients", json!(["age1x", "age1y"]), true),
        ("/spec/encryption/recipients", Value::Null, true),
        ("/spec/encryption", Value::Null, true),
        ("/spec/startDeadlineSeconds", json!(61), true),
        ("/spec/backoffLimit", json!(3), true),
        ("/spec/backoffLimit", Value::Null, true),
        ("/spec/startDeadlineSeconds", Value::Null, true),
        (
            "/spec/template/spec/containers",
            json!([{ "name": "db", "image": "db:2" }]),
            true,
        ),
        ("/spec/template/metadata", json!({ "labels": { "a": "b" } }), true),
        ("/spec/restore/command", json!(["load", "--all"]), false),
        ("/spec/restore", Value::Null, false),
        ("/spec/retainPolicy", json!("Retain"), false),
        ("/spec/compression/windowLog", json!(31), false),
        ("/spec/encryption/decryptionKey/name", json!("age2"), false),
        ("/spec/encryption/decryptionKey/type", json!("Identity"), false),
    ];
    for (pointer, value, refused) in changes {
        let said = answer(&with(run(), pointer, value), Some(&run()));
        let expected = said.contains("can change") || said.contains("cannot change after creation");
        assert_eq!(expected, refused, "{pointer}: {said}");
    }
}

#[test]
fn a_schedule_may_change_and_its_runs_are_ruled_upon() {
    let schedule = |command: &str| {
        let spec = with(run(), "/spec/backup/command", json!([command]))["spec"].clone();
        json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "metadata": { "name": "s" },
            "spec": { "schedule": "@daily", "template": { "spec": spec } },
        })
    };
    assert_eq!(answer(&schedule("b"), Some(&schedule("a"))), "");
    let wrong = with(schedule("a"), "/spec/template/spec/backup/container", json!("x"));
    assert!(answer(&wrong, None).contains("there is no container x in"));
}

#[test]
fn a_drill_is_ruled_upon_by_its_mode() {
    let drill = |more: Value| {
        let mut spec = json!({ "schedule": "@daily", "source": { "schedule": "db" } });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "apiVersion": "backup-operator.io/v1", "kind": "BackupDrill", "metadata": { "name": "d" }, "spec": spec })
    };
    let template = json!({ "spec": { "containers": [{ "name": "db", "image": "db:1" }] } });
    let check = json!({ "command": ["count"] });
    for (more, said) in [
        (json!({}), ""),
        (json!({ "mode": "Read", "reader": {} }), ""),
        (json!({ "mode": "Restore", "template": template, "check": check }), ""),
        (json!({ "mode": "Restore" }), "needed with mode: Restore"),
        (json!({ "check": check }), "only mean something with Restore"),
        (
            json!({ "mode": "Restore", "template": template, "reader": {} }),
            "only means something with mode: Read",
        ),
        (
            json!({ "mode": "Restore", "template": template, "check": check, "restore": { "command": ["a"], "check": check } }),
            "is given twice",
        ),
        (
            json!({ "mode": "Restore", "template": template, "restore": { "command": ["a"], "container": "x" } }),
            "there is no container x in",
        ),
    ] {
        let answer = answer(&drill(more.clone()), None);
        assert!(
            answer.contains(said) && answer.is_empty() == said.is_empty(),
            "{more}: {answer}"
        );
    }
}

#[test]
fn a_storage_names_its_bucket() {
    let storage = |spec: Value| json!({ "apiVersion": "backup-operator.io/v1", "kind": "BackupStorage", "metadata": { "name": "s" }, "spec": spec });
    assert_eq!(answer(&storage(json!({ "parameters": { "bucket": "b" } })), None), "");
    for spec in [
        json!({}),
        json!({ "parameters": {} }),
        json!({ "parameters": { "bucket": "" } }),
    ] {
        assert!(answer(&storage(spec), None).contains("name the bucket"));
    }
}

#[test]
fn a_protected_storage_cannot_be_deleted() {
    use kube_cel::{VapEvaluator, VapExpression};
    let [policy, _] = crate::install::deletion_protection();
    let text = policy["spec"]["validations"][0].to_string();
    assert!(text.contains(api::labels::DELETION_PROTECTION));
    // kube-cel escapes keys as if they were field names, so the real key would not be found: a plain one stands for it.
    let rule: VapExpression =
        serde_json::from_str(&text.replace(api::labels::DELETION_PROTECTION, "protected")).unwrap();
    let deleted = |metadata: Value| {
        let answers = VapEvaluator::builder()
            .old_object(json!({ "metadata": metadata }))
            .build()
            .evaluate(std::slice::from_ref(&rule));
        answers[0].message.clone().unwrap_or_default()
    };
    assert_eq!(deleted(json!({ "name": "s" })), "");
    assert_eq!(deleted(json!({ "name": "s", "annotations": { "a": "b" } })), "");
    let said = deleted(json!({ "name": "s", "annotations": { "protected": "" } }));
    assert!(said.contains("kubectl annotate backupstorage s protected-"), "{said}");
}
