//! What cures a Pod that the API server does not take, where the container that we add may be to blame.
use std::collections::BTreeMap;

use api::BackupRun;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::run::carrier::Carrier;
use crate::run::pod::{AgentSettings, INIT_CONTAINER, resources};

/// What the added container has amounts of: only a limit of one of these can be met by other amounts.
const AMOUNTS: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// The API server's words about a Pod that it does not take, and the cure where the container that we add may be to blame: the
/// words of a LimitRange do not say which one is, and nobody looks for a container that is not in his template. `field` is where
/// the run's spec stands: `spec`, or `spec.template.spec` of a schedule.
pub fn with_cure(words: &str, run: &BackupRun, field: &str, agent: &AgentSettings, carrier: Carrier) -> String {
    if carrier == Carrier::ImageVolume {
        return words.into();
    }
    let words = as_written(words);
    if !may_be_ours(&words) {
        return words;
    }
    let resources = resources(run, agent);
    let amounts = |of: Option<BTreeMap<String, Quantity>>| {
        let all: Vec<_> = of
            .into_iter()
            .flatten()
            .map(|(name, Quantity(q))| format!("{name} {q}"))
            .collect();
        if all.is_empty() {
            "nothing".to_string()
        } else {
            all.join(", ")
        }
    };
    let (requests, limits) = (amounts(resources.requests), amounts(resources.limits));
    let whose = if field == "spec" { "run" } else { "schedule" };
    format!(
        "{words} (where that speaks of the init container {INIT_CONTAINER}, which puts the agent into the Pod: it requests {requests} and is limited to {limits}; other amounts can be set as {field}.agent.resources of the {whose}, or for all as agent.cpu and agent.memory of the chart)"
    )
}

/// The container that we add stands before those of the template: theirs are counted as in the template.
fn as_written(words: &str) -> String {
    const LIST: &str = "initContainers[";
    let mut parts = words.split(LIST);
    let mut told = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let (index, rest) = part.split_once(']').unwrap_or(("", part));
        match index.parse::<usize>() {
            Ok(0) => told.push_str(&format!(
                "{LIST}0 of the Pod, which is the operator's: {INIT_CONTAINER}]{rest}"
            )),
            Ok(index) => told.push_str(&format!("{LIST}{}]{rest}", index.saturating_sub(1))),
            Err(_) => told.push_str(&format!("{LIST}{part}")),
        }
    }
    told
}

/// The words may speak of the amounts of the container that we add.
fn may_be_ours(words: &str) -> bool {
    if words.contains("must specify") {
        return words.contains(INIT_CONTAINER);
    }
    words.contains("exceeded quota") && of_quota(words) || of_range(words)
}

/// `exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0`: what is requested names what is exceeded, of each quota.
fn of_quota(words: &str) -> bool {
    let mut parts = words.split("requested: ").skip(1).peekable();
    let is_amount = |named: &str| {
        let name = named.split('=').next().unwrap_or_default().trim();
        let bare = ["limits.", "requests."].iter().find_map(|p| name.strip_prefix(p));
        AMOUNTS.contains(&bare.unwrap_or(name))
    };
    // Words of another form may be about anything.
    parts.peek().is_none()
        || parts.any(|part| {
            let requested = part.split(", used:").next().unwrap_or_default();
            requested.split(',').any(is_amount)
        })
}

/// `minimum memory usage per Container is 64Mi, but request is 32Mi`, `cpu max limit to request ratio per Container is 1, but …`.
fn of_range(words: &str) -> bool {
    AMOUNTS.iter().any(|amount| {
        [" usage per ", " max limit to request ratio per "]
            .iter()
            .flat_map(|after| ["Container", "Pod"].map(|per| format!("{amount}{after}{per}")))
            .any(|sentence| words.contains(&sentence))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_containers_are_counted_as_in_the_template() {
        for (words, told) in [
            (
                "spec.initContainers[1].readinessProbe: Forbidden, spec.initContainers[12].name: Required",
                "spec.initContainers[0].readinessProbe: Forbidden, spec.initContainers[11].name: Required",
            ),
            (
                "spec.initContainers[0].image: denied",
                "spec.initContainers[0 of the Pod, which is the operator's: backup-operator-agent].image: denied",
            ),
            ("spec.containers[1].name", "spec.containers[1].name"),
            (
                "initContainers[x] and initContainers[",
                "initContainers[x] and initContainers[",
            ),
        ] {
            assert_eq!(as_written(words), told);
        }
    }

    #[test]
    fn a_refusal_that_may_be_for_the_agents_amounts_says_where_they_are_set() {
        let run = testing::backup_run();
        let agent = AgentSettings {
            image: "operator:1".into(),
            image_pull_policy: "IfNotPresent".into(),
            cpu: "250m".into(),
            memory: "32Mi".into(),
            volume: Default::default(),
        };
        for (words, cured) in [
            ("minimum memory usage per Container is 64Mi, but request is 32Mi", true),
            ("maximum cpu usage per Pod is 100m, but limit is 250m", true),
            (
                "cpu max limit to request ratio per Container is 1, but provided ratio is 2.0",
                true,
            ),
            (
                "maximum example.com/gpu usage per Container is 1, but limit is 2",
                false,
            ),
            (
                "exceeded quota: q, requested: limits.memory=160Mi, used: limits.memory=0, limited: limits.memory=1Mi",
                true,
            ),
            (
                "exceeded quota: q, requested: cpu=1,pods=1, used: cpu=0,pods=0, limited: cpu=0,pods=0",
                true,
            ),
            (
                "exceeded quota: q, requested: requests.ephemeral-storage=1Gi, used: requests.ephemeral-storage=0, limited: requests.ephemeral-storage=0",
                true,
            ),
            (
                "exceeded quota: memory, requested: pods=1, used: pods=0, limited: pods=0",
                false,
            ),
            (
                "exceeded quota: q, requested: requests.storage=1Gi, used: requests.storage=0, limited: requests.storage=0",
                false,
            ),
            (
                "exceeded quota: a, requested: pods=1, used: pods=0, limited: pods=0, exceeded quota: b, requested: memory=1Gi, used: memory=0, limited: memory=0",
                true,
            ),
            ("exceeded quota: q", true),
            (
                "failed quota: q: must specify limits.cpu for: backup-operator-agent",
                true,
            ),
            ("failed quota: q: must specify limits.cpu for: db", false),
            ("admission webhook \"x\" denied the request: no", false),
        ] {
            let words = format!("pods \"memory\" is forbidden: {words}");
            for (field, named) in [
                ("spec", "as spec.agent.resources of the run"),
                (
                    "spec.template.spec",
                    "as spec.template.spec.agent.resources of the schedule",
                ),
            ] {
                let said = with_cure(&words, &run, field, &agent, Carrier::InitContainer);
                assert_eq!(
                    with_cure(&words, &run, field, &agent, Carrier::ImageVolume),
                    words,
                    "there is none"
                );
                assert!(said.starts_with(&words), "{said}");
                let names = said.contains(named) && said.contains("cpu 250m, memory 32Mi");
                assert_eq!((names, said == words), (cured, !cured), "{said}");
            }
        }
    }
}
