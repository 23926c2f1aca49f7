//! The log: a run's course in it, and who may ask for more. And the rest of the admin port.
use e2e::admin::{forwarded, proxied};
use e2e::runs::stream;
use e2e::{Case, case, cluster, operator};
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

/// Shorter ones stand in other words, too.
const SHORTEST: usize = 8;

/// The field of a line of the log.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = line.split_once(&format!(" {name}=\""))?;
    after.split('"').next()
}

#[test]
fn a_runs_course_stands_in_the_log_a_line_for_each_change_of_its_state() {
    case("course", |case| async move {
        let client = cluster::client().await;
        // One operator's log has all of it.
        let _steady = operator::steady().await;
        let leader = operator::up(&client, |_| true).await.name_any();
        // Slow enough for progress to be seen on the way.
        let slow = stream(&case.path("run"), "slow random 600000 6");
        case.backup("run", slow).await;
        case.keeps("run");
        case.restore("run").await;
        let uid = case.runs().get("run").await.unwrap().uid().unwrap();
        let trace = uid.replace('-', "");

        let lines = case
            .wait("the log has the end of the restore", 30, || async {
                let log = operator::log(&client, &leader, 600).await;
                let lines: Vec<_> = log
                    .lines()
                    .filter(|l| l.contains(&trace))
                    .map(ToString::to_string)
                    .collect();
                let ended = |line: &String| field(line, "state") == Some("RestoreSuccessful");
                lines.iter().any(ended).then_some(lines)
            })
            .await;
        let all = lines.join("\n");
        for line in &lines {
            assert_eq!(field(line, "namespace"), Some(case.namespace()), "{line}");
            assert_eq!(field(line, "run"), Some("run"), "{line}");
        }
        let states: Vec<_> = lines.iter().filter(|l| l.contains(" state ")).collect();
        let seen = states.iter().filter_map(|l| field(l, "state"));
        // Where it has to wait for its turn, that is a state, too.
        let course: Vec<_> = seen.filter(|state| *state != "Queued").collect();
        let expected = [
            "Backuping",
            "Backuping",
            "BackupSuccessful",
            "Restoring",
            "Restoring",
            "RestoreSuccessful",
        ];
        assert_eq!(course, expected, "{all}");
        let under_way = states.iter().filter(|l| l.contains("ing\""));
        let begun: Vec<_> = under_way.map(|l| l.contains(" begun=true")).collect();
        assert_eq!(begun, [false, true, false, true], "{all}");
        for (state, attempt) in [("BackupSuccessful", "backup-1"), ("RestoreSuccessful", "restore-1")] {
            let line = states.iter().find(|l| field(l, "state") == Some(state)).unwrap();
            assert_eq!(field(line, "attempt"), Some(attempt), "{line}");
        }
        let events: Vec<_> = lines.iter().filter(|l| l.contains(" event ")).collect();
        for reason in [
            "BackupStarted",
            "BackupSuccessful",
            "RestoreStarted",
            "RestoreSuccessful",
        ] {
            assert!(
                events.iter().any(|l| field(l, "reason") == Some(reason)),
                "{reason}: {all}"
            );
        }
    });
}

/// Values of the Secrets of the operator's namespace.
async fn secrets(case: &Case) -> Vec<String> {
    let api: Api<Secret> = Api::namespaced(case.client().clone(), operator::NAMESPACE);
    let all = api.list(&ListParams::default()).await.expect("the Secrets");
    let values = all
        .items
        .into_iter()
        .flat_map(|s| s.data.unwrap_or_default().into_values());
    let texts = values.filter_map(|value| String::from_utf8(value.0).ok());
    texts.filter(|text| text.len() >= SHORTEST).collect()
}

#[test]
fn what_is_logged_is_changed_by_a_port_forward_and_by_nobody_who_comes_from_elsewhere() {
    case("log-level", |case| async move {
        let client = cluster::client().await;
        let _steady = operator::changing().await;
        let pod = operator::up(&client, |_| true).await.name_any();
        for (path, said) in [
            ("/livez", "ok"),
            ("/healthz", "ok"),
            ("/readyz", "ok"),
            ("/livez?verbose", "[+]ping ok\n"),
            ("/readyz?verbose", "[+]lease ok\n[+]watches ok\n"),
        ] {
            let (code, words) = proxied(&client, &pod, "GET", path, "").await;
            assert!(code == 200 && words.starts_with(said), "{path}: {code} {words}");
        }
        for (method, path) in [("GET", "/configz"), ("GET", "/log-level"), ("PUT", "/log-level")] {
            let (code, words) = proxied(&client, &pod, method, path, "trace").await;
            assert!(
                code == 403 && words.contains("port-forward"),
                "{method} {path}: {code} {words}"
            );
        }

        let (code, before) = forwarded(&client, &pod, "GET", "/log-level", "").await;
        assert_eq!(code, 200, "{before}");
        let more = "info,operator=debug,kube_runtime=warn";
        let put = forwarded(&client, &pod, "PUT", "/log-level", more).await;
        assert_eq!(put, (200, format!("{more}\n")));
        let now = forwarded(&client, &pod, "GET", "/log-level", "").await;
        let (code, why) = forwarded(&client, &pod, "PUT", "/log-level", "operator=loud").await;
        let still = forwarded(&client, &pod, "GET", "/log-level", "").await;
        // Back to what it was, whatever was said.
        let back = forwarded(&client, &pod, "PUT", "/log-level", before.trim()).await;
        assert_eq!((now, still, back), (put.clone(), put, (200, before)));
        assert!(
            code == 400 && why.contains("\"loud\"") && why.contains("info,operator=debug"),
            "{code} {why}"
        );
        let log = operator::log(&client, &pod, 120).await;
        assert!(log.contains("what is logged is changed"), "{log}");

        let (code, config) = forwarded(&client, &pod, "GET", "/configz", "").await;
        assert_eq!(code, 200, "{config}");
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["podName"], pod.as_str());
        assert_eq!(config["healthAddress"], "[::]:8081");
        for secret in secrets(&case).await {
            assert!(!config.to_string().contains(&secret), "a Secret's value is in it");
        }
    });
}
