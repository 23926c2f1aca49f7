//! One object through all layers: the schema, its metadata, the rules, the store's parameters, advice.
use std::collections::BTreeMap;

use api::drill::DrillMode;
use api::{BackupDrill, BackupRun, BackupSchedule, BackupStorage};
use jiff::Timestamp;
use kube::core::ObjectMeta;
use planner::advise;
use planner::validate::{self, Fault};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::schema::{self, Checked};

/// One thing to say.
#[derive(Debug)]
pub struct Finding {
    /// Where, and what.
    pub fault: Fault,
    /// Legal but unwise.
    pub warning: bool,
}

/// What stands in the same manifests.
pub struct Beside<'a> {
    /// Storages, by name.
    pub storages: &'a BTreeMap<String, BackupStorage>,
    /// Schedules.
    pub schedules: &'a [BackupSchedule],
}

/// What rules and advice say of an object that could be read.
type Said = (Vec<Fault>, Vec<Fault>);

/// Everything that is wrong or unwise in an object of one of our kinds, at a moment.
pub fn check(kind: &str, mut value: Value, crds: &[Value], beside: &Beside<'_>, now: Timestamp) -> Vec<Finding> {
    let storages = beside.storages;
    let schema = crds
        .iter()
        .find(|crd| crd.pointer("/spec/names/kind").and_then(Value::as_str) == Some(kind))
        .and_then(|crd| crd.pointer("/spec/versions/0/schema/openAPIV3Schema"));
    let mut checked = schema
        .map(|schema| schema::check(&mut value, schema))
        .unwrap_or_default();
    own_metadata(&mut value, kind != "BackupStorage", &mut checked.faults);
    if let Err(why) = validate::values::count(&value) {
        checked
            .faults
            .push(Fault::new("spec", format!("cannot be read: {why}")));
    }
    let said = match kind {
        "BackupStorage" => read::<BackupStorage>(value).map(|object| storage(&object)),
        "BackupSchedule" => read::<BackupSchedule>(value).map(|object| schedule(&object, storages, now)),
        "BackupDrill" => read::<BackupDrill>(value).map(|object| drill(&object, beside.schedules)),
        _ => read::<BackupRun>(value).map(|object| run(&object, storages)),
    };
    match said {
        Ok((faults, warnings)) => together(checked, faults, warnings),
        // What makes it unreadable has been said by the schema; where it has not, the reader's own words are better than none.
        Err(why) if checked.faults.is_empty() => vec![error(Fault::new("spec", format!("cannot be read: {why}")))],
        Err(_) => checked.faults.into_iter().map(error).collect(),
    }
}

fn read<K: DeserializeOwned>(value: Value) -> Result<K, serde_json::Error> {
    serde_json::from_value(value)
}

/// Checks the metadata; what cannot be read of them is put right, so that the rest can be.
fn own_metadata(value: &mut Value, namespaced: bool, faults: &mut Vec<Fault>) {
    let given = value.get("metadata").filter(|m| !m.is_null()).cloned();
    let metadata: Result<ObjectMeta, _> = given.map_or(Ok(ObjectMeta::default()), serde_json::from_value);
    match metadata {
        Ok(metadata) => faults.extend(validate::metadata::object(&metadata, namespaced)),
        Err(why) => faults.push(Fault::new("metadata", format!("cannot be read: {why}"))),
    }
    let readable = value
        .get("metadata")
        .is_some_and(|m| read::<ObjectMeta>(m.clone()).is_ok());
    if let (false, Some(object)) = (readable, value.as_object_mut()) {
        object.insert("metadata".into(), Value::Object(Map::new()));
    }
}

fn storage(storage: &BackupStorage) -> Said {
    let checked = validate::storage::validate(&storage.spec, store::parameters::faults);
    let faults = checked.err().unwrap_or_default();
    (faults, advise::storage(storage))
}

fn schedule(schedule: &BackupSchedule, storages: &BTreeMap<String, BackupStorage>, now: Timestamp) -> Said {
    let storage = storages.get(&schedule.spec.template.spec.storage.name);
    let faults = validate::schedule::validate(schedule).err().unwrap_or_default();
    let mut said = advise::schedule(schedule, storage, now);
    said.extend(advise::keys(&schedule.spec.template.spec, "spec.template.spec"));
    (faults, said)
}

fn run(run: &BackupRun, storages: &BTreeMap<String, BackupStorage>) -> Said {
    let storage = storages.get(&run.spec.storage.name);
    let faults = validate::run::validate(&run.spec).err().unwrap_or_default();
    // As the API server would see it: it gives a UID of its own, and takes no status.
    let mut applied = run.clone();
    (applied.metadata.uid, applied.status) = (None, None);
    let mut said = advise::marks(&applied);
    said.extend(advise::run(&run.spec, "spec", storage));
    said.extend(advise::keys(&run.spec, "spec"));
    (faults, said)
}

/// A schedule that is missing is told where others are there: who gives all of his manifests has forgotten it, or its name is a slip.
fn drill(drill: &BackupDrill, schedules: &[BackupSchedule]) -> Said {
    let faults = validate::drill::validate(drill).err().unwrap_or_default();
    let mut said = advise::drill(drill);
    let near = |s: &&BackupSchedule| s.metadata.namespace == drill.metadata.namespace;
    let named = |name: &str| {
        schedules
            .iter()
            .filter(near)
            .find(|s| s.metadata.name.as_deref() == Some(name))
    };
    let source = &drill.spec.source.schedule;
    let mut warn = |field: &str, words: String| said.push(Fault::new(field, words));
    match named(source) {
        None if schedules.iter().any(|s| near(&s)) => {
            let known = schedules.iter().filter(near).filter_map(|s| s.metadata.name.as_deref());
            let hint = validate::meant(source, known)
                .map(|m| format!("; did you mean {m}?"))
                .unwrap_or_default();
            warn(
                "spec.source.schedule",
                format!(
                    "there is no BackupSchedule {source} among these manifests, where others of its namespace are{hint}"
                ),
            );
        }
        Some(schedule)
            if drill.spec.mode == Some(DrillMode::Restore)
                && drill.spec.restore.is_none()
                && schedule.spec.template.spec.restore.is_none() =>
        {
            warn(
                "spec.restore",
                format!(
                    "neither this drill nor schedule {source} has a restore command, so that nothing is ever proved; give one of them one"
                ),
            );
        }
        _ => {}
    }
    if named(drill.metadata.name.as_deref().unwrap_or_default()).is_some() {
        warn(
            "metadata.name",
            "is the name of a BackupSchedule, too: their runs would have the same names, so that the drill makes none; give it another name".into(),
        );
    }
    (faults, said)
}

/// One line for each field: where two layers speak of the same one, the schema's words and then the cure. What stands beside
/// a choice that could not be read may depend on it, and is not judged.
fn together(checked: Checked, faults: Vec<Fault>, warnings: Vec<Fault>) -> Vec<Finding> {
    let Checked {
        faults: mut all,
        dropped,
        choices,
    } = checked;
    let parent = |field: &str| field.rsplit_once('.').map(|(parent, _)| parent.to_string());
    let open: Vec<_> = choices
        .iter()
        .filter_map(|field| parent(field))
        .filter(|p| !p.ends_with("spec"))
        .collect();
    for fault in faults {
        if parent(&fault.field).is_some_and(|p| open.contains(&p)) {
            continue;
        }
        match all.iter_mut().find(|f| f.field == fault.field) {
            Some(same) if same.message.contains(&fault.message) => {}
            Some(same) => same.message = format!("{}; {}", same.message, fault.message),
            None => all.push(fault),
        }
    }
    let told = |field: &str| all.iter().any(|f| f.field == field) || dropped.iter().any(|d| d == field);
    let warnings: Vec<_> = warnings.into_iter().filter(|w| !told(&w.field)).collect();
    let warned = warnings.into_iter().map(|fault| Finding { fault, warning: true });
    all.into_iter().map(error).chain(warned).collect()
}

fn error(fault: Fault) -> Finding {
    Finding { fault, warning: false }
}
