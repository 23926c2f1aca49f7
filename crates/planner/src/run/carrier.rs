//! What carries the agent into a Pod: a volume of the operator's image, where the cluster serves such volumes, else an init container that copies it.
use std::collections::BTreeMap;
use std::str::FromStr;

use k8s_openapi::api::core::v1::{Node, PodSpec, Taint, Toleration};

/// What carries the agent into a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// A volume of the operator's own image (KEP-4639), mounted read-only.
    ImageVolume,
    /// An init container of that image, which copies the agent into an emptyDir.
    InitContainer,
}

impl Carrier {
    /// As the status has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::ImageVolume => "ImageVolume",
            Self::InitContainer => "InitContainer",
        }
    }

    /// From the status; what is not known is an init container, which is what there was before there was a choice.
    pub fn of(word: Option<&str>) -> Self {
        if word == Some(Self::ImageVolume.word()) {
            Self::ImageVolume
        } else {
            Self::InitContainer
        }
    }
}

/// What the operator was told to use (`--agent-volume`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AgentVolume {
    /// An image volume where the cluster is known to serve them, and an init container where one has failed.
    #[default]
    Auto,
    /// An image volume, always.
    Image,
    /// An init container, always.
    InitContainer,
}

impl FromStr for AgentVolume {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "Auto" => Ok(Self::Auto),
            "Image" => Ok(Self::Image),
            "InitContainer" => Ok(Self::InitContainer),
            other => Err(format!("{other:?} is none of Auto, Image and InitContainer")),
        }
    }
}

/// What is known of image volumes in this cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Served {
    /// The API server keeps them in a Pod, and this many nodes were seen. None: it does not, or nobody has looked.
    pub nodes: Option<usize>,
    /// The nodes that do not serve them.
    pub unfit: Vec<NodeView>,
    /// One did not come up, and nobody shall wait for another.
    pub given_up: bool,
    /// Namespaces in which a Pod with one was refused.
    pub refused_in: Vec<String>,
}

/// A node, as far as the choice cares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeView {
    /// Name.
    pub name: String,
    /// `v1.35.4`.
    pub kubelet: String,
    /// `containerd://2.2.1`.
    pub runtime: String,
    labels: BTreeMap<String, String>,
    taints: Vec<Taint>,
}

impl NodeView {
    /// A node that does not serve image volumes; none, where it does, or where no Pod of ours can run.
    pub fn unfit(node: &Node) -> Option<Self> {
        let info = node.status.as_ref().and_then(|s| s.node_info.as_ref());
        let said =
            |of: fn(&k8s_openapi::api::core::v1::NodeSystemInfo) -> &String| info.map(of).cloned().unwrap_or_default();
        let (kubelet, runtime) = (said(|i| &i.kubelet_version), said(|i| &i.container_runtime_version));
        if serves(&kubelet, &runtime) || said(|i| &i.operating_system) == "windows" {
            return None;
        }
        Some(Self {
            name: node.metadata.name.clone().unwrap_or_default(),
            kubelet,
            runtime,
            labels: node.metadata.labels.clone().unwrap_or_default(),
            taints: node.spec.as_ref().and_then(|s| s.taints.clone()).unwrap_or_default(),
        })
    }

    /// Whether a Pod may come to it, as far as its nodeSelector and its tolerations say; what its affinity forbids is taken for allowed.
    fn may_get(&self, pod: &PodSpec) -> bool {
        let named = pod.node_name.as_ref().is_none_or(|name| *name == self.name);
        let mut wanted = pod.node_selector.iter().flatten();
        let tolerations = pod.tolerations.as_deref().unwrap_or_default();
        named
            && wanted.all(|(label, value)| self.labels.get(label) == Some(value))
            && self
                .taints
                .iter()
                .all(|t| passes(t) || tolerations.iter().any(|by| tolerates(by, t)))
    }
}

/// A taint that keeps no Pod off, or that goes by itself, as that of a node that does not answer. That of a drain stays until somebody ends it.
fn passes(taint: &Taint) -> bool {
    let of_kubernetes = taint.key.starts_with("node.kubernetes.io/") && taint.key != "node.kubernetes.io/unschedulable";
    of_kubernetes || taint.effect == "PreferNoSchedule"
}

fn tolerates(by: &Toleration, taint: &Taint) -> bool {
    let effect = by
        .effect
        .as_deref()
        .filter(|e| !e.is_empty())
        .is_none_or(|e| e == taint.effect);
    let key = by.key.as_deref().filter(|k| !k.is_empty());
    let value = match by.operator.as_deref() {
        Some("Exists") => true,
        // One without a key tolerates everything by Exists only.
        _ => key.is_some() && by.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default(),
    };
    effect && value && key.is_none_or(|k| k == taint.key)
}

/// Kubelets of this minor have the feature on by default; before, somebody may have switched it on in the API server and not there.
const KUBELET: (u32, u32) = (1, 35);
/// The runtimes that mount them so that the agent may be executed: containerd since it mounts them at all; CRI-O since after KEP-4639 dropped `noexec`.
const RUNTIMES: [(&str, (u32, u32)); 2] = [("containerd", (2, 1)), ("cri-o", (1, 35))];

/// Whether a node of these versions serves image volumes. What is not known does not.
pub fn serves(kubelet: &str, runtime: &str) -> bool {
    let Some((name, version)) = runtime.split_once("://") else {
        return false;
    };
    let since = RUNTIMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, since)| *since);
    minor(kubelet).is_some_and(|v| v >= KUBELET)
        && since.is_some_and(|since| minor(version).is_some_and(|v| v >= since))
}

/// `v1.35.4-eks-1` is 1.35.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix('v').unwrap_or(version).split('.');
    let major = parts.next()?.parse().ok()?;
    let digits: String = parts.next()?.chars().take_while(char::is_ascii_digit).collect();
    Some((major, digits.parse().ok()?))
}

/// What is to carry the agent into a Pod of that template.
pub fn choose(asked: AgentVolume, served: &Served, namespace: &str, template: &PodSpec) -> Carrier {
    match asked {
        AgentVolume::Image => Carrier::ImageVolume,
        AgentVolume::InitContainer => Carrier::InitContainer,
        AgentVolume::Auto => {
            let known = served.nodes.is_some_and(|nodes| nodes > 0) && !served.given_up;
            let refused = served.refused_in.iter().any(|n| n == namespace);
            // What a sandbox (Kata) or a user namespace makes of them differs from runtime to runtime, and no version tells it.
            let plain = template.runtime_class_name.is_none() && template.host_users != Some(false);
            let fits = !served.unfit.iter().any(|node| node.may_get(template));
            if known && !refused && plain && fits {
                Carrier::ImageVolume
            } else {
                Carrier::InitContainer
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_node_serves_image_volumes_by_the_versions_of_its_kubelet_and_its_runtime() {
        for (kubelet, runtime, serves_them) in [
            ("v1.35.0", "containerd://2.1.0", true),
            ("v1.35.4", "containerd://2.2.9", true),
            ("v1.35.4", "containerd://v2.2.9", true),
            ("v1.36.1", "containerd://2.3.0-rc.1", true),
            ("v1.36.0-alpha.1+0123", "cri-o://1.36.0", true),
            ("v1.35.2-eks-1234567", "containerd://2.1.5", true),
            ("v1.35.1", "cri-o://1.35.0-dev", true),
            ("v2.0.0", "containerd://3.0.0", true),
            // The feature is off by default.
            ("v1.34.3", "containerd://2.2.1", false),
            ("v1.33.0", "cri-o://1.33.0", false),
            // The runtime knows none, or mounts them noexec.
            ("v1.35.4", "containerd://1.6.20", false),
            ("v1.35.4", "containerd://1.7.30", false),
            ("v1.35.4", "containerd://2.0.5", false),
            ("v1.35.4", "cri-o://1.31.0", false),
            ("v1.35.4", "cri-o://1.34.9", false),
            // Nothing is known of them.
            ("v1.35.4", "docker://28.0.0", false),
            ("v1.35.4", "containerd://Unknown", false),
            ("v1.35.4", "", false),
            ("", "containerd://2.2.1", false),
            ("v1", "containerd://2.2.1", false),
            ("fargate", "containerd://2.2.1", false),
        ] {
            assert_eq!(serves(kubelet, runtime), serves_them, "{kubelet} {runtime}");
        }
    }

    fn node(name: &str, runtime: &str, spec: Value) -> Node {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"pool": name}}, "spec": spec,
            "status": {"nodeInfo": {"kubeletVersion": "v1.35.4", "containerRuntimeVersion": runtime, "operatingSystem": "linux",
                "architecture": "amd64", "bootID": "", "kernelVersion": "", "kubeProxyVersion": "", "machineID": "", "osImage": "", "systemUUID": ""}},
        }))
        .unwrap()
    }

    fn served(nodes: &[Node]) -> Served {
        Served {
            nodes: Some(nodes.len()),
            unfit: nodes.iter().filter_map(NodeView::unfit).collect(),
            ..Served::default()
        }
    }

    fn template(with: Value) -> PodSpec {
        let mut spec = json!({"containers": []});
        spec.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    const NEW: &str = "containerd://2.2.1";
    const OLD: &str = "containerd://1.7.30";

    #[test]
    fn every_node_that_a_pod_may_come_to_has_to_serve_them() {
        let taint = |key: &str, effect: &str| json!({"taints": [{"key": key, "value": "a", "effect": effect}]});
        let new = node("new", NEW, json!({}));
        for (old, pod, chosen) in [
            (json!({}), json!({}), Carrier::InitContainer),
            (
                json!({}),
                json!({"nodeSelector": {"pool": "new"}}),
                Carrier::ImageVolume,
            ),
            (
                json!({}),
                json!({"nodeSelector": {"pool": "old"}}),
                Carrier::InitContainer,
            ),
            (json!({}), json!({"nodeName": "new"}), Carrier::ImageVolume),
            (json!({}), json!({"nodeName": "old"}), Carrier::InitContainer),
            (taint("gpu", "NoSchedule"), json!({}), Carrier::ImageVolume),
            (taint("gpu", "NoExecute"), json!({}), Carrier::ImageVolume),
            (taint("gpu", "PreferNoSchedule"), json!({}), Carrier::InitContainer),
            (
                taint("gpu", "NoSchedule"),
                json!({"tolerations": [{"operator": "Exists"}]}),
                Carrier::InitContainer,
            ),
            (
                taint("gpu", "NoSchedule"),
                json!({"tolerations": [{"key": "gpu", "operator": "Exists"}]}),
                Carrier::InitContainer,
            ),
            (
                taint("gpu", "NoSchedule"),
                json!({"tolerations": [{"key": "gpu", "value": "a"}]}),
                Carrier::InitContainer,
            ),
            (
                taint("gpu", "NoSchedule"),
                json!({"tolerations": [{"key": "gpu", "value": "b"}]}),
                Carrier::ImageVolume,
            ),
            (
                taint("gpu", "NoSchedule"),
                json!({"tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoExecute"}]}),
                Carrier::ImageVolume,
            ),
            // Drained by somebody; and away for a moment.
            (
                taint("node.kubernetes.io/unschedulable", "NoSchedule"),
                json!({}),
                Carrier::ImageVolume,
            ),
            (
                taint("node.kubernetes.io/not-ready", "NoExecute"),
                json!({}),
                Carrier::InitContainer,
            ),
        ] {
            let served = served(&[new.clone(), node("old", OLD, old.clone())]);
            assert_eq!(
                choose(AgentVolume::Auto, &served, "team", &template(pod.clone())),
                chosen,
                "{old} {pod}"
            );
        }
    }

    #[test]
    fn an_image_volume_is_used_where_it_is_known_to_work_and_where_it_is_asked_for() {
        let good = served(&[node("new", NEW, json!({}))]);
        let refused = Served {
            refused_in: vec!["team".into()],
            ..good.clone()
        };
        let given_up = Served {
            given_up: true,
            ..good.clone()
        };
        let none = Served {
            nodes: Some(0),
            ..Served::default()
        };
        for (what, seen, pod, chosen) in [
            ("served", &good, json!({}), Carrier::ImageVolume),
            (
                "nobody has looked",
                &Served::default(),
                json!({}),
                Carrier::InitContainer,
            ),
            ("no node", &none, json!({}), Carrier::InitContainer),
            ("one has failed", &given_up, json!({}), Carrier::InitContainer),
            ("a policy here", &refused, json!({}), Carrier::InitContainer),
            (
                "a sandbox",
                &good,
                json!({"runtimeClassName": "kata"}),
                Carrier::InitContainer,
            ),
            (
                "a user namespace",
                &good,
                json!({"hostUsers": false}),
                Carrier::InitContainer,
            ),
            ("none", &good, json!({"hostUsers": true}), Carrier::ImageVolume),
        ] {
            let pod = template(pod);
            assert_eq!(choose(AgentVolume::Auto, seen, "team", &pod), chosen, "{what}");
            assert_eq!(
                choose(AgentVolume::Image, seen, "team", &pod),
                Carrier::ImageVolume,
                "{what}"
            );
            assert_eq!(
                choose(AgentVolume::InitContainer, seen, "team", &pod),
                Carrier::InitContainer,
                "{what}"
            );
        }
        assert_eq!(
            choose(AgentVolume::Auto, &refused, "other", &template(json!({}))),
            Carrier::ImageVolume
        );
    }

    #[test]
    fn what_is_asked_for_is_one_of_three_words() {
        for (word, is) in [
            ("Auto", AgentVolume::Auto),
            ("Image", AgentVolume::Image),
            ("InitContainer", AgentVolume::InitContainer),
        ] {
            assert_eq!(word.parse(), Ok(is));
        }
        assert!(
            "image"
                .parse::<AgentVolume>()
                .unwrap_err()
                .contains("none of Auto, Image and InitContainer")
        );
        for carrier in [Carrier::ImageVolume, Carrier::InitContainer] {
            assert_eq!(Carrier::of(Some(carrier.word())), carrier);
        }
        assert_eq!(Carrier::of(None), Carrier::InitContainer);
    }
}
