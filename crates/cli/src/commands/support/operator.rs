//! What is asked about the operator itself: its objects, its Pods, what they wrote and what they measure.
use std::collections::BTreeSet;

use planner::mask::masked;
use serde_json::{Value, json};

use super::ask::Refusal;
use super::collect::{CORE, Collect, items};
use super::pack::{Bundle, end_of};

/// Bytes of a log that are asked for.
const LOG: usize = 8 << 20;
/// Pods of the operator that are looked at.
const REPLICAS: usize = 5;
/// What everything of an installation is labelled with.
const INSTALLED: &str = "labelSelector=app.kubernetes.io/name%3Dbackup-operator";
/// Where the operator is, if nobody says otherwise.
const HOME: &str = "backup-operator";

impl Collect<'_> {
    /// The namespace that the operator is in.
    pub(super) fn home(&self, bundle: &mut Bundle) -> String {
        if let Some(home) = self.home {
            return home.into();
        }
        match self
            .kubectl
            .json(&format!("/apis/apps/v1/deployments?limit=10&{INSTALLED}"))
        {
            Ok(list) => {
                let mut found = items(list).into_iter();
                let namespace = found.find_map(|d| Some(d.pointer("/metadata/namespace")?.as_str()?.to_string()));
                namespace.unwrap_or_else(|| HOME.into())
            }
            Err(why) => {
                bundle.left_out(format!(
                    "which namespace the operator is in: {why}; {HOME} is taken, --operator-namespace names another"
                ));
                HOME.into()
            }
        }
    }

    /// The operator's own objects; its Deployments.
    pub(super) fn operator(&self, home: &str, bundle: &mut Bundle) -> Vec<Value> {
        let mut deployments = Vec::new();
        for (file, path) in [
            (
                "operator/deployments.json",
                format!("/apis/apps/v1/namespaces/{home}/deployments?limit=10&{INSTALLED}"),
            ),
            (
                "operator/lease.json",
                format!("/apis/coordination.k8s.io/v1/namespaces/{home}/leases/backup-operator"),
            ),
            (
                "operator/webhooks.json",
                format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations?limit=10&{INSTALLED}"),
            ),
        ] {
            match self.kubectl.json(&path) {
                Ok(value) => {
                    if file.contains("deployments") {
                        deployments = items(value.clone());
                        if deployments.is_empty() {
                            bundle.left_out(format!(
                                "{file}: there is none in namespace {home}; --operator-namespace names another"
                            ));
                        }
                    }
                    bundle.object(file, value);
                }
                Err(why) => bundle.left_out(format!("{file}: {why}")),
            }
        }
        let mut crds = Vec::new();
        for plural in ["backupstorages", "backupschedules", "backupruns"] {
            let name = format!("{plural}.{}", api::GROUP);
            match self.kubectl.json(&format!(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
            )) {
                Ok(crd) => crds.push(without_schema(crd)),
                Err(why) => bundle.left_out(format!("operator/crds.json, {name}: {why}")),
            }
        }
        bundle.object("operator/crds.json", json!(crds));
        deployments
    }

    pub(super) fn versions(&self, cluster: Value, deployments: &[Value], bundle: &mut Bundle) {
        let images: BTreeSet<_> = deployments
            .iter()
            .filter_map(|d| d.pointer("/spec/template/spec/containers")?.as_array())
            .flatten()
            .filter_map(|c| c.get("image")?.as_str())
            .collect();
        let kubectl = self.kubectl.version().unwrap_or_else(|why| json!(why.to_string()));
        let all = json!({
            "cluster": cluster,
            "operator": images,
            "kubectl": kubectl.get("clientVersion").unwrap_or(&kubectl),
            "kubectl-backup": env!("CARGO_PKG_VERSION"),
        });
        bundle.object("versions.json", all);
    }

    /// Its Pods, what they wrote, and what they measure.
    pub(super) fn pods_of_the_operator(&self, home: &str, bundle: &mut Bundle) {
        let list = match self
            .kubectl
            .json(&format!("{CORE}/namespaces/{home}/pods?limit=50&{INSTALLED}"))
        {
            Ok(list) => list,
            Err(why) => return bundle.left_out(format!("operator/pods.json, logs and metrics: {why}")),
        };
        let pods = items(list.clone());
        bundle.object("operator/pods.json", list);
        if pods.len() > REPLICAS {
            bundle.left_out(format!(
                "operator/logs, operator/metrics: of {} Pods the first {REPLICAS} are in it",
                pods.len()
            ));
        }
        let pods: Vec<_> = pods.iter().take(REPLICAS).filter_map(Replica::of).collect();
        for pod in &pods {
            self.metrics(home, pod, bundle.share(8 * pods.len()), bundle);
        }
        // Half of what is left, each of them as much.
        let most = bundle.share(4 * pods.iter().map(|p| p.containers.len()).sum::<usize>());
        for pod in &pods {
            for (container, restarted) in &pod.containers {
                self.log(home, pod.name, container, false, most, bundle);
                if *restarted {
                    self.log(home, pod.name, container, true, most, bundle);
                }
            }
        }
    }

    fn metrics(&self, home: &str, pod: &Replica<'_>, most: usize, bundle: &mut Bundle) {
        let file = format!("operator/metrics/{}.txt", pod.name);
        let path = format!("{CORE}/namespaces/{home}/pods/{}:{}/proxy/metrics", pod.name, pod.port);
        match self.kubectl.get(&path) {
            Ok(text) => {
                let text = masked(&String::from_utf8_lossy(&text));
                if text.len() > most {
                    bundle.left_out(format!(
                        "{file}: {} bytes, for which --max-size has no room",
                        text.len()
                    ));
                } else {
                    bundle.file(&file, text);
                }
            }
            Err(Refusal::Forbidden(why)) => {
                bundle.left_out(format!("{file}: not allowed, it takes `get` on `pods/proxy`: {why}"));
            }
            Err(why) => bundle.left_out(format!("{file}: {why}")),
        }
    }

    fn log(&self, home: &str, pod: &str, container: &str, previous: bool, most: usize, bundle: &mut Bundle) {
        let which = if previous { ".previous" } else { "" };
        let file = format!("operator/logs/{pod}.{container}{which}.log");
        let (lines, bytes) = (self.log_lines, LOG);
        let path = format!(
            "{CORE}/namespaces/{home}/pods/{pod}/log?container={container}&previous={previous}&timestamps=true&tailLines={lines}&limitBytes={bytes}"
        );
        match self.kubectl.get(&path) {
            Ok(text) => {
                if text.len() >= bytes {
                    bundle.left_out(format!(
                        "{file}: what came after its first {} MiB; --log-lines makes it fewer",
                        LOG >> 20
                    ));
                }
                let text = masked(&String::from_utf8_lossy(&text));
                let (end, cut) = end_of(&text, most);
                if cut > 0 {
                    bundle.left_out(format!(
                        "{file}: its first {cut} bytes, for which --max-size has no room"
                    ));
                }
                bundle.file(&file, end.into());
            }
            Err(why) => bundle.left_out(format!("{file}: {why}")),
        }
    }
}

/// A Pod of the operator.
struct Replica<'a> {
    name: &'a str,
    /// Each container, and whether it was started before.
    containers: Vec<(&'a str, bool)>,
    /// Where it tells what it measures: the port of that name, or that of its health.
    port: u64,
}

impl<'a> Replica<'a> {
    fn of(pod: &'a Value) -> Option<Self> {
        let all = |at: &str| pod.pointer(at).and_then(Value::as_array).into_iter().flatten();
        let text = |value: &'a Value, field: &str| value.get(field).and_then(Value::as_str);
        let restarted: BTreeSet<_> = all("/status/containerStatuses")
            .filter(|s| s.get("restartCount").and_then(Value::as_u64).unwrap_or(0) > 0)
            .filter_map(|s| text(s, "name"))
            .collect();
        let containers: Vec<_> = all("/spec/containers")
            .filter_map(|c| text(c, "name"))
            .map(|name| (name, restarted.contains(name)))
            .collect();
        let ports: Vec<_> = all("/spec/containers")
            .filter_map(|c| c.get("ports")?.as_array())
            .flatten()
            .collect();
        let named = |name: &str| {
            let port = ports.iter().find(|p| text(p, "name") == Some(name))?;
            port.get("containerPort")?.as_u64()
        };
        Some(Self {
            name: pod.pointer("/metadata/name")?.as_str()?,
            containers,
            port: named("metrics").or_else(|| named("health")).unwrap_or(8081),
        })
    }
}

/// A CRD without what makes it long.
fn without_schema(mut crd: Value) -> Value {
    let versions = crd.pointer_mut("/spec/versions").and_then(Value::as_array_mut);
    for version in versions.into_iter().flatten().filter_map(Value::as_object_mut) {
        version.remove("schema");
        version.remove("additionalPrinterColumns");
    }
    crd
}
