//! docs/recipes/etcd.md.
use e2e::case;
use e2e::recipe::Data;
use e2e::runs::status;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::net::{IMAGE, Net, serve_in};

const SERVER: &str = "exec etcd --name etcd --data-dir /data/etcd --listen-client-urls http://0.0.0.0:2379 --advertise-client-urls http://etcd:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://etcd:2380 --initial-cluster etcd=http://etcd:2380";
const ASK: &str = "export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=http://127.0.0.1:2379; etcdctl endpoint health";
const AS_ROOT: &str = "export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=http://127.0.0.1:2379 ETCDCTL_USER=root:secret;";

#[test]
fn etcd_comes_back_from_a_snapshot_and_every_fault_of_its_making_fails_the_run() {
    case("etcd", |case| async move {
        let volumes = json!([case.volume("data")]);
        let mounts = json!([{"volumeMounts": [{"name": "data", "mountPath": "/data"}]}]);
        let pod = json!({"containers": mounts, "volumes": volumes});
        serve_in(&case, "etcd", 2379, SERVER, ASK, pod.clone()).await;
        case.secret("etcd-credentials", json!({"user": "root:secret"})).await;
        let recipe = Net::of(&case, "etcd.yaml", IMAGE).with(&json!({"template": {"spec": {"volumes": volumes}}}));
        let fill = format!(
            "{ASK}; etcdctl user add root:secret; etcdctl user grant-role root root; etcdctl auth enable; {AS_ROOT} \
             for i in $(seq 100); do head -c 3000 /dev/urandom | base64 -w0 | etcdctl put /key/$i; done >/dev/null"
        );
        case.exec("etcd", &["bash", "-ec", &fill]).await;
        let sum = format!("{AS_ROOT} etcdctl get --prefix '' | sha256sum");
        let data = Data {
            pod: "etcd",
            sum: &sum,
            destroy: &format!("{AS_ROOT} etcdctl del --prefix '' >&2"),
        };
        let before = case.sh(data.pod, data.sum).await;
        let made = recipe.good("whole").await;
        case.sh(data.pod, data.destroy).await;
        assert_ne!(case.sh(data.pod, data.sum).await, before);
        // It is not taken away from below a server that runs.
        let run = case.restore_fails("whole", "CommandFailed", 60).await;
        assert!(status(&run).log.unwrap_or_default().contains("scale it to 0 first"));
        e2e::cluster::delete(&case.api::<Pod>(), "etcd").await;
        case.wait("etcd is gone", 30, || async {
            case.api::<Pod>().get_opt("etcd").await.ok()?.is_none().then_some(())
        })
        .await;
        case.restore("whole").await;
        let health = format!("{AS_ROOT} etcdctl endpoint health");
        serve_in(&case, "etcd", 2379, SERVER, &health, pod).await;
        assert_eq!(case.sh(data.pod, data.sum).await, before, "what came back");

        let half = status(&made).bytes.unwrap() / 2;
        recipe.fails_when_cut("etcd", "etcd", 2379, half, "Error: ").await;
        case.secret("etcd-credentials", json!({"user": "root:wrong"})).await;
        recipe.fails("password", "authentication failed").await;
        case.sh("etcd", "rm -rf /data/*").await;
    });
}
