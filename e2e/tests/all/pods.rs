//! Pods that do not start: the run ends in time and says in the Pod's own words why.
use e2e::runs::{START, message, sleeping, spec, static_container, status, stream};
use e2e::{case, operator};
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use serde_json::{Value, json};

/// The fault, a change to the Pod's spec, the reason of the end, words of its message.
type Fault = (
    &'static str,
    &'static str,
    fn(&mut Value),
    &'static str,
    &'static [&'static str],
);

fn init(command: &str) -> Value {
    let mut words = vec!["/stream"];
    words.extend(command.split(' '));
    json!({"name": "wait", "image": "localhost/e2e/static:dev", "command": words})
}

#[test]
fn a_pod_that_cannot_start_ends_the_run_within_its_deadline_and_says_why() {
    case("pods", |case| async move {
        let cases: [Fault; 11] = [
            (
                "not-pulled",
                "Pod: image cannot be pulled (ImagePullBackOff)",
                |p| p["containers"][0]["image"] = json!("localhost/e2e/no-such-image:dev"),
                "StartDeadlineExceeded",
                &["ImagePull", "no-such-image", "spec.startDeadlineSeconds"],
            ),
            (
                "bad-name",
                "Pod: image name is none",
                |p| p["containers"][0]["image"] = json!("UPPER CASE"),
                "PodCannotStart",
                &["InvalidImageName"],
            ),
            (
                "no-secret",
                "Pod: Secret of its environment is missing",
                |p| p["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "nowhere"}}]),
                "StartDeadlineExceeded",
                &["nowhere"],
            ),
            (
                "no-volume",
                "Pod: a volume of a Secret that is missing, which only an Event tells",
                |p| {
                    p["volumes"] = json!([{"name": "keys", "secret": {"secretName": "nowhere"}}]);
                    p["containers"][0]["volumeMounts"] = json!([{"name": "keys", "mountPath": "/keys"}]);
                },
                "StartDeadlineExceeded",
                &["FailedMount", "nowhere", "spec.startDeadlineSeconds"],
            ),
            (
                "ends",
                "Pod: container ends by itself",
                |p| p["containers"][0]["command"] = json!(["/stream", "random", "1"]),
                "PodEnded",
                &["sleep infinity"],
            ),
            (
                "no-node",
                "Pod: unschedulable",
                |p| p["nodeSelector"] = json!({"e2e": "nowhere"}),
                "StartDeadlineExceeded",
                &["Unschedulable", "spec.startDeadlineSeconds"],
            ),
            (
                "no-host",
                "Pod: refused by the API server",
                |p| p["hostAliases"] = json!([{"ip": "nowhere", "hostnames": ["a"]}]),
                "PodRefused",
                &["hostAliases"],
            ),
            (
                "never-ready",
                "Pod: never ready",
                |p| p["containers"][0]["readinessProbe"] = json!({"exec": {"command": ["/nope"]}}),
                "StartDeadlineExceeded",
                &["container \"stream\"", "readinessProbe", "Unhealthy", "/nope"],
            ),
            (
                "crashes",
                "Pod: its container crashes again and again (CrashLoop)",
                |p| {
                    p["restartPolicy"] = json!("Always");
                    p["containers"][0]["command"] = json!(["/stream", "fail", "7", "random", "0"]);
                },
                "PodEnded",
                &["status 7"],
            ),
            (
                "init-fails",
                "Pod: an init container fails",
                |p| p["initContainers"] = json!([init("fail 5 random 0")]),
                "PodEnded",
                &["init container \"wait\" ended with status 5"],
            ),
            (
                "init-crashes",
                "Pod: an init container fails again and again (Init:CrashLoop)",
                |p| {
                    p["restartPolicy"] = json!("Always");
                    p["initContainers"] = json!([init("fail 5 random 0")]);
                },
                "StartDeadlineExceeded",
                &["container \"wait\"", "status 5"],
            ),
        ];
        let runs = cases.iter().map(|(name, fault, change, reason, words)| {
            case.fault(name, fault);
            let case = &case;
            async move {
                let mut spec = stream(&case.path(name), "random 1000");
                // What waits for it; the others end as soon as a busy node has come to that.
                let late = *reason == "StartDeadlineExceeded";
                spec["startDeadlineSeconds"] = json!(if late { 60 } else { START });
                change(&mut spec["template"]["spec"]);
                // What the webhook would have refused, too.
                case.start_unadmitted(name, spec).await;
                let run = case.failed(name, reason, 300).await;
                for word in *words {
                    assert!(
                        message(&run).contains(word),
                        "{name}: {word:?} is not in {:?}",
                        message(&run)
                    );
                }
                assert_eq!(status(&run).sha256, None, "{name}");
            }
        });
        // Their time begins anew with each operator.
        let steady = operator::steady().await;
        join_all(runs).await;
        drop(steady);
        // Told when it was seen, and once, however often the kubelet says it in other words. A busy node may give another cause before.
        for (name, cause) in [("not-pulled", "no-such-image"), ("no-node", "Unschedulable")] {
            let told = case.events(name).await;
            let waits = told.iter().filter(|e| e.starts_with("PodWaits") && e.contains(cause));
            assert_eq!(waits.count(), 1, "{name}: {told:?}");
        }
    });
}

#[test]
fn a_pod_of_somebody_else_that_has_the_name_is_left_alone() {
    case("stranger", |case| async move {
        let name = api::names::pod_of("db", api::names::Action::Backup, 1);
        let spec = json!({"containers": [static_container()], "terminationGracePeriodSeconds": 1});
        case.apply::<k8s_openapi::api::core::v1::Pod>(json!({"metadata": {"name": name}, "spec": spec}))
            .await;
        case.fault("db", "Pod: its name is another's");
        case.start("db", stream(&case.path("db"), "random 1000")).await;
        let run = case.failed("db", "PodNameTaken", 60).await;
        assert!(message(&run).contains(&name), "{}", message(&run));
        let pods = case.api::<k8s_openapi::api::core::v1::Pod>();
        assert!(pods.get(&name).await.unwrap().metadata.deletion_timestamp.is_none());
    });
}

const SHELL: &str = "redis:7";

#[test]
fn a_command_runs_when_all_that_prepares_its_pod_has_ended() {
    case("prepared", |case| async move {
        // What postStart writes, or another container before it is ready, is what the command reads.
        let late = |file: &str| json!(["sh", "-c", format!("sleep 4; echo prepared > {file}")]);
        let mut main = sleeping(SHELL);
        main["lifecycle"] = json!({"postStart": {"exec": {"command": late("/tmp/up")}}});
        let by_hook = spec(&case.path("hook"), main, &["cat", "/tmp/up"], &[]);
        let shared = json!([{"name": "shared", "mountPath": "/shared"}]);
        let mut main = sleeping(SHELL);
        main["volumeMounts"] = shared.clone();
        let mut side = json!({"name": "side", "image": SHELL, "volumeMounts": shared});
        side["command"] = json!(["sh", "-c", "sleep 4; echo prepared > /shared/up; sleep infinity"]);
        side["readinessProbe"] = json!({"exec": {"command": ["test", "-f", "/shared/up"]}, "periodSeconds": 1});
        let mut by_side = spec(&case.path("side"), main, &["cat", "/shared/up"], &[]);
        let pod = &mut by_side["template"]["spec"];
        pod["volumes"] = json!([{"name": "shared", "emptyDir": {}}]);
        pod["containers"].as_array_mut().unwrap().push(side.clone());
        // The same as a native sidecar.
        let mut by_sidecar = by_side.clone();
        by_sidecar["storage"]["path"] = json!(case.path("sidecar"));
        let pod = &mut by_sidecar["template"]["spec"];
        pod["containers"].as_array_mut().unwrap().truncate(1);
        side["restartPolicy"] = json!("Always");
        pod["initContainers"] = json!([side]);
        for (name, spec) in [("hook", by_hook), ("side", by_side), ("sidecar", by_sidecar)] {
            case.keeps(name);
            case.fault(name, &format!("Pod: prepared late, by its {name}"));
            case.start(name, spec).await;
        }
        for name in ["hook", "side", "sidecar"] {
            case.succeeded(name, 120).await;
            assert_eq!(case.store().get(&case.key(name)), b"prepared\n", "{name}");
        }
    });
}

#[test]
fn a_pod_that_is_done_does_not_stay_for_as_long_as_its_template_lets_it() {
    case("grace", |case| async move {
        case.keeps("db");
        let mut main = sleeping(SHELL);
        main["command"] = json!(["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]);
        let mut run = spec(&case.path("db"), main, &["echo", "x"], &[]);
        run["template"]["spec"]["terminationGracePeriodSeconds"] = json!(3600);
        case.fault("db", "Pod: an hour to end in, and a container that does not");
        case.backup("db", run).await;
        case.wait("its Pod is gone", 60, || async {
            case.our_pods().await.is_empty().then_some(())
        })
        .await;
    });
}

#[test]
fn where_containers_share_their_processes_the_log_is_the_containers_and_what_was_started_is_found() {
    case("shared-pids", |case| async move {
        case.keeps("db");
        let mut side = sleeping("postgres:15");
        side["name"] = json!("side");
        let main = sleeping(SHELL);
        let script = "echo to-the-log >&2; sleep 25; echo x";
        let mut run = spec(
            &case.path("db"),
            main,
            &["sh", "-c", script],
            &["sh", "-c", "cat >/dev/null; sleep 1000 & exit 0"],
        );
        run["restore"]["deadlineSeconds"] = json!(20);
        run["template"]["spec"]["shareProcessNamespace"] = json!(true);
        let main = run["template"]["spec"]["containers"][0].take();
        let name = main["name"].clone();
        // The first container of the Pod is another one.
        run["template"]["spec"]["containers"] = json!([side, main]);
        (run["backup"]["container"], run["restore"]["container"]) = (name.clone(), name.clone());
        case.fault(
            "db",
            "Pod: shareProcessNamespace, and a restore command that leaves a child",
        );
        case.start("db", run).await;
        case.wait(
            "the command's standard error is in its container's log",
            100,
            || async {
                let pod = case.our_pods().await.into_iter().next()?;
                let of = LogParams {
                    container: name.as_str().map(ToString::to_string),
                    ..LogParams::default()
                };
                let log = case.api::<Pod>().logs(&pod, &of).await.ok()?;
                log.contains("to-the-log").then_some(())
            },
        )
        .await;
        case.succeeded("db", 100).await;
        let failed = case.restore_fails("db", "LeftRunning", 100).await;
        assert!(message(&failed).contains("sleep (pid "), "{}", message(&failed));
    });
}
