//! Pods and Events in the shapes that Kubernetes 1.35 gave them, and what is made of both.
use k8s_openapi::api::events::v1::Event;
use serde_json::{Value, json};

use super::*;
use crate::run::observe::stage::stage;

/// Seconds past the minute at which all begins.
fn at(second: u32) -> String {
    format!("2026-11-27T20:35:{second:02}Z")
}

fn status(name: &str, state: Value) -> Value {
    json!({"name": name, "ready": false, "started": false, "restartCount": 0, "image": "", "imageID": "", "state": state})
}

fn running() -> Value {
    json!({"running": {"startedAt": at(50)}})
}

fn waiting(reason: &str) -> Value {
    json!({"waiting": {"reason": reason}})
}

fn ended(code: i32, reason: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": at(50), "finishedAt": at(53)}})
}

/// An Event about a container (`containers{main}`), or about the Pod where that is empty.
fn event(second: u32, of: &str, reason: &str, note: &str) -> Value {
    let type_ = if matches!(reason, "Started" | "Killing" | "Pulling" | "Pulled") {
        "Normal"
    } else {
        "Warning"
    };
    let field = Some(of).filter(|of| !of.is_empty()).map(|of| format!("spec.{of}"));
    json!({"metadata": {"name": reason}, "reason": reason, "note": note, "type": type_, "eventTime": null,
        "deprecatedLastTimestamp": at(second), "regarding": {"kind": "Pod", "fieldPath": field}})
}

/// The stage of a Pod: what its template says of `main`, of a second init container, and their statuses.
fn seen(main: (Value, Value), init: Option<(Value, Value)>, phase: &str, events: &[Value]) -> PodStage {
    let mut inits = vec![json!({"name": "backup-operator-agent"})];
    let mut init_statuses = vec![status("backup-operator-agent", ended(0, "Completed"))];
    if let Some((spec, status)) = init {
        inits.push(spec);
        init_statuses.push(status);
    }
    let pod: Pod = serde_json::from_value(json!({
        "spec": {"initContainers": inits, "containers": [main.0]},
        "status": {"phase": phase, "initContainerStatuses": init_statuses, "containerStatuses": [main.1],
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}]},
    }))
    .unwrap();
    let events: Vec<Event> = events
        .iter()
        .map(|e| serde_json::from_value(e.clone()).unwrap())
        .collect();
    let stage = stage(&pod, "main");
    assert!(asks(&pod, "main", &stage), "{stage:?}");
    explained(&pod, "main", stage, &Happened::new(&events))
}

fn says(stage: PodStage) -> String {
    match stage {
        PodStage::Starting { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

fn silent() -> (Value, Value) {
    (json!({"name": "main"}), status("main", waiting("PodInitializing")))
}

/// The same Event from before the container was started again.
fn earlier(event: &Value) -> Value {
    let mut event = event.clone();
    event["deprecatedLastTimestamp"] = json!(at(40));
    event
}

fn again(mut status: Value, last: Value) -> Value {
    status["lastState"] = last;
    status
}

#[test]
fn an_init_container_that_does_not_end_is_named_with_its_state() {
    let wait = json!({"name": "wait"});
    let hook = json!({"name": "proxy", "restartPolicy": "Always",
        "lifecycle": {"postStart": {"exec": {"command": ["ok"]}}}});
    let probed = json!({"name": "proxy", "restartPolicy": "Always", "startupProbe": {"exec": {"command": ["ok"]}}});
    let started = event(53, "initContainers{proxy}", "Started", "Container started");
    let unhealthy = event(
        56,
        "initContainers{proxy}",
        "Unhealthy",
        "Startup probe failed: sidecar down\n",
    );
    let killing = event(
        56,
        "initContainers{proxy}",
        "Killing",
        "Init container proxy failed startup probe",
    );
    let cases = [
        (
            wait.clone(),
            status("wait", running()),
            vec![],
            "init container \"wait\" is still running since 2026-11-27T20:35:50Z",
        ),
        (
            wait.clone(),
            again(status("wait", running()), ended(5, "Error")),
            vec![],
            "init container \"wait\" is still running since 2026-11-27T20:35:50Z (it last ended with status 5: Error)",
        ),
        (
            wait,
            status("wait", ended(5, "Error")),
            vec![],
            "init container \"wait\" ended with status 5 (Error)",
        ),
        (
            hook,
            status("proxy", waiting("PodInitializing")),
            vec![started],
            "the postStart of sidecar container \"proxy\" is still running since 2026-11-27T20:35:53Z",
        ),
        (
            probed.clone(),
            status("proxy", running()),
            vec![unhealthy.clone()],
            "sidecar container \"proxy\" runs, but its startupProbe has not passed: Unhealthy: Startup probe failed: sidecar down",
        ),
        // The kubelet says a moment later, or never, that it has killed it once more.
        (
            probed.clone(),
            again(status("proxy", waiting("CrashLoopBackOff")), ended(137, "Error")),
            vec![earlier(&unhealthy), earlier(&killing)],
            "sidecar container \"proxy\": CrashLoopBackOff (it last ended with status 137: Error; before that, Kubernetes killed it, because its startupProbe failed (Unhealthy: Startup probe failed: sidecar down))",
        ),
        // One that ends by itself has another reason.
        (
            probed.clone(),
            again(status("proxy", waiting("CrashLoopBackOff")), ended(1, "Error")),
            vec![earlier(&unhealthy), earlier(&killing)],
            "sidecar container \"proxy\": CrashLoopBackOff (it last ended with status 1: Error)",
        ),
        (
            probed,
            again(status("proxy", waiting("CrashLoopBackOff")), ended(137, "Error")),
            vec![unhealthy, killing],
            "sidecar container \"proxy\": CrashLoopBackOff (it last ended with status 137: Error: Kubernetes killed it, because its startupProbe failed (Unhealthy: Startup probe failed: sidecar down))",
        ),
    ];
    for (spec, status, events, words) in cases {
        assert_eq!(says(seen(silent(), Some((spec, status)), "Pending", &events)), words);
    }
}

#[test]
fn a_container_that_is_not_ready_is_named_with_what_it_waits_for() {
    let hook = json!({"name": "main", "lifecycle": {"postStart": {"exec": {"command": ["ok"]}}}});
    let ready = json!({"name": "main", "readinessProbe": {"exec": {"command": ["ok"]}}});
    let of = "containers{main}";
    let started = event(52, of, "Started", "Container started");
    let pulled = event(51, of, "Pulled", "Container image present");
    let exec = format!("failed to start exec \"{}\": no such file", "d3".repeat(32));
    let cases = [
        (
            hook,
            waiting("PodInitializing"),
            // The API server lists them in no order of time.
            vec![started, pulled],
            "the postStart of container \"main\" is still running since 2026-11-27T20:35:52Z",
        ),
        (
            json!({"name": "main", "readinessProbe": {}}),
            waiting("PodInitializing"),
            vec![event(51, of, "Pulling", "Pulling image \"db:1\"")],
            "container \"main\": Pulling image \"db:1\" since 2026-11-27T20:35:51Z",
        ),
        (
            ready.clone(),
            running(),
            vec![],
            "container \"main\" runs, but is not ready: its readinessProbe does not pass",
        ),
        (
            ready.clone(),
            running(),
            vec![event(54, of, "Unhealthy", "Readiness probe failed: no db\n")],
            "container \"main\" runs, but is not ready: its readinessProbe does not pass: Unhealthy: Readiness probe failed: no db",
        ),
        // Of another container: this one has no word.
        (
            ready.clone(),
            running(),
            vec![event(
                54,
                "containers{side}",
                "Unhealthy",
                "Readiness probe failed: no db\n",
            )],
            "container \"main\" runs, but is not ready: its readinessProbe does not pass",
        ),
        // Each time with another number of the runtime's.
        (
            ready,
            running(),
            vec![event(
                54,
                of,
                "Unhealthy",
                &format!("(combined from similar events): Readiness probe errored: {exec}"),
            )],
            "container \"main\" runs, but is not ready: its readinessProbe does not pass: Unhealthy: Readiness probe errored: failed to start exec … no such file",
        ),
    ];
    for (spec, state, events, words) in cases {
        assert_eq!(
            says(seen((spec, status("main", state)), None, "Pending", &events)),
            words
        );
    }
}

#[test]
fn a_container_whose_image_is_still_being_pulled_is_not_taken_for_one_that_runs() {
    let pull = event(51, "containers{main}", "Pulling", "Pulling image \"192.0.2.1/db:1\"");
    let words = "container \"main\": Pulling image \"192.0.2.1/db:1\" since 2026-11-27T20:35:51Z";
    let starts = |events: &[Value]| seen(silent(), None, "Pending", events);
    assert_eq!(says(starts(std::slice::from_ref(&pull))), words);
    let pulled = event(52, "containers{main}", "Pulled", "Successfully pulled");
    assert_eq!(starts(&[pull, pulled]), PodStage::Running);
}

#[test]
fn what_keeps_a_pod_from_beginning_is_its_own_last_warning() {
    let agent = status("backup-operator-agent", waiting("PodInitializing"));
    let pod = |node: &str| -> Pod {
        let conditions = json!([{"type": "PodScheduled", "status": "True"}, {"type": "PodReadyToStartContainers", "status": "False"}]);
        serde_json::from_value(json!({
            "spec": {"nodeName": node, "initContainers": [{"name": "backup-operator-agent"}], "containers": [{"name": "main"}]},
            "status": {"phase": "Pending", "conditions": conditions, "initContainerStatuses": [agent],
                "containerStatuses": [status("main", waiting("PodInitializing"))]},
        }))
        .unwrap()
    };
    let mount = event(
        43,
        "",
        "FailedMount",
        "MountVolume.SetUp failed for volume \"keys\" : secret \"nowhere\" not found",
    );
    // It has a node since.
    let scheduling = event(44, "", "FailedScheduling", "0/1 nodes are available");
    for (events, words) in [
        (
            vec![mount, scheduling.clone()],
            "FailedMount: MountVolume.SetUp failed for volume \"keys\" : secret \"nowhere\" not found",
        ),
        (
            vec![scheduling],
            "its volumes and its network are not set up yet on node \"node\"",
        ),
    ] {
        let events: Vec<Event> = events.into_iter().map(|e| serde_json::from_value(e).unwrap()).collect();
        let pod = pod("node");
        let stage = stage(&pod, "main");
        assert!(asks(&pod, "main", &stage));
        assert_eq!(says(explained(&pod, "main", stage, &Happened::new(&events))), words);
    }
}

#[test]
fn what_keeps_a_pod_from_beginning_is_told_where_no_init_container_waits_for_it() {
    let bare = |ready: &str| -> Pod {
        serde_json::from_value(json!({
            "spec": {"nodeName": "node", "containers": [{"name": "main"}],
                "volumes": [{"name": "backup-operator", "image": {"reference": "operator:1"}}]},
            "status": {"phase": "Pending", "containerStatuses": [status("main", waiting("ContainerCreating"))],
                "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "PodReadyToStartContainers", "status": ready}]},
        }))
        .unwrap()
    };
    let mount: Event = serde_json::from_value(event(43, "", "FailedMount", "secret \"nowhere\" not found")).unwrap();
    let of = |pod: &Pod, events: &[Event]| {
        let stage = stage(pod, "main");
        assert!(
            stage == PodStage::Running && asks(pod, "main", &stage),
            "it is tried meanwhile"
        );
        explained(pod, "main", stage, &Happened::new(events))
    };
    assert_eq!(
        says(of(&bare("False"), std::slice::from_ref(&mount))),
        "FailedMount: secret \"nowhere\" not found"
    );
    assert_eq!(
        says(of(&bare("False"), &[])),
        "its volumes and its network are not set up yet on node \"node\""
    );
    // They are, and what failed before has passed.
    assert_eq!(of(&bare("True"), &[mount]), PodStage::Running);
}

#[test]
fn what_killed_a_container_is_told_of_and_not_that_it_should_stay_alive() {
    let of = "containers{main}";
    let hook = event(50, of, "FailedPostStartHook", "PostStartHook failed");
    let by_hook = event(50, of, "Killing", "FailedPostStartHook");
    let alive = event(53, of, "Unhealthy", "Liveness probe failed: not alive\n");
    let up = event(53, of, "Unhealthy", "Startup probe failed: not up\n");
    let stopping = event(54, of, "Killing", "Stopping container main");
    let killing = event(
        52,
        of,
        "Killing",
        "Container main failed liveness probe, will be restarted",
    );
    let before = vec![earlier(&alive), earlier(&killing)];
    // It comes after the kill, and is not its cause.
    let ready = event(
        57,
        of,
        "Unhealthy",
        "Readiness probe errored: container is in CONTAINER_EXITED state",
    );
    let liveness =
        "Kubernetes killed it, because its livenessProbe failed (Unhealthy: Liveness probe failed: not alive)";
    let cases = [
        (
            vec![hook, by_hook],
            137,
            "Kubernetes killed it, because its postStart failed (FailedPostStartHook: PostStartHook failed)",
            Ending::Hook,
        ),
        (
            vec![alive.clone(), stopping.clone(), ready.clone()],
            137,
            liveness,
            Ending::Probe,
        ),
        // One that ends well when it is told to.
        (vec![alive.clone(), stopping.clone()], 0, liveness, Ending::Probe),
        (
            vec![up, stopping.clone()],
            137,
            "Kubernetes killed it, because its startupProbe failed (Unhealthy: Startup probe failed: not up)",
            Ending::Probe,
        ),
        // A probe that failed, and nothing was done about it; a container that was stopped for another reason.
        (vec![alive.clone()], 1, "ended with status 1 (Error)", Ending::ByItself),
        (
            vec![stopping.clone(), ready],
            137,
            "ended with status 137 (Error)",
            Ending::Signal,
        ),
        // The kubelet tells only some of many Events: the probe's words are from an earlier time, or there are none.
        (
            vec![
                event(40, of, "Unhealthy", "Liveness probe failed: not alive\n"),
                killing,
            ],
            137,
            liveness,
            Ending::Probe,
        ),
        (
            vec![event(
                52,
                of,
                "Killing",
                "Container main failed startup probe, will be restarted",
            )],
            137,
            "Kubernetes killed it, because its startupProbe failed",
            Ending::Probe,
        ),
        // Before it was started again.
        (before.clone(), 1, "ended with status 1 (Error)", Ending::ByItself),
        (
            before,
            137,
            "ended with status 137 (Error); before that, Kubernetes killed it, because its livenessProbe failed (Unhealthy: Liveness probe failed: not alive)",
            Ending::Signal,
        ),
    ];
    for (events, code, words, made) in cases {
        let main = || json!({"name": "main"});
        let crashed = again(status("main", waiting("CrashLoopBackOff")), ended(code, "Error"));
        let once = seen((main(), status("main", ended(code, "Error"))), None, "Failed", &events);
        let often = seen((main(), crashed), None, "Running", &events);
        let PodStage::Ended { message, ending } = once else {
            panic!("{once:?}")
        };
        assert!(message.ends_with(words) && ending == made, "{ending:?}: {message}");
        let PodStage::Ended { message, ending } = often else {
            panic!("{often:?}")
        };
        assert!(
            message.starts_with("container \"main\": CrashLoopBackOff") && ending == made,
            "{message}"
        );
        assert_eq!(
            message.contains("Kubernetes killed it"),
            words.contains("Kubernetes killed it"),
            "{message}"
        );
    }
}
