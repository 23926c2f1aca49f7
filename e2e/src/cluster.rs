//! The cluster that the tests run on: how it is reached, and what every file here does with it.
use std::fmt::Debug;
use std::future::Future;
use std::net::{IpAddr, UdpSocket};
use std::pin::pin;
use std::sync::Once;
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Node;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::core::ObjectMeta;
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::admission::answered;

/// Who applies what the tests apply.
pub const MANAGER: &str = "e2e";
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(250);
/// Seconds that the API server tells of an object before it is asked again: one that has gone silent is noticed after twice that.
const TOLD: u32 = 10;

/// A client for the cluster that KUBECONFIG names.
pub async fn client() -> Client {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        // Another one may have been there first; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    assert!(
        std::env::var_os("KUBECONFIG").is_some(),
        "KUBECONFIG is not set: use `make test`, which brings a cluster up, or name one of your own in KUBECONFIG_TEST"
    );
    let config = Config::infer().await.expect("the file that KUBECONFIG names");
    Client::try_from(config).expect("a client for the cluster that KUBECONFIG names")
}

/// A typed object from JSON; the tests write objects as people do.
pub fn object<K: DeserializeOwned>(json: Value) -> K {
    serde_json::from_value(json.clone()).unwrap_or_else(|e| panic!("{e} in {json:#}"))
}

/// Applies an object of a namespace.
pub async fn apply<K>(client: &Client, namespace: &str, json: Value) -> K
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
{
    apply_in(&Api::namespaced(client.clone(), namespace), json).await
}

/// Applies an object.
pub async fn apply_in<K>(api: &Api<K>, json: Value) -> K
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
{
    let meta: ObjectMeta = object(json["metadata"].clone());
    let name = meta.name.expect("a name");
    let mut json = json;
    json["apiVersion"] = K::api_version(&()).into();
    json["kind"] = K::kind(&()).into();
    let parameters = PatchParams::apply(MANAGER).force();
    let patch = Patch::Apply(&json);
    answered(|| api.patch(&name, &parameters, &patch))
        .await
        .unwrap_or_else(|e| panic!("apply {} {name}: {e}", K::kind(&())))
}

/// Merges a change into an object.
pub async fn merge<K>(api: &Api<K>, name: &str, change: Value)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let (parameters, patch) = (PatchParams::default(), Patch::Merge(&change));
    answered(|| api.patch(name, &parameters, &patch))
        .await
        .unwrap_or_else(|e| panic!("patch {name}: {e}"));
}

/// Sets an annotation, or removes it.
pub async fn annotate<K>(api: &Api<K>, name: &str, key: &str, value: Option<&str>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    merge(
        api,
        name,
        serde_json::json!({"metadata": {"annotations": {key: value}}}),
    )
    .await;
}

/// Asks for a deletion; what is gone already is fine.
pub async fn delete<K>(api: &Api<K>, name: &str)
where
    K: Clone + Debug + DeserializeOwned,
{
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => panic!("delete {name}: {error}"),
    }
}

/// Looks again and again until there is an answer. After the deadline, None.
pub async fn poll<T, F>(deadline: Duration, mut look: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Option<T>>,
{
    let until = Instant::now() + deadline;
    loop {
        if let Some(answer) = look().await {
            return Some(answer);
        }
        if Instant::now() > until {
            return None;
        }
        sleep(LOOK).await;
    }
}

/// The same, and a panic that says what was waited for.
pub async fn wait<T, F>(what: &str, deadline: Duration, look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    poll(deadline, look)
        .await
        .unwrap_or_else(|| panic!("waited {} s in vain: {what}", deadline.as_secs()))
}

/// Looks at an object as it is, and at each version that is written after that, until there is an answer. After the
/// deadline, None. Who polls misses a state that lasts for less than a moment, and on a busy machine that is a second.
pub async fn watch<K, T>(
    api: &Api<K>,
    name: &str,
    deadline: Duration,
    mut look: impl FnMut(Result<&K, &kube::Error>) -> Option<T>,
) -> Option<T>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let work = async {
        loop {
            let now = api.get(name).await;
            if let Some(answer) = look(now.as_ref()) {
                return answer;
            }
            let mut seen = now.ok().and_then(|object| object.resource_version());
            while let Some(version) = seen {
                let (answer, next) = follow(api, name, version, &mut look).await;
                if let Some(answer) = answer {
                    return answer;
                }
                seen = next;
                sleep(LOOK).await;
            }
            sleep(LOOK).await;
        }
    };
    timeout(deadline, work).await.ok()
}

/// Looks at what is written after that version, while the API server tells of it. The version to go on from; None where
/// that is not known, as the object is gone or the API server is.
async fn follow<K, T>(
    api: &Api<K>,
    name: &str,
    version: String,
    look: &mut impl FnMut(Result<&K, &kube::Error>) -> Option<T>,
) -> (Option<T>, Option<String>)
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let this_one = WatchParams::default()
        .fields(&format!("metadata.name={name}"))
        .timeout(TOLD);
    let mut last = version;
    let told = async {
        let mut events = pin!(api.watch(&this_one, &last.clone()).await?);
        while let Some(event) = events.try_next().await? {
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    last = object.resource_version().unwrap_or_default();
                    if let Some(answer) = look(Ok(&object)) {
                        return Ok(Some(answer));
                    }
                }
                WatchEvent::Bookmark(mark) => last = mark.metadata.resource_version,
                WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
                WatchEvent::Deleted(_) => last.clear(),
            }
        }
        Ok(None)
    };
    match timeout(2 * Duration::from_secs(TOLD.into()), told).await {
        Ok(Ok(answer)) => (answer, Some(last).filter(|version| !version.is_empty())),
        Ok(Err(_)) | Err(_) => (None, None),
    }
}

/// Whether all nodes serve image volumes, by what they report: Kubernetes 1.35 or later on containerd 2.1 or later.
pub async fn image_volumes(client: &Client) -> bool {
    let nodes: Api<Node> = Api::all(client.clone());
    let all = nodes.list(&ListParams::default()).await.expect("the nodes");
    let serves = |node: &Node| {
        let info = node.status.as_ref()?.node_info.as_ref()?;
        let runtime = info.container_runtime_version.strip_prefix("containerd://")?;
        Some(at_least(&info.kubelet_version, (1, 35)) && at_least(runtime, (2, 1)))
    };
    all.items.iter().all(|node| serves(node) == Some(true))
}

fn at_least(version: &str, least: (u32, u32)) -> bool {
    let mut parts = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= least,
        _ => false,
    }
}

/// Where node ports are reached.
pub async fn node_address(client: &Client) -> String {
    let nodes: Api<Node> = Api::all(client.clone());
    let all = nodes.list(&ListParams::default()).await.expect("the nodes");
    let addresses = all.items.into_iter().filter_map(|n| n.status?.addresses).flatten();
    addresses
        .into_iter()
        .find(|a| a.type_ == "InternalIP")
        .expect("a node with an InternalIP")
        .address
}

/// Where Pods reach a server of this process: this machine's own address on its way to the nodes. Nothing is sent.
pub async fn own_address(client: &Client) -> IpAddr {
    let node = node_address(client).await;
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect((node.as_str(), 10_250)).expect("a way to the node");
    socket.local_addr().expect("an address").ip()
}
