//! What carries the agent into Pods: a volume of the operator's image where the nodes serve such volumes, else an init container.
use e2e::case::labelled_case;
use e2e::cluster::image_volumes;
use e2e::runs::{START, status, stream};
use e2e::{Case, case};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;

const SIZE: usize = 1 << 20;

/// Begins a slow backup; which way its agent came, by its status, and its Pod.
async fn begun(case: &Case, name: &str, template: &[(&str, serde_json::Value)]) -> (Option<String>, Pod) {
    let mut spec = stream(&case.path(name), &format!("slow random {SIZE} 40"));
    for (field, value) in template {
        spec["template"]["spec"][*field] = value.clone();
    }
    case.keeps(name);
    case.start(name, spec).await;
    let started = |run: &api::BackupRun| status(run).transfer.filter(|t| t.command_started_at.is_some());
    let transfer = case.until(name, "its command runs", START.into(), started).await;
    let run = case.runs().get(name).await.unwrap();
    let pod = case.api::<Pod>().get(&status(&run).pod_name.unwrap()).await.unwrap();
    (transfer.agent, pod)
}

/// Names of its init containers, and what the operator's volumes are made of.
fn ours(pod: &Pod) -> (Vec<String>, Vec<&'static str>) {
    let spec = pod.spec.as_ref().unwrap();
    let inits = spec.init_containers.iter().flatten().map(|c| c.name.clone()).collect();
    let volumes = spec
        .volumes
        .iter()
        .flatten()
        .filter(|v| v.name.starts_with("backup-operator"));
    let kind = |v: &k8s_openapi::api::core::v1::Volume| match (&v.image, &v.empty_dir) {
        (Some(_), None) => "image",
        (None, Some(_)) => "emptyDir",
        _ => "neither",
    };
    (inits, volumes.map(kind).collect())
}

#[test]
fn the_agent_comes_by_an_image_volume_where_the_nodes_serve_them_and_by_an_init_container_elsewhere() {
    case("carrier", |case| async move {
        let served = image_volumes(case.client()).await;
        let (agent, pod) = begun(&case, "db", &[]).await;
        let (inits, volumes) = ours(&pod);
        let agents = if served {
            vec![]
        } else {
            vec!["backup-operator-agent".to_string()]
        };
        assert_eq!(
            agent.as_deref(),
            Some(if served { "ImageVolume" } else { "InitContainer" }),
            "{}",
            pod.name_any()
        );
        assert_eq!(
            (inits, volumes),
            (agents, vec![if served { "image" } else { "emptyDir" }, "emptyDir"])
        );
        case.ended_whole("db", SIZE, 60).await;
        // The restore has a Pod of its own, which gets it in the same way.
        case.restore("db").await;
    });
}

#[test]
fn an_init_container_of_the_template_ends_before_the_agent_is_looked_for() {
    case("carrier-init", |case| async move {
        let first =
            json!([{"name": "first", "image": "localhost/e2e/static:dev", "command": ["/stream", "random", "0"]}]);
        let (_, pod) = begun(&case, "db", &[("initContainers", first)]).await;
        let (inits, _) = ours(&pod);
        assert_eq!(inits.last().map(String::as_str), Some("first"));
        case.ended_whole("db", SIZE, 60).await;
    });
}

#[test]
fn the_strictest_pod_security_standard_admits_the_agent_in_either_way() {
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    labelled_case("carrier-restricted", labels, |case| async move {
        let user = json!({"runAsNonRoot": true, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}});
        let own = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true});
        let container = json!([{
            "name": "stream", "image": "localhost/e2e/static:dev", "command": ["/stream", "wait"], "securityContext": own,
        }]);
        let served = image_volumes(case.client()).await;
        let (agent, _) = begun(&case, "db", &[("securityContext", user), ("containers", container)]).await;
        assert_eq!(agent.as_deref() == Some("ImageVolume"), served);
        case.ended_whole("db", SIZE, 60).await;
    });
}
