//! Pods that start and come to nothing: the run names the container and what it waited for, or what killed it, as Events tell.
use e2e::runs::{START, message, sleeping, spec, status};
use e2e::{case, operator};
use futures::future::join_all;
use serde_json::{Value, json};

const SHELL: &str = "redis:7";

/// The fault, a change to the Pod's spec, the reason of the end, words of its message.
type Fault = (
    &'static str,
    &'static str,
    fn(&mut Value),
    &'static str,
    &'static [&'static str],
);

fn shell(script: &str) -> Value {
    json!({"exec": {"command": ["sh", "-c", script]}})
}

/// A probe that comes each second, and has failed with the first time.
fn probe(script: &str) -> Value {
    let mut probe = shell(script);
    (probe["periodSeconds"], probe["failureThreshold"]) = (json!(1), json!(1));
    probe
}

/// The command does not begin before it passes.
fn never_ready(p: &mut Value) {
    p["containers"][0]["readinessProbe"] = probe("exit 1");
}

/// Its main process takes no notice of SIGTERM: the Event that tells why it is killed is there before its end is.
fn dies_late(p: &mut Value) {
    p["terminationGracePeriodSeconds"] = json!(10);
}

fn sidecar() -> Value {
    let mut sidecar = sleeping(SHELL);
    (sidecar["name"], sidecar["restartPolicy"]) = (json!("proxy"), json!("Always"));
    sidecar
}

#[test]
fn a_pod_that_comes_to_nothing_ends_the_run_with_the_cause_that_its_events_tell() {
    case("unready", |case| async move {
        let cases: [Fault; 10] = [
            (
                "init-hangs",
                "Pod: an init container does not end",
                |p| {
                    let mut init = sleeping(SHELL);
                    init["name"] = json!("wait");
                    p["initContainers"] = json!([init]);
                },
                "StartDeadlineExceeded",
                &[
                    "init container \"wait\" is still running since ",
                    "spec.startDeadlineSeconds",
                ],
            ),
            (
                "hook-hangs",
                "Pod: a postStart does not end",
                // It ends some time: until then Kubernetes does not let its Pod go.
                |p| p["containers"][0]["lifecycle"] = json!({"postStart": shell("sleep 75")}),
                "StartDeadlineExceeded",
                &[
                    "the postStart of container \"main\" is still running since ",
                    "spec.startDeadlineSeconds",
                ],
            ),
            (
                "hook-fails",
                "Pod: a postStart fails",
                |p| {
                    p["containers"][0]["lifecycle"] = json!({"postStart": shell("exit 3")});
                    dies_late(p);
                },
                "PodEnded",
                &[
                    "container \"main\"",
                    "FailedPostStartHook",
                    "The postStart has to end with status 0",
                ],
            ),
            (
                "liveness",
                "Pod: killed for its livenessProbe",
                |p| {
                    never_ready(p);
                    dies_late(p);
                    p["containers"][0]["livenessProbe"] = probe("echo not alive; exit 1");
                },
                "PodEnded",
                &[
                    "container \"main\"",
                    "Unhealthy: Liveness probe failed: not alive",
                    "The probe has to pass",
                ],
            ),
            (
                "startup",
                "Pod: killed for its startupProbe",
                |p| {
                    dies_late(p);
                    p["containers"][0]["startupProbe"] = probe("echo not up; exit 1");
                },
                "PodEnded",
                &["container \"main\"", "Unhealthy: Startup probe failed: not up"],
            ),
            (
                "readiness",
                "Pod: a readinessProbe of another container fails",
                |p| {
                    let mut side = sleeping(SHELL);
                    side["name"] = json!("side");
                    side["readinessProbe"] = probe("echo no database; exit 1");
                    p["containers"].as_array_mut().unwrap().push(side);
                },
                "StartDeadlineExceeded",
                &["container \"side\"", "Unhealthy: Readiness probe failed: no database"],
            ),
            (
                "sidecar",
                "Pod: a native sidecar's startupProbe fails",
                |p| {
                    let mut sidecar = sidecar();
                    sidecar["startupProbe"] = probe("echo no proxy; exit 1");
                    p["initContainers"] = json!([sidecar]);
                },
                "StartDeadlineExceeded",
                &["sidecar container \"proxy\"", "Startup probe failed: no proxy"],
            ),
            (
                "no-program",
                "Pod: its command is not in its image",
                |p| p["containers"][0]["command"] = json!(["/nope"]),
                "PodEnded",
                &["StartError", "/nope", "a program that its image has"],
            ),
            (
                "soon",
                "Pod: a volume of a Secret that is missing, and less time than the others have",
                |p| {
                    p["volumes"] = json!([{"name": "keys", "secret": {"secretName": "nowhere"}}]);
                    p["containers"][0]["volumeMounts"] = json!([{"name": "keys", "mountPath": "/keys"}]);
                },
                "StartDeadlineExceeded",
                &["FailedMount", "nowhere", "spec.startDeadlineSeconds: 30 s"],
            ),
            (
                "expires",
                "Pod: activeDeadlineSeconds",
                |p| {
                    never_ready(p);
                    p["activeDeadlineSeconds"] = json!(6);
                },
                "PodEnded",
                &["DeadlineExceeded"],
            ),
        ];
        let runs = cases.iter().map(|(name, fault, change, reason, words)| {
            case.fault(name, fault);
            let case = &case;
            async move {
                let mut spec = spec(&case.path(name), sleeping(SHELL), &["echo", "x"], &[]);
                // What waits for it; the others end as soon as a busy node has come to that.
                spec["startDeadlineSeconds"] = json!(match *reason {
                    "StartDeadlineExceeded" if *name == "soon" => 30,
                    "StartDeadlineExceeded" => 60,
                    _ => START,
                });
                change(&mut spec["template"]["spec"]);
                case.start_unadmitted(name, spec).await;
                let run = case.failed(name, reason, 300).await;
                let said = message(&run);
                for word in *words {
                    assert!(said.contains(word), "{name}: {word:?} is not in {said:?}");
                }
                assert!(
                    !said.contains("sleep infinity"),
                    "{name}: nothing ended by itself: {said:?}"
                );
                assert_eq!(status(&run).sha256, None, "{name}");
            }
        });
        // Their time begins anew with each operator, and the postStart that hangs ends some time.
        let _steady = operator::steady().await;
        join_all(runs).await;
    });
}
