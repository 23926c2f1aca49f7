//! Where a Pod is on its way, in its own words.
use k8s_openapi::api::core::v1::{Container, ContainerStateTerminated, ContainerStatus, Pod};
use planner::run::observed::PodStage;

/// Reasons that no waiting cures. A missing Secret may still come, a registry that is down may come back.
const HOPELESS: [&str; 2] = ["InvalidImageName", "ErrImageNeverPull"];

/// Where a Pod is, in its own words.
pub fn stage(pod: &Pod, container: &str) -> PodStage {
    let Some(status) = &pod.status else {
        return PodStage::Starting {
            message: String::new(),
            hopeless: false,
        };
    };
    let words = |reason: &Option<String>, message: &Option<String>| {
        [reason, message]
            .into_iter()
            .flatten()
            .filter(|t| !t.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join(": ")
    };
    // Why it goes: evicted, preempted, its node tainted. Whoever only deletes it leaves no such words.
    let disrupted = status
        .conditions
        .iter()
        .flatten()
        .find(|c| c.type_ == "DisruptionTarget" && c.status == "True");
    if let (Some(c), true) = (disrupted, pod.metadata.deletion_timestamp.is_some()) {
        return PodStage::Ended {
            message: words(&c.reason, &c.message),
            init: false,
        };
    }
    if matches!(status.phase.as_deref(), Some("Failed" | "Succeeded")) {
        let said = words(&status.reason, &status.message);
        let init = failed_init(status.init_container_statuses.as_deref().unwrap_or_default());
        let message = Some(said)
            .filter(|said| !said.is_empty())
            .or_else(|| init.clone())
            .or_else(|| ended_container(status.container_statuses.as_deref().unwrap_or_default()))
            .unwrap_or_else(|| format!("phase {}", status.phase.as_deref().unwrap_or_default()));
        return PodStage::Ended {
            message,
            init: init.is_some(),
        };
    }
    let main = status.container_statuses.iter().flatten().find(|c| c.name == container);
    if let Some(state) = main.and_then(|c| c.state.as_ref()) {
        if state.running.is_some() {
            let unready = unready(pod);
            let message = match (main.is_some_and(|c| c.ready), unready) {
                (true, None) => return PodStage::Running,
                (_, Some(others)) => others,
                (false, None) => "its container runs but is not ready (readinessProbe)".to_string(),
            };
            return PodStage::Starting {
                message,
                hopeless: false,
            };
        }
        if let Some(waiting) = state
            .waiting
            .as_ref()
            .filter(|w| w.reason.as_deref() == Some("CrashLoopBackOff"))
        {
            let last = main.and_then(|c| c.last_state.as_ref()?.terminated.as_ref());
            let status = last.map_or_else(String::new, |t| {
                let reason = t.reason.as_deref().unwrap_or_default();
                format!(" (it last ended with status {}: {reason})", t.exit_code)
            });
            return PodStage::Ended {
                message: format!(
                    "container {container:?}: {}{status}",
                    words(&waiting.reason, &waiting.message)
                ),
                init: false,
            };
        }
        if state.terminated.is_some() {
            let message = main
                .map(std::slice::from_ref)
                .and_then(ended_container)
                .unwrap_or_default();
            return PodStage::Ended { message, init: false };
        }
    }
    let all = status
        .init_container_statuses
        .iter()
        .chain(status.container_statuses.iter())
        .flatten();
    for c in all {
        if let Some(waiting) = c.state.as_ref().and_then(|s| s.waiting.as_ref()) {
            let reason = waiting.reason.as_deref().unwrap_or_default();
            if !reason.is_empty() && !matches!(reason, "PodInitializing" | "ContainerCreating") {
                let said = words(&waiting.reason, &waiting.message);
                return PodStage::Starting {
                    message: format!("container {:?}: {said}", c.name),
                    hopeless: HOPELESS.contains(&reason),
                };
            }
        }
    }
    if let Some(message) = failed_init(status.init_container_statuses.as_deref().unwrap_or_default()) {
        return PodStage::Starting {
            message,
            hopeless: false,
        };
    }
    if installed(pod) && !waits(pod) {
        // The kubelet tells of a started container a second later; an exec finds it before.
        return PodStage::Running;
    }
    let unschedulable = status
        .conditions
        .iter()
        .flatten()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False");
    let message = unschedulable.map(|c| words(&c.reason, &c.message)).unwrap_or_default();
    PodStage::Starting {
        message,
        hopeless: false,
    }
}

/// All init containers have done their work, the agent's among them: the other containers are being started.
fn installed(pod: &Pod) -> bool {
    let inits: Vec<_> = pod
        .status
        .iter()
        .flat_map(|s| s.init_container_statuses.iter().flatten())
        .collect();
    let ended = |c: &&ContainerStatus| {
        c.state
            .as_ref()
            .and_then(|s| s.terminated.as_ref())
            .is_some_and(|t| t.exit_code == 0)
    };
    let wanted = pod
        .spec
        .as_ref()
        .map_or(0, |s| s.init_containers.iter().flatten().count());
    wanted > 0 && inits.len() == wanted && inits.iter().all(ended)
}

/// A container has a say in when the Pod can be worked with: by a probe, or by a postStart that prepares it. That of the command
/// may need another one: a proxy to the database, a mesh.
fn waits(pod: &Pod) -> bool {
    let of = |c: &Container| {
        let prepares = c.lifecycle.as_ref().is_some_and(|l| l.post_start.is_some());
        prepares || c.readiness_probe.is_some() || c.startup_probe.is_some()
    };
    let sidecar = |c: &&Container| c.restart_policy.as_deref() == Some("Always");
    pod.spec.as_ref().is_some_and(|spec| {
        let sidecars = spec.init_containers.iter().flatten().filter(sidecar);
        spec.containers.iter().chain(sidecars).any(of)
    })
}

/// Why the Pod is not ready, where that is waited for.
fn unready(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.iter().flatten();
    let ready = conditions.into_iter().find(|c| c.type_ == "Ready");
    if !waits(pod) || ready.is_some_and(|c| c.status == "True") {
        return None;
    }
    let said = ready.and_then(|c| c.message.clone()).unwrap_or_default();
    let said = if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    };
    Some(format!(
        "the Pod is not ready (readinessProbe, startupProbe or postStart of its containers){said}"
    ))
}

/// The init container that keeps the others from starting: most have ended well, and are not told of. One that is tried
/// again has failed before.
fn failed_init(all: &[ContainerStatus]) -> Option<String> {
    let last = |c: &ContainerStatus| c.last_state.as_ref()?.terminated.clone();
    let failed = |c: &ContainerStatus| {
        let ended = ended_with(c)
            .cloned()
            .or_else(|| last(c))
            .filter(|t| t.exit_code != 0)?;
        Some(format!("init {}", told(&c.name, &ended)))
    };
    all.iter().find_map(failed)
}

/// The first that failed, or else the first that ended.
fn ended_container(all: &[ContainerStatus]) -> Option<String> {
    let failed = all.iter().filter(|c| ended_with(c).is_some_and(|t| t.exit_code != 0));
    failed.chain(all).find_map(|c| Some(told(&c.name, ended_with(c)?)))
}

fn ended_with(c: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    c.state.as_ref()?.terminated.as_ref()
}

fn told(name: &str, ended: &ContainerStateTerminated) -> String {
    let reason = ended.reason.clone().unwrap_or_default();
    let said = ended.message.as_deref().map(str::trim).filter(|m| !m.is_empty());
    let said = said.map_or_else(String::new, |m| format!(": {m}"));
    format!(
        "container {name:?} ended with status {} ({reason}){said}",
        ended.exit_code
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn seen(status: Value) -> PodStage {
        let pod = serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap();
        stage(&pod, "main")
    }

    fn container(name: &str, ready: bool, state: Value) -> Value {
        json!({"name": name, "ready": ready, "restartCount": 0, "image": "", "imageID": "", "state": state})
    }

    #[test]
    fn a_pod_runs_when_the_container_of_the_command_is_ready() {
        let running = json!({"running": {}});
        assert_eq!(
            seen(json!({"containerStatuses": [container("main", true, running.clone())]})),
            PodStage::Running
        );
        let other = seen(json!({"containerStatuses": [container("side", true, running.clone())]}));
        assert!(matches!(other, PodStage::Starting { .. }));
        let unready = seen(json!({"containerStatuses": [container("main", false, running)]}));
        assert!(matches!(unready, PodStage::Starting { message, .. } if message.contains("readinessProbe")));
    }

    #[test]
    fn a_pod_whose_containers_have_a_say_is_waited_for_until_it_is_ready() {
        let probe = json!({"readinessProbe": {"exec": {"command": ["ok"]}}});
        let startup = json!({"startupProbe": {"exec": {"command": ["ok"]}}});
        let prepared = json!({"lifecycle": {"postStart": {"exec": {"command": ["ok"]}}}});
        let sidecar = |mut c: Value| {
            c["restartPolicy"] = json!("Always");
            c
        };
        let nothing = json!({});
        for (main, side, init, waits) in [
            (&nothing, &nothing, nothing.clone(), false),
            (&probe, &nothing, nothing.clone(), true),
            (&prepared, &nothing, nothing.clone(), true),
            (&nothing, &probe, nothing.clone(), true),
            (&nothing, &startup, nothing.clone(), true),
            (&nothing, &nothing, sidecar(probe.clone()), true),
            // An init container that ends is not waited for once more.
            (&nothing, &nothing, prepared.clone(), false),
        ] {
            let named = |name: &str, c: &Value| {
                let mut c = c.clone();
                c["name"] = json!(name);
                c
            };
            let started = |name: &str| container(name, true, json!({"running": {}}));
            let at = |ready: &str, statuses: Value| {
                let condition =
                    json!({"type": "Ready", "status": ready, "message": "containers with unready status: [side]"});
                let pod = json!({
                    "spec": {"containers": [named("main", main), named("side", side)], "initContainers": [named("init", &init)]},
                    "status": {"containerStatuses": statuses, "conditions": [condition],
                        "initContainerStatuses": [container("init", true, json!({"terminated": {"exitCode": 0}}))]},
                });
                stage(&serde_json::from_value(pod).unwrap(), "main")
            };
            // As the kubelet tells it, and before it tells of any container.
            for statuses in [json!([started("main"), started("side")]), json!([])] {
                let unready = at("False", statuses.clone());
                match &unready {
                    PodStage::Running => assert!(!waits, "{main} {side} {init}"),
                    PodStage::Starting { message, .. } => {
                        let said = statuses == json!([]) || message.contains("unready status: [side]");
                        assert!(waits && said, "{main} {side} {init}: {message}");
                    }
                    PodStage::Ended { .. } => panic!("{unready:?}"),
                }
            }
            assert_eq!(at("True", json!([started("main"), started("side")])), PodStage::Running);
        }
    }

    #[test]
    fn a_pod_that_does_not_start_says_why_in_its_own_words() {
        let again = |state: Value| {
            let mut c = container("wait", false, state);
            c["lastState"] = json!({"terminated": {"exitCode": 2, "reason": "Error"}});
            c
        };
        let waiting = |reason: &str| json!({"waiting": {"reason": reason, "message": "words"}});
        let cases = [
            (json!({}), "", false),
            (
                json!({"containerStatuses": [container("main", false, waiting("ContainerCreating"))]}),
                "",
                false,
            ),
            (
                json!({"containerStatuses": [container("main", false, waiting("ImagePullBackOff"))]}),
                "ImagePullBackOff: words",
                false,
            ),
            (
                json!({"containerStatuses": [container("main", false, waiting("InvalidImageName"))]}),
                "InvalidImageName: words",
                true,
            ),
            (
                json!({"initContainerStatuses": [container("backup-operator-agent", false, waiting("ErrImagePull"))]}),
                "ErrImagePull",
                false,
            ),
            (
                json!({"initContainerStatuses": [again(json!({"terminated": {"exitCode": 3, "reason": "Error"}}))]}),
                "init container \"wait\" ended with status 3",
                false,
            ),
            (
                json!({"initContainerStatuses": [again(json!({"running": {}}))]}),
                "init container \"wait\" ended with status 2",
                false,
            ),
            (
                json!({"initContainerStatuses": [again(json!({"terminated": {"exitCode": 0, "reason": "Completed"}}))]}),
                "",
                false,
            ),
            (
                json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]}),
                "Unschedulable: 0/1 nodes",
                false,
            ),
        ];
        for (status, words, hopeless) in cases {
            let PodStage::Starting {
                message,
                hopeless: seen,
            } = seen(status.clone())
            else {
                panic!("{status}")
            };
            assert!(
                message.contains(words) && words.is_empty() == message.is_empty() && seen == hopeless,
                "{message}"
            );
        }
    }

    #[test]
    fn a_pod_that_ended_says_how() {
        let ended = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        let cases = [
            (
                json!({"phase": "Failed", "reason": "Evicted", "message": "disk"}),
                "Evicted: disk",
            ),
            (
                json!({"phase": "Failed", "containerStatuses": [container("main", false, ended.clone())]}),
                "137 (OOMKilled)",
            ),
            (
                json!({"phase": "Running", "containerStatuses": [container("main", false, ended)]}),
                "137 (OOMKilled)",
            ),
            (json!({"phase": "Succeeded"}), "Succeeded"),
            (
                json!({
                    "phase": "Failed",
                    "initContainerStatuses": [
                        container("backup-operator-agent", true, json!({"terminated": {"exitCode": 0, "reason": "Completed"}})),
                        container("wait", false, json!({"terminated": {"exitCode": 3, "reason": "Error", "message": "no database"}})),
                    ],
                    "containerStatuses": [container("main", false, json!({"waiting": {"reason": "PodInitializing"}}))],
                }),
                "init container \"wait\" ended with status 3 (Error): no database",
            ),
            (
                json!({"containerStatuses": [container("main", false, json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}))]}),
                "CrashLoopBackOff: back-off",
            ),
        ];
        for (status, words) in cases {
            let PodStage::Ended { message, .. } = seen(status.clone()) else {
                panic!("{status}")
            };
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn a_pod_that_is_evicted_says_so_and_one_that_is_only_deleted_does_not() {
        let evicted = json!({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"});
        let seen = |deleted: bool| {
            let mut pod = json!({"metadata": {"name": "p"}, "status": {
                "conditions": [evicted.clone()],
                "containerStatuses": [container("main", true, json!({"running": {}}))],
            }});
            if deleted {
                pod["metadata"]["deletionTimestamp"] = json!("2026-11-24T10:00:00Z");
            }
            stage(&serde_json::from_value(pod).unwrap(), "main")
        };
        assert_eq!(
            seen(true),
            PodStage::Ended {
                message: "EvictionByEvictionAPI: Eviction API: evicting".into(),
                init: false
            }
        );
        assert_eq!(
            seen(false),
            PodStage::Running,
            "an eviction that is not carried out is none"
        );
    }
}
