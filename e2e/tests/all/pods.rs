//! Pods that do not start: the run ends in time and says in the Pod's own words why.
use e2e::case;
use e2e::runs::{message, static_container, status, stream};
use futures::future::join_all;
use serde_json::{Value, json};

/// A change to the Pod's spec, the reason of the end, words of its message.
type Fault = (&'static str, fn(&mut Value), &'static str, &'static [&'static str]);

#[test]
fn a_pod_that_cannot_start_ends_the_run_within_its_deadline_and_says_why() {
    case("pods", |case| async move {
        let cases: [Fault; 7] = [
            (
                "not-pulled",
                |p| p["containers"][0]["image"] = json!("localhost/e2e/no-such-image:dev"),
                "StartDeadlineExceeded",
                &["ImagePull", "no-such-image", "spec.startDeadlineSeconds"],
            ),
            (
                "bad-name",
                |p| p["containers"][0]["image"] = json!("UPPER CASE"),
                "PodCannotStart",
                &["InvalidImageName"],
            ),
            (
                "no-secret",
                |p| p["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "nowhere"}}]),
                "StartDeadlineExceeded",
                &["nowhere"],
            ),
            (
                "ends",
                |p| p["containers"][0]["command"] = json!(["/stream", "random", "1"]),
                "PodEnded",
                &["sleep 1d"],
            ),
            (
                "no-node",
                |p| p["nodeSelector"] = json!({"e2e": "nowhere"}),
                "StartDeadlineExceeded",
                &["Unschedulable", "spec.startDeadlineSeconds"],
            ),
            (
                "no-volume",
                |p| p["containers"][0]["volumeMounts"] = json!([{"name": "x", "mountPath": "/x"}]),
                "PodRefused",
                &["volumeMounts"],
            ),
            (
                "never-ready",
                |p| p["containers"][0]["readinessProbe"] = json!({"exec": {"command": ["/nope"]}}),
                "StartDeadlineExceeded",
                &["readinessProbe"],
            ),
        ];
        let runs = cases.iter().map(|(name, change, reason, words)| {
            let case = &case;
            async move {
                let mut spec = stream(&case.path(name), "random 1000");
                spec["startDeadlineSeconds"] = json!(15);
                change(&mut spec["template"]["spec"]);
                case.start(name, spec).await;
                let run = case.failed(name, reason, 60).await;
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
        join_all(runs).await;
    });
}

#[test]
fn a_pod_of_somebody_else_that_has_the_name_is_left_alone() {
    case("stranger", |case| async move {
        let name = api::names::pod_of("db", api::names::Action::Backup, 1);
        let spec = json!({"containers": [static_container()], "terminationGracePeriodSeconds": 1});
        case.apply::<k8s_openapi::api::core::v1::Pod>(json!({"metadata": {"name": name}, "spec": spec}))
            .await;
        case.start("db", stream(&case.path("db"), "random 1000")).await;
        let run = case.failed("db", "PodNameTaken", 60).await;
        assert!(message(&run).contains(&name), "{}", message(&run));
        let pods = case.api::<k8s_openapi::api::core::v1::Pod>();
        assert!(pods.get(&name).await.unwrap().metadata.deletion_timestamp.is_none());
    });
}
