//! What a bucket has: objects and the records beside them, matched with each other and with the runs of a cluster.
pub mod gather;

use std::collections::BTreeMap;

use api::place::Place;
use api::{BackupRun, labels};
use kube::ResourceExt;
use record::Record;
use store::Listed;

/// A backup of a bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The object's key, or of a record that cannot be read its own.
    pub key: String,
    /// The run that made it, as far as record or object say so.
    pub of: Option<Place>,
    /// The cluster that made it.
    pub cluster: Option<String>,
    /// The record, with its own key.
    pub record: Option<(String, Record)>,
    /// The object, as the bucket lists it.
    pub object: Option<Listed>,
    /// What is to be said of both.
    pub state: State,
    /// The run is in this cluster.
    pub has_run: bool,
}

/// How object and record go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The object is the one that the record describes.
    Good,
    /// The object is there, and no record: the run's spec is not in the bucket.
    NoRecord,
    /// The record is there, and no object.
    NoObject,
    /// Under the record's key lies another object.
    Replaced,
    /// The record cannot be believed, in words.
    Unreadable(String),
}

impl State {
    /// In one or two words.
    pub fn word(&self) -> &str {
        match self {
            Self::Good => "Good",
            Self::NoRecord => "NoRecord",
            Self::NoObject => "NoObject",
            Self::Replaced => "Replaced",
            Self::Unreadable(_) => "Unreadable",
        }
    }
}

/// What was found in the bucket.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Objects that are no own ones of the operator, by key.
    pub objects: BTreeMap<String, Listed>,
    /// Records by their own keys, or why they are none.
    pub records: BTreeMap<String, Result<Record, String>>,
    /// Who made the objects that no record names, and in which cluster, by key: where their metadata say so.
    pub makers: BTreeMap<String, (Place, Option<String>)>,
    /// Records whose version of the object was looked for and is there.
    pub versions: std::collections::BTreeSet<String>,
}

/// The catalog. `folder` says what is put before the paths of a namespace: a record elsewhere is nobody's.
pub fn entries(gathered: &Gathered, runs: &[BackupRun], folder: impl Fn(&str) -> String) -> Vec<Entry> {
    let lives: BTreeMap<(String, String), Vec<&str>> = runs.iter().map(|run| (name(run), lives(run))).collect();
    let mut described = std::collections::BTreeSet::new();
    let mut all = Vec::new();
    for (at, record) in &gathered.records {
        let Some((prefix, place)) = Place::of(at) else { continue };
        let unreadable = |why: String| Entry {
            key: at.clone(),
            of: Some(place.clone()),
            cluster: None,
            record: None,
            object: None,
            state: State::Unreadable(why),
            has_run: lives.contains_key(&(place.namespace.clone(), place.run.clone())),
        };
        let record = match record {
            Ok(record) => record,
            Err(_) if prefix != folder(&place.namespace) => continue,
            Err(why) => {
                all.push(unreadable(why.clone()));
                continue;
            }
        };
        if prefix != folder(&place.namespace) {
            // Of another storage, whose prefix lies within this one's.
            described.insert(record.key.as_str());
            continue;
        }
        if record.place() != place || !record.key.starts_with(prefix) {
            all.push(unreadable("it speaks of another run than its own key".into()));
            continue;
        }
        let object = gathered.objects.get(&record.key);
        let same = |o: &Listed| o.size == record.stored_bytes && bare(&o.etag) == bare(&record.etag);
        let state = match object {
            _ if gathered.versions.contains(at) => State::Good,
            Some(object) if same(object) => State::Good,
            Some(_) => State::Replaced,
            None => State::NoObject,
        };
        if state == State::Good {
            described.insert(record.key.as_str());
        }
        all.push(Entry {
            key: record.key.clone(),
            of: Some(place.clone()),
            cluster: Some(record.cluster.clone()).filter(|c| !c.is_empty()),
            record: Some((at.clone(), record.clone())),
            object: object.cloned().filter(|_| state == State::Good),
            has_run: has_life(&lives, &place, &record.uid),
            state,
        });
    }
    for (key, object) in &gathered.objects {
        if described.contains(key.as_str()) {
            continue;
        }
        let maker = gathered.makers.get(key);
        let of = maker.map(|(place, _)| place.clone());
        all.push(Entry {
            key: key.clone(),
            has_run: of
                .as_ref()
                .is_some_and(|at| lives.contains_key(&(at.namespace.clone(), at.run.clone()))),
            of,
            cluster: maker.and_then(|(_, cluster)| cluster.clone()),
            record: None,
            object: Some(object.clone()),
            state: State::NoRecord,
        });
    }
    all.sort_by(|a, b| order(a).cmp(&order(b)));
    all
}

/// Runs with a good backup whose object is not in the bucket, and what is there instead: nothing, or another one (a newer backup of the same
/// path is one that the run says itself, and its own).
pub fn missing<'r>(gathered: &Gathered, runs: &'r [BackupRun]) -> Vec<(&'r BackupRun, State)> {
    let lost = |run: &'r BackupRun| {
        let status = run.status.as_ref().filter(|_| run.spec.backup.is_some())?;
        let good =
            api::condition::is_true(&status.conditions, api::condition::SUCCESSFUL) && status.version_id.is_none();
        let key = status.key.as_ref().filter(|_| good)?;
        let Some(object) = gathered.objects.get(key) else {
            return Some((run, State::NoObject));
        };
        let size = status.size_in_bytes.is_some_and(|size| size != object.size);
        let etag = status
            .etag
            .as_ref()
            .filter(|etag| !etag.is_empty() && !object.etag.is_empty());
        let another = size || etag.is_some_and(|etag| bare(etag) != bare(&object.etag));
        another.then_some((run, State::Replaced))
    };
    runs.iter().filter_map(lost).collect()
}

fn order(entry: &Entry) -> (Option<&Place>, &str) {
    (entry.of.as_ref(), &entry.key)
}

/// Stores differ in whether their lists have the quotes.
fn bare(etag: &str) -> &str {
    etag.trim_matches('"')
}

fn name(run: &BackupRun) -> (String, String) {
    (run.namespace().unwrap_or_default(), run.name_any())
}

/// The UIDs that a run has had.
fn lives(run: &BackupRun) -> Vec<&str> {
    let before = run.annotations().get(labels::STARTED_AS).map(String::as_str);
    run.metadata.uid.as_deref().into_iter().chain(before).collect()
}

/// The record's run is here: itself, or made of it, in whatever namespace.
fn has_life(lives: &BTreeMap<(String, String), Vec<&str>>, place: &Place, uid: &str) -> bool {
    let all = lives.iter().filter(|((_, run), _)| *run == place.run);
    all.into_iter().any(|(_, uids)| uids.contains(&uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run: &str, etag: &str) -> Record {
        let of = testing::backup_run();
        serde_json::from_value(serde_json::json!({
            "record": 1, "writtenBy": "t", "cluster": "c", "namespace": "team", "run": run, "uid": format!("uid-{run}"),
            "attempt": "backup-1", "storage": "s", "path": format!("/{run}.sql"), "key": format!("p/{run}.sql"), "etag": etag,
            "storedBytes": 3, "completionTime": "2026-11-28T01:00:00Z", "spec": of.spec,
        }))
        .unwrap()
    }

    fn listed(key: &str, etag: &str) -> (String, Listed) {
        let object = Listed {
            key: key.into(),
            size: 3,
            etag: etag.into(),
            modified: None,
        };
        (key.into(), object)
    }

    fn at(run: &str) -> String {
        record(run, "e").place().key("p/")
    }

    fn run(name: &str, uid: &str) -> BackupRun {
        let mut run = testing::backup_run();
        run.metadata.name = Some(name.into());
        run.metadata.uid = Some(uid.into());
        run
    }

    #[test]
    fn each_backup_of_a_bucket_is_told_by_what_object_and_record_say_together() {
        let mut gathered = Gathered::default();
        for (name, etag) in [("good", "e"), ("replaced", "e"), ("gone", "e"), ("kept", "e")] {
            gathered.records.insert(at(name), Ok(record(name, etag)));
        }
        gathered.records.insert(at("broken"), Err("no JSON".into()));
        gathered.records.insert(at("forged"), Ok(record("good", "e")));
        gathered
            .records
            .insert(record("good", "e").place().key("other/"), Ok(record("good", "e")));
        gathered.versions.insert(at("kept"));
        gathered.objects.extend([
            listed("p/good.sql", "\"e\""),
            listed("p/replaced.sql", "\"f\""),
            listed("p/kept.sql", "\"g\""),
            listed("p/alone.sql", "x"),
        ]);
        let maker = Place {
            namespace: "team".into(),
            schedule: None,
            run: "alone".into(),
        };
        gathered.makers.insert("p/alone.sql".into(), (maker, Some("c".into())));
        let runs = [run("good", "another"), run("kept", "uid-kept")];
        let found = entries(&gathered, &runs, |_| "p/".into());
        let told: Vec<_> = found
            .iter()
            .map(|e| {
                (
                    e.of.as_ref().map_or("", |p| &p.run),
                    e.key.as_str(),
                    e.state.word(),
                    e.has_run,
                )
            })
            .collect();
        let broken = at("broken");
        let forged = at("forged");
        let wanted = [
            ("alone", "p/alone.sql", "NoRecord", false),
            ("broken", broken.as_str(), "Unreadable", false),
            ("forged", forged.as_str(), "Unreadable", false),
            ("gone", "p/gone.sql", "NoObject", false),
            // Another run has the name: this backup has none. A record of another storage's prefix is none of this one's.
            ("good", "p/good.sql", "Good", false),
            ("kept", "p/kept.sql", "Good", true),
            ("replaced", "p/replaced.sql", "Replaced", false),
        ];
        for row in wanted {
            assert!(told.contains(&row), "{row:?} is not in {told:#?}");
        }
        assert!(
            told.contains(&("", "p/replaced.sql", "NoRecord", false)),
            "what replaced it says nothing of itself"
        );
        assert_eq!(told.len(), wanted.len() + 1);
    }

    #[test]
    fn a_run_whose_object_is_not_in_the_bucket_is_missing_it_also_where_another_one_has_its_key() {
        let mut good = run("good", "u");
        good.status = serde_json::from_value(serde_json::json!({
            "key": "p/good.sql", "etag": "e", "sizeInBytes": 3,
            "conditions": [{"type": "Successful", "status": "True", "reason": "BackupSuccessful", "message": "", "lastTransitionTime": "2026-11-28T01:00:00Z"}],
        }))
        .ok();
        let mut gathered = Gathered::default();
        let runs = [good, run("new", "v")];
        let states = |gathered: &Gathered| missing(gathered, &runs).into_iter().map(|(_, s)| s).collect::<Vec<_>>();
        assert_eq!(states(&gathered), [State::NoObject]);
        gathered.objects.extend([listed("p/good.sql", "\"e\"")]);
        assert!(states(&gathered).is_empty());
        gathered.objects.extend([listed("p/good.sql", "f")]);
        assert_eq!(states(&gathered), [State::Replaced]);
    }
}
