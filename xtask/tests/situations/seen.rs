//! What `kubectl describe` and `kubectl get` show of objects in the situations of the tables, held to golden files.
//! `RENEW_SEEN=1 cargo test -p xtask --test situations` writes them again: read them as whoever is called at three in the morning.
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ObjectReference;
use planner::events;
use serde_json::{Value, json};
use servers::ApiServer;

use crate::Row;
use crate::judges::root;

/// A kind, the situations of it that are shown, and its table.
pub type Kind = (&'static str, &'static [&'static str], Vec<Row>);

/// Holds them all to their files: a file for each `describe`, and one for each kind's columns.
pub fn hold(kinds: &[Kind]) {
    let cluster = ApiServer::start(&root().join("deploy/crds.yaml"));
    let seen: Vec<_> = kinds
        .iter()
        .flat_map(|(kind, shown, rows)| shown.iter().map(move |situation| Seen::new(kind, situation, rows)))
        .collect();
    let namespaces: Vec<_> = seen.iter().filter_map(Seen::own_namespace).collect();
    cluster.with(&["create"], &namespaces);
    let objects: Vec<_> = seen.iter().map(|s| s.object.clone()).collect();
    let apply = ["apply", "--server-side", "--force-conflicts"];
    cluster.with(&apply, &objects);
    cluster.with(&[&apply[..], &["--subresource=status"]].concat(), &objects);
    let uids = uids(&cluster, kinds);
    let said: Vec<_> = seen.iter().flat_map(|s| s.events(&uids[&s.id()])).collect();
    cluster.with(&["create"], &said);
    let mut files = BTreeMap::new();
    for one in &seen {
        files.insert(format!("{}/{}.txt", one.kind, one.slug), one.described(&cluster));
    }
    for (kind, ..) in kinds {
        files.insert(format!("{kind}/columns.txt"), columns(&cluster, kind));
    }
    compare(&files);
}

/// An object on its way through the cluster. Each has a namespace of its own, or where the kind has none a name.
struct Seen<'a> {
    kind: &'static str,
    slug: String,
    row: &'a Row,
    object: Value,
}

impl<'a> Seen<'a> {
    fn new(kind: &'static str, situation: &str, rows: &'a [Row]) -> Self {
        let row = rows.iter().find(|row| row.situation == situation);
        let row = row.unwrap_or_else(|| panic!("{kind}: no row is called {situation:?}"));
        let words = situation.split(|c: char| !c.is_ascii_alphanumeric());
        let slug = words
            .filter(|w| !w.is_empty())
            .collect::<Vec<_>>()
            .join("-")
            .to_lowercase();
        let mut object = row.object.clone();
        let metadata = object["metadata"].as_object_mut().unwrap();
        for field in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "generation",
            "finalizers",
        ] {
            metadata.remove(field);
        }
        let own = if metadata.contains_key("namespace") {
            "namespace"
        } else {
            "name"
        };
        metadata.insert(own.into(), json!(slug));
        Self {
            kind,
            slug,
            row,
            object,
        }
    }

    fn own_namespace(&self) -> Option<Value> {
        let name = self.object["metadata"].get("namespace")?;
        Some(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
    }

    fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap()
    }

    /// Kind, namespace, name.
    fn id(&self) -> String {
        let namespace = self.object["metadata"]["namespace"].as_str().unwrap_or_default();
        format!("{}/{namespace}/{}", self.kind, self.name())
    }

    /// What the operator would write, a second after the other.
    fn events(&self, uid: &str) -> Vec<Value> {
        let text = |value: &Value| value.as_str().map(ToString::to_string);
        let about = ObjectReference {
            api_version: text(&self.object["apiVersion"]),
            kind: text(&self.object["kind"]),
            name: text(&self.object["metadata"]["name"]),
            namespace: text(&self.object["metadata"]["namespace"]),
            uid: Some(uid.into()),
            ..ObjectReference::default()
        };
        let began: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let written = self.row.events.iter().zip(1..).map(|(event, second)| {
            let at = began + SignedDuration::from_secs(second);
            let event = events::object(about.clone(), event, "operator-1", at);
            let mut value = serde_json::to_value(event).unwrap();
            value["apiVersion"] = json!("events.k8s.io/v1");
            value["kind"] = json!("Event");
            value
        });
        written.collect()
    }

    fn described(&self, cluster: &ApiServer) -> String {
        let mut args = vec!["describe", self.kind, self.name()];
        args.extend(
            self.object["metadata"]["namespace"]
                .as_str()
                .iter()
                .flat_map(|n| ["-n", n]),
        );
        let text = cluster.kubectl(&args, "");
        let (object, events) = text.split_once("\nEvents:").expect("Events");
        let generation = self.row.object["metadata"]["generation"].to_string();
        let equal = |line: &str| {
            let Some((field, value)) = line.split_once(':') else {
                return line.to_string();
            };
            let padding: String = value.chars().take_while(|c| *c == ' ').collect();
            let put = match field {
                "Name" | "Namespace" => self.row.object["metadata"][field.to_lowercase()]
                    .as_str()
                    .unwrap_or_default(),
                "  Creation Timestamp" => "TIME",
                "  Generation" => &generation,
                "  Resource Version" => "VERSION",
                "  UID" => "UID",
                _ => return line.to_string(),
            };
            format!("{field}:{padding}{put}").trim_end().to_string()
        };
        let object: Vec<_> = object.lines().map(equal).collect();
        // How long ago is another each time, and the width of the columns with it.
        let events: String = events.trim().lines().map(without_age).collect();
        format!("{}\nEvents:\n{events}", object.join("\n"))
    }
}

/// A line of Events: type, reason, age, who, message.
fn without_age(line: &str) -> String {
    let (mut rest, mut cells) = (line.trim(), Vec::new());
    while let (Some((cell, more)), true) = (rest.split_once("  "), cells.len() < 4) {
        cells.push(cell);
        rest = more.trim_start();
    }
    cells.push(rest);
    if cells.len() == 5 {
        cells.remove(2);
    }
    format!("  {}\n", cells.join("  "))
}

fn uids(cluster: &ApiServer, kinds: &[Kind]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (kind, ..) in kinds {
        let list: Value = serde_json::from_str(&cluster.kubectl(&["get", kind, "-A", "-o", "json"], "")).unwrap();
        for item in list["items"].as_array().unwrap() {
            let text = |field: &str| item["metadata"][field].as_str().unwrap_or_default();
            let id = format!("{kind}/{}/{}", text("namespace"), text("name"));
            all.insert(id, text("uid").to_string());
        }
    }
    all
}

/// The columns of a kind, for people at a glance and with `-o wide`: its objects as rows, without what is another each time.
fn columns(cluster: &ApiServer, kind: &str) -> String {
    let table = |wide: &[&str]| aged(&cluster.kubectl(&[&["get", kind, "-A"], wide].concat(), ""));
    format!("{}\n{}", table(&[]), table(&["-o", "wide"]))
}

/// Columns that say how long ago something was, which is another each time.
const AGES: [&str; 7] = [
    "AGE",
    "LAST PROVED",
    "GOOD AGE",
    "LAST VERIFIED",
    "LAST SCHEDULED",
    "LAST PROBE",
    "STARTED",
];

fn aged(table: &str) -> String {
    let head = table.lines().next().unwrap_or_default();
    let starts = starts(head);
    let cell = |line: &str, n: usize| {
        let end = starts.get(n + 1).copied().unwrap_or(line.len()).min(line.len());
        line.get(starts[n]..end).unwrap_or_default().trim().to_string()
    };
    let row = |line: &str| {
        let cells = (0..starts.len()).map(|n| match cell(line, n) {
            told if !told.is_empty() && line != head && AGES.contains(&cell(head, n).as_str()) => "(age)".into(),
            told => told,
        });
        cells.collect::<Vec<_>>().join(" | ").trim_end().to_string() + "\n"
    };
    table.lines().map(row).collect()
}

/// Where the columns begin: after two blanks or more, as kubectl's do.
fn starts(head: &str) -> Vec<usize> {
    let begins = |at: &usize| !head[*at..].starts_with(' ') && (*at == 0 || head[..*at].ends_with("   "));
    (0..head.len()).filter(begins).collect()
}

fn compare(files: &BTreeMap<String, String>) {
    let folder: PathBuf = root().join("xtask/tests/seen");
    if std::env::var_os("RENEW_SEEN").is_some() {
        let _ = std::fs::remove_dir_all(&folder);
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        return;
    }
    let mut wrong = Vec::new();
    for (name, text) in files {
        let held = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        if held != *text {
            wrong.push(format!(
                "xtask/tests/seen/{name} has\n{held}\nand kubectl shows\n{text}"
            ));
        }
    }
    let kinds: BTreeSet<_> = files.keys().filter_map(|name| name.split('/').next()).collect();
    for kind in kinds {
        for file in std::fs::read_dir(folder.join(kind)).into_iter().flatten().flatten() {
            let name = format!("{kind}/{}", file.file_name().to_string_lossy());
            if !files.contains_key(&name) {
                wrong.push(format!("xtask/tests/seen/{name} is of no situation"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nWhere the new words are better: RENEW_SEEN=1 cargo test -p xtask --test situations",
        wrong.join("\n\n")
    );
}
