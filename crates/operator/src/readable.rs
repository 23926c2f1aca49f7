//! One object that cannot be read is one object: a list or a watch of many does not fail for it.
//!
//! Whoever may write an object in his namespace can make one that the API server takes and we cannot read: a date in the
//! year 9999, a number beyond ours. Taken as it is, the whole list would fail, again and again, and with it the operator
//! for everybody.
use std::borrow::Cow;
use std::fmt;

use api::labels;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::ObjectMeta;
use kube::{Api, Client, Resource};
use planner::run::Event as Said;
use planner::validate::values;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Map, Value, json};

use crate::cache::{Kind, Packed};
use crate::events;
use crate::write::bounded;

/// An object, or what is known of one that cannot be read.
#[derive(Clone, Debug)]
pub struct Read<K>(pub Result<Arrived<K>, Unreadable>);

/// An object as it came, and as it is to be kept.
#[derive(Clone)]
pub struct Arrived<K> {
    /// To be looked at once, by whom it concerns.
    pub object: Box<K>,
    /// For the cache.
    pub packed: Packed<K>,
}

/// What is known of an object that cannot be read.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// Why, in the reader's words.
    pub why: String,
    /// As far as it can be read: name, namespace, UID and version at least.
    pub metadata: ObjectMeta,
}

impl<K> fmt::Debug for Arrived<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Arrived").field(self.packed.name()).finish()
    }
}

impl<K: Resource> Resource for Read<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(of: &K::DynamicType) -> Cow<'_, str> {
        K::kind(of)
    }
    fn group(of: &K::DynamicType) -> Cow<'_, str> {
        K::group(of)
    }
    fn version(of: &K::DynamicType) -> Cow<'_, str> {
        K::version(of)
    }
    fn plural(of: &K::DynamicType) -> Cow<'_, str> {
        K::plural(of)
    }
    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|u| &u.metadata, |a| a.object.meta())
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0
            .as_mut()
            .map_or_else(|u| &mut u.metadata, |a| a.object.meta_mut())
    }
}

impl<'de, K: Kind> Deserialize<'de> for Read<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = deserializer.deserialize_map(Whole)?;
        let object = values::count(&whole).and_then(|_| K::deserialize(&whole));
        Ok(Self(match object {
            Ok(mut object) => {
                object.settled();
                Ok(Arrived {
                    packed: Packed::new(&object, whole),
                    object: Box::new(object),
                })
            }
            Err(why) => Err(Unreadable {
                why: why.to_string(),
                metadata: known(whole.get("metadata").cloned().unwrap_or_default()),
            }),
        }))
    }
}

/// The metadata, or of those that cannot be read what everybody has.
fn known(metadata: Value) -> ObjectMeta {
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).map(Into::into);
    let least = ObjectMeta {
        name: text("name"),
        namespace: text("namespace"),
        uid: text("uid"),
        resource_version: text("resourceVersion"),
        ..ObjectMeta::default()
    };
    serde_json::from_value(metadata).unwrap_or(least)
}

/// Reads an object without `metadata.managedFields`: nobody here asks who wrote what, they are as large as the rest, and
/// what is written there may be nested deeper than a reader goes.
struct Whole;

impl<'de> Visitor<'de> for Whole {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of the Kubernetes API")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut whole = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = if key == "metadata" {
                Value::Object(map.next_value::<Metadata>()?.0)
            } else {
                map.next_value()?
            };
            whole.insert(key, value);
        }
        Ok(whole)
    }
}

struct Metadata(Map<String, Value>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Map<String, Value>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("metadata")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Map::new();
                while let Some(key) = map.next_key::<String>()? {
                    if key == "managedFields" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        fields.insert(key, map.next_value()?);
                    }
                }
                Ok(fields)
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Map::new())
            }
        }
        deserializer.deserialize_any(Fields).map(Self)
    }
}

/// Says that an object cannot be read; one that is being deleted is let go, for nobody else would ever do it.
pub async fn tell<K: Resource<DynamicType = ()>>(client: &Client, unreadable: Unreadable) {
    let Unreadable { why, metadata } = unreadable;
    let name = metadata.name.clone().unwrap_or_default();
    let about = ObjectReference {
        api_version: Some(K::api_version(&()).into()),
        kind: Some(K::kind(&()).into()),
        name: metadata.name.clone(),
        namespace: metadata.namespace.clone(),
        uid: metadata.uid.clone(),
        ..ObjectReference::default()
    };
    let held = metadata
        .finalizers
        .iter()
        .flatten()
        .any(|f| labels::is_our_finalizer(f));
    let going = held && metadata.deletion_timestamp.is_some();
    let end = if going {
        "; as it is being deleted it is let go, and what it stored is left"
    } else {
        "; nothing is done for it until it is put right"
    };
    let said = Said {
        warning: true,
        reason: "Unreadable",
        action: "Read",
        note: format!("it cannot be read: {why}{end}"),
    };
    events::publish(client, about, &said).await;
    if !going {
        return;
    }
    let kind = ApiResource::erase::<K>(&());
    let objects: Api<DynamicObject> = match metadata.namespace.as_deref() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &kind),
        None => Api::all_with(client.clone(), &kind),
    };
    let left: Vec<_> = metadata
        .finalizers
        .iter()
        .flatten()
        .filter(|f| !labels::is_our_finalizer(f))
        .collect();
    let change = json!({"metadata": {"finalizers": left, "resourceVersion": metadata.resource_version}});
    let parameters = PatchParams::default();
    let patch = Patch::Merge(&change);
    if let Err(error) = bounded("let it go", objects.patch_metadata(&name, &parameters, &patch)).await {
        // The answer may be as unreadable as the object.
        let error = events::causes(&error);
        tracing::warn!(name, error, "an object that cannot be read may not have been let go");
    }
}

#[cfg(test)]
mod tests {
    use ::api::BackupRun;
    use kube::ResourceExt;
    use kube::core::{ObjectList, WatchEvent};

    use super::*;

    fn run(name: &str) -> Value {
        let mut run = serde_json::to_value(testing::backup_run()).unwrap();
        run["metadata"] = json!({"name": name, "namespace": "team", "uid": name, "resourceVersion": "7"});
        run
    }

    /// What the API server takes and we do not.
    fn bad() -> Vec<(&'static str, Value)> {
        let mut late = run("late");
        late["status"] = json!({"startTime": "9999-12-31T23:59:59Z"});
        let mut many = run("many");
        many["status"] = json!({"attempts": 1_u64 << 40});
        let mut strange = run("strange");
        strange["metadata"]["creationTimestamp"] = json!("9999-12-31T23:59:59Z");
        let mut large = run("large");
        large["spec"]["template"]["spec"]["containers"][0]["args"] = json!(vec![""; 20_000]);
        vec![("late", late), ("many", many), ("strange", strange), ("large", large)]
    }

    #[test]
    fn one_object_that_cannot_be_read_is_one_object_of_a_list_and_of_a_watch() {
        for (name, bad) in bad() {
            let text = json!({"metadata": {"resourceVersion": "1"}, "items": [run("a"), bad, run("b")]}).to_string();
            let list: ObjectList<Read<BackupRun>> = serde_json::from_str(&text).unwrap();
            let read: Vec<_> = list.items.iter().map(|r| (r.name_any(), r.0.is_ok())).collect();
            assert_eq!(read, [("a".into(), true), (name.into(), false), ("b".into(), true)]);
            let known = list.items[1].meta();
            assert_eq!(
                (
                    known.namespace.as_deref(),
                    known.uid.as_deref(),
                    known.resource_version.as_deref()
                ),
                (Some("team"), Some(name), Some("7"))
            );
            let text = json!({"type": "MODIFIED", "object": bad}).to_string();
            let event: WatchEvent<Read<BackupRun>> = serde_json::from_str(&text).unwrap();
            assert!(matches!(event, WatchEvent::Modified(Read(Err(_)))), "{event:?}");
        }
    }

    #[test]
    fn who_wrote_what_is_not_read_however_late_or_deep_it_is() {
        let deep = format!("{}1{}", "{\"f:a\":".repeat(5000), "}".repeat(5000));
        let fields = format!("[{{\"manager\": \"eve\", \"time\": \"9999-12-31T23:59:59Z\", \"fieldsV1\": {deep}}}]");
        let text = run("a").to_string().replace(
            "\"name\":\"a\"",
            &format!("\"managedFields\": {fields}, \"name\": \"a\""),
        );
        let read: Read<BackupRun> = serde_json::from_str(&text).unwrap();
        assert_eq!(read.0.unwrap().object.metadata.managed_fields, None);
    }

    #[test]
    fn what_is_no_object_is_no_object() {
        for text in ["[]", "1", "{\"metadata\": []}"] {
            assert!(serde_json::from_str::<Read<BackupRun>>(text).is_err(), "{text}");
        }
        let read: Read<BackupRun> = serde_json::from_str("{}").unwrap();
        assert!(read.0.is_err());
    }
}
