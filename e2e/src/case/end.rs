//! After a case: nothing is left, and then everything is removed.
use std::fmt::Debug;
use std::time::Duration;

use api::{BackupDrill, labels};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use serde::de::DeserializeOwned;

use super::{Case, held};
use crate::cluster::{annotate, delete, poll, wait};

/// How long Pods of runs that have ended get to go: their grace and what the kubelet needs.
const PODS: Duration = Duration::from_secs(90);
/// The longest time in which a case's Pods hold its place after it; then they are waited for with the rest.
const PLACE: Duration = Duration::from_secs(5);
/// How long a namespace may take to go, with all its finalizers, beside those of other cases.
const NAMESPACE: Duration = Duration::from_secs(180);

impl Case {
    /// No Pod of ours, no upload, no object but those that the case said it keeps.
    pub(super) async fn assert_clean(&self) {
        poll(PODS, || async { self.our_pods().await.is_empty().then_some(()) }).await;
        let pods = self.our_pods().await;
        held(&self.0.left).pods = pods.len();
        let mut objects = self.store().list(&format!("{}/", self.namespace()));
        // Beside good backups; with `namespaceIsolation: Prefix` below the namespace.
        objects.retain(|key| !key.contains("/.backup-operator/records/"));
        let mut expected = held(&self.0.expected).clone();
        objects.sort();
        expected.sort();
        expected.dedup();
        let uploads = self.uploads_left().await;
        {
            let mut left = held(&self.0.left);
            left.objects = objects.iter().filter(|o| !expected.contains(o)).count();
            left.uploads = uploads.len();
        }
        assert!(pods.is_empty(), "Pods of runs are left: {pods:?}");
        assert_eq!(
            objects, expected,
            "objects in the bucket (left) and what the case says that it keeps (right)"
        );
        assert!(uploads.is_empty(), "multipart uploads are left of {uploads:?}");
    }

    /// No multipart upload waits below any path of the case or of its runs.
    pub async fn assert_no_upload(&self) {
        let left = self.uploads_left().await;
        assert!(left.is_empty(), "multipart uploads are left of {left:?}");
    }

    async fn uploads_left(&self) -> Vec<String> {
        let runs = self.runs().list(&ListParams::default()).await.expect("the runs");
        let mut keys: Vec<_> = runs.items.into_iter().filter_map(|r| r.status?.key).collect();
        keys.extend(held(&self.0.keys).iter().cloned());
        keys.sort();
        keys.dedup();
        keys.retain(|k| self.store().uploads(k) > 0);
        keys
    }

    /// Names of the Pods that runs of this case have.
    pub async fn our_pods(&self) -> Vec<String> {
        let pods: Api<Pod> = self.api();
        let ours = pods
            .list(&ListParams::default().labels(labels::RUN))
            .await
            .expect("the Pods");
        ours.items.iter().map(ResourceExt::name_any).collect()
    }

    fn namespaces(&self) -> Api<Namespace> {
        Api::all(self.client().clone())
    }

    /// Asks for the end of all that the case made, and of its Pods at once: the namespace's own end comes to them after some seconds, in which they
    /// would hold what the Pods of the next case ask the node for.
    pub(super) async fn ask_to_go(&self) {
        delete(&self.namespaces(), self.namespace()).await;
        let pods: Api<Pod> = self.api();
        remove(&pods).await;
        let _ = poll(PLACE, || async { none(&pods).await.then_some(()) }).await;
    }

    /// Of a namespace that goes: removes what an operator or the node has a part in, sooner than the namespace's own end, which begins after some
    /// seconds, and waits for it. Whether it is gone.
    pub(super) async fn emptied(&self) -> bool {
        let (pods, drills): (Api<Pod>, Api<BackupDrill>) = (self.api(), self.api());
        remove(&self.schedules()).await;
        remove(&drills).await;
        remove(&self.runs()).await;
        remove(&pods).await;
        let objects = poll(NAMESPACE, || async {
            let gone =
                none(&self.schedules()).await && none(&drills).await && none(&self.runs()).await && none(&pods).await;
            gone.then_some(())
        });
        if objects.await.is_none() {
            return false;
        }
        self.remove_storages().await;
        let storages = poll(NAMESPACE, || async {
            let names = held(&self.0.storages).clone();
            for name in names {
                if self.storages().get_opt(&name).await.ok()?.is_some() {
                    return None;
                }
            }
            Some(())
        });
        storages.await.is_some()
    }

    async fn remove_storages(&self) {
        let storages = held(&self.0.storages).clone();
        for name in storages {
            if self.storages().get_opt(&name).await.expect("the storages").is_some() {
                annotate(&self.storages(), &name, labels::DELETION_PROTECTION, None).await;
                delete(&self.storages(), &name).await;
            }
        }
    }

    /// Waits until all is gone whose end was asked for, and removes what is not in the namespace; finalizers have to go by themselves.
    pub(super) async fn close(&self) {
        let namespaces = self.namespaces();
        let what = format!("namespace {} is gone", self.namespace());
        let gone = wait(&what, NAMESPACE, || async {
            namespaces.get_opt(self.namespace()).await.ok()?.is_none().then_some(())
        });
        let closed = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(gone)).await;
        self.remove_storages().await;
        let folders = ["", ".backup-operator/records/"].map(|folder| format!("{folder}{}/", self.namespace()));
        for key in folders.iter().flat_map(|folder| self.store().list(folder)) {
            self.store().delete(&key);
        }
        if let Err(panic) = closed {
            let runs = self.runs().list(&ListParams::default()).await;
            held(&self.0.left).finalizers = runs.map_or(1, |l| l.items.len().max(1));
            self.dump().await;
            std::panic::resume_unwind(panic);
        }
    }
}

/// Asks for the end of all of a kind. What this is refused for goes with the namespace.
async fn remove<K: Clone + Debug + DeserializeOwned>(api: &Api<K>) {
    let _ = api
        .delete_collection(&DeleteParams::default(), &ListParams::default())
        .await;
}

async fn none<K: Clone + Debug + DeserializeOwned>(api: &Api<K>) -> bool {
    match api.list(&ListParams::default()).await {
        Ok(list) => list.items.is_empty(),
        // The case took the kind itself away.
        Err(kube::Error::Api(status)) => status.code == 404,
        Err(_) => false,
    }
}
