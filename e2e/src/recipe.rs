//! Recipes: the run of an example in docs/examples, against a server of the case's own. What people copy is what is run; only the
//! storage, the path, the images and the deadlines are the case's.
use std::cell::RefCell;
use std::time::Duration;

use api::BackupRun;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::case::Case;
use crate::example::{documents, merge};
use crate::runs::{START, status};
use crate::shared::{NAMESPACE, SECRET, STORAGE, parameters};
use crate::{cluster, exec};

/// What a run of a recipe may take.
const DEADLINE: u32 = 120;
/// Bytes a second of a storage that holds a command back: it is within its first seconds when its server is killed, and what is on the way then soon comes.
const PACE: &str = "2Mi";

/// What an example makes runs of.
#[derive(Clone, Debug)]
pub struct Recipe(Value);

impl Recipe {
    /// Of the one BackupRun, or BackupSchedule, of a file in docs/examples.
    pub fn of(file: &str) -> Self {
        let specs = documents(file)
            .into_iter()
            .filter_map(|mut d| match d["kind"].as_str() {
                Some("BackupRun") => Some(d["spec"].take()),
                Some("BackupSchedule") => Some(d["spec"]["template"]["spec"].take()),
                _ => None,
            });
        let mut found: Vec<_> = specs.collect();
        assert_eq!(found.len(), 1, "runs and schedules of {file}");
        Self(found.remove(0))
    }

    /// Changed as by `kubectl patch --type=merge`.
    pub fn with(mut self, change: &Value) -> Self {
        merge(&mut self.0, change);
        self
    }

    /// Each container (and init container) changed in this way: its image, as a rule.
    pub fn container(mut self, change: &Value) -> Self {
        for kind in ["containers", "initContainers"] {
            let all = self.0["template"]["spec"].get_mut(kind).and_then(Value::as_array_mut);
            all.into_iter().flatten().for_each(|c| merge(c, change));
        }
        self
    }

    /// With another text in its stead wherever it stands: the name of a Secret, a host, a flag. It must be there.
    pub fn instead(self, text: &str, other: &str) -> Self {
        let whole = self.0.to_string();
        let (text, other) = (json!(text).to_string(), json!(other).to_string());
        let inner = |quoted: &str| quoted[1..quoted.len() - 1].to_string();
        let (text, other) = (inner(&text), inner(&other));
        assert!(whole.contains(&text), "the example has no {text:?}: {whole}");
        Self(serde_json::from_str(&whole.replace(&text, &other)).expect("JSON"))
    }

    /// The spec of a run that writes to (or reads from) `name` in the case's own folder.
    pub fn run(&self, case: &Case, name: &str) -> Value {
        let mut spec = self.0.clone();
        let change = json!({
            "storage": {"name": STORAGE, "path": case.path(name)},
            "startDeadlineSeconds": START,
            "template": {"spec": {"terminationGracePeriodSeconds": 1}},
        });
        merge(&mut spec, &change);
        for action in ["backup", "restore"] {
            if spec[action].is_object() {
                spec[action]["deadlineSeconds"] = json!(DEADLINE);
            }
        }
        spec
    }
}

/// A server: one Pod behind a Service of its name.
pub struct Server<'a> {
    /// Of the Pod and of the Service, as the example calls the host.
    pub name: &'a str,
    /// Its image.
    pub image: &'a str,
    /// Arguments for the image's entrypoint; none for its own.
    pub args: &'a [&'a str],
    /// Its environment: `env` of the container.
    pub env: Value,
    /// Where it listens.
    pub port: u16,
    /// A script of `sh` that succeeds in the Pod as soon as the server answers.
    pub ping: &'a str,
    /// Changes of the Pod's spec, merged; null for none. The container is `containers[0]`.
    pub pod: Value,
}

/// What a case knows of the data that a recipe is to bring back: scripts of `sh` in the server's Pod.
pub struct Data<'a> {
    /// The Pod.
    pub pod: &'a str,
    /// Prints a checksum of all data.
    pub sum: &'a str,
    /// Takes all data away.
    pub destroy: &'a str,
}

impl Case {
    /// A Secret of the case, by the name that the example has for it.
    pub async fn secret(&self, name: &str, data: Value) {
        self.apply::<Secret>(json!({"metadata": {"name": name}, "stringData": data}))
            .await;
    }

    /// Runs a script of `sh` in a Pod of the case; its output without surrounding spaces.
    pub async fn sh(&self, pod: &str, script: &str) -> String {
        self.exec(pod, &["sh", "-c", script]).await
    }

    /// The same where the script may fail: then what went wrong.
    pub async fn try_sh(&self, pod: &str, script: &str) -> Result<String, String> {
        let done = exec::exec(self.client(), self.namespace(), pod, &["sh", "-c", script]).await;
        done.map(|out| out.trim().to_string())
    }

    /// Starts a server, and waits until it answers and its Service leads to it.
    pub async fn serve(&self, server: &Server<'_>) {
        let labels = json!({"app": server.name});
        let mut container = json!({"name": "server", "image": server.image, "env": server.env});
        if !server.args.is_empty() {
            container["args"] = json!(server.args);
        }
        // Shared, so that the server is no init, which none of its own processes may kill.
        let mut spec =
            json!({"containers": [container], "shareProcessNamespace": true, "terminationGracePeriodSeconds": 1});
        if !server.pod.is_null() {
            let mut change = server.pod.clone();
            if let Some(first) = change.get_mut("containers").map(Value::take) {
                merge(&mut spec["containers"][0], &first[0]);
            }
            change.as_object_mut().expect("a Pod's spec").remove("containers");
            merge(&mut spec, &change);
        }
        let metadata = json!({"name": server.name, "labels": labels});
        self.apply::<Pod>(json!({"metadata": metadata, "spec": spec})).await;
        let ports = json!([{"port": server.port}]);
        self.apply::<Service>(json!({"metadata": metadata, "spec": {"selector": labels, "ports": ports}}))
            .await;
        let last = RefCell::new(String::new());
        let answers = cluster::poll(Duration::from_secs(240), || async {
            let answer = self.try_sh(server.name, server.ping).await;
            answer.map_err(|e| last.replace(e)).ok()
        });
        let said = || last.borrow().clone();
        assert!(answers.await.is_some(), "{} does not answer: {}", server.name, said());
        // The kubelet tells a second later that it is up, and a run that has its agent from an image volume begins sooner than that.
        let slices: Api<EndpointSlice> = self.api();
        let of_service = ListParams::default().labels(&format!("kubernetes.io/service-name={}", server.name));
        self.wait(&format!("the Service leads to {}", server.name), 30, || async {
            let all = slices.list(&of_service).await.ok()?;
            let mut ends = all.items.iter().flat_map(|slice| &slice.endpoints);
            ends.any(|end| end.conditions.as_ref().is_some_and(|c| c.ready == Some(true)))
                .then_some(())
        })
        .await;
    }

    /// Backs up, destroys, restores, and holds the sums against each other. The object is kept.
    pub async fn comes_back(&self, recipe: &Recipe, data: &Data<'_>, name: &str) -> BackupRun {
        let before = self.sh(data.pod, data.sum).await;
        assert!(!before.is_empty(), "no sum of the data");
        self.keeps(name);
        let made = self.backup(name, recipe.run(self, name)).await;
        self.sh(data.pod, data.destroy).await;
        let destroyed = self.try_sh(data.pod, data.sum).await;
        assert_ne!(destroyed.as_ref(), Ok(&before), "the data are still there");
        self.restore(name).await;
        assert_eq!(self.sh(data.pod, data.sum).await, before, "what came back of {name}");
        made
    }

    /// A backup whose command fails and says these words: it must not be good.
    pub async fn command_fails(&self, recipe: &Recipe, name: &str, words: &str) -> BackupRun {
        self.start(name, recipe.run(self, name)).await;
        let run = self.failed(name, "CommandFailed", 120).await;
        let said = status(&run).log.unwrap_or_default();
        assert!(said.contains(words), "{name} says {said:?}, and not {words:?}");
        run
    }

    /// A backup whose server is killed (the processes of that name, by SIGKILL) in mid-dump must not be good. Give the server 100 MB of
    /// data: agent and kernels hold some. What it sends is not compressed, and goes out slowly. The Pod stays: where it goes with all its
    /// network, no client hears of it, and the deadline ends the run.
    pub async fn cut_off(&self, recipe: &Recipe, name: &str, server: &str, process: &str) -> BackupRun {
        let mut with = parameters();
        with["bandwidth"] = json!(PACE);
        let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
        let spec = json!({"parameters": with, "credentials": credentials});
        let storage = self.storage(&format!("{name}-slow"), spec).await;
        self.storage_ready(&storage).await;
        let slow = recipe.clone().with(&json!({"compression": null}));
        let run = slow.run(self, name);
        self.start(name, Recipe(run).with(&json!({"storage": {"name": storage}})).0)
            .await;
        self.until(name, "has an upload", 100, |run| status(run).transfer?.upload_id)
            .await;
        let kill = format!(
            "for p in /proc/[0-9]*; do if [ \"$(cat $p/comm 2>/dev/null)\" = {process} ]; then kill -9 ${{p#/proc/}} && echo killed; fi; done; true"
        );
        // Its container may end with it, and this command with that, before its own end.
        let killed = self.try_sh(server, &kill).await.unwrap_or_else(|said| said);
        assert!(killed.contains("killed"), "no process of {server} is called {process}");
        self.failed(name, "CommandFailed", 150).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_what_a_schedule_makes_runs_of() {
        let recipe = Recipe::of("postgresql.yaml").container(&json!({"image": "postgres:dev"}));
        let recipe = recipe.instead("postgresql-credentials", "wrong");
        let container = &recipe.0["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "postgres:dev");
        assert_eq!(container["env"][0]["valueFrom"]["secretKeyRef"]["name"], "wrong");
        assert_eq!(recipe.0["backup"]["command"][0], "pg_dump");
    }

    #[test]
    #[should_panic(expected = "the example has no")]
    fn what_is_not_in_an_example_cannot_be_replaced() {
        Recipe::of("postgresql.yaml").instead("no such words", "");
    }
}
