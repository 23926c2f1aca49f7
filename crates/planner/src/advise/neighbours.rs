//! What else is in the namespace and selects a Pod: by labels, which whoever copies a template from a Deployment copies, too; or because it
//! selects every Pod, as a policy that denies by default does.
use std::collections::BTreeMap;

use api::run::PodTemplate;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};

use super::say;
use crate::validate::Fault;

/// Something that selects Pods by their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What it selects.
    pub selector: LabelSelector,
}

/// Kinds that select Pods, and what that means for a backup's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It gets requests.
    Service,
    /// It counts as one of those that have to stay.
    PodDisruptionBudget,
    /// It may connect to what the policy allows only.
    NetworkPolicy,
}

/// What a template at `field` means to its neighbours: by its labels, or because they select every Pod.
pub fn neighbours(template: &PodTemplate, field: &str, all: &[Neighbour]) -> Vec<Fault> {
    let mut said = Vec::new();
    let empty = BTreeMap::new();
    let labels = template.metadata.as_ref().and_then(|m| m.labels.as_ref());
    let labels = labels.unwrap_or(&empty);
    for one in all {
        let Ok(selector) = Selector::try_from(one.selector.clone()) else {
            continue;
        };
        let all = is_empty(&one.selector);
        // The empty selector of a Service selects nothing.
        if !selector.matches(labels) || all && one.kind == Kind::Service {
            continue;
        }
        let (what, field, cure) = match selector.matches(&empty) {
            false => (
                "these labels",
                format!("{field}.metadata.labels"),
                "give these Pods labels of their own",
            ),
            true if !all => (
                "Pods without certain labels, these too",
                field.to_string(),
                "give these Pods a label that it leaves out",
            ),
            true => (
                "every Pod of the namespace, these too",
                field.to_string(),
                cure(one.kind),
            ),
        };
        let (kind, name, meaning) = (one.kind, &one.name, meaning(one.kind));
        say(
            &mut said,
            &field,
            format!("{kind:?} {name:?} selects {what}, {meaning}; {cure}"),
        );
    }
    said
}

fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.as_ref().is_none_or(|l| l.is_empty())
        && selector.match_expressions.as_ref().is_none_or(|e| e.is_empty())
}

fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::Service => "so that the Pods of backups get requests meant for others as soon as they are ready",
        Kind::PodDisruptionBudget => {
            "so that the Pods of backups are counted among those that have to stay, and may hold a node's drain up"
        }
        Kind::NetworkPolicy => {
            "so that the Pods of backups may only connect to what it allows: are the store and what is backed up among that?"
        }
    }
}

/// Where no label of the Pod's would help.
fn cure(kind: Kind) -> &'static str {
    match kind {
        Kind::NetworkPolicy => {
            "a policy that selects these Pods by a label of theirs and allows that egress adds to it; without the store, their bytes go through the operator (dataPath)"
        }
        Kind::Service | Kind::PodDisruptionBudget => "have it select what it is meant for",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_that_a_neighbour_selects_are_told_with_what_it_means() {
        let template: PodTemplate = serde_json::from_value(json!({
            "metadata": {"labels": {"app": "db", "tier": "data"}}, "spec": {"containers": []}
        }))
        .unwrap();
        let neighbour = |kind, selector| Neighbour {
            kind,
            name: "n".into(),
            selector: serde_json::from_value(selector).unwrap(),
        };
        for (kind, selector, says) in [
            (
                Kind::Service,
                json!({"matchLabels": {"app": "db"}}),
                Some("get requests"),
            ),
            (Kind::Service, json!({"matchLabels": {"app": "db", "role": "x"}}), None),
            (Kind::Service, json!({}), None),
            (Kind::NetworkPolicy, json!({}), Some("every Pod")),
            (
                Kind::PodDisruptionBudget,
                json!({}),
                Some("have it select what it is meant for"),
            ),
            (
                Kind::PodDisruptionBudget,
                json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}),
                Some("a label that it leaves out"),
            ),
            (
                Kind::NetworkPolicy,
                json!({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}),
                None,
            ),
            (
                Kind::NetworkPolicy,
                json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}),
                Some("are the store and what is backed up among that"),
            ),
            (
                Kind::PodDisruptionBudget,
                json!({"matchLabels": {"tier": "data"}}),
                Some("drain"),
            ),
        ] {
            let said = neighbours(&template, "spec.template", &[neighbour(kind, selector.clone())]);
            assert_eq!(said.len(), usize::from(says.is_some()), "{selector}: {said:?}");
            if let Some(says) = says {
                let by_label = said[0].message.contains("these labels");
                assert_eq!(said[0].field == "spec.template.metadata.labels", by_label);
                assert!(said[0].message.contains(says), "{said:?}");
            }
        }
        // Without labels it is selected all the same.
        let bare: PodTemplate = serde_json::from_value(json!({"spec": {"containers": []}})).unwrap();
        let all = [neighbour(Kind::NetworkPolicy, json!({}))];
        assert_eq!(neighbours(&bare, "spec.template", &all).len(), 1);
    }
}
