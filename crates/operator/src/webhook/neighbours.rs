//! What in a namespace selects Pods: told only to who may list it himself, because it says what is there.
use std::time::Duration;

use api::run::PodTemplate;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::authentication::v1::UserInfo;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicySpec};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt};
use planner::advise::neighbours::{Kind, Neighbour};
use serde::de::DeserializeOwned;

use super::requester;

/// So many of a kind are looked at.
const MOST: u32 = 500;
/// Advice is worth no more of the requester's time.
const PATIENCE: Duration = Duration::from_secs(3);

/// All of a namespace that select Pods. Without labels on the template no Service can. What cannot be had is left out: it is for advice.
pub async fn all(client: &Client, namespace: &str, user: &UserInfo, template: &PodTemplate) -> Vec<Neighbour> {
    let labels = template.metadata.as_ref().and_then(|m| m.labels.as_ref());
    let labelled = labels.is_some_and(|l| !l.is_empty());
    let selector = |s: Service| {
        s.spec.and_then(|s| s.selector).map(|labels| LabelSelector {
            match_labels: Some(labels),
            ..LabelSelector::default()
        })
    };
    let looked = async {
        futures::join!(
            async {
                match labelled {
                    true => listed(client, namespace, user, Kind::Service, selector).await,
                    false => Vec::new(),
                }
            },
            listed(
                client,
                namespace,
                user,
                Kind::PodDisruptionBudget,
                |b: PodDisruptionBudget| b.spec?.selector
            ),
            listed(client, namespace, user, Kind::NetworkPolicy, |p: NetworkPolicy| {
                p.spec.filter(keeps_from)?.pod_selector
            }),
        )
    };
    let Ok((services, budgets, policies)) = tokio::time::timeout(PATIENCE, looked).await else {
        return Vec::new();
    };
    [services, budgets, policies].concat()
}

/// It says where Pods may connect to, and not everywhere. A backup's Pod is connected to by nobody.
fn keeps_from(policy: &NetworkPolicySpec) -> bool {
    let egress = policy.policy_types.iter().flatten().any(|t| t == "Egress");
    let anywhere = |rule: &NetworkPolicyEgressRule| {
        let all = rule.to.as_ref().is_none_or(|to| to.is_empty());
        all && rule.ports.as_ref().is_none_or(|ports| ports.is_empty())
    };
    (egress || policy.egress.is_some()) && !policy.egress.iter().flatten().any(anywhere)
}

async fn listed<K>(
    client: &Client,
    namespace: &str,
    user: &UserInfo,
    kind: Kind,
    selector: impl Fn(K) -> Option<LabelSelector>,
) -> Vec<Neighbour>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + DeserializeOwned + Clone + std::fmt::Debug,
{
    let (group, resource) = match kind {
        Kind::Service => ("", "services"),
        Kind::PodDisruptionBudget => ("policy", "poddisruptionbudgets"),
        Kind::NetworkPolicy => ("networking.k8s.io", "networkpolicies"),
    };
    let may = requester::of_a_look(group, resource, namespace).may(client, user).await;
    if !may.unwrap_or(false) {
        return Vec::new();
    }
    let list = Api::<K>::namespaced(client.clone(), namespace)
        .list(&ListParams::default().limit(MOST))
        .await;
    let items = list.map(|l| l.items).unwrap_or_default();
    items
        .into_iter()
        .filter_map(|one| {
            let name = one.name_any();
            Some(Neighbour {
                kind,
                name,
                selector: selector(one)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_that_keeps_nobody_from_connecting_is_nothing_to_a_backup() {
        for (spec, keeps) in [
            (json!({"podSelector": {}, "policyTypes": ["Egress"]}), true),
            (json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}), true),
            (json!({"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]}), true),
            (json!({"podSelector": {}, "policyTypes": ["Ingress"]}), false),
            (json!({"podSelector": {}}), false),
            (
                json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}),
                false,
            ),
        ] {
            let policy: NetworkPolicySpec = serde_json::from_value(spec.clone()).unwrap();
            assert_eq!(keeps_from(&policy), keeps, "{spec}");
        }
    }
}
