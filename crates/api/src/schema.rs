//! The CRDs as they are applied: the derived ones made small, strict about null, in formats that the API server knows.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

/// Containers of one template: far above any real Pod, and a bound lets CEL look a name up within its cost budget.
const CONTAINERS_MAX: u64 = 64;

/// Elements of any other list of objects in a template. Each is a structure of hundreds of bytes, however short it is written:
/// without a bound, a manifest of a megabyte takes a hundred of the operator's memory.
const OBJECTS_MAX: u64 = 1000;

/// Objects of the core API whose `name` may be left out, although the generated types demand it.
const REFERENCES: [&str; 7] = [
    "configMap",
    "configMapKeyRef",
    "configMapRef",
    "imagePullSecrets",
    "nodePublishSecretRef",
    "secretKeyRef",
    "secretRef",
];

/// The CRDs as they are applied: storage, schedule, run, drill.
///
/// # Errors
/// When a derived CRD cannot be turned into JSON, which the types of k8s-openapi always can.
pub fn crds() -> Result<Vec<Value>, serde_json::Error> {
    let derived = [
        crate::BackupStorage::crd(),
        crate::BackupSchedule::crd(),
        crate::BackupRun::crd(),
        crate::BackupDrill::crd(),
    ];
    derived.iter().map(finish).collect()
}

fn finish(crd: &CustomResourceDefinition) -> Result<Value, serde_json::Error> {
    let mut crd = serde_json::to_value(crd)?;
    if let Some(versions) = crd.pointer_mut("/spec/versions").and_then(Value::as_array_mut) {
        for schema in versions
            .iter_mut()
            .filter_map(|v| v.pointer_mut("/schema/openAPIV3Schema"))
        {
            tidy(schema, "", false);
            unseen(schema);
        }
    }
    Ok(crd)
}

/// An object that no operator has looked at has a status that says so. kstatus takes one without any for one that is well.
fn unseen(schema: &mut Value) {
    if let Some(Value::Object(status)) = schema.pointer_mut("/properties/status") {
        status.insert("default".into(), json!({ "observedGeneration": crate::UNSEEN }));
    }
}

/// One schema and all below it. `name` is the property that it describes, `in_pod` whether it is inside a PodSpec.
fn tidy(schema: &mut Value, name: &str, in_pod: bool) {
    let Some(object) = schema.as_object_mut() else { return };
    let pod_spec = is_pod_spec(object, name);
    let in_pod_now = in_pod || pod_spec;

    object.remove("title");
    // A null is then dropped by the API server, as with the Go operator's CRDs, and CEL's has() means "is given".
    object.remove("nullable");
    if in_pod {
        // The core API's own text: 180 KiB in each kind that holds a PodSpec. `kubectl explain pod.spec` has it.
        object.remove("description");
    } else if let Some(Value::String(text)) = object.get_mut("description") {
        // kubectl explain wraps by itself.
        *text = text.replace('\n', " ");
    }
    formats(object);
    if in_pod && REFERENCES.contains(&name) {
        optional_name(object);
    }
    if in_pod {
        bound_lists(object, name);
    }
    if pod_spec {
        bound_containers(object);
    }

    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for (name, property) in properties {
            tidy(property, name, in_pod_now);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(below) = object.get_mut(key) {
            tidy(below, name, in_pod_now);
        }
    }
}

fn is_pod_spec(object: &Map<String, Value>, name: &str) -> bool {
    name == "spec" && object.get("properties").is_some_and(|p| p.get("containers").is_some())
}

/// The API server warns of formats that it does not know, and prints bounds as integers: an apply of 1.0 over 1 would
/// never be unchanged. Bounds of the Rust type are stated, so that whatever is admitted can also be read.
fn formats(object: &mut Map<String, Value>) {
    let bounds = match object.get("format").and_then(Value::as_str) {
        Some("int32") => Some(("int32", i64::from(i32::MIN), i64::from(i32::MAX))),
        Some("uint16") => Some(("int32", 0, i64::from(u16::MAX))),
        Some("uint32") => Some(("int64", 0, i64::from(u32::MAX))),
        Some("uint64") => Some(("int64", 0, i64::MAX)),
        _ => None,
    };
    for key in ["minimum", "maximum"] {
        if let Some(bound) = object.get(key).and_then(Value::as_f64) {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "bounds in the kinds are small whole numbers"
            )]
            object.insert(key.into(), json!(bound as i64));
        }
    }
    if let Some((format, minimum, maximum)) = bounds {
        object.insert("format".into(), json!(format));
        object.entry("minimum").or_insert(json!(minimum));
        if maximum != i64::MAX {
            object.entry("maximum").or_insert(json!(maximum));
        }
    }
}

fn optional_name(object: &mut Map<String, Value>) {
    let target = match object.get_mut("items") {
        Some(Value::Object(items)) => items,
        _ => object,
    };
    if let Some(Value::Array(required)) = target.get_mut("required") {
        required.retain(|field| field != "name");
        if required.is_empty() {
            target.remove("required");
        }
    }
}

fn bound_lists(object: &mut Map<String, Value>, name: &str) {
    let of_objects = object.get("items").and_then(|i| i.get("type")) == Some(&json!("object"));
    if of_objects {
        let containers = name.to_lowercase().ends_with("containers");
        let most = if containers { CONTAINERS_MAX } else { OBJECTS_MAX };
        object.insert("maxItems".into(), json!(most));
    }
}

fn bound_containers(pod_spec: &mut Map<String, Value>) {
    let Some(Value::Object(containers)) = pod_spec.get_mut("properties").and_then(|p| p.get_mut("containers")) else {
        return;
    };
    containers.insert("minItems".into(), json!(1));
    if let Some(Value::Object(name)) = containers
        .get_mut("items")
        .and_then(|i| i.pointer_mut("/properties/name"))
    {
        // A DNS label (RFC 1123), as the core API demands.
        name.insert("maxLength".into(), json!(63));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidied(mut schema: Value) -> Value {
        tidy(&mut schema, "", false);
        schema
    }

    #[test]
    fn null_is_not_a_value_and_formats_are_the_api_servers() {
        assert_eq!(
            tidied(json!({"type": "integer", "format": "uint64", "minimum": 1.0, "nullable": true, "title": "x"})),
            json!({"type": "integer", "format": "int64", "minimum": 1})
        );
        assert_eq!(
            tidied(json!({"type": "integer", "format": "uint16", "minimum": 1.0})),
            json!({"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535})
        );
        assert_eq!(
            tidied(json!({"type": "integer", "format": "uint32"})),
            json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": 4_294_967_295_u32})
        );
    }

    #[test]
    fn text_goes_inside_a_pod_spec_only() {
        let pod = json!({"description": "ours", "properties": {
            "containers": {"description": "theirs", "type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
            "initContainers": {"type": "array", "items": {"type": "object"}},
            "volumes": {"type": "array", "items": {"type": "object"}},
            "hostnames": {"type": "array", "items": {"type": "string"}},
            "imagePullSecrets": {"type": "array", "items": {"required": ["name"]}},
        }});
        let seen = tidied(json!({"properties": {"spec": pod, "container": {"description": "a\nb"}}}));
        let spec = &seen["properties"]["spec"];
        assert_eq!(
            (&spec["description"], &seen["properties"]["container"]["description"]),
            (&json!("ours"), &json!("a b"))
        );
        let containers = &spec["properties"]["containers"];
        assert_eq!(
            (&containers["description"], &containers["minItems"]),
            (&Value::Null, &json!(1))
        );
        assert_eq!(containers["items"]["properties"]["name"]["maxLength"], json!(63));
        for (list, most) in [
            ("containers", json!(64)),
            ("initContainers", json!(64)),
            ("volumes", json!(1000)),
            ("hostnames", Value::Null),
        ] {
            assert_eq!(spec["properties"][list]["maxItems"], most, "{list}");
        }
        assert_eq!(spec["properties"]["imagePullSecrets"]["items"], json!({}));
    }
}
