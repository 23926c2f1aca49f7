//! Whether the cluster serves image volumes: asked of the API server by a dry run, and of the nodes by what they report.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Capabilities, Container, Node, Pod, PodSpec, SeccompProfile, SecurityContext};
use kube::api::PostParams;
use kube::{Api, Client};
use planner::run::carrier::NodeView;
use planner::run::pod::{AgentSettings, VOLUMES, carrier_of, image_volume};
use planner::run::{AgentVolume, Carrier, Served};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::write::{WriteError, bounded};
use crate::{events, nodes};

/// Between two looks: nodes come, and are made anew by upgrades. One that came since and serves none is found out by the first Pod on it.
const AGAIN: Duration = Duration::from_secs(60 * 60);
/// After a look that the API server did not answer.
const RETRY: Duration = Duration::from_secs(30);
/// How long the first look keeps decisions waiting.
const FIRST: Duration = Duration::from_secs(10);

/// What is known of image volumes in this cluster.
pub struct Volumes {
    served: Mutex<Arc<Served>>,
    looked: watch::Sender<bool>,
}

impl Default for Volumes {
    fn default() -> Self {
        Self {
            served: Mutex::default(),
            looked: watch::Sender::new(false),
        }
    }
}

impl Volumes {
    /// All of it, as it is now.
    pub fn served(&self) -> Arc<Served> {
        self.lock().clone()
    }

    /// One did not come up: none is used until the process ends. Whatever is made better in the cluster, no run pays twice for finding out.
    pub fn give_up(&self, why: &str) {
        let mut served = self.lock();
        if !served.given_up {
            tracing::warn!(why, "image volumes are not used any more: one did not come up");
        }
        Arc::make_mut(&mut served).given_up = true;
    }

    /// A Pod with one was refused in a namespace: none is tried there until the next look.
    pub fn refused_in(&self, namespace: &str) {
        let mut served = self.lock();
        if !served.refused_in.iter().any(|n| n == namespace) {
            Arc::make_mut(&mut served).refused_in.push(namespace.into());
        }
    }

    /// Waits for the first look, for a while.
    pub async fn first_look(&self, asked: AgentVolume) {
        if asked == AgentVolume::Auto {
            let mut looked = self.looked.subscribe();
            let _ = timeout(FIRST, looked.wait_for(|looked| *looked)).await;
        }
    }

    /// Looks, for ever, where what is found decides anything.
    pub async fn keep(&self, client: &Client, namespace: &str, agent: &AgentSettings) {
        if agent.volume != AgentVolume::Auto {
            return;
        }
        loop {
            let pause = match look(client, namespace, agent).await {
                Ok((nodes, unfit)) => {
                    self.tell(nodes, unfit);
                    AGAIN
                }
                Err(error) => {
                    tracing::debug!(
                        error = events::causes(&error),
                        "whether image volumes are served is not known"
                    );
                    RETRY
                }
            };
            self.looked.send_replace(true);
            sleep(pause).await;
        }
    }

    /// What a look has found.
    pub fn tell(&self, nodes: Option<usize>, unfit: Vec<NodeView>) {
        let mut served = self.lock();
        if (served.nodes, &served.unfit) != (nodes, &unfit) {
            match (nodes, unfit.first()) {
                (None, _) => {
                    tracing::info!("the agent is put into Pods by an init container: image volumes are not served here")
                }
                (Some(nodes), None) => tracing::info!(nodes, "the agent is put into Pods by an image volume"),
                (
                    Some(nodes),
                    Some(NodeView {
                        name, kubelet, runtime, ..
                    }),
                ) => tracing::info!(
                    nodes,
                    unfit = unfit.len(),
                    "the agent is put into Pods that may come to a node such as {name} ({kubelet}, {runtime}) by an init container, and into others by an image volume"
                ),
            }
        }
        let served = Arc::make_mut(&mut served);
        (served.nodes, served.unfit) = (nodes, unfit);
        served.refused_in.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Served>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many nodes there are where the API server keeps image volumes, and which of the nodes serve none. What the operator may not ask for
/// counts as not served.
async fn look(
    client: &Client,
    namespace: &str,
    agent: &AgentSettings,
) -> Result<(Option<usize>, Vec<NodeView>), WriteError> {
    let none = (None, Vec::new());
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    match bounded("try an image volume", pods.create(&dry, &trial(agent))).await {
        // One that does not know the field drops it.
        Ok(pod) if carrier_of(&pod) == Carrier::ImageVolume => {}
        Ok(_) => return Ok(none),
        Err(error) => return refused(error, "the API server does not take a Pod with an image volume").map(|()| none),
    }
    let mut unfit = Vec::new();
    let see = |node: &Node| unfit.extend(NodeView::unfit(node));
    match nodes::each(client, "read the versions of the nodes", see).await {
        Ok(count) => Ok((Some(count), unfit)),
        Err(error) => refused(error, "the nodes cannot be listed").map(|()| none),
    }
}

/// An answer that the next try would not change is one.
fn refused(error: WriteError, what: &str) -> Result<(), WriteError> {
    match &error {
        WriteError::Refused(_, kube::Error::Api(status)) if matches!(status.code, 400 | 403 | 404 | 422) => {
            tracing::info!(why = status.message, "image volumes are not used: {what}");
            Ok(())
        }
        _ => Err(error),
    }
}

/// A Pod that the strictest Pod Security Standard admits, so that nothing but the volume is asked about.
fn trial(agent: &AgentSettings) -> Pod {
    let [volume, _] = VOLUMES;
    let container = Container {
        name: "trial".into(),
        image: Some(agent.image.clone()),
        resources: Some(planner::run::pod::amounts(agent)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".into()]),
                add: None,
            }),
            run_as_non_root: Some(true),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".into(),
                localhost_profile: None,
            }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    };
    let mut pod = Pod {
        spec: Some(PodSpec {
            containers: vec![container],
            volumes: Some(vec![image_volume(volume, agent)]),
            ..PodSpec::default()
        }),
        ..Pod::default()
    };
    pod.metadata.generate_name = Some("backup-operator-trial-".into());
    pod
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::mocked::{Server, answer, connect};

    fn agent(volume: AgentVolume) -> AgentSettings {
        AgentSettings {
            image: "registry/backup-operator:1".into(),
            image_pull_policy: "IfNotPresent".into(),
            cpu: "100m".into(),
            memory: "32Mi".into(),
            volume,
        }
    }

    fn node(name: &str, runtime: &str) -> Value {
        json!({"metadata": {"name": name}, "status": {"nodeInfo": {"kubeletVersion": "v1.35.4", "containerRuntimeVersion": runtime, "operatingSystem": "linux",
            "architecture": "amd64", "bootID": "", "kernelVersion": "", "kubeProxyVersion": "", "machineID": "", "osImage": "", "systemUUID": ""}}})
    }

    fn nodes(items: &[Value], more: &str) -> Value {
        json!({"kind": "NodeList", "apiVersion": "v1", "metadata": {"continue": more}, "items": items})
    }

    fn pod(volumes: Value) -> Value {
        json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x"}, "spec": {"containers": [], "volumes": volumes}})
    }

    fn no(code: u16) -> Value {
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "x", "code": code})
    }

    async fn answers(server: &mut Server, all: Vec<(u16, Value)>) -> Vec<String> {
        let mut asked = Vec::new();
        for (code, body) in all {
            let (method, path, _) = answer(server, code, body).await;
            asked.push(format!("{method} {path}"));
        }
        asked
    }

    #[tokio::test]
    async fn the_api_server_and_every_node_are_asked() {
        let kept = || pod(json!([{"name": "backup-operator", "image": {"reference": "registry/backup-operator:1"}}]));
        let new = node("new", "containerd://2.2.1");
        let old = node("old", "containerd://1.7.1");
        for (all, count, unfit) in [
            (
                vec![(201, kept()), (200, nodes(std::slice::from_ref(&new), ""))],
                Some(1),
                vec![],
            ),
            (
                vec![
                    (201, kept()),
                    (200, nodes(&[new.clone(), old.clone()], "more")),
                    (200, nodes(std::slice::from_ref(&old), "")),
                ],
                Some(3),
                vec!["old", "old"],
            ),
            // The field is dropped, or its absence found; the operator may not ask.
            (vec![(201, pod(json!([{"name": "backup-operator"}])))], None, vec![]),
            (vec![(422, no(422))], None, vec![]),
            (vec![(403, no(403))], None, vec![]),
            (vec![(201, kept()), (403, no(403))], None, vec![]),
        ] {
            let (client, mut server) = connect();
            let expected = all.len();
            let (agent, many) = (agent(AgentVolume::Auto), all);
            let (found, asked) = tokio::join!(look(&client, "ops", &agent), answers(&mut server, many));
            let (nodes, slow) = found.unwrap();
            let slow: Vec<_> = slow.into_iter().map(|n| n.name).collect();
            assert_eq!(
                (nodes, slow),
                (count, unfit.into_iter().map(String::from).collect()),
                "{asked:?}"
            );
            assert_eq!(asked.len(), expected);
            assert!(
                asked[0].starts_with("POST /api/v1/namespaces/ops/pods?&dryRun=All"),
                "{asked:?}"
            );
            assert!(
                asked
                    .iter()
                    .skip(1)
                    .all(|a| a.starts_with("GET /api/v1/nodes?&limit=100")),
                "{asked:?}"
            );
        }
        // An API server that is away is asked again.
        let (client, mut server) = connect();
        let (agent, away) = (agent(AgentVolume::Auto), vec![(500, no(500))]);
        let (found, _) = tokio::join!(look(&client, "ops", &agent), answers(&mut server, away));
        assert!(found.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_asked_and_nobody_waits_where_the_way_is_told() {
        for told in [AgentVolume::Image, AgentVolume::InitContainer] {
            let (client, _server) = connect();
            let volumes = Volumes::default();
            volumes.keep(&client, "ops", &agent(told)).await;
            let before = tokio::time::Instant::now();
            volumes.first_look(told).await;
            assert_eq!(before.elapsed(), Duration::ZERO);
        }
    }

    #[test]
    fn a_volume_that_failed_is_forgiven_by_no_look_and_a_refusal_by_the_next() {
        let volumes = Volumes::default();
        volumes.tell(Some(1), Vec::new());
        volumes.refused_in("team");
        volumes.refused_in("team");
        volumes.give_up("no");
        assert_eq!(volumes.served().refused_in, ["team"]);
        volumes.tell(Some(2), Vec::new());
        let served = volumes.served();
        assert_eq!(
            (served.nodes, served.given_up, served.refused_in.len()),
            (Some(2), true, 0)
        );
    }
}
