//! What an API server was asked for, by verb and kind, from its own metrics.
use std::collections::BTreeMap;

use kube::Client;

/// The kinds that the operator has to do with, but for leases: others have theirs, too.
const KINDS: [&str; 6] = [
    "backupruns",
    "backupschedules",
    "backupstorages",
    "pods",
    "events",
    "secrets",
];

/// So many requests by verb, kind and subresource, as in `PATCH backupruns/status`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked(BTreeMap<String, u64>);

impl Asked {
    /// All requests so far.
    pub async fn read(client: &Client) -> Self {
        let request = http::Request::get("/metrics").body(Vec::new()).expect("a request");
        let text = client.request_text(request).await.expect("the API server's metrics");
        Self::parse(&text)
    }

    /// What came since then.
    pub fn since(&self, before: &Self) -> Self {
        let new = self.0.iter().map(|(what, count)| {
            let old = before.0.get(what).copied().unwrap_or_default();
            (what.clone(), count.saturating_sub(old))
        });
        Self(new.filter(|(_, count)| *count > 0).collect())
    }

    /// Without these verbs and kinds: those that the bench itself asked for.
    pub fn without(mut self, what: &[&str]) -> Self {
        self.0.retain(|known, _| !what.contains(&known.as_str()));
        self
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The requests, the most frequent first.
    pub fn words(&self) -> String {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|(what, count)| (std::cmp::Reverse(**count), what.to_string()));
        let all: Vec<_> = all.iter().map(|(what, count)| format!("{count} {what}")).collect();
        all.join(", ")
    }

    fn parse(text: &str) -> Self {
        let mut all = BTreeMap::new();
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("apiserver_request_total{") else {
                continue;
            };
            let Some((labels, count)) = rest.rsplit_once("} ") else {
                continue;
            };
            let label = |name: &str| {
                let found = labels
                    .split(',')
                    .find_map(|l| l.strip_prefix(name)?.strip_prefix("=\""));
                found.and_then(|v| v.strip_suffix('"')).unwrap_or_default()
            };
            let (verb, kind, below) = (label("verb"), label("resource"), label("subresource"));
            if !KINDS.contains(&kind) {
                continue;
            }
            let what = if below.is_empty() {
                format!("{verb} {kind}")
            } else {
                format!("{verb} {kind}/{below}")
            };
            *all.entry(what).or_default() += count.parse::<f64>().unwrap_or_default() as u64;
        }
        Self(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_summed_over_codes_and_of_our_kinds_only() {
        let text = r#"# TYPE apiserver_request_total counter
apiserver_request_total{code="200",component="apiserver",dry_run="",group="backup-operator.io",resource="backupruns",scope="resource",subresource="status",verb="APPLY",version="v1"} 3
apiserver_request_total{code="409",component="apiserver",dry_run="",group="backup-operator.io",resource="backupruns",scope="resource",subresource="status",verb="APPLY",version="v1"} 1
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="nodes",scope="resource",subresource="",verb="GET",version="v1"} 9
"#;
        let asked = Asked::parse(text);
        assert_eq!(asked.words(), "4 APPLY backupruns/status");
        assert_eq!(asked.since(&asked), Asked::default());
    }
}
