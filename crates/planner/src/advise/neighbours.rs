//! Labels of a Pod that mean something to what else is in its namespace: whoever copies a template from a Deployment copies them, too.
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
    /// What it selects. One that selects all Pods says nothing about these.
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

/// What the labels of a template at `field` mean to its neighbours.
pub fn neighbours(template: &PodTemplate, field: &str, all: &[Neighbour]) -> Vec<Fault> {
    let mut said = Vec::new();
    let empty = BTreeMap::new();
    let labels = template
        .metadata
        .as_ref()
        .and_then(|m| m.labels.as_ref())
        .unwrap_or(&empty);
    for one in all {
        let picks = one.selector.match_labels.as_ref().is_some_and(|l| !l.is_empty())
            || one.selector.match_expressions.as_ref().is_some_and(|e| !e.is_empty());
        let selects = Selector::try_from(one.selector.clone()).is_ok_and(|s| s.matches(labels));
        if !picks || !selects {
            continue;
        }
        let meaning = match one.kind {
            Kind::Service => "so that the Pods of backups get requests meant for others as soon as they are ready",
            Kind::PodDisruptionBudget => {
                "so that the Pods of backups are counted among those that have to stay, and may hold a node's drain up"
            }
            Kind::NetworkPolicy => {
                "so that the Pods of backups may only connect to what it allows: is the store among that?"
            }
        };
        say(
            &mut said,
            &format!("{field}.metadata.labels"),
            format!(
                "{:?} {:?} selects them, {meaning}; give these Pods labels of their own",
                one.kind, one.name
            ),
        );
    }
    said
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
            (Kind::NetworkPolicy, json!({}), None),
            (
                Kind::NetworkPolicy,
                json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}),
                Some("is the store among that"),
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
                assert_eq!(said[0].field, "spec.template.metadata.labels");
                assert!(said[0].message.contains(says), "{said:?}");
            }
        }
    }
}
