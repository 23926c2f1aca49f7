//! Tries the Pod before it is needed: a dry run of its creation, so that quota, Pod Security, policy engines and slips in
//! the PodSpec answer at once.
use api::BackupRun;
use api::names::Action;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::{Api, Client};
use planner::run::Carrier;
use planner::run::pod::{AgentSettings, build};
use planner::validate::run::ValidRun;

/// How the API server took it.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As a Pod that it would create.
    Taken,
    /// It would not, in its words.
    Refused(String),
    /// It would not now, but what is missing may be on its way, or it could not say.
    Unknown(String),
}

/// The Pod that the run would begin with, without what only a real one has.
pub fn pod(run: &BackupRun, valid: &ValidRun, agent: &AgentSettings, carrier: Carrier) -> Option<Pod> {
    let (action, container) = match (&valid.backup_container, &valid.restore_container) {
        (Some(container), _) => (Action::Backup, container),
        (None, Some(container)) => (Action::Restore, container),
        (None, None) => return None,
    };
    let mut pod = build(run, action, 1, container, agent, carrier);
    // A name that is free for certain, and no owner: a template has none yet.
    pod.metadata.name = None;
    pod.metadata.generate_name = Some("backup-operator-trial-".into());
    pod.metadata.owner_references = None;
    Some(pod)
}

/// Tries it.
pub async fn attempt(client: &Client, namespace: &str, pod: &Pod) -> Outcome {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    pods.create(&dry, pod)
        .await
        .map_or_else(|e| judge(&e), |_| Outcome::Taken)
}

fn judge(error: &kube::Error) -> Outcome {
    match error {
        kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422) => {
            // Objects are applied in any order, and a new namespace has no account for a moment. And it is not the user's
            // fault where the operator may not create Pods, in a namespace that it does not watch.
            let ours = status.message.contains("cannot create resource \"pods\"");
            if ours || status.message.contains("error looking up service account") {
                Outcome::Unknown(status.message.clone())
            } else {
                Outcome::Refused(status.message.clone())
            }
        }
        kube::Error::Api(status) => Outcome::Unknown(status.message.clone()),
        other => Outcome::Unknown(crate::events::causes(other)),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn what_may_come_is_told_from_what_will_never_do() {
        let api = |code: u16, message: &str| {
            kube::Error::Api(Box::new(Status {
                code,
                message: message.into(),
                ..Status::default()
            }))
        };
        for (error, refused) in [
            (api(403, "pods \"x\" is forbidden: exceeded quota"), true),
            (api(422, "spec.containers[0].image: Required value"), true),
            (api(400, "admission webhook \"policy\" denied the request"), true),
            (
                api(
                    403,
                    "pods \"x\" is forbidden: error looking up service account a/b: serviceaccount \"b\" not found",
                ),
                false,
            ),
            (
                api(
                    403,
                    "pods is forbidden: User \"x\" cannot create resource \"pods\" in API group \"\" in the namespace \"y\"",
                ),
                false,
            ),
            (api(500, "Internal error"), false),
            (api(429, "later"), false),
        ] {
            assert_eq!(matches!(judge(&error), Outcome::Refused(_)), refused, "{error}");
        }
    }

    #[test]
    fn the_trial_is_the_pod_of_the_run_under_no_name() {
        let run = testing::backup_run();
        let valid = planner::validate::run::validate(&run.spec).unwrap();
        let agent = AgentSettings {
            image: "agent".into(),
            image_pull_policy: "Never".into(),
            cpu: "1".into(),
            memory: "1Mi".into(),
            volume: Default::default(),
        };
        let pod = pod(&run, &valid, &agent, Carrier::InitContainer).unwrap();
        assert_eq!((pod.metadata.name, pod.metadata.owner_references), (None, None));
        assert_eq!(
            pod.spec.unwrap().init_containers.unwrap()[0].image.as_deref(),
            Some("agent")
        );
    }
}
