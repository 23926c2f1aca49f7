//! A store that fails as told: a proxy of the tests' own between the case's storage and MinIO.
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;

use crate::case::{Case, OUTAGE};
use crate::cluster::{node_address, object, wait};
use crate::shared::{ENDPOINT, NAMESPACE, SECRET, parameters};

/// Until one request is answered.
const REQUEST: Duration = Duration::from_secs(20);

/// The proxy, and the storage that goes through it.
pub struct Proxy {
    /// Name of the storage.
    pub storage: String,
    control: String,
    agent: Agent,
}

/// A request that came by.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    /// GET, PUT.
    pub method: String,
    /// With the bucket, without the query.
    pub path: String,
    /// `partNumber`, where it has one.
    pub part: String,
    /// `uploadId`, where it has one.
    pub upload: String,
    /// Access key and scope of the signature.
    pub credential: String,
    /// When it was signed.
    pub date: String,
    /// As answered; 0 where it was not.
    pub status: u16,
}

/// Two ports of the node below those of Services, which no other case of this process has. A Service for each case would
/// do as well, but where many come and go kube-proxy's nftables mode was seen to lose the addresses of all of them.
fn ports() -> (u16, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    static FIRST: LazyLock<u16> = LazyLock::new(|| {
        let nanos = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |t| t.subsec_nanos());
        u16::try_from(20_000 + nanos / 1000 % 4_000 * 2).unwrap_or(20_000)
    });
    let port = *FIRST + 2 * NEXT.fetch_add(1, Ordering::Relaxed);
    (port, port + 1)
}

impl Case {
    /// Puts a proxy before MinIO and makes a storage that goes through it; `settings` change its parameters, `credentials`
    /// are the shared ones where null. Returns when the storage is Ready.
    pub async fn proxied(&self, settings: Value, credentials: Value) -> Proxy {
        let credentials = match credentials {
            Value::Null => json!({"name": SECRET, "namespace": NAMESPACE}),
            other => other,
        };
        self.put_before(settings, json!({"credentials": credentials})).await
    }

    /// The same for a storage without credentials: the operator asks as who it is.
    pub async fn proxied_without_credentials(&self, settings: Value) -> Proxy {
        self.put_before(settings, json!({})).await
    }

    async fn put_before(&self, settings: Value, spec: Value) -> Proxy {
        let (port, control) = ports();
        let listen = |port: u16| format!(":{port}");
        let command = ["/stream", "proxy", &listen(port), ENDPOINT, &listen(control)];
        let probe = json!({"tcpSocket": {"port": control}, "periodSeconds": 1});
        let container = json!({
            "name": "proxy", "image": "localhost/e2e/static:dev", "command": command, "readinessProbe": probe,
        });
        let pod = json!({
            "containers": [container], "terminationGracePeriodSeconds": 0,
            "hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet",
        });
        self.apply::<Pod>(json!({"metadata": {"name": "store-proxy"}, "spec": pod}))
            .await;
        let node = node_address(self.client()).await;
        let config = Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(REQUEST))
            .build();
        let mut proxy = Proxy {
            storage: String::new(),
            control: format!("http://{node}:{control}"),
            agent: config.into(),
        };
        wait(
            "the store's proxy answers",
            Duration::from_secs(60) + OUTAGE,
            || async { proxy.agent.get(format!("{}/rules", proxy.control)).call().ok() },
        )
        .await;
        let mut parameters = parameters();
        parameters["endpoint"] = json!(format!("http://{node}:{port}"));
        for (name, value) in settings.as_object().expect("parameters") {
            parameters[name] = value.clone();
        }
        let mut storage = spec;
        storage["parameters"] = parameters;
        proxy.storage = self.storage("proxied", storage).await;
        self.storage_ready(&proxy.storage).await;
        proxy
    }
}

impl Proxy {
    fn post(&self, path: &str, body: &Value) {
        let url = format!("{}/{path}", self.control);
        let answer = self.agent.post(url).send(body.to_string());
        answer.unwrap_or_else(|e| panic!("the proxy does not take {body}: {e}"));
    }

    fn read<T: serde::de::DeserializeOwned>(&self, path: &str) -> T {
        let answer = self
            .agent
            .get(format!("{}/{path}", self.control))
            .call()
            .expect("the proxy");
        let text = answer.into_body().read_to_string().expect("an answer");
        object(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in {text}")))
    }

    /// Requests of this method that contain this are met from now on, `rule` says how: dev/go/stream/proxy.go lists what it can.
    pub fn rule(&self, method: &str, contains: &str, rule: Value) {
        let mut rule = rule;
        (rule["method"], rule["contains"]) = (json!(method), json!(contains));
        self.post("rules", &rule);
    }

    /// The same for an error of S3.
    pub fn answers(&self, method: &str, contains: &str, times: u32, (status, code, message): (u16, &str, &str)) {
        let rule = json!({"do": "answer", "times": times, "status": status, "code": code, "message": message});
        self.rule(method, contains, rule);
    }

    /// No rule holds any more.
    pub fn forget(&self) {
        self.agent
            .delete(format!("{}/rules", self.control))
            .call()
            .expect("the proxy");
    }

    /// Refuses connections from now on.
    pub fn down(&self) {
        self.post("down", &Value::Null);
    }

    /// Takes them again.
    pub fn up(&self) {
        self.post("up", &Value::Null);
    }

    /// How many requests the rules have met so far.
    pub fn met(&self) -> u64 {
        let rules: Vec<Value> = self.read::<Option<Vec<Value>>>("rules").unwrap_or_default();
        rules.iter().filter_map(|r| r["met"].as_u64()).sum()
    }

    /// Waits until so many requests were met.
    pub async fn until_met(&self, count: u64, seconds: u64) {
        let what = format!("{count} requests were met by the proxy's rules");
        wait(&what, Duration::from_secs(seconds) + OUTAGE, || async {
            (self.met() >= count).then_some(())
        })
        .await;
    }

    /// What has come by so far for a key, oldest first.
    pub fn requests(&self, key: &str) -> Vec<Request> {
        let all: Vec<Request> = self.read::<Option<Vec<Request>>>("requests").unwrap_or_default();
        all.into_iter().filter(|r| r.path.ends_with(key)).collect()
    }
}
