//! What is asked of the cluster, in the order in which it gets its share of the room.
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use api::labels;
use serde_json::Value;

use super::ask::{Kubectl, Refusal};
use super::pack::{Bundle, Kept};

/// Objects of one page.
const PAGE: usize = 200;
/// Pages of one list: 50,000 objects.
const PAGES: usize = 250;
/// Where our kinds are.
const OURS: &str = "/apis/backup-operator.io/v1";
/// Where Pods and Events are.
pub(super) const CORE: &str = "/api/v1";

/// What is collected, and whom it is asked of.
pub struct Collect<'a> {
    /// Whom.
    pub kubectl: &'a Kubectl,
    /// Objects of these namespaces only; of all where it is empty.
    pub namespaces: &'a [String],
    /// Where the operator is, if somebody said so.
    pub home: Option<&'a str>,
    /// Lines of each log.
    pub log_lines: u32,
    /// Those of the namespaces in which something was found.
    pub found: RefCell<BTreeSet<String>>,
}

impl Collect<'_> {
    /// All of it.
    pub fn all(&self, cluster: Value, bundle: &mut Bundle) {
        let home = self.home(bundle);
        let deployments = self.operator(&home, bundle);
        self.versions(cluster, &deployments, bundle);
        self.pods_of_the_operator(&home, bundle);
        let none: &[String] = &[];
        self.lists("storages.json", OURS, "backupstorages", "", none, 4, bundle);
        self.lists(
            "schedules.json",
            OURS,
            "backupschedules",
            "",
            self.namespaces,
            4,
            bundle,
        );
        self.lists("drills.json", OURS, "backupdrills", "", self.namespaces, 4, bundle);
        let pods = self.pods(bundle);
        self.events(&pods, bundle);
        // What is left: of these there are most.
        self.lists("runs.json", OURS, "backupruns", "", self.namespaces, 1, bundle);
    }

    /// The Pods of runs; their names by namespace.
    fn pods(&self, bundle: &mut Bundle) -> BTreeMap<String, BTreeSet<String>> {
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut kept = Kept::new(bundle.share(5));
        let query = format!("&labelSelector={}", labels::RUN);
        self.each("pods.json", CORE, "pods", &query, self.namespaces, bundle, |pod| {
            let of = |field: &str| Some(pod.pointer(&format!("/metadata/{field}"))?.as_str()?.to_string());
            if let (Some(namespace), Some(name)) = (of("namespace"), of("name")) {
                names.entry(namespace).or_default().insert(name);
            }
            kept.push(pod);
        });
        bundle.list("pods.json", kept);
        names
    }

    /// The Events of our objects, and of the Pods of runs.
    fn events(&self, pods: &BTreeMap<String, BTreeSet<String>>, bundle: &mut Bundle) {
        let mut kept = Kept::new(bundle.share(4));
        let file = "events.json";
        // Those of what has no namespace are in this one.
        let default = ["default".to_string()];
        for (kind, namespaces) in [
            ("BackupStorage", &default[..]),
            ("BackupSchedule", self.namespaces),
            ("BackupDrill", self.namespaces),
            ("BackupRun", self.namespaces),
        ] {
            let query = format!("&fieldSelector=involvedObject.kind%3D{kind}");
            let of = format!("{file}, {kind}");
            self.each(&of, CORE, "events", &query, namespaces, bundle, |event| {
                kept.push(event)
            });
        }
        for (namespace, names) in pods {
            let query = "&fieldSelector=involvedObject.kind%3DPod";
            let only = std::slice::from_ref(namespace);
            let of = format!("{file}, Pod");
            self.each(&of, CORE, "events", query, only, bundle, |event| {
                let about = event.pointer("/involvedObject/name").and_then(Value::as_str);
                if about.is_some_and(|name| names.contains(name)) {
                    kept.push(event);
                }
            });
        }
        bundle.list(file, kept);
    }

    #[allow(clippy::too_many_arguments)]
    fn lists(
        &self,
        file: &str,
        group: &str,
        plural: &str,
        query: &str,
        namespaces: &[String],
        share: usize,
        bundle: &mut Bundle,
    ) {
        // A list has a frame, too.
        let mut kept = Kept::new(bundle.share(share).saturating_sub(100));
        self.each(file, group, plural, query, namespaces, bundle, |item| kept.push(item));
        bundle.list(file, kept);
    }

    /// Each object of a list, in those namespaces or in all. A list that is refused is noted, and the next one is asked for.
    #[allow(clippy::too_many_arguments)]
    fn each(
        &self,
        file: &str,
        group: &str,
        plural: &str,
        query: &str,
        namespaces: &[String],
        bundle: &mut Bundle,
        mut seen: impl FnMut(Value),
    ) {
        let everywhere = [String::new()];
        let namespaces = if namespaces.is_empty() {
            &everywhere[..]
        } else {
            namespaces
        };
        for namespace in namespaces {
            let (path, whose) = match namespace.as_str() {
                "" => (format!("{group}/{plural}"), String::new()),
                one => (
                    format!("{group}/namespaces/{one}/{plural}"),
                    format!(" of namespace {one}"),
                ),
            };
            let mut noted = |item| {
                if !namespace.is_empty() {
                    self.found.borrow_mut().insert(namespace.clone());
                }
                seen(item);
            };
            if let Err(why) = self.pages(&path, query, &mut noted) {
                let hint = match (&why, namespace.as_str()) {
                    (Refusal::Forbidden(_), "") => "; --namespace asks for those of one",
                    _ => "",
                };
                bundle.left_out(format!("{file}, {plural}{whose}: {why}{hint}"));
            }
        }
    }

    fn pages(&self, path: &str, query: &str, seen: &mut impl FnMut(Value)) -> Result<(), Refusal> {
        let mut next = String::new();
        for _ in 0..PAGES {
            let page = self.kubectl.json(&format!("{path}?limit={PAGE}{query}{next}"))?;
            let more = page
                .pointer("/metadata/continue")
                .and_then(Value::as_str)
                .unwrap_or_default();
            next = format!("&continue={more}");
            let last = more.is_empty();
            items(page).into_iter().for_each(&mut *seen);
            if last {
                return Ok(());
            }
        }
        Err(Refusal::Failed(format!("there are more than {}", PAGES * PAGE)))
    }
}

/// The items of a list, each with its own kind: lists of the API server name it once.
pub(super) fn items(mut list: Value) -> Vec<Value> {
    let of = |field: &str| list.get(field).and_then(Value::as_str).map(str::to_string);
    let (kind, version) = (of("kind"), of("apiVersion"));
    let kind = kind.and_then(|k| k.strip_suffix("List").map(str::to_string));
    let mut all = list
        .get_mut("items")
        .and_then(Value::as_array_mut)
        .map(std::mem::take)
        .unwrap_or_default();
    for fields in all.iter_mut().filter_map(Value::as_object_mut) {
        for (field, word) in [("kind", &kind), ("apiVersion", &version)] {
            if let Some(word) = word {
                fields.entry(field).or_insert_with(|| word.as_str().into());
            }
        }
    }
    all
}
