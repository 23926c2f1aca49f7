//! What the operators measure, as a scraper of all replicas sees it.
use std::collections::BTreeMap;

use http::Request;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use crate::operator::{NAMESPACE, SELECTOR};

/// A series: its name, its labels and its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Number.
    pub number: f64,
}

/// All series of all replicas, by the API server's proxy. Of one that does not answer there are none.
pub async fn scrape(client: &Client) -> Vec<Series> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let all = pods.list(&ListParams::default().labels(SELECTOR)).await;
    let mut series = Vec::new();
    for pod in all.map(|l| l.items).unwrap_or_default() {
        let path = format!(
            "/api/v1/namespaces/{NAMESPACE}/pods/{}:8081/proxy/metrics",
            pod.name_any()
        );
        let request = Request::get(path).body(Vec::new()).expect("a request");
        let text = client.request_text(request).await.unwrap_or_default();
        series.extend(text.lines().filter_map(parse));
    }
    series
}

/// The number of the one series that has that name and these labels, whichever replica has it.
pub async fn number(client: &Client, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let has = |s: &Series| {
        labels
            .iter()
            .all(|(name, value)| s.labels.get(*name).is_some_and(|v| v == value))
    };
    let all = scrape(client).await;
    all.iter().find(|s| s.name == name && has(s)).map(|s| s.number)
}

fn parse(line: &str) -> Option<Series> {
    if line.starts_with('#') {
        return None;
    }
    let (series, number) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels
        .trim_end_matches('}')
        .split(',')
        .filter_map(|label| label.split_once('='));
    Some(Series {
        name: name.into(),
        labels: labels
            .map(|(name, value)| (name.into(), value.trim_matches('"').into()))
            .collect(),
        number: number.parse().ok()?,
    })
}
