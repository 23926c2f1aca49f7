//! After a case: nothing is left, and then everything is removed.
use std::time::Duration;

use api::labels;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;
use kube::ResourceExt;
use kube::api::ListParams;

use super::{Case, held};
use crate::cluster::{annotate, delete, poll, wait};

/// How long Pods of runs that have ended get to go: their grace and what the kubelet needs.
const PODS: Duration = Duration::from_secs(45);
/// How long a namespace may take to go, with all its finalizers.
const NAMESPACE: Duration = Duration::from_secs(60);

impl Case {
    /// No Pod of ours, no upload, no object but those that the case said it keeps.
    pub(super) async fn assert_clean(&self) {
        let left = poll(PODS, || async { self.our_pods().await.is_empty().then_some(()) }).await;
        assert!(left.is_some(), "Pods of runs are left: {:?}", self.our_pods().await);
        let mut objects = self.store().list(&format!("{}/", self.namespace()));
        let mut expected = held(&self.0.expected).clone();
        objects.sort();
        expected.sort();
        expected.dedup();
        assert_eq!(
            objects, expected,
            "objects in the bucket (left) and what the case says that it keeps (right)"
        );
        self.assert_no_upload().await;
    }

    /// No multipart upload waits below any path of the case or of its runs.
    pub async fn assert_no_upload(&self) {
        let runs = self.runs().list(&ListParams::default()).await.expect("the runs");
        let mut keys: Vec<_> = runs.items.into_iter().filter_map(|r| r.status?.key).collect();
        keys.extend(held(&self.0.keys).iter().cloned());
        keys.sort();
        keys.dedup();
        let left: Vec<_> = keys.iter().filter(|k| self.store().uploads(k) > 0).collect();
        assert!(left.is_empty(), "multipart uploads are left of {left:?}");
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

    /// Removes everything that the case made; finalizers have to go by themselves.
    pub(super) async fn close(&self) {
        let namespaces: Api<Namespace> = Api::all(self.client().clone());
        delete(&namespaces, self.namespace()).await;
        let what = format!("namespace {} is gone", self.namespace());
        let gone = wait(&what, NAMESPACE, || async {
            namespaces.get_opt(self.namespace()).await.ok()?.is_none().then_some(())
        });
        let closed = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(gone)).await;
        let storages = held(&self.0.storages).clone();
        for name in storages {
            if self.storages().get_opt(&name).await.expect("the storages").is_some() {
                annotate(&self.storages(), &name, labels::DELETION_PROTECTION, None).await;
                delete(&self.storages(), &name).await;
            }
        }
        for key in self.store().list(&format!("{}/", self.namespace())) {
            self.store().delete(&key);
        }
        if let Err(panic) = closed {
            self.dump().await;
            std::panic::resume_unwind(panic);
        }
    }
}
