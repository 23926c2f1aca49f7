//! Which cluster this is: what is stored names it, so that a copy of this cluster's objects elsewhere claims nothing of it.
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};
use tokio::time::sleep;

use crate::events;
use crate::write::{WriteError, bounded};

/// The namespace whose UID stands for the cluster, as is usual (OpenTelemetry: `k8s.cluster.uid`): it is never made anew.
const NAMESPACE: &str = "kube-system";
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(2);

/// Its UID. Asked for until the API server has answered, since nothing else can be done without one either; empty where the
/// operator may not know it.
pub async fn uid(client: &Client) -> String {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    loop {
        match bounded("read the cluster's UID", namespaces.get_metadata(NAMESPACE)).await {
            Ok(found) => return found.uid().unwrap_or_default(),
            Err(error) if is_final(&error) => {
                let error = events::causes(&error);
                tracing::warn!(
                    error,
                    "objects will not name their cluster: namespace {NAMESPACE} cannot be read"
                );
                return String::new();
            }
            Err(error) => tracing::warn!(error = events::causes(&error), "the cluster's UID cannot be read yet"),
        }
        sleep(PAUSE).await;
    }
}

fn is_final(error: &WriteError) -> bool {
    matches!(error, WriteError::Refused(_, kube::Error::Api(status)) if (400..500).contains(&status.code) && status.code != 429)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mocked::{answer, connect};

    #[tokio::test(start_paused = true)]
    async fn the_cluster_is_asked_for_until_the_api_server_answers_and_done_without_where_that_is_forbidden() {
        let failed = |code: u16| json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "x", "code": code});
        let found = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "kube-system", "uid": "u-1"}});
        for (answers, uid_is) in [
            (vec![(500, failed(500)), (200, found.clone())], "u-1"),
            (vec![(403, failed(403))], ""),
        ] {
            let (client, mut server) = connect();
            let (seen, ()) = tokio::join!(uid(&client), async {
                for (code, body) in answers {
                    let asked = answer(&mut server, code, body).await.1;
                    assert!(asked.contains("/api/v1/namespaces/kube-system"), "{asked}");
                }
            });
            assert_eq!(seen, uid_is);
        }
    }
}
