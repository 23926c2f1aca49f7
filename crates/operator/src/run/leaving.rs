//! Looks at what is around a run that goes: its schedule and its namespace, as the API server has them now.
use api::{BackupRun, BackupSchedule};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, ResourceExt};
use planner::run::leaving::{Surroundings, schedule_of};

use crate::write::{WriteError, bounded};

/// Not from the caches: their watches do not keep step, and the schedule that the garbage collector follows is gone before its runs.
///
/// # Errors
/// The API server does not say: the object stays until it does, or the run is let go without it.
pub async fn around(run: &BackupRun, client: &Client) -> Result<Surroundings, WriteError> {
    let namespace = run.namespace().unwrap_or_default();
    let schedule = match schedule_of(run) {
        Some(owner) => {
            let schedules: Api<BackupSchedule> = Api::namespaced(client.clone(), &namespace);
            bounded("read the run's schedule", schedules.get_opt(&owner.name)).await?
        }
        None => None,
    };
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let found = bounded("read the namespace", namespaces.get_metadata_opt(&namespace)).await?;
    Ok(Surroundings {
        schedule,
        namespace_goes: goes(found.as_ref(), run),
    })
}

/// The namespace takes the run along; not where the run was deleted by itself before.
fn goes(namespace: Option<&PartialObjectMeta<Namespace>>, run: &BackupRun) -> bool {
    let deleted = run.metadata.deletion_timestamp.as_ref();
    namespace.is_none_or(|n| {
        let goes = n.metadata.deletion_timestamp.as_ref();
        goes.is_some_and(|goes| deleted.is_none_or(|deleted| goes.0 <= deleted.0))
    })
}

#[cfg(test)]
mod tests {
    use planner::run::leaving::{Fate, fate};
    use serde_json::{Value, json};

    use super::*;
    use crate::mocked::{answer, connect};

    fn run() -> BackupRun {
        let mut run = testing::backup_run();
        run.spec.retain_policy = Some(api::run::RetainPolicy::Delete);
        let owner = json!([{"apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule", "name": "nightly", "uid": "s", "controller": true}]);
        run.metadata.owner_references = serde_json::from_value(owner).unwrap();
        run.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        run
    }

    fn schedule(uid: &str) -> Value {
        json!({
            "apiVersion": "backup-operator.io/v1", "kind": "BackupSchedule",
            "metadata": {"name": "nightly", "namespace": "team", "uid": uid},
            "spec": {"schedule": "@daily", "template": {"spec": run().spec}},
        })
    }

    #[tokio::test]
    async fn the_schedule_and_the_namespace_are_asked_for_when_a_run_goes() {
        let namespace = |going: bool| {
            let at = going.then_some("2026-01-01T00:00:00Z");
            json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "team", "deletionTimestamp": at}})
        };
        let mut namespace_later = namespace(true);
        namespace_later["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:01Z");
        let gone = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "gone", "reason": "NotFound", "code": 404
        });
        for (said, around_it, removed) in [
            ((200, schedule("s")), (200, namespace(false)), true),
            ((200, schedule("s")), (200, namespace(true)), false),
            // The run was deleted by itself, and its namespace after it.
            ((200, schedule("s")), (200, namespace_later.clone()), true),
            ((200, schedule("s")), (404, gone.clone()), false),
            ((200, schedule("new")), (200, namespace(false)), false),
            ((404, gone.clone()), (200, namespace(false)), false),
        ] {
            let (client, mut server) = connect();
            let run = run();
            let (seen, (first, second)) = tokio::join!(around(&run, &client), async {
                let first = answer(&mut server, said.0, said.1.clone()).await.1;
                (first, answer(&mut server, around_it.0, around_it.1).await.1)
            });
            assert!(first.contains("/namespaces/team/backupschedules/nightly"), "{first}");
            assert!(second.contains("/api/v1/namespaces/team"), "{second}");
            assert_eq!(fate(&run, &seen.unwrap()) == Fate::Removed, removed, "{}", said.1);
        }
    }
}
