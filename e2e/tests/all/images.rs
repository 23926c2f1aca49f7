//! Any standard image will do.
use e2e::bytes::{random, sum_line};
use e2e::case;
use e2e::case::labelled_case;
use e2e::runs::{sleeping, spec, static_container, status, stream};
use serde_json::json;

#[test]
fn an_image_with_one_static_binary_and_no_shell_will_do() {
    case("static", |case| async move {
        case.keeps("bytes");
        case.backup("bytes", stream(&case.path("bytes"), "random 300000 7"))
            .await;
        let run = case.restore("bytes").await;
        assert_eq!(status(&run).log.unwrap().trim(), sum_line(&random(300_000, 7)));
    });
}

#[test]
fn a_namespace_that_enforces_restricted_will_do_with_a_read_only_root_and_a_user_of_its_own() {
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest"});
    labelled_case("restricted", labels, |case| async move {
        case.keeps("bytes");
        let mut container = static_container();
        container["securityContext"] = json!({
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        });
        let mut spec = spec(
            &case.path("bytes"),
            container,
            &["/stream", "random", "6M", "3"],
            &["/stream", "sum"],
        );
        spec["template"]["spec"]["securityContext"] = json!({
            "runAsUser": 10001, "runAsGroup": 10001, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"},
        });
        case.backup("bytes", spec).await;
        let run = case.restore("bytes").await;
        assert_eq!(status(&run).log.unwrap().trim(), sum_line(&random(6 << 20, 3)));
    });
}

#[test]
fn a_pod_that_runs_as_root_will_do() {
    case("root", |case| async move {
        case.keeps("bytes");
        let mut spec = spec(
            &case.path("bytes"),
            sleeping("redis:7"),
            &["sh", "-c", "id -u"],
            &["sh", "-c", "cat >&2"],
        );
        spec["template"]["spec"]["securityContext"] = json!({"runAsUser": 0});
        case.backup("bytes", spec).await;
        assert_eq!(status(&case.restore("bytes").await).log.unwrap().trim(), "0");
    });
}

#[test]
fn the_command_runs_in_the_container_that_is_named_with_its_environment_and_folder() {
    case("container", |case| async move {
        case.keeps("said");
        let mut second = sleeping("redis:7");
        (second["name"], second["workingDir"]) = (json!("second"), json!("/var"));
        second["env"] = json!([{"name": "WHO", "value": "the second"}]);
        let mut spec = spec(
            &case.path("said"),
            static_container(),
            &["sh", "-c", "echo \"$WHO $PWD $0\"", "an argument"],
            &["sh", "-c", "cat >&2"],
        );
        spec["template"]["spec"]["containers"]
            .as_array_mut()
            .unwrap()
            .push(second);
        for action in ["backup", "restore"] {
            spec[action]["container"] = json!("second");
        }
        case.backup("said", spec).await;
        assert_eq!(
            status(&case.restore("said").await).log.unwrap().trim(),
            "the second /var an argument"
        );
    });
}
