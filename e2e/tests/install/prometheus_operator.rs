//! The values of the documentation, on a cluster that has the kinds of Prometheus Operator: what it finds the metrics and the
//! rules by. Where the cluster has no Prometheus Operator, its kinds are played.
use e2e::install::Kinds;
use e2e::{install, operator, serial_case};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::ListParams;
use serde_json::Value;

const GROUP: &str = "monitoring.coreos.com";
/// Kind and plural of what the chart makes.
static KINDS: [(&str, &str); 2] = [
    ("ServiceMonitor", "servicemonitors"),
    ("PrometheusRule", "prometheusrules"),
];
/// The page with the values.
const PAGE: &str = include_str!("../../../docs/operations/monitoring.md");

/// The values below a heading.
fn values(heading: &str) -> Value {
    let (_, section) = PAGE.split_once(heading).expect("the heading");
    let (_, block) = section.split_once("```yaml\n").expect("values");
    serde_yaml_ng::from_str(block.split("```").next().unwrap()).unwrap()
}

#[test]
fn prometheus_operator_finds_the_metrics_and_the_rules_by_what_the_page_says() {
    serial_case(super::alone(), "prometheus", |case| async move {
        let client = case.client();
        let kinds = Kinds::look(client, GROUP, &KINDS).await;
        let work = async {
            if kinds.played {
                kinds.make().await;
            }
            install::chart(&values("## Prometheus Operator"), true);
            let monitor = kinds.objects("ServiceMonitor").get(install::NAME).await.unwrap().data;
            let labels = monitor["spec"]["selector"]["matchLabels"].as_object().unwrap();
            let selector: Vec<_> = labels
                .iter()
                .map(|(key, value)| format!("{key}={}", value.as_str().unwrap()))
                .collect();
            // Labels of a Service are those of its slices: where the selector finds none, nothing would be scraped.
            let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), operator::NAMESPACE);
            case.wait("both replicas can be scraped by the ServiceMonitor", 60, || async {
                let found = slices
                    .list(&ListParams::default().labels(&selector.join(",")))
                    .await
                    .ok()?;
                let named = |slice: &EndpointSlice| {
                    let ports = slice.ports.iter().flatten();
                    ports
                        .filter_map(|port| port.name.clone())
                        .any(|name| monitor["spec"]["endpoints"][0]["port"] == name)
                };
                let slice = found.items.iter().find(|slice| named(slice))?;
                let ready = slice
                    .endpoints
                    .iter()
                    .filter(|e| e.conditions.as_ref().and_then(|c| c.ready) == Some(true));
                (ready.count() == 2).then_some(())
            })
            .await;
            let rule = kinds.objects("PrometheusRule").get(install::NAME).await.unwrap().data;
            let groups = include_str!("../../../charts/backup-operator/files/alerts.yaml").matches("\n- name: ");
            assert_eq!(rule["spec"]["groups"].as_array().unwrap().len(), groups.count());
            let maps: Api<ConfigMap> = Api::namespaced(client.clone(), operator::NAMESPACE);
            let dashboards = maps.get("backup-operator-dashboards").await.unwrap().data.unwrap();
            assert_eq!(dashboards.len(), 4);
        };
        install::restored(client, work).await;
        kinds.remove().await;
    });
}
