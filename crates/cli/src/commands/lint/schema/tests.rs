//! What the schemas of our kinds say, and in which words.
use serde_json::json;

use super::*;

fn checked(kind: &str, spec: Value) -> (Vec<String>, Value) {
    let crds = api::schema::crds().unwrap();
    let crd = crds.iter().find(|crd| crd["spec"]["names"]["kind"] == kind).unwrap();
    let mut object = json!({ "apiVersion": "x", "kind": kind, "metadata": null, "spec": spec, "status": 7 });
    let faults = check(&mut object, &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]).faults;
    (faults.iter().map(ToString::to_string).collect(), object["spec"].take())
}

fn a_run() -> Value {
    json!({
        "backup": { "command": ["dump"] },
        "storage": { "name": "s" },
        "template": { "spec": { "containers": [{ "name": "a", "image": "b" }] } },
    })
}

/// The run with a value at a pointer, which may be new.
fn with(pointer: &str, value: Value) -> Value {
    let mut run = a_run();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = run.pointer_mut(parent).unwrap();
    parent[key] = value;
    run
}

#[test]
fn what_the_schema_takes_passes_and_nulls_are_gone() {
    for spec in [
        a_run(),
        with("/compression", Value::Null),
        with(
            "/template/metadata",
            json!({ "labels": { "a": "b" }, "annotations": null }),
        ),
        with(
            "/template/spec/containers",
            json!([{
                "name": "a",
                "resources": { "limits": { "cpu": 1, "memory": "1Gi" } },
                "livenessProbe": { "httpGet": { "port": "http" } },
                "env": [{ "name": "A", "valueFrom": { "secretKeyRef": { "key": "k" } } }],
            }]),
        ),
        with(
            "/template/spec/volumes",
            json!([{ "name": "v", "secret": { "defaultMode": "0400" } }]),
        ),
        with("/template/spec/hostNetwork", json!("yes")),
    ] {
        let (faults, after) = checked("BackupRun", spec.clone());
        assert_eq!(faults, Vec::<String>::new(), "{spec}");
        assert!(!after.to_string().contains("null"), "{after}");
    }
    let (_, after) = checked(
        "BackupRun",
        with(
            "/template/spec/volumes",
            json!([{ "name": "v", "secret": { "defaultMode": "0400" } }]),
        ),
    );
    assert_eq!(
        after["template"]["spec"]["volumes"][0]["secret"]["defaultMode"],
        json!(256)
    );
}

#[test]
fn what_it_does_not_take_is_said_with_the_path_and_a_hint() {
    for (spec, said) in [
        (
            with("/compression", json!({ "lvl": 3 })),
            "spec.compression.lvl: unknown field; did you mean level?",
        ),
        (
            with("/retainPolcy", json!("Delete")),
            "spec.retainPolcy: unknown field; did you mean retainPolicy?",
        ),
        (
            with("/deadlineSeconds", json!(5)),
            "spec.deadlineSeconds: unknown field; it belongs below backup",
        ),
        (
            with("/containers", json!([])),
            "spec.containers: unknown field; it belongs below template.spec",
        ),
        (with("/xyz w", json!(5)), "spec[\"xyz w\"]: unknown field"),
        (
            with("/compression", json!({ "level": "high" })),
            "spec.compression.level: must be of type integer, it is \"high\"",
        ),
        (
            with("/compression", json!({ "level": 1.5 })),
            "spec.compression.level: must be of type integer, it is 1.5",
        ),
        (
            with("/compression", json!({ "level": 99 })),
            "spec.compression.level: should be less than or equal to 19",
        ),
        (
            with("/compression", json!("zstd")),
            "spec.compression: must be of type object, it is \"zstd\"",
        ),
        (
            with("/compression", json!({ "algorithm": "Zstd" })),
            "spec.compression.algorithm: Unsupported value: \"Zstd\": supported values: \"gzip\", \"zstd\"; did you mean zstd?",
        ),
        (
            with("/backoffLimit", json!(-1)),
            "spec.backoffLimit: should be greater than or equal to 0",
        ),
        (
            with("/backup", json!({ "command": [] })),
            "spec.backup.command: should have at least 1 items",
        ),
        (
            with("/backup", json!({ "command": "dump" })),
            "spec.backup.command: must be of type array, it is \"dump\"",
        ),
        (
            with("/backup", json!({ "command": ["sleep", 5] })),
            "spec.backup.command[1]: must be of type string, it is 5; put quotes around it",
        ),
        (with("/backup", json!({})), "spec.backup.command: Required value"),
        (
            with("/storage", json!({ "name": "" })),
            "spec.storage.name: should be at least 1 chars long",
        ),
        (
            with("/storage/path", json!("/".repeat(4097))),
            "spec.storage.path: Too long: may not be more than 4096 bytes",
        ),
        (
            with("/template/spec/containers", json!([{ "name": "a", "comand": ["x"] }])),
            "spec.template.spec.containers[0].comand: unknown field; did you mean command?",
        ),
        (
            with("/template/metadata", json!({ "labels": { "a.b/c": 1 } })),
            "spec.template.metadata.labels[\"a.b/c\"]: must be of type string, it is 1; put quotes around it",
        ),
        (
            with(
                "/template/spec/containers",
                json!([{ "name": "a", "resources": { "limits": { "cpu": [] } } }]),
            ),
            "spec.template.spec.containers[0].resources.limits.cpu: must be of type integer or string, it is a list",
        ),
        (
            with("/template/spec/hostNetwork", json!(1)),
            "spec.template.spec.hostNetwork: must be of type boolean, it is 1",
        ),
    ] {
        assert_eq!(checked("BackupRun", spec.clone()).0, [said], "{spec}");
    }
    let (faults, _) = checked(
        "BackupStorage",
        json!({ "parameters": { "bucket": "b", "insecure": true } }),
    );
    assert_eq!(
        faults,
        ["spec.parameters.insecure: must be of type string, it is true; put quotes around it"]
    );
}

#[test]
fn what_cannot_be_read_is_taken_out_so_that_the_rest_can_be() {
    let (_, after) = checked(
        "BackupRun",
        with("/compression", json!({ "level": "high", "algorithm": "zstd" })),
    );
    assert_eq!(after["compression"], json!({ "algorithm": "zstd" }));
}

#[test]
fn the_outermost_fields_are_checked_too() {
    let crds = api::schema::crds().unwrap();
    let schema = &crds[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let faults = |mut object: Value| -> Vec<String> {
        check(&mut object, schema)
            .faults
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(
        faults(json!({ "kind": "BackupStorage", "sepc": {} })),
        ["sepc: unknown field; did you mean spec?", "spec: Required value"]
    );
    assert_eq!(faults(json!([])), [": must be of type object"]);
}
