//! Notifications, to a receiver in the cluster.
use api::{BackupSchedule, condition};
use e2e::admission::answered;
use e2e::runs::{static_container, stream};
use e2e::schedules::NEVER;
use e2e::{Case, case, cluster, killing_case, operator};
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::LogParams;
use serde::Deserialize;
use serde_json::{Value, json};

/// The receiver's port.
const PORT: u16 = 8080;
/// What signatures are made with.
const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A request that the receiver got.
#[derive(Debug, Deserialize)]
struct Got {
    path: String,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
    status: u16,
}

/// Its name in the cluster, without a Service's address: who listens is looked up.
fn url(case: &Case, path: &str) -> String {
    format!("http://receiver.{}.svc.cluster.local:{PORT}{path}", case.namespace())
}

/// The name, without anybody behind it yet, and the Secret with the URLs and the key.
async fn prepare(case: &Case) {
    let ports = json!([{"name": "http", "port": PORT}]);
    let spec =
        json!({"clusterIP": "None", "selector": {"receives": "yes"}, "ports": ports, "publishNotReadyAddresses": true});
    case.apply::<Service>(json!({"metadata": {"name": "receiver"}, "spec": spec}))
        .await;
    let keys = json!({
        "hmac": KEY, "chat": url(case, "/chat"), "start": url(case, "/ping/start"), "success": url(case, "/ping"), "fail": url(case, "/ping/fail"),
    });
    case.apply::<Secret>(json!({"metadata": {"name": "notifications"}, "stringData": keys}))
        .await;
}

async fn receive(case: &Case) {
    let probe = json!({"tcpSocket": {"port": PORT}, "periodSeconds": 1});
    let mut container = static_container();
    container["command"] = json!(["/stream", "receive", PORT.to_string()]);
    container["readinessProbe"] = probe;
    let spec = json!({"containers": [container], "terminationGracePeriodSeconds": 0});
    case.apply::<Pod>(json!({"metadata": {"name": "receiver", "labels": {"receives": "yes"}}, "spec": spec}))
        .await;
    case.wait("the receiver is ready", 60, || async {
        let status = case.api::<Pod>().get("receiver").await.ok()?.status?;
        let ready = |c: &k8s_openapi::api::core::v1::PodCondition| c.type_ == "Ready" && c.status == "True";
        status.conditions?.iter().any(ready).then_some(())
    })
    .await;
}

async fn got(case: &Case) -> Vec<Got> {
    let log = case
        .api::<Pod>()
        .logs("receiver", &LogParams::default())
        .await
        .unwrap_or_default();
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Waits until so many requests came for a path.
async fn until(case: &Case, path: &str, count: usize, seconds: u64) -> Vec<Got> {
    case.wait(&format!("{count} requests for {path}"), seconds, || async {
        let found: Vec<_> = got(case).await.into_iter().filter(|g| g.path == path).collect();
        (found.len() >= count).then_some(found)
    })
    .await
}

/// Waits until what happens to the schedule is noted for its receivers.
async fn looked_at(case: &Case) {
    case.wait("notifications are looked at", 30, || async {
        let status = case.schedules().get("nightly").await.ok()?.status?;
        status.notifications.map(|_| ())
    })
    .await;
}

fn key(key: &str) -> Value {
    json!({"name": "notifications", "key": key})
}

fn webhook(case: &Case, name: &str, path: &str) -> Value {
    json!({"name": name, "webhook": {"url": url(case, path), "signingKey": key("hmac")}})
}

fn event(got: &Got) -> Value {
    serde_json::from_str(&got.body).unwrap_or_else(|e| panic!("{e} in {}", got.body))
}

#[test]
fn people_are_told_of_what_fails_and_of_what_is_good_again_and_who_hangs_delays_nobody() {
    case("notifications", |case| async move {
        prepare(&case).await;
        receive(&case).await;
        let pings =
            json!({"name": "switch", "ping": {"start": key("start"), "success": key("success"), "fail": key("fail")}});
        let chat = json!({"name": "chat", "slack": {"url": key("chat")}});
        let all = json!([
            webhook(&case, "oncall", "/fail/1"),
            chat,
            pings,
            webhook(&case, "hangs", "/hang"),
            webhook(&case, "moved", "/elsewhere"),
        ]);
        let settings = json!({"schedule": NEVER, "notifications": all, "failedRunsHistoryLimit": 1});
        let path = format!("/{}/{{{{ .name }}}}", case.namespace());
        case.schedule("nightly", settings.clone(), stream(&path, "fail 3 random 10"))
            .await;
        looked_at(&case).await;
        let failed = case.triggered("nightly").await;
        case.failed(&failed, "CommandFailed", 90).await;

        let tries = until(&case, "/fail/1", 2, 60).await;
        let (first, second) = (event(&tries[0]), event(&tries[1]));
        assert_eq!((tries[0].status, tries[1].status), (500, 200));
        assert_eq!(first["id"], second["id"]);
        assert_eq!(first["type"], "io.backup-operator.backup.failed");
        assert_eq!(
            (&first["data"]["run"], &first["data"]["reason"]),
            (&json!(failed), &json!("CommandFailed"))
        );
        assert!(
            !first["data"]["message"].as_str().unwrap().contains("last words"),
            "{first}"
        );
        let signature = &tries[1].headers["backup-operator-signature"];
        let (t, v1) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
        let tag = ring::hmac::sign(
            &ring::hmac::Key::new(ring::hmac::HMAC_SHA256, KEY.as_bytes()),
            format!("{t}.{}", tries[1].body).as_bytes(),
        );
        let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(v1, hex);
        until(&case, "/ping/start", 1, 30).await;
        until(&case, "/ping/fail", 1, 30).await;
        let said = until(&case, "/chat", 1, 30).await;
        assert!(said[0].body.contains("nightly: a backup failed"), "{}", said[0].body);

        // One receiver hangs, one redirects: the next run neither waits for them nor do the others.
        case.schedule("nightly", settings, stream(&path, "random 1000")).await;
        let good = case.triggered("nightly").await;
        case.succeeded(&good, 60).await;
        // The third of them, or the fourth: an operator that is killed when it has told one tells it again.
        case.wait("the recovery is told", 30, || async {
            let told = got(&case).await;
            let mut here = told.iter().filter(|g| g.path == "/fail/1");
            here.any(|g| event(g)["type"] == "io.backup-operator.backup.recovered")
                .then_some(())
        })
        .await;
        until(&case, "/ping", 1, 30).await;
        let paths: Vec<_> = got(&case).await.into_iter().map(|g| g.path).collect();
        assert!(
            !paths.iter().any(|p| p == "/stolen"),
            "no redirect is followed: {paths:?}"
        );
        case.wait("an Event tells who redirects", 30, || async {
            let mut events = case.events("nightly").await.into_iter();
            let redirects =
                |e: &String| e.starts_with("NotificationFailed: notification moved") && e.contains("no redirect");
            events.find(redirects)
        })
        .await;
        case.wait("all but who hangs and who redirects are told", 30, || async {
            let kept = case.schedules().get("nightly").await.ok()?.status?.notifications?;
            let told = |name: &str| {
                kept.told
                    .iter()
                    .any(|t| t.name == name && t.at.is_some() && t.failed.is_none())
            };
            (told("oncall") && told("chat") && told("switch") && !kept.pending.is_empty()).then_some(())
        })
        .await;
        case.keeps(&good);
    });
}

#[test]
fn an_operator_that_is_killed_loses_nothing_that_was_to_be_told() {
    killing_case("notifications-killed", |case| async move {
        prepare(&case).await;
        let settings = json!({"schedule": NEVER, "notifications": [webhook(&case, "oncall", "/hook")]});
        let path = format!("/{}/{{{{ .name }}}}", case.namespace());
        case.schedule("nightly", settings, stream(&path, "fail 3 random 10"))
            .await;
        let pending = |schedule: BackupSchedule| Some(schedule.status?.notifications?.pending.len());
        looked_at(&case).await;
        let failed = case.triggered("nightly").await;
        case.failed(&failed, "CommandFailed", 90).await;
        case.wait("the failure is to be told", 30, || async {
            (pending(case.schedules().get("nightly").await.ok()?)? == 1).then_some(())
        })
        .await;
        operator::kill(case.client()).await;
        cluster::delete(&case.runs(), &failed).await;
        receive(&case).await;
        let told = until(&case, "/hook", 1, 120).await;
        assert_eq!(event(&told[0])["data"]["run"], json!(failed), "though its run is gone");
        case.wait("the status says so", 30, || async {
            (pending(case.schedules().get("nightly").await.ok()?)? == 0).then_some(())
        })
        .await;
        let schedule = case.schedules().get("nightly").await.unwrap().status.unwrap();
        assert!(condition::find(&schedule.conditions, condition::READY).is_some());
    });
}

#[test]
fn a_schedule_tells_nobody_whom_the_installation_does_not_list() {
    case("notifications-hosts", |case| async move {
        let run = stream("/{{ .name }}", "random 10");
        for url in [
            "http://169.254.169.254/latest",
            "https://kubernetes.default.svc/api",
            "https://evil.test/",
        ] {
            let notifications = json!([{"name": "a", "webhook": {"url": url, "signingKey": key("hmac")}}]);
            let spec = json!({"schedule": NEVER, "notifications": notifications, "template": {"spec": run}});
            let schedule: BackupSchedule = cluster::object(json!({
                "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "metadata": {"name": "bad"}, "spec": spec,
            }));
            let refused = answered(|| async { case.schedules().create(&Default::default(), &schedule).await }).await;
            let text = refused.err().unwrap_or_else(|| panic!("{url} is admitted")).to_string();
            assert!(
                text.contains("spec.notifications[0].webhook.url") && text.contains("--notification-hosts"),
                "{text}"
            );
        }
    });
}

/// A name that a tenant makes himself, and leads to an address of his choice: a Service without a selector.
async fn name_for(case: &Case, name: &str, address: &str, port: i32) -> String {
    let ports = json!([{"name": "http", "port": port}]);
    case.apply::<Service>(json!({"metadata": {"name": name}, "spec": {"clusterIP": "None", "ports": ports}}))
        .await;
    let kind = if address.contains(':') { "IPv6" } else { "IPv4" };
    case.apply::<EndpointSlice>(json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": kind, "endpoints": [{"addresses": [address]}], "ports": ports,
    }))
    .await;
    format!("http://{name}.{}.svc.cluster.local:{port}/", case.namespace())
}

#[test]
fn no_name_of_a_tenants_own_leads_to_an_api_server_or_a_kubelet() {
    case("notifications-cluster", |case| async move {
        let slices: Api<EndpointSlice> = Api::namespaced(case.client().clone(), "default");
        let slice = slices.get("kubernetes").await.expect("where the API servers are");
        let port = slice.ports.iter().flatten().find_map(|p| p.port).expect("a port");
        let servers = name_for(&case, "servers", &slice.endpoints[0].addresses[0], port).await;
        let node = cluster::node_address(case.client()).await;
        let kubelet = name_for(&case, "kubelet", &node, 10250).await;
        case.apply::<Secret>(json!({"metadata": {"name": "notifications"}, "stringData": {"hmac": KEY}}))
            .await;
        let to = |name: &str, url: &str| json!({"name": name, "webhook": {"url": url, "signingKey": key("hmac")}});
        let settings = json!({"schedule": NEVER, "notifications": [to("servers", &servers), to("kubelet", &kubelet)]});
        case.schedule("nightly", settings, stream(&case.path("x"), "fail 3 random 10"))
            .await;
        looked_at(&case).await;
        let failed = case.triggered("nightly").await;
        case.failed(&failed, "CommandFailed", 90).await;
        for (name, says) in [
            ("servers", "is the address of the API server"),
            ("kubelet", "is the address of a node"),
        ] {
            let begins = format!("NotificationFailed: notification {name} ");
            let said = case
                .wait(&format!("it is told that {name} is out of reach"), 90, || async {
                    let events = case.events("nightly").await;
                    events.into_iter().find(|e| e.starts_with(&begins))
                })
                .await;
            assert!(said.contains("nothing is sent to") && said.contains(says), "{said}");
        }
    });
}
