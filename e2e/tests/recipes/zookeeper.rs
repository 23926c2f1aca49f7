//! docs/recipes/zookeeper.md.
use e2e::recipe::Server;
use e2e::runs::status;
use e2e::{Case, early_case};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::net::Net;

const IMAGE: &str = "localhost/e2e/recipes-java:dev";

/// Its answers to HTTP come as often as they are asked for: a case asks more often than once in five minutes.
const SERVER: &str = "printf '%s\\n' tickTime=2000 dataDir=/data clientPort=2181 admin.rateLimiterIntervalInMS=0 >/tmp/zoo.cfg; \
    exec java -Xmx200m -cp '/opt/zookeeper/*' org.apache.zookeeper.server.ZooKeeperServerMain /tmp/zoo.cfg";
/// Commands come on its standard input, one a line.
const CLIENT: &str =
    "java -Xmx100m -cp '/opt/zookeeper/*' org.apache.zookeeper.ZooKeeperMain -server 127.0.0.1:2181 2>/dev/null";

fn client(commands: &str) -> String {
    format!("printf '%s\\n' 'addauth digest root:secret' {commands} quit | {CLIENT}")
}

#[test]
fn zookeeper_comes_back_from_a_snapshot_and_every_fault_of_its_making_fails_the_run() {
    early_case("zookeeper", |case| async move {
        let data = case.volume("data");
        let mounts = json!([{"volumeMounts": [{"name": "data", "mountPath": "/data"}]}]);
        let server = Server {
            name: "zookeeper",
            image: IMAGE,
            args: &["bash", "-ec", SERVER],
            env: json!([]),
            port: 8080,
            ping: "curl --fail -s http://127.0.0.1:8080/commands/ruok",
            pod: json!({"containers": mounts, "volumes": [data]}),
        };
        case.serve(&server).await;
        let is = |password: &str| json!({"username": "root", "password": password});
        let volumes = json!([data, {"name": "scratch", "emptyDir": {}}]);
        let recipe = Net::of(&case, "zookeeper.yaml", IMAGE).with(&json!({"template": {"spec": {"volumes": volumes}}}));
        // A server that nobody has locked gives its tree to anybody, whatever the password; and no tree at all is a snapshot.
        case.secret("zookeeper-credentials", is("wrong")).await;
        let empty = status(&recipe.good("empty").await).bytes.unwrap();
        assert_eq!(empty, 10240, "a tar's least");
        case.secret("zookeeper-credentials", is("secret")).await;

        let fill = client(
            "'setAcl / auth::cdrwa' 'create /shop one' 'create /shop/mine two auth::cdrwa' 'create -s /shop/n- three'",
        );
        let many = format!(
            "{{ echo addauth digest root:secret; for i in $(seq 200); do printf 'create /k%s ' $i; head -c 5000 /dev/urandom | base64 -w0; echo; done; \
             echo quit; }} | {CLIENT} >/dev/null"
        );
        case.exec("zookeeper", &["bash", "-ec", &format!("{fill}; {many}")])
            .await;
        let gets: String = (1..=200).map(|i| format!(" 'get /k{i}'")).collect();
        let ask = client(&format!(
            "'ls -R /' 'getAcl /shop/mine' 'get /shop' 'get /shop/mine' 'get /k7' 'stat /shop/n-0000000001'{gets}"
        ));
        // Lines about the session that asks are not of the data.
        let sum = format!(
            "{ask} | grep -v -e Session -e session -e WATCHER -e WatchedEvent -e '^$' >/tmp/said; grep -c . /tmp/said; grep -q '/shop/n-0000000001' /tmp/said && sha256sum </tmp/said"
        );
        let before = case.sh("zookeeper", &sum).await;
        let made = recipe.good("whole").await;
        case.sh(
            "zookeeper",
            &client("'deleteall /shop' 'deleteall /k7' 'create /later x'"),
        )
        .await;
        assert_ne!(case.try_sh("zookeeper", &sum).await.as_ref(), Ok(&before));
        // It is not taken away from below a server that runs.
        let run = case.restore_fails("whole", "CommandFailed", 60).await;
        assert!(status(&run).log.unwrap_or_default().contains("scale it to 0 first"));
        gone(&case).await;
        case.restore("whole").await;
        // It is there when the server starts, and when it starts once more: what its log has does not undo it.
        for start in ["the first start", "a restart"] {
            case.serve(&server).await;
            assert_eq!(case.sh("zookeeper", &sum).await, before, "what came back after {start}");
            gone(&case).await;
        }
        case.serve(&server).await;

        let half = status(&made).bytes.unwrap() / 2;
        recipe
            .fails_when_cut("zookeeper", "zookeeper", 8080, half, "curl: (18)")
            .await;
        case.secret("zookeeper-credentials", is("wrong")).await;
        recipe.fails("password", "error: 403").await;
        case.sh("zookeeper", "rm -rf /data/*").await;
    });
}

/// As after `kubectl scale --replicas=0`.
async fn gone(case: &Case) {
    e2e::cluster::delete(&case.api::<Pod>(), "zookeeper").await;
    case.wait("zookeeper is gone", 30, || async {
        case.api::<Pod>()
            .get_opt("zookeeper")
            .await
            .ok()?
            .is_none()
            .then_some(())
    })
    .await;
}
