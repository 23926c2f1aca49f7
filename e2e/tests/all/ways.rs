//! Ways to a store as companies have them: a certificate of its own, and an HTTP proxy in between.
use std::sync::atomic::{AtomicU16, Ordering};

use api::condition;
use e2e::cluster::node_address;
use e2e::runs::{message, status, stream};
use e2e::shared::{NAMESPACE, SECRET, parameters, secret};
use e2e::{Case, bytes, case};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use kube::api::{LogParams, Patch, PatchParams};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use serde_json::{Value, json};

const SIZE: usize = 12 << 20;

/// Ports of the node that no other case uses: two for each case of this file.
fn ports() -> (u16, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(29_000);
    let port = NEXT.fetch_add(2, Ordering::Relaxed);
    (port, port + 1)
}

/// What `openssl req -x509 -subj /CN=minio -addext subjectAltName=IP:…` makes: it signed itself, and is an authority, too.
fn certificate(address: &str) -> (String, String) {
    let mut params = CertificateParams::new(vec![address.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "minio");
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// A Pod on the node's own network, which is ready when the port answers.
async fn serves(case: &Case, name: &str, port: u16, container: Value, volumes: Value) {
    let mut container = container;
    container["name"] = json!(name);
    container["readinessProbe"] = json!({"tcpSocket": {"port": port}, "periodSeconds": 1});
    // A folder is a bucket of MinIO.
    let bucket = json!({
        "name": "bucket", "image": "redis:7", "command": ["mkdir", "-p", "/data/test"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    });
    let has_data = container["volumeMounts"].to_string().contains("/data");
    let spec = json!({
        "initContainers": if has_data { vec![bucket] } else { vec![] },
        "containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0,
        "hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet",
    });
    case.apply::<Pod>(json!({"metadata": {"name": name}, "spec": spec}))
        .await;
    case.wait(&format!("{name} is ready"), 90, || async {
        let status = case.api::<Pod>().get(name).await.ok()?.status?;
        let ready = |c: &k8s_openapi::api::core::v1::PodCondition| c.type_ == "Ready" && c.status == "True";
        status.conditions?.iter().any(ready).then_some(())
    })
    .await;
}

/// A MinIO that speaks TLS with that certificate; its endpoint.
async fn secure_store(case: &Case, port: u16, address: &str, pem: &str, key: &str) -> String {
    case.apply::<Secret>(secret(SECRET)).await;
    let files = json!({"public.crt": pem, "private.key": key});
    case.apply::<Secret>(json!({"metadata": {"name": "certificate"}, "stringData": files}))
        .await;
    let from = |key: &str| json!({"secretKeyRef": {"name": SECRET, "key": key}});
    let container = json!({
        "image": "localhost/minio:dev",
        "args": ["server", "--address", format!(":{port}"), "--certs-dir", "/certificate", "/data"],
        "env": [
            {"name": "MINIO_ROOT_USER", "valueFrom": from("AWS_ACCESS_KEY_ID")},
            {"name": "MINIO_ROOT_PASSWORD", "valueFrom": from("AWS_SECRET_ACCESS_KEY")},
        ],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "certificate", "mountPath": "/certificate"}],
    });
    let volumes = json!([
        {"name": "data", "emptyDir": {}}, {"name": "certificate", "secret": {"secretName": "certificate"}},
    ]);
    serves(case, "store", port, container, volumes).await;
    format!("https://{address}:{port}")
}

/// A storage of it; its name.
async fn storage(case: &Case, name: &str, endpoint: &str, more: Value, path: &str) -> String {
    let mut parameters = json!({"bucket": "test", "endpoint": endpoint});
    for (name, value) in more.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    let credentials = json!({"name": SECRET, "namespace": case.namespace()});
    let spec = json!({"parameters": parameters, "credentials": credentials, "dataPath": path});
    case.storage(name, spec).await
}

/// A backup and its restore, both whole.
async fn there_and_back(case: &Case, name: &str, storage: &str) {
    // Not in the store that is looked through when the case has ended.
    let mut spec = stream(&format!("/{name}"), &format!("random {SIZE}"));
    spec["storage"]["name"] = json!(storage);
    case.start(name, spec).await;
    let run = case.succeeded(name, 120).await;
    let plain = bytes::random(SIZE, 1);
    assert_eq!(status(&run).sha256, Some(bytes::sha256(&plain)), "{name}");
    let restored = case.restore(name).await;
    assert_eq!(status(&restored).log.unwrap().trim(), bytes::sum_line(&plain), "{name}");
}

async fn not_ready(case: &Case, name: &str) -> String {
    case.wait(&format!("storage {name} says why it is not ready"), 90, || async {
        let status = case.storages().get(name).await.ok()?.status?;
        let ready = status.conditions.into_iter().find(|c| c.type_ == condition::READY)?;
        (ready.status == "False").then_some(ready.message)
    })
    .await
}

#[test]
fn a_store_with_a_certificate_that_signed_itself_is_used_where_the_bundle_holds_it() {
    case("tls", |case| async move {
        let (address, (port, _)) = (node_address(case.client()).await, ports());
        let (pem, key) = certificate(&address);
        let endpoint = secure_store(&case, port, &address, &pem, &key).await;
        // As the agent's own TLS, and over the tunnel.
        for path in ["Direct", "Relay"] {
            let name = storage(&case, &path.to_lowercase(), &endpoint, json!({"caBundle": pem}), path).await;
            case.storage_ready(&name).await;
            there_and_back(&case, &path.to_lowercase(), &name).await;
        }
        // Without it, and with another of the same name: in words.
        let (other, _) = certificate(&address);
        let plain = endpoint.replace("https://", "http://");
        for (name, endpoint, bundle, says) in [
            (
                "unknown",
                &endpoint,
                json!({}),
                "TLS: the store's certificate signed itself, and spec.parameters.caBundle is not given",
            ),
            (
                "other",
                &endpoint,
                json!({"caBundle": other}),
                "put exactly that one there",
            ),
            (
                "plain",
                &plain,
                json!({}),
                "spec.parameters.endpoint should begin with https://",
            ),
        ] {
            let name = storage(&case, name, endpoint, bundle, "Auto").await;
            let words = not_ready(&case, &name).await;
            assert!(words.contains("TLS") && words.contains(says), "{words}");
            assert!(!words.contains("that the store runs"), "{words}");
        }
    });
}

#[test]
fn a_store_behind_a_proxy_is_reached_through_it_by_the_operator_and_by_the_pod() {
    case("proxy", |case| async move {
        let (address, (port, proxy)) = (node_address(case.client()).await, ports());
        let (pem, key) = certificate(&address);
        let endpoint = secure_store(&case, port, &address, &pem, &key).await;
        let conf = format!("Port {proxy}\nListen 0.0.0.0\nLogLevel Connect\nMaxClients 100\nTimeout 600\n");
        case.apply::<ConfigMap>(json!({"metadata": {"name": "proxy"}, "data": {"proxy.conf": conf}}))
            .await;
        let container = json!({
            "image": "localhost/e2e/tinyproxy:dev", "args": ["-d", "-c", "/conf/proxy.conf"],
            "volumeMounts": [{"name": "conf", "mountPath": "/conf"}],
        });
        let volumes = json!([{"name": "conf", "configMap": {"name": "proxy"}}]);
        serves(&case, "proxy", proxy, container, volumes).await;
        let through = format!("http://{address}:{proxy}");
        let more = json!({"caBundle": pem, "proxy": through});
        let tunnels = async || {
            let log = case.api::<Pod>().logs("proxy", &LogParams::default()).await.unwrap();
            log.lines()
                .filter(|l| l.contains(&format!("CONNECT {address}:{port} ")))
                .count()
        };
        let name = storage(&case, "direct", &endpoint, more.clone(), "Direct").await;
        case.storage_ready(&name).await;
        let probed = tunnels().await;
        assert!(probed > 0, "the operator asks through the proxy");
        there_and_back(&case, "direct", &name).await;
        assert!(tunnels().await > probed, "the Pod goes through the proxy");
        // A tunnel in a tunnel: the operator knows of the proxy, the Pod need not.
        let relayed = storage(&case, "relay", &endpoint, more, "Relay").await;
        case.storage_ready(&relayed).await;
        there_and_back(&case, "relay", &relayed).await;

        // A proxy that is not there is named.
        let dead = json!({"caBundle": pem, "proxy": format!("http://{address}:1")});
        let dead = storage(&case, "dead", &endpoint, dead, "Auto").await;
        let words = not_ready(&case, &dead).await;
        let says =
            format!("the proxy {address}:1 (of spec.parameters.proxy) cannot be reached: it refuses connections");
        assert!(words.contains(&says), "{words}");
    });
}

#[test]
fn a_proxy_that_only_the_pod_does_not_reach_is_named_by_the_run_and_not_the_store() {
    case("proxy-away", |case| async move {
        let (_, (_, proxy)) = (node_address(case.client()).await, ports());
        let conf = format!("Port {proxy}\nListen 0.0.0.0\nLogLevel Connect\nMaxClients 100\nTimeout 600\n");
        case.apply::<ConfigMap>(json!({"metadata": {"name": "proxy"}, "data": {"proxy.conf": conf}}))
            .await;
        let container = json!({
            "image": "localhost/e2e/tinyproxy:dev", "args": ["-d", "-c", "/conf/proxy.conf"],
            "volumeMounts": [{"name": "conf", "mountPath": "/conf"}],
        });
        let volumes = json!([{"name": "conf", "configMap": {"name": "proxy"}}]);
        serves(&case, "proxy", proxy, container, volumes).await;
        // A name without an address of its own: DNS gives the Pod's, and kube-proxy has no part in it.
        let labels = json!({"metadata": {"labels": {"app": "proxy"}}});
        case.api::<Pod>()
            .patch("proxy", &PatchParams::default(), &Patch::Merge(labels))
            .await
            .unwrap();
        let service = json!({"clusterIP": "None", "selector": {"app": "proxy"}, "ports": [{"port": proxy}]});
        case.apply::<Service>(json!({"metadata": {"name": "proxy"}, "spec": service}))
            .await;
        let host = format!("proxy.{}.svc", case.namespace());
        let mut parameters = parameters();
        parameters["proxy"] = json!(format!("http://{host}:{proxy}"));
        parameters["retrySeconds"] = json!("10");
        let credentials = json!({"name": SECRET, "namespace": NAMESPACE});
        let spec = json!({"parameters": parameters, "credentials": credentials, "dataPath": "Direct"});
        let storage = case.storage("away", spec).await;
        case.storage_ready(&storage).await;
        let mut spec = stream(&case.path("db"), "random 12M");
        spec["storage"]["name"] = json!(storage);
        spec["template"]["spec"]["hostAliases"] = json!([{"ip": "127.0.0.1", "hostnames": [host]}]);
        case.start("db", spec).await;
        let run = case.failed("db", "TransferFailed", 100).await;
        let says =
            format!("the proxy {host}:{proxy} (of spec.parameters.proxy) cannot be reached: it refuses connections");
        assert!(message(&run).contains(&says), "{}", message(&run));
    });
}
