//! Pods as the kubelet tells of them, and what is made of that.
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
    assert_eq!(unready, starting("container \"main\" runs, but is not ready".into()));
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
        (&nothing, &nothing, nothing.clone(), None),
        (&probe, &nothing, nothing.clone(), Some("main")),
        (&prepared, &nothing, nothing.clone(), Some("main")),
        (&nothing, &probe, nothing.clone(), Some("side")),
        (&nothing, &startup, nothing.clone(), Some("side")),
        (&nothing, &nothing, sidecar(probe.clone()), Some("init")),
        // An init container that ends is not waited for once more.
        (&nothing, &nothing, prepared.clone(), None),
    ] {
        let named = |name: &str, c: &Value| {
            let mut c = c.clone();
            c["name"] = json!(name);
            c
        };
        let at = |ready: bool, told: bool| {
            let started = |name: &str| container(name, ready || waits != Some(name), json!({"running": {}}));
            let first = if init["restartPolicy"].is_null() {
                container("init", true, json!({"terminated": {"exitCode": 0}}))
            } else {
                let mut c = started("init");
                c["started"] = json!(true);
                c
            };
            let all = if told {
                json!([started("main"), started("side")])
            } else {
                json!([])
            };
            let condition = json!({"type": "Ready", "status": if ready { "True" } else { "False" }});
            let pod = json!({
                "spec": {"containers": [named("main", main), named("side", side)], "initContainers": [named("init", &init)]},
                "status": {"containerStatuses": all, "conditions": [condition], "initContainerStatuses": [first]},
            });
            stage(&serde_json::from_value(pod).unwrap(), "main")
        };
        // As the kubelet tells it, and before it tells of any container.
        for told in [true, false] {
            match (at(false, told), waits) {
                (PodStage::Running, None) => {}
                (PodStage::Starting { message, .. }, Some(name)) => {
                    assert!(
                        !told || message.contains(&format!("container {name:?} runs, but ")),
                        "{message}"
                    );
                }
                (unready, _) => panic!("{main} {side} {init}: {unready:?}"),
            }
        }
        assert_eq!(at(true, true), PodStage::Running);
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
    let mut causes = Vec::new();
    for (status, words, hopeless) in cases {
        let PodStage::Starting {
            message,
            cause,
            hopeless: seen,
        } = seen(status.clone())
        else {
            panic!("{status}")
        };
        causes.push(cause);
        assert!(
            message.contains(words) && words.is_empty() == message.is_empty() && seen == hopeless,
            "{message}"
        );
    }
    let causes: Vec<_> = causes.iter().map(|c| c.as_deref().unwrap_or("-")).collect();
    // Of an image that cannot be pulled there is one, however the kubelet says it.
    let wanted = "- - ImagePullBackOff InvalidImageName ImagePullBackOff - - - Unschedulable";
    assert_eq!(causes.join(" "), wanted);
}

#[test]
fn a_pod_that_ended_says_how_and_what_made_it_end() {
    let terminated = |status: i32, reason: &str| json!({"terminated": {"exitCode": status, "reason": reason}});
    let main = |state: Value| json!({"containerStatuses": [container("main", false, state)]});
    let of = |phase: &str, mut status: Value| {
        status["phase"] = json!(phase);
        status
    };
    let init = |name: &str, state: Value| {
        let agent = container("backup-operator-agent", true, terminated(0, "Completed"));
        let waiting = container("main", false, json!({"waiting": {"reason": "PodInitializing"}}));
        json!({"initContainerStatuses": [agent, container(name, false, state)], "containerStatuses": [waiting]})
    };
    let crashed = |last: Value| {
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}});
        let mut c = container("main", false, waiting);
        c["lastState"] = last;
        json!({"containerStatuses": [c]})
    };
    let no_database = json!({"terminated": {"exitCode": 3, "reason": "Error", "message": "no database"}});
    let cases = [
        (
            json!({"phase": "Failed", "reason": "Evicted", "message": "disk"}),
            "Evicted: disk",
            Ending::Pod,
        ),
        // The node did not take it: no container has begun.
        (
            json!({"phase": "Failed", "reason": "SysctlForbidden", "message": "Pod was rejected"}),
            "SysctlForbidden: Pod was rejected",
            Ending::Pod,
        ),
        (
            of("Failed", main(terminated(137, "OOMKilled"))),
            "137 (OOMKilled)",
            Ending::Memory,
        ),
        (
            of("Running", main(terminated(137, "OOMKilled"))),
            "137 (OOMKilled)",
            Ending::Memory,
        ),
        (
            of("Failed", main(terminated(137, "Error"))),
            "137 (Error)",
            Ending::Signal,
        ),
        (
            of("Failed", main(terminated(128, "StartError"))),
            "128 (StartError)",
            Ending::NotStarted,
        ),
        (
            of("Failed", main(terminated(1, "Error"))),
            "status 1 (Error)",
            Ending::ByItself,
        ),
        (
            of("Succeeded", main(terminated(0, "Completed"))),
            "status 0 (Completed)",
            Ending::ByItself,
        ),
        (json!({"phase": "Succeeded"}), "Succeeded", Ending::Pod),
        (
            of("Failed", init("wait", no_database)),
            "init container \"wait\" ended with status 3 (Error): no database",
            Ending::Init,
        ),
        (
            of("Failed", init("wait", terminated(128, "StartError"))),
            "init container \"wait\" ended with status 128 (StartError)",
            Ending::NotStarted,
        ),
        (crashed(json!({})), "CrashLoopBackOff: back-off", Ending::ByItself),
        (
            crashed(terminated(128, "StartError")),
            "CrashLoopBackOff: back-off (it last ended with status 128: StartError)",
            Ending::NotStarted,
        ),
    ];
    for (status, words, made) in cases {
        let PodStage::Ended { message, ending } = seen(status.clone()) else {
            panic!("{status}")
        };
        assert!(message.contains(words) && ending == made, "{ending:?}: {message}");
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
            ending: Ending::Pod
        }
    );
    assert_eq!(
        seen(false),
        PodStage::Running,
        "an eviction that is not carried out is none"
    );
}

#[test]
fn a_pod_is_over_when_the_kubelet_says_so_of_each_of_its_containers() {
    let (up, ended) = (json!({"running": {}}), json!({"terminated": {"exitCode": 0}}));
    for (phase, main, side, sidecar, over) in [
        ("Succeeded", Some(&ended), Some(&ended), &ended, true),
        ("Failed", Some(&ended), Some(&ended), &ended, true),
        ("Running", Some(&ended), Some(&ended), &ended, false),
        // Who gives a Pod of a lost node up writes the phase only.
        ("Failed", Some(&up), Some(&up), &up, false),
        ("Failed", Some(&ended), Some(&up), &ended, false),
        ("Failed", Some(&ended), Some(&ended), &up, false),
        ("Failed", None, None, &ended, false),
    ] {
        let of = |name: &str, state: Option<&Value>| state.map(|s| container(name, false, s.clone()));
        let mains: Vec<_> = [of("main", main), of("side", side)].into_iter().flatten().collect();
        let pod = serde_json::from_value(json!({
            "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "main"}, {"name": "side"}], "initContainers": [{"name": "mesh", "restartPolicy": "Always"}]},
            "status": {"phase": phase, "containerStatuses": mains, "initContainerStatuses": [container("mesh", false, sidecar.clone())]},
        }))
        .unwrap();
        assert_eq!(is_over(&pod), over, "{phase} {main:?} {side:?} {sidecar}");
    }
}

/// A Pod with an image volume, and whatever else its template has.
fn by_volume(spec: Value, status: Value) -> Pod {
    let mut spec = spec;
    spec["volumes"] = json!([{"name": "backup-operator", "image": {"reference": "operator:1"}}, {"name": "backup-operator-run", "emptyDir": {}}]);
    serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec, "status": status})).unwrap()
}

#[test]
fn a_pod_without_an_init_container_is_tried_as_soon_as_the_kubelet_has_begun_with_it() {
    let creating = container("main", false, json!({"waiting": {"reason": "ContainerCreating"}}));
    let only_main = || json!({"containers": [{"name": "main"}]});
    let begun = json!({"containerStatuses": [creating]});
    assert_eq!(stage(&by_volume(only_main(), begun.clone()), "main"), PodStage::Running);
    for (why, spec, status) in [
        ("no kubelet has it", only_main(), json!({"phase": "Pending"})),
        (
            "the template's own init container comes first",
            json!({"containers": [{"name": "main"}], "initContainers": [{"name": "init"}]}),
            json!({"containerStatuses": [creating], "initContainerStatuses": [container("init", false, json!({"running": {}}))]}),
        ),
        (
            "it is waited for",
            json!({"containers": [{"name": "main", "readinessProbe": {"exec": {"command": ["ok"]}}}]}),
            begun,
        ),
    ] {
        assert!(
            matches!(stage(&by_volume(spec, status), "main"), PodStage::Starting { .. }),
            "{why}"
        );
    }
}

#[test]
fn a_volume_that_does_not_come_up_is_told_of_in_the_runtimes_words() {
    let hash = "b4aef69f54cfe2f0f5840c6835b315007b039f5eb4f21cb47de4feb84e5c4378";
    let words = format!(
        "failed to generate container \"{hash}\" spec: failed to generate spec: failed to mkdir \"\": mkdir : no such file or directory"
    );
    let failed = json!({"waiting": {"reason": "CreateContainerError", "message": words}});
    let of = |state: &Value| {
        by_volume(
            json!({"containers": [{"name": "main"}]}),
            json!({"containerStatuses": [container("main", false, state.clone())]}),
        )
    };
    let said = no_volume(&of(&failed), "main").unwrap();
    assert!(
        said.starts_with("container \"main\": failed to generate container …") && said.contains("failed to mkdir \"\""),
        "{said}"
    );
    assert!(matches!(
        stage(&of(&failed), "main"),
        PodStage::Starting { hopeless: false, .. }
    ));
    // The same words of a Pod without one; another container; an image that cannot be pulled, which the init container needs as well.
    let mut copied = of(&failed);
    copied.spec.as_mut().unwrap().volumes = None;
    assert_eq!(no_volume(&copied, "main"), None);
    assert_eq!(no_volume(&of(&failed), "side"), None);
    let pulled = json!({"waiting": {"reason": "ErrImagePull", "message": "failed to pull and unpack image \"operator:1\": connection refused"}});
    assert_eq!(no_volume(&of(&pulled), "main"), None);
    let ended = json!({"terminated": {"exitCode": 128, "reason": "StartError", "message": "error mounting \"/x\" to rootfs at \"/.backup-operator/bin\": no such device"}});
    assert!(no_volume(&of(&ended), "main").unwrap().contains("no such device"));
}

#[test]
fn a_container_that_was_never_made_is_told_from_one_that_waits_for_an_image_or_another() {
    let waits = |reason: &str| json!({"waiting": {"reason": reason}});
    let bad = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
    let runs = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    for (init, main, is) in [
        (None, waits("ContainerCreating"), true),
        (None, waits("CreateContainerError"), true),
        (None, waits("ImagePullBackOff"), false),
        (None, waits("CreateContainerConfigError"), false),
        (None, runs.clone(), false),
        (None, bad.clone(), false),
        (Some(waits("PodInitializing")), waits("PodInitializing"), true),
        (Some(waits("ErrImagePull")), waits("PodInitializing"), false),
        (Some(runs), waits("PodInitializing"), false),
        (Some(bad), waits("PodInitializing"), false),
    ] {
        let inits: Vec<_> = init
            .iter()
            .map(|state| container("prepare", false, state.clone()))
            .collect();
        let pod = |spec: Value| {
            by_volume(
                spec,
                json!({"initContainerStatuses": inits, "containerStatuses": [container("main", false, main.clone())]}),
            )
        };
        let containers = json!([{"name": "main"}]);
        assert_eq!(
            unmade(&pod(json!({"nodeName": "n", "containers": containers})), "main"),
            is,
            "{init:?} {main}"
        );
        assert!(
            !unmade(&pod(json!({"containers": containers})), "main"),
            "no node has it"
        );
    }
}
