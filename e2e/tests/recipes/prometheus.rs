//! docs/recipes/prometheus.md.
use e2e::case;
use e2e::recipe::Server;
use e2e::runs::status;
use serde_json::json;

use crate::net::Net;

pub const IMAGE: &str = "localhost/e2e/recipes-more:dev";

/// It runs unless /tmp/stopped is there; ended, it begins anew with what is on the volume. It asks itself for its own series as soon as
/// /tmp/targets.json names it.
const SERVER: &str = r#"
cat >/tmp/prometheus.yml <<END
global: {scrape_interval: 1s}
scrape_configs:
- {job_name: itself, basic_auth: {username: admin, password: secret}, file_sd_configs: [{files: [/tmp/targets.json], refresh_interval: 1s}]}
END
echo 'basic_auth_users: {admin: $2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW}' >/tmp/web.yml
chown 65534:65534 /prometheus
while :; do
	[ -e /tmp/stopped ] || setpriv --reuid 65534 --regid 65534 --clear-groups prometheus --config.file=/tmp/prometheus.yml --web.config.file=/tmp/web.yml \
		--storage.tsdb.path=/prometheus --web.enable-admin-api || true
	sleep 0.1
done"#;
const ASK: &str = "ask() { curl -sS --fail -u admin:secret \"$@\"; }; prometheus=http://127.0.0.1:9090;";

#[test]
fn series_of_prometheus_come_back_and_a_snapshot_that_is_none_fails_the_run() {
    case("prometheus", |case| async move {
        let volumes = json!([case.volume("prometheus")]);
        let mounts = json!([{"volumeMounts": [{"name": "prometheus", "mountPath": "/prometheus"}]}]);
        let server = Server {
            name: "prometheus",
            image: IMAGE,
            args: &["bash", "-ec", SERVER],
            env: json!([]),
            port: 9090,
            ping: &format!("{ASK} ask $prometheus/-/ready"),
            pod: json!({"containers": mounts, "volumes": volumes}),
        };
        case.serve(&server).await;
        let user = |password| json!({"username": "admin", "password": password});
        case.secret("prometheus-credentials", user("secret")).await;
        let recipe =
            Net::of(&case, "prometheus.yaml", IMAGE).with(&json!({"template": {"spec": {"volumes": volumes}}}));
        recipe
            .fails("empty", "the snapshot is empty, or not on this volume")
            .await;

        let all = "-G $prometheus/api/v1/query --data-urlencode 'query={job=\"itself\"}[1h]' --data-urlencode time=$(cat /tmp/then)";
        let fill = "echo '[{\"targets\": [\"127.0.0.1:9090\"]}]' >/tmp/targets.json; \
                    until [ \"$(ask -G $prometheus/api/v1/query --data-urlencode 'query=count_over_time(up[1h])' | jq -r '.data.result[0].value[1]')\" -ge 8 ]; do sleep 0.2; done; echo $(($(date +%s) - 2)) >/tmp/then";
        case.sh("prometheus", &format!("set -e; {ASK} {fill}")).await;
        // What it was asked for by then; from then on it goes on.
        let sum = format!(
            "set -e; {ASK} until ask $prometheus/-/ready >/dev/null 2>&1; do sleep 0.1; done; ask {all} | jq -cS '.data.result | sort_by(.metric | tostring)[]' >/tmp/all; wc -l </tmp/all; sha256sum </tmp/all"
        );
        let before = case.sh("prometheus", &sum).await;
        let count: usize = before.lines().next().unwrap().parse().unwrap();
        assert!(count > 300, "{before}");
        recipe.good("whole").await;
        assert_eq!(case.sh("prometheus", "ls /prometheus/snapshots | wc -l").await, "0");

        let stop = "touch /tmp/stopped; pkill -x prometheus; while pgrep -x prometheus; do sleep 0.1; done >/dev/null; rm -f /prometheus/lock";
        case.sh("prometheus", stop).await;
        let run = case.restore_fails("whole", "CommandFailed", 60).await;
        let said = status(&run).log.unwrap_or_default();
        assert!(said.contains("/prometheus is not empty"), "{said}");
        case.sh("prometheus", "rm -rf /prometheus/*").await;
        case.restore("whole").await;
        case.sh("prometheus", "rm /tmp/stopped /tmp/targets.json").await;
        assert_eq!(case.sh("prometheus", &sum).await, before);

        // Its answer is not much longer than that.
        recipe
            .fails_when_cut("prometheus", "prometheus", 9090, 150, "curl: (")
            .await;
        case.secret("prometheus-credentials", user("wrong")).await;
        recipe.fails("password", "returned error: 401").await;
        case.sh(
            "prometheus",
            "touch /tmp/stopped; pkill -x prometheus; sleep 1; rm -rf /prometheus/*",
        )
        .await;
    });
}
